"""Operators get into a workspace while its admin lets them, and only then; all they do stands in its trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.console.models import OperatorEntry
from apps.workspaces import support
from apps.workspaces.models import AuditEntry, Membership, SupportGrant
from apps.workspaces.scope import workspace_scope
from tests.test_walls import address, counts, foreign_objects, names_an_object, routes

__all__ = ["foreign_objects"]


def let_in(workspace, owner, role: str = "viewer", lasts: str = "day") -> SupportGrant:
    with workspace_scope(workspace.id):
        return support.grant(owner, lasts, role)


def enter(browser, workspace):
    return browser.post(f"/console/workspaces/{workspace.id}/enter/")


def trail(workspace) -> list[tuple[str, str]]:
    with workspace_scope(workspace.id):
        found = AuditEntry.objects.filter(action__startswith="support ").order_by("id")
        return list(found.values_list("action", "actor_name"))


@pytest.fixture
def entered(ops, workspace, owner):
    let_in(workspace, owner)
    enter(ops, workspace)
    return ops


@pytest.mark.parametrize("case", ["no grant", "over", "taken back", "granted, not entered", "granted elsewhere", "granted anew"])  # fmt: skip
def test_without_a_live_grant_no_route_opens_to_an_operator(
    ops, owner, stranger, workspace, elsewhere, foreign_objects, case
):
    theirs, admin = elsewhere, stranger
    if case in {"over", "taken back", "granted anew"}:
        let_in(theirs, admin)
        enter(ops, theirs)
    if case == "granted elsewhere":
        let_in(workspace, owner)
        enter(ops, workspace)
    if case in {"granted, not entered", "granted anew"}:
        let_in(theirs, admin)
    with workspace_scope(theirs.id):
        if case == "over":
            SupportGrant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        if case == "taken back":
            support.revoke(admin)
    before, walked = counts(theirs.id), 0
    for path, _ in routes():
        if path.startswith("w/"):
            for method in (ops.get, ops.post):
                assert method(address(path, theirs.slug, foreign_objects)).status_code == 404, path
                walked += 1
    assert walked > 100 and counts(theirs.id) == before


def test_nobody_gets_in_without_having_been_let_in(ops, workspace):
    assert enter(ops, workspace).status_code == 404
    assert trail(workspace) == []


def test_staff_alone_gets_in(client, stranger, workspace, owner):
    let_in(workspace, owner)
    client.force_login(stranger)
    assert enter(client, workspace).status_code == 404
    session = client.session
    session[support.ENTERED] = {"grant": 1, "workspace": workspace.id}
    session.save()
    assert client.get(f"/w/{workspace.slug}/").status_code == 404


def test_every_page_says_who_looks_and_until_when(entered, workspace):
    for path in ("", "datasets/", "predictions/", "alerts/", "settings/"):
        page = entered.get(f"/w/{workspace.slug}/{path}").content.decode()
        assert "You are looking at Brightline as support, until" in page and "look and change nothing" in page


def test_a_visit_and_every_write_stand_in_the_customers_trail(ops, workspace, owner):
    let_in(workspace, owner, "builder")
    enter(ops, workspace)
    ops.get(f"/w/{workspace.slug}/datasets/")
    ops.post(f"/w/{workspace.slug}/predictions/new/", {"dataset": "none"})
    ops.post(f"/console/workspaces/{workspace.id}/leave/")
    who = "Ops (operator, ops@einstein.example)"
    assert trail(workspace)[1:] == [("support came in", who), ("support sent a form", who), ("support went out", who)]
    assert ops.get(f"/w/{workspace.slug}/").status_code == 404
    lines = OperatorEntry.objects.filter(workspace_number=workspace.id).order_by("id")
    assert list(lines.values_list("action", flat=True)) == ["entered as support", "left as support"]


def test_who_goes_into_another_workspace_goes_out_of_the_first(ops, workspace, elsewhere, owner, stranger):
    let_in(workspace, owner)
    let_in(elsewhere, stranger)
    enter(ops, workspace)
    enter(ops, elsewhere)
    assert ops.get(f"/w/{workspace.slug}/").status_code == 404
    assert ops.get(f"/w/{elsewhere.slug}/").status_code == 200
    assert trail(workspace)[-1][0] == "support went out"


@pytest.mark.parametrize(("role", "wanting"), [("viewer", {"builder", "admin"}), ("builder", {"admin"})])
def test_an_operator_may_do_no_more_than_was_granted(ops, owner, workspace, foreign_objects, role, wanting):
    let_in(workspace, owner, role)
    enter(ops, workspace)
    refused = 0
    for path, item in routes():
        if path.startswith("w/") and item.callback.role in wanting:
            for method in (ops.get, ops.post):
                assert method(address(path, workspace.slug, foreign_objects)).status_code == 403, path
                refused += 1
    assert refused > 20
    with workspace_scope(workspace.id):
        assert SupportGrant.objects.count() == 1 and Membership.objects.count() == 1


def test_pages_that_may_be_looked_at_open(ops, owner, workspace, foreign_objects):
    let_in(workspace, owner, "builder")
    enter(ops, workspace)
    for path, item in routes():
        if path.startswith("w/") and item.callback.role != "admin" and not names_an_object(path):
            answer = ops.get(address(path, workspace.slug, foreign_objects))
            assert answer.status_code in {200, 302, 404, 405}, (path, answer.status_code)


def test_an_admin_lets_operators_in_and_takes_it_back_at_once(client, owner, workspace, staff, django_user_model):
    client.force_login(owner)
    page = f"/w/{workspace.slug}/settings/support/"
    assert "No operator was ever let in." in client.get(page).content.decode()
    said = client.post(page, {"lasts": "hour", "role": "viewer"}, follow=True).content.decode()
    assert "Operators may look in until" in said and "Anna let them in" in said
    with workspace_scope(workspace.id):
        [grant] = SupportGrant.objects.all()
    assert timedelta(minutes=59) < grant.expires_at - grant.created_at < timedelta(minutes=61)
    other = type(client)()
    other.force_login(staff)
    enter(other, workspace)
    assert other.get(f"/w/{workspace.slug}/").status_code == 200
    client.post(f"{page}revoke/")
    assert other.get(f"/w/{workspace.slug}/").status_code == 404


@pytest.mark.parametrize("body", [{}, {"lasts": "year", "role": "viewer"}, {"lasts": "hour", "role": "admin"}])
def test_no_other_time_or_role_can_be_granted(client, owner, workspace, body):
    client.force_login(owner)
    assert client.post(f"/w/{workspace.slug}/settings/support/", body).status_code == 200
    with workspace_scope(workspace.id):
        assert not SupportGrant.objects.exists()


def test_a_new_grant_replaces_the_one_before(workspace, owner):
    let_in(workspace, owner, "builder", "week")
    let_in(workspace, owner)
    with workspace_scope(workspace.id):
        assert list(SupportGrant.objects.filter(revoked_at=None).values_list("role", flat=True)) == ["viewer"]


def test_an_operator_who_is_a_member_stays_one(ops, staff, workspace):
    with workspace_scope(workspace.id):
        Membership.objects.create(user=staff, role="admin")
    page = ops.get(f"/w/{workspace.slug}/settings/keys/").content.decode()
    assert "as support" not in page
