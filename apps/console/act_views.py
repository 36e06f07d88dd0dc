"""What operators do. Each deed is a form that was sent, and stands in the operators' log."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.console.forms import DrainForm, PauseForm, QuotaForm
from apps.console.log import note
from apps.console.pause import pause, resume
from apps.console.retry import NotRetried, retry, retry_cause
from apps.console.workspaces import exists
from apps.runs.drain import NoSuchPart, drain, lift
from apps.workspaces import audit, support
from apps.workspaces.access import operator
from apps.workspaces.quotas import NotAQuota, set_quota
from einstein.web.templatetags.words import plural


@operator
@require_POST
def retry_run(request: HttpRequest, workspace_id: int, run_id: int) -> HttpResponse:
    _refuse_unknown(workspace_id)
    try:
        again = retry(request.user, workspace_id, run_id)
        messages.success(request, f"Run {run_id} is taken up again as run {again.id}.", extra_tags="good")
    except NotRetried as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("failures")


@operator
@require_POST
def retry_group(request: HttpRequest) -> HttpResponse:
    done, left, more = retry_cause(request.user, request.POST.get("kind", ""), request.POST.get("cause", ""))
    words = f"{done:,} {plural('run', done)} taken up again."
    if left:
        words += f" {left:,} left alone: not safe to repeat, or what it was about is gone."
    if more:
        words += f" {more:,} more are for the next click."
    messages.success(request, words, extra_tags="good" if done else "warn")
    return redirect("failures")


@operator
@require_POST
def pause_workspace(request: HttpRequest, workspace_id: int) -> HttpResponse:
    _refuse_unknown(workspace_id)
    form = PauseForm(request.POST)
    if not form.is_valid():
        messages.error(request, form.errors["reason"][0], extra_tags="bad")
    elif pause(request.user, workspace_id, form.cleaned_data["reason"]):
        messages.success(request, "Paused. Its queued runs wait; what is under way ends.", extra_tags="good")
    return redirect("operators_workspace", workspace_id)


@operator
@require_POST
def resume_workspace(request: HttpRequest, workspace_id: int) -> HttpResponse:
    _refuse_unknown(workspace_id)
    if resume(request.user, workspace_id):
        messages.success(request, "It goes on. What fell due meanwhile is done now.", extra_tags="good")
    return redirect("operators_workspace", workspace_id)


@operator
@require_POST
def raise_quota(request: HttpRequest, workspace_id: int) -> HttpResponse:
    _refuse_unknown(workspace_id)
    form = QuotaForm(request.POST)
    try:
        if not form.is_valid():
            raise NotAQuota(next(iter(form.errors.values()))[0])
        kind, value = form.cleaned_data["kind"], form.cleaned_data["value"]
        with transaction.atomic(), audit.by_support(request.user):
            set_quota(workspace_id, kind, value, request.user)
            note(request.user, "quota changed", f"{kind}: {'the default' if value is None else value}", workspace_id)
    except NotAQuota as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("operators_workspace", workspace_id)


@operator
@require_POST
def enter_workspace(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """Into a customer's workspace, where she has let operators in."""
    workspace = support.enter(request, workspace_id)
    if workspace is None:
        raise Http404
    note(request.user, "entered as support", workspace_id=workspace_id)
    return redirect("home", workspace.slug)


@operator
@require_POST
def leave_workspace(request: HttpRequest, workspace_id: int) -> HttpResponse:
    _refuse_unknown(workspace_id)
    left = support.leave(request)
    if left:
        note(request.user, "left as support", workspace_id=left)
    return redirect("operators_workspace", workspace_id)


@operator
@require_POST
def start_drain(request: HttpRequest) -> HttpResponse:
    form = DrainForm(request.POST)
    try:
        if not form.is_valid():
            raise NoSuchPart("Say what is drained: all of it, one queue or one host.")
        part, name = form.named()
        with transaction.atomic():
            if drain(part, name):
                note(request.user, "drained", f"{part} {name}".strip())
    except NoSuchPart as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("drains")


@operator
@require_POST
def end_drain(request: HttpRequest) -> HttpResponse:
    part, name = request.POST.get("part", "")[:8], request.POST.get("name", "")[:80]
    with transaction.atomic():
        if lift(part, name):
            note(request.user, "drain lifted", f"{part} {name}".strip())
    return redirect("drains")


def _refuse_unknown(workspace_id: int) -> None:
    if not exists(workspace_id):
        raise Http404
