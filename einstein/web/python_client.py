"""A Python client of the REST API, written from its OpenAPI description: one file, nothing but the standard library."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator

HEAD = '''"""{title}, version {version}: a client written from {base}/api/schema/. Python 3.9 or newer, no other packages.

    from einstein_client import Einstein
    einstein = Einstein("YOUR_API_KEY", "{base}")
    print(einstein.score_records(1, records=[{{"Contract": "Two year", "tenure": 12}}]))
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any


class EinsteinProblem(Exception):
    """A call that was refused: `status`, `title`, `detail`, and for values that do not fit `errors` by place."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body.get("detail") or body.get("title") or f"HTTP {{status}}")
        self.status, self.body = status, body
        self.title, self.detail, self.errors = body.get("title"), body.get("detail"), body.get("errors", {{}})


class Einstein:
    """The calls of the API. Each gives the answer as Python values, or raises EinsteinProblem."""

    def __init__(self, key: str, base: str = "{base}", seconds: float = 30.0) -> None:
        self.key, self.base, self.seconds = key, base.rstrip("/"), seconds
'''
TAIL = '''
    def pages(self, answer: dict[str, Any]) -> Any:
        """Every result of a call that answers in pages, this page and the following ones."""
        while True:
            yield from answer["results"]
            if not answer.get("next"):
                return
            answer = self._send("GET", answer["next"])

    def _call(self, method: str, path: str, query: dict[str, Any], body: dict[str, Any] | None, headers: dict[str, Any]) -> Any:
        asked = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
        return self._send(method, f"{self.base}{path}{'?' + asked if asked else ''}", body, headers)

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None, headers: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", "Accept": "application/json"}
        sent.update({name: value for name, value in (headers or {}).items() if value is not None})
        request = urllib.request.Request(url, content, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            text = refused.read()
            if refused.code == 304:
                return None
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {}
            raise EinsteinProblem(refused.code, problem) from None
        return json.loads(text) if text else None
'''


def python_client(request: HttpRequest) -> HttpResponse:
    """The file, with this installation's address in it."""
    answer = HttpResponse(written_client(), content_type="text/x-python; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="einstein_client.py"'
    return answer


def written_client() -> str:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    calls = [
        _method(path, method.upper(), call, schema)
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
    head = HEAD.format(title=schema["info"]["title"], version=schema["info"]["version"], base=settings.PUBLIC_URL)
    return "\n".join([head, *calls]) + TAIL


def _method(path: str, method: str, call: dict[str, Any], schema: dict[str, Any]) -> str:
    """One call as a method: parts of the path by place, everything else by name."""
    parameters = call.get("parameters", [])
    by_place = {item["name"]: item for item in parameters if item["in"] == "path"}
    query = [item["name"] for item in parameters if item["in"] == "query"]
    headers = [item["name"] for item in parameters if item["in"] == "header"]
    body, needed = _body(call, schema)
    placed = [
        f"{name}: {'int' if by_place[name]['schema'].get('type') == 'integer' else 'str'}"
        for name in re.findall(r"{(\w+)}", path)
    ]
    named = [f"{name}: Any" for name in needed] + [
        f"{_word(name)}: Any = None" for name in [*(n for n in body if n not in needed), *query, *headers]
    ]
    signature = ", ".join(["self", *placed, *(["*", *named] if named else [])])
    address = re.sub(r"{(\w+)}", r"{urllib.parse.quote(str(\1), safe='')}", path)
    words = " ".join(call.get("description", "").split()).replace('"', "'")
    arguments = ", ".join([
        f'"{method}"', f'f"{address}"', _mapping(query), _mapping(body) if body else "None", _mapping(headers),
    ])  # fmt: skip
    return f'    def {_word(call["operationId"])}({signature}) -> Any:\n        """{words}"""\n        return self._call({arguments})\n'


def _body(call: dict[str, Any], schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(names of the body's values, those that are needed)."""
    part = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]]
    return list(part.get("properties", {})), list(part.get("required", []))


def _word(name: str) -> str:
    return re.sub(r"\W", "_", name).lower()


def _mapping(names: list[str]) -> str:
    return "{" + ", ".join(f'"{name}": {_word(name)}' for name in names) + "}"
