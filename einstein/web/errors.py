"""The pages for what went wrong. REST paths answer with problem+json, all others with a page."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from einstein.outages import outage_of
from einstein.web.problems import TooMuch

CODES = {
    400: "bad_request",
    403: "permission_denied",
    404: "not_found",
    429: "too_much",
    500: "error",
    503: "unavailable",
}  # as DRF names them
WORDS = {
    400: ("We could not read that request", "Go back, reload the page and try once more."),
    403: ("Your role does not allow this", "Ask an admin of your workspace to do it, or to change your role."),
    404: ("There is nothing here", "The address is wrong, or what it showed was deleted."),
    429: ("Too much for now", "Wait a few minutes, then try again."),
    500: (
        "Something went wrong on our side",
        "Nothing was changed. Try again; if it stays, give your operator the reference.",
    ),
    503: ("We cannot do this right now", "Nothing was changed. Try again in a minute."),
}
RETRY_AFTER = 30  # seconds


def error_page(request: HttpRequest, status: int, detail: str = "", code: str = "") -> HttpResponse:
    """The page (or problem+json under /api/ and /widget/) for `status`, in plain words, with the request's reference."""
    title, advice = WORDS[status]
    reference = getattr(request, "reference", "")
    if request.path.startswith(("/api/", "/widget/")):
        body = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code or CODES[status],
            "detail": detail or advice,
            "reference": reference,
        }
        return JsonResponse(body, status=status, content_type="application/problem+json")
    if (
        request.headers.get("X-Requested-With") == "XMLHttpRequest"
    ):  # the page that sends a file shows the sentence beside it
        return JsonResponse({"error": detail or advice}, status=status)
    context = {"title": title, "advice": detail or advice, "status": status, "reference": reference}
    if status == 503:  # the frame of a page would ask the database
        return HttpResponse(render_to_string("error.html", context), status=status)
    return render(request, "error.html", context, status=status)


def too_much_page(request: HttpRequest, refusal: TooMuch) -> HttpResponse:
    """The same for what is more than allowed, with the seconds to wait where waiting helps."""
    response = error_page(request, 429, str(refusal), refusal.default_code)
    if refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 404)


def too_many(request: HttpRequest) -> HttpResponse:
    return error_page(request, 429)


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the error is being handled; one that comes from an outage passes."""
    error = sys.exception()
    sentence = outage_of(error) if error else None
    if sentence is None:
        return error_page(request, 500)
    response = error_page(request, 503, f"{sentence} Nothing was changed. Try again in a minute.")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(
        request, 403, "This form is too old or came from another site. Go back, reload the page and send it again."
    )
