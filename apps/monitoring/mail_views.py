"""What people do from an e-mail without logging in: looking shows, pressing a button acts."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from apps.monitoring.incidents import acknowledge, snooze
from apps.monitoring.links import ANSWER, JOIN, LEAVE, Holder, holder_of
from apps.monitoring.models import LIVE_INCIDENT, Incident, Recipient
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment

SNOOZES = {"1": "1 day", "7": "1 week"}


def _holder(token: str, purpose: str) -> Holder:
    found = holder_of(token, purpose)
    if found is None:
        raise Http404
    return found


@csrf_exempt  # the signed link is the permission, and it comes from outside
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Acknowledge or snooze one incident. Mail programs that look at links change nothing: only a press does."""
    holder, done = _holder(token, ANSWER), ""
    with workspace_scope(holder.workspace_id):
        incident = Incident.objects.select_for_update().filter(id=holder.subject_id).first()
        if incident is None:
            raise Http404
        if request.method == "POST" and incident.state in LIVE_INCIDENT:
            done = _answered(incident, request.POST.get("answer", ""), holder.email)
        sender = Workspace.objects.get(id=holder.workspace_id)
    context = {
        "incident": incident,
        "sender": sender,
        "done": done,
        "snoozes": SNOOZES,
        "live": incident.state in LIVE_INCIDENT,
    }
    return render(request, "monitoring/answer.html", context)


def _answered(incident: Incident, wish: str, who: str) -> str:
    if wish in SNOOZES:
        snooze(incident, who, int(wish))
        return f"You hear of it again in {SNOOZES[wish]} if it is still there."
    acknowledge(incident, who)
    return "You take care of it. There are no more reminders, and one e-mail when it is over."


@csrf_exempt  # a mail program's one click carries no cookie (RFC 8058)
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """No more alert e-mails of a workspace to one address."""
    holder, done = _holder(token, LEAVE), request.method == "POST"
    with workspace_scope(holder.workspace_id):
        sender = Workspace.objects.filter(id=holder.workspace_id).first()
        if done:
            Recipient.objects.filter(email__iexact=holder.email).update(left_at=moment.now())
            Recipient.objects.get_or_create(email=holder.email, prediction=None, defaults={"left_at": moment.now()})
    return render(request, "monitoring/leave.html", {"sender": sender, "address": holder.email, "done": done})


@csrf_exempt
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody who was named says that she wants these e-mails."""
    holder, done = _holder(token, JOIN), request.method == "POST"
    with workspace_scope(holder.workspace_id):
        recipient = (
            Recipient.objects.filter(id=holder.subject_id, email__iexact=holder.email)
            .select_related("prediction")
            .first()
        )
        if recipient is None:
            raise Http404
        if done:
            recipient.confirmed_at, recipient.left_at = moment.now(), None
            recipient.save(update_fields=["confirmed_at", "left_at"])
        sender = Workspace.objects.get(id=holder.workspace_id)
    return render(request, "monitoring/join.html", {"recipient": recipient, "sender": sender, "done": done})
