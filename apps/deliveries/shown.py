"""Whether widgets show what they are asked for, so that monitoring can tell when one shows nothing any more."""

from __future__ import annotations

from django.db.models import F, Value
from django.db.models.functions import Coalesce

from apps.deliveries.models import Widget
from einstein.postgres import moment


def note_shown(widget_id: int) -> None:
    """A score was shown: whatever was refused before was an exception."""
    Widget.objects.filter(id=widget_id).update(last_shown_at=moment.now(), refusals=0, refusal="", refused_since=None)


def note_refused(widget_id: int, fault: str) -> None:
    """Something was asked with a true token or address, and nothing could be shown."""
    since = Coalesce(F("refused_since"), Value(moment.now()))
    Widget.objects.filter(id=widget_id).update(refusals=F("refusals") + 1, refusal=fault, refused_since=since)
