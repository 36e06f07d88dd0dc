"""A file at a web address, asked for only when it has changed (ETag and Last-Modified, RFC 9110)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from apps.datasets.connectors.base import (
    PREVIEW_ROWS,
    Choice,
    Connector,
    Preview,
    Reading,
    Setting,
    Since,
    SourceProblem,
    Tell,
)
from einstein.ml.errors import DataProblem
from einstein.ml.reader import read_to_parquet
from einstein.ml.reader.rows import ReadReport
from einstein.outbound.http import download, send

ENDINGS = {"text/csv": ".csv", "application/json": ".json", "application/x-ndjson": ".jsonl",
           "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx", "text/tab-separated-values": ".tsv"}  # fmt: skip
MEANINGS = {401: "asks for a password or key", 403: "does not allow it", 404: "has no such file", 410: "has no such file any more",
            429: "asks us to come less often"}  # fmt: skip
READ_SECONDS, TEST_SECONDS = 1800, 30


class Url(Connector):
    kind, title, icon, order = "url", "A file at a web address", "link", 30
    words = "CSV, Excel, JSON or Parquet behind a link"
    settings_asked = (
        Setting("url", "Address", "Such as https://data.example.com/customers.csv", address=True),
        Setting("header", "Header for access", "Only if the address asks for one, such as Authorization: Bearer ...", secret=True, required=False,
                kind="password"),
    )  # fmt: skip

    @property
    def place(self) -> str:
        return urlsplit(self.settings.get("url", "")).hostname or "the address"

    @property
    def filename(self) -> str:
        return unquote(urlsplit(self.settings["url"]).path.rpartition("/")[2]) or "file"

    def test(self) -> str:
        with send("GET", self.settings["url"], self._headers(), seconds=TEST_SECONDS) as answer:
            self._refuse(answer.status)
            size = answer.headers.get("content-length", "")
        return "It works" + (f": {int(size) / 1024:,.0f} kB." if size.isdigit() else ".")

    def choices(self) -> list[Choice]:
        return [Choice({"url": True, "title": self.filename}, self.filename, self.place)]

    def preview(self, pick: dict[str, Any]) -> Preview:
        with tempfile.TemporaryDirectory() as folder:
            reading = self.read(pick, None, {}, Path(folder), lambda done, total: None)
            first = next(pq.ParquetFile(reading.path).iter_batches(batch_size=PREVIEW_ROWS))
            return Preview(reading.report.fields, [list(row.values()) for row in first.to_pylist()])

    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        headers = self._headers()
        if position.get("etag"):
            headers["If-None-Match"] = position["etag"]
        elif position.get("modified"):
            headers["If-Modified-Since"] = position["modified"]
        received, target = folder / "received", folder / "table.parquet"
        with send("GET", self.settings["url"], headers, seconds=READ_SECONDS) as answer:
            if answer.status == 304:
                return Reading(None, ReadReport([]), self.place, position)
            self._refuse(answer.status)
            download(answer, received)
            fresh = {"etag": answer.headers.get("etag", ""), "modified": answer.headers.get("last-modified", "")}
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        name = self.filename if "." in self.filename else self.filename + ENDINGS.get(kind, ".csv")
        if kind == "text/html" and not name.endswith((".csv", ".tsv", ".txt")):
            raise SourceProblem(
                f"{self.place} sends a web page, not a file. Use the address of the file itself; you may have to sign in there."
            )
        try:
            report = read_to_parquet(received, target, name)
        except DataProblem as problem:
            raise SourceProblem(f"{name} could not be used. {problem}") from problem
        tell(report.rows, None)
        return Reading(target, report, f"{name} from {self.place}", fresh)

    def _headers(self) -> dict[str, str]:
        name, colon, value = str(self.secret.get("header") or "").partition(":")
        return {name.strip(): value.strip()} if colon and name.strip() else {}

    def _refuse(self, status: int) -> None:
        if status == 200:
            return
        meaning = MEANINGS.get(status) or ("has a fault of its own" if status >= 500 else "does not send the file")
        raise SourceProblem(f"{self.place} {meaning} (HTTP {status}).")


CONNECTOR = Url
