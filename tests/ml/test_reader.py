"""Reading files as people send them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.errors import DataProblem
from einstein.ml.reader import read_frame
from einstein.ml.reader.rows import Reject

HOSTILE = Path(__file__).resolve().parent.parent / "data" / "hostile"


def read(tmp_path: Path, content: str | bytes, name: str = "table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_frame(path)


def test_ragged_rows_are_listed_with_their_line_and_the_rest_is_kept(tmp_path):
    table, report = read(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert table["a"].tolist() == ["1", "7"]
    assert [(reject.line, reject.reason) for reject in report.rejects] == [
        (3, "1 values where 2 are expected"),
        (4, "3 values where 2 are expected"),
    ]


def test_a_quoted_line_break_does_not_shift_the_line_numbers(tmp_path):
    _, report = read(tmp_path, 'a,b\n"x\ny",1\n3\n')
    assert report.rejects[0].line == 4


def test_a_quotation_mark_that_is_never_closed_costs_one_line(tmp_path):
    table, report = read(tmp_path, 'a,b\n1,2\n3,"4\n' + '"5,5",6\n' * 3000 + '7,"8\n9"\n')
    assert (len(table), report.rejected) == (3002, 1)
    assert report.rejects[0] == Reject(3, "whole line", "a quotation mark in it is opened and never closed")
    assert table["b"].tolist()[-1] == "8\n9"


def test_a_value_without_end_costs_one_line(tmp_path):
    table, report = read(tmp_path, "a,b\n1,2\n" + "x" * 1_100_000 + ",2\n3,4\n")
    assert table["a"].tolist() == ["1", "3"]
    assert report.rejects[0].reason == "a value in it is longer than 1,048,576 characters"


def test_blank_and_repeated_names_are_made_usable_and_reported(tmp_path):
    _, report = read(tmp_path, "a,,a\n1,2,3\n")
    assert report.fields == ["a", "Column 2", "a (2)"]
    assert len(report.notes) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(tmp_path, delimiter):
    table, _ = read(tmp_path, f"a{delimiter}b\n1{delimiter}2\n3{delimiter}4\n")
    assert list(table.columns) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding_of_excel_is_read(tmp_path, encoding):
    table, _ = read(tmp_path, "Straße,b\nMüller,2\n".encode(encoding))
    assert table["Straße"].tolist() == ["Müller"]


def test_nested_json_lines_become_dotted_names(tmp_path):
    table, _ = read(tmp_path, '{"a": {"b": 1}, "c": "x"}\n{"a": {"b": 2.5}}\n', "table.jsonl")
    assert table["a.b"].tolist() == ["1", "2.5"]
    assert table["c"].isna().tolist() == [False, True]


@pytest.mark.parametrize("file", sorted(HOSTILE.iterdir()), ids=lambda path: path.name)
def test_every_hostile_file_is_read_or_refused_with_a_sentence(file):
    try:
        table, _ = read_frame(file)
    except DataProblem as problem:
        assert str(problem).endswith(".")
    else:
        assert len(table.columns) > 0


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_no_bytes_bring_an_unexpected_error(tmp_path_factory, content):
    try:
        table, _ = read(tmp_path_factory.mktemp("bytes"), content)
    except DataProblem as problem:
        assert str(problem)
    else:
        assert len(table.columns) >= 1


def test_a_file_of_one_text_column_is_not_split_at_marks_inside_its_values(tmp_path):
    import csv

    values = [f"Hello, number {i}" if i % 3 else f"Win; now; {i}" if i % 2 else f"plain {i}" for i in range(200)]
    file = tmp_path / "messages.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["message"], *[[value] for value in values]])
    table, report = read_frame(file)
    assert report.rejected == 0
    assert table["message"].tolist() == values
