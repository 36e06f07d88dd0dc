"""Pages about deliveries: pick a kind, connect, pick a table, plan, see what arrived, decide what was held."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.datasets.connecting import Problem, form_or_outcome, go_on, tried
from apps.datasets.forms import ConnectionForm
from apps.datasets.sources import split_answers
from apps.deliveries import setup
from apps.deliveries.channels import registry
from apps.deliveries.channels.base import Channel
from apps.deliveries.channels.base.table import TableChannel
from apps.deliveries.channels.email_list import read_leave_token
from apps.deliveries.forms import LIMITS, ColumnsForm, PlanForm, guessed_columns, own_target
from apps.deliveries.models import Delivery, OptOut
from apps.deliveries.plan import channel_of, drop, plan_now, replay, undo
from apps.deliveries.queries import deliveries_of, proof_of_arrival, sendings_of, widgets_of
from apps.deliveries.which import Which
from apps.outbox.models import Sending
from apps.predictions.models import Prediction
from apps.predictions.queries import enabled_prediction
from apps.runs.queue import latest
from apps.workspaces.access import builder, viewer
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment
from einstein.sealed import kept


@viewer
def deliveries(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Everything a prediction's scores go to, with proof that they arrive."""
    prediction = enabled_prediction(prediction_id)
    context = _context(prediction) | {
        "deliveries": deliveries_of(prediction),
        "widgets": widgets_of(prediction),
    }
    return render(request, "deliveries/deliveries.html", context)


@builder
def kinds(request: HttpRequest, prediction_id: int) -> HttpResponse:
    prediction = enabled_prediction(prediction_id)
    return render(request, "deliveries/kinds.html", _context(prediction) | {"kinds": registry().values()})


@builder
def connect(request: HttpRequest, prediction_id: int, kind: str) -> HttpResponse:
    """The form of a destination. It is tried before it is kept; what the other side says is shown beside the form."""
    prediction, channel = enabled_prediction(prediction_id), registry().get(kind)
    if channel is None:
        raise Http404
    asked = channel.settings_asked(prediction)
    settings, known = setup.known_connection(prediction, kind) if channel.writes_tables else ({}, {})
    form = ConnectionForm(asked, request.POST or None, initial=settings, kept=known)
    context = _context(prediction) | {"channel": channel, "form": form, "again": False}
    if request.method == "POST" and form.is_valid():
        answers, secret = split_answers(asked, form.cleaned_data, known)
        secret |= channel.generated()
        learnt, context["found"], context["problem"] = _tried(channel, answers, secret, prediction)
        if not context["problem"] and request.POST.get("action") != "test":
            made = setup.connect(prediction, kind, answers | learnt, secret, request.user)
            return go_on(
                request, _address(request, "delivery_target" if channel.writes_tables else "plan_delivery", made)
            )
    return form_or_outcome(request, "deliveries/connect.html", context)


@builder
def change_connection(request: HttpRequest, prediction_id: int, delivery_id: int) -> HttpResponse:
    """The same form for a delivery that exists; blank secrets stay as they are."""
    delivery = _delivery(prediction_id, delivery_id)
    channel, secrets = registry()[delivery.kind], kept(delivery.workspace_id, delivery.sealed)
    asked = channel.settings_asked(delivery.prediction)
    form = ConnectionForm(asked, request.POST or None, initial=delivery.settings, kept=secrets)
    context = _context(delivery.prediction) | {"channel": channel, "form": form, "again": True, "delivery": delivery}
    if request.method == "POST" and form.is_valid():
        answers, secret = split_answers(asked, form.cleaned_data, secrets)
        secret = secrets | {name: value for name, value in secret.items() if value}
        learnt, context["found"], context["problem"] = _tried(channel, answers, secret, delivery.prediction)
        if not context["problem"] and request.POST.get("action") != "test":
            setup.change_connection(delivery, answers | learnt, secret, request.user)
            return go_on(request, _address(request, "delivery", delivery))
    return form_or_outcome(request, "deliveries/connect.html", context)


