"""Our watch over the fleet: false alarms on clean streams, and what is caught of each kind of fault."""

from __future__ import annotations

import copy
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bench.watch.faults import FAULTS, Fault, fields_for
from bench.watch.streams import Plan, days_of
from bench.watch.tables import SCORE, Subject, subject
from einstein.ml.watch import Settings, Watcher

AFTER = 18  # clean days before a fault
LASTS = 5  # days a fault lasts
OWN = ("history", "newcomers", "content", "volume", "follow", "shared")


@dataclass
class Caught:
    """One fault in one stream: whether it was alarmed at once, within three and within five days, and how it was told."""

    fault: str
    rows: int
    at_once: bool
    in_three: bool
    in_five: bool
    named: bool | None = None  # the first field named is the broken one
    said: bool | None = None  # the message names the kind


@dataclass
class Clean:
    """One clean stream: how many alarms opened, and the seconds a look took."""

    plan: Plan
    opened: int
    seconds: float
    lines: list[str] = field(default_factory=list)


def alarms(lines: list[dict], states: tuple[str, ...] = ("opened",)) -> list[dict]:
    return [line for line in lines if line["severity"] != "info" and line["state"] in states]


def watch_clean(plan: Plan) -> Clean:
    found = subject(plan.table, plan.seed)
    days = days_of(plan, found)
    watcher = Watcher(found.reference, Settings(SCORE))
    began = time.perf_counter()
    opened = [line for day in days for line in alarms(watcher.look(day))]
    return Clean(
        plan,
        len(opened),
        (time.perf_counter() - began) / len(days),
        [f"day {line['batch']}: {line['message']}" for line in opened],
    )


def watch_faults(plan: Plan) -> list[Caught]:
    """Break the same stream in every way, each from the same day on."""
    found = subject(plan.table, plan.seed)
    days = days_of(plan, found)
    watcher = Watcher(found.reference, Settings(SCORE))
    for day in days[:AFTER]:
        watcher.look(day)
    if watcher.follow.open:
        return []  # its clean twin alarms already
    return [caught for fault in FAULTS if (caught := _break(fault, plan, found, days, watcher)) is not None]


def _break(fault: Fault, plan: Plan, found: Subject, days: list[pd.DataFrame], watcher: Watcher) -> Caught | None:
    random = np.random.default_rng([zlib.crc32(fault.name.encode()), plan.rows, plan.seed])
    name = fields_for(fault, found, random)
    if name is None or (fault.needs == "related score" and watcher.learnt.score_company.gauge is None):
        return None
    again = bool(random.integers(2)) and name and "\x00" not in name  # half of the scores are made after the fault
    going, hits, first = branch(watcher), [], None
    for day in days[AFTER : AFTER + LASTS]:
        broken = fault.break_it(day, found, name, random, days[AFTER - 1])
        if again and name in broken and len(broken):
            broken = broken.assign(**{SCORE: found.score(broken[list(found.pool.columns)])})
        lines = alarms(going.look(broken), ("opened", "open"))
        hits.append(bool(lines))
        first = first or (lines[0] if lines else None)
    named = first["field"] in name.split("\x00") if first and name and fault.needs != "segment" else None
    said = any(word in first["message"].lower() for word in fault.says) if first and fault.says else None
    return Caught(fault.name, plan.rows, hits[0], any(hits[:3]), any(hits), named, said)


def branch(watcher: Watcher) -> Watcher:
    """The watch as it stands, to go on by itself; what never changes is shared."""
    going = copy.copy(watcher)
    for name in OWN:
        setattr(going, name, copy.deepcopy(getattr(watcher, name), {id(watcher.panel): watcher.panel}))
    return going
