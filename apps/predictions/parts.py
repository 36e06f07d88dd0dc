"""Which field of a table plays which part of a template: suggested by name and content, decided by the user, and what follows for the prediction."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.http import QueryDict

from apps.datasets.fields import choose_key
from apps.datasets.models import Dataset, Field
from apps.datasets.records import key_problems_of
from apps.datasets.upload import receive_path
from apps.predictions.definition import target_of
from apps.predictions.models import Prediction
from apps.predictions.templates_catalog import registry
from apps.predictions.templates_catalog.base import NUMBERS, Part, Template
from apps.workspaces.models import User
from einstein.ml.types.base import words_of

NEEDED = 1.0  # of a fit, below which nothing is suggested
NAMES_MOST = 0.9  # of the records a key names by a value of their own
MOST_ANSWERS = 30  # different values of a field that says what became of a record


def template_of(prediction: Prediction) -> Template | None:
    return registry().get(prediction.template)


def suggested_parts(template: Template, fields: Iterable[Field]) -> dict[str, str]:
    """The best field for each part that has one; a field plays one part at most, and the best fits are given away first."""
    fits = sorted(
        ((_fit(part, item), number, part.name, item.name) for number, part in enumerate(template.parts) for item in fields),
        key=lambda fit: (-fit[0], fit[1]),
    )  # fmt: skip
    found: dict[str, str] = {}
    for fit, _, part, name in fits:
        if fit >= NEEDED and part not in found and name not in found.values():
            found[part] = name
    return found


def chosen_parts(template: Template, answers: QueryDict, fields: Iterable[Field]) -> dict[str, str]:
    """The parts that a form names, of fields that there are."""
    known = {item.name for item in fields}
    given = {part.name: answers.get(f"part_{part.name}", "") for part in template.parts}
    return {part: name for part, name in given.items() if name in known}


def apply_parts(prediction: Prediction, parts: dict[str, str]) -> list[str]:
    """Settle what follows for the prediction from who plays which part; sentences about what is in the way."""
    template = template_of(prediction)
    if template is None:
        return []
    before, prediction.parts = prediction.parts, parts
    missing = [part.title for part in template.parts if part.required and part.name not in parts]
    repeated = {name for name in parts.values() if list(parts.values()).count(name) > 1}
    if missing:
        return [f"Pick the field for: {missing[0].lower()}."]
    if repeated:
        return [f"{sorted(repeated)[0]} plays two parts. Each field can play one."]
    if parts != before or not target_of(prediction):
        item = Field.objects.get(dataset=prediction.dataset, name=parts["outcome"])
        prediction.fields_seen = False
        for name, value in _recommended(template, item).items():
            setattr(prediction, name, value)
        prediction.time_field = parts.get("started", "")
    return []


def settle_dataset(prediction: Prediction, user: User) -> None:
    """What the parts say of the dataset, where nothing was decided yet: what names its records, and what they are."""
    template, dataset = template_of(prediction), prediction.dataset
    if template is None or dataset is None:
        return
    who = prediction.parts.get("who", "")
    if who and not dataset.key_field and key_problems_of(dataset, who) == 0:
        choose_key(dataset, who, dataset.duplicates, user)
    if dataset.noun == "record":
        dataset.noun = template.noun
        dataset.save(update_fields=["noun"])


def speaking_template(prediction: Prediction) -> Template | None:
    """The template whose words fit the scores: only while the outcome is the one that it recommended."""
    template, outcome = template_of(prediction), prediction.parts.get("outcome", "")
    if template is None or not outcome:
        return None
    kind = template.outcome.kind
    if prediction.outcome_kind == "rule":
        operator = (template.outcome.rule or ("", ""))[0]
        fits = kind == "binary" and prediction.rule.get("field") == outcome and prediction.rule.get("op") == operator
    else:
        positive = prediction.positive.strip().lower()
        fits = prediction.outcome_kind == kind and prediction.outcome_field == outcome
        fits = fits and (kind != "binary" or positive in template.outcome.positives)
    return template if fits else None


def hindsight_fields(prediction: Prediction, fields: Iterable[Field]) -> set[str]:
    """Fields that, by their names, are filled only once the outcome is known."""
    template = template_of(prediction)
    if template is None:
        return set()
    played = set(prediction.parts.values())
    hints = [set(hint.split()) for hint in template.hindsight]
    return {
        item.name for item in fields if item.name not in played and any(hint <= words_of(item.name) for hint in hints)
    }


def make_sample(template: Template, user: User) -> Dataset:
    """A dataset of the template's sample, being read by a worker."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{template.kind}.csv"
        template.sample().to_csv(path, index=False)
        dataset, _ = receive_path(path, path.name, user)
    dataset.name, dataset.noun = f"Sample: {template.title.lower()}", template.noun
    dataset.save(update_fields=["name", "noun"])
    return dataset


def _recommended(template: Template, item: Field) -> dict[str, Any]:
    """The recommended outcome: its answer, or the number from which on it is a yes."""
    outcome = template.outcome
    if outcome.kind == "binary" and item.type in NUMBERS and outcome.rule:
        rule = {"field": item.name, "op": outcome.rule[0], "value": outcome.rule[1]}
        return {"outcome_kind": "rule", "outcome_field": "", "positive": "", "rule": rule}
    positive = _positive(outcome.positives, _answers(item)) if outcome.kind == "binary" else ""
    return {"outcome_kind": outcome.kind, "outcome_field": item.name, "positive": positive, "rule": {}}


def _fit(part: Part, item: Field) -> float:
    """How well a field plays a part: its type must fit; its name and what it holds speak for it."""
    if item.type not in part.types:
        return 0.0
    words, letters, fit = words_of(item.name), item.name.lower().replace("_", "").replace(" ", ""), 0.0
    for place, hint in enumerate(part.hints):
        asked = set(hint.split())
        if asked <= words:
            fit = max(fit, 1.5 + 0.5 * len(asked) - 0.05 * place - 0.1 * len(words - asked))
        elif part.role != "outcome" and hint.replace(" ", "") in letters:  # "unsubscribed" is not "subscribed"
            fit = max(fit, 1.0 - 0.03 * place)
    return fit + _content(part, item) if fit else 0.0


def _content(part: Part, item: Field) -> float:
    facts, answers = item.profile, {answer.lower() for answer in _answers(item)}
    distinct, rows = facts.get("distinct", 0), facts.get("rows", 0)
    if part.role == "key":
        return 1.0 if rows and distinct >= NAMES_MOST * rows else -2.0
    if part.role == "outcome" and item.type not in NUMBERS:
        return (0.8 if answers & part.answers else 0.0) - (1.0 if distinct > MOST_ANSWERS else 0.0)
    return 0.0


def _answers(item: Field) -> list[str]:
    return [str(answer) for answer, _ in item.profile.get("top", [])]


def _positive(positives: Iterable[str], answers: list[str]) -> str:
    """The answer that means yes: the first recommended one that occurs."""
    known = {answer.strip().lower(): answer for answer in answers}
    return next((known[positive] for positive in positives if positive in known), "")
