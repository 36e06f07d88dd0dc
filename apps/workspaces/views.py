"""Pages about people and workspaces."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.workspaces import audit, erase, people
from apps.workspaces.access import admin, viewer
from apps.workspaces.api_keys import create_key, revoke_key
from apps.workspaces.forms import ApiKeyForm, InviteForm, NewWorkspaceForm, RoleForm, ThemeForm, WorkspaceForm
from apps.workspaces.models import ApiKey, AuditEntry, Invitation, Membership
from apps.workspaces.quotas import QuotaReached
from apps.workspaces.two_steps import has_two_steps, who_has_two_steps

AUDIT_SHOWN = 100


def start(request: HttpRequest) -> HttpResponse:
    """The front door: log-in, or the person's first workspace."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    token = request.session.pop("invitation", None)
    if token:
        return redirect("invitation", token)
    mine = people.workspaces_of(request.user)
    return redirect("home", mine[0].slug) if mine else redirect("new_workspace")


@login_required
def new_workspace(request: HttpRequest) -> HttpResponse:
    form = NewWorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("home", people.create_workspace(form.cleaned_data["name"], request.user).slug)
    return render(request, "workspaces/new.html", {"form": form})


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invited person confirms; without an account she makes one first and comes back."""
    if not request.user.is_authenticated:
        request.session["invitation"] = token
        return redirect("account_signup")
    error = ""
    if request.method == "POST":
        try:
            return redirect("home", people.accept_invitation(request.user, token).slug)
        except people.PeopleError as refusal:
            error = str(refusal)
    elif people.find_invitation(token) is None:
        error = "This invitation was used, withdrawn or is older than 7 days. Ask for a new one."
    return render(request, "workspaces/invitation.html", {"error": error})


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    form = ThemeForm(request.POST or None, initial={"theme": request.user.theme})
    if request.method == "POST" and form.is_valid():
        request.user.theme = form.cleaned_data["theme"]
        request.user.save(update_fields=["theme"])
        return redirect("profile")
    context = {
        "form": form,
        "section": "profile",
        "verified": people.has_verified_email(request.user),
        "two_steps": has_two_steps(request.user),
        "mine": people.workspaces_of(request.user),
    }
    return render(request, "workspaces/profile.html", context)


@viewer
def members(request: HttpRequest) -> HttpResponse:
    found = list(Membership.objects.select_related("user").order_by("user__name", "id"))
    context = {
        "section": "settings", "tab": "members", "form": InviteForm(), "roles": RoleForm.base_fields["role"].choices,
        "members": found, "with_two_steps": who_has_two_steps([member.user_id for member in found]),
        "invitations": Invitation.objects.filter(accepted_at=None).order_by("-created_at"),
    }  # fmt: skip
    return render(request, "workspaces/members.html", context)


@admin
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That is not an e-mail address. Check it and try again.", extra_tags="bad")
        return redirect("members", request.workspace.slug)
    try:
        people.send_invitation(request.workspace, request.user, form.cleaned_data["email"], form.cleaned_data["role"])
        messages.success(request, f"Invitation sent to {form.cleaned_data['email']}.", extra_tags="good")
    except (people.PeopleError, QuotaReached) as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("members", request.workspace.slug)


@admin
@require_POST
def withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    found = get_object_or_404(Invitation, id=invitation_id)
    audit.record(request.user, "invitation withdrawn", found.email)
    found.delete()
    return redirect("members", request.workspace.slug)


@admin
@require_POST
def change_member(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Change a role, or remove the member."""
    membership = get_object_or_404(Membership.objects.select_related("user"), id=membership_id)
    try:
        if request.POST.get("action") == "remove":
            people.remove_member(request.user, membership)
            messages.success(request, f"{membership.user} is no longer a member.", extra_tags="good")
        else:
            people.change_role(request.user, membership, request.POST.get("role", ""))
    except people.PeopleError as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    if membership.user_id == request.user.id:
        return redirect("start")
    return redirect("members", request.workspace.slug)


@admin
def api_keys(request: HttpRequest) -> HttpResponse:
    form, plain = ApiKeyForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        _, plain = create_key(request.user, form.cleaned_data["name"], form.cleaned_data["scope"])
        form = ApiKeyForm()
    keys = ApiKey.objects.select_related("created_by").order_by("-created_at")
    return render(
        request,
        "workspaces/api_keys.html",
        {"section": "settings", "tab": "keys", "form": form, "plain": plain, "keys": keys},
    )


@admin
@require_POST
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    revoke_key(request.user, get_object_or_404(ApiKey, id=key_id))
    return redirect("api_keys", request.workspace.slug)


@admin
def audit_trail(request: HttpRequest) -> HttpResponse:
    entries = AuditEntry.objects.order_by("-at", "-id")[:AUDIT_SHOWN]
    return render(request, "workspaces/audit.html", {"section": "settings", "tab": "audit", "entries": entries})


@admin
def workspace_settings(request: HttpRequest) -> HttpResponse:
    workspace = request.workspace
    form = WorkspaceForm(request.POST or None, initial={"name": workspace.name, "timezone": workspace.timezone})
    if request.method == "POST" and form.is_valid():
        workspace.name, workspace.timezone = form.cleaned_data["name"], form.cleaned_data["timezone"]
        workspace.save(update_fields=["name", "timezone"])
        audit.record(request.user, "workspace changed", workspace.name, timezone=workspace.timezone)
        return redirect("workspace_settings", workspace.slug)
    return render(request, "workspaces/settings.html", {"section": "settings", "tab": "workspace", "form": form})


@admin
@require_POST
def erase_workspace(request: HttpRequest) -> HttpResponse:
    try:
        erase.plan_erasure(request.workspace, request.user, request.POST.get("name", ""))
    except people.PeopleError as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("workspace_settings", request.workspace.slug)


@admin
@require_POST
def keep_workspace(request: HttpRequest) -> HttpResponse:
    try:
        erase.keep_workspace(request.workspace, request.user)
        messages.success(request, "The workspace stays. Nothing was removed.", extra_tags="good")
    except people.PeopleError as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("workspace_settings", request.workspace.slug)
