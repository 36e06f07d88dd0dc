"""The widget builder, and what the widget itself asks for."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.deliveries.models import Widget
from apps.deliveries.shown import note_refused, note_shown
from apps.deliveries.tokens import NotAllowed, Permission, frame_key, read_frame_key, read_permission, record_address
from apps.predictions.models import Prediction
from apps.predictions.queries import enabled_prediction
from apps.scoring.api import VISIBLE, stored_answer
from apps.scoring.export import harmless_row
from apps.scoring.models import Score
from apps.scoring.queries import current_scores
from apps.scoring.score import newest_run
from apps.scoring.what_if import knobs_of, record_now, what_if
from apps.scoring.words import score_sentence
from apps.workspaces import audit
from apps.workspaces.access import builder, viewer
from apps.workspaces.calls import take
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein.ml.reasons import value_words
from einstein.outbound.addresses import HOST
from einstein.web.clock_words import local_time
from einstein.web.errors import too_much_page
from einstein.web.problems import TooMuch

logger = logging.getLogger("einstein.widget")


class WidgetForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    origins = forms.CharField(
        label="Shown on",
        max_length=500,
        help_text="The page's address, such as https://crm.example.com. Several with spaces between.",
    )

    def clean_origins(self) -> list[str]:
        """Scheme, host and port of each; anything else is refused by name."""
        origins = []
        for text in self.cleaned_data["origins"].split():
            try:
                parts = urlsplit(text)
                host = (parts.hostname or "").encode("idna").decode()
                port = f":{parts.port}" if parts.port else ""
            except ValueError:
                parts, host, port = urlsplit(""), "", ""
            if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host):
                raise forms.ValidationError(f"{text} is no web address. Begin with https://")
            origins.append(f"{parts.scheme}://{host}{port}".lower())
        return list(dict.fromkeys(origins))


@viewer
def widgets(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """The widgets of a prediction, and a form for another."""
    prediction = enabled_prediction(prediction_id)
    form = WidgetForm(request.POST or None, initial={"name": prediction.name})
    if request.method == "POST" and not request.membership.may("builder"):
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        made = Widget.objects.create(
            prediction=prediction,
            name=form.cleaned_data["name"],
            origins=form.cleaned_data["origins"],
            created_by=request.user,
        )
        audit.record(request.user, "widget made", made.name)
        return redirect("widget", request.workspace.slug, prediction.id, made.id)
    found = Widget.objects.filter(prediction=prediction).order_by("-created_at")
    context = {"section": "predictions", "tab": "deliveries", "prediction": prediction, "widgets": found, "form": form}
    return render(request, "deliveries/widgets.html", context)


@viewer
def widget(request: HttpRequest, prediction_id: int, widget_id: int) -> HttpResponse:
    """One widget: the snippet, both ways to let it show a record, and a live preview of the highest score."""
    prediction = enabled_prediction(prediction_id)
    found = get_object_or_404(Widget, id=widget_id, prediction=prediction)
    sample = Score.objects.filter(prediction=prediction).order_by("-value", "key").first()
    context = {
        "section": "predictions", "tab": "deliveries", "prediction": prediction, "widget": found, "base": settings.PUBLIC_URL, "sample": sample, "frame": frame_key(found),
        "address": record_address(found, sample.key) if sample and request.membership.may("builder") else "",
    }  # fmt: skip
    return render(request, "deliveries/widget.html", context)


@builder
@require_POST
def turn_key(request: HttpRequest, prediction_id: int, widget_id: int) -> HttpResponse:
    """End every address and token made so far."""
    found = get_object_or_404(Widget, id=widget_id, prediction_id=prediction_id)
    found.turn += 1
    found.save(update_fields=["turn"])
    audit.record(request.user, "widget key turned", found.name)
    return redirect("widget", request.workspace.slug, prediction_id, widget_id)


@builder
def addresses(request: HttpRequest, prediction_id: int, widget_id: int) -> HttpResponse:
    """Scores with each record's signed address as a column, for pages that cannot run server code."""
    prediction = enabled_prediction(prediction_id)
    found = get_object_or_404(Widget, id=widget_id, prediction=prediction)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["key", "score", "band", "einstein_address"])
    for row in (
        Score.objects.filter(prediction=prediction, scoring_run=newest_run(prediction)).order_by("key").iterator()
    ):
        writer.writerow(harmless_row([row.key, row.value, row.band, record_address(found, row.key)]))
    audit.record(request.user, "widget addresses downloaded", found.name)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="addresses-{found.id}.csv"'
    return response


@csrf_exempt
def widget_score(request: HttpRequest) -> HttpResponse:
    """What the widget shows, for a token or address in a header; anything wrong gives 401 or 403 and nothing else."""
    return _answered(
        request, lambda permission: _list(permission) if permission.top else _card(permission, "what-if" in request.GET)
    )


@csrf_exempt
def widget_what_if(request: HttpRequest) -> HttpResponse:
    """The score of the token's record with other values in some fields."""
    return _answered(request, lambda permission: _tried(permission, request.body))


