"""Forms of the second step: allauth's, with the secret sealed while it waits and codes that a phone's keyboard can type."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django import forms
from django.db import transaction

from apps.workspaces.people import has_verified_email
from apps.workspaces.two_steps import tell

CODE = {"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True, "placeholder": "", "maxlength": 20}


class WithCode(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= CODE


class SetUpForm(WithCode, ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        waiting = session.get(SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)
        if self.is_bound and waiting:
            self.secret = get_adapter().decrypt(waiting)
        else:
            session[SECRET_SESSION_KEY] = get_adapter().encrypt(self.secret)

    def clean_code(self) -> str:
        """Whoever signs up with somebody else's address must not be able to keep that person out for good."""
        if not has_verified_email(self.user):
            raise forms.ValidationError("Confirm your e-mail address first. We sent you a link when you signed up.")
        return super().clean_code()


class EnterForm(WithCode, AuthenticateForm):
    @transaction.atomic
    def save(self) -> None:
        super().save()
        if self.authenticator.type == Authenticator.Type.RECOVERY_CODES:
            tell(self.user, "recovery code used", self.user)


class EnterAgainForm(WithCode, ReauthenticateForm):
    pass
