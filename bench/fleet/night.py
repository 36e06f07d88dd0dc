"""One night with the real workers and the real clock: what came due, how long each stage took, and what it cost in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 4 * 3600
LOOK = "Compare with what is usual"
STAGES = """
SELECT kind, extract(epoch FROM ended_at - started_at)::float, extract(epoch FROM started_at - due_at)::float, stages
FROM runs_run WHERE created_at >= %s AND ended_at IS NOT NULL
"""
# What is still to be done; the first thing found ends the look, which is repeated every second of the night.
OPEN = {
    "runs": "SELECT 1 FROM runs_run WHERE state IN ('queued', 'dispatched', 'running')",
    "sources to read": "SELECT 1 FROM datasets_source WHERE read_at IS NULL OR read_at < %(began)s",
    "predictions to score": "SELECT 1 FROM predictions_prediction p WHERE NOT EXISTS "
    "(SELECT 1 FROM scoring_scoringrun r WHERE r.prediction_id = p.id AND r.as_of >= %(began)s)",
    "scores to look at": "SELECT 1 FROM scoring_scoringrun r WHERE as_of >= %(began)s AND NOT EXISTS "
    "(SELECT 1 FROM monitoring_look l WHERE l.scoring_run_id = r.id)",
    "pushes": "SELECT 1 FROM outbox_sending WHERE state = 'waiting'",
    "checks": "SELECT 1 FROM monitoring_watch WHERE next_check_at <= now()",
}


@dataclass
class Night:
    """What one night took: seconds in all, of each stage by kind, waiting for a worker; megabytes of the workers over time."""

    seconds: float
    stages: dict[str, list[float]]
    waits: list[float]
    megabytes: list[float] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)

    def total(self, *names: str) -> float:
        return sum(sum(self.stages.get(name, [])) for name in names)


class Workers:
    """The product's own processes: the workers of some queues and the clock."""

    def __init__(self, *queues: str) -> None:
        manage = [sys.executable, "manage.py"]
        self.processes = [
            subprocess.Popen([*manage, "work", queue], cwd=ROOT, env=os.environ | {"Q_CLUSTER_NAME": queue})
            for queue in queues
        ]
        self.processes.append(subprocess.Popen([*manage, "clock"], cwd=ROOT))

    def stop(self, kill: bool = False) -> None:
        """Ask them to end; with `kill`, whatever they are at."""
        for process in self.processes:
            process.kill() if kill else process.terminate()
        for process in self.processes:
            process.wait(60)

    def megabytes(self) -> float:
        """Resident memory of all processes below ours that run the product, shared pages counted once a process."""
        pages = 0
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and b"manage.py" in (folder / "cmdline").read_bytes():
                    pages += int((folder / "statm").read_text().split()[1]) - int(
                        (folder / "statm").read_text().split()[2]
                    )
            except OSError:
                continue
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


PARTS = {
    "work interactive": "workers",
    "manage.py clock": "clock",
    "postgres": "database",
    "bench.fleet.feed": "web addresses",
}


def processor_seconds() -> dict[str, float]:
    """What each part of the installation has used so far."""
    found = dict.fromkeys(PARTS.values(), 0.0)
    for folder in Path("/proc").iterdir():
        try:
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if folder.name.isdigit()
                else ""
            )
            part = next((part for words, part in PARTS.items() if words in command), None)
            if part:
                own = (folder / "stat").read_text().rpartition(")")[2].split()[11:15]
                # A database's ended connections are counted with the process that waited for them.
                counted = own if "postgres" in command and "postgres:" not in command else own[:2]
                found[part] += sum(map(int, counted)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return found


def run_night(owner_url: str, workers: Workers) -> Night:
    """Make every source due and wait until nothing is left to do."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        began_at = connection.execute("SELECT now()").fetchone()[0]
        began, memory, before = time.monotonic(), [], processor_seconds()
        connection.execute("UPDATE datasets_source SET next_run_at = now()")
        while _open(connection, began_at):
            memory.append(workers.megabytes())
            assert time.monotonic() - began < PATIENCE_SECONDS, _open(connection, began_at)
            time.sleep(1)
        seconds, after = time.monotonic() - began, processor_seconds()
        failed = connection.execute(
            "SELECT kind, error FROM runs_run WHERE created_at >= %s AND state = 'failed' LIMIT 3", [began_at]
        ).fetchall()
        assert not failed, failed
        return Night(
            seconds,
            *_stages(connection.execute(STAGES, [began_at]).fetchall()),
            memory,
            {part: after[part] - before[part] for part in after},
        )


def _open(connection: psycopg.Connection, began: object) -> str:
    """The first thing that is still to be done; empty when the night is over."""
    found = (
        what for what, query in OPEN.items() if connection.execute(query + " LIMIT 1", {"began": began}).fetchone()
    )
    return next(found, "")


def _stages(runs: list[tuple]) -> tuple[dict[str, list[float]], list[float]]:
    found: dict[str, list[float]] = {}
    for kind, seconds, _, stages in runs:
        looked = sum(stage["ended"] - stage["started"] for stage in stages if stage["name"] == LOOK)
        if kind == "score":
            found.setdefault("look", []).append(looked)
        found.setdefault(kind, []).append(seconds - looked)
    return found, [wait for kind, _, wait, _ in runs]


def spread(values: list[float]) -> str:
    """ "p50/p95/max" in milliseconds."""
    parts = [*np.quantile(values, [0.5, 0.95]), max(values)]
    return "/".join(f"{1000 * part:,.0f}" for part in parts)
