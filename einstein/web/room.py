"""A file that would not find room is refused before it is received."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from einstein import disk
from einstein.web.errors import error_page


class RefuseWithoutRoom:
    """Stands before whatever reads a request's body. A file is written as it comes, then stored: it needs its size twice."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.content_type != "multipart/form-data" or disk.has_room(2 * _length(request)):
            return None
        return error_page(request, 503, disk.LATER)


def _length(request: HttpRequest) -> int:
    try:
        return int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return 0
