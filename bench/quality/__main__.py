"""`make bench-quality`: the engine against raw FLAML, AutoGluon and H2O on every table of the manifest.

Prints each engine's quality per table (min/median/max over the seeds), mean ranks, crashes, and whether the engine is anywhere
worse than the best rival by a paired bootstrap. `--only TABLE`, `--seeds N`, `--budget S`, `--engines NAME...` narrow it down.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import pandas as pd

from bench.quality.environments import ENGINES
from bench.quality.measure import TOLERANCE, loss, quality, worse_by
from bench.quality.results import result
from bench.quality.tables import Table, tables


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--engines", nargs="*", default=[engine.name for engine in ENGINES])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=30)
    options = parser.parse_args()
    engines = [engine for engine in ENGINES if engine.name in options.engines]
    rows = []
    print(
        f"{'table':<13}" + "".join(f"{engine.name:<26}" for engine in engines) + "best rival - ours, 95 %", flush=True
    )
    for table in tables(options.only):
        rows += _compare(table, engines, options.seeds, options.budget)
    return _summary(pd.DataFrame(rows), [engine.name for engine in engines])


def _compare(table: Table, engines: list, seeds: int, budget: int) -> list[dict]:
    rows, kept = [], {}
    for engine in engines:
        for seed in range(seeds):
            made = result(engine, table, seed, budget)
            truth = table.split(seed)[1][table.target]
            row = {
                "table": table.name,
                "task": table.task,
                "engine": engine.name,
                "seed": seed,
                "seconds": made["seconds"],
                "error": made["error"],
            }
            if made["scores"] is not None:
                row |= {
                    "quality": quality(made["scores"], truth, table.task, table.positive),
                    "loss": loss(made["scores"], truth, table.task),
                }
                kept[engine.name, seed] = made["scores"]
            rows.append(row)
    print(
        f"{table.name:<13}"
        + "".join(f"{_spread(rows, engine.name):<26}" for engine in engines)
        + _gap(table, rows, kept, seeds),
        flush=True,
    )
    return rows


def _spread(rows: list[dict], engine: str) -> str:
    values = [row["quality"] for row in rows if row["engine"] == engine and "quality" in row]
    crashed = sum(bool(row["error"]) for row in rows if row["engine"] == engine)
    words = f"{min(values):.3f}/{statistics.median(values):.3f}/{max(values):.3f}" if values else "-"
    return words + (f" {crashed} crashed" if crashed else "")


def _gap(table: Table, rows: list[dict], kept: dict, seeds: int) -> str:
    """The interval of (best rival minus ours), its ends averaged over the seeds."""
    rivals = sorted({row["engine"] for row in rows if row["engine"] != "einstein" and "quality" in row})
    if not rivals:
        return ""
    mean = {
        name: statistics.mean(row["quality"] for row in rows if row["engine"] == name and "quality" in row)
        for name in rivals
    }
    best = max(mean, key=lambda name: mean[name])
    found = []
    for seed in range(seeds):
        if ("einstein", seed) in kept and (best, seed) in kept:
            truth = table.split(seed)[1][table.target]
            found.append(worse_by(kept["einstein", seed], kept[best, seed], truth, table.task, table.positive))
    if not found:
        return ""
    low, high = (statistics.mean(bounds) for bounds in zip(*found, strict=True))
    return f"{low:+.4f} to {high:+.4f} {'WORSE' if low > TOLERANCE[table.task] else 'ok'} ({best})"


def _summary(rows: pd.DataFrame, engines: list[str]) -> int:
    mean = rows.groupby(["table", "engine"])["quality"].mean().unstack() if "quality" in rows else pd.DataFrame()
    ranks = mean.rank(axis=1, ascending=False, na_option="bottom").mean()
    print("\nmean rank   " + "  ".join(f"{name} {ranks.get(name, float('nan')):.2f}" for name in engines))
    crashes = rows.assign(crashed=rows["error"].astype(bool)).groupby("engine")["crashed"].sum()
    print("crashes     " + "  ".join(f"{name} {crashes[name]}" for name in engines))
    for _, row in rows[rows["error"].astype(bool)].iterrows():
        print(f"  {row['engine']} on {row['table']}, seed {row['seed']}: {row['error']}")
    if "loss" in rows and "einstein" in engines:
        losses = rows.dropna(subset=["loss"]).groupby(["table", "engine"])["loss"].mean().unstack()
        if len(losses.columns) > 1:
            better = (losses["einstein"] <= losses.drop(columns="einstein").min(axis=1)).sum()
            print(f"log loss    ours is no worse than the best rival's on {better} of {len(losses)} sets with classes")
    slowest = rows.groupby("engine")["seconds"].max()
    print("slowest run " + "  ".join(f"{name} {slowest[name]:.0f} s" for name in engines))
    return int(crashes.get("einstein", 0) > 0)


if __name__ == "__main__":
    sys.exit(main())
