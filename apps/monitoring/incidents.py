"""Alerts open and close with their checks; those of one cause are one incident, which is what people are told of and answer."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, Count, When

from apps.monitoring.checks import GRAVITY, Finding
from apps.monitoring.models import LIVE_INCIDENT, Alert, Incident, IncidentEvent, Notice
from apps.monitoring.notices import drop_waiting, plan_opened, plan_resolved, plan_worse, take_up_again
from apps.predictions.models import Prediction
from einstein.fault_points import fault_point
from einstein.postgres import moment
from einstein.web.templatetags.words import plural

GRAVEST = Case(When(severity="critical", then=0), When(severity="warning", then=1), default=2)
SAME_AGAIN = timedelta(days=1)  # what comes back within a day is the same incident


def follow_all(prediction: Prediction, found: dict[str, Finding]) -> list[Incident]:
    """Let the alerts of a prediction follow what its checks found; the incidents touched. Alerts of checks that are no more are resolved."""
    alerts = {
        one.check_kind: one
        for one in Alert.objects.select_related("incident").filter(prediction=prediction, state="open")
    }
    touched = [_followed(prediction, kind, finding, alerts.get(kind)) for kind, finding in found.items()]
    touched += [_passed(alert, "The check was removed.") for kind, alert in alerts.items() if kind not in found]
    return [incident for incident in touched if incident is not None]


def _followed(prediction: Prediction, kind: str, finding: Finding, alert: Alert | None) -> Incident | None:
    """Open, go on with or resolve the alert of one check; the incident it belongs to, if it has or had one."""
    if finding.failing and not finding.silent:
        return _opened(prediction, kind, finding) if alert is None else _goes_on(alert, finding)
    if alert is not None and (finding.failing is False or finding.silent):
        return _passed(alert, f"{prediction.name}: {finding.sees}")
    return None


def _passed(alert: Alert, words: str) -> Incident:
    alert.state, alert.resolved_at = "resolved", moment.now()
    alert.save(update_fields=["state", "resolved_at"])
    note(alert.incident, "passed", words)
    return alert.incident


def _opened(prediction: Prediction, kind: str, finding: Finding) -> Incident:
    incident = _incident_of(cause_of(prediction, finding), finding)
    Alert.objects.create(
        prediction=prediction, incident=incident, check_kind=kind, severity=finding.severity, title=finding.title[:250], answers=finding.answers
    )  # fmt: skip
    note(incident, "failed", finding.sees)
    fault_point("alert written")
    return incident


def _goes_on(alert: Alert, finding: Finding) -> Incident:
    """An alert says what is wrong now, not what was wrong at first; since when stays."""
    answers = finding.answers | {"since": alert.answers.get("since", "")}
    if (alert.severity, alert.title, alert.answers) != (finding.severity, finding.title[:250], answers):
        alert.severity, alert.title, alert.answers = finding.severity, finding.title[:250], answers
        alert.save(update_fields=["severity", "title", "answers"])
    return alert.incident


def cause_of(prediction: Prediction, finding: Finding) -> str:
    """What groups alerts: the dataset whose feed they come with, the prediction, or the installation."""
    numbers = {"dataset": f"dataset:{prediction.dataset_id}", "prediction": f"prediction:{prediction.id}"}
    return numbers.get(finding.cause, finding.cause)


def _incident_of(cause: str, finding: Finding) -> Incident:
    """The live incident of a cause; else one that was over within the last day opens again; else a new one."""
    live = Incident.objects.select_for_update().filter(cause=cause, state__in=LIVE_INCIDENT).first()
    if live is not None:
        return live
    recent = Incident.objects.select_for_update().filter(
        cause=cause, state="resolved", resolved_at__gt=moment.now() - SAME_AGAIN
    )
    again = recent.order_by("-resolved_at").first()
    if again is None:
        return Incident.objects.create(cause=cause, severity=finding.severity, title=finding.title[:250])
    again.state, again.resolved_at, again.times, again.severity = "open", None, again.times + 1, finding.severity
    again.opened_at, again.told_at, again.acknowledged_by, again.snoozed_until = moment.now(), None, "", None
    again.save()
    note(again, "again", "It is back.")
    return again


def settle(incident: Incident, prediction: Prediction) -> None:
    """Let an incident follow its alerts, and plan who hears of this prediction's. The cost does not grow with the incident."""
    alerts = Alert.objects.filter(incident=incident, state="open")
    worst = alerts.select_related("prediction__dataset").order_by(GRAVEST, "opened_at", "id").first()
    if worst is None:
        _resolve(incident)
        return
    affected = alerts.aggregate(count=Count("prediction", distinct=True))["count"]
    was, incident.severity, incident.title = incident.severity, worst.severity, title_of(worst, affected)
    incident.save(update_fields=["severity", "title"])
    if alerts.filter(prediction=prediction).exists():
        plan_opened(incident, prediction)
    if GRAVITY[incident.severity] < GRAVITY[was] and incident.told_at is not None:
        plan_worse(incident, prediction)
    fault_point("notices planned")


