"""Large files take a faster way through DuckDB: the same records, the same rejects."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.reader import large, read_frame

cells = st.one_of(
    st.none(),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
    st.integers().map(str),
)


def both_ways(content: bytes, monkeypatch, name: str = "t.csv"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        slow = read_frame(path)
        with monkeypatch.context() as patch:
            patch.setattr(large, "LARGE", 0)
            fast = read_frame(path)
    return slow, fast


def same(slow, fast) -> None:
    assert fast[1].fields == slow[1].fields
    assert (fast[1].rows, fast[1].rejected, fast[1].rejects) == (slow[1].rows, slow[1].rejected, slow[1].rejects)
    assert [column.tolist() for _, column in fast[0].astype("object").where(fast[0].notna(), None).items()] == [
        column.tolist() for _, column in slow[0].astype("object").where(slow[0].notna(), None).items()
    ]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9).map(str), cells, cells), min_size=1, max_size=12))
def test_generated_tables_are_read_alike(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "first", "second"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        same(*both_ways(text.getvalue().encode(), patch))


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3\n4,5,6\n7,8\n", b'a,b\n"x\ny",1\n3\n', b"a;b\n1;2\n\n3;4\n", b"a,b\n1,2,\n3,4,\n", b'a,b\n1,"say ""no"""\n"bad" x,2\n', b"a\tb\n1\t\n\t\n2\t3\n",
        "Straße,b\nMüller,2\n".encode("cp1252"), "\ufeffStraße,b\nMüller,2\n".encode("utf-8"), "Straße,b\nMüller,2\n".encode("utf-16"), b"a,b\nM\xfcller,\xc3\xbc\n1,2\n",
        b'a,b\n1,2\n3,"4\n5,6\n7,8\n', b'a,b\n1,2\n3,"4\n5,"6\n7,8\n',
    ],
    ids=["ragged", "line break", "blank line", "trailing delimiter", "quotes out of place", "tabs", "cp1252", "bom", "utf-16", "mixed", "open quote", "two open quotes"],
)  # fmt: skip
def test_awkward_files_are_read_alike(content, monkeypatch):
    same(*both_ways(content, monkeypatch))


def test_the_fast_way_is_really_taken(monkeypatch, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n" * 5)
    monkeypatch.setattr(large, "LARGE", 0)
    dialect = large.Dialect("utf-8", ",", True, ["a", "b"], 1, [])
    assert large.read_large(path, tmp_path / "t.parquet", dialect, ["a", "b"]).rows == 9


def test_a_stray_western_byte_is_the_letter_it_was(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\nM\xfcller,\xc3\xbc\n1,2\n")
    assert read_frame(path)[0]["a"].tolist()[0] == "Müller"
