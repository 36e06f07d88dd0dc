"""Forms about people and workspaces."""

from __future__ import annotations

import zoneinfo
from typing import Any

from allauth.core import context as allauth_context
from django import forms

from apps.workspaces.models import ROLES

SCOPES = [
    ("read", "May read stored scores"),
    ("score", "May read, score records and mint widget tokens"),
    ("send", "May read, and send records into datasets"),
    ("all", "May do all of it"),
]


class SignupFields(forms.Form):
    """What sign-up asks beyond e-mail and password."""

    name = forms.CharField(label="Your name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    company = forms.CharField(
        label="Company", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    timezone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-timezone": ""}))
    field_order = ["name", "company", "email", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "invitation" in allauth_context.request.session:
            del self.fields["company"]  # she joins the workspace that invited her

    def clean_timezone(self) -> str:
        """The browser's zone when it names a real one, else UTC."""
        name = self.cleaned_data.get("timezone") or "UTC"
        return name if name in zoneinfo.available_timezones() else "UTC"

    def signup(self, request: Any, user: Any) -> None:
        """allauth calls this once the person exists; the adapter makes the workspace."""


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=[(role, role.capitalize()) for role in ROLES], initial="viewer")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(role, role.capitalize()) for role in ROLES])


class ApiKeyForm(forms.Form):
    name = forms.CharField(label="What is it for", max_length=80)
    scope = forms.ChoiceField(label="What may it do", choices=SCOPES, initial="score")


class SupportForm(forms.Form):
    lasts = forms.ChoiceField(
        label="For how long", choices=[("hour", "One hour"), ("day", "One day"), ("week", "One week")], initial="day"
    )
    role = forms.ChoiceField(
        label="What they may do",
        choices=[("viewer", "Look only"), ("builder", "Look, upload, train and enable")],
        initial="viewer",
    )


class WorkspaceForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    timezone = forms.ChoiceField(
        label="Time zone", choices=[(zone, zone) for zone in sorted(zoneinfo.available_timezones())]
    )


class NewWorkspaceForm(forms.Form):
    name = forms.CharField(label="Company or team", max_length=120)


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[("system", "System"), ("light", "Light"), ("dark", "Dark")])
