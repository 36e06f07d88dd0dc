"""The form of how long a workspace keeps what, and what would go by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.forms import BoundField

from apps.pipeline.clean import own_days
from apps.pipeline.models import Retention
from apps.pipeline.retention import Kind, registry
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.scope import current_workspace_id
from einstein.web.templatetags.words import plural

MOST_COUNTED = 10_000  # rows of a kind; more are told as "more than"


class Line(NamedTuple):
    """One kind as the page shows it: `going` rows would go now, None where what was typed does not fit."""

    kind: Kind
    field: BoundField
    going: int | None
    most: int = MOST_COUNTED


def kinds() -> list[Kind]:
    return [kind for kind in registry().values() if kind.inside]


class RetentionForm(forms.Form):
    """Days by kind, blank for the installation's. Nobody may keep longer than its operators do."""

    def __init__(self, own: dict[str, int], data: Any = None) -> None:
        super().__init__(data, initial=own)
        for kind in kinds():
            field = forms.IntegerField(required=False, label=kind.title)
            field.validators += [
                MinValueValidator(kind.least, f"Keep it for {kind.least} {plural('day', kind.least)} or more."),
                MaxValueValidator(kind.kept, f"This installation keeps it for {kind.kept} days at most."),
            ]
            field.error_messages["invalid"] = "Give a whole number of days."
            field.widget.attrs |= {
                "placeholder": kind.kept,
                "aria-label": f"{kind.title}: days",
                "inputmode": "numeric",
            }
            self.fields[kind.name] = field

    @property
    def chosen(self) -> dict[str, int]:
        """The days that are the workspace's own."""
        found = self.cleaned_data if self.is_bound and hasattr(self, "cleaned_data") else self.initial
        return {name: int(days) for name, days in found.items() if days is not None and name in self.fields}

    def lines(self) -> Iterator[Line]:
        """Each kind with how much of it would go now, counted in the database."""
        wrong = self.errors if self.is_bound else {}
        fitting = [kind for kind in kinds() if kind.name not in wrong]
        going = _counts([kind.due(kind.kept_with(self.chosen)) for kind in fitting])
        counts = dict(zip([kind.name for kind in fitting], going, strict=True))
        for kind in kinds():
            yield Line(kind, self[kind.name], counts.get(kind.name))


def choose(own: dict[str, int], user: User) -> None:
    """Keep a workspace's choice; the clean-up follows it at once."""
    before = own_days()
    Retention.objects.update_or_create(workspace_id=current_workspace_id(), defaults={"days": own, "next_at": Now()})
    if own != before:
        audit.record(user, "days of keeping changed", "", days=own, before=before)


def _counts(due: list[QuerySet]) -> list[int]:
    """How many rows each holds, in one query."""
    asked = [rows.order_by().values("pk")[: MOST_COUNTED + 1].query.sql_with_params() for rows in due]
    parts = ", ".join(f"(SELECT count(*) FROM ({sql}) t)" for sql, _ in asked)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {parts}", [value for _, values in asked for value in values])
        return list(cursor.fetchone())
