"""Who may ask others for two-step log-in, whom it keeps out until then, and what becomes of a lost phone."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.outbox.models import AccountMessage
from apps.workspaces import people
from apps.workspaces.api_keys import create_key
from apps.workspaces.models import AuditEntry, Membership, Workspace
from apps.workspaces.scope import workspace_scope
from apps.workspaces.two_steps import has_two_steps
from tests.two_steps import set_up, type_password

OVERVIEW = "/accounts/2fa/"


@pytest.fixture(autouse=True)
def _no_codes_used_yet(db):
    cache.clear()


def logged_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def with_phone(person) -> Client:
    client = logged_in(person)
    set_up(client)
    return client


def require(client, workspace, needed: str = "yes") -> str:
    """Ask for it through the page; what the page says afterwards."""
    page = client.post(f"/w/{workspace.slug}/settings/two-steps/", {"needed": needed}, follow=True)
    return page.content.decode()


def is_required(workspace) -> bool:
    with workspace_scope(workspace.id):
        return Workspace.objects.get(id=workspace.id).needs_two_steps


def reset(client, workspace, person) -> str:
    with workspace_scope(workspace.id):
        number = Membership.objects.get(user=person).id
    address = f"/w/{workspace.slug}/settings/members/{number}/reset-two-steps/"
    return client.post(address, follow=True).content.decode()


def trail(workspace) -> list[tuple[str, str, str]]:
    with workspace_scope(workspace.id):
        return list(AuditEntry.objects.order_by("id").values_list("action", "actor_name", "subject"))


def test_an_admin_without_it_cannot_require_it(owner, workspace):
    assert "Set up two-step log-in for yourself first" in require(logged_in(owner), workspace)
    assert not is_required(workspace)


@pytest.mark.parametrize("role", ["viewer", "builder"])
def test_only_admins_require_it(workspace, join, role):
    member = with_phone(join(workspace, role))
    assert member.post(f"/w/{workspace.slug}/settings/two-steps/", {"needed": "yes"}).status_code == 403
    assert not is_required(workspace)


def test_whoever_has_not_set_it_up_is_led_there_and_can_do_nothing_else_in_the_workspace(owner, workspace, join):
    builder = logged_in(join(workspace, "builder"))
    require(with_phone(owner), workspace)
    for path in ("", "datasets/", "settings/", "predictions/new/"):
        assert builder.get(f"/w/{workspace.slug}/{path}").url == OVERVIEW
    assert builder.post(f"/w/{workspace.slug}/upload/").url == OVERVIEW
    assert "Brightline asks everybody for it" in builder.get(OVERVIEW).content.decode()
    set_up(builder)
    assert builder.get(f"/w/{workspace.slug}/").status_code == 200


def test_a_part_of_a_page_leads_the_whole_page_there(owner, workspace, join):
    builder = logged_in(join(workspace, "builder"))
    require(with_phone(owner), workspace)
    answer = builder.get(f"/w/{workspace.slug}/", headers={"hx-request": "true"})
    assert answer.headers["HX-Redirect"] == OVERVIEW


def test_her_other_workspaces_stay_open(owner, workspace, join):
    builder = join(workspace, "builder")
    other = people.create_workspace("Her own", builder)
    require(with_phone(owner), workspace)
    assert logged_in(builder).get(f"/w/{other.slug}/").status_code == 200


def test_it_tells_strangers_nothing_about_a_workspace(owner, workspace, stranger):
    require(with_phone(owner), workspace)
    assert logged_in(stranger).get(f"/w/{workspace.slug}/").status_code == 404


def test_api_keys_go_on(client, owner, workspace):
    require(with_phone(owner), workspace)
    with workspace_scope(workspace.id):
        _, plain = create_key(owner, "CRM", "read")
    assert client.get("/api/v1/predictions", headers={"authorization": f"Bearer {plain}"}).status_code == 200


def test_it_can_be_taken_back_and_both_stand_in_the_trail(owner, workspace, join):
    admin = with_phone(owner)
    assert "Do not require it any more" in require(admin, workspace)
    assert "Do not require it any more" not in require(admin, workspace, "no")
    require(admin, workspace, "no")
    told = [entry for entry in trail(workspace) if "require" in entry[0]]
    assert [action for action, *_ in told] == ["two-step log-in required", "two-step log-in no longer required"]
    assert logged_in(join(workspace, "viewer")).get(f"/w/{workspace.slug}/").status_code == 200


def test_turning_off_ones_own_says_who_stays_closed_then(owner, workspace):
    admin = with_phone(owner)
    require(admin, workspace)
    assert "Brightline asks for it" in admin.get("/accounts/2fa/totp/deactivate/").content.decode()
    admin.post("/accounts/2fa/totp/deactivate/")
    assert admin.get(f"/w/{workspace.slug}/").url == OVERVIEW


def test_an_admin_resets_it_for_a_member_whose_phone_is_lost(owner, workspace, join):
    builder = join(workspace, "builder")
    hers, admin = with_phone(builder), logged_in(owner)
    assert "logs in with the password alone now" in reset(admin, workspace, builder)
    assert hers.get("/profile/").status_code == 302
    assert type_password(hers, builder) == "/"
    assert trail(workspace)[-1] == ("two-step log-in reset", "Anna", builder.email)
    assert "by Anna" in AccountMessage.objects.filter(to=builder.email).latest("id").text


def test_an_admin_cannot_reset_it_for_somebody_who_belongs_to_another_workspace_too(owner, workspace, join):
    builder = join(workspace, "builder")
    people.create_workspace("Her own", builder)
    with_phone(builder)
    assert "Ask an operator" in reset(logged_in(owner), workspace, builder)
    assert has_two_steps(builder)


def test_an_admin_cannot_reset_it_for_an_operator_or_herself(owner, workspace, join):
    operator = join(workspace, "builder")
    type(operator).objects.filter(id=operator.id).update(is_staff=True)
    with_phone(operator)
    admin = with_phone(owner)
    assert "Ask an operator" in reset(admin, workspace, operator)
    assert "under your name" in reset(admin, workspace, owner)
    assert has_two_steps(operator)
    assert has_two_steps(owner)


def test_resetting_what_is_not_there_says_so(owner, workspace, join):
    assert "has no two-step log-in" in reset(logged_in(owner), workspace, join(workspace, "viewer"))


def test_a_member_who_is_no_admin_resets_nothing(owner, workspace, join):
    with_phone(owner)
    builder = logged_in(join(workspace, "builder"))
    with workspace_scope(workspace.id):
        number = Membership.objects.get(user=owner).id
    assert builder.post(f"/w/{workspace.slug}/settings/members/{number}/reset-two-steps/").status_code == 403
    assert has_two_steps(owner)


def test_the_operators_command_resets_it_for_anybody_and_every_workspace_of_hers_is_told(owner, workspace):
    second = people.create_workspace("Second", owner)
    hers = with_phone(owner)
    call_command("reset_two_steps", owner.email.upper())
    assert not has_two_steps(owner)
    assert hers.get("/profile/").status_code == 302
    for one in (workspace, second):
        assert trail(one)[-1] == ("two-step log-in reset", "Einstein", owner.email)
    assert "by an operator" in AccountMessage.objects.filter(to=owner.email).latest("id").text


@pytest.mark.parametrize("email", ["nobody@x.example", "anna@brightline.example"])
def test_the_operators_command_says_when_there_is_nothing_to_reset(owner, email):
    with pytest.raises(CommandError, match="nobody with the address|has no two-step log-in"):
        call_command("reset_two_steps", email)


@pytest.mark.parametrize("page", ["", "mail/"])
def test_operators_need_it_before_their_pages_open_where_that_is_set(owner, settings, page):
    settings.OPERATORS_NEED_TWO_STEPS = True
    type(owner).objects.filter(id=owner.id).update(is_staff=True)
    operator = logged_in(owner)
    assert operator.get(f"/console/{page}").url == OVERVIEW
    assert "operators’ pages ask for it" in operator.get(OVERVIEW).content.decode()
    set_up(operator)
    assert operator.get(f"/console/{page}").status_code == 200


def test_operators_pages_still_do_not_exist_for_others(owner, settings):
    settings.OPERATORS_NEED_TWO_STEPS = True
    assert logged_in(owner).get("/console/").status_code == 404


def test_the_list_of_people_says_who_has_it_at_the_same_cost_for_few_and_many(
    owner, workspace, join, django_assert_num_queries
):
    join(workspace, "viewer")
    admin, address = with_phone(owner), f"/w/{workspace.slug}/settings/"
    assert admin.get(address).content.decode().count("On</span>") == 1
    with CaptureQueriesContext(connection) as few:
        admin.get(address)
    cost = len(few)
    for role in ("builder", "admin"):
        with_phone(join(workspace, role))
    with django_assert_num_queries(cost):
        page = admin.get(address).content.decode()
    assert page.count("On</span>") == 3
    assert page.count("Reset<span") == 2
