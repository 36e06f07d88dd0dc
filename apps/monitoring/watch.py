"""Watching over predictions: gather the facts, ask the checks, let alerts and incidents follow."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from apps.monitoring.checks import Facts, Finding, registry
from apps.monitoring.custom import custom_findings
from apps.monitoring.facts import Feeds, facts_of
from apps.monitoring.incidents import fall_silent, follow_all, settle
from apps.monitoring.models import Incident, Watch
from apps.monitoring.sensitivity import at_sensitivity
from apps.predictions.models import Prediction
from apps.runs.models import LIVE
from apps.workspaces.scope import workspace_scope
from einstein.fault_points import fault_point
from einstein.postgres import moment

logger = logging.getLogger("einstein.monitoring")
BATCH = 100
LONGEST_SLEEP = timedelta(hours=6)  # a watch that nothing wakes looks again after this, to be sure


def check_due() -> int:
    """Check every prediction that is due; return how many. Each is its own transaction: one fault stops no other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wake_watches(%s)", [BATCH])
        cursor.execute("SELECT workspace_id, prediction_id FROM due_watches(%s, %s)", [BATCH, settings.CHECK_SECONDS])
        due = cursor.fetchall()
    feeds: Feeds = {}  # of this round, which is over in a moment
    for workspace_id, prediction_id in due:
        try:
            with workspace_scope(workspace_id):
                known = Prediction.objects.select_related("workspace", "dataset", "champion").defer("champion__facts")
                check_prediction(known.get(id=prediction_id), feeds)
            fault_point("check committed")
        except Exception:
            logger.exception("checking prediction %s failed", prediction_id)
    return len(due)


def check_prediction(prediction: Prediction, feeds: Feeds | None = None) -> dict[str, Finding]:
    """Run all checks of one prediction and let its alerts follow."""
    watch = Watch.objects.select_for_update().get(prediction=prediction)
    if prediction.state != "active" or prediction.dataset.state != "active":
        fall_silent(prediction)
        watch.next_check_at = moment.now() + LONGEST_SLEEP
        watch.save(update_fields=["next_check_at"])
        return {}
    facts = facts_of(prediction, watch, feeds)
    found = {kind: at_sensitivity(check.judge(facts), facts) for kind, check in registry().items()}
    found |= custom_findings(prediction, facts)
    touched = {incident.id for incident in follow_all(prediction, found)}
    if touched:
        for incident in Incident.objects.select_for_update().filter(id__in=touched).order_by("id"):
            settle(incident, prediction)
    watch.findings = {
        kind: {"failing": finding.failing, "sees": finding.sees, "severity": finding.severity}
        for kind, finding in found.items()
    }
    watch.checked_at, watch.next_check_at = moment.now(), next_look(facts)
    watch.save(update_fields=["findings", "checked_at", "next_check_at"])
    return found


def next_look(facts: Facts) -> datetime:
    """The first moment at which something about a prediction can be late, so that finding late runs costs only what is due.

    What ends before that wakes the watch (`wake_watches`).
    """
    grace, soon = timedelta(seconds=facts.grace_seconds), facts.now + timedelta(seconds=settings.CHECK_SECONDS)
    moments = [facts.now + LONGEST_SLEEP]
    moments += [planned + grace for planned in (facts.next_run_at, facts.last_slot_at) if planned is not None]
    if facts.last_attempt and facts.last_attempt["state"] in LIVE:
        moments.append(soon)
    return max(soon, min(moment for moment in moments if moment > facts.now))
