"""Traces to a collector of the operator's, OTLP over HTTP. With `EINSTEIN_OTLP_URL` empty nothing of OpenTelemetry is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.conf import settings

from einstein.postgres import moment

KEPT = "einstein.traces"


@contextmanager
def span(name: str, kind: str = "INTERNAL", **facts: object) -> Iterator[Any]:
    """The block as one span, or None where nobody collects. An exception that leaves the block marks it as failed."""
    if not settings.OTLP_URL:
        yield None
        return
    from opentelemetry.trace import SpanKind

    # By the clock that stages go by. And not the exception's own words: they may quote records.
    tracer = provider(os.getpid()).get_tracer(KEPT)
    with tracer.start_as_current_span(
        name, kind=SpanKind[kind], attributes=facts, start_time=_nanoseconds(), end_on_exit=False, record_exception=False, set_status_on_exception=False
    ) as made:  # fmt: skip
        try:
            yield made
        except BaseException as error:
            failed(made, type(error).__name__)
            raise
        finally:
            made.end(_nanoseconds())


def _nanoseconds() -> int:
    return int(moment.now().timestamp() * 1e9)


def failed(made: Any, words: str) -> None:
    """Mark a span as failed."""
    from opentelemetry.trace import Status, StatusCode

    if made is not None:
        made.set_status(Status(StatusCode.ERROR, words))


def stages(told: Iterable[dict[str, Any]]) -> None:
    """Spans below the current one for stages that are over: each has a name and when it began and ended, in seconds."""
    if not settings.OTLP_URL:
        return
    tracer = provider(os.getpid()).get_tracer(KEPT)
    for stage in told:
        begun = tracer.start_span(stage["name"], start_time=int(stage["started"] * 1e9))
        begun.end(int(stage.get("ended", stage["started"]) * 1e9))


@lru_cache(maxsize=1)
def provider(process: int) -> Any:
    """One for each process: a forked worker sends for itself. Sending is in a thread, and a collector that is away delays nothing."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    made = TracerProvider(resource=Resource.create({"service.name": "einstein", "process.pid": process}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.OTLP_URL}/v1/traces")))
    return made
