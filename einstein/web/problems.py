"""REST errors as problem+json (RFC 9457), from every DRF exception in one place."""

from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response

TITLES = {
    400: "The request does not fit", 401: "No valid API key", 403: "This key may not do that", 404: "Not found",
    405: "This address does not take that method", 406: "Only JSON is spoken here", 409: "Not ready", 413: "Too much at once", 415: "Send JSON",
    429: "Too many calls", 503: "Not now",
}  # fmt: skip


class Problem(serializers.Serializer):
    """What every refusal looks like (RFC 9457). `detail` is a sentence; `errors` names the places when values do not fit."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    reference = serializers.CharField(allow_blank=True)
    errors = serializers.JSONField(required=False)


class Conflict(exceptions.APIException):
    """The object is not in the state the call needs, such as a prediction without an enabled version."""

    status_code = 409
    default_code = "conflict"


class TooMuch(exceptions.APIException):
    """More than is allowed; `wait` are the seconds after which it may fit again, None when time alone does not help."""

    status_code = 429
    default_code = "too_much"

    def __init__(self, sentence: str, wait: int | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait

    def __str__(self) -> str:
        return str(self.detail)


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: status, title, sentence, and for form errors the place of each."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    request = context["request"]
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(error.status_code, "Error"),
        "status": error.status_code,
        "code": error.default_code,
        "reference": getattr(request, "reference", ""),
    }
    if isinstance(error, exceptions.ValidationError):
        body["detail"] = "Some values do not fit; `errors` says where."
        body["errors"] = error.detail
    else:
        body["detail"] = str(error.detail)
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    return Response(body, status=error.status_code, headers=headers, content_type="application/problem+json")
