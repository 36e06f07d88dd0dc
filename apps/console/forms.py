"""What operators enter."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings

from apps.workspaces.quotas import registry


class PauseForm(forms.Form):
    reason = forms.CharField(
        label="Why, as its people read it on every page",
        max_length=300,
        error_messages={"required": "Say why: the people of the workspace read it on every page."},
    )


class QuotaForm(forms.Form):
    kind = forms.ChoiceField(label="Which limit")
    value = forms.CharField(
        label="New limit, such as 200 or 80 GB; empty for the installation’s own", max_length=30, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(quota.kind, quota.title) for quota in registry().values()]

    def clean_value(self) -> int | None:
        """The number meant, None for the installation's own limit."""
        typed = self.cleaned_data["value"].replace(",", "").strip()
        if not typed:
            return None
        found = re.fullmatch(r"(\d{1,18}) ?([KMGT]B)?", typed, re.IGNORECASE)
        if found is None:
            raise forms.ValidationError("Enter a whole number, such as 200 or 80 GB.")
        power = " KMGT".index((found[2] or " ")[0].upper())
        return int(found[1]) * 1024**power


class DrainForm(forms.Form):
    """One choice names the part; a host is typed."""

    part = forms.ChoiceField(
        label="What is drained",
        choices=[("all", "Everything"), *((f"queue:{name}", f"The queue {name}") for name in settings.WORKERS), ("host", "One host")],
    )  # fmt: skip
    host = forms.CharField(label="Its name, for one host", max_length=80, required=False)

    def named(self) -> tuple[str, str]:
        """(part, name) of what was chosen."""
        part, _, name = self.cleaned_data["part"].partition(":")
        return part, self.cleaned_data["host"].strip() if part == "host" else name
