"""Pages about monitoring: the workspace's health, a prediction's checks and charts, and the incidents."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from apps.monitoring import charts, field_charts, incidents, queries
from apps.monitoring.behind import records_behind
from apps.monitoring.came_true import by_band
from apps.monitoring.checks import registry
from apps.monitoring.custom import words_of
from apps.monitoring.mail_views import SNOOZES
from apps.monitoring.models import LIVE_INCIDENT, Alert, CustomCheck, Incident, Watch
from apps.monitoring.notices import INSTALLATION
from apps.monitoring.queries import (
    PERIODS,
    legend_of,
    live_incidents,
    looks_between,
    looks_of,
    recent_runs,
)
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from apps.workspaces import audit
from apps.workspaces.access import builder, viewer
from einstein.postgres import moment

ALERTS_SHOWN, INCIDENTS_SHOWN, HEALTH_A_PAGE = 100, 8, 100
DEFAULT_PERIOD = "90"
A_MONTH = timedelta(days=30)


@viewer
def health(request: HttpRequest) -> HttpResponse:
    """Every prediction in use, worst first."""
    rows = queries.health()
    trouble = [row for row in rows if row["alert"] and row["alert"].severity != "info"]
    page = Paginator(rows, HEALTH_A_PAGE).get_page(request.GET.get("page"))
    context = {"section": "health", "rows": page.object_list, "page": page, "count": len(rows), "trouble": len(trouble)}
    return render(request, "monitoring/health.html", context)


def _prediction(prediction_id: int) -> Prediction:
    return get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, champion__isnull=False
    )


@viewer
def monitoring(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """What the checks see now, the last runs as charts, each field's history, and what happened."""
    prediction = _prediction(prediction_id)
    watch, zone = Watch.objects.filter(prediction=prediction).first(), request.workspace.zone
    findings = watch.findings if watch else {}
    runs, alerts = (
        recent_runs(prediction),
        list(Alert.objects.filter(prediction=prediction, state="open").select_related("incident")),
    )
    looks, legend, days = *_looks(request, prediction), _days(request)
    custom = {f"custom:{check.id}": words_of(check) for check in CustomCheck.objects.filter(prediction=prediction)}
    checks = [(kind, check.title, findings.get(kind)) for kind, check in registry().items()]
    checks += [(kind, words, findings.get(kind)) for kind, words in custom.items()]
    happened = (
        Incident.objects.filter(alerts__prediction=prediction).distinct().order_by("-opened_at")[:INCIDENTS_SHOWN]
    )
    context = {
        "section": "predictions", "tab": "monitoring", "prediction": prediction, "watch": watch, "checks": checks,
        "incidents": list({alert.incident_id: alert.incident for alert in alerts if alert.incident.severity != "info"}.values()),
        "produced": charts.produced(prediction, runs, zone), "high": charts.high_band(prediction, runs, zone),
        "performance": charts.performance(looks[0], zone), "came_true": charts.came_true(prediction, by_band(prediction, prediction.champion)), "scatter": field_charts.scatter(prediction, looks[0]),
        "fields": field_charts.small_multiples(prediction, looks[0], legend, alerts, field_charts.FIRST_SHOWN), "field_count": len(looks[0][-1].fields) if looks[0] else 0,
        "happened": happened, "period": days, "periods": PERIODS, "looked": len(looks[0]), "looks": looks[1], "first_shown": field_charts.FIRST_SHOWN,
    }  # fmt: skip
    template = "monitoring/_charts.html" if request.htmx else "monitoring/monitoring.html"
    return render(request, template, context)


def _days(request: HttpRequest) -> str:
    wanted = request.GET.get("period", DEFAULT_PERIOD)
    return wanted if wanted in PERIODS else DEFAULT_PERIOD


def _looks(request: HttpRequest, prediction: Prediction) -> tuple[tuple[list, int], dict]:
    return looks_of(prediction, int(_days(request))), legend_of(prediction)


