"""`make bench-fleet`: a night of an installation of many companies with the real workers, clock, database and web addresses: read each company's
file, score three predictions on it with reasons, look at the scores, check, push what changed. Beside it, in the same run on the same cores, a
bare loop that reads the same records from Parquet, loads the same models, predicts with reasons and COPYs. Limits: scoring costs at most 2 x the
loop, all other stages together at most 1 x more; ten times the companies cost at most ten times as much, measured by the loop; memory at the end
within 10 % of the beginning. `--companies N` (default 1,000); `--small N` (default a tenth) is what growth is measured against."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from bench.fleet import companies, loop
from bench.fleet.models import BUDGET_SECONDS, Question, families_of, train_all
from bench.fleet.night import Night, Workers, run_night, spread
from bench.fleet.queries import count_of_one_night
from einstein.cores import THREADS, cores

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var" / "bench-fleet"
PORT = 8979
WORKERS = 2
SCORING_LIMIT, OTHERS_LIMIT, MEMORY_LIMIT, GROWTH_LIMIT = 2.0, 1.0, 1.1, 1.1
OTHER_STAGES = ("refresh", "look", "deliver")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=1000)
    parser.add_argument("--small", type=int)
    options = parser.parse_args()
    sizes = [options.small or max(1, options.companies // 10), options.companies]
    models = train_all(VAR / "trained")
    url, owner_url = begin()
    pools, names = companies.pools_of(models), list(dict.fromkeys(question.table for question in models))
    names = [names[number % len(names)] for number in range(sizes[-1])]
    feed = subprocess.Popen([sys.executable, "-m", "bench.fleet.feed", str(VAR / "feed"), str(PORT)], cwd=ROOT)
    costs, failed, done, night = [], False, 0, 0
    try:
        for size in dict.fromkeys(sizes):
            companies.found(models, range(done, size), f"http://127.0.0.1:{PORT}")
            workers = Workers("interactive")
            try:
                companies.write_feed(pools, names[:size], VAR / "feed", night)
                _tell(f"{size:,} companies, first night", run_night(owner_url, workers), size)
                companies.write_feed(pools, names[:size], VAR / "feed", night + 1)
                jobs = _jobs(pools, names[:size], night + 1)
                before = loop.run(
                    owner_url, jobs, WORKERS
                )  # and after: the machine may not be equally fast all the time
                taken = run_night(owner_url, workers)
                _tell(f"{size:,} companies, a night", taken, size)
                night += 2
            finally:
                workers.stop()
            loops = [before, loop.run(owner_url, jobs, WORKERS)]
            failed |= _judge(taken, loops)
            _tell_models(models, size)
            costs.append((taken.seconds / size, sum(loops) / 2 / size))
            done = size
        companies.write_feed(pools, names[:1], VAR / "feed", night)
        _tell_queries(count_of_one_night(owner_url, _workspaces()[0]))
    finally:
        feed.terminate()
    return int(_grows(sizes, costs) or failed)


def _grows(sizes: list[int], costs: list[tuple[float, float]]) -> bool:
    """Whether more companies cost more each. The sizes are minutes to an hour apart, so the loop tells how fast the machine was meanwhile."""
    night, bare = (last / first for first, last in zip(costs[0], costs[-1], strict=True))
    growth = night / bare
    print(
        f"growth              {sizes[0]:,} -> {sizes[-1]:,} companies: a company's night takes {night:.2f} times as long, its bare loop {bare:.2f} times: "
        f"it costs {growth:.2f} times as much (limit {GROWTH_LIMIT})"
    )
    return growth > GROWTH_LIMIT


def _tell_models(models: dict[Question, Path], size: int) -> None:
    from apps.scoring.model_cache import KEPT_MODELS

    distinct = companies.EACH * size
    families = ", ".join(f"{count} with {kind}" for kind, count in families_of(models.values()).most_common())
    kept = min(1.0, WORKERS * KEPT_MODELS / distinct)
    print(
        f"models              {len(models)} trained for {BUDGET_SECONDS:.0f} s each ({families}), {distinct:,} distinct by content hash; {WORKERS} workers keep {KEPT_MODELS} each, so at most {kept:.0%} were loaded already"
    )


def _tell_queries(sent: Counter[str]) -> None:
    parts = ", ".join(f"{part} {count}" for part, count in sent.items())
    print(
        f"queries             {sent.total() / companies.EACH:.0f} a prediction, of a company's night of {companies.EACH}: {parts}",
        flush=True,
    )


def begin() -> tuple[str, str]:
    """A fresh installation below var/bench-fleet; (the application's address of the database, the owner's)."""
    for name in ("files", "feed", "parquet"):
        shutil.rmtree(VAR / name, ignore_errors=True)
    os.environ |= {
        "EINSTEIN_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "einstein.settings", "EINSTEIN_OUTBOUND_ALLOW": "127.0.0.0/8", "EINSTEIN_LOG_LEVEL": "ERROR",
        "EINSTEIN_WORKERS": str(WORKERS), "EINSTEIN_JITTER_SECONDS": "0",
        THREADS: str(max(1, cores() // WORKERS)),  # for the loop: the workers see to it themselves
    }  # fmt: skip
    os.environ.pop("DATABASE_URL", None)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "manage.py", "flush", "--no-input", "--verbosity", "0"], cwd=ROOT, check=True, env=os.environ | {"EINSTEIN_DATABASE_ROLE": "owner"})  # fmt: skip
    import django

    django.setup()
    from django.conf import settings

    return settings.DATABASE_URL, settings.DATABASE_OWNER_URL


def _jobs(pools: dict, names: list[str], night: int) -> list[loop.Job]:
    """What the night scored, for the loop: the same records as Parquet, the same models."""
    from django.conf import settings
    from django.db import connection

    from apps.predictions.models import ModelVersion
    from apps.workspaces.scope import workspace_scope

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    (VAR / "parquet").mkdir(exist_ok=True)
    jobs = []
    for company, workspace in enumerate(_workspaces()):
        path = VAR / "parquet" / f"{company}.parquet"
        companies.tonight(pools[names[company]], company, night).to_parquet(path, index=False)
        with workspace_scope(workspace):
            jobs += [
                (version.prediction_id, str(path), str(Path(settings.STORAGE_URL) / version.storage_key), version.hash)
                for version in ModelVersion.objects.defer("facts").order_by("id")
            ]
    return jobs


def _workspaces() -> list[int]:
    import psycopg
    from django.conf import settings

    with psycopg.connect(settings.DATABASE_OWNER_URL) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM workspaces_workspace ORDER BY id").fetchall()]


def _tell(title: str, night: Night, size: int) -> None:
    scored = len(night.stages["score"])
    print(
        f"{title:34s} {night.seconds:,.0f} s, {scored / night.seconds:.2f} models a second, {scored * companies.ROWS / night.seconds:,.0f} records a second"
    )
    for name, seconds in night.stages.items():
        print(f"  {name:10s} {len(seconds):6,} times, {spread(seconds)} ms (p50/p95/max), {sum(seconds):,.0f} s in all")
    print("  processor  " + ", ".join(f"{part} {used:,.0f} s" for part, used in night.processor.items()))
    print(
        f"  waited     {spread(night.waits)} ms; memory of the processes {min(night.megabytes):,.0f} to {max(night.megabytes):,.0f} MB",
        flush=True,
    )


def _judge(night: Night, loops: list[float]) -> bool:
    """Split the night's wall time by what its workers were busy with; what nobody was busy with counts as others."""
    bare, scoring = sum(loops) / len(loops), night.total("score") / WORKERS
    others = night.seconds - scoring
    tenth = max(1, len(night.megabytes) // 10)
    memory = np.mean(night.megabytes[-tenth:]) / np.mean(night.megabytes[:tenth])
    print(
        f"the bare loop       {' and '.join(f'{one:,.1f}' for one in loops)} s: scoring costs {scoring / bare:.2f} x of it (limit {SCORING_LIMIT}), all else {others / bare:.2f} x more (limit {OTHERS_LIMIT})"
    )
    print(f"memory              the last tenth holds {memory:.2f} x the first (limit {MEMORY_LIMIT})", flush=True)
    return scoring / bare > SCORING_LIMIT or others / bare > OTHERS_LIMIT or memory > MEMORY_LIMIT


if __name__ == "__main__":
    sys.exit(main())
