"""The search: first settings that are good on most tables, then FLAML's local search (Wu et al. 2021, "Frugal optimization for
cost-related hyperparameters") where it pays most, until the time or the number of trials is used up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flaml import CFO

from einstein.ml.folds import Folds
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job
from einstein.ml.scale import log_may_help
from einstein.ml.trials import Trial, run_trial

Progress = Callable[[dict[str, Any]], None]
MOST_ROUNDS = 800  # trees; more, at a smaller rate, gain little and cost every score
SEARCHED = 3  # families that are searched: those whose best trial is best
PAYS = 0.001  # share of the loss that `auto` wants to gain ...
STILL = 10  # ... within so many trials, else it stops
BESIDE = 1.25  # folds side by side use the cores better than one fit on all of them does
SHARE_OF_ONE = 0.5  # of the time left that one trial may take


@dataclass
class Search:
    """Trials so far, best first in `ranked`; whoever watches hears of each."""

    folds: Folds
    progress: Progress
    trials: list[Trial] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def ranked(self) -> list[Trial]:
        return sorted(self.trials, key=lambda trial: trial.loss)

    @property
    def refit_seconds(self) -> float:
        """Expected time to fit one of the better trials on all learning records of the folds."""
        usual = float(np.mean([trial.seconds for trial in self.ranked[:4]])) if self.trials else 0.0
        learnt = sum(len(fold.learn) for fold in self.folds.folds)
        return usual * BESIDE * len(self.folds.target) / learnt

    def run(self, kind: str, config: dict[str, Any], deadline: float) -> Trial:
        limit = time.monotonic() + SHARE_OF_ONE * (deadline - time.monotonic()) if self.trials else deadline
        trial = run_trial(kind, config, self.folds, limit)
        self.trials.append(trial)
        self._tell()
        return trial

    def _tell(self) -> None:
        per_kind: dict[str, dict[str, float]] = {}
        for trial in self.trials:
            entry = per_kind.setdefault(trial.kind, {"tried": 0, "best": 0.0})
            entry["tried"] += 1
            entry["best"] = max(entry["best"], trial.quality)
        best = max(entry["best"] for entry in per_kind.values())
        self.progress(
            {"tried": len(self.trials), "best": best, "kinds": per_kind, "seconds": time.monotonic() - self.started}
        )


def search(
    folds: Folds, deadline: Callable[[Search], float], most: int | None, progress: Progress, patient: bool = True
) -> Search:
    """Try settings until `deadline` (asked after each trial: the time left depends on what was found) or `most` trials.

    Not `patient`, it also stops when ten trials in a row gain less than a thousandth. The first trial is the simple model and
    is always finished, so there is always one. With `most`, the outcome depends on the seed alone.
    """
    found = Search(folds, progress)
    slowest: dict[str, float] = {}
    best, still = float("inf"), 0
    for kind, config in _settings(found):
        now = time.monotonic()
        if most is not None and len(found.trials) >= most:
            break
        if found.trials and most is None and now + 0.5 * slowest.get(kind, 0.0) > deadline(found):
            if kind == "linear" or min(slowest.values()) > deadline(found) - now:
                break
            continue
        trial = found.run(kind, config, float("inf") if most is not None else deadline(found))
        slowest[kind] = trial.seconds
        still = 0 if trial.loss < best * (1 - PAYS) else still + 1
        best = min(best, trial.loss)
        if not patient and still >= STILL and len(found.trials) > 15:
            break
    return found


def _settings(found: Search) -> Iterator[tuple[str, dict[str, Any]]]:
    """The known good settings, then FLAML's. Reads the trials made of what it yielded before."""
    job, size = found.folds.job, len(found.folds.target)
    tries_log = job.task == "regression" and log_may_help(found.folds.target)
    log = False
    for kind, config in portfolio(size, job):
        yield kind, config | {"log": log} if tries_log else config
        if tries_log and kind == "lgbm" and not any(trial.config.get("log") for trial in found.trials):
            yield kind, config | {"log": True}
            pair = [trial for trial in found.trials if trial.kind == kind]
            log = len(pair) > 1 and pair[-1].loss < pair[0].loss
    yield from _searched(found, size, log if tries_log else None)


