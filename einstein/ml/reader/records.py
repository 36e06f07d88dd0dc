"""Records of a text file with the line they begin on; a quotation mark that is never closed costs one line, not the rest."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Literal

from einstein.ml.reader.rows import Reject, Row

MOST_LINES = 2000  # of one record: longer than any text that people keep in a table
LONGEST_VALUE = 1024 * 1024
TOO_LONG = f"a value in it is longer than {LONGEST_VALUE:,} characters"
UNCLOSED = "a quotation mark in it is opened and never closed"
csv.field_size_limit(LONGEST_VALUE)


def records_of(lines: Iterator[str], delimiter: str, quoted: bool, width: int) -> Iterator[Row]:
    """Every record, of usually `width` values.

    One that runs over several lines and then has another width was most likely begun by a stray quotation mark: its first line is
    set aside, and reading goes on with the next one.
    """
    taken = _Lines(lines)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(taken, delimiter=delimiter, quoting=quoting)
    while True:
        line = taken.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = UNCLOSED if taken.count > 1 else TOO_LONG if "field limit" in str(error) else str(error)
            values = []
        else:
            reason = UNCLOSED if taken.count > 1 and not _fits(values, width) else ""
        if reason:
            taken.give_back()
            reader = csv.reader(taken, delimiter=delimiter, quoting=quoting)
            yield line, Reject(line, "whole line", reason)
        else:
            yield line, [value if value != "" else None for value in values]


def _fits(values: list[str], width: int) -> bool:
    return len(values) >= width and not any(value.strip() for value in values[width:])


class _Lines:
    """Physical lines, with a way back to the second one of the record that is being read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._waiting = lines, deque[str]()
        self._taken: list[str] = []
        self._before = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= MOST_LINES:
            raise csv.Error(UNCLOSED)
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self._taken.append(line)
        return line

    @property
    def count(self) -> int:
        """Lines of this record so far."""
        return len(self._taken)

    def begin(self) -> int:
        """Start a record; returns the number of its first line, from 1."""
        self._before += len(self._taken)
        self._taken.clear()
        return self._before + 1

    def give_back(self) -> None:
        """Keep the first line only; the others come again."""
        self._waiting = deque(chain(self._taken[1:], self._waiting))
        del self._taken[1:]
