"""The operators' pages, and every workspace's home, which draws on all rooms."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.console.failures import failed_groups, failing_runs
from apps.console.fleet import fleet
from apps.console.room import room
from apps.datasets.models import Dataset
from apps.monitoring.queries import live_incidents
from apps.outbox.models import KeptMail
from apps.predictions.queries import prediction_list
from apps.predictions.templates_catalog import registry
from apps.runs.models import Drain
from apps.scoring.queries import daily_runs
from apps.workspaces.access import operator, viewer
from apps.workspaces.models import AuditEntry

MAIL_SHOWN, LOG_SHOWN = 100, 8
CAUSES_SHOWN, FAILING_SHOWN = 10, 10


@operator
def fleet_health(request: HttpRequest) -> HttpResponse:
    """How the installation does: worst first, in counts, without anybody's records."""
    context = {
        "section": "console", "tab": "now", "fleet": fleet(whole=True), "room": room(), "groups": failed_groups()[:CAUSES_SHOWN],
        "failing": failing_runs(FAILING_SHOWN), "drains": list(Drain.objects.order_by("since")),
    }  # fmt: skip
    return render(request, "console/fleet.html", context)


@viewer
def home(request: HttpRequest) -> HttpResponse:
    """What needs attention first, then the predictions, then what happened."""
    attention = [one for one in live_incidents() if one.severity != "info"][:5]
    found = list(prediction_list().exclude(state="archived")[:50])
    datasets = Dataset.objects.filter(state="active").aggregate(count=Count("id"))["count"]
    context = {
        "section": "home", "attention": attention, "recent": recent_scores([item.id for item in found]), "predictions": found, "datasets": datasets,
        "log": AuditEntry.objects.order_by("-at", "-id")[:LOG_SHOWN], "first_run": not found, "templates": registry().values(),
    }  # fmt: skip
    return render(request, "console/home.html", context)


def recent_scores(prediction_ids: list[int]) -> dict[int, dict]:
    """Per prediction when it was last scored, how many records are in the High band, and how that went over thirty days."""
    return {
        number: {
            "at": runs[-1].checked_at,
            "high": runs[-1].bands.get("high", 0),
            "line": [run.bands.get("high", 0) for run in runs],
        }
        for number, runs in daily_runs(prediction_ids).items()
    }


@operator
def kept_mail(request: HttpRequest) -> HttpResponse:
    """Mail that could not leave, because no SMTP server is set; shown only while we listen on loopback."""
    if not settings.ON_LOOPBACK:
        raise Http404
    mails = KeptMail.objects.order_by("-kept_at", "-id")[:MAIL_SHOWN]
    return render(request, "console/mail.html", {"section": "mail", "mails": mails, "sends": bool(settings.SMTP_URL)})


@operator
def kept_mail_one(request: HttpRequest, mail_id: int) -> HttpResponse:
    if not settings.ON_LOOPBACK:
        raise Http404
    return render(
        request, "console/one_mail.html", {"section": "mail", "mail": get_object_or_404(KeptMail, id=mail_id)}
    )
