"""Each request as a span, named by its route: the address itself may hold a record's key."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from einstein import traces

PROBES = {"/healthz", "/readyz", "/metrics"}


class Traced:
    """In use only where `EINSTEIN_OTLP_URL` is set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path in PROBES:
            return self.get_response(request)
        facts = {"http.request.method": request.method, "einstein.reference": request.reference}
        with traces.span(request.method, "SERVER", **facts) as span:
            response = self.get_response(request)
            _describe(span, request, response)
        return response


def _describe(span: object, request: HttpRequest, response: HttpResponse) -> None:
    span.set_attribute("http.response.status_code", response.status_code)
    if request.resolver_match is not None:
        span.update_name(f"{request.method} /{request.resolver_match.route}")
        span.set_attribute("http.route", f"/{request.resolver_match.route}")
    if getattr(request, "workspace", None) is not None:
        span.set_attribute("einstein.workspace", request.workspace.id)
    if response.status_code >= 500:
        traces.failed(span, f"answered {response.status_code}")
