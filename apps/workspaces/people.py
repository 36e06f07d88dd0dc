"""Workspaces and the people in them: create, invite, accept, change a role, remove."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection
from django.db.models import F
from django.template.loader import render_to_string
from django.utils.text import slugify

from apps.workspaces import audit
from apps.workspaces.models import ROLES, ApiKey, Invitation, Membership, User, Workspace
from apps.workspaces.quotas import require
from apps.workspaces.scope import person_scope, workspace_scope
from apps.workspaces.sessions import end_sessions
from einstein.postgres import moment

INVITATION_DAYS = 7


class PeopleError(Exception):
    """Why a change of people is refused, as a sentence for the person who asked."""


def create_workspace(name: str, owner: User, timezone_name: str = "UTC") -> Workspace:
    """Create a workspace with its first admin."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('workspaces_workspace', 'id'))")
        workspace_id = cursor.fetchone()[0]
    with workspace_scope(workspace_id):
        slug = f"{slugify(name)[:40] or 'workspace'}-{secrets.token_hex(3)}"
        workspace = Workspace.objects.create(id=workspace_id, name=name, slug=slug, timezone=timezone_name)
        Membership.objects.create(user=owner, role="admin")
        audit.record(owner, "workspace created", name)
    return workspace


def workspaces_of(user: User) -> list[Workspace]:
    """The workspaces a person is a member of, by name."""
    with person_scope(user.id):
        return list(Workspace.objects.order_by("name", "id"))


def has_verified_email(user: User) -> bool:
    return bool(confirmed([user]))


def confirmed(people: list[User]) -> list[User]:
    """Those whose own address, the one they log in with, was confirmed."""
    proven = EmailAddress.objects.filter(user__in=people, verified=True, email__iexact=F("user__email"))
    known = set(proven.values_list("user_id", flat=True))
    return [person for person in people if person.id in known]


def confirmed_addresses() -> set[str]:
    """The confirmed addresses of the workspace's members, in small letters."""
    people = [member.user for member in Membership.objects.select_related("user").filter(user__is_active=True)]
    return {person.email.lower() for person in confirmed(people)}


def responsible(owner_id: int | None) -> list[User]:
    """Whom to tell about something: its owner while she is a member with a confirmed address, else the admins who have one."""
    members = Membership.objects.select_related("user").filter(user__is_active=True)
    owner = [member.user for member in members.filter(user_id=owner_id)]
    admins = [member.user for member in members.filter(role="admin").order_by("id")]
    return confirmed(owner) or confirmed(admins)


def invite(workspace: Workspace, inviter: User, email: str, role: str) -> tuple[Invitation, str]:
    """Open an invitation and return it with its secret token; the caller mails it."""
    if role not in ROLES:
        raise PeopleError("Choose viewer, builder or admin.")
    if not has_verified_email(inviter):
        raise PeopleError("Confirm your own e-mail address first. We sent you a link when you signed up.")
    if Membership.objects.filter(user__email__iexact=email).exists():
        raise PeopleError(f"{email} is a member already.")
    if not Invitation.objects.filter(email__iexact=email, accepted_at=None).delete()[
        0
    ]:  # who was invited counts already
        require("members")
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email.lower(), role=role, token_hash=hash_token(token), invited_by=inviter,
        expires_at=moment.now() + timedelta(days=INVITATION_DAYS),
    )  # fmt: skip
    audit.record(inviter, "invitation sent", email, role=role)
    return invitation, token


def send_invitation(workspace: Workspace, inviter: User, email: str, role: str) -> Invitation:
    """Invite and mail the link. The mail goes out after the transaction stands."""
    invitation, token = invite(workspace, inviter, email, role)
    context = {"workspace": workspace, "inviter": inviter, "url": invitation_url(token), "role": role}
    subject = f"{inviter} invites you to {workspace.name} on Einstein"
    send_mail(subject, render_to_string("workspaces/email/invitation.txt", context), None, [email])
    return invitation


def find_invitation(token: str) -> tuple[int, int] | None:
    """(workspace id, invitation id) of an open invitation, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM open_invitation(%s)", [hash_token(token)])
        return cursor.fetchone()


def accept_invitation(user: User, token: str) -> Workspace:
    """Make the invited person a member. The token came by mail, so it also proves the address."""
    found = find_invitation(token)
    if found is None:
        raise PeopleError("This invitation was used, withdrawn or is older than 7 days. Ask for a new one.")
    workspace_id, invitation_id = found
    with workspace_scope(workspace_id):
        invitation = Invitation.objects.select_for_update().get(id=invitation_id)
        if user.email.lower() != invitation.email.lower():
            raise PeopleError(f"This invitation is for {invitation.email}. Log in with that address to accept it.")
        if invitation.accepted_at:
            raise PeopleError("This invitation was used already.")
        invitation.accepted_at = moment.now()
        invitation.save(update_fields=["accepted_at"])
        Membership.objects.get_or_create(user=user, defaults={"role": invitation.role, "workspace_id": workspace_id})
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
        audit.record(user, "invitation accepted", user.email, role=invitation.role)
        return Workspace.objects.get(id=workspace_id)


def change_role(actor: User, membership: Membership, role: str) -> None:
    if role not in ROLES:
        raise PeopleError("Choose viewer, builder or admin.")
    if membership.role == "admin" and role != "admin":
        _keep_one_admin(membership)
    audit.record(actor, "role changed", membership.user.email, before=membership.role, after=role)
    membership.role = role
    membership.save(update_fields=["role"])


def remove_member(actor: User, membership: Membership) -> None:
    """End a membership together with the person's sessions and keys, at once."""
    _keep_one_admin(membership)
    user = membership.user
    ApiKey.objects.filter(created_by=user, revoked_at=None).update(revoked_at=moment.now())
    membership.delete()
    if user != actor:  # who leaves by herself reads that she has
        end_sessions(user)
    audit.record(actor, "member removed", user.email)


def hash_token(token: str) -> str:
    """Tokens are long and random, so one plain SHA-256 is enough to keep them unreadable in the database."""
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_url(token: str) -> str:
    return f"{settings.PUBLIC_URL}/invitations/{token}/"


def _keep_one_admin(membership: Membership) -> None:
    admins = Membership.objects.select_for_update().filter(role="admin")
    if membership.role == "admin" and len(admins) == 1:
        raise PeopleError("A workspace needs an admin. Make somebody else admin first.")
