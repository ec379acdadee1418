"""The reference of the HTTP API as a page, made from the OpenAPI document.

Rendered here and not by a script: known renderers of OpenAPI write styles into the page, which its
Content-Security-Policy forbids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from worker.web.auth import Viewer
from worker.web.render import page

_DEPTH = 3  # schemas inside schemas that an example writes out
_METHODS = ("get", "post", "put", "patch", "delete")


def router(app: FastAPI) -> APIRouter:
    """Return the route of the page. The document does not change while the process runs."""
    routes = APIRouter(include_in_schema=False)

    @cache
    def reference() -> dict[str, Any]:
        return describe(app.openapi())

    @routes.get("/docs")
    def docs(request: Request, me: Viewer) -> Response:
        address = app.state.settings.public_url or str(request.base_url).rstrip("/")
        return page(request, "docs.html", me, here="docs", address=address, **reference())

    return routes


def describe(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows: `groups` of operations by tag, and `schemas` with fields."""
    schemas = document["components"]["schemas"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if operation := methods.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(path, method, operation, schemas))
    return {
        "version": document["info"]["version"],
        "groups": groups,
        "schemas": [
            {"name": name, "about": schema.get("description", ""),
             "values": schema.get("enum", []), "fields": list(_fields(schema))}
            for name, schema in sorted(schemas.items())
        ],
    }  # fmt: skip


def _operation(
    path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> dict[str, Any]:
    body = _content_schema(operation.get("requestBody", {}))
    example = json.dumps(_example(body, schemas), ensure_ascii=False) if body else ""
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "about": operation.get("description", ""),
        "parameters": [
            {**parameter, "type": _type(parameter["schema"]),
             "default": parameter["schema"].get("default")}
            for parameter in operation.get("parameters", ())
        ],
        "body": _type(body) if body else None,
        "answers": [
            {"status": status, "about": answer["description"],
             "type": _type(schema) if (schema := _content_schema(answer)) else None}
            for status, answer in operation["responses"].items()
        ],
        "example": example.replace("'", "'\\''"),
        "secured": bool(operation.get("security")),
    }  # fmt: skip


def _content_schema(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a body or an answer; {} if it has none."""
    content = holder.get("content", {})
    kinds: list[Mapping[str, Any]] = list(content.values())
    return kinds[0].get("schema", {}) if kinds else {}


def _type(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return how a schema is called, and the named schema that it leads to ("" if none)."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return {"text": name, "schema": name}
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        kinds = [_type(choice) for choice in choices]
        named = next((kind["schema"] for kind in kinds if kind["schema"]), "")
        return {"text": " or ".join(kind["text"] for kind in kinds), "schema": named}
    if "enum" in schema:
        return {"text": ", ".join(map(str, schema["enum"])), "schema": ""}
    if schema.get("type") == "array":
        inner = _type(schema.get("items", {}))
        return {"text": f"list of {inner['text']}", "schema": inner["schema"]}
    return {"text": str(schema.get("const", schema.get("type", "any"))), "schema": ""}


def _fields(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield {"name": name, "type": _type(field), "required": name in required,
               "default": field.get("default"), "about": field.get("description", "")}  # fmt: skip


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = _DEPTH) -> Any:
    """Return a body that shows the form: the required fields, or all if none is required."""
    if reference := schema.get("$ref"):
        return _example(schemas[reference.rpartition("/")[2]], schemas, depth)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _example(choices[0], schemas, depth)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [""])[0])
    kind = schema.get("type")
    if kind == "array":
        return [_example(schema.get("items", {}), schemas, depth - 1)] if depth > 0 else []
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties", {})
        shown = schema.get("required") or list(fields)
        return {
            name: "+14155550123" if name == "number" else _example(fields[name], schemas, depth - 1)
            for name in shown
            if depth > 0
        }
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(str(kind), "...")
