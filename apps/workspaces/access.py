"""Which role a page asks for. Every view under /w/ carries one of these marks; a test walks all routes to prove it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

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


def operator(view: View) -> View:
    """Staff of the installation only; for everybody else the page does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    wrapped = login_required(guarded)
    wrapped.role = "operator"
    return wrapped
