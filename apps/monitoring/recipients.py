"""Whom an incident concerns: the people named for its predictions, else their owners, each with how soon and when not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from apps.monitoring.checks import GRAVITY
from apps.monitoring.models import Alert, Recipient
from apps.outbox.bounces import refused_addresses
from apps.predictions.models import Prediction
from apps.workspaces.models import Membership, User
from apps.workspaces.people import confirmed, responsible

DIGEST_HOUR = 7
MONDAY = 0


@dataclass(frozen=True)
class Target:
    """One address and how it wants to be told. `name` is how the history calls the person."""

    email: str
    name: str
    least: str = "warning"
    pace: str = "at_once"
    quiet_from: time | None = None
    quiet_until: time | None = None

    def wants(self, severity: str) -> bool:
        """Whether a severity is told to this person at all; notes are told to nobody."""
        return GRAVITY[severity] <= GRAVITY[self.least]

    def soonest(self, due: datetime, severity: str, zone: ZoneInfo) -> datetime:
        """The first moment from `due` on at which this person wants to hear of it. What is critical waits for nothing."""
        if severity == "critical":
            return due
        local = due.astimezone(zone)
        if self.pace == "daily":
            return next_digest(local, weekly=False)
        if self.pace == "weekly":
            return next_digest(local, weekly=True)
        return _after_quiet_hours(local, self.quiet_from, self.quiet_until)


def next_digest(local: datetime, weekly: bool) -> datetime:
    """Seven o'clock of the next day, or of the next Monday, in the zone of `local`."""
    at = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    while at <= local or (weekly and at.weekday() != MONDAY):
        at += timedelta(days=1)
    return at


def _after_quiet_hours(local: datetime, begins: time | None, ends: time | None) -> datetime:
    if begins is None or ends is None or begins == ends:
        return local
    now = local.time()
    quiet = begins <= now < ends if begins < ends else now >= begins or now < ends
    if not quiet:
        return local
    end = local.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
    return end if end > local else end + timedelta(days=1)


def targets_of(alerts: list[Alert]) -> list[Target]:
    """Everybody whom these alerts concern, once each."""
    predictions = {alert.prediction_id: alert.prediction for alert in alerts}
    named = list(Recipient.objects.filter(Q(prediction=None) | Q(prediction__in=predictions)))
    owners = {owner: responsible(owner) for owner in {prediction.owner_id for prediction in predictions.values()}}
    refused, found = refused_addresses(), {}
    for prediction in predictions.values():
        for target in _targets_of_one(prediction, named, owners[prediction.owner_id], refused):
            found.setdefault(target.email.lower(), target)
    return list(found.values())


def targets_of_prediction(prediction: Prediction) -> list[Target]:
    """Everybody whom alerts of one prediction concern."""
    named = list(Recipient.objects.filter(Q(prediction=None) | Q(prediction=prediction)))
    return _targets_of_one(prediction, named, responsible(prediction.owner_id), refused_addresses())


def _targets_of_one(
    prediction: Prediction, named: list[Recipient], people: list[User], refused: set[str]
) -> list[Target]:
    mine = [one for one in named if one.prediction_id in {None, prediction.id}]
    gone = {one.email.lower() for one in mine if one.left_at is not None} | refused
    there = [one for one in mine if one.confirmed_at is not None and one.email.lower() not in gone]
    if there:
        return [Target(one.email, one.email, one.least, one.pace, one.quiet_from, one.quiet_until) for one in there]
    owners = [Target(person.email, str(person)) for person in people if person.email.lower() not in gone]
    return owners or admins_besides(gone)  # somebody must hear of it


def admins_besides(emails: set[str]) -> list[Target]:
    """The workspace's admins with a confirmed address who are not among `emails`."""
    members = Membership.objects.select_related("user").filter(role="admin", user__is_active=True)
    people = confirmed([member.user for member in members])
    left = {one.email.lower() for one in Recipient.objects.exclude(left_at=None)} | refused_addresses()
    return [Target(person.email, str(person)) for person in people if person.email.lower() not in emails | left]
