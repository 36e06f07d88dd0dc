"""REST: score records, read stored scores, mint tokens; every refusal is problem+json with a sentence."""

from __future__ import annotations

import pytest

from apps.scoring.models import Score
from apps.workspaces.api_keys import create_key, revoke_key

RECORD = {"customerID": "new-1", "tenure": 1, "Contract": "Month-to-month", "MonthlyCharges": "99,50", "TotalCharges": 99.5, "InternetService": "Fiber optic"}  # fmt: skip


@pytest.fixture
def key(inside, owner):
    made, plain = create_key(owner, "CRM", "score")
    made.header = {"Authorization": f"Bearer {plain}"}
    return made


@pytest.fixture
def reading_key(inside, owner):
    made, plain = create_key(owner, "Reader", "read")
    made.header = {"Authorization": f"Bearer {plain}"}
    return made


@pytest.fixture
def score(client, scored, key):
    def send(body, headers=None):
        address = f"/api/v1/predictions/{scored.id}/score"
        return client.post(address, body, content_type="application/json", headers=headers or key.header)

    return send


def is_problem(answer, status: int) -> bool:
    return (
        answer.status_code == status == answer.json()["status"] and answer["Content-Type"] == "application/problem+json"
    )


def test_records_in_the_body_are_scored_with_reasons(score):
    answer = score({"records": [RECORD, {**RECORD, "tenure": 70, "Contract": "Two year"}]})
    assert answer.status_code == 200, answer.json()
    risky, loyal = answer.json()["scores"]
    assert risky["score"] > loyal["score"]
    assert risky["key"] == "new-1"
    assert len(risky["reasons"]) == 3
    assert risky["reasons"][0]["words"].endswith(("raises", "lowers"))


def test_a_stored_score_is_the_same_as_the_record_scored_again(client, score, scored, key):
    from apps.datasets.records import load, newest_snapshot

    table = load(newest_snapshot(scored.dataset)).astype(object)
    stored = Score.objects.filter(prediction=scored).order_by("-value")[:5]
    records = [table[table["customerID"] == row.key].iloc[0].dropna().to_dict() for row in stored]
    again = score({"records": records}).json()["scores"]
    assert [row["score"] for row in again] == [row.value for row in stored]
    one = client.get(f"/api/v1/predictions/{scored.id}/scores/{stored[0].key}", headers=key.header).json()
    assert (one["score"], one["stale"], one["model_version"]) == (stored[0].value, False, 1)


def test_scoring_by_rest_stores_nothing(score, scored):
    before = Score.objects.count()
    score({"records": [RECORD]})
    assert Score.objects.count() == before


@pytest.mark.parametrize(
    "body",
    ["", "[", "[]", "{}", '{"records": 3}', '{"records": []}', '{"records": [1]}', '{"records": [[]]}', '{"records": [{}], "reasons": -1}',
     '{"records": [{}], "reasons": "many"}', "null", '"records"', b"\xff\xfe\x00"],
)  # fmt: skip
def test_a_body_that_does_not_fit_gets_a_problem_that_says_where(score, body):
    assert is_problem(score(body), 400)


def test_more_than_200_records_are_refused(score):
    answer = score({"records": [RECORD] * 201})
    assert is_problem(answer, 400)
    assert "200" in str(answer.json()["errors"]["records"])


@pytest.mark.parametrize(
    "record",
    [{}, {"unknown": 1}, {"tenure": "not a number"}, {"tenure": None}, {"tenure": {"deep": [1, {"er": 2}]}}, {"tenure": 1e400}, {"tenure": "\x00"},
     {"MonthlyCharges": "x" * 10_000}, {"Contract": "never seen before"}, {"customerID": ["a", "list"]}, {"customerID": 7}],
)  # fmt: skip
def test_odd_records_are_scored_or_refused_with_a_sentence_never_a_500(score, record):
    answer = score({"records": [record]})
    assert answer.status_code in {200, 400}, answer.content


def test_a_reading_key_reads_but_may_not_score_or_mint(client, score, scored, reading_key):
    from apps.deliveries.models import Widget

    widget = Widget.objects.create(prediction=scored, name="W", origins=["https://crm.example"])
    stored = Score.objects.filter(prediction=scored).first()
    assert (
        client.get(f"/api/v1/predictions/{scored.id}/scores/{stored.key}", headers=reading_key.header).status_code
        == 200
    )
    assert is_problem(score({"records": [RECORD]}, reading_key.header), 403)
    body = {"key": stored.key, "origin": "https://crm.example"}
    minted = client.post(
        f"/api/v1/widgets/{widget.id}/token", body, content_type="application/json", headers=reading_key.header
    )
    assert is_problem(minted, 403)


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}]
)
def test_without_a_good_key_there_is_a_401(client, scored, header):
    for answer in (
        client.get(f"/api/v1/predictions/{scored.id}/scores/x", headers=header),
        client.post(f"/api/v1/predictions/{scored.id}/score", "{}", content_type="application/json", headers=header),
    ):
        assert is_problem(answer, 401)
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_ends_at_once(score, key, owner):
    assert score({"records": [RECORD]}).status_code == 200
    revoke_key(owner, key)
    assert is_problem(score({"records": [RECORD]}), 401)


def test_a_prediction_without_an_enabled_version_says_so(client, draft, key):
    answer = client.post(
        f"/api/v1/predictions/{draft.id}/score",
        {"records": [RECORD]},
        content_type="application/json",
        headers=key.header,
    )
    assert is_problem(answer, 409)
    assert "no enabled version" in answer.json()["detail"]


@pytest.mark.parametrize("state", ["archived", "deleted"])
def test_an_archived_or_deleted_prediction_does_not_exist_for_rest(score, scored, state):
    scored.state = state
    scored.save()
    assert is_problem(score({"records": [RECORD]}), 404)


def test_an_unknown_key_of_a_record_is_a_404(client, scored, key):
    assert is_problem(client.get(f"/api/v1/predictions/{scored.id}/scores/nobody", headers=key.header), 404)


def test_a_keys_last_use_is_noted(score, key):
    score({"records": [RECORD]})
    key.refresh_from_db()
    assert key.last_used_at is not None


def test_the_schema_and_its_readable_page_describe_every_call(client, db):
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).content.decode()
    page = client.get("/api/docs/").content.decode()
    for path in (
        "/api/v1/predictions/{prediction_id}/score",
        "/api/v1/predictions/{prediction_id}/scores/{key}",
        "/api/v1/widgets/{widget_id}/token",
    ):
        assert path in schema
        assert path in page
