"""Training, from a table of strings to a model folder with its scorecard. The command line and the app both call `train`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from einstein.ml import explain, reference
from einstein.ml.artifact import Model, save_model
from einstein.ml.blend import choose_blend, fit_member
from einstein.ml.errors import DataProblem
from einstein.ml.evaluate import evaluate
from einstein.ml.features import Encoder
from einstein.ml.guards import Finding, inspect_fields
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job
from einstein.ml.outcome import Outcome, describe, read_outcome, size_words
from einstein.ml.schema import FieldSpec, detect_all, parse
from einstein.ml.scorer import band_cuts, bands_of
from einstein.ml.search import search
from einstein.ml.worth import worthless_fields

TEST_SHARE = 0.2
WORTH_SHARE, SEARCH_SHARE, BLEND_SHARE = (
    0.15,
    0.50,
    0.72,
)  # of the budget, from its start; the rest fits, tests and fits again
LEAST_SEARCH_SECONDS = 2.0
MOST_MEMBERS = 3
LAST_STAGES = ("Test the best one on the records set aside", "Write the scorecard")
REASONED_FAMILIES = "tree SHAP and path differences"

Tell = Callable[[dict[str, Any]], None]


@dataclass
class TrainRequest:
    """What to learn. `types` are the user's own decisions by field; `keep` overrules a guard; times in seconds."""

    target: str
    task: str | None = None
    positive: str | None = None
    ignore: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    time_field: str | None = None
    budget: float = 60.0
    trials: int | None = None
    seed: int = 0
    threads: int = 0


@dataclass
class _Slices:
    """Row numbers (among the records with a known outcome) to learn from and to test on."""

    learn: np.ndarray
    test: np.ndarray
    by_time: bool


