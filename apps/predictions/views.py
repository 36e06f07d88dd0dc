"""Pages about predictions: the list, the wizard, training, the scorecard, settings."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.datasets import lifecycle
from apps.predictions import charts, wizard, wizard_screens
from apps.predictions.definition import outcome_words
from apps.predictions.models import SCHEDULES, ModelVersion, Prediction
from apps.predictions.parts import template_of
from apps.predictions.queries import chosen_dataset, deleted_predictions, newest_version, prediction_list, version_list
from apps.predictions.scorecard_words import scorecard_page
from apps.predictions.templates_catalog import registry
from apps.predictions.train import enable, start_training
from apps.runs.queue import cancel, latest
from apps.workspaces.access import builder, viewer
from apps.workspaces.quotas import QuotaReached, require
from einstein.ml.train import LAST_STAGES

A_PAGE = 100
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@viewer
def predictions(request: HttpRequest) -> HttpResponse:
    page = Paginator(prediction_list(), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "predictions",
        "predictions": page.object_list,
        "page": page,
        "deleted": deleted_predictions(),
    }
    return render(request, "predictions/list.html", context)


@viewer
def open_prediction(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Where a prediction without an enabled version stands: its newest version, or the first open question."""
    prediction = get_object_or_404(Prediction, id=prediction_id)
    newest = newest_version(prediction)
    if newest is not None:
        return redirect("version", request.workspace.slug, prediction.id, newest.number)
    if not request.membership.may("builder"):
        return redirect("prediction_settings", request.workspace.slug, prediction.id)
    return redirect("wizard", request.workspace.slug, prediction.id, wizard.first_open_step(prediction))


@builder
def new_prediction(request: HttpRequest) -> HttpResponse:
    """Questions to begin with; the chosen one begins a draft. With a dataset chosen, the wizard suggests a name."""
    if request.method != "POST":
        return render(request, "predictions/new.html", {"section": "predictions", "templates": registry().values()})
    try:
        require("predictions")
    except QuotaReached as full:
        messages.error(request, str(full), extra_tags="bad")
        return redirect("predictions", request.workspace.slug)
    dataset, template = chosen_dataset(request.POST), registry().get(request.POST.get("template", ""))
    name = template.title if template else dataset.name if dataset else ""
    draft = Prediction.objects.create(
        owner=request.user, dataset=dataset, name=name, template=template.kind if template else "", question=template.questions[0] if template else ""
    )  # fmt: skip
    return redirect("wizard", request.workspace.slug, draft.id, "question")


@builder
def wizard_step(request: HttpRequest, prediction_id: int, step: str) -> HttpResponse:
    """One question: show it, or take its answer and go on."""
    if step not in wizard.STEPS:
        raise Http404
    prediction = get_object_or_404(Prediction.objects.select_related("dataset"), id=prediction_id)
    if step in {"outcome", "records", "fields", "review"} and _is_unready(prediction, step):
        return redirect("wizard", request.workspace.slug, prediction.id, _is_unready(prediction, step))
    errors: list[str] = []
    if request.method == "POST":
        if step == "data" and request.POST.get("action") == "sample":
            wizard.use_sample(prediction, request.user)
            return redirect("wizard", request.workspace.slug, prediction.id, "data")
        if step == "data" and wizard.join_offered(prediction, request.POST, request.user):
            return redirect("wizard", request.workspace.slug, prediction.id, "data")
        errors = wizard.save(step, prediction, request.POST, request.user)
        try:
            if not errors:
                return _after(request, prediction, step)
        except QuotaReached as full:
            errors = [str(full)]
    elif request.GET:
        wizard.apply_unsaved(step, prediction, request.GET)
    context = _wizard_context(prediction, step) | {"errors": errors}
    return render(request, "predictions/wizard.html", context)


def _is_unready(prediction: Prediction, step: str) -> str:
    """The earlier step that has to be answered first, or ""."""
    order = list(wizard.STEPS)
    needed = [name for name in order[: order.index(step)] if name in {"data", "outcome"}]
    return next((name for name in needed if name not in prediction.steps_done), "")


def _after(request: HttpRequest, prediction: Prediction, step: str) -> HttpResponse:
    if step == "review":
        version, _ = start_training(prediction, request.user)
        return redirect("version", request.workspace.slug, prediction.id, version.number)
    return redirect("wizard", request.workspace.slug, prediction.id, wizard.next_step(step))


def _wizard_context(prediction: Prediction, step: str) -> dict:
    facts: dict = {}
    if step in wizard_screens.SCREENS:
        facts = wizard_screens.SCREENS[step](prediction)
    elif step == "review":
        facts["used"] = wizard_screens.used_field_count(prediction)
    names = list(wizard.STEPS)
    return {
        "section": "predictions", "prediction": prediction, "step": step, "steps": wizard.STEPS.items(), "step_number": names.index(step) + 1,
        "step_name": wizard.STEPS[step], "previous": names[names.index(step) - 1] if step != "question" else "", "facts": facts,
        "outcome_words": outcome_words(prediction), "counts": wizard_screens.counts_of(prediction), "budgets": wizard.BUDGETS.items(),
        "schedules": SCHEDULES.items(), "hours": range(24), "weekdays": list(enumerate(WEEKDAYS)),
        "template": f"predictions/wizard/{step}.html", "ready_made": template_of(prediction),
    }  # fmt: skip


