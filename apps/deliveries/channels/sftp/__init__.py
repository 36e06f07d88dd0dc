"""Files to an SFTP server."""

from __future__ import annotations

from pathlib import Path

from apps.datasets.connectors.sftp import SFTP
from apps.deliveries.channels.base.files import FileChannel


class SFTPFiles(FileChannel):
    kind, title, icon, order = "sftp", "File by SFTP", "folder-sync", 60
    words = "CSV, Excel or Parquet into a folder"
    connector = SFTP

    def put(self, path: Path, name: str) -> None:
        self._source().put(path, name)


CHANNEL = SFTPFiles