@viewer
def fields(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """The small charts of all fields; a part of the monitoring page that is fetched on demand."""
    prediction = _prediction(prediction_id)
    (looks, _), legend = _looks(request, prediction)
    alerts = list(Alert.objects.filter(prediction=prediction, state="open"))
    every_other = looks[::-2][::-1]  # so many charts at once are looked over, not read off; the newest look stays
    shown = field_charts.small_multiples(prediction, every_other, legend, alerts)
    return render(request, "monitoring/_fields.html", {"fields": shown, "prediction": prediction, "all": True})


@viewer
def field_records(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """The records of the newest run behind one field's chart, what is strange first."""
    prediction, field = _prediction(prediction_id), request.GET.get("name", "")
    run = (
        ScoringRun.objects.filter(prediction=prediction)
        .select_related("version", "snapshot")
        .order_by("-as_of", "-id")
        .first()
    )
    if run is None or field not in {one["name"] for one in run.version.facts["fields"]}:
        raise Http404
    behind = records_behind(prediction, run, field, request.GET.get("holds", ""))
    context = {"section": "predictions", "tab": "monitoring", "prediction": prediction, "field": field, "run": run, "behind": behind}  # fmt: skip
    return render(request, "monitoring/behind.html", context)


@viewer
def compare(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Two periods side by side: scores, and the fields that differ most."""
    prediction, zone, now = _prediction(prediction_id), request.workspace.zone, moment.now()
    defaults = {"a_from": now - 2 * A_MONTH, "a_to": now - A_MONTH, "b_from": now - A_MONTH, "b_to": now}
    moments, wrong = {}, []
    for name, default in defaults.items():
        typed = request.GET.get(name, "")
        day = _day(typed) or (None if typed else default.astimezone(zone).date())
        if day is None:
            wrong.append(typed[:20])
            day = default.astimezone(zone).date()
        moments[name] = datetime.combine(day, time.max if name.endswith("_to") else time.min, tzinfo=zone)
    before = looks_between(prediction, moments["a_from"], moments["a_to"])
    after = looks_between(prediction, moments["b_from"], moments["b_to"])
    context = {
        "section": "predictions", "tab": "monitoring", "prediction": prediction, "moments": {name: f"{moment:%Y-%m-%d}" for name, moment in moments.items()},
        "wrong": wrong, "before": before, "after": after, "rows": field_charts.compared(before, after, legend_of(prediction)),
        "scores": field_charts.compared_scores(before, after),
    }  # fmt: skip
    return render(request, "monitoring/compare.html", context)


def _day(text: str) -> object | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


@viewer
def alerts(request: HttpRequest) -> HttpResponse:
    """Every incident, the open ones first."""
    closed = Incident.objects.filter(state="resolved").order_by("-resolved_at")[:ALERTS_SHOWN]
    live = live_incidents()[:ALERTS_SHOWN]
    context = {
        "section": "alerts", "notes": [one for one in live if one.severity == "info"], "open": [one for one in live if one.severity != "info"], "closed": closed,
        "watched": Watch.objects.filter(prediction__state="active").count(),
    }  # fmt: skip
    return render(request, "monitoring/alerts.html", context)


@viewer
def alert(request: HttpRequest, incident_id: int) -> HttpResponse:
    """One incident: what happened, since when, likely why, what it affects, what to do."""
    incident = get_object_or_404(Incident, id=incident_id)
    found = Alert.objects.filter(incident=incident).select_related("prediction__dataset")
    live = list(found.filter(state="open").order_by(incidents.GRAVEST, "opened_at", "id")[:ALERTS_SHOWN])
    shown = live or list(found.order_by("-resolved_at")[:1])
    check = registry().get(shown[0].check_kind) if shown else None
    context = {
        "section": "alerts", "incident": incident, "alert": shown[0] if shown else None, "others": shown[1:], "prediction": shown[0].prediction if shown else None,
        "todo": check.todo if check else "train", "events": incident.events.order_by("-at", "-id")[:ALERTS_SHOWN], "snoozes": SNOOZES.items(),
        "ours": incident.cause == INSTALLATION, "learnable": bool(shown) and shown[0].check_kind in LEARNABLE,
    }  # fmt: skip
    return render(request, "monitoring/alert.html", context)


LEARNABLE = {"data_in_range", "fields_usual", "volume_usual", "scores_normal"}


@builder
@require_POST
def answer_alert(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Acknowledge, snooze or reopen."""
    found = get_object_or_404(Incident.objects.select_for_update(), id=incident_id, state__in=LIVE_INCIDENT)
    days, action, who = request.POST.get("snooze", ""), request.POST.get("action", ""), str(request.user)
    if days in SNOOZES:
        incidents.snooze(found, who, int(days))
        action = "snooze"
    elif action == "acknowledge":
        incidents.acknowledge(found, who)
    else:
        incidents.reopen(found, who)
        action = "open again"
    audit.record(request.user, f"alert: {action}", found.title)
    messages.success(request, {"snooze": "Snoozed.", "acknowledge": "Alert acknowledged."}.get(action, "Open again."))
    return redirect("alert", request.workspace.slug, found.id)