@builder
def target(request: HttpRequest, prediction_id: int, delivery_id: int) -> HttpResponse:
    """Which table is written to: a new one, or one of the customer's with its columns."""
    delivery = _delivery(prediction_id, delivery_id)
    channel, problem, tables, form, chosen = _table_channel(delivery), "", [], None, _chosen_table(request, delivery)
    try:
        tables = channel.tables()
        schema = "public" if ("public" in {schema for schema, _ in tables} or delivery.kind == "postgresql") else ""
        own = own_target(delivery.prediction, schema)
        if request.method == "POST" and request.POST.get("choice") == "own" and channel.makes_tables:
            setup.point_at(delivery, own, request.user)
            return redirect("plan_delivery", request.workspace.slug, prediction_id, delivery_id)
        if chosen is not None and tuple(chosen) in tables:
            columns, keys = channel.columns_of(*chosen), channel.keys_of(*chosen)
            guesses = guessed_columns(columns, keys, delivery.prediction.dataset.key_field)
            form = ColumnsForm(columns, keys, request.POST if "key" in request.POST else None, initial=guesses)
            if form.is_bound and form.is_valid():
                setup.point_at(delivery, form.target(*chosen), request.user)
                return redirect("plan_delivery", request.workspace.slug, prediction_id, delivery_id)
    except Problem as found:
        problem = str(found)
    choices = [(json.dumps([schema, name]), f"{schema}.{name}" if schema else name) for schema, name in tables]
    context = _context(delivery.prediction) | {
        "delivery": delivery, "channel": channel, "choices": choices, "form": form, "problem": problem, "chosen": chosen and json.dumps(chosen),
        "chosen_words": ".".join(filter(None, chosen or [])), "own": own_target(delivery.prediction, ""),
    }  # fmt: skip
    return render(request, "deliveries/target.html", context)


@builder
def plan(request: HttpRequest, prediction_id: int, delivery_id: int) -> HttpResponse:
    """Which records go, and when."""
    delivery = _delivery(prediction_id, delivery_id)
    channel = registry()[delivery.kind]
    if channel.writes_tables and not delivery.settings.get("target"):
        return redirect("delivery_target", request.workspace.slug, prediction_id, delivery_id)
    form = PlanForm(delivery, channel.writes_tables, request.POST or None)
    if request.method == "POST" and form.is_valid():
        setup.plan(delivery, form.cleaned_data, form.which_chosen(), request.user)
        return redirect("delivery", request.workspace.slug, prediction_id, delivery_id)
    return render(
        request,
        "deliveries/plan.html",
        _context(delivery.prediction) | {"delivery": delivery, "channel": channel, "form": form, "limits": LIMITS},
    )


@viewer
def delivery(request: HttpRequest, prediction_id: int, delivery_id: int) -> HttpResponse:
    """One delivery: where it goes, what arrived, every attempt."""
    found = _delivery(prediction_id, delivery_id)
    channel, sendings = registry()[found.kind](found.settings, {}), sendings_of(found)
    prediction, which = found.prediction, Which.from_json(found.which)
    context = _context(prediction) | {
        "delivery": found, "channel": channel, "sendings": sendings, "proof": proof_of_arrival(sendings), "now": moment.now(),
        "held": next((sending for sending in sendings if sending.state == "held"), None), "live": any(s.state == "waiting" for s in sendings),
        "undoable": next((sending for sending in sendings if sending.outcome.get("can_undo")), None), "dry_run": latest("dry_run", found.id),
        "rule": which.words(prediction),
        "channel_place": channel.place,
        "target": channel.target if isinstance(channel, TableChannel) and found.settings.get("target") else None,
        "signing_secret": kept(found.workspace_id, found.sealed).get("signing_secret", "") if request.membership.may("builder") else "",
    }  # fmt: skip
    if not request.htmx:
        return render(request, "deliveries/delivery.html", context)
    response = render(request, "deliveries/_sendings.html", context)
    if not context["live"]:
        response["HX-Refresh"] = "true"  # the state at the head of the page changes with it
    return response


