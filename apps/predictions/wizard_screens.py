"""What each screen of the wizard shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.datasets.models import Dataset, Field
from apps.datasets.queries import enrichment_of, reading_run
from apps.datasets.records import OPERATORS, newest_snapshot, specs_of
from apps.datasets.relations import reference_of, relations_of
from apps.predictions.definition import ignored_of, learn_mask, score_mask, target_of
from apps.predictions.draft_records import column_of, records_with_outcome
from apps.predictions.models import KINDS, Prediction
from apps.predictions.parts import hindsight_fields, suggested_parts, template_of
from einstein.ml.errors import DataProblem
from einstein.ml.guards import Finding, inspect_fields
from einstein.ml.outcome import answers_of, read_outcome, suggest_task

MOST_FILTERS = 3
ANSWERS_SHOWN, DATASETS_SHOWN = 12, 200
FIELDS_CHECKED = 500


def data_screen(prediction: Prediction) -> dict[str, Any]:
    """Datasets to pick from, and what others tell about the records of the chosen one."""
    datasets = list(Dataset.objects.filter(state="active").order_by("-updated_at")[:DATASETS_SHOWN])
    chosen = prediction.dataset or (datasets[0] if len(datasets) == 1 else None)
    made = chosen and enrichment_of(chosen)
    run = chosen and reading_run(chosen)
    relations = relations_of(chosen) if chosen and not made else []
    return {
        "datasets": datasets, "made": made, "relations": relations, "reference": reference_of(relations),
        "run": run if run and run.is_live and (made or newest_snapshot(chosen) is None) else None, "chosen": chosen,
        "template": template_of(prediction), "parts": parts_screen(prediction, chosen),
    }  # fmt: skip


def parts_screen(prediction: Prediction, chosen: Dataset | None) -> list[dict[str, Any]]:
    """Each part of the template with the fields that can play it, the one that does or that we suggest first."""
    template = template_of(prediction)
    fields = list(Field.objects.filter(dataset=chosen)) if chosen else []
    if template is None or not fields:
        return []
    same = prediction.parts and chosen.id == prediction.dataset_id
    played = prediction.parts if same else suggested_parts(template, fields)
    return [
        {"part": part, "chosen": played.get(part.name, ""), "fields": [item.name for item in fields if item.type in part.types], "guessed": not same}
        for part in template.parts
    ]  # fmt: skip


def outcome_screen(prediction: Prediction) -> dict[str, Any]:
    """Fields that could be the outcome, each with what it holds, and the answers of the chosen one."""
    fields = list(Field.objects.filter(dataset=prediction.dataset))
    values = column_of(prediction, prediction.outcome_field)
    counts = answers_of(values) if values is not None else {}
    if values is not None and not prediction.outcome_kind:
        prediction.outcome_kind = suggest_task(prediction.outcome_field, values)
    shown = sorted(
        fields, key=lambda item: (item.name != prediction.outcome_field, item.type != "yes_no", item.position)
    )
    return {
        "fields": shown[:200], "kinds": KINDS.items(), "answers": list(counts.items())[:ANSWERS_SHOWN], "answer_count": len(counts),
        "known": sum(counts.values()), "operators": OPERATORS.items(), "all_fields": [item.name for item in fields],
        "rule_rows": [prediction.rule or {}], "few": min(counts.values(), default=0),
    }  # fmt: skip


def records_screen(prediction: Prediction) -> dict[str, Any]:
    """Filters with live counts."""
    table = records_with_outcome(prediction)
    specs = specs_of(prediction.dataset)
    learn, scored = learn_mask(prediction, table, specs), score_mask(prediction, table, specs)
    dates = [item.name for item in Field.objects.filter(dataset=prediction.dataset) if item.type == "date"]
    return {
        "learn_count": int(learn.sum()), "score_count": int(scored.sum()), "both_count": int((learn & scored).sum()), "total": len(table),
        "operators": OPERATORS.items(), "all_fields": [item.name for item in Field.objects.filter(dataset=prediction.dataset)],
        "learn_rows": _rows(prediction.learn_filters), "score_rows": _rows(prediction.score_filters), "dates": dates,
    }  # fmt: skip


def fields_screen(prediction: Prediction) -> dict[str, Any]:
    """Fields to tick; suspicious ones unticked with the reason, until the user decides otherwise."""
    findings = {finding.field: finding for finding in findings_of(prediction)}
    afterwards = hindsight_fields(prediction, Field.objects.filter(dataset=prediction.dataset))
    rows = []
    for item in Field.objects.filter(dataset=prediction.dataset):
        if item.name == prediction.outcome_field or item.name == prediction.rule.get("field"):
            continue
        finding = findings.get(item.name)
        if item.name == prediction.dataset.key_field:
            finding = Finding(item.name, "id", True, "It names the record; a model would only memorise it.")
        if item.name in afterwards and not (finding and finding.certain):
            finding = Finding(item.name, "hindsight", True, "By its name it is filled only once the outcome is known.")
        used = (
            item.name not in prediction.ignored_fields if prediction.fields_seen else not (finding and finding.certain)
        )
        if prediction.fields_seen and finding and finding.certain:
            used = item.name in prediction.kept_fields
        rows.append({"field": item, "finding": finding, "used": used})
    rows.sort(key=lambda row: (row["finding"] is None, row["field"].position))
    return {"rows": rows, "used": sum(row["used"] for row in rows)}


SCREENS: dict[str, Callable[[Prediction], dict[str, Any]]] = {
    "data": data_screen, "outcome": outcome_screen, "records": records_screen, "fields": fields_screen,
}  # fmt: skip


def findings_of(prediction: Prediction) -> list[Finding]:
    """What the guards say of the fields of the records to learn from."""
    full = records_with_outcome(prediction)
    table = full[learn_mask(prediction, full, specs_of(prediction.dataset))]
    positive = "Yes" if prediction.outcome_kind == "rule" else prediction.positive or None
    try:
        outcome = read_outcome(
            target_of(prediction),
            table[target_of(prediction)],
            prediction.task,
            positive if prediction.task == "binary" else None,
        )
    except DataProblem:
        return []
    hidden = {
        target_of(prediction),
        prediction.rule.get("field"),
        *([prediction.dataset.key_field] if prediction.dataset.key_field else []),
    }
    specs = [
        spec for name, spec in specs_of(prediction.dataset).items() if name not in hidden and name in table.columns
    ]
    known = table[outcome.known].reset_index(drop=True)
    return inspect_fields(known, specs[:FIELDS_CHECKED], outcome, time_field=prediction.time_field or None)


def counts_of(prediction: Prediction) -> dict[str, int]:
    """How many records there are to learn from and to score."""
    if not prediction.dataset_id or not target_of(prediction) or newest_snapshot(prediction.dataset) is None:
        return {}
    try:
        table = records_with_outcome(prediction)
        specs = specs_of(prediction.dataset)
        return {
            "learn": int(learn_mask(prediction, table, specs).sum()),
            "score": int(score_mask(prediction, table, specs).sum()),
        }
    except KeyError:
        return {}  # the outcome field left the dataset; the outcome screen says so


def _rows(filters: list[dict[str, str]]) -> list[dict[str, str]]:
    return [*filters, {}][:MOST_FILTERS]


def used_field_count(prediction: Prediction) -> int:
    return (
        Field.objects.filter(dataset=prediction.dataset)
        .exclude(name__in=[*ignored_of(prediction), prediction.outcome_field])
        .count()
    )
