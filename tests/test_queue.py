"""Work that was handed over and lost with a killed worker group is handed over again, whatever the broker still holds of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.runs.models import Run
from apps.runs.queue import UNCLAIMED_SECONDS, dispatch_due, enqueue

OLD = timedelta(seconds=UNCLAIMED_SECONDS + 1)


@pytest.fixture
def handed(inside):
    """A Run that was handed to django-q longer ago than a living worker takes to claim it."""
    run = enqueue("score", 1, due_at=timezone.now() - OLD)
    assert dispatch_due("interactive") == 1
    Run.objects.filter(id=run.id).update(dispatched_at=timezone.now() - OLD)
    return run


def state_of(run: Run) -> str:
    return Run.objects.get(id=run.id).state


@pytest.mark.parametrize("broker", ["nothing", "a locked row"])
def test_what_nobody_claimed_is_handed_over_again(handed, broker):
    if broker == "nothing":
        OrmQ.objects.all().delete()
    else:  # taken out by a part of the worker group that was killed before anybody had it
        OrmQ.objects.update(lock=timezone.now() + timedelta(hours=1))
    dispatch_due("interactive")
    assert dispatch_due("interactive") + OrmQ.objects.filter(lock__lte=timezone.now()).count() >= 1
    assert state_of(handed) == "dispatched"
    assert Run.objects.get(id=handed.id).dispatched_at > timezone.now() - OLD


def test_what_still_waits_in_the_broker_is_left_there(handed):
    before = Run.objects.get(id=handed.id).dispatched_at
    dispatch_due("interactive")
    assert OrmQ.objects.count() == 1
    assert Run.objects.get(id=handed.id).dispatched_at == before
