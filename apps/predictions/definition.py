"""What a prediction learns from and what it scores: its definition applied to a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from apps.datasets.models import Dataset
from apps.datasets.records import keyed, matching, specs_of, words_of
from apps.predictions.models import Prediction
from einstein.ml.outcome import suggest_positive
from einstein.ml.schema import FieldSpec
from einstein.ml.train import TrainRequest
from einstein.ml.types.base import clean_text

RULE_TARGET = "Outcome by rule"
YES, NO = "Yes", "No"


def with_outcome(prediction: Prediction, table: pd.DataFrame, specs: dict[str, FieldSpec]) -> pd.DataFrame:
    """The table with its outcome column; a rule becomes a yes/no column that is blank where its field is."""
    if prediction.outcome_kind != "rule" or not prediction.rule:
        return table
    yes = matching(table, [prediction.rule], specs)
    known = clean_text(table[prediction.rule["field"]]).notna().to_numpy()
    if prediction.rule["op"] in {"blank", "filled"}:
        known = np.ones(len(table), dtype=bool)
    values = np.where(yes, YES, NO).astype(object)
    values[~known] = None
    return table.assign(**{RULE_TARGET: values})


def target_of(prediction: Prediction) -> str:
    return RULE_TARGET if prediction.outcome_kind == "rule" else prediction.outcome_field


def learn_mask(prediction: Prediction, table: pd.DataFrame, specs: dict[str, FieldSpec]) -> np.ndarray:
    """Records to learn from: outcome known, and the filters met. `table` holds the outcome column."""
    known = clean_text(table[target_of(prediction)]).notna().to_numpy()
    return known & matching(table, prediction.learn_filters, specs)


def score_mask(prediction: Prediction, table: pd.DataFrame, specs: dict[str, FieldSpec]) -> np.ndarray:
    """Records to score: by default those whose outcome is open."""
    if prediction.score_mode == "open":
        return clean_text(table[target_of(prediction)]).isna().to_numpy()
    if prediction.score_mode == "filtered":
        return matching(table, prediction.score_filters, specs)
    return np.ones(len(table), dtype=bool)


def learning_table(prediction: Prediction, table: pd.DataFrame) -> pd.DataFrame:
    """The keyed records to learn from, with the outcome column, in file order."""
    specs = specs_of(prediction.dataset)
    full = with_outcome(prediction, keyed(prediction.dataset, table), specs)
    return full[learn_mask(prediction, full, specs)]


@dataclass
class ToScore:
    """The keyed `records` to score; which of them were `learnt` from and which have an `open` outcome, (records,); and the outcomes that are
    known by key, of all records."""

    records: pd.DataFrame
    learnt: np.ndarray
    open: np.ndarray
    known: pd.Series


def scoring_table(prediction: Prediction, table: pd.DataFrame) -> ToScore:
    """What a table holds to be scored."""
    specs = specs_of(prediction.dataset)
    full = with_outcome(prediction, keyed(prediction.dataset, table), specs)
    wanted, learnt = score_mask(prediction, full, specs), learn_mask(prediction, full, specs)
    outcomes = clean_text(full[target_of(prediction)])
    is_open = outcomes.isna().to_numpy()
    return ToScore(full[wanted], learnt[wanted], is_open[wanted], outcomes[~is_open])


def ignored_of(prediction: Prediction) -> list[str]:
    """Fields that are not learnt from: unticked ones, the key, and a rule's own field."""
    ignored = list(prediction.ignored_fields)
    if prediction.dataset.key_field:
        ignored.append(prediction.dataset.key_field)
    if prediction.outcome_kind == "rule":
        ignored.append(prediction.rule.get("field", ""))
    return [name for name in dict.fromkeys(ignored) if name and name != target_of(prediction)]


def request_of(prediction: Prediction, types: dict[str, str]) -> TrainRequest:
    """The training request of a prediction; `types` are the user's decisions by field."""
    extra: dict[str, Any] = dict(prediction.training)
    return TrainRequest(
        target=target_of(prediction), task=prediction.task or None, positive=positive_of(prediction), ignore=ignored_of(prediction),
        keep=list(prediction.kept_fields), types=types, time_field=prediction.time_field or None, budget=float(prediction.budget_seconds), **extra,
    )  # fmt: skip


def positive_of(prediction: Prediction) -> str | None:
    if prediction.outcome_kind == "rule":
        return YES
    return prediction.positive or None if prediction.task == "binary" else None


def chosen_types(dataset: Dataset) -> dict[str, str]:
    """Types the user set against our guess; the rest is detected anew by the engine, as on the command line."""
    return {field.name: field.chosen_type for field in dataset.fields.all() if field.chosen_type}


def suggested_positive(counts: dict[str, int]) -> str:
    return suggest_positive(list(counts), counts) if counts else ""


def outcome_words(prediction: Prediction) -> str:
    """The outcome as part of a sentence: "Churn is Yes", "price", "tenure is less than 12"."""
    if prediction.outcome_kind == "rule":
        return words_of([prediction.rule]) if prediction.rule else ""
    if prediction.outcome_kind == "binary":
        return f"{prediction.outcome_field} is {prediction.positive}"
    return prediction.outcome_field
