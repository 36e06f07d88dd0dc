"""Alarms and their life: opened once, open while it lasts, resolved when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GRAVITY = {"critical": 0, "warning": 1, "info": 2}


@dataclass
class Alarm:
    """One thing that is wrong in one batch. `scope` and `field` say which alert it belongs to; `cause` is the kind of fault."""

    scope: str  # "feed", "field", "relation", "score" or "performance"
    check: str
    field: str | None
    severity: str
    message: str
    strength: float = 0.0
    cause: str = ""

    @property
    def key(self) -> tuple[str, str | None]:
        """Which alert it belongs to."""
        return self.scope, self.field


@dataclass
class OpenAlarm:
    """An alert under way: how it opened, and since which batch."""

    alarm: Alarm
    since: int


def line(batch: int, alarm: Alarm, state: str, since: int) -> dict[str, Any]:
    """One line of alerts.jsonl."""
    return {"batch": batch, "check": alarm.check, "field": alarm.field, "severity": alarm.severity, "message": alarm.message, "state": state,
            "since": since, "cause": alarm.cause}  # fmt: skip


class Follow:
    """Turns the alarms of one batch after another into lines."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str | None], OpenAlarm] = {}

    def step(self, number: int, alarms: list[Alarm], lingering: set[tuple[str, str | None]]) -> list[dict[str, Any]]:
        """`alarms` of batch `number`, gravest first; `lingering` are keys that are no alarm of their own but not over either."""
        lines, now = [], set()
        for alarm in alarms:
            known = self.open.get(alarm.key)
            if known is None:
                known = self.open[alarm.key] = OpenAlarm(alarm, number)
                lines.append(line(number, alarm, "opened", number))
            else:
                known.alarm = alarm if GRAVITY[alarm.severity] <= GRAVITY[known.alarm.severity] else known.alarm
                lines.append(line(number, known.alarm, "open", known.since))
            now.add(alarm.key)
        for key in [key for key in self.open if key not in now]:
            known = self.open[key]
            if key in lingering:
                lines.append(line(number, known.alarm, "open", known.since))
            else:
                lines.append(line(number, self.open.pop(key).alarm, "resolved", known.since))
        return lines
