"""Forms about sources. A connection form is made from what its connector asks."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.datasets.connectors.base import Connector, Setting
from apps.datasets.models import SOURCE_MODES, SOURCE_SCHEDULES

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MOST_QUERY = 20_000


class ConnectionForm(forms.Form):
    """What a connector asks. Kept secrets are never shown; left blank they stay as they are."""

    def __init__(self, connector: type[Connector], *args: Any, kept_secret: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for setting in connector.settings_asked:
            self.fields[setting.name] = _field_of(setting, kept_secret)
        if "port" in self.fields and hasattr(connector, "port"):
            self.fields["port"].initial = connector.port


def _field_of(setting: Setting, kept_secret: bool) -> forms.Field:
    values: dict[str, Any] = {
        "label": setting.label, "help_text": setting.help, "required": setting.required and not (setting.secret and kept_secret),
        "initial": setting.default or None,
    }  # fmt: skip
    if setting.secret and kept_secret:
        values["help_text"] = "Kept. Leave blank to keep it as it is."
    if setting.kind == "number":
        return forms.IntegerField(min_value=1, max_value=65535, **values)
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
