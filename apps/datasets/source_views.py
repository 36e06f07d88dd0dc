"""Pages that connect a dataset to where its records come from: pick a kind, connect, pick a table, plan, watch, decide what was held."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.datasets import sources
from apps.datasets.connecting import Problem, form_or_outcome, go_on, tried
from apps.datasets.connectors import registry
from apps.datasets.connectors.base import Connector, Preview
from apps.datasets.forms import MOST_QUERY, ConnectionForm, PlanForm, PushForm
from apps.datasets.held import accept, discard
from apps.datasets.models import Dataset, HeldTable, Source
from apps.datasets.queries import enrichment_of, pushed_batches, reading_run, source_page
from apps.datasets.records import newest_snapshot
from apps.workspaces import audit
from apps.workspaces.access import builder, viewer
from einstein.outbound.addresses import OutboundProblem
from einstein.postgres import moment
from einstein.sealed import kept


@builder
def kinds(request: HttpRequest) -> HttpResponse:
    """Every kind of source, to begin with."""
    return render(request, "datasets/source/kinds.html", {"section": "datasets", "kinds": registry().values()})


@builder
def connect(request: HttpRequest, kind: str) -> HttpResponse:
    """The form of a connection. It is tried before it is kept; what the other side says is shown beside the form."""
    connector = registry().get(kind)
    if connector is None:
        raise Http404
    form = ConnectionForm(connector.settings_asked, request.POST or None)
    context: dict[str, Any] = {"section": "datasets", "connector": connector, "form": form, "again": False}
    if request.method == "POST" and form.is_valid():
        answers, secret = sources.split_answers(connector.settings_asked, form.cleaned_data)
        learnt, context["found"], context["problem"] = _tried(connector, answers, secret)
        if not context["problem"] and request.POST.get("action") != "test":
            source = sources.connect(kind, answers | learnt, secret, request.workspace.id, request.user)
            return go_on(request, reverse("pick_source", args=[request.workspace.slug, source.dataset_id]))
    return form_or_outcome(request, "datasets/source/connect.html", context)


@builder
def new_pushed(request: HttpRequest) -> HttpResponse:
    """A dataset that has no source: other programs send its records."""
    form = PushForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = sources.make_pushed(**form.cleaned_data, user=request.user)
        return redirect("source", request.workspace.slug, made.id)
    return render(request, "datasets/source/push.html", {"section": "datasets", "form": form})


@builder
def change_connection(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The same form for a source that exists; blank secrets stay as they are."""
    source = _source(dataset_id)
    connector, secrets = registry()[source.kind], kept(source.workspace_id, source.sealed)
    form = ConnectionForm(connector.settings_asked, request.POST or None, initial=source.settings, kept=secrets)
    context: dict[str, Any] = {
        "section": "datasets",
        "connector": connector,
        "form": form,
        "again": True,
        "dataset": source.dataset,
    }
    if request.method == "POST" and form.is_valid():
        answers, secret = sources.split_answers(connector.settings_asked, form.cleaned_data, secrets)
        learnt, context["found"], context["problem"] = _tried(connector, answers, secret)
        if not context["problem"] and request.POST.get("action") != "test":
            sources.change_connection(source, answers | learnt, secret, request.user)
            return go_on(request, reverse("source", args=[request.workspace.slug, source.dataset_id]))
    return form_or_outcome(request, "datasets/source/connect.html", context)


