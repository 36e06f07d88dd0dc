"""`python -m einstein.ml watch` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from einstein.ml.__main__ import main
from einstein.ml.watch.causes import registry
from tests.ml.watch.streams import customers, days

REFERENCE, POOL = customers()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "days").mkdir()
    REFERENCE.to_parquet(tmp_path / "reference.parquet")
    for number, day in enumerate(days(POOL, 120, 7), start=1):
        if number == 5:
            day["MonthlyCharges"] *= 100
        if number == 6:
            day = day.iloc[:0]
        day.to_parquet(tmp_path / "days" / f"{number:04d}.parquet")
    (tmp_path / "days" / "0008.parquet").write_bytes(b"PAR1 broken")
    return tmp_path


def arguments(folder, *more: str) -> list[str]:
    return ["watch", "--reference", str(folder / "reference.parquet"), "--batches", str(folder / "days"), "--score-column", "score",
            "--out", str(folder / "alerts.jsonl"), *more]  # fmt: skip


def test_each_alarmed_batch_and_field_is_one_line(folder):
    done = subprocess.run([sys.executable, "-m", "einstein.ml", *arguments(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["batches"] == 8
    lines = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    told = [(line["batch"], line["check"], line["state"]) for line in lines]
    assert told == [
        (5, "field_unit", "opened"),
        (6, "empty_batch", "opened"),
        (6, "field_unit", "open"),
        (7, "field_unit", "resolved"),
        (7, "empty_batch", "resolved"),
        (8, "unreadable_batch", "opened"),
    ]
    assert lines[0]["field"] == "MonthlyCharges" and lines[0]["severity"] == "warning"
    assert lines[1]["field"] is None and lines[1]["severity"] == "critical"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--score-column": "points"}, "has no field points"),
        ({"--reference": "nowhere.parquet"}, "There is no file nowhere.parquet"),
        ({"--batches": "nowhere"}, "There is no folder nowhere"),
        ({"--budget": "0"}, "above 0"),
        ({"--model": "nowhere"}, "There is no model"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(folder, capsys, change, said):
    given = arguments(folder, *(part for pair in change.items() if pair[0] not in arguments(folder) for part in pair))
    for name, value in change.items():
        given[given.index(name) + 1] = value
    assert main(given) == 2
    assert said in capsys.readouterr().err


def test_row_numbers_beside_the_fields_are_no_fields(folder):
    """pandas keeps the numbers of rows that were drawn from a larger table."""
    REFERENCE.set_index(pd.Index(range(10_000, 10_000 + len(REFERENCE)))).to_parquet(folder / "reference.parquet")
    for number, day in enumerate(days(POOL, 120, 7), start=1):
        day.assign(row=range(50_000 * number, 50_000 * number + 120)).set_index("row").to_parquet(
            folder / "days" / f"{number:04d}.parquet"
        )
    (folder / "days" / "0008.parquet").unlink()
    assert main(arguments(folder)) == 0
    assert (folder / "alerts.jsonl").read_text() == ""


def test_a_trained_model_tells_which_fields_count(trained, table, tmp_path, folder):
    model, facts = trained
    assert main(arguments(folder, "--model", str(model), "--seasonality", "none", "--budget", "1")) == 0
    lines = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    assert {line["field"] for line in lines} <= {None, "score", *(spec["name"] for spec in facts["fields"])}


def test_every_cause_is_a_file_of_its_own_and_the_last_always_fits():
    assert [finder.order for finder in registry()] == sorted({finder.order for finder in registry()})
