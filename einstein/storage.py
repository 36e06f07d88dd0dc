"""Bulk files (uploads, snapshots, models, score history) behind one door: a local folder by default, any fsspec address by setting.

Keys begin with the workspace's number, so that one workspace's files can be listed, moved or erased as a whole.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
from botocore.exceptions import BotoCoreError
from django.conf import settings
from fsspec.implementations.local import LocalFileSystem

from einstein import disk
from einstein.postgres import moment


def key_for(workspace_id: int, *parts: object) -> str:
    """The storage key of a file of one workspace."""
    return "/".join(["w", str(workspace_id), *(str(part) for part in parts)])


class FilesAway(OSError):
    """The object storage could not be reached, or refused what it allowed before."""


def put(path: Path, key: str, *, to_the_last: bool = False) -> str:
    """Store a local file under `key`, whole or not at all; return its SHA-256.

    Raises `disk.NoRoom` where that would go below the floor of the disk, unless it may be used `to_the_last`: for what makes room.
    """
    filesystem, target = _locate(key)
    with _reaching():
        if _is_local(filesystem):
            if not to_the_last:
                disk.refuse_without_room(path.stat().st_size)
            _put_locally(path, Path(target))
        else:
            filesystem.put_file(str(path), target)  # object storage shows an object once it is whole
    return sha256_of(path)


def _put_locally(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}-{threading.get_ident()}")
    try:
        shutil.copyfile(path, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def put_bytes(content: bytes, key: str, *, to_the_last: bool = False) -> None:
    """Store a few bytes under `key`, whole or not at all."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        put(Path(file.name), key, to_the_last=to_the_last)


def put_folder(folder: Path, key: str) -> None:
    """Store every file of a local folder below `key`."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(path, f"{key}/{path.relative_to(folder).as_posix()}")


@contextmanager
def local_copy(key: str) -> Iterator[Path]:
    """A readable local path of a stored file or folder; the file itself when the storage is local."""
    filesystem, target = _locate(key)
    if _is_local(filesystem):
        yield Path(target)
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / Path(target).name
        with _reaching():
            filesystem.get(target, str(local), recursive=filesystem.isdir(target))
        yield local


def delete(key: str) -> None:
    """Remove a stored file or folder; nothing happens when it is gone already."""
    filesystem, target = _locate(key)
    with _reaching():
        if filesystem.exists(target):
            filesystem.rm(target, recursive=True)


def probe() -> None:
    """Write a byte and take it away again; raises `OSError` where that cannot be done."""
    key = f"probe/{os.getpid()}"
    put_bytes(b"1", key, to_the_last=True)
    delete(key)


def all_keys() -> list[str]:
    """Every stored file's key."""
    return keys_below("w")


def keys_below(key: str) -> list[str]:
    """The keys of all files below a folder; what is being written is none yet."""
    filesystem, home = _locate(key)
    with _reaching():
        found = filesystem.find(home) if filesystem.exists(home) else []
    return sorted(f"{key}{name.removeprefix(home)}" for name in found if ".partial-" not in name)


def keys_older_than(key: str, age: timedelta) -> list[str]:
    """The keys of files below a folder that were stored longer ago; also what was left while it was being written. A file without a known time is none."""
    filesystem, home = _locate(key)
    with _reaching():
        found = filesystem.find(home, detail=True) if filesystem.exists(home) else {}
    limit = moment.now().timestamp() - age.total_seconds()
    return sorted(f"{key}{name.removeprefix(home)}" for name, facts in found.items() if _stored_at(facts) < limit)


def _stored_at(facts: dict[str, Any]) -> float:
    """Seconds since 1970, by what the store says; the end of time when it does not say."""
    told = next(
        (facts[name] for name in ("mtime", "LastModified", "last_modified", "updated") if facts.get(name)), None
    )
    if isinstance(told, str):
        told = datetime.fromisoformat(told)
    return told.timestamp() if isinstance(told, datetime) else float(told or math.inf)


def sizes() -> Iterator[tuple[str, int]]:
    """Every stored file's key with its bytes."""
    filesystem, home = _locate("w")
    with _reaching():
        found = filesystem.find(home, detail=True) if filesystem.exists(home) else {}
    yield from ((f"w{name.removeprefix(home)}", facts["size"]) for name, facts in found.items())


def size_below(key: str) -> int:
    """Bytes of all files below a folder."""
    filesystem, home = _locate(key)
    with _reaching():
        return (
            sum(file["size"] for file in filesystem.find(home, detail=True).values()) if filesystem.exists(home) else 0
        )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _locate(key: str) -> tuple[fsspec.AbstractFileSystem, str]:
    if not key:
        raise ValueError("a storage key may not be blank: that is the whole store")
    if ".." in key.split("/"):
        raise ValueError(f"a storage key may not climb: {key}")
    # Other processes write too, so what was listed before may not be remembered.
    filesystem, root = fsspec.core.url_to_fs(settings.STORAGE_URL, use_listings_cache=False)
    return filesystem, f"{root.rstrip('/')}/{key}"


def _is_local(filesystem: fsspec.AbstractFileSystem) -> bool:
    return isinstance(filesystem, LocalFileSystem)


@contextmanager
def _reaching() -> Iterator[None]:
    """What object storage or the way to it refuses, as `FilesAway`; a file that is not there, or a full disk of ours, stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BotoCoreError, TimeoutError, ConnectionError, PermissionError) as error:
        raise FilesAway(str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FilesAway(str(error)) from error
