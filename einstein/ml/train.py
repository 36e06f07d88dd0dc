"""Training, from a table of strings to a model folder with its scorecard. The command line and the app both call `train`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml import explain, reference
from einstein.ml.artifact import Model, outputs_of, read_facts, save_model
from einstein.ml.blend import Blend, choose_blend
from einstein.ml.columns import Column
from einstein.ml.errors import DataProblem
from einstein.ml.explainer import fit_explainer
from einstein.ml.features import Encoder, read_columns
from einstein.ml.fit import bags_of, fit_parts, seconds_of
from einstein.ml.folds import FOLDS, make_folds
from einstein.ml.guards import Finding, inspect_fields
from einstein.ml.learning_curve import learning_curve
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job
from einstein.ml.outcome import Outcome, describe, read_outcome
from einstein.ml.request import Clock, TrainRequest
from einstein.ml.schema import FieldSpec, detect_all
from einstein.ml.scorecard import measure
from einstein.ml.search import Search, search
from einstein.ml.split import Slices, split
from einstein.ml.worth import worthless_fields

__all__ = ["LAST_STAGES", "TrainRequest", "train"]

WORTH_SHARE, SEARCH_SHARE, END_SHARE, LATEST_SHARE = 0.15, 0.82, 0.95, 1.08
CROSSED_SHARE = 0.8  # of the budget, by when tests part by part want to be over
EXPLAIN_SHARE = 0.06  # of the budget, for exact contributions of a sample
MOST_SEARCHED = 150_000  # records that settings are judged on
LAST_STAGES = ("Test the best one on records it never saw", "Write the scorecard")
REASONED_FAMILIES = "exact tree SHAP, held in the leaves of the trees"

Tell = Callable[[dict[str, Any]], None]


@dataclass
class _Known:
    """The records with a known outcome: fields read once, slices, and what is learnt."""

    table: pd.DataFrame
    outcome: Outcome
    columns: dict[str, Column]
    slices: Slices
    job: Job

    def part(self, rows: np.ndarray) -> dict[str, Column]:
        return {name: column.take(rows) for name, column in self.columns.items()}


def train(table: pd.DataFrame, request: TrainRequest, out: Path, tell: Tell = lambda event: None) -> dict[str, Any]:
    """Train on a table of strings, write the model folder, return its facts (JSON).

    Raises `DataProblem` when nothing can be learnt. `tell` hears {"stage": ...} and {"progress": ...} events.
    """
    clock = Clock(request, table.size)
    outcome, records, specs, findings = _prepare(table, request, tell)
    slices = split(records, outcome, request.time_field, request.seed)
    tell(_set_aside(slices))
    job = Job(outcome.task, len(outcome.classes), request.seed, request.threads, slices.by_time)
    known = _Known(records, outcome, read_columns(records, specs), slices, job)
    found, kept, useless = _searched(known, specs, request, clock, tell)
    blend, curve = choose_blend(found.trials, found.folds), learning_curve(found.folds)

    tell({"stage": LAST_STAGES[0]})
    if slices.crossed:
        guess, refitted = _crossed(known, found, kept, clock, tell), True
        model = _fitted(known, kept, blend, slices.learn, clock)
    else:
        model = _fitted(known, kept, blend, slices.learn, clock)
        guess = model.predict(model.encoder.transform(known.part(slices.test)))
        model, refitted = _refitted(model, known, kept, blend, clock)
    facts = measure(outcome, guess, slices, request.seed)
    tell({"stage": LAST_STAGES[1]})
    _explained(model, known, clock)
    facts |= _facts(known, kept, [*findings, *useless], request)
    facts["scorecard"] |= {
        "learning_curve": curve, "drivers": explain.drivers(model, known.table.iloc[slices.test]), "refitted": refitted, "tried": len(found.trials), "estimator": model.title,
        "members": [[part.member.title, part.weight] for part in model.parts],
    }  # fmt: skip
    model.facts, model.seconds = facts, round(clock.spent, 2)
    save_model(model, out)
    return read_facts(out)


def _set_aside(slices: Slices) -> dict[str, Any]:
    if slices.crossed:
        stage = f"Test all {len(slices.test):,} records, a fifth at a time"
        return {"stage": stage, "detail": "Each fifth by a model that never sees it"}
    return {
        "stage": f"Set {len(slices.test):,} records aside for an honest test",
        "detail": "The search never sees them",
    }


def _prepare(
    table: pd.DataFrame, request: TrainRequest, tell: Tell
) -> tuple[Outcome, pd.DataFrame, list[FieldSpec], list[Finding]]:
    """The outcome, the records that have one, the fields to learn from, and what was found about the fields."""
    if request.target not in table.columns:
        raise DataProblem(
            f"There is no field named {request.target}. The fields are: {', '.join(map(str, table.columns[:20]))}."
        )
    tell({"stage": f"Read {len(table):,} records"})
    outcome = read_outcome(request.target, table[request.target], request.task, request.positive)
    known = table if outcome.known.all() else table[outcome.known].reset_index(drop=True)
    tell({"stage": "Check the fields"})
    left = {request.target, *request.ignore}
    specs = list(detect_all(known.drop(columns=[c for c in left if c in known.columns]), request.types))
    others = None if outcome.known.all() else table[~outcome.known]
    findings = inspect_fields(known, specs, outcome, request.seed, request.time_field, others)
    out = {finding.field for finding in findings if finding.certain} - set(request.keep)
    specs = [spec for spec in specs if spec.name not in out and spec.family != "none"]
    if not specs:
        raise DataProblem("No field is left to learn from. Add fields that were known before the outcome.")
    return outcome, known, specs, findings


def _searched(
    known: _Known, specs: list[FieldSpec], request: TrainRequest, clock: Clock, tell: Tell
) -> tuple[Search, list[FieldSpec], list[Finding]]:
    """Trials on folds of the learning records, after doubtful fields have earned their place or left."""
    rows = known.slices.learn
    if len(rows) > MOST_SEARCHED:
        rows = rows[np.sort(np.random.default_rng(request.seed).choice(len(rows), MOST_SEARCHED, replace=False))]
    columns, target, indicators = known.part(rows), known.outcome.target[rows], known.outcome.indicators[rows]
    folds = make_folds(columns, specs, target, indicators, known.job)
    useless = worthless_fields(columns, specs, folds, request.keep, clock.at(WORTH_SHARE))
    if useless:
        specs = [spec for spec in specs if spec.name not in useless]
        for name in useless:
            folds = folds.without(name)
    tell({"stage": "Try models"})
    tests = FOLDS * (1 - 1 / FOLDS) if known.slices.crossed else 1.0
    fits = tests + len(known.outcome.target) / len(rows)  # still to come, each as long as one on the rows searched

    def deadline(found: Search) -> float:
        last = (2.8 * found.refit_seconds + 0.25) * fits + 1.2 * EXPLAIN_SHARE * clock.budget + 0.8
        return min(clock.at(SEARCH_SHARE), clock.at(END_SHARE) - last) if found.trials else clock.at(SEARCH_SHARE)

    found = search(
        folds, deadline, request.trials, lambda counts: tell({"progress": counts}), patient=request.budget is not None
    )
    said = [
        Finding(name, "no gain", True, "Records it was not learnt from were predicted no better with it.")
        for name in useless
    ]
    return found, specs, said


def _crossed(known: _Known, found: Search, specs: list[FieldSpec], clock: Clock, tell: Tell) -> np.ndarray:
    """Guesses of all records, each fold by a blend that was chosen, calibrated and fitted without it.

    The trials are shared; choosing among them by the other folds alone takes away what choosing flatters (Tsamardinos et al. 2018,
    "Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation").
    """
    folds, count = found.folds, len(known.outcome.target)
    guess = np.zeros((count, known.job.classes) if known.job.task != "regression" else count)
    for number, fold in enumerate(folds.folds):
        tell({"stage": LAST_STAGES[0], "detail": f"{number + 1} of {len(folds.folds)} parts of the records"})
        blend = choose_blend(found.trials, folds, fold.learn)
        parts = fit_parts(
            blend,
            fold.learn_features,
            fold.groups,
            known.outcome.target[fold.learn],
            known.job,
            clock.at(LATEST_SHARE),
            bags_of(count),
            bags_time=None
            if clock.counted
            else (clock.at(CROSSED_SHARE) - time.monotonic()) / (len(folds.folds) - number),
        )
        guess[fold.hold] = Model(known.job, Encoder(specs), parts, blend.calibration).predict(fold.hold_features)
    return guess


def _fitted(known: _Known, specs: list[FieldSpec], blend: Blend, rows: np.ndarray, clock: Clock) -> Model:
    """The blend's settings fitted on some of the records."""
    encoder = Encoder(specs, known.job.seed)
    features = encoder.fit_transform(known.part(rows), known.outcome.indicators[rows])
    parts = fit_parts(
        blend,
        features,
        encoder.groups,
        known.outcome.target[rows],
        known.job,
        clock.at(LATEST_SHARE),
        bags_of(len(known.table)),
        bags_time=None if clock.counted else 0.3 * clock.left,
    )
    return Model(known.job, encoder, parts, blend.calibration)


