"""Schemas that were built for the web application of one test serve the tests after it."""

from __future__ import annotations

from typing import Any

from fastapi._compat import v2
from pydantic import TypeAdapter


def share_built() -> None:
    """Give all web applications of this process one set of pydantic schemas. FastAPI builds one for
    each parameter and each answer of a route, which took two thirds of the time in which a test
    starts its application."""
    built: dict[tuple[Any, str], TypeAdapter[Any]] = {}

    def adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
        details = f"{annotated.__metadata__!r} {config!r}"
        try:
            key = (annotated.__origin__, details)
            built_adapter = built.get(key)
        except TypeError:  # a type that has no hash
            return TypeAdapter(annotated, config=config)
        if built_adapter is None:
            built_adapter = built[key] = TypeAdapter(annotated, config=config)
        return built_adapter

    v2.TypeAdapter = adapter  # type: ignore[assignment, misc]
