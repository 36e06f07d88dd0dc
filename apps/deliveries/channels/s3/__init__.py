"""Files into Amazon S3 and what speaks it."""

from __future__ import annotations

from pathlib import Path

from apps.datasets.connectors.s3 import S3
from apps.deliveries.channels.base.files import FileChannel


class S3Files(FileChannel):
    kind, title, icon, order = "s3", "File in S3", "cloud", 50
    words = "CSV, Excel or Parquet into a bucket"
    connector = S3

    def put(self, path: Path, name: str) -> None:
        folder = str(self.settings.get("folder") or "").strip("/")
        self._source().put(path, f"{folder}/{name}" if folder else name)


CHANNEL = S3Files