def title_of(worst: Alert, affected: int) -> str:
    """One prediction's own words, or how many are affected."""
    if affected == 1:
        return worst.title
    what = worst.title.removeprefix(f"{worst.prediction.name}: ")
    return f"{worst.prediction.dataset.name}: {what} ({affected} {plural('prediction', affected)})"[:250]


def _resolve(incident: Incident) -> None:
    if incident.state == "resolved":
        return
    incident.state, incident.resolved_at = "resolved", moment.now()
    incident.save(update_fields=["state", "resolved_at"])
    note(incident, "resolved", "All its checks pass again.")
    drop_waiting(incident)
    plan_resolved(incident)


def fall_silent(prediction: Prediction) -> None:
    """Paused, archived and deleted predictions never alert: what is open is closed without a word."""
    open_alerts = Alert.objects.filter(prediction=prediction, state="open")
    incidents = list(Incident.objects.select_for_update().filter(id__in=open_alerts.values("incident_id")))
    open_alerts.update(state="resolved", resolved_at=moment.now())
    for incident in incidents:
        if Alert.objects.filter(incident=incident, state="open").exists():
            continue
        Incident.objects.filter(id=incident.id).update(state="resolved", resolved_at=moment.now())
        note(incident, "resolved", "The prediction is no longer in use.")
        drop_waiting(incident)


def acknowledge(incident: Incident, who: str) -> None:
    """Somebody takes care: no more reminders."""
    incident.state, incident.acknowledged_by, incident.snoozed_until = "acknowledged", who[:250], None
    incident.save(update_fields=["state", "acknowledged_by", "snoozed_until"])
    drop_waiting(incident)
    note(incident, "acknowledged", f"{who} acknowledged it")


def snooze(incident: Incident, who: str, days: int) -> None:
    """Nobody hears of it for some days; then it is told again if it is still there."""
    incident.state, incident.snoozed_until, incident.acknowledged_by = (
        "snoozed",
        moment.now() + timedelta(days=days),
        "",
    )
    incident.save(update_fields=["state", "snoozed_until", "acknowledged_by"])
    Notice.objects.filter(incident=incident, state="waiting").update(due_at=incident.snoozed_until)
    note(incident, "snoozed", f"{who} snoozed it for {days} {plural('day', days)}")


def reopen(incident: Incident, who: str) -> None:
    """Back to open, as if nobody had answered."""
    incident.state, incident.snoozed_until, incident.acknowledged_by = "open", None, ""
    incident.save(update_fields=["state", "snoozed_until", "acknowledged_by"])
    take_up_again(incident)
    note(incident, "reopened", f"{who} opened it again")


def note(incident: Incident, kind: str, words: str) -> None:
    """Write into an incident's history."""
    IncidentEvent.objects.create(incident=incident, kind=kind, words=words[:400])
