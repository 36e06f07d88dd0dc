"""Pages of two-step log-in: allauth's views, which also say what happened; and what admins decide for their workspace."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.views import IndexView
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from apps.workspaces import people, two_steps
from apps.workspaces.access import admin
from apps.workspaces.models import Membership
from apps.workspaces.sessions import end_sessions


class Asked:
    """Adds which workspaces ask for two-step log-in, and whether the installation's own pages do."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        asked = {
            "section": "profile",
            "asking": two_steps.workspaces_asking(user),
            "console_asks": user.is_staff and settings.OPERATORS_NEED_TWO_STEPS,
        }
        return super().get_context_data(**kwargs) | asked


class Overview(Asked, IndexView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"verified": people.has_verified_email(self.request.user)}


class SetUp(Asked, ActivateTOTPView):
    @transaction.atomic
    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Log-ins that passed one step only end."""
        response = super().form_valid(form)
        end_sessions(self.request.user, but=self.request.session.session_key)
        two_steps.tell(self.request.user, "two-step log-in set up", self.request.user)
        return response


class TurnOff(Asked, DeactivateTOTPView):
    @transaction.atomic
    def form_valid(self, form: forms.Form) -> HttpResponse:
        response = super().form_valid(form)
        two_steps.tell(self.request.user, "two-step log-in turned off", self.request.user)
        return response


class NewCodes(GenerateRecoveryCodesView):
    @transaction.atomic
    def form_valid(self, form: forms.Form) -> HttpResponse:
        response = super().form_valid(form)
        two_steps.tell(self.request.user, "new recovery codes made", self.request.user)
        return response


@admin
@require_POST
def require(request: HttpRequest) -> HttpResponse:
    try:
        two_steps.require_two_steps(request.workspace, request.user, request.POST.get("needed") == "yes")
    except people.PeopleError as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("members", request.workspace.slug)


@admin
@require_POST
def reset_member(request: HttpRequest, membership_id: int) -> HttpResponse:
    membership = get_object_or_404(Membership.objects.select_related("user"), id=membership_id)
    try:
        two_steps.reset_member(request.user, membership)
        messages.success(request, f"{membership.user} logs in with the password alone now.", extra_tags="good")
    except people.PeopleError as refusal:
        messages.error(request, str(refusal), extra_tags="bad")
    return redirect("members", request.workspace.slug)
