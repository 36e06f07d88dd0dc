"""The wizard: seven questions, each saved when it is answered, each with its own sentence when the answer cannot work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from django.http import QueryDict

from apps.datasets.enrich import make_enriched
from apps.datasets.models import Field
from apps.datasets.queries import enrichment_of
from apps.datasets.records import NEEDS_NO_VALUE, NEEDS_NUMBER, OPERATORS, newest_snapshot, specs_of
from apps.datasets.relations import reference_of, relations_of
from apps.predictions.definition import (
    RULE_TARGET,
    learn_mask,
    suggested_positive,
    target_of,
)
from apps.predictions.draft_records import column_of, records_with_outcome
from apps.predictions.models import KINDS, SCHEDULES, Prediction
from apps.predictions.parts import apply_parts, chosen_parts, make_sample, settle_dataset, template_of
from apps.predictions.queries import chosen_dataset
from apps.predictions.wizard_screens import ANSWERS_SHOWN, MOST_FILTERS
from apps.workspaces.models import User
from einstein.ml.errors import DataProblem
from einstein.ml.outcome import answers_of, read_outcome, refuse_unlearnable, suggest_task
from einstein.ml.schema import parse

STEPS = {
    "question": "Question", "data": "Data", "outcome": "Outcome", "records": "Records", "fields": "Fields", "schedule": "Schedule",
    "review": "Review",
}  # fmt: skip
BUDGETS = {60: "Quick: about a minute", 120: "Normal: about 2 minutes", 600: "Thorough: about 10 minutes"}


def next_step(step: str) -> str:
    names = list(STEPS)
    return names[min(names.index(step) + 1, len(names) - 1)]


def first_open_step(prediction: Prediction) -> str:
    return next((step for step in STEPS if step not in prediction.steps_done), "review")


def save(step: str, prediction: Prediction, answers: QueryDict, user: User) -> list[str]:
    """Take in a step's answers; returns sentences when they cannot be used (the draft keeps them all the same)."""
    errors = SAVERS[step](prediction, answers)
    if step == "data" and not errors:
        settle_dataset(prediction, user)
    done = [name for name in prediction.steps_done if name != step]
    prediction.steps_done = done if errors else [*done, step]
    prediction.save()
    return errors


def apply_unsaved(step: str, prediction: Prediction, answers: QueryDict) -> None:
    """Show what other answers would mean, without saving them."""
    if answers and step in SAVERS:
        SAVERS[step](prediction, answers)


def _save_question(prediction: Prediction, answers: QueryDict) -> list[str]:
    prediction.name = answers.get("name", "").strip()[:120]
    prediction.question = answers.get("question", "").strip()[:200]
    return [] if prediction.name else ["Give the prediction a name, such as Customer churn."]


def use_sample(prediction: Prediction, user: User) -> None:
    """Go on with made records of the template."""
    template = template_of(prediction)
    if template is not None:
        _forget_fields(prediction)
        prediction.dataset = make_sample(template, user)
        prediction.save()


def join_offered(prediction: Prediction, answers: QueryDict, user: User) -> bool:
    """Make a dataset with the related records that were ticked, and go on with that one; False when none was."""
    chosen, ticked = chosen_dataset(answers), set(answers.getlist("join"))
    if chosen is None or not ticked or enrichment_of(chosen):
        return False
    offered = relations_of(chosen)
    relations = [each for each in offered if str(each.dataset.id) in ticked]
    if not relations:
        return False
    made = make_enriched(chosen, [each.join for each in relations], reference_of(offered), user)
    _forget_fields(prediction)
    prediction.dataset = made.dataset
    prediction.save()
    return True


def _save_data(prediction: Prediction, answers: QueryDict) -> list[str]:
    chosen = chosen_dataset(answers)
    if chosen is None:
        return ["Pick a dataset. If there is none, upload a file first."]
    if prediction.dataset_id != chosen.id:
        _forget_fields(prediction)
    prediction.dataset = chosen
    if newest_snapshot(chosen) is None:
        return [f"{chosen.name} holds no records yet. Wait until its file is read, or upload another."]
    template = template_of(prediction)
    if template is None or answers.get("parts") != str(chosen.id):  # another dataset's parts say nothing of this one
        return []
    return apply_parts(prediction, chosen_parts(template, answers, Field.objects.filter(dataset=chosen)))


def _forget_fields(prediction: Prediction) -> None:
    """Answers about the fields of another dataset mean nothing here."""
    prediction.outcome_field = prediction.outcome_kind = prediction.positive = prediction.time_field = ""
    prediction.parts, prediction.rule, prediction.learn_filters, prediction.score_filters = {}, {}, [], []
    prediction.ignored_fields, prediction.kept_fields, prediction.fields_seen = [], [], False
    prediction.steps_done = [step for step in prediction.steps_done if step == "question"]


def _save_outcome(prediction: Prediction, answers: QueryDict) -> list[str]:
    before = (prediction.outcome_field, prediction.outcome_kind, prediction.rule)
    prediction.outcome_field = answers.get("field", "")
    kind = answers.get("kind", "")
    values = column_of(prediction, prediction.outcome_field)
    if kind == "rule":
        return _save_rule(prediction, answers)
    if values is None:
        return ["Pick the field that says how it turned out."]
    prediction.rule = {}
    prediction.outcome_kind = kind if kind in KINDS else suggest_task(prediction.outcome_field, values)
    counts = answers_of(values)
    positive = answers.get("positive", "")
    prediction.positive = (
        positive if positive in counts else suggested_positive(counts) if len(counts) <= ANSWERS_SHOWN else ""
    )
    if before[:2] != (prediction.outcome_field, prediction.outcome_kind):
        prediction.fields_seen = False
    return _unlearnable(prediction, values)


