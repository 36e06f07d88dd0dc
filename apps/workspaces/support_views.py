"""The admin's page about support access."""

from __future__ import annotations

from django.contrib import messages
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.workspaces import support
from apps.workspaces.access import admin
from apps.workspaces.forms import SupportForm
from apps.workspaces.models import AuditEntry, SupportGrant

VISITS_SHOWN = 50


@admin
def support_access(request: HttpRequest) -> HttpResponse:
    """Let operators in for a while, or see whom was let in."""
    form = SupportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        support.grant(request.user, form.cleaned_data["lasts"], form.cleaned_data["role"])
        return redirect("support_access", request.workspace.slug)
    live = SupportGrant.objects.select_related("granted_by").filter(revoked_at=None, expires_at__gt=Now()).first()
    visits = AuditEntry.objects.filter(action__startswith="support ").order_by("-at", "-id")[:VISITS_SHOWN]
    return render(request, "workspaces/support.html", {"section": "settings", "tab": "support", "form": form, "grant": live, "visits": visits})  # fmt: skip


@admin
@require_POST
def revoke_support(request: HttpRequest) -> HttpResponse:
    if support.revoke(request.user):
        messages.success(request, "Nobody of the installation gets in any more.", extra_tags="good")
    return redirect("support_access", request.workspace.slug)