def _answered(request: HttpRequest, show: Callable[[Permission], dict]) -> HttpResponse:
    if request.method == "OPTIONS":
        return _open(HttpResponse(status=204))
    try:
        headers = request.headers
        permission = read_permission(
            headers.get("X-Einstein-Token", ""), headers.get("Origin", ""), headers.get("X-Einstein-Frame", "")
        )
        with workspace_scope(permission.workspace_id):
            taken = take(f"widget:{permission.widget_id}", settings.WIDGET_CALLS_AN_HOUR)
            if not taken.allowed:
                return _open(too_much_page(request, TooMuch("This widget was asked too often.", taken.wait)))
            answer = show(permission) | {"ends": permission.ends}
    except NotAllowed as refusal:
        logger.info("a widget was refused: %s", refusal)
        if refusal.widget is not None and refusal.fault:
            with workspace_scope(refusal.widget.workspace_id):
                note_refused(refusal.widget.id, refusal.fault)
        body = {"title": "No score", "status": refusal.status}
        return _open(JsonResponse(body, status=refusal.status, content_type="application/problem+json"))
    return _open(JsonResponse(answer))


def _shown(permission: Permission) -> tuple[Widget, Prediction]:
    widget = Widget.objects.select_related("prediction__dataset", "prediction__champion").get(id=permission.widget_id)
    if widget.prediction.state not in VISIBLE:
        raise NotAllowed("the prediction is not in use")
    return widget, widget.prediction


def _score(permission: Permission, prediction: Prediction) -> Score | None:
    if permission.top or not permission.key:
        raise NotAllowed("a list's token shows no record", 403)
    found = Score.objects.select_related("version", "prediction", "scoring_run__snapshot")
    return found.filter(prediction=prediction, key=permission.key).first()


def _card(permission: Permission, with_knobs: bool) -> dict:
    widget, prediction = _shown(permission)
    score = _score(permission, prediction)
    if score is None:
        note_refused(widget.id, "record")
        return {"name": widget.name, "none": f"No score yet for this {prediction.dataset.noun}."}
    note_shown(widget.id)
    answer = stored_answer(score)
    card = {
        "name": widget.name, "score": _figure(prediction, score.value), "band": answer["band"], "say": score_sentence(prediction, score),
        "as_of": local_time(score.as_of, Workspace.objects.get(id=permission.workspace_id).zone), "stale": answer["stale"],
        "reasons": [{"words": reason["words"].rpartition(":")[0], "direction": reason["direction"]} for reason in answer["reasons"]],
    }  # fmt: skip
    if with_knobs:
        record = record_now(prediction, score)
        card["knobs"] = [asdict(knob) for knob in knobs_of(prediction, score, record)] if record else []
    return card


def _list(permission: Permission) -> dict:
    """The highest scores of the newest scoring."""
    widget, prediction = _shown(permission)
    note_shown(widget.id)
    rows = current_scores(prediction, newest_run(prediction), "", "")[: permission.top]
    return {
        "name": widget.name, "noun": prediction.dataset.noun,
        "list": [{"key": row.key, "score": _figure(prediction, row.value), "band": row.band, "why": _first_reason(row)} for row in rows],
    }  # fmt: skip


def _first_reason(score: Score) -> str:
    return value_words(score.reasons[0]["field"], score.reasons[0]["value"]) if score.reasons else ""


def _tried(permission: Permission, body: bytes) -> dict:
    _, prediction = _shown(permission)
    score = _score(permission, prediction)
    try:
        changes = json.loads(body).get("changes", {})
    except (ValueError, AttributeError):
        changes = None
    if score is None or not isinstance(changes, dict):
        raise NotAllowed("nothing to try", 403)
    record = record_now(prediction, score)
    if not record:
        return {"none": "The record is no longer kept."}
    found = what_if(prediction, score, record, {str(name): str(value) for name, value in changes.items()})
    return {
        "score": _figure(prediction, found["value"]), "before": _figure(prediction, found["before"]), "band": found["band"],
        "warnings": [warning["words"] for warning in found["warnings"]],
    }  # fmt: skip


def _figure(prediction: Prediction, value: float) -> str:
    return f"{value:.0%}" if prediction.task != "regression" else f"{value:,.6g}"


def _open(response: HttpResponse) -> HttpResponse:
    """Any page may ask; only the token decides. No cookies are read or set."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Headers"] = "X-Einstein-Token, Content-Type"
    response["Access-Control-Max-Age"] = "600"
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Origin"
    return response


@require_safe
def widget_frame(request: HttpRequest, key: str) -> HttpResponse:
    """The widget as a page of its own, for pages that cannot run our script. Only the widget's own origins may hold it; the token comes behind #."""
    try:
        _, _, origins = read_frame_key(key)
    except NotAllowed:
        raise Http404 from None
    response = render(request, "deliveries/frame.html", {"frame": key})
    response.xframe_options_exempt = True
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # pages that isolate themselves may show it too
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; frame-ancestors {' '.join(origins)}"
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def widget_script(request: HttpRequest) -> HttpResponse:
    """The widget's code with its style sheet inside: one request, no cookies."""
    script = (settings.BASE_DIR / "static" / "js" / "widget.js").read_text()
    css = (settings.BASE_DIR / "static" / "css" / "widget.css").read_text()
    css = css[css.index("*/") + 2 :].strip()
    response = HttpResponse(
        script.replace("__CSS__", css.replace("`", "")), content_type="text/javascript; charset=utf-8"
    )
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "public, max-age=3600"
    return response
