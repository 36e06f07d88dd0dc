"""The page where an admin takes everything away."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from apps.runs.models import Run
from apps.runs.queue import enqueue, latest
from apps.workspaces import audit
from apps.workspaces.access import admin
from einstein import storage


@admin
def export(request: HttpRequest) -> HttpResponse:
    """Ask for the file, see how far it is, and take it."""
    number = request.workspace.id
    if request.method == "POST":
        audit.record(request.user, "export asked for", request.workspace.name)
        enqueue("export", number, unique_key=f"export:{number}", by=request.user)
        return redirect("export", request.workspace.slug)
    context = {"section": "settings", "tab": "export", "run": latest("export", number)}
    return render(request, "pipeline/export.html", context)


@admin
def take_export(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_object_or_404(Run, id=run_id, kind="export", state="succeeded")
    if "key" not in run.outcome:
        raise Http404
    audit.record(request.user, "export taken", request.workspace.name)
    with storage.local_copy(run.outcome["key"]) as path:
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"{request.workspace.slug}.zip")
