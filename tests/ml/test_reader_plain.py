"""Small files without quotation marks take a faster way through Arrow: the same records, names and notes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from einstein.ml.errors import DataProblem
from einstein.ml.reader import plain, read_frame, table
from tests.ml.test_reader_large import same

cells = st.one_of(
    st.just(""),
    st.integers().map(str),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters='\n\r",'), max_size=8),
)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=12))


def read(content: bytes, with_plain: bool):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "t.csv"
        path.write_bytes(content)
        if not with_plain:
            patch.setattr(table, "read_plain", lambda *_: None)
        try:
            return read_frame(path)
        except DataProblem as problem:
            return str(problem)


def read_alike(content: bytes) -> bool:
    slow, fast = read(content, False), read(content, True)
    if isinstance(slow, str) or isinstance(fast, str):
        return slow == fast
    same(slow, fast)
    return fast[1].notes == slow[1].notes


@settings(max_examples=150)
@given(tables, st.sampled_from(["\n", "\r\n"]), st.booleans())
@example([["1", "2"], ["", " "], [" ", ""]], "\n", True)
@example([["\x1c"], ["\u00a0"]], "\n", True)
def test_generated_tables_are_read_alike(rows, end, ends):
    width = len(rows[0]) if rows else 2
    lines = [",".join(f"name {number}" for number in range(width)), *(",".join(row) for row in rows)]
    assert read_alike((end.join(lines) + (end if ends else "")).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3\n4,5,6\n", b"a;b\n1;2\n\n3;4\n", b"a,b\n1,2,\n3,4,\n", b"a\tb\n1\t\n\t\n2\t3\n", b"a,b\n", b"a,b", b"a,b\n\n \n,\n1,2", b"\n\na,b\n1,2\n",
        "Straße,b\nMüller,2\n".encode("cp1252"), "\ufeffStraße,b\nMüller,2\n".encode(), b"a,b\nM\xfcller,\xc3\xbc\n", b"a,b\n1\r2,3\n", b"a,b\n1,\x002\n",
        b'a,b\n1,"2"\n', b"a,a,\n1,2,3\n", b"a,b\n" + b"x" * 1_100_000 + b",1\n", b"1,2\n3,4\n" * 12,
    ],
    ids=["ragged", "blank line", "trailing delimiter", "tabs", "header only", "no line end", "lines of blanks", "blank lines first", "cp1252", "bom", "mixed",
         "lone return", "nul", "quoted", "names again", "long value", "no header"],
)  # fmt: skip
def test_awkward_files_are_read_alike(content):
    assert read_alike(content)


def test_the_fast_way_is_really_taken(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n,\n3,\n")
    report = plain.read_plain(path, tmp_path / "t.parquet", table.dialect_of(path), ["a", "b"])
    assert (report.rows, report.rejected) == (2, 0)
    assert table.load_snapshot(tmp_path / "t.parquet")["b"].tolist() == ["2", None]
