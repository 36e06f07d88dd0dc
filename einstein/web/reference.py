"""An error page carries a reference; the same reference stands beside the traceback in the log."""

import logging
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from einstein.logs import about

logger = logging.getLogger("einstein.errors")


class ErrorReference:
    """Gives each request a short reference and logs unexpected exceptions under it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.reference = secrets.token_hex(4)
        with about(reference=request.reference):
            response = self.get_response(request)
        response.headers["X-Reference"] = request.reference
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        logger.error("reference %s: %s %s failed", request.reference, request.method, request.path, exc_info=error)
