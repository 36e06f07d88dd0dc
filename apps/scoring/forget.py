"""Erasing one record's scores, from the newest ones and from every run before."""

from __future__ import annotations

from apps.datasets.forget import rewritten
from apps.runs.lease import Work
from apps.scoring.models import Outcome, Score
from einstein import storage


def forget_scores(work: Work, predictions: list[int], key: str) -> None:
    """Safe to run twice. Counts and distributions of runs stay: they name nobody."""
    with work.fenced():
        Score.objects.filter(prediction_id__in=predictions, key=key).delete()
        Outcome.objects.filter(prediction_id__in=predictions, key=key).delete()
    for prediction in predictions:
        for name in storage.keys_below(storage.key_for(work.workspace_id, "scores", prediction)):
            work.check()
            rewritten(name, "key", key)
