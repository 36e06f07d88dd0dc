"""Checks: one folder a kind. A check is a pure function over the facts of a prediction; the folder is the registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from einstein.ml.discovery import modules_in
from einstein.ml.watch.alarms import GRAVITY

__all__ = ["GRAVITY", "Check", "Facts", "Finding", "registry"]


@dataclass
class Facts:
    """What checks may look at. Times are aware.

    `look` is the newest scoring run as the watch saw it ({"records", "fields", "scores", "alarms", "first"}), None before there is one;
    `earlier` those before it, newest first; `seconds` how long the last runs took, newest first; `source` how its dataset is fed; `widgets` what each was refused since it showed a score.
    """

    name: str
    noun: str
    schedule: str
    now: datetime
    grace_seconds: float
    last_slot_at: datetime | None
    next_run_at: datetime | None
    scored_at: datetime | None
    newest_run: dict[str, Any] | None
    last_attempt: dict[str, Any] | None
    dataset: str = ""
    look: dict[str, Any] | None = None
    earlier: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    source: dict[str, Any] | None = None
    enabled_at: datetime | None = None
    undelivered: list[dict[str, Any]] = field(default_factory=list)
    widgets: list[dict[str, Any]] = field(default_factory=list)
    sensitivity: int = 2
    local: Callable[[datetime], str] = str

    def alarms(self, *checks: str) -> list[dict[str, Any]]:
        """The newest look's alarms of some kinds, gravest first; none before there is a look."""
        found = [alarm for alarm in (self.look or {}).get("alarms", []) if alarm["check"] in checks]
        return sorted(found, key=lambda alarm: GRAVITY[alarm["severity"]])

    def since(self, alarms: list[dict[str, Any]]) -> str:
        """When the first of some alarms began, in the workspace's time."""
        began = [datetime.fromisoformat(alarm["since"]) for alarm in alarms if alarm.get("since")]
        run = self.newest_run["as_of"] if self.newest_run else self.now
        return self.local(min(began, default=run))


@dataclass(frozen=True)
class Finding:
    """What a check sees: `failing` None means there is nothing to judge yet. `answers` fill the alert when it fails.

    `cause` groups alerts into one incident: "dataset" for what comes with the data, "installation" for what is on our side, "prediction" for the
    rest. `silent` findings are shown and told by nobody: another part of the product tells them.
    """

    failing: bool | None
    sees: str
    severity: str = "warning"
    title: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    cause: str = "prediction"
    silent: bool = False


@dataclass(frozen=True)
class Check:
    """The record of a check: its words and its function. `todo` names the button of its alert: "train", "dataset", "deliveries" or ""."""

    kind: str
    title: str
    order: int
    judge: Callable[[Facts], Finding]
    todo: str = "train"


@lru_cache
def registry() -> dict[str, Check]:
    """Every check by kind, in the order the page shows them."""
    found: list[Check] = [module.CHECK for module in modules_in(__name__, __path__)]
    return {check.kind: check for check in sorted(found, key=lambda check: check.order)}
