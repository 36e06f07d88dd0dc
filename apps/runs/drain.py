"""Draining: nothing new is handed out, anywhere, of one queue or on one host; what is under way ends. Deploys use it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from apps.runs.models import Drain


class NoSuchPart(Exception):
    """What was asked to be drained does not exist; the message is a sentence for the operator."""


@dataclass(frozen=True)
class InHand:
    """Runs that are handed over or being done, by queue and host; a host is empty before its worker has claimed."""

    queue: str
    host: str
    runs: int


def drain(part: str, name: str = "") -> bool:
    """Hand out no more; False when it was so already. What was handed over and not begun goes back to wait. Raises `NoSuchPart`."""
    _refuse_unknown(part, name)
    with transaction.atomic(), connection.cursor() as cursor:
        _, new = Drain.objects.get_or_create(part=part, name=name)
        if part != "host":  # nobody knows yet which host would have begun it
            cursor.execute("SELECT count(*) FROM recall_runs(%s)", [name or None])
    return new


def lift(part: str, name: str = "") -> bool:
    """Hand out again; False when nothing was drained."""
    return bool(Drain.objects.filter(part=part, name=name).delete()[0])


def in_hand() -> list[InHand]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue, host, runs FROM runs_in_hand() ORDER BY queue, host")
        return [InHand(*row) for row in cursor.fetchall()]


def under_way(part: str, name: str, runs: list[InHand]) -> int:
    """How many of `runs` a drained part still has to end."""
    return sum(one.runs for one in runs if part == "all" or name == (one.queue if part == "queue" else one.host))


def host_is_drained(host: str) -> bool:
    return Drain.objects.filter(part="host", name=host).exists()


def _refuse_unknown(part: str, name: str) -> None:
    if part not in {"all", "queue", "host"} or (part == "all") != (not name):
        raise NoSuchPart("Say what is drained: all of it, one queue or one host.")
    if part == "queue" and name not in settings.WORKERS:
        raise NoSuchPart(f"There is no queue {name[:40]}. The queues are {', '.join(settings.WORKERS)}.")
    if len(name) > 80:
        raise NoSuchPart("A host's name has at most 80 characters.")