def train(table: pd.DataFrame, request: TrainRequest, out: Path, tell: Tell = lambda event: None) -> dict[str, Any]:
    """Train on a table of strings, write the model folder, return its facts (JSON).

    Raises `DataProblem` when nothing can be learnt. `tell` hears {"stage": ...} and {"progress": ...} events.
    """
    began = time.monotonic()
    outcome, known, specs, findings = _prepare(table, request, tell)
    slices = _split(known, specs, outcome, request)
    tell(
        {"stage": f"Set {len(slices.test):,} records aside for an honest test", "detail": "The search never sees them"}
    )
    job = Job(outcome.task, len(outcome.classes), request.seed, request.threads, slices.by_time)
    learn_target = outcome.target[slices.learn]
    encoder, features, useless = _features(known, outcome, slices.learn, specs, job, request, began)
    specs, findings = encoder.specs, [*findings, *useless]

    tell({"stage": "Try models"})
    recipes, tried = _search(features, learn_target, job, request, began, tell)
    chosen = choose_blend(recipes, features, learn_target, job, _deadline(request, began, BLEND_SHARE))
    fit_began = time.monotonic()
    model = Model(
        job,
        encoder,
        [(fit_member(kind, config, features, learn_target, job), weight) for kind, config, weight in chosen],
        {},
    )
    fit_seconds = time.monotonic() - fit_began

    tell({"stage": LAST_STAGES[0]})
    facts = _tested(model, known, outcome, slices, request)
    tell({"stage": LAST_STAGES[1]})
    if request.trials or time.monotonic() + 2 * fit_seconds < _deadline(request, began, 1.0):
        model = _learnt_from_all(known, outcome, specs, job, chosen)
        facts["scorecard"]["refitted"] = True
    facts |= _facts(known, outcome, specs, findings, request, model)
    facts["scorecard"] |= {
        "tried": tried, "estimator": " + ".join(member.title for member, _ in model.members),
        "members": [[member.title, weight] for member, weight in model.members], "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip
    model.facts = facts
    facts["hash"] = save_model(model, out)
    return facts


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
    known = table[outcome.known].reset_index(drop=True)
    tell({"stage": "Check the fields"})
    left = {request.target, *request.ignore}
    specs = list(detect_all(known.drop(columns=[c for c in left if c in known.columns]), request.types))
    findings = inspect_fields(known, specs, outcome, request.seed)
    out = {finding.field for finding in findings if finding.certain} - set(request.keep)
    specs = [spec for spec in specs if spec.name not in out and spec.family != "none"]
    if not specs:
        raise DataProblem("No field is left to learn from. Add fields that were known before the outcome.")
    return outcome, known, specs, findings


def _features(
    known: pd.DataFrame,
    outcome: Outcome,
    learn: np.ndarray,
    specs: list[FieldSpec],
    job: Job,
    request: TrainRequest,
    began: float,
) -> tuple[Encoder, np.ndarray, list[Finding]]:
    """The encoder and its features without the doubtful fields that help nothing, and what is said of those."""
    table, target, indicators = known.iloc[learn], outcome.target[learn], outcome.indicators[learn]
    encoder = Encoder(specs, job.seed)
    features = encoder.fit_transform(table, indicators)
    useless = worthless_fields(encoder, features, target, job, request.keep, _deadline(request, began, WORTH_SHARE))
    if not useless:
        return encoder, features, []
    encoder = Encoder([spec for spec in specs if spec.name not in useless], job.seed)
    said = [
        Finding(name, "no gain", True, "Records it was not learnt from were predicted no better with it.")
        for name in useless
    ]
    return encoder, encoder.fit_transform(table, indicators), said


def _split(known: pd.DataFrame, specs: list[FieldSpec], outcome: Outcome, request: TrainRequest) -> _Slices:
    """The newest fifth is the test where there is a time field, else a random fifth with the same share of answers."""
    rows = np.arange(len(known))
    if request.time_field:
        if request.time_field not in known.columns:
            raise DataProblem(f"There is no field named {request.time_field} to order by time.")
        spec = detect_all(known[[request.time_field]])[0]
        when = parse(known[request.time_field], spec)
        if spec.family not in {"date", "number"}:
            raise DataProblem(
                f"{request.time_field} holds neither dates nor numbers, so it cannot order the records in time."
            )
        order = np.argsort(when.to_numpy(), kind="stable")
        cut = int(len(rows) * (1 - TEST_SHARE))
        learn, test = order[:cut], order[cut:]  # oldest first: the search judges settings by the newest of them
        if outcome.task == "regression" or len(np.unique(outcome.target[test])) == len(outcome.classes) == len(
            np.unique(outcome.target[learn])
        ):
            return _Slices(learn, test, by_time=True)
    strata = None if outcome.task == "regression" else outcome.target
    learn, test = train_test_split(rows, test_size=TEST_SHARE, random_state=request.seed, stratify=strata)
    return _Slices(np.sort(learn), np.sort(test), by_time=False)


def _search(
    features: np.ndarray, target: np.ndarray, job: Job, request: TrainRequest, began: float, tell: Tell
) -> tuple[list, int]:
    """Recipes, best first; the simple model is always among them, so that there is always a model."""
    seconds = max(LEAST_SEARCH_SECONDS, _deadline(request, began, SEARCH_SHARE) - time.monotonic())
    found = search(features, target, job, seconds, request.trials, lambda counts: tell({"progress": counts}))
    best = [(kind, config) for kind, config, _ in found.best[:MOST_MEMBERS]]
    return [*best[:1], ("linear", {}), *best[1:]], found.tried + 1


def _tested(
    model: Model, known: pd.DataFrame, outcome: Outcome, slices: _Slices, request: TrainRequest
) -> dict[str, Any]:
    """Scorecard of the model on the slice it never saw, band cuts, and the reference of its scores there."""
    test_table, test_target = known.iloc[slices.test], outcome.target[slices.test]
    features = model.encoder.transform(test_table)
    guess = model.predict(features)
    baseline = _baseline(outcome, slices.learn)
    scorecard = evaluate(outcome.task, test_target, guess, outcome.classes, baseline, request.seed)
    scorecard |= {
        "records": len(known), "learn_records": len(slices.learn), "split": "newest" if slices.by_time else "random",
        "size": size_words(outcome), "drivers": explain.drivers(model, test_table, features, guess), "refitted": False,
    }  # fmt: skip
    value = guess if outcome.task == "regression" else guess[:, 1] if outcome.task == "binary" else guess.max(axis=1)
    cuts = band_cuts(outcome.task, baseline.get("share", 0.5), value)
    scorecard["calibration_bands"] = _band_shares(outcome, test_target, value, cuts)
    return {
        "scorecard": scorecard,
        "bands": cuts,
        "score_reference": reference.describe_scores(value, bands_of(value, cuts)),
    }


def _band_shares(
    outcome: Outcome, target: np.ndarray, value: np.ndarray, cuts: dict[str, float]
) -> dict[str, list[float]]:
    """Per band: test records, and the share of them that turned out as predicted positive (binary only)."""
    if outcome.task != "binary":
        return {}
    bands = np.array(bands_of(value, cuts))
    return {
        band: [int((bands == band).sum()), float((target[bands == band] == 1).mean())]
        for band in ("high", "medium", "low")
        if (bands == band).any()
    }


def _learnt_from_all(known: pd.DataFrame, outcome: Outcome, specs: list[FieldSpec], job: Job, chosen: list) -> Model:
    """The same settings fitted on every known record, the test slice included: more data, same recipe."""
    encoder = Encoder(specs, job.seed)
    features = encoder.fit_transform(known, outcome.indicators)
    return Model(
        job,
        encoder,
        [(fit_member(kind, config, features, outcome.target, job), weight) for kind, config, weight in chosen],
        {},
    )


def _facts(
    known: pd.DataFrame,
    outcome: Outcome,
    specs: list[FieldSpec],
    findings: list[Finding],
    request: TrainRequest,
    model: Model,
) -> dict[str, Any]:
    kept = {spec.name for spec in specs}
    return {
        "outcome": describe(outcome),
        "fields": [spec.to_json() for spec in specs],
        "left_out": [finding.to_json() for finding in findings if finding.field not in kept],
        "to_check": [finding.to_json() for finding in findings if finding.field in kept],
        "ignored": request.ignore,
        "reference": reference.describe_fields(known, specs),
        "positive_share": float((outcome.target == 1).mean()) if outcome.task == "binary" else None,
        "seed": request.seed,
        "explained_by": REASONED_FAMILIES,
        "families": list(FAMILIES),
    }


def _baseline(outcome: Outcome, learn: np.ndarray) -> dict[str, float]:
    """Plain guessing: the share of the positive answer, the most frequent answer's share, or the mean."""
    target = outcome.target[learn]
    if outcome.task == "regression":
        return {"mean": float(target.mean())}
    if outcome.task == "binary":
        return {"share": float((target == 1).mean())}
    return {"accuracy": float(np.bincount(target.astype(int)).max() / len(target))}


def _deadline(request: TrainRequest, began: float, share: float) -> float:
    """Monotonic time at which `share` of the budget is used; never, when the number of trials decides."""
    return float("inf") if request.trials else began + share * request.budget
