"""What operators see of workspaces, and what they did: names, admins and counts; never a record."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone

from apps.console.log import note
from apps.console.models import OperatorEntry
from apps.runs.models import Run
from apps.workspaces.models import AuditEntry, QuotaOverride, Usage
from apps.workspaces.people import create_workspace
from apps.workspaces.quotas import set_quota
from apps.workspaces.scope import workspace_scope

CONSOLE = ["", "failures/", "workspaces/", "workspaces/{}/", "drains/", "log/"]
DEEDS = ["failures/retry/", "workspaces/{}/runs/1/retry/", "workspaces/{}/pause/", "workspaces/{}/resume/", "workspaces/{}/enter/", "workspaces/{}/quota/", "workspaces/{}/leave/",
         "drains/start/", "drains/end/"]  # fmt: skip


def listed(page: str) -> list[str]:
    return re.findall(r'class="cell-link" href="[^"]*">([^<]*)</a>', page)


@pytest.mark.parametrize("path", [*CONSOLE, *DEEDS])
def test_nothing_of_the_console_exists_for_customers(client, owner, workspace, path):
    client.force_login(owner)
    for method in (client.get, client.post):
        assert method("/console/" + path.format(workspace.id)).status_code == 404


@pytest.mark.parametrize("path", DEEDS)
def test_a_deed_needs_a_form_of_this_site(staff, workspace, path):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    assert browser.post("/console/" + path.format(workspace.id), {"reason": "x", "part": "all"}).status_code == 403
    assert not OperatorEntry.objects.exists()


def test_the_worst_comes_first(ops, workspace, elsewhere, owner):
    quiet = create_workspace("Quiet", owner)
    with workspace_scope(workspace.id):
        Run.objects.create(kind="score", subject_id=1, due_at=timezone.now() - timedelta(minutes=20))
    with workspace_scope(elsewhere.id):
        Run.objects.create(kind="score", subject_id=1, state="failed", ended_at=timezone.now(), error="Zonk.")
    page = ops.get("/console/workspaces/").content.decode()
    assert listed(page) == ["Elsewhere", "Brightline", quiet.name]
    assert "anna@brightline.example" in page and "the oldest 20 min" in page


@pytest.mark.parametrize(
    ("sought", "found"),
    [("bright", ["Brightline"]), ("STRANGER@", ["Elsewhere"]), ("%", []), ("number", ["Elsewhere"]), ("' OR 1=1", [])],
)
def test_a_workspace_is_found_by_number_name_or_address(ops, workspace, elsewhere, sought, found):
    sought = str(elsewhere.id) if sought == "number" else sought
    page = ops.get("/console/workspaces/", {"q": sought}).content.decode()
    assert listed(page) == found


def test_a_hundred_are_on_a_page_at_the_same_cost(ops, owner, workspace, django_assert_max_num_queries):
    for number in range(101):
        create_workspace(f"Company {number}", owner)
    ops.get("/console/log/")  # the first page of a log-in notes where it is
    with django_assert_max_num_queries(8):
        page = ops.get("/console/workspaces/").content.decode()
    assert len(listed(page)) == 100 and "1 to 100 of 102" in page
    assert len(listed(ops.get("/console/workspaces/?page=2&q=").content.decode())) == 2


def test_a_workspaces_page_counts_and_shows_no_record(ops, scored):
    page = ops.get(f"/console/workspaces/{scored.workspace_id}/").content.decode()
    assert "Brightline" in page and "1 champion" in page and "anna@brightline.example" in page
    for theirs in ("MonthlyCharges", "telco", "7590", "Churn"):
        assert theirs not in page


def test_the_fullest_quota_is_shown_and_comes_first_among_equals(ops, workspace, elsewhere):
    with workspace_scope(elsewhere.id):
        Usage.objects.create(kind="predictions", used=9, measured_at=timezone.now())
    set_quota(elsewhere.id, "predictions", 10, None)
    page = ops.get("/console/workspaces/").content.decode()
    assert listed(page) == ["Elsewhere", "Brightline"] and "90%" in page
    assert "9 of 10" in ops.get(f"/console/workspaces/{elsewhere.id}/").content.decode()


@pytest.mark.parametrize(
    ("typed", "value"), [("200", 200), ("80 GB", 80 * 1024**3), ("1,000", 1000), ("2tb", 2 * 1024**4), ("", None)]
)
def test_an_operator_raises_a_quota_and_both_logs_say_so(ops, workspace, typed, value):
    set_quota(workspace.id, "predictions", 3, None)
    ops.post(f"/console/workspaces/{workspace.id}/quota/", {"kind": "predictions", "value": typed})
    with workspace_scope(workspace.id):
        assert QuotaOverride.objects.values_list("value", flat=True).first() == value
        entry = AuditEntry.objects.filter(action="quota changed").order_by("-id").first()
    assert entry.actor_name == "Ops (operator, ops@einstein.example)"
    assert OperatorEntry.objects.get().action == "quota changed"


@pytest.mark.parametrize("body", [{"kind": "nonsense", "value": "1"}, {"kind": "predictions", "value": "-1"}, {"kind": "predictions", "value": "many"},
                                  {"kind": "predictions", "value": "9" * 18 + " TB"}])  # fmt: skip
def test_a_limit_that_is_none_is_refused_in_words(ops, workspace, body):
    page = ops.post(f"/console/workspaces/{workspace.id}/quota/", body, follow=True).content.decode()
    assert "notice bad" in page and not OperatorEntry.objects.exists()


def test_a_workspace_that_is_none_is_404_and_costs_the_same_however_full(ops, scored, django_assert_max_num_queries):
    assert ops.get("/console/workspaces/999999/").status_code == 404
    with django_assert_max_num_queries(32):
        ops.get(f"/console/workspaces/{scored.workspace_id}/")


def test_the_front_page_draws_the_last_hour_with_words(ops, workspace):
    with workspace_scope(workspace.id):
        Run.objects.bulk_create(
            Run(kind="score", subject_id=n, state="succeeded", ended_at=timezone.now() - timedelta(minutes=5))
            for n in range(7)
        )
    page = ops.get("/console/").content.decode()
    assert "7 runs ended within the hour" in page
    assert "Runs that ended in each of the last 60 minutes: 7 in all, at most 7 a minute, 0 in the newest." in page


def test_the_operators_log_can_be_added_to_and_nothing_else(ops, staff):
    note(staff, "did something", "to something", 7)
    page = ops.get("/console/log/").content.decode()
    assert "Did something" in page and staff.email in page
    for deed in (OperatorEntry.objects.all().delete, lambda: OperatorEntry.objects.update(subject="else")):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            deed()


def test_the_log_teaches_before_there_is_anything(ops):
    assert "Nothing was done yet" in ops.get("/console/log/").content.decode()
