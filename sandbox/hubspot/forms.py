"""The form of requests: which keys a body may have, and of what type each is.

Source: HubSpot's OpenAPI documents of 2026-09. What is no such body is refused; HubSpot says so as
of a JSON that it cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.hubspot.answers import error

Form = Mapping[str, Any]  # key -> type, list of such, or a form; "!" at its end: it must be there

_NEEDS = {
    "IN": "values", "NOT_IN": "values", "BETWEEN": "highValue", "HAS_PROPERTY": "",
    "NOT_HAS_PROPERTY": "",
}  # fmt: skip
_FILTER: Form = {
    "propertyName!": str, "operator!": str, "value": (str, int, float, bool), "highValue": str,
    "values": [str],
}  # fmt: skip
SEARCH: Form = {
    "filterGroups": [{"filters!": [_FILTER]}],
    "sorts": [(str, dict)],
    "properties": [str],
    "limit": int,
    "after": (str, int),
    "query": str,
}
BATCH_READ: Form = {
    "inputs!": [{"id!": str}],
    "properties": [str],
    "propertiesWithHistory": [str],
    "idProperty": str,
}
_VALUES = {"*": (str, int, float, bool, type(None))}
BATCH_UPDATE: Form = {
    "inputs!": [{"id!": str, "properties!": _VALUES, "idProperty": str, "objectWriteTraceId": str}]
}
UPDATE: Form = {"properties!": _VALUES}
CREATE: Form = {"properties!": _VALUES, "associations": [dict]}
MERGE: Form = {"primaryObjectId!": str, "objectIdToMerge!": str}
GDPR_DELETE: Form = {"objectId!": str, "idProperty": str}


def refusal(body: Any, form: Form) -> web.Response | None:
    """What HubSpot answers to a body that is not of this form; None where it is."""
    problem = _problem(body, form, "")
    if problem is None:
        return None
    return error(f"Invalid input JSON on line 1, column 1: {problem}", "VALIDATION_ERROR")


def search_refusal(body: Any) -> web.Response | None:
    """The same for a search, whose filters need values by their operator."""
    if (refused := refusal(body, SEARCH)) is not None:
        return refused
    for group in body.get("filterGroups") or ():
        for item in group["filters"]:
            wanted = _NEEDS.get(item["operator"], "value")
            if wanted and item.get(wanted) in (None, []):
                text = f"a filter with the operator {item['operator']} needs {wanted}"
                return error(text, "VALIDATION_ERROR")
    return None


def _problem(value: Any, form: Any, where: str) -> str | None:
    if isinstance(form, list):
        if not isinstance(value, list):
            return f"{where} is no list"
        parts = (_problem(entry, form[0], f"{where}[{place}]") for place, entry in enumerate(value))
        return next(filter(None, parts), None)
    if not isinstance(form, Mapping):
        types = form if isinstance(form, tuple) else (form,)
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        return None if fits else f"{where} has the wrong type"
    if not isinstance(value, dict):
        return f"{where or 'the body'} is no object"
    any_key = form.get("*")
    for key, given in value.items():
        wanted = form.get(key, form.get(f"{key}!", any_key))
        if wanted is None:
            return f'Unrecognized field "{key}"'
        if (problem := _problem(given, wanted, f"{where}.{key}".lstrip("."))) is not None:
            return problem
    missing = [key[:-1] for key in form if key.endswith("!") and key[:-1] not in value]
    return f"{where} lacks {missing[0]}".strip() if missing else None
