"""Which role a page asks for. Every view under /w/ carries one of these marks; a test walks all routes to prove it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.workspaces.two_steps import has_two_steps

View = Callable[..., HttpResponse]


def _needs(role: str) -> Callable[[View], View]:
    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.membership.may(role):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        wrapped = login_required(guarded)
        wrapped.role = role
        return wrapped

    return mark


viewer, builder, admin = _needs("viewer"), _needs("builder"), _needs("admin")


def set_up_first(request: HttpRequest) -> HttpResponse:
    """To the page that says who asks for two-step log-in and sets it up; htmx would draw that page into this one."""
    return HttpResponseClientRedirect(reverse("mfa_index")) if request.htmx else redirect("mfa_index")


def operator(view: View) -> View:
    """Staff of the installation only; for everybody else the page does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        if settings.OPERATORS_NEED_TWO_STEPS and not has_two_steps(request.user):
            return set_up_first(request)
        return view(request, *args, **kwargs)

    wrapped = login_required(guarded)
    wrapped.role = "operator"
    return wrapped
