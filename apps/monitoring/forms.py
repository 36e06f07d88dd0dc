"""Forms of the alert settings."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.monitoring.custom import METRICS
from apps.monitoring.models import Blackout, CustomCheck, Recipient
from apps.predictions.models import Prediction

LEAST = {"warning": "Everything that needs a look", "critical": "Only what is critical"}
PACES = {"at_once": "At once", "daily": "Once a day, at 7", "weekly": "On Mondays, at 7"}
WHOLE = {"this": "This prediction", "all": "All predictions of this workspace"}
MOST_RUNS, MOST_NAMED = 30, 50


class RecipientForm(forms.ModelForm):
    """Somebody who is told. What is critical is always told at once."""

    whole = forms.ChoiceField(label="About", choices=list(WHOLE.items()), initial="this")
    least = forms.ChoiceField(label="What", choices=list(LEAST.items()))
    pace = forms.ChoiceField(label="How soon", choices=list(PACES.items()))
    quiet_from = forms.TimeField(label="Quiet from", required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_until = forms.TimeField(label="Quiet until", required=False, widget=forms.TimeInput(attrs={"type": "time"}))

    class Meta:
        model = Recipient
        fields = ["email", "whole", "least", "pace", "quiet_from", "quiet_until"]
        labels = {"email": "E-mail address"}

    def clean(self) -> dict[str, Any]:
        """Quiet hours have both ends."""
        cleaned = super().clean() or {}
        if bool(cleaned.get("quiet_from")) != bool(cleaned.get("quiet_until")):
            self.add_error("quiet_until", "Give both ends of the quiet hours, or neither.")
        if Recipient.objects.filter(left_at=None).count() >= MOST_NAMED:
            self.add_error("email", f"{MOST_NAMED} people are told already. Remove somebody first.")
        return cleaned


class CustomCheckForm(forms.ModelForm):
    """A figure against a number."""

    metric = forms.ChoiceField(label="Figure", choices=[(metric.name, metric.words) for metric in METRICS.values()])
    field = forms.ChoiceField(label="Field", required=False, help_text="Only for figures of a field.")
    above = forms.ChoiceField(label="When it is", choices=[("yes", "above"), ("no", "below")])
    limit = forms.FloatField(label="This number", help_text="Shares in percent, such as 5 for 5%.")
    runs = forms.IntegerField(label="For how many runs in a row", min_value=1, max_value=14, initial=1)
    severity = forms.ChoiceField(label="Then it is", choices=[("warning", "worth a look"), ("critical", "critical")])

    class Meta:
        model = CustomCheck
        fields = ["metric", "field", "above", "limit", "runs", "severity"]

    def __init__(self, prediction: Prediction, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [field["name"] for field in prediction.champion.facts["fields"]]
        self.fields["field"].choices = [("", "No field"), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Figures of fields need one; percent is kept as a share; the number is finite."""
        cleaned = super().clean() or {}
        metric = METRICS.get(cleaned.get("metric", ""))
        if metric is None:
            return cleaned
        if metric.of_field and not cleaned.get("field"):
            self.add_error("field", "Pick the field whose figure is checked.")
        if not metric.of_field:
            cleaned["field"] = ""
        limit = cleaned.get("limit")
        if limit is not None and abs(limit) > 1e15:
            self.add_error("limit", "Give a number of at most fifteen digits.")
        elif limit is not None and metric.percent:
            if not 0 <= limit <= 100:
                self.add_error("limit", "A share lies between 0 and 100 percent.")
            cleaned["limit"] = limit / 100
        cleaned["above"] = cleaned.get("above") == "yes"
        return cleaned


class BlackoutForm(forms.ModelForm):
    """Planned maintenance, in the workspace's time."""

    whole = forms.ChoiceField(label="For", choices=list(WHOLE.items()), initial="this")
    starts_at = forms.DateTimeField(label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends_at = forms.DateTimeField(label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    reason = forms.CharField(label="What is planned", required=False, max_length=200)

    class Meta:
        model = Blackout
        fields = ["whole", "starts_at", "ends_at", "reason"]

    def clean(self) -> dict[str, Any]:
        """It ends after it begins, and not after months."""
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if begins and ends and ends <= begins:
            self.add_error("ends_at", "The end lies before the beginning.")
        if begins and ends and (ends - begins).days > 31:
            self.add_error("ends_at", "Maintenance lasts a month at most. Pause the prediction for longer.")
        return cleaned
