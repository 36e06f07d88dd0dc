"""Files as bytes and lines, packed or not: what is packed may not unpack without end, nor may a line go on without end."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from einstein.ml.errors import DataProblem
from einstein.ml.reader.rows import magic_of, require

MOST_UNPACKED_BYTES = 4 * 1024**3
LONGEST_LINE = 1 << 24
# What damaged bytes come out as, and an archive with a password or packed in a way of its own.
BROKEN = (EOFError, OSError, RuntimeError, NotImplementedError, ValueError, struct.error, zipfile.BadZipFile, zlib.error)  # fmt: skip
BROKEN_SENTENCE = "The packed file is broken or has a password. Pack it again without one."


def open_bytes(path: Path) -> io.BufferedReader:
    """The content of a file, of a gzip file, or of the only file in a zip archive."""
    magic = magic_of(path)
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unpacked(gzip.open(path, "rb")))
    if magic[:4] == b"PK\x03\x04":
        return io.BufferedReader(_only_file_of(path))
    return path.open("rb")


def lines_of(stream: IO[str]) -> Iterator[str]:
    """Its lines without NUL characters; raises `DataProblem` for one longer than 16 million characters."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        require(
            len(line) < LONGEST_LINE, f"Line {number:,} is longer than {LONGEST_LINE:,} characters. Is this a table?"
        )
        yield line.replace("\x00", "")


def _only_file_of(path: Path) -> _Unpacked:
    try:
        archive = zipfile.ZipFile(path)
        members = [
            item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")
        ]
        require(len(members) == 1, f"The archive holds {len(members)} files. Send one file at a time.")
        require(members[0].file_size <= MOST_UNPACKED_BYTES, "The archive unpacks to more than 4 GB. Split the file.")
        return _Unpacked(archive.open(members[0]))
    except BROKEN as error:
        raise DataProblem(BROKEN_SENTENCE) from error


class _Unpacked(io.RawIOBase):
    def __init__(self, inner: Any) -> None:
        self.inner, self.read_bytes = inner, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.inner.read(len(buffer))
        except BROKEN as error:
            raise DataProblem(BROKEN_SENTENCE) from error
        self.read_bytes += len(data)
        require(self.read_bytes <= MOST_UNPACKED_BYTES, "The file unpacks to more than 4 GB. Split it.")
        buffer[: len(data)] = data
        return len(data)
