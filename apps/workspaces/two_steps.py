"""Two-step log-in: who has it, which workspaces ask for it, and the lost phone. Every change is mailed and stands in the trail."""

from __future__ import annotations

import logging

from allauth.mfa.models import Authenticator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from apps.workspaces import audit
from apps.workspaces.models import Membership, User, Workspace
from apps.workspaces.people import PeopleError, workspaces_of
from apps.workspaces.scope import workspace_scope
from apps.workspaces.sessions import end_sessions
from einstein.sealed import reseal

logger = logging.getLogger("einstein.workspaces")
SEALED = ("secret", "seed")


def has_two_steps(user: User) -> bool:
    return bool(who_has_two_steps([user.id]))


def who_has_two_steps(user_ids: list[int]) -> set[int]:
    """Those of these people who log in with a code of their phone."""
    proven = Authenticator.objects.filter(user_id__in=user_ids, type=Authenticator.Type.TOTP)
    return set(proven.values_list("user_id", flat=True))


def workspaces_asking(user: User) -> list[Workspace]:
    """Workspaces of this person that nobody enters without two-step log-in."""
    return [workspace for workspace in workspaces_of(user) if workspace.needs_two_steps]


def require_two_steps(workspace: Workspace, actor: User, needed: bool) -> None:
    """Let nobody into the workspace without it, or everybody again. Raises `PeopleError` unless the asking admin has it herself."""
    if needed and not has_two_steps(actor):
        raise PeopleError("Set up two-step log-in for yourself first: you would be the first to stay outside.")
    if workspace.needs_two_steps == needed:
        return
    workspace.needs_two_steps = needed
    workspace.save(update_fields=["needs_two_steps"])
    audit.record(actor, "two-step log-in required" if needed else "two-step log-in no longer required", workspace.name)


def reset_member(actor: User, membership: Membership) -> None:
    """For a lost phone. Raises `PeopleError` where an admin of one workspace would decide for others: only an operator may."""
    member = membership.user
    if member == actor:
        raise PeopleError("Turn off your own two-step log-in under your name.")
    if member.is_staff or len(workspaces_of(member)) > 1:
        raise PeopleError(f"{member} uses more than this workspace. Ask an operator to reset the two-step log-in.")
    if not reset(member, actor):
        raise PeopleError(f"{member} has no two-step log-in.")


@transaction.atomic
def reset(person: User, actor: User | None) -> bool:
    """Take a person's two-step log-in away and log her out everywhere; False when she has none."""
    if not has_two_steps(person):
        return False
    Authenticator.objects.filter(user=person).delete()
    end_sessions(person)
    tell(person, "two-step log-in reset", actor)
    return True


def tell(person: User, change: str, actor: User | None) -> None:
    """Mail the person what changed, and write it into the trail of each of her workspaces."""
    for workspace in workspaces_of(person):
        with workspace_scope(workspace.id):
            audit.record(actor, change, person.email)
    text = render_to_string("workspaces/email/two_steps.txt", {"change": change, "actor": actor, "person": person})
    send_mail(f"Your Einstein account: {change}", text, None, [person.email])
    logger.warning("%s: person %s, by %s", change, person.id, actor.id if actor else "an operator")


def reseal_all() -> int:
    """Seal the secrets of all people's phones with the newest key; how many."""
    numbers = list(Authenticator.objects.values_list("id", flat=True))
    for number in numbers:
        with transaction.atomic():
            _reseal(number)
    return len(numbers)


def _reseal(number: int) -> None:
    row = Authenticator.objects.select_for_update().filter(id=number).first()
    if row is not None:
        row.data |= {name: reseal(row.data[name]) for name in SEALED if name in row.data}
        row.save(update_fields=["data"])
