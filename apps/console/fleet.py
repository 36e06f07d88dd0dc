"""The fleet in figures: counts over all workspaces, without a look at anybody's records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection

from apps.monitoring.faults import registry
from apps.monitoring.installation import CLOCK, DEAD_AFTER
from apps.monitoring.models import OperatorIncident, Pulse
from apps.predictions.models import VERSION_STATES
from einstein.postgres import moment

MOST_WAIT = 300.0  # seconds that work may wait before somebody should look
WORDS = {
    "score": "Scoring", "train": "Training", "ingest": "Reading an upload", "refresh": "Reading a source", "deliver": "Delivering", "dry_run": "Trying a delivery out",
    "accept": "Taking a held table", "push": "Reading sent records", "enrich": "Joining related records", "forget": "Erasing a record", "export": "Writing everything into a file",
}  # fmt: skip
STATES = {"active": "in use", "draft": "being set up", "paused": "paused", "archived": "archived"}


@dataclass
class Fleet:
    """`figures` {name: {label: value}}; `faults` are open incidents of the installation, `clock_at` its clock's last sign of life."""

    figures: dict[str, dict[str, float]]
    faults: list[OperatorIncident] = field(default_factory=list)
    clock_at: datetime | None = None

    @property
    def totals(self) -> dict[str, int]:
        """Each figure summed over its labels; 0 for one that counts nothing."""
        return defaultdict(int, {name: int(sum(values.values())) for name, values in self.figures.items()})

    @property
    def predictions(self) -> list[tuple[str, int]]:
        """(state in words, how many)."""
        return [(words, int(self.figures.get("predictions", {}).get(state, 0))) for state, words in STATES.items()]

    @property
    def clock_lives(self) -> bool:
        """Whether the clock has shown a sign of life lately; one that never ran counts as dead."""
        return self.clock_at is not None and self.clock_at > moment.now() - DEAD_AFTER

    @property
    def queues(self) -> list[tuple[str, int, float]]:
        """(queue, runs that wait, seconds the oldest has waited), the slowest first."""
        waiting, oldest = self.figures.get("runs_waiting", {}), self.figures.get("oldest_waiting_seconds", {})
        served = {name for name, count in settings.WORKERS.items() if count}
        names = sorted(served | set(waiting), key=lambda name: -oldest.get(name, 0.0))
        return [(name, int(waiting.get(name, 0)), oldest.get(name, 0.0)) for name in names]

    @property
    def failures(self) -> list[tuple[str, int, int]]:
        """(kind of work, failed, ended) of the last hour, the most failures first."""
        failed, ended = self.figures.get("runs_failed_hour", {}), self.figures.get("runs_ended_hour", {})
        rows = [(WORDS.get(kind, kind), int(failed.get(kind, 0)), int(count)) for kind, count in ended.items()]
        return sorted(rows, key=lambda row: (-row[1], -row[2]))

    @property
    def minutes(self) -> list[int]:
        """Runs that ended in each of the last sixty minutes, the oldest first."""
        ended = self.figures.get("ended_minute", {})
        return [int(ended.get(str(minute), 0)) for minute in range(59, -1, -1)]

    @property
    def this_hour(self) -> int:
        return sum(self.minutes)

    @property
    def busiest(self) -> int:
        return max(self.minutes)

    @property
    def minutes_words(self) -> str:
        """What the picture of `minutes` says."""
        return f"Runs that ended in each of the last 60 minutes: {self.this_hour:,} in all, at most {self.busiest:,} a minute, {self.minutes[-1]:,} in the newest."

    @property
    def models(self) -> list[tuple[str, int]]:
        """(state, how many) of all model versions."""
        return [(state, int(self.figures.get("models", {}).get(state, 0))) for state in VERSION_STATES]

    @property
    def troubles(self) -> list[str]:
        """What an operator should look at, worst first; empty when all is well."""
        found = [f"{registry()[fault.kind].title}. {fault.sees}" for fault in self.faults if fault.kind in registry()]
        if not self.clock_lives and not any(fault.kind == "clock_dead" for fault in self.faults):
            found.append("The clock shows no sign of life: nothing is planned, checked or sent.")
        found += [
            f"The oldest run of the queue {queue} has waited for {seconds / 60:.0f} minutes; {count:,} wait."
            for queue, count, seconds in self.queues
            if seconds > MOST_WAIT and not any(f"the queue {queue}" in fault.sees for fault in self.faults)
        ]
        dead = self.totals["mail_given_up_day"]
        return [*found, f"{dead:,} e-mails were given up within a day."] if dead else found


def fleet(*, whole: bool = False) -> Fleet:
    """The figures of now, in three queries; `whole` adds what only the front page draws."""
    more = " UNION ALL SELECT figure, label, value FROM console_figures()" if whole else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT figure, label, value FROM fleet_figures(){more}")
        figures: dict[str, dict[str, float]] = {}
        for name, label, value in cursor.fetchall():
            figures.setdefault(name, {})[label] = float(value)
    pulse = Pulse.objects.filter(part=CLOCK).first()
    faults = list(OperatorIncident.objects.filter(resolved_at=None).order_by("opened_at"))
    return Fleet(figures, faults, pulse.at if pulse else None)
