"""Whatever arrives, damaged or made up, is read or refused with a sentence."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.errors import DataProblem
from einstein.ml.reader import large, read_frame

ROWS = [["id", "name", "amount"], *[[str(i), f"Müller, {i}", f"{i}.5"] for i in range(30)]]
CSV = "\r\n".join(";".join(row) for row in ROWS).encode()
RECORDS = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]


def _workbook() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", CSV)
    return file.getvalue()


WHOLE = {
    "table.csv": CSV, "wide.csv": CSV.decode().encode("utf-16"), "table.csv.gz": gzip.compress(CSV), "table.zip": _zipped(), "table.xlsx": _workbook(),
    "table.parquet": pd.DataFrame(RECORDS).to_parquet(), "packed.json": gzip.compress(json.dumps(RECORDS).encode()),
    "table.json": json.dumps({"rows": RECORDS}).encode(),
    "lines.jsonl": "\n".join(json.dumps(record) for record in RECORDS).encode(),
}  # fmt: skip
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=8)), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def read_or_refused(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            table, report = read_frame(path)
        except DataProblem as problem:
            assert str(problem).endswith(".")
        else:
            assert len(table) == report.rows
            assert list(table.columns) == report.fields


@settings(max_examples=250)
@given(st.sampled_from(sorted(WHOLE)), edits, st.booleans())
def test_a_damaged_file_brings_no_unexpected_error(name, edits, fast):
    content = WHOLE[name]
    for place, removed, added in edits:
        start = int(place * len(content))
        content = content[:start] + added + content[start + removed :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LARGE", 0 if fast else 1 << 30)
        read_or_refused(name, content)


@settings(max_examples=100)
@given(values)
def test_any_json_brings_no_unexpected_error(value):
    read_or_refused("table.json", json.dumps(value).encode())
    read_or_refused("lines.jsonl", f'{{"a": 1}}\n{json.dumps(value)}\n'.encode())


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_the_whole_files_hold_thirty_records(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(WHOLE[name])
    assert read_frame(path)[0]["name"].tolist() == [row[1] for row in ROWS[1:]]


def test_a_json_document_is_read_window_by_window(tmp_path, monkeypatch):
    monkeypatch.setattr("einstein.ml.reader.json_document.WINDOW", 16)
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"about": {"rows": 30}, "rows": RECORDS}, indent=1))
    assert read_frame(path)[0]["id"].tolist() == [row[0] for row in ROWS[1:]]
    path.write_text(json.dumps(RECORDS, indent=1).replace('"id": "7",', '"id": "7"'))
    with pytest.raises(DataProblem, match="malformed at line 39, column 3"):
        read_frame(path)


def test_two_lists_of_records_in_one_document_are_named(tmp_path):
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"customers": RECORDS, "orders": RECORDS}))
    with pytest.raises(DataProblem, match="customers and orders"):
        read_frame(path)
