"""Excel and OpenDocument workbooks: the first sheet that holds a table."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from einstein.ml.errors import DataProblem
from einstein.ml.reader import packed
from einstein.ml.reader.rows import Row, Rows, require

MOST_UNPACKED_BYTES = 600 * 1024**2  # read in memory by the library
MOST_RATIO = 150  # real workbooks pack 5 to 30 times
MOST_CELLS = 60_000_000
BROKEN = (CalamineError, *packed.BROKEN, OverflowError)


def open_workbook(path: Path, wanted: str | None = None) -> Rows:
    """Open the sheet called `wanted`, else the first with at least one filled row; raises `DataProblem` for bombs and broken files."""
    try:
        if zipfile.is_zipfile(path):
            _refuse_bomb(path)
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = workbook.sheet_names
        if wanted is not None and wanted not in sheets:
            raise DataProblem(f"There is no sheet {wanted}. The sheets are: {', '.join(sheets[:20])}.")
        for name in [wanted] if wanted is not None else sheets:
            sheet = workbook.get_sheet_by_name(name)
            require(
                sheet.total_height * sheet.total_width <= MOST_CELLS,
                f"The sheet {name} has too many cells. Save the table as CSV.",
            )
            cells = sheet.to_python(skip_empty_area=False)
            if any(cell not in ("", None) for row in cells[:1000] for cell in row):
                notes = (
                    [f"The workbook has {len(sheets)} sheets ({', '.join(sheets[:8])}); {name} was read."]
                    if len(sheets) > 1
                    else []
                )
                return _table(cells, notes)
    except BROKEN as error:
        raise DataProblem(
            "The workbook cannot be opened. Open it in Excel, save it again as .xlsx, and send that."
        ) from error
    raise DataProblem("The workbook is empty.")


def _refuse_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = [item.filename for item in archive.infolist()]
        known = any(name.startswith("xl/") for name in names) or "content.xml" in names
        require(known, "This is a packed file, not a workbook. Unpack it and send the table inside.")
        unpacked = sum(item.file_size for item in archive.infolist())
    ratio = unpacked / max(1, path.stat().st_size)
    if unpacked > MOST_UNPACKED_BYTES or (unpacked > 50 * 1024**2 and ratio > MOST_RATIO):
        raise DataProblem(
            f"The workbook unpacks to {unpacked // 1024**2:,} MB, {ratio:,.0f} times its size. Save the table as CSV and send that."
        )


def _table(cells: list[list[Any]], notes: list[str]) -> Rows:
    """Skip title rows: the header is the first row at least half as wide as the widest of the first fifty."""
    widths = [sum(cell not in ("", None) for cell in row) for row in cells[:50]]
    start = next(index for index, width in enumerate(widths) if width and width * 2 >= max(widths))
    last = max(
        (index for row in cells[start : start + 5000] for index, cell in enumerate(row) if cell not in ("", None)),
        default=0,
    )
    header = [_text(cell) or "" for cell in cells[start][: last + 1]]
    if start:
        notes.append(f"{start} title rows above the header were skipped.")
    return Rows(header, _rows(cells, start + 1, last + 1), notes)


def _rows(cells: list[list[Any]], start: int, width: int) -> Iterator[Row]:
    for index in range(start, len(cells)):
        yield index + 1, [_text(cell) for cell in cells[index][:width]]


def _text(cell: Any) -> str | None:
    """The cell as its user sees it: whole numbers without point, dates in ISO."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return (
            cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ", timespec="seconds")
        )
    return str(cell)
