"""PostgreSQL stores no NUL character, and no person types one: a request that holds it is refused before any view."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from einstein.web.errors import error_page

NUL = "\x00"


class RefuseNullCharacters:
    """Answers 400 when the address, the query or a form field holds a NUL character. JSON bodies are checked where they are read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, arguments: Any, values: Any) -> HttpResponse | None:
        sent = [request.path, *_texts(request.GET), *_texts(request.POST)]
        return error_page(request, 400) if any(NUL in text for text in sent) else None


def _texts(form: Any) -> list[str]:
    return [text for name, values in form.lists() for text in (name, *values)]
