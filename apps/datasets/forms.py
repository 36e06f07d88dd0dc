"""Forms about sources. A connection form is made from what its connector asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django import forms

from apps.datasets.connectors.base import Setting
from apps.datasets.joins import AMOUNTS, WINDOWS, Join
from apps.datasets.models import SOURCE_MODES, SOURCE_SCHEDULES, Dataset, Field

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MOST_QUERY = 20_000
MOST_NEW_FIELDS = 60


class ConnectionForm(forms.Form):
    """What a source or a destination asks. Kept secrets are never shown; left blank they stay as they are."""

    def __init__(self, asked: Sequence[Setting], *args: Any, kept: Collection[str] = (), **kwargs: Any) -> None:
        """`kept` names the secrets that are there already."""
        super().__init__(*args, **kwargs)
        for setting in asked:
            self.fields[setting.name] = _field_of(setting, setting.name in kept)
        self.address = [setting.name for setting in asked if setting.address]
        self.kept = [setting.name for setting in asked if setting.secret and setting.name in kept]

    def clean(self) -> dict[str, Any]:
        """A kept secret goes only where it was entered for: whoever changes the address must know it."""
        answers = super().clean() or {}
        moved = [name for name in self.address if str(answers.get(name) or "") != str(self.initial.get(name) or "")]
        if moved and self.kept and not any(answers.get(name) for name in self.kept):
            self.add_error(
                self.kept[0], "The address has changed, so enter this again. It is kept for the old address only."
            )
        return answers


def _field_of(setting: Setting, kept: bool) -> forms.Field:
    values: dict[str, Any] = {
        "label": setting.label, "help_text": setting.help, "required": setting.required and not kept, "initial": setting.default or None,
    }  # fmt: skip
    if kept:
        values["help_text"] = "Kept. Leave blank to keep it as it is."
    if setting.kind == "number":
        return forms.IntegerField(min_value=1, max_value=65535, **values)
    if setting.kind == "count":
        return forms.IntegerField(min_value=1, max_value=1000, **values)
    if setting.kind == "many":
        values["initial"] = setting.default.split()
        return forms.MultipleChoiceField(choices=list(setting.choices), widget=forms.CheckboxSelectMultiple, **values)
    if setting.kind == "choice":
        return forms.ChoiceField(choices=list(setting.choices), **values)
    if setting.kind == "long":
        return forms.CharField(
            max_length=20_000,
            widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
            **values,
        )
    if setting.kind == "password":
        return forms.CharField(
            max_length=2000, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), **values
        )
    return forms.CharField(
        max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}), **values
    )


class PushForm(forms.Form):
    """A dataset that other programs send records to."""

    name = forms.CharField(label="Name", max_length=120, help_text="Such as CRM customers")
    noun = forms.CharField(label="One record is a", max_length=40, initial="customer")
    key_field = forms.CharField(
        label="Key field", max_length=220, help_text="The field that names each record, such as customer_id."
    )


class JoinForm(forms.Form):
    """How a related dataset belongs to the base, and what of it is taken."""

    link = forms.ChoiceField()
    moment = forms.ChoiceField(label="Dated by")
    reference = forms.ChoiceField(label="Looked back from", required=False)
    windows = forms.TypedMultipleChoiceField(
        label="Over", coerce=int, choices=list(WINDOWS.items()), widget=forms.CheckboxSelectMultiple
    )
    count = forms.BooleanField(label="How many there are", required=False)
    since_last = forms.BooleanField(label="Days since the last", required=False)
    sums = forms.MultipleChoiceField(required=False)
    means = forms.MultipleChoiceField(required=False)
    latest = forms.MultipleChoiceField(required=False)

    def __init__(
        self,
        base: Dataset,
        base_fields: list[Field],
        related: Dataset,
        related_fields: list[Field],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        names = [(item.name, item.name) for item in related_fields]
        self.fields["link"].label = f"The {base.key_field} of {base.name} is in"
        self.fields["link"].choices = self.fields["latest"].choices = names
        self.fields["moment"].choices = [(item.name, item.name) for item in related_fields if item.type == "date"]
        dates = [(item.name, item.name) for item in base_fields if item.type == "date"]
        self.fields["reference"].choices = [("", "The day the records were read"), *dates]
        self.fields["reference"].help_text = f"Only what lies before that day counts, for each {base.noun}."
        amounts = [(item.name, item.name) for item in related_fields if item.type in AMOUNTS]
        self.fields["sums"].choices = self.fields["means"].choices = amounts
        self.base, self.related = base, related

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if not any(answers.get(name) for name in ("count", "since_last", "sums", "means", "latest")):
            raise forms.ValidationError("Tick at least one thing to take.")
        if not self.errors and len(self.join().columns()) > MOST_NEW_FIELDS:
            raise forms.ValidationError(
                f"That makes {len(self.join().columns()):,} new fields; {MOST_NEW_FIELDS} is the limit. Untick some."
            )
        return answers

    def join(self, label: str = "") -> Join:
        """The join as answered; one that is changed keeps its `label`, and with it the names of its fields."""
        taken = {
            name: self.cleaned_data[name]
            for name in ("link", "moment", "windows", "count", "since_last", "sums", "means", "latest")
        }
        return Join(related=self.related.id, label=label or self.related.name[:60], key=self.base.key_field, **taken)


class PlanForm(forms.Form):
    """How a source is read, and when."""

    name = forms.CharField(label="Name", max_length=120)
    noun = forms.CharField(label="One record is a", max_length=40)
    key_field = forms.ChoiceField(
        label="Key field", required=False, help_text="Names each record; with it we can tell what changed."
    )
    mode = forms.ChoiceField(label="Read", choices=list(SOURCE_MODES.items()))
    cursor_field = forms.ChoiceField(
        label="Changes are told by", required=False, help_text="A time or number that grows with every change."
    )
    schedule = forms.ChoiceField(label="How often", choices=list(SOURCE_SCHEDULES.items()))
    hour = forms.TypedChoiceField(label="At", coerce=int, choices=[(hour, f"{hour:02d}:00") for hour in range(24)])
    weekday = forms.TypedChoiceField(label="On, when weekly", coerce=int, choices=list(enumerate(WEEKDAYS)))

    def __init__(self, header: list[str], cursors: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key_field"].choices = [("", "Find it for me"), *((name, name) for name in header)]
        self.fields["cursor_field"].choices = [
            ("", "Pick a field"),
            *((name, name) for name in [*cursors, *(n for n in header if n not in cursors)]),
        ]

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if answers.get("mode") == "changes":
            for name, words in (
                ("cursor_field", "Pick the field that grows with every change."),
                ("key_field", "Pick the field that names each record."),
            ):
                if name in self.fields and not answers.get(name) and name not in self.errors:
                    self.add_error(name, words)
        answers["noun"] = str(answers.get("noun", "")).strip().lower()
        return answers
