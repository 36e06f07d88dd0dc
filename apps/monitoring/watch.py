"""Watching over predictions: gather the facts, ask the checks, open and resolve alerts, tell once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.monitoring.checks import Facts, Finding, registry
from apps.monitoring.models import OPEN_STATES, Alert, AlertEvent, Observation, Watch
from apps.monitoring.notify import tell_opened, tell_resolved
from apps.predictions.models import Prediction
from apps.runs.models import LIVE, Run
from apps.scoring.models import ScoringRun
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein.web.clock_words import local_time

logger = logging.getLogger("einstein.monitoring")
BATCH = 100
USUAL_RUNS = 10
LONGEST_SLEEP = timedelta(hours=6)  # a watch that nothing wakes looks again after this, to be sure


def check_due() -> int:
    """Check every prediction that is due; return how many. Each is its own transaction: one fault stops no other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wake_watches(%s)", [BATCH])
        cursor.execute("SELECT workspace_id, prediction_id FROM due_watches(%s, %s)", [BATCH, settings.CHECK_SECONDS])
        due = cursor.fetchall()
    for workspace_id, prediction_id in due:
        try:
            with workspace_scope(workspace_id):
                check_prediction(Prediction.objects.select_related("dataset").get(id=prediction_id))
        except Exception:
            logger.exception("checking prediction %s failed", prediction_id)
    return len(due)


def check_prediction(prediction: Prediction) -> dict[str, Finding]:
    """Run all checks of one prediction and let its alerts follow."""
    watch = Watch.objects.select_for_update().get(prediction=prediction)
    if prediction.state != "active" or prediction.dataset.state != "active":
        _fall_silent(prediction)
        watch.next_check_at = timezone.now() + LONGEST_SLEEP
        watch.save(update_fields=["next_check_at"])
        return {}
    facts = facts_of(prediction)
    found = {kind: check.judge(facts) for kind, check in registry().items()}
    for kind, finding in found.items():
        _follow(prediction, kind, finding)
    watch.findings = {kind: {"failing": finding.failing, "sees": finding.sees} for kind, finding in found.items()}
    watch.checked_at, watch.next_check_at = timezone.now(), next_look(facts, _open_alerts(prediction))
    watch.save(update_fields=["findings", "checked_at", "next_check_at"])
    return found


def next_look(facts: Facts, alerts: list[Alert]) -> datetime:
    """The first moment at which something about a prediction can be late or must be told, so that finding late runs costs only what is due.

    What ends before that wakes the watch (`wake_watches`).
    """
    grace, soon = timedelta(seconds=facts.grace_seconds), facts.now + timedelta(seconds=settings.CHECK_SECONDS)
    moments = [facts.now + LONGEST_SLEEP]
    moments += [planned + grace for planned in (facts.next_run_at, facts.last_slot_at) if planned is not None]
    moments += [
        alert.opened_at + timedelta(seconds=settings.GROUPING_SECONDS) for alert in alerts if alert.told_at is None
    ]
    moments += [alert.snoozed_until for alert in alerts if alert.state == "snoozed" and alert.snoozed_until]
    if facts.last_attempt and facts.last_attempt["state"] in LIVE:
        moments.append(soon)
    return max(soon, min(moment for moment in moments if moment > facts.now))


def _open_alerts(prediction: Prediction) -> list[Alert]:
    return list(Alert.objects.filter(prediction=prediction, state__in=OPEN_STATES))


def facts_of(prediction: Prediction) -> Facts:
    """What the checks of a prediction may look at, in a constant number of queries."""
    zone = Workspace.objects.get(id=prediction.workspace_id).zone
    runs = list(ScoringRun.objects.filter(prediction=prediction).order_by("-as_of", "-id")[:USUAL_RUNS])
    newest = runs[0] if runs else None
    attempt = Run.objects.filter(kind="score", subject_id=prediction.id).order_by("-created_at", "-id").first()
    observations = Observation.objects.filter(scoring_run=newest) if newest else []
    return Facts(
        name=prediction.name, noun=prediction.dataset.noun, schedule=prediction.schedule, now=timezone.now(),
        grace_seconds=_grace(prediction), last_slot_at=prediction.last_slot_at, next_run_at=prediction.next_run_at,
        scored_at=newest.checked_at if newest else None,
        newest_run={"scored": newest.scored, "records": newest.records, "as_of": newest.as_of} if newest else None,
        last_attempt={"state": attempt.state, "error": attempt.error, "at": attempt.ended_at or attempt.created_at} if attempt else None,
        observations={(row.metric, row.field): (row.value, row.detail) for row in observations},
        earlier_records=[run.records for run in runs[1:]], local=lambda when: local_time(when, zone),
    )  # fmt: skip


def _grace(prediction: Prediction) -> float:
    """The larger of the setting (one hour) and three times the usual duration."""
    usual = [
        run.seconds or 0.0
        for run in Run.objects.filter(kind="score", subject_id=prediction.id, state="succeeded").order_by("-id")[:5]
    ]
    return max(float(settings.GRACE_SECONDS), 3 * max(usual, default=0.0))


def _follow(prediction: Prediction, kind: str, finding: Finding) -> None:
    alert = Alert.objects.filter(prediction=prediction, check_kind=kind, state__in=OPEN_STATES).first()
    now = timezone.now()
    if finding.failing:
        if alert is None:
            alert = Alert.objects.create(
                prediction=prediction,
                check_kind=kind,
                severity=finding.severity,
                title=finding.title,
                answers=finding.answers,
            )
            note(alert, "failed", finding.sees)
        _wake(alert, now)
        if (
            alert.state == "open"
            and alert.told_at is None
            and alert.opened_at + timedelta(seconds=settings.GROUPING_SECONDS) <= timezone.now()
        ):
            tell_opened(alert)
    elif alert is not None and finding.failing is False:
        alert.state, alert.resolved_at = "resolved", now
        alert.save(update_fields=["state", "resolved_at"])
        note(alert, "resolved", finding.sees)
        if alert.told_at is not None:
            tell_resolved(alert, finding.sees)


def _wake(alert: Alert, now: datetime) -> None:
    if alert.state == "snoozed" and alert.snoozed_until and alert.snoozed_until <= now:
        alert.state, alert.snoozed_until = "open", None
        alert.save(update_fields=["state", "snoozed_until"])


def _fall_silent(prediction: Prediction) -> None:
    """Paused, archived and deleted predictions never alert: what is open is closed without a word."""
    Alert.objects.filter(prediction=prediction, state__in=OPEN_STATES).update(
        state="resolved", resolved_at=timezone.now()
    )


def note(alert: Alert, kind: str, words: str) -> None:
    AlertEvent.objects.create(alert=alert, kind=kind, words=words[:400])
