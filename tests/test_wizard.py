"""The wizard's questions: what cannot work is said at its screen, and no answer, however odd, breaks or loses a draft."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets.upload import receive_path
from apps.predictions.models import ModelVersion, Prediction
from apps.predictions.wizard import STEPS

ODD = ["", "0", "-1", "abc", "1e9", "99999999999999999999", "Churn", "<script>", "' OR 1=1 --", "%s", "é", "x" * 3000]
NAMES = ["name", "question", "dataset", "field", "kind", "positive", "rule_field", "rule_op", "rule_value", "learn_field", "learn_op", "learn_value",
         "score_mode", "score_field", "score_op", "score_value", "time_field", "use", "offered", "left_out", "schedule", "hour", "weekday", "budget"]  # fmt: skip


@pytest.fixture
def step(client, owner, workspace, draft):
    """Post answers to a step (or show it); returns the answer's text, "" when the wizard went on."""
    client.force_login(owner)

    def do(name: str, answers: dict | None = None) -> str:
        address = f"/w/{workspace.slug}/predictions/{draft.id}/wizard/{name}/"
        answer = client.get(address) if answers is None else client.post(address, answers)
        assert answer.status_code in {200, 302}
        return answer.content.decode() if answer.status_code == 200 else ""

    return do


@pytest.fixture
def holds(draft, owner, perform_runs, tmp_path):
    """Give the draft a dataset with these columns."""

    def give(**columns: list) -> None:
        file = tmp_path / "table.csv"
        pd.DataFrame(columns).to_csv(file, index=False)
        draft.dataset, _ = receive_path(file, "table.csv", owner)
        perform_runs()
        draft.outcome_field = ""
        draft.save()

    return give


def test_every_screen_shows_the_summary_with_real_counts(step):
    for name in ("records", "fields", "schedule", "review"):
        shown = step(name)
        assert "1,400" in shown
        assert "200" in shown
        assert "Churn" in shown


@pytest.mark.parametrize("name", ["records", "fields", "review"])
def test_a_screen_reads_the_records_once(step, monkeypatch, name):
    from apps.predictions import draft_records

    reads = []
    load = draft_records.load
    monkeypatch.setattr(draft_records, "load", lambda *args: reads.append(args) or load(*args))
    step(name)
    assert len(reads) == 1


def test_a_prediction_needs_a_name(step):
    assert "Give the prediction a name" in step("question", {"name": "  "})
    assert step("question", {"name": "Customer churn"}) == ""


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"won": ["Yes"] * 150, "x": range(150)}, "same answer"),
        ({"won": ["Yes", "No"] * 30, "x": range(60)}, "100"),
        ({"won": ["Yes"] * 5 + ["No"] * 195, "x": range(200)}, "20"),
        ({"won": [""] * 150, "x": range(150)}, "blank in every record"),
    ],
)
def test_an_outcome_that_cannot_be_learnt_is_said_at_its_screen_with_what_would_mend_it(step, holds, columns, sentence):
    holds(**columns)
    shown = step("outcome", {"field": "won", "kind": "binary", "positive": "Yes"})
    assert sentence in shown
    assert "notice bad" in shown


def test_a_rule_makes_a_yes_no_outcome_of_a_number(step, draft):
    assert step("outcome", {"kind": "rule", "rule_field": "tenure", "rule_op": "less", "rule_value": "12"}) == ""
    draft.refresh_from_db()
    assert draft.rule == {"field": "tenure", "op": "less", "value": "12"}
    assert "needs a number" in step(
        "outcome", {"kind": "rule", "rule_field": "tenure", "rule_op": "less", "rule_value": "many"}
    )


def test_filters_are_counted_before_they_are_saved(client, owner, workspace, draft, step):
    address = f"/w/{workspace.slug}/predictions/{draft.id}/wizard/records/"
    query = {"learn_field": "Contract", "learn_op": "is", "learn_value": "One year", "score_mode": "open"}
    step("records")
    shown = client.get(address, query).content.decode()
    table = pd.read_csv("tests/data/telco_small.csv", dtype=str)
    expected = int(((table["Contract"] == "One year") & table["Churn"].notna()).sum())
    assert f"{expected:,}" in shown
    draft.refresh_from_db()
    assert draft.learn_filters == []


def test_filters_that_leave_too_little_are_refused_with_the_count_needed(step):
    few = {"learn_field": "tenure", "learn_op": "is", "learn_value": "71", "score_mode": "open"}
    assert "100" in step("records", few)


def test_fields_that_name_the_record_or_give_the_answer_away_come_unticked_with_the_reason(step, holds):
    answers = ["Yes" if number % 3 else "No" for number in range(300)]
    holds(number=[f"C-{i:05}" for i in range(300)], won=answers, closed_as=["W" if a == "Yes" else "L" for a in answers], size=[i % 37 for i in range(300)],
          same=["x"] * 300)  # fmt: skip
    step("outcome", {"field": "won", "kind": "binary", "positive": "Yes"})
    shown = step("fields")
    for field in ("number", "closed_as", "same"):
        assert f'value="{field}" checked' not in shown
    assert 'value="size" checked' in shown


def test_no_field_ticked_is_refused(step):
    assert "Tick at least one field" in step("fields", {"offered": ["tenure"], "use": []})


def test_a_draft_is_kept_and_opens_at_the_first_open_question(client, owner, workspace, dataset):
    client.force_login(owner)
    begun = client.post(f"/w/{workspace.slug}/predictions/new/", {"dataset": dataset.id})
    client.post(begun.url, {"name": "Half done"})
    draft = Prediction.objects.get()
    assert client.get(f"/w/{workspace.slug}/predictions/{draft.id}/open/").url.endswith("/wizard/data/")


def test_building_begins_one_training_however_often_the_button_is_pressed(step, draft):
    step("review", {})
    step("review", {})
    assert ModelVersion.objects.filter(prediction=draft).count() == 1


@pytest.mark.parametrize("answer", ODD)
def test_odd_answers_never_break_a_screen(step, answer):
    for name in STEPS:
        if name != "review":
            step(name, dict.fromkeys(NAMES, answer))
    for name in STEPS:
        step(name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([name for name in STEPS if name != "review"]),
    st.dictionaries(st.sampled_from(NAMES), st.one_of(st.sampled_from(ODD), st.text(max_size=20))),
)
def test_no_combination_of_answers_breaks_a_screen(step, name, answers):
    step(name, {key: value.replace("\x00", "") for key, value in answers.items()})
    step(name)


@pytest.mark.parametrize("place", ["path", "query", "form"])
def test_a_null_character_is_refused_plainly(client, owner, workspace, draft, place):
    client.force_login(owner)
    address = f"/w/{workspace.slug}/predictions/{draft.id}/wizard/question/"
    answers = {
        "path": lambda: client.get(f"/w/{workspace.slug}/predictions/{draft.id}/records/%00/"),
        "query": lambda: client.get(address + "?name=%00"),
        "form": lambda: client.post(address, {"name": "a\x00b"}),
    }
    assert answers[place]().status_code == 400
