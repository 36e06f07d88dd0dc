"""The pages where an admin takes everything away and says how long what is kept."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from apps.pipeline.clean import own_days
from apps.pipeline.retention import registry
from apps.pipeline.retention_form import RetentionForm, choose
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
    context = {
        "section": "settings",
        "tab": "export",
        "run": latest("export", number),
        "days": registry()["exports"].kept_with(own_days()),
    }
    return render(request, "pipeline/export.html", context)


@admin
def take_export(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_object_or_404(Run, id=run_id, kind="export", state="succeeded")
    if "key" not in run.outcome:
        raise Http404
    audit.record(request.user, "export taken", request.workspace.name)
    with storage.local_copy(run.outcome["key"]) as path:
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"{request.workspace.slug}.zip")


@admin
def retention(request: HttpRequest) -> HttpResponse:
    """How long what is kept, and how much of it would go now; a look first changes nothing."""
    form = RetentionForm(own_days(), request.POST or None)
    if request.method == "POST" and form.is_valid() and request.POST.get("action") == "save":
        choose(form.chosen, request.user)
        messages.success(request, "Saved. What is older goes within minutes.", extra_tags="good")
        return redirect("retention", request.workspace.slug)
    context = {"section": "settings", "tab": "retention", "form": form, "lines": list(form.lines())}
    return render(request, "pipeline/retention.html", context)
