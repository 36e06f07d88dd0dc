"""A watch that was kept goes on as if it had never stopped, and a file made by somebody else makes nothing but known things."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from einstein.ml.errors import DataProblem
from einstein.ml.watch import Settings, Watcher
from einstein.ml.watch.figures import figures
from einstein.ml.watch.keep import FORMAT, from_bytes, to_bytes
from tests.ml.watch.streams import customers, days

REFERENCE, POOL = customers()


def broken_from(stream, number):
    return [
        day.assign(MonthlyCharges=day.MonthlyCharges * 100) if place >= number else day
        for place, day in enumerate(stream)
    ]


def test_a_watch_kept_after_every_batch_says_what_one_that_never_stopped_says():
    stream = broken_from(days(POOL, 200, 9), 7)
    steady, kept = Watcher(REFERENCE, Settings("score")), Watcher(REFERENCE, Settings("score"))
    kept.begin_with(stream[0])
    learnt, memory = to_bytes(kept), to_bytes(kept.memory())
    for day in stream:
        again = from_bytes(learnt)
        again.resume(from_bytes(memory))
        assert again.look(day) == steady.look(day)
        memory = to_bytes(again.memory())
    assert again.memory()["open"]


def test_performance_is_promised_alike_after_being_kept():
    table = REFERENCE.assign(
        outcome=np.where(REFERENCE.score > np.random.default_rng(3).random(len(REFERENCE)), "Yes", "No")
    )
    watcher = Watcher(table, Settings("score", outcome="outcome"))
    watcher.begin_with(POOL)
    again = from_bytes(to_bytes(watcher))
    scores = POOL.score.to_numpy(dtype="float64")
    assert again.promise.estimate(scores, lambda: None) == watcher.promise.estimate(scores, lambda: None)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"], ids=["empty", "text", "torn"])
def test_a_broken_file_is_a_sentence(content):
    with pytest.raises(DataProblem, match="damaged"):
        from_bytes(content)


@pytest.mark.parametrize(
    "root",
    [
        {"kind": "Popen", "number": 0, "has": {"args": "ls"}},
        {"trees": "no trees"},
        {"array": 7},
        {"again": 3},
        {"deque": 5, "most": 1},
    ],
    ids=["another kind", "no trees", "no array", "nothing before", "no list"],
)
def test_a_file_that_names_anything_else_is_refused(root):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tree.json", json.dumps({"format": FORMAT, "arrays": [], "root": root}))
        archive.writestr("arrays.bin", b"")
    with pytest.raises(DataProblem, match="damaged"):
        from_bytes(file.getvalue())


@pytest.mark.parametrize(
    "arrays",
    [[["|O", [1]]], [["<f8", [-1]]], [["<f8", [9]]], [["<f8", [1]]], [["no type", [2]]], [["<f8", "2"]]],
    ids=["objects", "a negative length", "more than there is", "less than there is", "no type", "no shape"],
)
def test_arrays_that_are_not_what_the_file_holds_are_refused(arrays):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tree.json", json.dumps({"format": FORMAT, "arrays": arrays, "root": {"array": 0}}))
        archive.writestr("arrays.bin", bytes(16))
    with pytest.raises(DataProblem, match="damaged"):
        from_bytes(file.getvalue())


def test_what_is_not_listed_cannot_be_kept():
    with pytest.raises(TypeError, match="cannot be kept"):
        to_bytes({"a": object()})


def test_every_field_has_a_figure_within_its_band_on_a_clean_day_and_outside_on_a_broken_one():
    stream = days(POOL, 400, 6)
    watcher = Watcher(REFERENCE, Settings("score"))
    for day in stream[:5]:
        watcher.look(day)
    found = {figure.field: figure for figure in figures(watcher)}
    assert set(found) == {gauge.field for gauge in watcher.learnt.gauges}
    assert all(figure.low <= figure.value <= figure.high and figure.strange < 1 for figure in found.values())
    watcher.look(stream[5].assign(MonthlyCharges=stream[5].MonthlyCharges + 100, Contract="Three years"))
    found = {figure.field: figure for figure in figures(watcher)}
    assert (found["MonthlyCharges"].what, found["MonthlyCharges"].value > found["MonthlyCharges"].high) == (
        "middle",
        True,
    )
    assert (found["Contract"].what, found["Contract"].value, found["Contract"].outside) == ("share", 0.0, 1.0)
    assert min(found["MonthlyCharges"].strange, found["Contract"].strange) > 1


def test_a_field_that_is_gone_has_a_figure_without_a_value():
    watcher = Watcher(REFERENCE, Settings("score"))
    watcher.look(days(POOL, 200, 1)[0].drop(columns="tenure"))
    assert next(figure.value for figure in figures(watcher) if figure.field == "tenure") is None