def _save_rule(prediction: Prediction, answers: QueryDict) -> list[str]:
    prediction.outcome_kind, prediction.positive, prediction.outcome_field = "rule", "", ""
    rules, errors = _filters(prediction, answers, "rule")
    prediction.rule = rules[0] if rules else {}
    prediction.fields_seen = False
    if errors or not rules:
        return errors or ["Pick a field and a condition, such as: days late is more than 30."]
    table = records_with_outcome(prediction)
    return _unlearnable(prediction, table[RULE_TARGET])


def _unlearnable(prediction: Prediction, values: pd.Series) -> list[str]:
    try:
        read_outcome(target_of(prediction) if prediction.outcome_kind != "rule" else "The rule", values, prediction.task,
                     "Yes" if prediction.outcome_kind == "rule" else prediction.positive or None)  # fmt: skip
    except DataProblem as problem:
        return [str(problem)]
    return []


def _save_records(prediction: Prediction, answers: QueryDict) -> list[str]:
    prediction.learn_filters, learn_errors = _filters(prediction, answers, "learn")
    mode = answers.get("score_mode", "open")
    prediction.score_mode = mode if mode in {"open", "all", "filtered"} else "open"
    prediction.score_filters, score_errors = _filters(prediction, answers, "score") if mode == "filtered" else ([], [])
    time_field = answers.get("time_field", "")
    prediction.time_field = (
        time_field if Field.objects.filter(dataset=prediction.dataset, name=time_field).exists() else ""
    )
    errors = learn_errors + score_errors
    return errors or _too_few(prediction)


def _too_few(prediction: Prediction) -> list[str]:
    table = records_with_outcome(prediction)
    learnable = table[learn_mask(prediction, table, specs_of(prediction.dataset))]
    try:
        if prediction.task == "regression":
            read_outcome(target_of(prediction), learnable[target_of(prediction)], "regression")
        else:
            counts = answers_of(learnable[target_of(prediction)])
            if prediction.task == "binary" and len(counts) > 2 and prediction.positive in counts:
                yes = counts[prediction.positive]
                counts = {prediction.positive: yes, f"not {prediction.positive}": sum(counts.values()) - yes}
            refuse_unlearnable(target_of(prediction), prediction.task, counts)
    except DataProblem as problem:
        return [str(problem)]
    return []


def _save_fields(prediction: Prediction, answers: QueryDict) -> list[str]:
    ticked = set(answers.getlist("use"))
    offered = set(answers.getlist("offered"))
    suspicious = set(answers.getlist("left_out"))
    prediction.ignored_fields = sorted(offered - ticked)
    prediction.kept_fields = sorted(suspicious & ticked)
    prediction.fields_seen = True
    return [] if ticked else ["Tick at least one field to learn from."]


def _save_schedule(prediction: Prediction, answers: QueryDict) -> list[str]:
    schedule, budget = answers.get("schedule", "daily"), answers.get("budget", "60")
    prediction.schedule = schedule if schedule in SCHEDULES else "daily"
    prediction.budget_seconds = int(budget) if budget.isdigit() and int(budget) in BUDGETS else 60
    hour, weekday = answers.get("hour", "6"), answers.get("weekday", "0")
    if not hour.isdigit() or int(hour) > 23:
        return [f"There is no {hour}:00. Use 0 to 23."]
    prediction.schedule_hour = int(hour)
    prediction.schedule_weekday = int(weekday) if weekday.isdigit() and int(weekday) < 7 else 0
    prediction.next_run_at = None  # the clock plans anew
    return []


def _save_review(prediction: Prediction, answers: QueryDict) -> list[str]:
    return []


SAVERS: dict[str, Callable[[Prediction, QueryDict], list[str]]] = {
    "question": _save_question, "data": _save_data, "outcome": _save_outcome, "records": _save_records, "fields": _save_fields,
    "schedule": _save_schedule, "review": _save_review,
}  # fmt: skip


def _filters(prediction: Prediction, answers: QueryDict, prefix: str) -> tuple[list[dict[str, str]], list[str]]:
    """The filter lines of a form: complete ones, and sentences about those that cannot be read."""
    known, filters, errors = specs_of(prediction.dataset), [], []
    lines = zip(
        answers.getlist(f"{prefix}_field"),
        answers.getlist(f"{prefix}_op"),
        answers.getlist(f"{prefix}_value"),
        strict=False,
    )
    for name, op, value in list(lines)[:MOST_FILTERS]:
        if name not in known or op not in OPERATORS:
            continue
        if op not in NEEDS_NO_VALUE and not value.strip():
            errors.append(f"Say what {name} should be compared with.")
        elif op in NEEDS_NUMBER and pd.isna(_as_comparable(value, known[name])):
            errors.append(
                f"{name} {OPERATORS[op]} needs a {'date' if known[name].family == 'date' else 'number'}; {value} is none."
            )
        else:
            filters.append({"field": name, "op": op, "value": value.strip()})
    return filters, errors


def _as_comparable(value: str, spec: Any) -> Any:
    text = pd.Series([value], dtype="object")
    if spec.family == "date":
        read = parse(text, spec).iloc[0]
        return read if not pd.isna(read) else pd.to_datetime(value, errors="coerce")
    return pd.to_numeric(value.replace(",", ""), errors="coerce")