@builder
def pick(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """What of the source is read: a table, files, or a query."""
    source = _source(dataset_id)
    problem = ""
    if request.method == "POST":
        try:
            chosen = _chosen(request, source)
            sources.connector_of(source).preview(chosen)
            sources.pick(source, chosen, request.user)
            return redirect("plan_source", request.workspace.slug, dataset_id)
        except Problem as found:
            problem = str(found)
    choices, trouble = [], ""
    try:
        connector = sources.connector_of(source)
        choices = [(json.dumps(choice.pick, sort_keys=True), choice) for choice in connector.choices()]
    except Problem as found:
        trouble = str(found)
    context = {
        "section": "datasets", "dataset": source.dataset, "source": source, "choices": choices, "problem": problem or trouble,
        "chosen": json.dumps(source.pick, sort_keys=True), "files": registry()[source.kind].picks_files, "sql": registry()[source.kind].takes_query,
        "query": request.POST.get("query", source.pick.get("query", "")), "which": source.pick.get("which", "newest"),
    }  # fmt: skip
    return render(request, "datasets/source/pick.html", context)


@builder
def plan(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The first records as they are at the source, how they are read, and when."""
    source = _source(dataset_id)
    if not source.pick:
        return redirect("pick_source", request.workspace.slug, dataset_id)
    shown, problem = _preview(source)
    form = PlanForm(shown.header, shown.cursors, request.POST or None, initial=_as_planned(source, shown))
    if not registry()[source.kind].knows_changes:
        del form.fields["mode"], form.fields["cursor_field"]
    if request.method == "POST" and form.is_valid():
        sources.plan(source, {"mode": "full", **form.cleaned_data}, request.user)
        return redirect("dataset", request.workspace.slug, dataset_id)
    context = {
        "section": "datasets",
        "dataset": source.dataset,
        "source": source,
        "form": form,
        "preview": shown,
        "problem": problem,
    }
    return render(request, "datasets/source/plan.html", context)


@viewer
def source(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Where the records come from, when they came last, and what happened each time."""
    dataset = get_object_or_404(Dataset, id=dataset_id)
    found = Source.objects.filter(dataset=dataset).select_related("dataset").first()
    connector = registry()[found.kind](found.settings, {}) if found else None
    context = {
        "section": "datasets", "tab": "source", "dataset": dataset, "source": found, "snapshot": newest_snapshot(dataset), "connector": connector,
        "base": settings.PUBLIC_URL, "pushed": pushed_batches(dataset), "now": moment.now(), "picked": connector.words_of(found.pick) if found and found.pick else "", "run": reading_run(dataset), "made": enrichment_of(dataset), **source_page(dataset),
    }  # fmt: skip
    return render(request, "datasets/source/source.html", context)


@builder
@require_POST
def refresh(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = _source(dataset_id)
    if found.state != "draft":
        sources.refresh_now(found, request.user)
        audit.record(request.user, "refresh asked for", found.dataset.name)
    return redirect("dataset", request.workspace.slug, dataset_id)


@builder
@require_POST
def pause(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Stop or go on reading by plan."""
    found = _source(dataset_id)
    if found.state != "draft":
        found.state = "paused" if request.POST.get("action") == "pause" else "active"
        found.next_run_at = None
        found.save(update_fields=["state", "next_run_at"])
        audit.record(request.user, f"source {found.state}", found.dataset.name)
    return redirect("source", request.workspace.slug, dataset_id)


@builder
@require_POST
def decide(request: HttpRequest, dataset_id: int, held_id: int) -> HttpResponse:
    """Accept or discard a held table."""
    held = get_object_or_404(HeldTable.objects.select_related("dataset"), id=held_id, dataset_id=dataset_id)
    if held.state == "open" and request.POST.get("action") == "accept":
        accept(held, request.user)
    elif held.state == "open" and request.POST.get("action") == "discard":
        discard(held, request.user)
        messages.success(request, "The table is discarded; the records read before stay in use.", extra_tags="good")
    return redirect("dataset", request.workspace.slug, dataset_id)


def _source(dataset_id: int) -> Source:
    return get_object_or_404(Source.objects.select_related("dataset"), dataset_id=dataset_id)


def _tried(
    connector: type[Connector], settings: dict[str, Any], secret: dict[str, Any]
) -> tuple[dict[str, Any], str, str]:
    made = connector(settings, secret)
    return tried(made, made.test)


def _chosen(request: HttpRequest, found: Source) -> dict[str, Any]:
    connector = registry()[found.kind]
    query = request.POST.get("query", "").strip()[:MOST_QUERY]
    if connector.takes_query and request.POST.get("choice") == "query":
        if not query:
            raise OutboundProblem("Write the query, or pick a table.")
        return {"query": query}
    pattern = request.POST.get("pattern", "").strip()
    which = "new" if request.POST.get("which") == "new" else "newest"
    if connector.picks_files and request.POST.get("choice") == "pattern" and pattern:
        return {"pattern": pattern[:300], "which": which}
    try:
        chosen = json.loads(request.POST.get("choice", ""))
    except ValueError:
        chosen = None
    if not isinstance(chosen, dict) or not chosen:
        raise OutboundProblem("Pick what is to be read.")
    known = {
        key: value
        for key, value in chosen.items()
        if key in {"schema", "table", "pattern", "url", "title"} and isinstance(value, str | bool | None)
    }
    return known | ({"which": which} if connector.picks_files else {})


def _preview(found: Source) -> tuple[Preview, str]:
    try:
        return sources.connector_of(found).preview(found.pick), ""
    except Problem as problem:
        return Preview([], []), str(problem)


def _as_planned(found: Source, shown: Preview) -> dict[str, Any]:
    dataset = found.dataset
    return {
        "name": dataset.name, "noun": dataset.noun, "key_field": dataset.key_field or (shown.keys[0] if shown.keys else ""), "mode": found.mode,
        "cursor_field": found.cursor_field or (shown.cursors[0] if shown.cursors else ""), "schedule": found.schedule, "hour": found.schedule_hour,
        "weekday": found.schedule_weekday,
    }  # fmt: skip
