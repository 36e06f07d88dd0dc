"""Lines of the log: which request, workspace and Run they belong to, without the records that a database quotes in its errors."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_about: ContextVar[dict[str, object]] = ContextVar("about", default={})  # noqa: B039 never changed in place
QUOTED_ROWS = re.compile(r"^(DETAIL|CONTEXT):.*\n?", re.MULTILINE)  # "Key (email)=(anna@...) already exists."


@contextmanager
def about(**facts: object) -> Iterator[None]:
    """Whatever is logged in the block carries these facts, such as `run=7`."""
    token = _about.set(_about.get() | facts)
    try:
        yield
    finally:
        _about.reset(token)


class Line(logging.Formatter):
    """For people."""

    def formatException(self, exc_info: object) -> str:  # noqa: N802 the library's name
        return QUOTED_ROWS.sub("", super().formatException(exc_info)).rstrip()


class Json(Line):
    """For machines: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname, "logger": record.name, "message": record.getMessage(), **_about.get(),
        }  # fmt: skip
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return json.dumps(facts, default=str)
