"""Predictions with something wrong, and the telling of it, without waiting."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from django.utils import timezone

from apps.monitoring.models import Look, Notice
from apps.monitoring.tell import tell_due
from apps.monitoring.watch import check_prediction
from apps.outbox.models import Message
from einstein import disk
from einstein.disk import Space

ALARM = {
    "check": "field_unit", "field": "MonthlyCharges", "severity": "warning", "cause": "unit", "since": None,
    "message": "MonthlyCharges is about 100 times larger than in training: 7,095 instead of 70.95 on average. It looks like a change of unit.",
}  # fmt: skip


def alarm(**changes: object) -> dict:
    return ALARM | changes


def mend() -> None:
    Look.objects.update(alarms=[])


def subjects() -> list[str]:
    return list(Message.objects.order_by("id").values_list("subject", flat=True))


def later(**time: float) -> None:
    """Let time pass for everything that waits to be told."""
    Notice.objects.filter(state="waiting").update(due_at=timezone.now() - timedelta(**time) if time else timezone.now())


def check_and_tell(prediction) -> None:
    """What the clock does."""
    prediction = type(prediction).objects.select_related("dataset", "champion").get(id=prediction.id)
    check_prediction(prediction)
    tell_due()


@pytest.fixture(autouse=True)
def room_on_every_disk(monkeypatch):
    """The disk of the machine that the tests run on is no part of them."""
    monkeypatch.setattr(disk, "spaces", lambda: {"files": Space(free=50 * 10**9, total=100 * 10**9)})


@pytest.fixture
def broken(scored, settings):
    """A prediction whose newest run came in another unit; alerts are told at once."""
    settings.GROUPING_SECONDS = 0
    Look.objects.update(alarms=[ALARM])
    return scored


@pytest.fixture
def next_run(scored, owner, perform_runs, tmp_path):
    """Upload the records changed, and let them be scored and looked at; gives the look."""
    from apps.datasets.upload import receive_path
    from tests.conftest import TELCO

    def run(change) -> Look:
        table = change(pd.read_csv(TELCO, dtype=str, keep_default_na=False))
        file = tmp_path / "newer.csv"
        table.to_csv(file, index=False)
        receive_path(file, "newer.csv", owner, scored.dataset)
        perform_runs()
        return Look.objects.order_by("-at", "-id").first()

    return run


@pytest.fixture
def operator(make_user):
    user = make_user("operator@einstein.example")
    user.is_staff = True
    user.save()
    return user
