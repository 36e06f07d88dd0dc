"""Who is in a workspace, who leaves it, and what ends with them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from apps.outbox.models import AccountMessage
from apps.workspaces import people
from apps.workspaces.api_keys import create_key, workspace_of_key
from apps.workspaces.models import AuditEntry, Invitation, Membership
from apps.workspaces.people import responsible
from apps.workspaces.scope import workspace_scope


def membership(workspace, user) -> Membership:
    with workspace_scope(workspace.id):
        return Membership.objects.get(user=user)


def is_member(workspace, user) -> bool:
    with workspace_scope(workspace.id):
        return Membership.objects.filter(user=user).exists()


def invite_by_mail(client, workspace, email: str, role: str = "builder") -> str:
    """Invite through the page and return the link that was mailed."""
    client.post(f"/w/{workspace.slug}/settings/invite/", {"email": email, "role": role})
    message = AccountMessage.objects.get(to=email)
    return re.search(r"/invitations/\S+/", message.text).group()


@pytest.mark.parametrize("answer", [{"action": "remove"}, {"role": "viewer"}])
def test_the_last_admin_can_neither_leave_nor_step_down(client, owner, workspace, answer):
    client.force_login(owner)
    mine = membership(workspace, owner)
    client.post(f"/w/{workspace.slug}/settings/members/{mine.id}/", answer)
    assert membership(workspace, owner).role == "admin"
    page = client.get(f"/w/{workspace.slug}/settings/")
    assert "A workspace needs an admin" in page.content.decode()


def test_an_admin_may_leave_when_another_admin_stays(client, owner, workspace, join):
    join(workspace, "admin")
    client.force_login(owner)
    answer = client.post(
        f"/w/{workspace.slug}/settings/members/{membership(workspace, owner).id}/", {"action": "remove"}
    )
    assert answer.status_code == 302
    assert not is_member(workspace, owner)


def test_a_removed_members_sessions_keys_and_alert_routes_end_at_once(
    client, owner, workspace, join, django_user_model
):
    from django.test import Client

    builder = join(workspace, "builder")
    hers = Client()
    hers.force_login(builder)
    assert hers.get(f"/w/{workspace.slug}/").status_code == 200
    with workspace_scope(workspace.id):
        from apps.datasets.models import Dataset
        from apps.predictions.models import Prediction

        prediction = Prediction.objects.create(name="Hers", dataset=Dataset.objects.create(name="D"), owner=builder)
        _, plain = create_key(builder, "Hers", "score")
        assert responsible(prediction.owner_id) == [builder]
    assert workspace_of_key(f"Bearer {plain}")

    client.force_login(owner)
    client.post(f"/w/{workspace.slug}/settings/members/{membership(workspace, builder).id}/", {"action": "remove"})

    assert hers.get(f"/w/{workspace.slug}/").status_code == 302  # logged out everywhere
    hers.force_login(builder)
    assert hers.get(f"/w/{workspace.slug}/").status_code == 404
    assert workspace_of_key(f"Bearer {plain}") is None
    with workspace_scope(workspace.id):
        assert responsible(prediction.owner_id) == [owner]


def test_alerts_go_to_the_owner_then_to_admins_and_only_to_confirmed_addresses(workspace, owner, join):
    from apps.datasets.models import Dataset
    from apps.predictions.models import Prediction

    builder = join(workspace, "builder")
    with workspace_scope(workspace.id):
        prediction = Prediction.objects.create(name="P", dataset=Dataset.objects.create(name="D"), owner=builder)
        assert responsible(prediction.owner_id) == [builder]
        EmailAddress.objects.filter(user=builder).update(verified=False)
        assert responsible(prediction.owner_id) == [owner]
        EmailAddress.objects.filter(user=owner).update(verified=False)
        assert responsible(prediction.owner_id) == []


def test_an_invited_person_joins_with_the_mailed_link(client, owner, workspace, make_user):
    client.force_login(owner)
    link = invite_by_mail(client, workspace, "mara@brightline.example", "viewer")
    mara = make_user("mara@brightline.example", verified=False)
    client.force_login(mara)
    assert client.get(link).status_code == 200
    assert not is_member(workspace, mara)
    client.post(link)
    assert membership(workspace, mara).role == "viewer"
    assert people.has_verified_email(mara)


def test_an_invitation_works_once_and_only_for_its_address(client, owner, workspace, make_user):
    client.force_login(owner)
    link = invite_by_mail(client, workspace, "mara@brightline.example")
    thief = make_user("thief@elsewhere.example")
    client.force_login(thief)
    assert "This invitation is for mara@brightline.example" in client.post(link).content.decode()
    assert not is_member(workspace, thief)
    client.force_login(make_user("mara@brightline.example"))
    client.post(link)
    assert "was used, withdrawn or is older" in client.post(link).content.decode()


def test_a_withdrawn_or_old_invitation_opens_nothing(client, owner, workspace, make_user):
    client.force_login(owner)
    old = invite_by_mail(client, workspace, "old@brightline.example")
    withdrawn = invite_by_mail(client, workspace, "withdrawn@brightline.example")
    with workspace_scope(workspace.id):
        Invitation.objects.filter(email="old@brightline.example").update(
            expires_at=timezone.now() - timedelta(minutes=1)
        )
        found = Invitation.objects.get(email="withdrawn@brightline.example")
    client.post(f"/w/{workspace.slug}/settings/invitations/{found.id}/withdraw/")
    for link in (old, withdrawn):
        client.force_login(make_user(f"{link[-8:-1].lower()}@x.example"))
        assert "was used, withdrawn or is older" in client.get(link).content.decode()


def test_a_person_with_an_unconfirmed_address_cannot_invite(client, owner, workspace):
    EmailAddress.objects.filter(user=owner).update(verified=False)
    client.force_login(owner)
    client.post(f"/w/{workspace.slug}/settings/invite/", {"email": "mara@brightline.example", "role": "viewer"})
    assert not AccountMessage.objects.filter(to="mara@brightline.example").exists()
    assert "Confirm your own e-mail address first" in client.get(f"/w/{workspace.slug}/settings/").content.decode()


def test_switching_leads_to_the_other_workspace_and_shows_only_its_things(client, owner, workspace):
    other = people.create_workspace("Second company", owner)
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/").content.decode()
    assert f"/w/{other.slug}/" in page
    assert client.get(f"/w/{other.slug}/").status_code == 200


def test_an_api_key_is_shown_once_and_stored_hashed(client, owner, workspace):
    client.force_login(owner)
    address = f"/w/{workspace.slug}/settings/keys/"
    shown = re.search(r"ek_[\w-]{30,}", client.post(address, {"name": "CRM", "scope": "read"}).content.decode()).group()
    assert shown not in client.get(address).content.decode()
    with workspace_scope(workspace.id):
        from apps.workspaces.models import ApiKey

        key = ApiKey.objects.get()
    assert shown not in (key.key_hash, key.prefix)
    assert workspace_of_key(f"Bearer {shown}") == (workspace.id, key.id)
    client.post(f"/w/{workspace.slug}/settings/keys/{key.id}/revoke/")
    assert workspace_of_key(f"Bearer {shown}") is None


def test_the_audit_trail_names_who_did_what_and_nobody_can_rewrite_it(client, owner, workspace):
    from django.db import ProgrammingError, transaction

    client.force_login(owner)
    client.post(f"/w/{workspace.slug}/settings/keys/", {"name": "CRM", "scope": "read"})
    page = client.get(f"/w/{workspace.slug}/settings/audit/").content.decode()
    assert "API key created" in page
    assert "CRM" in page
    for attempt in (lambda: AuditEntry.objects.update(action="nothing"), lambda: AuditEntry.objects.all().delete()):
        with (
            workspace_scope(workspace.id),
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
        ):
            attempt()


def test_sign_up_sends_a_mail_that_confirms_the_address(client, db):
    client.post(
        "/accounts/signup/",
        {"email": "new@x.example", "name": "New", "password1": "a long enough password", "company": "New Co"},
    )
    message = AccountMessage.objects.get(to="new@x.example")
    link = re.search(r"/accounts/confirm-email/\S+/", message.text).group()
    assert not EmailAddress.objects.get(email="new@x.example").verified
    client.post(link)
    assert EmailAddress.objects.get(email="new@x.example").verified


def test_a_forgotten_password_is_reset_by_mail(client, owner):
    client.post("/accounts/password/reset/", {"email": owner.email})
    link = re.search(r"/accounts/password/reset/key/\S+/", AccountMessage.objects.get(to=owner.email).text).group()
    page = client.get(link, follow=True)
    client.post(page.request["PATH_INFO"], {"password1": "another long password", "password2": "another long password"})
    assert client.login(email=owner.email, password="another long password")


def test_a_reset_for_an_unknown_address_gives_nothing_away(client, db, owner):
    known = client.post("/accounts/password/reset/", {"email": owner.email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@x.example"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


def test_create_operator_makes_a_person_who_reads_the_kept_mail(client, db, capsys):
    from django.core.management import call_command

    from apps.workspaces.models import User

    call_command("create_operator", "ops@x.example")
    operator = User.objects.get(email="ops@x.example")
    assert operator.is_staff
    client.force_login(operator)
    assert client.get("/console/mail/").status_code == 200


def test_an_invited_stranger_signs_up_and_lands_in_the_workspace_that_invited_her(client, owner, workspace):
    from django.test import Client

    from apps.workspaces.models import User

    client.force_login(owner)
    link = invite_by_mail(client, workspace, "mara@brightline.example", "viewer")
    hers = Client()
    assert hers.get(link).url == "/accounts/signup/"
    assert "Company" not in hers.get("/accounts/signup/").content.decode()
    answer = hers.post(
        "/accounts/signup/", {"email": "mara@brightline.example", "name": "Mara", "password1": "a long enough password"}
    )
    assert answer.status_code == 302, answer.content.decode()
    assert hers.get("/").url == link
    hers.post(link)
    assert [found.id for found in people.workspaces_of(User.objects.get(name="Mara"))] == [workspace.id]


def test_links_in_mails_never_follow_a_forged_host(client, owner, settings):
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/accounts/password/reset/", {"email": owner.email}, headers={"host": "evil.example"})
    text = AccountMessage.objects.get(to=owner.email).text
    assert "evil.example" not in text
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in text
    assert "Choose it here" in text
