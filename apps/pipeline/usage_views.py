"""The page that says how much of everything the workspace uses."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.pipeline.usage_page import usage_page
from apps.workspaces.access import builder
from apps.workspaces.usage import measure


@builder
def usage(request: HttpRequest) -> HttpResponse:
    return render(request, "pipeline/usage.html", {"section": "settings", "tab": "usage"} | usage_page())


@builder
@require_POST
def measure_again(request: HttpRequest) -> HttpResponse:
    """After something was deleted, without waiting for the hour."""
    measure(request.workspace.id)
    messages.success(request, "The stored files were counted again.", extra_tags="good")
    return redirect("usage", request.workspace.slug)
