"""Pages about scores: the table, one record, the download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlencode

import pyarrow.parquet as pq
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.datasets.lane import lane_of
from apps.predictions.definition import outcome_words
from apps.predictions.queries import enabled_prediction
from apps.runs.queue import enqueue, latest
from apps.scoring import charts
from apps.scoring.change import change_of
from apps.scoring.export import CONTENT_TYPES, FORMATS, TooManyRows, cells_of, csv_lines, write_export
from apps.scoring.history import history_of
from apps.scoring.models import Score, ScoringRun
from apps.scoring.queries import BANDS, current_scores, neighbours
from apps.scoring.score import newest_run
from apps.scoring.what_if import knobs_of, record_now, what_if
from apps.scoring.words import band_title, change_sentence, score_name, score_sentence
from apps.workspaces import audit
from apps.workspaces.access import builder, viewer
from apps.workspaces.scope import workspace_scope
from einstein import storage

SCORES_A_PAGE = 25
DOWNLOAD_CHUNK = 2000


@viewer
def scores(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """All scores, highest first; search by key, filter by band."""
    prediction = enabled_prediction(prediction_id)
    run = newest_run(prediction)
    band, wanted = request.GET.get("band", ""), request.GET.get("key", "").strip()
    page = Paginator(current_scores(prediction, run, band, wanted), SCORES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "predictions", "tab": "scores", "prediction": prediction, "run": run, "work": latest("score", prediction.id), "page": page,
        "formats": FORMATS, "score_name": score_name(prediction), "band": band, "wanted": wanted, "bands": [(name, title, (run.bands.get(name, 0) if run else 0)) for name, title in BANDS.items()],
        "chart": charts.score_distribution(prediction, run) if run and run.histogram else None, "query": urlencode({"band": band, "key": wanted}) + "&",
    }  # fmt: skip
    return render(request, "scoring/scores.html", context)


@viewer
def scoring_progress(request: HttpRequest, prediction_id: int) -> HttpResponse:
    prediction = enabled_prediction(prediction_id)
    work = latest("score", prediction.id)
    response = render(request, "scoring/_progress.html", {"prediction": prediction, "work": work})
    if work is None or not work.is_live:
        response["HX-Refresh"] = "true"
    return response


@builder
@require_POST
def score_now(request: HttpRequest, prediction_id: int) -> HttpResponse:
    prediction = enabled_prediction(prediction_id)
    lane, key = lane_of(prediction.dataset_id), f"score:{prediction.id}:asked"
    enqueue("score", prediction.id, queue=lane, unique_key=key, by=request.user)
    audit.record(request.user, "scoring asked for", prediction.name)
    messages.success(request, "Scoring has begun.", extra_tags="good")
    return redirect("scores", request.workspace.slug, prediction.id)


@viewer
def record(request: HttpRequest, prediction_id: int, key: str) -> HttpResponse:
    """One record: its score, the reasons, what the score was before."""
    prediction = enabled_prediction(prediction_id)
    found = get_object_or_404(
        Score.objects.select_related("version", "scoring_run__snapshot"), prediction=prediction, key=key
    )
    history, written = history_of(prediction, key), record_now(prediction, found)
    before, after = neighbours(found)
    change = change_of(prediction, found, history, written)
    context = {
        "section": "predictions", "prediction": prediction, "score": found, "sentence": score_sentence(prediction, found),
        "change": change, "change_words": change_sentence(prediction, change) if change else "", "knobs": knobs_of(prediction, found, written) if written else [],
        "title": band_title(prediction, found), "score_name": score_name(prediction), "chart": charts.reasons(prediction, found), "stale": found.scoring_run_id != newest_run(prediction).id,
        "history": charts.history(prediction, history, request.workspace.zone) if len(history) > 1 else None, "fields": list(written.items()), "before": before,
        "after": after, "outcome_words": outcome_words(prediction),
    }  # fmt: skip
    return render(request, "scoring/record.html", context)


@viewer
@require_POST
def try_values(request: HttpRequest, prediction_id: int, key: str) -> HttpResponse:
    """The score with other values in some fields, as the record page asks for it."""
    prediction = enabled_prediction(prediction_id)
    found = get_object_or_404(
        Score.objects.select_related("version", "scoring_run__snapshot"), prediction=prediction, key=key
    )
    record = record_now(prediction, found)
    changes = {name.removeprefix("field:"): value for name, value in request.POST.items() if name.startswith("field:")}
    result = what_if(prediction, found, record, changes) if record else None
    return render(request, "scoring/_what_if.html", {"prediction": prediction, "result": result})


@viewer
def download(request: HttpRequest, prediction_id: int, form: str) -> HttpResponse:
    """Every current score as CSV, XLSX or Parquet."""
    prediction = enabled_prediction(prediction_id)
    run = newest_run(prediction)
    if form not in FORMATS or (run is None and form != "csv"):
        raise Http404
    try:
        response = (
            StreamingHttpResponse(csv_lines(_stored_rows(request.workspace.id, prediction.id, run.id if run else 0)))
            if form == "csv"
            else _file(run, form)
        )
    except TooManyRows as problem:
        messages.error(request, str(problem), extra_tags="bad")
        return redirect("scores", request.workspace.slug, prediction.id)
    response["Content-Type"] = CONTENT_TYPES[form]
    response["Content-Disposition"] = f'attachment; filename="scores-{prediction.id}.{form}"'
    return response


def _stored_rows(workspace_id: int, prediction_id: int, run_id: int) -> Iterator[list[Any]]:
    """Runs after the view has ended, so it opens the workspace itself, one chunk at a time."""
    after = ""
    while True:
        with workspace_scope(workspace_id):
            wanted = Score.objects.filter(prediction_id=prediction_id, scoring_run_id=run_id, key__gt=after)
            chunk = list(wanted.select_related("version").defer("version__facts").order_by("key")[:DOWNLOAD_CHUNK])
        if not chunk:
            return
        for row in chunk:
            yield cells_of(vars(row) | {"reasons": row.reasons}, row.as_of.isoformat(), row.version.number)
        after = chunk[-1].key


def _file(run: ScoringRun, form: str) -> FileResponse:
    """The newest run as a file; it is gone from here once it is open."""
    with storage.local_copy(run.history_key) as path:
        batches = pq.ParquetFile(path).iter_batches(columns=["key", "value", "predicted", "band", "reasons", "seen"])
        rows = (row for batch in batches for row in batch.to_pylist())
        as_of, version = run.as_of.isoformat(), run.version.number
        out = NamedTemporaryFile(suffix=f".{form}")  # noqa: SIM115 the response closes it
        write_export((cells_of(row, as_of, version) for row in rows), Path(out.name), form)
    return FileResponse(out)