def portfolio(size: int, job: Job) -> list[tuple[str, dict[str, Any]]]:
    """Settings that are good on most tables of `size` records, most telling first."""
    rate = 0.08 if size < 500 else 0.04 if size < 5000 else 0.06 if size < 50_000 else 0.1
    small, most = size < 2000, 300 if size < 500 else MOST_ROUNDS
    light = {
        "leaves": 8 if small else 24,
        "rate": rate,
        "least": 10 if small else 20,
        "columns": 0.6,
        "rows": 0.8,
        "l1": 0.01,
        "l2": 1.0,
        "rounds": most,
    }
    cat = {"depth": 4 if small else 6, "rate": rate * 1.2, "l2": 3.0, "columns": 0.8, "random": 1.0, "rounds": most}
    xgb = {
        "depth": 3 if small else 6,
        "rate": rate,
        "weight": 3.0,
        "columns": 0.5,
        "rows": 0.8,
        "l1": 0.01,
        "l2": 2.0,
        "rounds": most,
    }
    trees = {"features": 0.4, "least": 2 if job.task == "regression" else 3, "trees": 80}
    return [
        ("linear", {"penalty": 10.0}),
        ("lgbm", light),
        ("catboost", cat),
        (
            "lgbm",
            light | {"extra": True, "leaves": 12 if small else 48, "columns": 1.0, "rows": 1.0, "rate": 1.6 * rate},
        ),
        ("extra_tree", trees),
        ("xgboost", xgb),
        ("catboost", cat | {"depth": 3 if small else 5, "columns": 0.5, "l2": 8.0}),
        ("linear", {"penalty": 100.0}),
        ("lgbm", light | {"leaves": 4 if small else 64, "columns": 0.3, "l2": 10.0, "least": 5 if small else 10}),
        ("extra_tree", trees | {"features": 0.8, "least": 6}),
        ("xgboost", xgb | {"depth": 5 if small else 9, "weight": 8.0, "columns": 0.3}),
    ]


def _searched(found: Search, size: int, log: bool | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Local search around each of the best families in turn."""
    logging.getLogger("flaml").setLevel(logging.ERROR)
    best: dict[str, Trial] = {}
    for trial in found.ranked:
        best.setdefault(trial.kind, trial)
    kinds = [kind for kind in best if FAMILIES[kind].space(size)][:SEARCHED]
    searchers = {kind: _Local(kind, best[kind], size, found.folds.job.seed) for kind in kinds}
    while searchers:
        for kind, local in list(searchers.items()):
            config = local.suggest()
            if config is None:
                del searchers[kind]
                continue
            before = len(found.trials)
            yield kind, local.fixed | config
            if len(found.trials) > before:
                local.learn(found.trials[-1].loss)


class _Local:
    """FLAML's CFO for one family, asked and told by hand; it starts where the best trial was."""

    def __init__(self, kind: str, start: Trial, size: int, seed: int) -> None:
        space = FAMILIES[kind].space(size)
        self.fixed = {name: value for name, value in start.config.items() if name not in space}
        np.random.seed(seed)  # CFO draws its first directions from numpy's global generator
        self.searcher = CFO(
            metric="loss", mode="min", space=space, low_cost_partial_config=FAMILIES[kind].cheap(), seed=seed, cost_attr=None,
            points_to_evaluate=[{name: start.config[name] for name in space}], evaluated_rewards=[start.loss],
        )  # fmt: skip
        self.count = 0
        self.asked: dict[str, Any] = {}

    def suggest(self) -> dict[str, Any] | None:
        for _ in range(20):
            self.count += 1
            config = self.searcher.suggest(str(self.count))
            if config is not None:
                self.asked = config
                return {name: value.item() if hasattr(value, "item") else value for name, value in config.items()}
        return None

    def learn(self, loss: float) -> None:
        self.searcher.on_trial_complete(
            str(self.count), {"loss": loss, "config": self.asked, "training_iteration": 1, "time_total_s": 1.0}
        )
