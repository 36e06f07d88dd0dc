"""The watch over a stream of batches: quiet on clean days, loud at once on what is broken, and it says what and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from einstein.ml.watch import Settings, Watcher
from einstein.ml.watch.volume import Volume
from tests.ml.watch.streams import DATA, customers, days

REFERENCE, POOL = customers()


def loud(lines: list[dict]) -> list[dict]:
    return [line for line in lines if line["severity"] != "info" and line["state"] in {"opened", "open"}]


def watched(rows: int = 200, clean: int = 8, **settings: object) -> tuple[Watcher, list[pd.DataFrame]]:
    """A watch that has seen some clean days, and the days that follow."""
    watcher = Watcher(REFERENCE, Settings("score", **settings))
    stream = days(POOL, rows, clean + 5)
    for day in stream[:clean]:
        assert not loud(watcher.look(day))
    return watcher, stream[clean:]


def first_line(broken: pd.DataFrame, watcher: Watcher) -> dict:
    lines = loud(watcher.look(broken))
    assert lines, "nothing was noticed"
    return lines[0]


@pytest.mark.parametrize("rows", [50, 200, 450])
def test_forty_clean_days_raise_no_alarm(rows):
    watcher = Watcher(REFERENCE, Settings("score"))
    assert [line for day in days(POOL, rows, 40) for line in watcher.look(day)] == []


HARMLESS = {
    "rows in another order": lambda day: day.sort_values("tenure"),
    "columns in another order": lambda day: day[list(day.columns[::-1])],
    "a column more": lambda day: day.assign(loaded_by="nightly"),
    "whole numbers with a point": lambda day: day.astype({"tenure": "float64", "SeniorCitizen": "float64"}),
    "numbers as text": lambda day: day.astype({"tenure": str, "MonthlyCharges": str}),
    "answers as categories": lambda day: day.astype({"Contract": "category"}),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_a_harmless_change_is_none(change):
    watcher, rest = watched()
    assert [line for day in rest for line in watcher.look(HARMLESS[change](day))] == []


BROKEN = {
    "x100": (lambda day: day.assign(MonthlyCharges=day.MonthlyCharges * 100), "MonthlyCharges", "change of unit"),
    "a hundredth": (lambda day: day.assign(MonthlyCharges=day.MonthlyCharges / 100), "MonthlyCharges", "about 100 times smaller"),
    "inches to centimetres": (lambda day: day.assign(tenure=day.tenure * 2.54), "tenure", "2.54 times larger"),
    "all missing": (lambda day: day.assign(tenure=None), "tenure", "empty in all"),
    "a fifth missing": (lambda day: day.assign(tenure=day.tenure.where(day.index % 5 > 0)), "tenure", "is empty in 20%"),
    "gone": (lambda day: day.drop(columns="Contract"), "Contract", "is gone"),
    "renamed field": (lambda day: day.rename(columns={"PaymentMethod": "payment_method"}), "PaymentMethod", "payment_method"),
    "one value": (lambda day: day.assign(MonthlyCharges=50.0), "MonthlyCharges", "in every record"),
    "a placeholder": (lambda day: day.assign(MonthlyCharges=day.MonthlyCharges.where(day.index % 10 > 0, -999)), "MonthlyCharges", "sentinel"),
    "another sign": (lambda day: day.assign(MonthlyCharges=-day.MonthlyCharges), "MonthlyCharges", "sign"),
    "unreadable": (lambda day: day.assign(MonthlyCharges=day.MonthlyCharges.astype(object).where(day.index % 4 > 0, "see note")), "MonthlyCharges", "cannot be read as a number, such as “see note”"),
    "a number renamed": (lambda day: day.assign(tenure=day.tenure.astype(object).where(day.tenure != 72, "full term")), "tenure", "72 has vanished from tenure and “full term” stands in"),
    "an answer respelt": (lambda day: day.assign(PaymentMethod=day.PaymentMethod.replace("Mailed check", "Mailed cheque (UK)")), "PaymentMethod", "“Mailed check” has vanished"),
    "renamed answer": (lambda day: day.assign(Contract=day.Contract.replace("Two year", "24 months")), "Contract", "renamed"),
    "other capitals": (lambda day: day.assign(Contract=day.Contract.str.upper()), "Contract", "written otherwise"),
    "a new answer": (lambda day: day.assign(Contract=day.Contract.where(day.index % 10 > 0, "Weekly")), "Contract", "never seen"),
    "two fields swapped": (lambda day: day.assign(tenure=day.MonthlyCharges, MonthlyCharges=day.tenure), "tenure", "tenure and MonthlyCharges seem to be swapped"),
    "two answers swapped": (lambda day: day.assign(Contract=day.PaymentMethod, PaymentMethod=day.Contract), "Contract", "swapped"),
    "moved": (lambda day: day.assign(MonthlyCharges=day.MonthlyCharges + 30), "MonthlyCharges", "moved higher"),
    "shuffled": (lambda day: day.assign(TotalCharges=day.TotalCharges.to_numpy()[np.random.default_rng(0).permutation(len(day))]), "TotalCharges", "no longer goes together"),
    "scores missing": (lambda day: day.assign(score=np.nan), "score", "All scores are missing"),
    "scores constant": (lambda day: day.assign(score=0.4), "score", "the same score"),
    "scores out of range": (lambda day: day.assign(score=day.score * 100), "score", "outside 0 to 1"),
    "scores turned round": (lambda day: day.assign(score=1 - day.score), "score", "turned round"),
    "no score column": (lambda day: day.drop(columns="score"), "score", "no scores at all"),
    "empty": (lambda day: day.iloc[:0], None, "holds no records"),
    "doubled": (lambda day: pd.concat([day, day]), None, "twice"),
    "ids repeated": (lambda day: day.assign(customerID=day.customerID.where(day.index % 4 > 0, day.customerID.iloc[0])), "customerID", "another record of the batch has too"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_batch_is_told_at_once_with_its_field_and_its_kind(fault):
    watcher, rest = watched()
    break_it, field, words = BROKEN[fault]
    line = first_line(break_it(rest[0]), watcher)
    assert line["state"] == "opened" and words in line["message"]
    assert line["field"] == field


@pytest.mark.parametrize(
    "fault",
    ["x100", "all missing", "gone", "scores missing", "scores constant", "scores out of range", "empty", "doubled"],
)
def test_gross_faults_are_told_at_once_in_fifty_records_from_the_first_batch_on(fault):
    watcher = Watcher(REFERENCE, Settings("score"))
    break_it, field, _ = BROKEN[fault]
    assert first_line(break_it(days(POOL, 50, 1)[0]), watcher)["field"] == field


def test_a_batch_that_came_before_is_told_in_whatever_order_it_comes():
    watcher, rest = watched()
    watcher.look(rest[0])
    line = first_line(rest[0].sample(frac=1, random_state=0), watcher)
    assert line["check"] == "stale_batch" and "batch 9" in line["message"] and line["severity"] == "critical"


def test_records_drawn_again_and_again_are_no_fault():
    small, random = POOL.iloc[:150], np.random.default_rng(0)
    watcher = Watcher(REFERENCE, Settings("score"))
    drawn = [small.iloc[random.choice(len(small), 300)].reset_index(drop=True) for _ in range(20)]
    lines = [line for day in drawn for line in watcher.look(day)]
    assert not {line["check"] for line in lines} & {"repeated_keys", "duplicated_batch", "stale_batch"}


def test_an_alert_opens_once_stays_open_and_is_resolved_when_it_is_over():
    watcher, rest = watched()
    broken = [day.assign(tenure=day.tenure * 100) for day in rest[:2]]
    states = [
        [line["state"] for line in watcher.look(day) if line["field"] == "tenure"]
        for day in [*broken, rest[2], rest[3]]
    ]
    assert states == [["opened"], ["open"], ["resolved"], []]


def test_a_slow_drift_too_small_for_one_day_is_told_within_five():
    watcher, rest = watched(rows=100, clean=15)
    moved = [day.assign(MonthlyCharges=day.MonthlyCharges + 0.45 * POOL.MonthlyCharges.std()) for day in rest]
    assert any(line["field"] == "MonthlyCharges" for day in moved for line in loud(watcher.look(day)))


def test_drift_of_a_field_the_model_hardly_uses_is_a_note_but_a_gross_fault_of_it_is_a_warning():
    watcher, rest = watched(importance={"tenure": 0.9, "MonthlyCharges": 0.001})
    mild = watcher.look(rest[0].assign(MonthlyCharges=rest[0].MonthlyCharges + 30))
    assert [line["severity"] for line in mild if line["field"] == "MonthlyCharges"] == ["info"]
    watcher, rest = watched(importance={"tenure": 0.9, "MonthlyCharges": 0.001})
    gross = watcher.look(rest[0].assign(MonthlyCharges=rest[0].MonthlyCharges * 100))
    assert [line["severity"] for line in gross if line["field"] == "MonthlyCharges"] == ["warning"]


def test_a_larger_budget_hears_more():
    alphas = [Watcher(REFERENCE, Settings("score", budget=budget)).alpha() for budget in (0.1, 5.0)]
    assert alphas[1] == pytest.approx(50 * alphas[0])


def test_a_third_of_the_records_is_told_and_a_weekend_is_not():
    volume = Volume(weekly=True)
    random = np.random.default_rng(0)
    for day in range(28):
        rows = round((400 if day % 7 in {5, 6} else 1000) * np.exp(random.normal(0, 0.05)))
        assert volume.factor(rows, day % 7) is None
        volume.accept(rows, day % 7)
    assert volume.factor(330, 1) == pytest.approx(0.33, abs=0.05)
    assert volume.factor(400, 5) is None
    assert volume.factor(150, 5) is not None


def test_a_drop_of_performance_is_told_with_the_field_behind_it():
    reference, later = (pd.read_csv(DATA / "watch" / f"car_loan_{name}.csv.gz") for name in ("reference", "later"))
    later = later.drop(columns="repaid")
    watcher = Watcher(reference, Settings("y_pred_proba", weekly=False))
    quiet = [watcher.look(later.iloc[place : place + 200]) for place in range(0, 1200, 200)]
    assert quiet == [[]] * 6
    lines = loud(watcher.look(later.iloc[1300:2500]))
    assert [line["field"] for line in lines if line["field"]] == ["car_value"]
    told = [line for line in lines if line["check"] == "performance_estimated"]
    assert told and "car_value" in told[0]["message"]


def test_realised_performance_is_told_when_outcomes_come():
    reference, later = (pd.read_csv(DATA / "watch" / f"car_loan_{name}.csv.gz") for name in ("reference", "later"))
    watcher = Watcher(reference, Settings("y_pred_proba", outcome="repaid", weekly=False))
    assert not [line for line in watcher.look(later.iloc[:1000]) if line["check"] == "performance_realised"]
    random = np.random.default_rng(0)
    wrong = later.iloc[:1000].assign(
        repaid=lambda table: np.where(random.random(1000) < 0.3, 1 - table.repaid, table.repaid)
    )
    assert [line for line in watcher.look(wrong) if line["check"] == "performance_realised"]


def test_days_of_the_reference_tell_how_much_days_differ():
    """A field that wanders from day to day raises no alarm when the reference shows that it does."""
    random = np.random.default_rng(3)

    def day(number: int, rows: int) -> pd.DataFrame:
        level = random.normal(0, 0.35)
        values = random.normal(level, 1, rows)
        return pd.DataFrame(
            {
                "day": pd.Timestamp("2026-01-01") + pd.Timedelta(days=number),
                "amount": values,
                "other": random.normal(0, 1, rows),
                "score": 1 / (1 + np.exp(-values)),
            }
        )

    reference = pd.concat([day(number, 200) for number in range(30)], ignore_index=True)
    watcher = Watcher(reference, Settings("score"))
    opened = [line for number in range(30, 70) for line in watcher.look(day(number, 400)) if line["state"] == "opened"]
    assert opened == []


def test_record_names_that_grow_are_no_fault():
    reference = REFERENCE.assign(customerID=range(1000, 1000 + len(REFERENCE)))
    watcher = Watcher(reference, Settings("score"))
    lines = [
        line
        for number, day in enumerate(days(POOL, 200, 6))
        for line in watcher.look(day.assign(customerID=range(9_500 + 200 * number, 9_700 + 200 * number)))
    ]
    assert lines == []


def test_of_a_large_batch_a_thousand_records_tell_how_fields_go_together():
    watcher = Watcher(REFERENCE, Settings("score", repeats=False))
    drawn = [POOL.sample(2500, replace=True, random_state=seed) for seed in range(5)]
    assert [line for day in drawn[:4] for line in loud(watcher.look(day))] == []
    company = watcher.learnt.first_company
    assert [set(one.counts) for one in (watcher.seen.found[0], watcher.seen.found[company])] == [{2500.0}, {1000.0}]
    shuffled = drawn[4].TotalCharges.to_numpy()[np.random.default_rng(0).permutation(2500)]
    assert first_line(drawn[4].assign(TotalCharges=shuffled), watcher)["field"] == "TotalCharges"
