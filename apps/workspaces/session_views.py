"""A person's own list of where she is logged in."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.workspaces import sessions


@login_required
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    found = sessions.sessions_of(request.user, request.session.session_key)
    return render(request, "usersessions/usersession_list.html", {"section": "profile", "sessions": found})


@login_required
@require_POST
def end_one(request: HttpRequest, session_id: int) -> HttpResponse:
    """Any but the one that asks: that one logs out."""
    if not sessions.end_session(request.user, session_id, but=request.session.session_key):
        raise Http404
    return redirect("usersessions_list")


@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    sessions.end_sessions(request.user, but=request.session.session_key)
    messages.success(request, "You are signed out everywhere else.", extra_tags="good")
    return redirect("usersessions_list")
