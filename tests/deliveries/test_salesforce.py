"""Scores into fields of Salesforce records: found by key, each for itself, what is refused for now kept and tried again."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.deliveries import plan as planning
from apps.deliveries import setup
from apps.deliveries.channels.base.table import Target
from apps.outbox.models import Attempt, Sending
from apps.runs.models import Run
from tests.deliveries.conftest import newest, with_scores

COLUMNS = {"score": "Score__c", "band": "Band__c", "reasons": "Why__c", "as_of": "Scored__c"}
TYPES = {"Score__c": "double", "Band__c": "picklist", "Why__c": "string", "Scored__c": "datetime"}


@pytest.fixture
def org(salesforce, history):
    """Accounts that know the records by a number of their own; one record is not there."""
    rows = [
        {"Id": f"001{n:012d}AAA", "CustomerNumber__c": key, "Name": key, **dict.fromkeys(TYPES)}
        for n, key in enumerate(history["key"].tolist()[:-1])
    ]
    salesforce.put("Account", rows, **TYPES)
    salesforce.lengths["Account"] = {"Why__c": 60}
    return salesforce


@pytest.fixture
def to_accounts(org, make_delivery):
    target = Target("", "Account", "CustomerNumber__c", COLUMNS)
    return make_delivery("salesforce", org.settings, org.secret, target=target, hold_percent=0, expires_days=7)


def held(org) -> dict[str, dict]:
    return {record["CustomerNumber__c"]: record for record in org.records["Account"].values()}


def due(delivery) -> None:
    Sending.objects.filter(destination_id=delivery.id, state="waiting").update(due_at=timezone.now())


def test_scores_go_into_the_fields_of_the_records_they_belong_to(org, to_accounts, deliver, owner, history):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert sending.state == "arrived", sending.last_error
    assert (sending.expected, sending.acknowledged) == (len(history), len(history) - 1)
    assert sending.outcome["missing_keys"] == [history["key"].iloc[-1]]
    for row in history.iloc[:-1].itertuples():
        record = held(org)[row.key]
        assert (record["Score__c"], record["Band__c"], record["Name"]) == (row.value, row.band.capitalize(), row.key)
        assert len(record["Why__c"]) <= 60
        assert record["Scored__c"].endswith("Z")


def test_only_changed_records_are_written_the_next_time(org, to_accounts, deliver, owner, score_again, history):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    first = history["key"].iloc[0]
    record = held(org)[first]
    others = {key: dict(each) for key, each in held(org).items() if key != first}
    score_again(with_scores(**{first.replace("-", "_"): 0.0123}))
    deliver(to_accounts)
    assert record["Score__c"] == 0.0123
    assert {key: each for key, each in held(org).items() if key != first} == others
    assert newest(to_accounts).outcome["changed"] == 1


def test_what_is_refused_for_now_is_kept_and_only_that_is_tried_again(org, to_accounts, deliver, owner, history):
    locked = [f"001{n:012d}AAA" for n in (1, 5)]
    for number in locked:
        org.refusals[number] = [("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")]
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert sending.state == "waiting"
    assert "2 of" in sending.last_error and "exclusive access" in sending.last_error
    assert (sending.expected, sending.acknowledged) == (len(history), len(history) - 3)
    before = sum(call.startswith("PATCH") for call in org.asked)
    due(to_accounts)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert (sending.state, sending.acknowledged) == ("arrived", len(history) - 1)
    assert sum(call.startswith("PATCH") for call in org.asked) == before + 1
    assert all(record["Score__c"] is not None for record in org.records["Account"].values())
    assert Attempt.objects.filter(sending=sending).count() == 2


def test_what_is_refused_for_good_is_listed_and_tried_with_the_next_scores(
    org, to_accounts, deliver, owner, client, workspace, score_again
):
    org.refusals["001000000000003AAA"] = [("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Closed accounts may not change")]
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert sending.state == "arrived"
    assert sending.outcome["refused"] == 1
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{to_accounts.prediction_id}/deliveries/{to_accounts.id}/")
    assert "1 refused, such as" in page.content.decode()
    assert "Closed accounts may not change" in page.content.decode()
    score_again(lambda table: table)
    deliver(to_accounts)
    assert org.records["Account"]["001000000000003AAA"]["Score__c"] is not None


def test_trying_out_shows_what_would_change_and_writes_nothing(org, to_accounts, perform_runs, owner, history):
    setup.try_out(to_accounts, owner)
    perform_runs()
    outcome = Run.objects.filter(kind="dry_run").latest("id").outcome
    assert (outcome["matched"], outcome["missing"]) == (len(history) - 1, 1)
    assert outcome["shown"][0]["key"] == history["key"].iloc[0]
    assert all(record["Score__c"] is None for record in org.records["Account"].values())
    assert not any(call.startswith("PATCH") for call in org.asked)


def test_the_last_run_is_undone_also_when_it_took_two_attempts(org, to_accounts, deliver, owner, score_again, history):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    before = {key: dict(record) for key, record in held(org).items()}
    org.refusals["001000000000000AAA"] = [("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")]
    keys = [key.replace("-", "_") for key in history["key"].iloc[:3]]
    score_again(with_scores(**dict.fromkeys(keys, 0.0123)))
    deliver(to_accounts)
    due(to_accounts)
    deliver(to_accounts)
    assert held(org)[history["key"].iloc[0]]["Score__c"] == 0.0123
    planning.undo(newest(to_accounts), to_accounts, owner)
    deliver(to_accounts)
    assert newest(to_accounts).state == "arrived", newest(to_accounts).last_error
    assert {key: dict(record) for key, record in held(org).items()} == before


def test_the_pages_offer_objects_and_the_fields_that_can_be_written(org, to_accounts, client, owner, workspace):
    client.force_login(owner)
    base = f"/w/{workspace.slug}/predictions/{to_accounts.prediction_id}/deliveries/{to_accounts.id}/target/"
    first = client.get(base + "?other=1").content.decode()
    assert "Which object?" in first and "Account" in first and "A new table" not in first
    second = client.post(base, {"choice": '["", "Account"]'}).content.decode()
    assert "What goes into which field?" in second
    key = second.split('name="key"')[1].split("</select>")[0]
    assert "CustomerNumber__c" in key and "Score__c" not in key
    score = second.split('name="score"')[1].split("</select>")[0]
    assert '<option value="Score__c" selected' in score and "SystemModstamp" not in score
    refused = client.post(base, {"choice": "own"})
    assert refused.status_code == 200


def test_a_field_that_is_gone_is_named(org, to_accounts, deliver, owner):
    del org.types["Account"]["Band__c"]
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    assert "shows no field Band__c in Account any more" in newest(to_accounts).last_error


def test_what_was_taken_before_the_connection_broke_off_is_not_sent_again(
    org, to_accounts, deliver, owner, history, monkeypatch
):
    monkeypatch.setattr("apps.deliveries.channels.salesforce.MOST_IN_A_COLLECTION", 50)
    sent = []

    def break_off(call) -> None:
        sent.append(call)
        if len(sent) == 3:
            org.troubles.append(("/composite/", 503, "SERVER_UNAVAILABLE", "try again"))

    original = org._updated
    monkeypatch.setattr(
        org,
        "_updated",
        lambda record: (break_off(record) if record["id"].endswith("0AAA") else None) or original(record),
    )
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    first = newest(to_accounts)
    assert first.state == "waiting"
    assert 0 < first.acknowledged < len(history) - 1
    asked = len(org.asked)
    due(to_accounts)
    deliver(to_accounts)
    assert newest(to_accounts).state == "arrived"
    assert sum(call.startswith("PATCH") for call in org.asked[asked:]) < 4
    assert all(record["Score__c"] is not None for record in org.records["Account"].values())


def test_an_undo_that_salesforce_refuses_in_part_says_so(org, to_accounts, deliver, owner):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    org.refusals["001000000000002AAA"] = [("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Closed accounts may not change")]
    planning.undo(newest(to_accounts), to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert sending.state == "dead"
    assert "1 of 199 records could not be put back" in sending.last_error


def test_another_target_forgets_what_an_attempt_on_the_first_one_noted(org, to_accounts, deliver, owner):
    org.refusals["001000000000001AAA"] = [("UNABLE_TO_LOCK_ROW", "locked")]
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    assert "before" in newest(to_accounts).facts
    setup.point_at(to_accounts, Target("", "Account", "CustomerNumber__c", {"score": "Score__c"}), owner)
    assert not {"before", "ledger_before"} & newest(to_accounts).facts.keys()


def test_only_fields_that_are_compared_as_text_are_offered_as_keys(org, to_accounts, client, owner, workspace):
    org.types["Account"]["CustomerNumber__c"] = "double"
    client.force_login(owner)
    base = f"/w/{workspace.slug}/predictions/{to_accounts.prediction_id}/deliveries/{to_accounts.id}/target/"
    page = client.post(base, {"choice": '["", "Account"]'}).content.decode()
    assert "CustomerNumber__c" not in page.split('name="key"')[1].split("</select>")[0]
