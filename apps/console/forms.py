"""What operators enter."""

from django import forms
from django.conf import settings


class PauseForm(forms.Form):
    reason = forms.CharField(
        label="Why, as its people read it on every page",
        max_length=300,
        error_messages={"required": "Say why: the people of the workspace read it on every page."},
    )


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
