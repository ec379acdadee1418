"""The checked-in OpenAPI document, and the schemas of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from worker.web import openapi

FILE = Path(__file__).parents[2] / openapi.FILE
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))


def schema_of(method: str, path: str, status: int) -> dict[str, Any]:
    """The schema of an answer, in which a key that is not described is an error."""
    components = json.loads(json.dumps(DOCUMENT["components"]))
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    answer = DOCUMENT["paths"][path][method]["responses"][str(status)]
    return {**answer["content"]["application/json"]["schema"], "components": components}