def _refitted(model: Model, known: _Known, specs: list[FieldSpec], blend: Blend, clock: Clock) -> tuple[Model, bool]:
    """The same settings fitted on every known record, the test slice included, where there is time for it."""
    needed = seconds_of(model) * 1.3 + EXPLAIN_SHARE * clock.budget
    if not clock.counted and time.monotonic() + needed > clock.at(1.0):
        return model, False
    rows = (
        np.concatenate([known.slices.learn, known.slices.test]) if known.slices.by_time else np.arange(len(known.table))
    )
    return _fitted(known, specs, blend, rows, clock), True


def _explained(model: Model, known: _Known, clock: Clock) -> None:
    """Give the model its fast reasons, learnt from exact contributions of a sample."""
    count = len(known.table)
    rows = np.sort(np.random.default_rng(known.job.seed).permutation(count)[:6000])
    features = model.encoder.transform(known.part(rows))
    output = outputs_of(model.job, model.predict(features))
    seconds = None if clock.counted else EXPLAIN_SHARE * clock.budget
    model.explainer = fit_explainer(model.parts, model.fold, features, output, seconds, model.job)


def _facts(known: _Known, specs: list[FieldSpec], findings: list[Finding], request: TrainRequest) -> dict[str, Any]:
    kept, outcome = {spec.name for spec in specs}, known.outcome
    return {
        "outcome": describe(outcome),
        "fields": [spec.to_json() for spec in specs],
        "left_out": [finding.to_json() for finding in findings if finding.field not in kept],
        "to_check": [finding.to_json() for finding in findings if finding.field in kept],
        "ignored": request.ignore,
        "reference": reference.describe_fields(known.columns, specs),
        "positive_share": float((outcome.target == 1).mean()) if outcome.task == "binary" else None,
        "seed": request.seed,
        "explained_by": REASONED_FAMILIES,
        "families": list(FAMILIES),
    }
