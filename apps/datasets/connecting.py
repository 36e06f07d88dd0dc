"""Pages on which a connection is entered: tried before it is kept, with the outcome beside the form. Sources and destinations share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from einstein.ml.errors import DataProblem
from einstein.outbound.addresses import OutboundProblem
from einstein.sealed import CannotOpen

Problem = (OutboundProblem, DataProblem, CannotOpen)


class Learning(Protocol):
    """A connection that may learn settings from its first success."""

    def learn(self) -> dict[str, Any]: ...


def tried(connection: Learning, test: Callable[[], str]) -> tuple[dict[str, Any], str, str]:
    """(what was learnt, what was found, what is wrong) of a connection."""
    try:
        found = test()
        return connection.learn(), found, ""
    except Problem as problem:
        return {}, "", str(problem)


def go_on(request: HttpRequest, address: str) -> HttpResponse:
    """On to the next page, also when htmx sent the form."""
    if not request.htmx:
        return redirect(address)
    answer = HttpResponse()
    answer["HX-Redirect"] = address
    return answer


def form_or_outcome(request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page, or only the outcome beside the form, so that typed passwords stay where they are."""
    return render(request, "datasets/source/_outcome.html" if request.htmx else page, context)
