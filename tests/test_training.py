"""Versions: begun once, stopped when asked, refused in plain words, enabled and enabled again."""

from __future__ import annotations

import pytest

from apps.pipeline.tasks import perform
from apps.predictions.models import ModelVersion
from apps.predictions.train import enable, start_training
from apps.runs.models import Run
from apps.scoring.models import Score


@pytest.fixture
def press(client, owner, workspace, draft):
    """Press a button of the prediction; returns the page that follows."""
    client.force_login(owner)

    def do(path: str) -> str:
        answer = client.post(f"/w/{workspace.slug}/predictions/{draft.id}/{path}", follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    return do


def test_a_training_that_nobody_has_begun_is_stopped_at_once(press, draft):
    version, run = start_training(draft, None)
    assert "Stopped" in press("versions/1/stop/")
    run.refresh_from_db()
    version.refresh_from_db()
    assert (run.state, version.state) == ("cancelled", "failed")


def test_a_running_training_is_asked_to_stop(press, draft):
    _, run = start_training(draft, None)
    Run.objects.filter(id=run.id).update(state="running")
    press("versions/1/stop/")
    run.refresh_from_db()
    assert run.cancel_requested


def test_after_a_stop_the_page_offers_to_try_again(press, draft):
    start_training(draft, None)
    assert "Try again" in press("versions/1/stop/")
    press("train/")
    assert list(ModelVersion.objects.order_by("number").values_list("state", flat=True)) == ["failed", "training"]


def test_too_few_records_end_in_a_sentence_with_the_count_needed(client, owner, workspace, draft, perform_runs):
    draft.learn_filters = [{"field": "tenure", "op": "is", "value": "71"}]
    draft.save()
    _, run = start_training(draft, owner)
    with pytest.raises(AssertionError, match="At least 100"):
        perform_runs()
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{draft.id}/versions/1/").content.decode()
    assert "At least 100 are needed" in page
    assert "Traceback" not in page


def test_a_version_that_failed_cannot_be_enabled(press, draft):
    start_training(draft, None)
    press("versions/1/stop/")
    assert "has no model to enable" in press("versions/1/enable/")


def test_an_earlier_version_can_be_enabled_again_and_scores_follow(scored, owner, perform_runs):
    first = scored.champion
    second = ModelVersion.objects.create(
        prediction=scored, number=2, state="candidate", snapshot=first.snapshot, storage_key=first.storage_key, hash=first.hash, facts=first.facts
    )  # fmt: skip
    enable(second, owner)
    perform_runs()
    assert set(Score.objects.values_list("version__number", flat=True)) == {2}
    first.refresh_from_db()
    assert first.state == "retired"
    enable(first, owner)
    perform_runs()
    assert set(Score.objects.values_list("version__number", flat=True)) == {1}
    assert ModelVersion.objects.filter(state="champion").count() == 1


def test_enabling_twice_scores_once(scored, owner):
    before = Run.objects.filter(kind="score").count()
    enable(scored.champion, owner)
    assert Run.objects.filter(kind="score").count() == before


def test_the_scorecard_says_whether_more_records_would_help(client, owner, workspace, scored):
    client.force_login(owner)
    curve = scored.champion.facts["scorecard"]["learning_curve"]
    page = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/versions/1/").content.decode()
    assert curve["words"] in page
    assert f"Tells the two answers apart {round(100 * curve['points'][-1][1])} times out of 100" in page


def test_a_model_no_better_than_guessing_says_why(client, owner, workspace, scored):
    version = scored.champion
    version.facts["scorecard"] |= {"grade": "E", "verdict": "This is no better than guessing, because it rained."}
    version.save()
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/versions/1/").content.decode()
    assert "because it rained" in page


def test_the_scorecard_speaks_in_counts_and_downloads_every_number(client, owner, workspace, scored):
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/versions/1/").content.decode()
    card = scored.champion.facts["scorecard"]
    top = card["top"]
    for words in (
        f"Grade {card['grade']}",
        f"{top['hits']} of the top {top['count']} turned out yes",
        "Measured on 280 customers",
        "at random",
    ):
        assert words in page
    download = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/versions/1/scorecard.json").json()
    assert download["scorecard"]["metrics"]["auc"] == card["metrics"]["auc"]


def test_a_stored_model_that_was_changed_is_refused_in_plain_words(scored, owner, perform_runs):
    ModelVersion.objects.update(hash="0" * 64)
    scored.refresh_from_db()
    from apps.runs.queue import enqueue
    from apps.scoring.model_cache import model_of
    from apps.scoring.models import ScoringRun

    ScoringRun.objects.update(fingerprint="older")
    getattr(model_of, "cache_clear", lambda: None)()
    enqueue("score", scored.id)
    with pytest.raises(AssertionError, match="was changed since it was trained"):
        perform_runs()


@pytest.fixture
def trainer(tmp_path, churn_model, monkeypatch, draft):
    """Have trainings done by a program that makes a model, says what it is told to say, and ends as it is told to end."""
    from apps.predictions.executors import base

    def ends(script: str) -> Run:
        program = tmp_path / "python"
        program.write_text(f'#!/bin/sh\ncp -r {churn_model} "$4/model"\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setattr(base.sys, "executable", str(program))
        _, run = start_training(draft, None)
        Run.objects.filter(id=run.id).update(state="dispatched")
        perform(draft.workspace_id, run.id)
        run.refresh_from_db()
        return run

    return ends


def test_a_library_that_falls_after_the_model_is_complete_costs_nothing(trainer, draft):
    run = trainer("""echo '{"done": {"hash": "x"}}'; kill -SEGV $$""")
    assert (run.state, ModelVersion.objects.get(prediction=draft).state) == ("succeeded", "candidate")


@pytest.mark.parametrize("name", ["SEGV", "ABRT", "KILL", "BUS"])
def test_a_library_that_falls_half_way_is_tried_again_and_given_up_at_the_third_time(trainer, draft, name):
    script = f"""echo '{{"stage": "Prepare"}}'; echo 'a library speaks'; printf '{{"prog'; kill -{name} $$"""
    run = trainer(script)
    assert (run.state, run.attempts) == ("queued", 1)
    for attempt in (2, 3):
        Run.objects.filter(id=run.id).update(state="dispatched")
        perform(draft.workspace_id, run.id)
        run.refresh_from_db()
        assert run.attempts == attempt
    assert run.state == "failed"
    assert "broke off three times" in ModelVersion.objects.get(prediction=draft).failure
