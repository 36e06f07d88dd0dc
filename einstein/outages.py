"""Telling an outage from a fault of ours: an error of the database, the file store, the disk or the cluster, in a sentence for people."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import psycopg
from django import db

from einstein import disk
from einstein.storage import FilesAway

NO_DISK = "The disk of the installation is full."
NO_DATABASE = "The database of the installation could not be reached."
NO_FILES = "The file store of the installation could not be reached."
NO_TRAINERS = "The machines that train could not be reached."
FULL = {errno.ENOSPC, errno.EDQUOT}
FULL_WORDS = ("No space left on device", "could not extend file", "Disk quota exceeded")  # where no number is passed on


class TrainersAway(Exception):
    """The cluster that models are trained on does not answer, or was lost."""


def outage_of(error: BaseException) -> str | None:
    """The sentence for an error that comes from an outage, also where a library wrapped it; None for any other."""
    return next((sentence for cause in _chain(error) if (sentence := _sentence(cause))), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _sentence(error: BaseException) -> str | None:
    if isinstance(error, disk.NoRoom):
        return disk.NO_ROOM
    if isinstance(error, psycopg.errors.DiskFull) or getattr(error, "errno", None) in FULL:
        return NO_DISK
    if any(word in str(error) for word in FULL_WORDS):
        return NO_DISK
    if isinstance(error, FilesAway):
        return NO_FILES
    if isinstance(error, TrainersAway):
        return NO_TRAINERS
    if isinstance(error, db.OperationalError | db.InterfaceError | psycopg.OperationalError):
        return NO_DATABASE
    return None
