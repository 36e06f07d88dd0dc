"""`make bench-honesty`: are chances what they say, and do intervals hold the truth?

Calibration: error of ten groups of equal size on the test slices of telco, bank and car_loan, minus that of a perfectly calibrated
model with the same chances (mean of 2,000 simulated outcomes); limit 0.01. Intervals: each of three large tables is split into
records to learn from, a pool of at least 20,000 that stands for the truth, and 100 small test slices; the 95 % intervals must hold
the pool's value in 90 to 99 of 100.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from bench.made_table import write_table
from bench.quality.tables import Table, tables
from einstein.ml.artifact import Model, load_model
from einstein.ml.evaluate import evaluate
from einstein.ml.outcome import read_outcome
from einstein.ml.reader import read_frame
from einstein.ml.train import TrainRequest, train

GROUPS, DRAWS, MOST_EXCESS = 10, 2000, 0.01
SLICES, SLICE, POOL = 100, 400, 20_000
HELD = (90, 99)
SHOWN = {"binary": ["auc", "log_loss", "brier", "accuracy"], "regression": ["r2", "mae", "rmse", "median_error"]}


def main() -> int:
    worst = 0
    print("calibration      error   perfect   excess (at most 0.01)")
    for table in tables(["telco", "bank", "car_loan"]):
        worst |= _calibrated(table)
    print("\nintervals of 100 slices of 400 that hold the pool's value (90 to 99)")
    bank, loan = tables(["bank"])[0], tables(["car_loan"])[0]
    worst |= _intervals("bank", bank.read(), bank.target, bank.task, bank.positive)
    worst |= _intervals("car_loan", loan.read(), loan.target, loan.task, loan.positive)
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder) / "t.csv", 80_000)
        made, _ = read_frame(Path(folder) / "t.csv")
    return worst | _intervals("made fees", made.drop(columns=["plan"]), "fee", "regression", None)


def _calibrated(table: Table) -> int:
    learn, test = table.split(0)
    model = _trained(learn, TrainRequest(table.target, table.task, table.positive, time_field=table.time, budget=30))
    chance = model.predict(model.encoder.transform_table(test))[:, 1]
    hit = (test[table.target] == table.positive).to_numpy(float)
    random = np.random.default_rng(0)
    perfect = float(
        np.mean([calibration_error((random.random(len(chance)) < chance).astype(float), chance) for _ in range(DRAWS)])
    )
    error = calibration_error(hit, chance)
    print(f"{table.name:<15} {error:>7.4f} {perfect:>9.4f} {error - perfect:>+8.4f}", flush=True)
    return int(error - perfect > MOST_EXCESS)


def calibration_error(hit: np.ndarray, chance: np.ndarray) -> float:
    """Mean distance between what was said and what happened over ten groups of equal size."""
    groups = np.array_split(np.argsort(chance, kind="stable"), GROUPS)
    return float(sum(abs(hit[group].mean() - chance[group].mean()) * len(group) for group in groups) / len(hit))


def _intervals(name: str, table: pd.DataFrame, target: str, task: str, positive: str | None) -> int:
    random = np.random.default_rng(1)
    order = random.permutation(len(table))
    learn = (
        table.iloc[order[: len(table) - POOL - 1]]
        if len(table) < POOL + 10_000
        else table.iloc[order[: min(15_000, len(table) - POOL)]]
    )
    pool = table.iloc[order[len(learn) :]]
    model = _trained(learn, TrainRequest(target, task, positive, budget=20))
    outcome = read_outcome(target, pool[target], task, positive)
    guess = model.predict(model.encoder.transform_table(pool[outcome.known]))
    base = {"mean": float(outcome.target.mean())}
    truth = evaluate(task, outcome.target, guess, outcome.classes, base, 0)["metrics"]
    held = dict.fromkeys(SHOWN[task], 0)
    for number in range(SLICES):
        rows = random.choice(len(guess), SLICE, replace=False)
        found = evaluate(task, outcome.target[rows], guess[rows], outcome.classes, base, number)["metrics"]
        for metric in held:
            held[metric] += found[metric]["low"] <= truth[metric]["value"] <= found[metric]["high"]
    print(
        f"{name:<15} pool {len(guess):,}: " + ", ".join(f"{metric} {count}" for metric, count in held.items()),
        flush=True,
    )
    return int(not all(HELD[0] <= count <= HELD[1] for count in held.values()))


def _trained(learn: pd.DataFrame, request: TrainRequest) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        train(learn.reset_index(drop=True), request, Path(folder))
        return load_model(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