@builder
@require_POST
def change(request: HttpRequest, prediction_id: int, delivery_id: int) -> HttpResponse:
    """Send, try out, test, pause, resume, make a new secret, delete."""
    found = _delivery(prediction_id, delivery_id)
    action = request.POST.get("action", "")
    if action == "delete":
        setup.remove(found, request.user)
        messages.success(request, "The delivery is deleted. What was written stays where it is.", extra_tags="good")
        return redirect("deliveries", request.workspace.slug, prediction_id)
    if action == "send" and found.state == "active" and not plan_now(found, request.user):
        messages.error(request, "There are no scores yet. The first scoring sends them.", extra_tags="warn")
    if action == "try" and registry()[found.kind].writes_tables:
        setup.try_out(found, request.user)
    if action == "test":
        _say_test(request, found)
    if action == "pause" and found.state == "active":
        setup.pause(found, request.user)
    if action == "resume" and found.state == "paused":
        setup.resume(found, request.user)
    if action == "secret" and registry()[found.kind].generated():
        setup.new_signing_secret(found, request.user)
    return redirect("delivery", request.workspace.slug, prediction_id, delivery_id)


@builder
@require_POST
def decide(request: HttpRequest, prediction_id: int, delivery_id: int, sending_id: int) -> HttpResponse:
    """Send again or anyway, give up, undo."""
    found = _delivery(prediction_id, delivery_id)
    sending = get_object_or_404(Sending, id=sending_id, destination_id=found.id)
    deeds = {"replay": replay, "drop": drop, "undo": undo}
    deed = deeds.get(request.POST.get("action", ""))
    if deed is not None and (deed is not undo or sending.outcome.get("can_undo")):
        deed(sending, found, request.user)
    return redirect("delivery", request.workspace.slug, prediction_id, delivery_id)


@csrf_exempt
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """No more e-mails of one list: for anybody who holds the link, also by a mail program's one click (RFC 8058)."""
    try:
        workspace_id, delivery_id, address = read_leave_token(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None
    with workspace_scope(workspace_id):
        found = Delivery.objects.select_related("prediction").filter(id=delivery_id).first()
        workspace = Workspace.objects.filter(id=workspace_id).first()
        done = request.method == "POST"
        if done and found is not None:
            OptOut.objects.get_or_create(delivery=found, address=address.lower())
    return render(
        request, "deliveries/leave.html", {"delivery": found, "sender": workspace, "address": address, "done": done}
    )


def _context(prediction: Prediction) -> dict[str, Any]:
    return {"section": "predictions", "tab": "deliveries", "prediction": prediction}


def _delivery(prediction_id: int, delivery_id: int) -> Delivery:
    return get_object_or_404(
        Delivery.objects.select_related("prediction__dataset", "prediction__champion"),
        id=delivery_id,
        prediction_id=prediction_id,
    )


def _table_channel(delivery: Delivery) -> TableChannel:
    channel = registry()[delivery.kind](delivery.settings, kept(delivery.workspace_id, delivery.sealed))
    if not isinstance(channel, TableChannel):
        raise Http404
    return channel


def _chosen_table(request: HttpRequest, delivery: Delivery) -> list[str] | None:
    """The table that the form names, or the one in use."""
    kept = delivery.settings.get("target")
    text = request.POST.get("choice") or request.POST.get("table") or ""
    if not text and "other" in request.GET:
        return None
    if not text:
        return [kept["schema"], kept["table"]] if kept and not kept["own"] else None
    try:
        chosen = json.loads(text)
    except ValueError:
        return None
    return (
        chosen
        if isinstance(chosen, list) and len(chosen) == 2 and all(isinstance(part, str) for part in chosen)
        else None
    )


def _tried(
    channel: type[Channel], settings: dict[str, Any], secret: dict[str, Any], prediction: Prediction
) -> tuple[dict[str, Any], str, str]:
    made = channel(settings, secret)
    return tried(made, lambda: made.test(prediction))


def _say_test(request: HttpRequest, delivery: Delivery) -> None:
    try:
        messages.success(request, channel_of(delivery).test(delivery.prediction), extra_tags="good")
    except Problem as problem:
        messages.error(request, str(problem), extra_tags="bad")


def _address(request: HttpRequest, name: str, delivery: Delivery) -> str:
    return reverse(name, args=[request.workspace.slug, delivery.prediction_id, delivery.id])
