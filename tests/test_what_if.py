"""What if a field were otherwise, and why a score changed: the two add up, and nothing outside what was seen is turned."""

from __future__ import annotations

import pytest

from apps.datasets.models import Snapshot
from apps.scoring.change import change_of
from apps.scoring.history import history_of
from apps.scoring.models import Score
from apps.scoring.what_if import knobs_of, record_now, what_if
from apps.scoring.words import change_sentence


def change_since(prediction, score):
    return change_of(prediction, score, history_of(prediction, score.key), record_now(prediction, score))


@pytest.fixture
def top(scored):
    return (
        Score.objects.filter(prediction=scored)
        .select_related("version", "scoring_run__snapshot")
        .order_by("-value")
        .first()
    )


@pytest.fixture
def record(scored, top):
    return record_now(scored, top)


def test_turning_nothing_gives_the_score_itself(scored, top, record):
    result = what_if(scored, top, record, {})
    assert result["value"] == result["before"] == top.value


def test_the_knobs_are_what_moves_the_score_with_limits_of_what_was_seen(scored, top, record):
    knobs = knobs_of(scored, top, record)
    assert [knob.field for knob in knobs] == [reason["field"] for reason in top.reasons][: len(knobs)]
    assert all(knob.low <= knob.at <= knob.high for knob in knobs if knob.kind == "number")
    assert all(knob.value in knob.levels for knob in knobs if knob.kind == "choice")


def test_a_longer_contract_lowers_the_score_of_the_likeliest_leaver(scored, top, record):
    result = what_if(scored, top, record, {"Contract": "Two year"})
    assert result["changed"] == {"Contract": "Two year"}
    assert result["value"] < result["before"]


@pytest.mark.parametrize(
    "changes", [{"Contract": "For ever"}, {"customerID": "x"}, {"nothing": "x"}, {"tenure": "soon"}, {"Contract": ""}]
)
def test_what_was_never_seen_or_is_no_knob_is_passed_over(scored, top, record, changes):
    assert what_if(scored, top, record, changes)["changed"] == {}


def test_on_the_page_a_turn_shows_the_new_score(client, owner, workspace, scored, top):
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/records/{top.key}/").content.decode()
    assert "What if" in page
    assert "not a promise" in page
    answer = client.post(
        f"/w/{workspace.slug}/predictions/{scored.id}/what-if/{top.key}/", {"field:Contract": "Two year"}
    ).content.decode()
    assert f"Instead of {top.value:.0%}" in answer


def again(scored, record: dict, perform_runs) -> Score:
    """The same record as it is now, read and scored again."""
    from apps.datasets.push import receive_batch
    from apps.pipeline.story import begin_taking

    receive_batch(scored.dataset, [record], "", "test")
    begin_taking(scored.workspace_id, scored.dataset_id)
    perform_runs()
    return Score.objects.select_related("version", "scoring_run__snapshot").get(
        prediction=scored, key=record["customerID"]
    )


def test_a_change_of_the_record_is_told_as_the_records(client, owner, workspace, scored, top, record, perform_runs):
    now = again(scored, record | {"Contract": "Two year"}, perform_runs)
    change = change_since(scored, now)
    assert change.fields == [("Contract", "Month-to-month", "Two year")]
    assert change.by_model == 0
    assert change.by_record == pytest.approx(now.value - top.value)
    assert "because the record changed" in change_sentence(scored, change)
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/records/{top.key}/").content.decode()
    assert "Why it changed since" in page


def test_a_change_of_the_model_is_told_as_the_models(scored, perform_runs, owner, tmp_path_factory):
    from apps.predictions.models import ModelVersion
    from apps.predictions.train import enable
    from einstein import storage
    from einstein.ml.artifact import read_facts
    from einstein.ml.reader import read_frame
    from einstein.ml.train import TrainRequest, train
    from tests.conftest import TELCO

    folder = tmp_path_factory.mktemp("other") / "model"
    table, _ = read_frame(TELCO)
    train(
        table[table["Churn"].notna()],
        TrainRequest("Churn", positive="Yes", ignore=["customerID", "tenure"], trials=1, threads=1),
        folder,
    )
    key = storage.key_for(scored.workspace_id, "models", "other")
    storage.put_folder(folder, key)
    facts = read_facts(folder)
    enable(
        ModelVersion.objects.create(
            prediction=scored,
            number=2,
            state="candidate",
            snapshot=Snapshot.objects.first(),
            storage_key=key,
            hash=facts["hash"],
            facts=facts,
        ),
        owner,
    )
    perform_runs()
    found = Score.objects.filter(prediction=scored).select_related("version", "scoring_run__snapshot")
    now = max(found, key=lambda score: abs(score.value - score.previous))
    change = change_since(scored, now)
    assert (change.new_version, change.fields, change.by_record) == (True, [], pytest.approx(0))
    assert change.by_model == pytest.approx(now.value - now.previous)
    assert "because the model was trained again" in change_sentence(scored, change)


def test_a_record_that_is_new_has_no_change(scored, top):
    assert change_since(scored, top) is None


def test_a_turn_is_written_as_the_fields_values_are():
    from apps.scoring.what_if import Knob, _as_written

    assert _as_written(Knob("zip", "", "choice", levels=["02139"]), "02139") == "02139"
    assert _as_written(Knob("sum", "", "number"), "1234567.5") == "1234570"
    assert _as_written(Knob("price", "", "number", decimal=","), "12.5") == "12,5"
