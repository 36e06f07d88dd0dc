"""What the frame of every page shows of alerts."""

from django.http import HttpRequest

from apps.monitoring.models import LIVE_INCIDENT, Incident
from apps.monitoring.queries import open_by_prediction
from apps.workspaces.scope import in_workspace


def alerts_in_frame(request: HttpRequest) -> dict:
    if not in_workspace() or getattr(request, "membership", None) is None:
        return {}
    return {
        "open_alerts": Incident.objects.filter(state__in=LIVE_INCIDENT).exclude(severity="info").count(),
        "open_by_prediction": open_by_prediction(),
    }
