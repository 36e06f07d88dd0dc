"""What operators look at besides the front page: failures, workspaces, what is drained, what they did."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode

from apps.console.failures import failed_groups, failing_runs
from apps.console.forms import DrainForm, PauseForm, QuotaForm
from apps.console.models import OperatorEntry
from apps.console.workspaces import Lines, one_workspace
from apps.runs.drain import in_hand, under_way
from apps.runs.models import Drain
from apps.workspaces.access import operator

A_PAGE, RUNS_SHOWN = 100, 100


@operator
def failures(request: HttpRequest) -> HttpResponse:
    context = {"section": "console", "tab": "failures", "groups": failed_groups(), "failing": failing_runs(RUNS_SHOWN)}
    return render(request, "console/failures.html", context)


@operator
def workspaces(request: HttpRequest) -> HttpResponse:
    sought = request.GET.get("q", "").strip()[:120]
    page = Paginator(Lines(sought), A_PAGE).get_page(request.GET.get("page"))
    query = urlencode({"q": sought}) + "&" if sought else ""
    context = {"section": "console", "tab": "workspaces", "page": page, "lines": page.object_list, "sought": sought, "query": query}  # fmt: skip
    return render(request, "console/workspaces.html", context)


@operator
def operators_workspace(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """One workspace in counts: no record, no name of a field or a file."""
    whole = one_workspace(workspace_id)
    if whole is None:
        raise Http404
    context = {
        "section": "console", "tab": "workspaces", "whole": whole, "form": PauseForm(), "quota_form": QuotaForm(), "groups": failed_groups(workspace_id),
        "failing": failing_runs(RUNS_SHOWN, workspace_id),
    }  # fmt: skip
    return render(request, "console/workspace.html", context)


@operator
def drains(request: HttpRequest) -> HttpResponse:
    runs = in_hand()
    parts = [(one, under_way(one.part, one.name, runs)) for one in Drain.objects.order_by("since")]
    context = {"section": "console", "tab": "drains", "drains": parts, "in_hand": runs, "form": DrainForm()}
    return render(request, "console/drains.html", context)


@operator
def log(request: HttpRequest) -> HttpResponse:
    page = Paginator(OperatorEntry.objects.order_by("-at", "-id"), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "console/log.html", {"section": "console", "tab": "log", "page": page, "entries": page.object_list})  # fmt: skip
