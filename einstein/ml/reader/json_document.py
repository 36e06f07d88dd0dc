"""Records of one JSON document, one after another: memory holds a window of the text, whatever the length of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from einstein.ml.errors import DataProblem

WINDOW = 1 << 20  # characters read at once
LONGEST_RECORD = 1 << 24
LIST_OF_RECORDS = re.compile(r"\[\s*\{")
SPACE = re.compile(r"\s*")


def records_of_document(file: IO[str]) -> Iterator[Any]:
    """The items of a list, or of the one list of records in an object; an object without one is itself the only record.

    Raises `DataProblem`, with line and column, where the text is not JSON.
    """
    window = _Window(file)
    if window.next() == "[":
        yield from window.items()
    elif window.next() == "{":
        yield from _records_in_object(window)
    else:
        raise DataProblem("The JSON is not a list of records.")
    if window.next():
        raise window.problem("There is more text after the end of the JSON")


def _records_in_object(window: _Window) -> Iterator[Any]:
    own: dict[str, Any] = {}
    found = None
    for name in window.names():
        if not window.holds(LIST_OF_RECORDS):
            own[name] = window.value()
        elif found is None:
            found = name
            yield from window.items()
        else:
            raise DataProblem(f"The JSON holds two lists of records, {found} and {name}. Send one at a time.")
    if found is None:
        yield own


class _Window:
    """A stretch of the text and the place in it."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.text, self.place = file, "", 0
        self.lines, self.columns = 0, 0  # of the text that has left the window
        self.decoder = json.JSONDecoder()

    def next(self) -> str:
        """The next character that is not space; "" at the end."""
        while True:
            found = SPACE.match(self.text, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.text) or not self._more(WINDOW):
                return self.text[self.place : self.place + 1]

    def value(self) -> Any:
        """Decode the next value; ever more text is read until it is complete."""
        self.next()
        size = WINDOW
        while True:
            try:
                found, end = self.decoder.raw_decode(self.text, self.place)
            except RecursionError as error:
                raise DataProblem("The JSON is nested too deeply to be a table.") from error
            except json.JSONDecodeError as error:
                if len(self.text) - self.place > LONGEST_RECORD or not self._more(size):
                    self.place = error.pos
                    raise self.problem("The JSON breaks off or is malformed") from error
            else:
                if end < len(self.text) or not self._more(size):  # a number may go on
                    self.place = end
                    return found
            size *= 2

    def items(self) -> Iterator[Any]:
        """The items of the list that comes next."""
        self._take("[")
        if self.next() == "]":
            return self._take("]")
        while True:
            yield self.value()
            if self.next() != ",":
                return self._take("]")
            self._take(",")

    def names(self) -> Iterator[str]:
        """The names of the object that comes next; whoever asks takes the value before asking for another."""
        self._take("{")
        if self.next() == "}":
            return self._take("}")
        while True:
            if self.next() != '"':
                raise self.problem("The JSON breaks off or is malformed")
            name = self.value()
            self._take(":")
            yield name
            if self.next() != ",":
                return self._take("}")
            self._take(",")

    def holds(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text goes on like this."""
        self.next()
        if len(self.text) - self.place < WINDOW // 2:
            self._more(WINDOW)
        return bool(pattern.match(self.text, self.place))

    def problem(self, what: str) -> DataProblem:
        line = self.lines + self.text.count("\n", 0, self.place) + 1
        start = self.text.rfind("\n", 0, self.place)
        column = self.place - start if start >= 0 else self.columns + self.place + 1
        return DataProblem(f"{what} at line {line:,}, column {column:,}. Export it again.")

    def _take(self, mark: str) -> None:
        if self.next() != mark:
            raise self.problem("The JSON breaks off or is malformed")
        self.place += 1

    def _more(self, size: int) -> bool:
        """Let go of what has been read and read on; False at the end."""
        block = self.file.read(size)
        if not block:
            return False
        gone = self.text[: self.place]
        self.lines += gone.count("\n")
        self.columns = len(gone) - gone.rfind("\n") - 1 if "\n" in gone else self.columns + len(gone)
        self.text, self.place = self.text[self.place :] + block, 0
        return True
