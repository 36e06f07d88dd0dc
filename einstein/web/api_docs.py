"""A readable page of the REST API, drawn from its OpenAPI description."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiResponse

from einstein.web.problems import TITLES, Problem


def answers(status: int, body: type, *problems: int) -> dict[Any, Any]:
    """The documented answers of a call: what it gives, and each refusal as problem+json."""
    return {status: body} | {
        (code, "application/problem+json"): OpenApiResponse(Problem, TITLES[code]) for code in problems
    }


def api_docs(request: HttpRequest) -> HttpResponse:
    """Each call with its address, its body and its answer."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    calls = [
        _call(path, method, call, schema)
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
    return render(request, "api_docs.html", {"calls": calls, "base": settings.PUBLIC_URL, "section": "docs"})


def _call(path: str, method: str, call: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answer = next(iter(call["responses"].values())).get("content", {}).get("application/json", {}).get("schema")
    return {
        "method": method.upper(), "path": path, "words": call.get("description", ""), "body": _example(body, schema), "answer": _example(answer, schema),
    }  # fmt: skip


def _example(part: dict[str, Any] | None, schema: dict[str, Any]) -> str:
    return json.dumps(_sample(part, schema), indent=2) if part else ""


def _sample(part: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A small example of a schema part."""
    for reference in [
        part.get("$ref", ""),
        *(item.get("$ref", "") for item in part.get("allOf", []) + part.get("oneOf", [])),
    ]:
        if reference:
            return _sample(schema["components"]["schemas"][reference.rsplit("/", 1)[1]], schema)
    if part.get("enum"):
        return part["enum"][0]
    if part.get("type") == "object":
        if "properties" not in part:
            return {"field": "value"}
        return {name: _sample(inner, schema) for name, inner in part["properties"].items()}
    if part.get("type") == "array":
        return [_sample(part["items"], schema)]
    return {"integer": part.get("default", 1), "number": 0.79, "boolean": False}.get(part.get("type", ""), "text")