@viewer
def version(request: HttpRequest, prediction_id: int, number: int) -> HttpResponse:
    """A version's page: its training while it lasts, then its scorecard."""
    prediction = get_object_or_404(Prediction.objects.select_related("dataset", "champion"), id=prediction_id)
    found = get_object_or_404(ModelVersion.objects.select_related("snapshot"), prediction=prediction, number=number)
    context = {
        "section": "predictions",
        "tab": "scorecard",
        "prediction": prediction,
        "version": found,
        "versions": version_list(prediction),
    }
    if found.state in {"training", "failed"}:
        return render(request, "predictions/training.html", context | _training_context(prediction, found))
    return render(request, "predictions/scorecard.html", context | scorecard_page(prediction, found))


@viewer
def training_progress(request: HttpRequest, prediction_id: int, number: int) -> HttpResponse:
    """The moving part of the training page; the whole page comes anew when training has ended."""
    prediction = get_object_or_404(Prediction.objects.select_related("dataset"), id=prediction_id)
    found = get_object_or_404(ModelVersion, prediction=prediction, number=number)
    context = {"prediction": prediction, "version": found, **_training_context(prediction, found)}
    response = render(request, "predictions/_training.html", context)
    if found.state != "training":
        response["HX-Refresh"] = "true"
    return response


def _training_context(prediction: Prediction, found: ModelVersion) -> dict:
    run = latest("train", found.id)
    begun = {stage["name"] for stage in run.stages} if run else set()
    upcoming = [name for name in LAST_STAGES if name not in begun] if found.state == "training" else []
    return {
        "run": run,
        "upcoming": upcoming,
        "chart": charts.training_curve(prediction, run),
        "kinds": charts.tried_kinds(prediction, run),
    }


@builder
@require_POST
def train_again(request: HttpRequest, prediction_id: int) -> HttpResponse:
    prediction = get_object_or_404(Prediction, id=prediction_id)
    if "outcome" not in prediction.steps_done:
        return redirect("wizard", request.workspace.slug, prediction.id, wizard.first_open_step(prediction))
    try:
        begun, _ = start_training(prediction, request.user)
    except QuotaReached as full:
        messages.error(request, str(full), extra_tags="bad")
        return redirect("open_prediction", request.workspace.slug, prediction.id)
    return redirect("version", request.workspace.slug, prediction.id, begun.number)


@builder
@require_POST
def stop_training(request: HttpRequest, prediction_id: int, number: int) -> HttpResponse:
    found = get_object_or_404(ModelVersion, prediction_id=prediction_id, number=number)
    run = latest("train", found.id)
    if run is not None:
        cancel(run)
        if run.state != "running":
            ModelVersion.objects.filter(id=found.id, state="training").update(state="failed", failure="Stopped.")
    return redirect("version", request.workspace.slug, prediction_id, number)


@builder
@require_POST
def enable_version(request: HttpRequest, prediction_id: int, number: int) -> HttpResponse:
    found = get_object_or_404(ModelVersion, prediction_id=prediction_id, number=number)
    if found.state not in {"candidate", "retired", "champion"}:
        messages.error(request, "This version has no model to enable.", extra_tags="bad")
        return redirect("version", request.workspace.slug, prediction_id, number)
    if not found.storage_key:
        messages.error(
            request, "The model of this version was removed, because it is old. Train again.", extra_tags="bad"
        )
        return redirect("version", request.workspace.slug, prediction_id, number)
    enable(found, request.user)
    messages.success(request, f"Version {number} is enabled. Its first scores are on their way.", extra_tags="good")
    return redirect("scores", request.workspace.slug, prediction_id)


@viewer
def download_scorecard(request: HttpRequest, prediction_id: int, number: int) -> HttpResponse:
    """The scorecard with every number, as JSON."""
    found = get_object_or_404(ModelVersion, prediction_id=prediction_id, number=number)
    response = JsonResponse(
        {key: found.facts.get(key) for key in ("outcome", "scorecard", "left_out", "to_check", "hash")},
        json_dumps_params={"indent": 1},
    )
    response["Content-Disposition"] = f'attachment; filename="scorecard-{found.prediction_id}-{number}.json"'
    return response


@viewer
def prediction_settings(request: HttpRequest, prediction_id: int) -> HttpResponse:
    prediction = get_object_or_404(Prediction.objects.select_related("dataset", "owner", "champion"), id=prediction_id)
    context = {
        "section": "predictions", "tab": "settings", "prediction": prediction, "outcome_words": outcome_words(prediction),
        "versions": version_list(prediction), "weekday": WEEKDAYS[prediction.schedule_weekday], "counts": {},
    }  # fmt: skip
    return render(request, "predictions/settings.html", context)


@builder
@require_POST
def change(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Rename, pause, archive, delete, resume, undo. Locked, because the clean-up may be removing it for good."""
    prediction = get_object_or_404(Prediction.objects.select_for_update(), id=prediction_id)
    if prediction.state == "deleted":  # whatever it becomes, it counts again
        require("predictions")
    if sentence := lifecycle.change(prediction, request.POST, request.user):
        messages.success(request, sentence, extra_tags="good")
    if prediction.state == "deleted":
        return redirect("predictions", request.workspace.slug)
    return redirect("prediction_settings", request.workspace.slug, prediction_id)
