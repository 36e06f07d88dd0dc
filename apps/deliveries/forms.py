"""Forms about deliveries: which records, and when."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from apps.datasets.forms import WEEKDAYS
from apps.deliveries.channels.base.ledger import EXPIRES_DAYS
from apps.deliveries.channels.base.table import HOLD_PERCENT, OWN_KEY, OWN_VALUES, VALUES, Target
from apps.deliveries.models import SCHEDULES, Delivery
from apps.deliveries.which import BANDS, Which
from apps.predictions.models import Prediction

LIMITS = ["rises", "falls", "jumps", "count"]  # fields of the form that belong to one kind each
KINDS = ["all", "changed", "enters", "rises", "falls", "jumps", "top"]


class PlanForm(forms.Form):
    """Which records are delivered and when. Chances are asked for in whole percent."""

    name = forms.CharField(label="Name", max_length=120)
    which = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    band = forms.ChoiceField(choices=list(BANDS.items()), required=False, initial="high")
    rises = forms.FloatField(required=False, initial=70)
    falls = forms.FloatField(required=False, initial=30)
    jumps = forms.FloatField(required=False, initial=10)
    count = forms.IntegerField(required=False, min_value=1, max_value=10_000, initial=10)
    schedule = forms.ChoiceField(label="When", choices=list(SCHEDULES.items()))
    hour = forms.TypedChoiceField(label="At", coerce=int, choices=[(hour, f"{hour:02d}:00") for hour in range(24)])
    weekday = forms.TypedChoiceField(label="On, when weekly", coerce=int, choices=list(enumerate(WEEKDAYS)))
    hold_percent = forms.IntegerField(
        label="Ask me first when more than so many percent of the rows change band", min_value=0, max_value=100, required=False, help_text="0 never asks"
    )  # fmt: skip
    expires_days = forms.IntegerField(
        label="A score is good for so many days", min_value=1, max_value=3650, required=False
    )
    text = forms.CharField(label="Your text", max_length=200, required=False)
    now = forms.BooleanField(label="Send the newest scores now", required=False)

    def __init__(self, delivery: Delivery, writes_tables: bool, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, initial=_initial(delivery), **kwargs)
        self.prediction: Prediction = delivery.prediction
        if not writes_tables:
            del self.fields["hold_percent"], self.fields["expires_days"]
        if not writes_tables or "text" not in delivery.settings.get("target", {}).get("columns", {}):
            del self.fields["text"]
        for name in ("band", "rises", "falls", "jumps", "count"):
            self.fields[name].widget.attrs["class"] = f"{'select' if name == 'band' else 'input'} small inline"

    @property
    def unit(self) -> str:
        return "" if self.prediction.task == "regression" else "%"

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        kind = answers.get("which")
        if kind in {"rises", "falls", "jumps", "count"} and answers.get(kind) is None and kind not in self.errors:
            self.add_error(kind, "Enter a number.")
        if kind == "top" and not answers.get("count"):
            self.add_error("count", "Enter a number from 1 to 10,000.")
        if (
            self.unit
            and kind in {"rises", "falls", "jumps"}
            and answers.get(kind) is not None
            and not 0 < answers[kind] <= 100
        ):
            self.add_error(kind, "Enter a number above 0 and up to 100.")
        return answers

    def which_chosen(self) -> Which:
        kind, answers = self.cleaned_data["which"], self.cleaned_data
        limit = answers.get(kind) if kind in {"rises", "falls", "jumps"} else None
        share = 100 if self.unit else 1
        return Which(kind, answers.get("band") or "high", (limit or 0.0) / share, answers.get("count") or 10)


def _initial(delivery: Delivery) -> dict[str, Any]:
    which = Which.from_json(delivery.which)
    share = 1 if delivery.prediction.task == "regression" else 100
    shown = {which.kind: round(which.limit * share, 6)} if which.kind in {"rises", "falls", "jumps"} else {}
    return {
        "name": delivery.name, "which": which.kind, "band": which.band, "rises": 70, "falls": 30, "jumps": 10, "count": which.count, **shown,
        "schedule": delivery.schedule, "hour": delivery.schedule_hour, "weekday": delivery.schedule_weekday,
        "hold_percent": delivery.settings.get("hold_percent", HOLD_PERCENT), "expires_days": delivery.settings.get("expires_days", EXPIRES_DAYS),
        "text": delivery.settings.get("text", ""), "now": delivery.state == "draft",
    }  # fmt: skip


class ColumnsForm(forms.Form):
    """Which column of a customer's table names the record, and which get what."""

    key = forms.ChoiceField(label="The record’s key is in")

    def __init__(self, columns: list[tuple[str, str]], keys: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names, key_names = ([(name, f"{name} ({kind.lower()})") for name, kind in each] for each in (columns, keys))
        self.fields["key"].choices = [("", "Pick a column"), *key_names]
        for value, title in VALUES.items():
            self.fields[value] = forms.ChoiceField(label=title, required=False, choices=[("", "Not written"), *names])

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        chosen = [answers[value] for value in VALUES if answers.get(value)]
        if not chosen:
            raise forms.ValidationError("Pick at least one column to write to.")
        if len(set(chosen)) != len(chosen) or answers.get("key") in chosen:
            raise forms.ValidationError("Each column can take one thing only, and the key’s column none.")
        return answers

    def target(self, schema: str, table: str) -> Target:
        columns = {value: self.cleaned_data[value] for value in VALUES if self.cleaned_data[value]}
        return Target(schema, table, self.cleaned_data["key"], columns)


def own_target(prediction: Prediction, schema: str) -> Target:
    """A new table for a prediction's scores."""
    name = re.sub(r"\W+", "_", prediction.name.strip().lower()).strip("_")[:40] or "scores"
    return Target(schema, f"einstein_{name}", OWN_KEY, {value: value for value in OWN_VALUES}, own=True)


GUESSES = {
    "score": ("score", "einstein_score", "churn_score", "lead_score"), "percent": ("percent", "score_percent"), "band": ("band", "score_band", "einstein_band"),
    "predicted": ("predicted", "prediction"), "reasons": ("reasons", "reason", "why", "score_reasons"), "as_of": ("as_of", "scored_at", "score_time", "score_as_of"),
    "model_version": ("model_version", "version"), "expires_at": ("expires_at", "expires", "valid_until"),
}  # fmt: skip


def guessed_columns(columns: list[tuple[str, str]], keys: list[tuple[str, str]], key_field: str) -> dict[str, str]:
    """Columns whose names say what they are for; Salesforce ends the names of its users' own fields in __c."""
    known = {name.lower().removesuffix("__c"): name for name, _ in columns}
    found = {value: next((known[name] for name in names if name in known), "") for value, names in GUESSES.items()}
    return found | {"key": next((name for name, _ in keys if name.lower() == key_field.lower()), "")}
