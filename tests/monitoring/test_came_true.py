"""Outcomes that arrive after they were foretold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.monitoring.models import Alert
from apps.scoring.models import Outcome, Score
from apps.scoring.outcomes import keep_outcomes
from tests.monitoring.conftest import check_and_tell


def closing(answers) -> object:
    """The newest file with the outcome of the scored records filled in: `answers(said)` gives them, (records,)."""
    said = dict(Score.objects.values_list("key", "value"))

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.copy()
        place = table.index[(table["Churn"] == "") & table["customerID"].isin(said)][:150]
        table.loc[place, "Churn"] = answers(np.array([said[key] for key in table.loc[place, "customerID"]]))
        return table

    return change


def as_said(said: np.ndarray) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(len(said)) < said, "Yes", "No")


def turned_round(said: np.ndarray) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(len(said)) < said, "No", "Yes")


def test_what_was_said_before_the_outcome_is_kept_beside_it_once(scored, next_run, inside):
    before = dict(Score.objects.values_list("key", "value"))
    change = closing(as_said)
    next_run(change)
    kept = Outcome.objects.all()
    assert kept.count() == 150
    assert all(before[one.key] == one.said and one.came in (0, 1) and one.said_at < one.known_at for one in kept)
    next_run(lambda table: change(table).assign(MonthlyCharges=table["MonthlyCharges"]))
    assert Outcome.objects.count() == 150


def test_scores_that_come_true_are_said_to_on_the_check_and_the_page(client, scored, next_run, inside, owner):
    look = next_run(closing(as_said))
    assert look.scores["realised"]["count"] == 150 and look.scores["realised"]["worse"] == ""
    check_and_tell(scored)
    assert not Alert.objects.filter(check_kind="performance_holds").exists()
    client.force_login(owner)
    page = client.get(f"/w/{inside.slug}/predictions/{scored.id}/monitoring/").content.decode()
    assert "Of the 150 outcomes that have come since" in page and "150 customers whose outcome has come since" in page


def test_scores_that_do_not_come_true_are_one_alert(scored, next_run, inside):
    look = next_run(closing(turned_round))
    [alarm] = [one for one in look.alarms if one["check"] == "performance_realised"]
    assert "Of the 150 outcomes that have come since" in alarm["message"]
    check_and_tell(scored)
    assert Alert.objects.get(check_kind="performance_holds").title == "Churn: scores are less right than they were"


def test_an_alarm_that_stays_began_when_it_began(scored, next_run, inside):
    change = closing(turned_round)
    first = next_run(change)
    second = next_run(lambda table: change(table).assign(tenure=table["tenure"].replace("1", "2")))
    since = [one["since"] for look in (first, second) for one in look.alarms if one["check"] == "performance_realised"]
    assert first.id != second.id and len(since) == 2 and since[0] == since[1]


def test_records_whose_outcome_was_known_when_they_were_scored_prove_nothing(scored, next_run, inside):
    scored.score_mode = "all"
    scored.save()
    next_run(lambda table: table.assign(tenure=table["tenure"].replace("1", "2")))
    assert Outcome.objects.count() == 0
    assert Score.objects.filter(open=True).count() == 200


def test_without_a_name_for_each_record_nothing_is_said(scored, inside):
    score = Score.objects.first()
    scored.dataset.key_field = ""
    keep_outcomes(scored, pd.Series({score.key: "Yes"}), score.scoring_run)
    assert Outcome.objects.count() == 0
