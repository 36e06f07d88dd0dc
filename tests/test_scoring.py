"""Scores: made once for the same data, marked when stale or seen, shown, searched, downloaded."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pandas as pd
import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.datasets.upload import receive_path
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.scoring.models import Score, ScoringRun
from apps.scoring.score import _upsert
from apps.scoring.short_reasons import shortened
from einstein.ml.reasons import reason
from tests.conftest import TELCO


def again(prediction, perform_runs) -> Run:
    run = enqueue("score", prediction.id)
    perform_runs()
    run.refresh_from_db()
    return run


@pytest.fixture
def page(client, owner, workspace):
    client.force_login(owner)

    def get(path: str) -> str:
        answer = client.get(f"/w/{workspace.slug}/{path}")
        assert answer.status_code == 200
        return answer.content.decode()

    return get


def upload(prediction, owner, perform_runs, tmp_path, change) -> None:
    table = pd.read_csv(TELCO, dtype=str)
    file = tmp_path / "newer.csv"
    change(table).to_csv(file, index=False)
    receive_path(file, "newer.csv", owner, prediction.dataset)
    perform_runs()


def test_open_records_are_scored_and_none_of_them_was_learnt_from(scored):
    scores = Score.objects.filter(prediction=scored)
    assert scores.count() == 200
    assert not scores.filter(seen=True).exists()
    assert all(
        0 <= row.value <= 1 and row.band in {"high", "medium", "low"} and len(row.reasons) >= 3 for row in scores
    )


def test_the_same_data_makes_no_new_scores_and_the_page_says_since_when(scored, perform_runs, page):
    hour_ago = timezone.now() - timedelta(hours=1)
    ScoringRun.objects.update(as_of=hour_ago, checked_at=hour_ago)
    run = again(scored, perform_runs)
    assert run.state == "succeeded"
    assert ScoringRun.objects.count() == 1
    assert "Same data since" in page(f"predictions/{scored.id}/scores/")


def test_new_data_makes_new_scores_and_keeps_what_the_score_was_before(scored, owner, perform_runs, tmp_path):
    before = dict(Score.objects.values_list("key", "value"))
    upload(scored, owner, perform_runs, tmp_path, lambda table: table.assign(Contract="Month-to-month"))
    assert ScoringRun.objects.count() == 2
    after = Score.objects.filter(prediction=scored)
    assert {row.key: row.previous for row in after} == before


def test_a_record_that_left_the_data_keeps_its_score_marked_stale(client, scored, owner, perform_runs, tmp_path):
    from apps.scoring.api import stored_answer

    gone = Score.objects.order_by("key").first().key
    upload(scored, owner, perform_runs, tmp_path, lambda table: table[table["customerID"] != gone])
    assert stored_answer(Score.objects.get(key=gone))["stale"]
    assert not stored_answer(Score.objects.exclude(key=gone).first())["stale"]


def test_records_used_for_learning_that_are_scored_all_the_same_are_marked_seen(scored, perform_runs, page):
    scored.score_mode = "all"
    scored.save()
    again(scored, perform_runs)
    assert Score.objects.count() == 1600
    assert Score.objects.filter(seen=True).count() == 1400
    key = Score.objects.filter(seen=True).first().key
    assert "learn" in page(f"predictions/{scored.id}/records/{key}/")


def test_a_file_without_a_field_the_model_uses_is_held_and_the_last_scores_stay(scored, owner, perform_runs, tmp_path):
    before = dict(Score.objects.values_list("key", "value"))
    file = tmp_path / "newer.csv"
    pd.read_csv(TELCO, dtype=str).drop(columns=["Contract", "tenure"]).to_csv(file, index=False)
    receive_path(file, "newer.csv", owner, scored.dataset)
    perform_runs()
    said = Run.objects.filter(kind="ingest").latest("id").outcome["said"]
    assert said == [
        f"{name} is missing, and predictions use it. Without it their scores would be wrong."
        for name in ("tenure", "Contract")
    ]
    assert dict(Score.objects.values_list("key", "value")) == before


def test_scoring_from_defaults_is_refused_when_a_field_the_model_uses_was_given_up(
    scored, owner, perform_runs, tmp_path
):
    from apps.datasets.held import accept
    from apps.datasets.models import HeldTable
    from apps.pipeline.tasks import perform

    before = dict(Score.objects.values_list("key", "value"))
    file = tmp_path / "newer.csv"
    pd.read_csv(TELCO, dtype=str).drop(columns=["Contract", "tenure"]).to_csv(file, index=False)
    receive_path(file, "newer.csv", owner, scored.dataset)
    perform_runs()
    for run in (accept(HeldTable.objects.get(), owner), None):
        found = run or Run.objects.get(state="queued")
        Run.objects.filter(id=found.id).update(state="dispatched")
        perform(scored.workspace_id, found.id)
    found.refresh_from_db()
    assert found.state == "failed"
    assert "lacks 2 fields the model learnt from: tenure, Contract" in found.error
    assert dict(Score.objects.values_list("key", "value")) == before


def test_the_table_is_sorted_searched_and_filtered(scored, page):
    best = Score.objects.order_by("-value").first()
    rest = Score.objects.order_by("value").first()
    first = page(f"predictions/{scored.id}/scores/")
    assert best.key in first
    assert rest.key not in first
    found = page(f"predictions/{scored.id}/scores/?key={rest.key}")
    assert rest.key in found
    assert best.key not in found
    assert best.key not in page(f"predictions/{scored.id}/scores/?band=low")


@pytest.mark.parametrize(
    "query",
    [
        "key=%25",
        "page=-1",
        "page=abc",
        "page=99999999999999999999",
        "band=nothing",
        "key=" + "x" * 5000,
        "key=%27%3B--",
    ],
)
def test_odd_queries_never_break_the_table(client, owner, workspace, scored, query):
    client.force_login(owner)
    assert client.get(f"/w/{workspace.slug}/predictions/{scored.id}/scores/?{query}").status_code == 200


def test_the_download_holds_every_score_and_no_formula(client, owner, workspace, scored):
    Score.objects.filter(key=Score.objects.first().key).update(key="=cmd|' /C calc'!A0")
    client.force_login(owner)
    answer = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/scores.csv")
    text = answer.getvalue().decode("utf-8-sig") if answer.streaming else answer.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 200
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())


def test_a_record_page_shows_score_reasons_and_history(scored, page, owner, perform_runs, tmp_path):
    upload(scored, owner, perform_runs, tmp_path, lambda table: table.assign(tenure="1"))
    best = Score.objects.order_by("-value").first()
    shown = page(f"predictions/{scored.id}/records/{best.key}/")
    assert f"{best.value:.0%}" in shown
    assert best.reasons[0]["field"] in shown
    assert shown.count("<table") >= 2  # behind the reasons and behind the history


def test_a_wide_installation_of_scores_costs_the_same_queries(
    client, owner, workspace, scored, django_assert_max_num_queries
):
    client.force_login(owner)
    client.get("/accounts/profile/")  # a session's first page notes where it is
    with django_assert_max_num_queries(30) as few:
        client.get(f"/w/{workspace.slug}/predictions/{scored.id}/scores/")
    Score.objects.bulk_create(
        [Score(prediction=scored, version_id=scored.champion_id, scoring_run=ScoringRun.objects.get(), key=f"more {number}", value=0.5, predicted="No",
               band="medium", as_of=scored.created_at) for number in range(500)]
    )  # fmt: skip
    with django_assert_max_num_queries(len(few)):
        client.get(f"/w/{workspace.slug}/predictions/{scored.id}/scores/")


def test_a_score_that_stays_is_written_without_touching_an_index(scored):
    """What makes a night cheap (docs/decisions/0029): nothing that changes each time may be indexed, and pages have room."""
    counted = "SELECT pg_stat_get_xact_tuples_updated(t), pg_stat_get_xact_tuples_hot_updated(t) FROM (SELECT 'scoring_score'::regclass::oid) AS s(t)"
    with connection.cursor() as cursor:
        cursor.execute(counted)
        before = cursor.fetchone()
        Score.objects.filter(prediction=scored).update(scoring_run_id=1, as_of=timezone.now(), previous=F("value"))
        cursor.execute(counted)
        updated, hot = (now - then for now, then in zip(cursor.fetchone(), before, strict=True))
    assert updated == 200
    assert hot == updated


AWKWARD = ["plain", "", "a,b", 'say "so"', "two\nlines", "\\.", "\\N", "tab\there", "  ", "Zürich ✓", "null"]


def test_scores_of_awkward_keys_reach_the_database_as_they_are(scored):
    run = ScoringRun.objects.select_related("version").latest("id")
    rows = pd.DataFrame(
        {
            "key": AWKWARD, "value": 0.1 + 0.2, "predicted": [text * 250 for text in AWKWARD], "band": "low",
            "short_reasons": [shortened([reason(text, text, False, 0.25)]) for text in AWKWARD], "seen": False, "open": True,
        }
    )  # fmt: skip
    _upsert(rows, scored, run.version, run)
    kept = {row.key: row for row in Score.objects.filter(prediction=scored, key__in=AWKWARD)}
    assert set(kept) == set(AWKWARD)
    for text, row in kept.items():
        assert (row.value, row.predicted, row.reasons) == (
            0.1 + 0.2,
            (text * 250)[:220],
            [reason(text, text, False, 0.25)],
        )
