"""How allauth's accounts meet our people: names, workspaces at sign-up, invitations carried through it."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.sessions import UNKNOWN_ADDRESS

TOO_MANY = "Too many tries. Wait five minutes, then try again."


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up stores the person's name and opens her workspace, unless she came by an invitation."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        user = super().save_user(request, user, form, commit=commit)
        if commit and "invitation" not in request.session:
            create_workspace(form.cleaned_data["company"], user, form.cleaned_data.get("timezone") or "UTC")
        return user

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address as the connection or our proxy says; one for all whose address nobody knows, as behind a socket."""
        return get_client_ip(request) or UNKNOWN_ADDRESS

    def format_email_subject(self, subject: str) -> str:
        return subject  # no site's name in brackets before it

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Links in mails lead to the address that is set, never to the Host header somebody sent."""
        return settings.PUBLIC_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        return settings.PUBLIC_URL + reverse(
            "account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"}
        ).replace("UID-KEY", key)

    def populate_username(self, request: HttpRequest, user: User) -> None:
        """There are no user names."""
