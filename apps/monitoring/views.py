"""Pages about monitoring: a prediction's checks and charts, and the alerts."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.monitoring import charts
from apps.monitoring.checks import registry
from apps.monitoring.models import OPEN_STATES, Alert, Watch
from apps.monitoring.queries import outside_shares, recent_runs
from apps.monitoring.watch import note
from apps.predictions.models import Prediction
from apps.workspaces import audit
from apps.workspaces.access import builder, viewer

SNOOZES = {"1": "1 day", "7": "1 week"}
ALERTS_SHOWN = 100


@viewer
def monitoring(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """What the checks see now, and the last thirty runs as charts."""
    prediction = get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, champion__isnull=False
    )
    watch = Watch.objects.filter(prediction=prediction).first()
    findings = watch.findings if watch else {}
    runs = recent_runs(prediction)
    shares, zone = outside_shares(runs), request.workspace.zone
    opened = list(Alert.objects.filter(prediction=prediction, state__in=OPEN_STATES).order_by("-opened_at"))
    out_of_range = next((alert for alert in opened if alert.check_kind == "data_in_range"), None)
    context = {
        "section": "predictions", "tab": "monitoring", "prediction": prediction, "watch": watch,
        "checks": [(check, findings.get(kind)) for kind, check in registry().items()],
        "alerts": opened, "produced": charts.produced(prediction, runs, zone), "high": charts.high_band(prediction, runs, zone),
        "worst": charts.worst_range(prediction, runs, shares, out_of_range, zone), "others": charts.other_ranges(shares),
        "usual": charts.USUAL_OUTSIDE,
    }  # fmt: skip
    return render(request, "monitoring/monitoring.html", context)


@viewer
def alerts(request: HttpRequest) -> HttpResponse:
    """Every alert, the open ones first."""
    found = Alert.objects.select_related("prediction").order_by("resolved_at", "-opened_at")
    context = {
        "section": "alerts", "open": list(found.filter(state__in=OPEN_STATES)[:ALERTS_SHOWN]),
        "closed": found.filter(state="resolved").order_by("-resolved_at")[:ALERTS_SHOWN], "watched": Watch.objects.filter(prediction__state="active").count(),
    }  # fmt: skip
    return render(request, "monitoring/alerts.html", context)


@viewer
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert: what happened, since when, likely why, what it affects, what to do."""
    found = get_object_or_404(Alert.objects.select_related("prediction__dataset", "acknowledged_by"), id=alert_id)
    context = {
        "section": "alerts",
        "alert": found,
        "prediction": found.prediction,
        "events": found.events.order_by("-at"),
        "snoozes": SNOOZES.items(),
    }
    return render(request, "monitoring/alert.html", context)


@builder
@require_POST
def answer_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Acknowledge, snooze or reopen."""
    found = get_object_or_404(Alert, id=alert_id, state__in=OPEN_STATES)
    days = request.POST.get("snooze", "")
    action = "snooze" if days else request.POST.get("action", "")
    if action == "acknowledge":
        found.state, found.acknowledged_by = "acknowledged", request.user
        words = f"{request.user} acknowledged it"
    elif action == "snooze" and days in SNOOZES:
        found.state, found.snoozed_until = "snoozed", timezone.now() + timedelta(days=int(days))
        words = f"{request.user} snoozed it for {SNOOZES[days]}"
    else:
        found.state, found.snoozed_until, found.acknowledged_by = "open", None, None
        words = f"{request.user} opened it again"
    found.save(update_fields=["state", "snoozed_until", "acknowledged_by"])
    note(found, action or "open", words)
    audit.record(request.user, f"alert {action or 'open'}", found.title)
    messages.success(request, f"{words}.", extra_tags="good")
    return redirect("alert", request.workspace.slug, alert_id)
