"""Pages about datasets."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.datasets import fields as decisions
from apps.datasets import lifecycle
from apps.datasets.compare import compare_snapshots
from apps.datasets.forget import plan_forgetting
from apps.datasets.models import DUPLICATE_POLICIES, Dataset, ErasedRecord, Field, Snapshot, Source
from apps.datasets.queries import (
    dataset_list,
    deleted_datasets,
    enrichment_of,
    first_rows,
    key_facts,
    open_held,
    reading_run,
)
from apps.datasets.records import newest_snapshot
from apps.datasets.upload import UploadRefused, receive
from apps.runs.models import Run
from apps.runs.queue import latest
from apps.workspaces.access import admin, builder, viewer
from einstein.ml.types import registry
from einstein.web.problems import TooMuch

FIELDS_A_PAGE = 60
ERASURES_SHOWN = 50


@viewer
def datasets(request: HttpRequest) -> HttpResponse:
    context = {"section": "datasets", "datasets": dataset_list(), "deleted": deleted_datasets()}
    return render(request, "datasets/list.html", context)


@builder
@require_POST
def upload(request: HttpRequest, dataset_id: int | None = None) -> HttpResponse:
    """Take a file; the page that sent it follows `location` or shows `error`."""
    dataset = get_object_or_404(Dataset, id=dataset_id) if dataset_id else None
    file = request.FILES.get("file")
    if dataset is not None and (made := enrichment_of(dataset)):
        words = f"{dataset.name} is made from other datasets. Upload the file to {made.base.name} instead."
        return JsonResponse({"error": words}, status=400)
    if file is None:
        return JsonResponse({"error": "Choose a file first."}, status=400)
    try:
        dataset, _ = receive(file, request.user, dataset)
    except UploadRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=400)
    except TooMuch as refusal:
        return JsonResponse({"error": str(refusal)}, status=429)
    return JsonResponse({"location": reverse("dataset", args=[request.workspace.slug, dataset.id])})


@viewer
def dataset(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The fields of the newest snapshot; while a file is being read, its progress."""
    found = get_object_or_404(Dataset, id=dataset_id)
    snapshot, run = newest_snapshot(found), reading_run(found)
    page = Paginator(Field.objects.filter(dataset=found), FIELDS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "datasets", "tab": "fields", "dataset": found, "snapshot": snapshot, "run": run, "page": page,
        "types": registry().values(), "policies": DUPLICATE_POLICIES.items(), "key": key_facts(found, snapshot),
        "held": open_held(found), "made": enrichment_of(found), "source": Source.objects.filter(dataset=found).first(),
        "key_choices": Field.objects.filter(dataset=found).values_list("name", flat=True)[:300],
    }  # fmt: skip
    return render(request, "datasets/dataset.html", context)


@viewer
def reading(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The progress of reading, asked for every second; tells htmx to reload when it has ended."""
    found = get_object_or_404(Dataset, id=dataset_id)
    run = reading_run(found)
    response = render(request, "datasets/_reading.html", {"dataset": found, "run": run})
    if run is None or not run.is_live:
        response["HX-Refresh"] = "true"
    return response


@viewer
def rows(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = get_object_or_404(Dataset, id=dataset_id)
    snapshot = newest_snapshot(found)
    context = {
        "section": "datasets",
        "tab": "rows",
        "dataset": found,
        "snapshot": snapshot,
        "table": first_rows(snapshot),
    }
    return render(request, "datasets/rows.html", context)


@viewer
def snapshots(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = get_object_or_404(Dataset, id=dataset_id)
    context = {
        "section": "datasets", "tab": "snapshots", "dataset": found, "snapshot": newest_snapshot(found),
        "snapshots": Snapshot.objects.filter(dataset=found).select_related("upload__uploaded_by").order_by("-number")[:100],
        "failed": Run.objects.filter(kind__in=["ingest", "refresh", "enrich"], subject_id=found.id, state="failed").order_by("-created_at")[:10],
    }  # fmt: skip
    return render(request, "datasets/snapshots.html", context)


@viewer
def compare(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """What is new, gone and changed between two snapshots, and in which fields."""
    found = get_object_or_404(Dataset, id=dataset_id)
    numbers = [request.GET.get(name, "") for name in ("a", "b")]
    pair = {
        item.number: item
        for item in Snapshot.objects.filter(dataset=found, number__in=[n for n in numbers if n.isdecimal()])
    }
    earlier, later = (pair.get(int(number)) if number.isdecimal() else None for number in numbers)
    if earlier is None or later is None:
        raise Http404
    context = {
        "section": "datasets", "tab": "snapshots", "dataset": found, "snapshot": newest_snapshot(found), "earlier": earlier, "later": later,
        "comparison": compare_snapshots(earlier, later), "numbers": Snapshot.objects.filter(dataset=found).order_by("-number").values_list("number", flat=True)[:400],
    }  # fmt: skip
    return render(request, "datasets/compare.html", context)


@builder
@require_POST
def choose_type(request: HttpRequest, dataset_id: int, field_id: int) -> HttpResponse:
    field = get_object_or_404(Field.objects.select_related("dataset"), id=field_id, dataset_id=dataset_id)
    if request.POST.get("type") in registry():
        field = decisions.choose_type(field, request.POST["type"], request.user)
    if not request.htmx:
        return redirect("dataset", request.workspace.slug, dataset_id)
    return render(
        request, "datasets/_field.html", {"field": field, "dataset": field.dataset, "types": registry().values()}
    )


@builder
@require_POST
def choose_key(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = get_object_or_404(Dataset, id=dataset_id)
    decisions.choose_key(found, request.POST.get("key_field", ""), request.POST.get("duplicates", ""), request.user)
    noun = request.POST.get("noun", "").strip().lower()[:40]
    if noun:
        found.noun = noun
        found.save(update_fields=["noun"])
    return redirect("dataset", request.workspace.slug, dataset_id)


@builder
@require_POST
def change(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Rename, pause, archive, delete, resume, undo. Locked, because the clean-up may be removing it for good."""
    found = get_object_or_404(Dataset.objects.select_for_update(), id=dataset_id)
    if sentence := lifecycle.change(found, request.POST, request.user):
        messages.success(request, sentence, extra_tags="good")
    if found.state == "deleted":
        return redirect("datasets", request.workspace.slug)
    return redirect("dataset", request.workspace.slug, dataset_id)


@admin
def erase_record(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Ask for one record to be erased from every copy, and see how the last asking went."""
    found = get_object_or_404(Dataset, id=dataset_id)
    made, problem = enrichment_of(found), ""
    if request.method == "POST" and made is None and found.key_field:
        key = request.POST.get("key", "").strip()
        if key and key == request.POST.get("again", "").strip():
            plan_forgetting(found, key, request.user)
            return redirect("erase_record", request.workspace.slug, dataset_id)
        problem = f"Type the {found.key_field} twice, the same each time."
    erased = ErasedRecord.objects.filter(dataset=found)
    context = {
        "section": "datasets", "dataset": found, "made": made, "problem": problem, "run": latest("forget", found.id),
        "count": erased.count(), "erased": erased.order_by("-id")[:ERASURES_SHOWN],
    }  # fmt: skip
    return render(request, "datasets/erase.html", context)
