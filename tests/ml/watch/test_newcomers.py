"""Answers that the reference never held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from einstein.ml.schema import FieldSpec
from einstein.ml.watch import Settings, Watcher
from einstein.ml.watch.newcomers import MOST_ANSWERS, Arrival, Since
from tests.ml.watch.streams import customers

TOWNS = [f"Town {number}" for number in range(40)]


def batch(random: np.random.Generator, rows: int, towns: list[str] = TOWNS) -> pd.DataFrame:
    weights = 1 / np.arange(1, len(towns) + 1)
    answers = random.choice(towns, rows, p=weights / weights.sum())
    return pd.DataFrame({"town": answers, "size": random.normal(50, 9, rows), "score": random.random(rows)})


def watcher(reference: pd.DataFrame) -> Watcher:
    specs = [FieldSpec("town", "category"), FieldSpec("size", "number")]
    return Watcher(reference, Settings("score", specs=specs, weekly=False))


def alarmed(lines: list[dict]) -> list[str]:
    return [line["message"] for line in lines if line["state"] == "opened" and line["severity"] != "info"]


def test_an_answer_in_a_fiftieth_of_the_records_is_told_though_the_reference_is_too_small_to_tell():
    random = np.random.default_rng(4)
    watch = watcher(batch(random, 300))
    for _ in range(12):
        assert alarmed(watch.look(batch(random, 500))) == []
    broken = batch(random, 500)
    broken.loc[random.choice(500, 10, replace=False), "town"] = "Quetzal"
    [message] = alarmed(watch.look(broken))
    assert "“Quetzal”" in message
    assert "2.0% of the records" in message


def test_an_answer_that_has_been_coming_all_along_is_no_news():
    random = np.random.default_rng(5)
    reference = batch(random, 300)
    reference = reference[reference["town"] != "Town 4"]
    watch = watcher(reference)
    for _ in range(4):
        watch.look(batch(random, 500))  # an answer of a sixtieth that training happened to lack may well be told once
    for _ in range(20):
        assert alarmed(watch.look(batch(random, 500))) == []


def test_where_every_day_brings_answers_of_its_own_another_is_no_news():
    random = np.random.default_rng(6)
    days = [[*TOWNS[:20], *(f"Campaign {day} {part}" for part in range(6))] for day in range(40)]
    watch = watcher(pd.concat([batch(random, 60, towns) for towns in days[:10]], ignore_index=True))
    assert [words for towns in days[10:] for words in alarmed(watch.look(batch(random, 500, towns)))] == []


def test_an_answer_that_trickles_in_is_told_by_two_batches_together():
    random = np.random.default_rng(7)
    watch = watcher(batch(random, 300))
    for _ in range(20):
        watch.look(batch(random, 240))
    told = []
    for _ in range(3):
        day = batch(random, 240)
        day.loc[random.choice(240, 4, replace=False), "town"] = "Quetzal"
        told.append(bool(alarmed(watch.look(day))))
    assert told == [False, True, False]  # on the third it is open already


def test_what_is_remembered_stays_small_however_many_answers_come():
    since = Since()
    for day in range(200):
        since.learn(Arrival(100, {f"answer {day} {number}": 1 for number in range(50)}), 300)
        assert len(since.counts) <= MOST_ANSWERS
    assert since.records == 198 * 100


@pytest.mark.parametrize("rows", [50, 400])
def test_clean_days_of_a_real_table_with_a_small_reference_raise_no_alarm(rows):
    reference, pool = customers()
    watch = Watcher(reference.head(150), Settings("score"))
    random = np.random.default_rng(8)
    for _ in range(25):
        day = pool.iloc[random.choice(len(pool), rows, replace=False)].reset_index(drop=True)
        assert alarmed(watch.look(day)) == []
