"""How a prediction alerts: the slider, who is told, checks made by clicks, planned maintenance, and what is the new normal."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from apps.monitoring.custom import words_of
from apps.monitoring.forms import BlackoutForm, CustomCheckForm, RecipientForm
from apps.monitoring.links import join_url
from apps.monitoring.models import Blackout, CustomCheck, Recipient, Watch
from apps.monitoring.observe import learn_anew
from apps.monitoring.recipients import targets_of_prediction
from apps.monitoring.sensitivity import LEVELS, preview
from apps.outbox.models import RefusedAddress
from apps.outbox.write import write_email
from apps.predictions.models import Prediction
from apps.workspaces import audit
from apps.workspaces.access import builder
from apps.workspaces.people import confirmed_addresses
from einstein.postgres import moment


@builder
def alert_settings(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """One page for all of it; each part saves by itself."""
    prediction = get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, champion__isnull=False
    )
    part, forms = request.POST.get("part", ""), _forms(request, prediction)
    if request.method == "POST" and _saved(request, prediction, part, forms.get(part)):
        return redirect("alert_settings", request.workspace.slug, prediction.id)
    watch, _ = Watch.objects.get_or_create(prediction=prediction)
    foreseen = preview(prediction)
    context = {
        "section": "predictions", "tab": "monitoring", "prediction": prediction, "watch": watch, "forms": forms,
        "levels": [(level, foreseen[level.number]) for level in LEVELS], "told": targets_of_prediction(prediction),
        "refused": RefusedAddress.objects.order_by("email"),
        "recipients": Recipient.objects.filter(prediction=prediction) | Recipient.objects.filter(prediction=None),
        "checks": [(check, words_of(check)) for check in CustomCheck.objects.filter(prediction=prediction).order_by("id")],
        "blackouts": (Blackout.objects.filter(prediction=prediction) | Blackout.objects.filter(prediction=None)).filter(ends_at__gt=moment.now()),
    }  # fmt: skip
    return render(request, "monitoring/settings.html", context)


def _forms(request: HttpRequest, prediction: Prediction) -> dict[str, Any]:
    """The forms of the page; the one that was sent holds what was typed."""
    part = request.POST.get("part", "")
    typed = {name: request.POST if name == part else None for name in ("recipient", "check", "blackout")}
    return {
        "recipient": RecipientForm(typed["recipient"], prefix="recipient"),
        "check": CustomCheckForm(prediction, typed["check"], prefix="check"),
        "blackout": BlackoutForm(typed["blackout"], prefix="blackout"),
    }


def _saved(request: HttpRequest, prediction: Prediction, part: str, form: Any) -> bool:
    """Do what one part of the page asks for; False when its form has faults to show."""
    if part == "sensitivity":
        level = request.POST.get("level", "")
        if level in {str(one.number) for one in LEVELS}:
            Watch.objects.filter(prediction=prediction).update(sensitivity=int(level), next_check_at=moment.now())
            audit.record(request.user, "alerts: how much it takes", prediction.name, level=int(level))
            messages.success(request, "Saved. It counts from the next check on.")
        return True
    if part == "reach_again":
        return _reached_again(request)
    if part in REMOVALS:
        return _removed(request, prediction, part)
    if form is None or not form.is_valid():
        return form is None
    return SAVERS[part](request, prediction, form)


def _save_recipient(request: HttpRequest, prediction: Prediction, form: RecipientForm) -> bool:
    """Name somebody. Members with a confirmed address are told at once, others once they have said yes."""
    recipient: Recipient = form.save(commit=False)
    recipient.prediction = prediction if form.cleaned_data["whole"] == "this" else None
    known = recipient.email.lower() in confirmed_addresses()
    recipient.confirmed_at = moment.now() if known else None
    try:
        with transaction.atomic():
            recipient.save()
    except IntegrityError:
        form.add_error("email", f"{recipient.email} is named already.")
        return False
    audit.record(request.user, "alerts: told", recipient.email, about=prediction.name)
    if known:
        messages.success(request, f"{recipient.email} is told from now on.")
        return True
    _ask(request, recipient)
    messages.success(request, f"We asked {recipient.email} whether that is right. Nothing is sent before the answer.")
    return True


def _ask(request: HttpRequest, recipient: Recipient) -> None:
    subject = f"{request.user} wants you to get alerts of {request.workspace.name}"
    context = {
        "sender": request.workspace,
        "who": request.user,
        "url": join_url(recipient.workspace_id, recipient.email, recipient.id),
        "subject": subject,
    }
    text = render_to_string("monitoring/email/join.txt", context)
    write_email(recipient.email, subject, text, dedupe_key=f"join:{recipient.id}")


def _save_check(request: HttpRequest, prediction: Prediction, form: CustomCheckForm) -> bool:
    check: CustomCheck = form.save(commit=False)
    check.prediction, check.created_by = prediction, request.user
    check.save()
    Watch.objects.filter(prediction=prediction).update(next_check_at=moment.now())
    audit.record(request.user, "alerts: check made", prediction.name, check=words_of(check))
    messages.success(request, f"Checked from now on: {words_of(check)}.")
    return True


def _save_blackout(request: HttpRequest, prediction: Prediction, form: BlackoutForm) -> bool:
    planned: Blackout = form.save(commit=False)
    zone = request.workspace.zone
    planned.starts_at, planned.ends_at = (
        moment.replace(tzinfo=zone) for moment in (planned.starts_at, planned.ends_at)
    )
    planned.prediction, planned.created_by = prediction if form.cleaned_data["whole"] == "this" else None, request.user
    planned.save()
    audit.record(request.user, "alerts: maintenance planned", prediction.name, reason=planned.reason)
    messages.success(request, "Planned. Nobody is told before it is over.")
    return True


def _reached_again(request: HttpRequest) -> bool:
    """An address that refused mail is written to again."""
    number = request.POST.get("id", "")
    if number.isdecimal() and len(number) < 18:
        for refused in RefusedAddress.objects.filter(id=int(number)):
            refused.delete()
            audit.record(request.user, "alerts: written to again", refused.email)
            messages.success(request, f"{refused.email} is written to again from the next alert on.")
    return True


def _removed(request: HttpRequest, prediction: Prediction, part: str) -> bool:
    number = request.POST.get("id", "")
    found = REMOVALS[part].objects.filter(id=int(number)) if number.isdecimal() and len(number) < 18 else None
    if found is not None and (found.filter(prediction=prediction) | found.filter(prediction=None)).exists():
        found.delete()
        Watch.objects.filter(prediction=prediction).update(next_check_at=moment.now())
        audit.record(request.user, f"alerts: {part.replace('_', ' ')}", prediction.name)
        messages.success(request, "Removed.")
    return True


REMOVALS: dict[str, Any] = {"remove_recipient": Recipient, "remove_check": CustomCheck, "remove_blackout": Blackout}
SAVERS: dict[str, Any] = {"recipient": _save_recipient, "check": _save_check, "blackout": _save_blackout}


@builder
@require_POST
def learn_it(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """What is now is the new normal."""
    prediction = get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, champion__isnull=False
    )
    if learn_anew(prediction):
        Watch.objects.filter(prediction=prediction).update(next_check_at=moment.now())
        audit.record(request.user, "alerts: learnt as the new normal", prediction.name)
        messages.success(
            request,
            "Learnt. From now on the newest run is what is usual; what was alarming about it is over in a minute.",
        )
    else:
        messages.error(request, "There is no run to learn from yet, or its records are gone.")
    return redirect("monitoring", request.workspace.slug, prediction.id)
