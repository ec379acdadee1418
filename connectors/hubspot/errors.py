"""What HubSpot's error answers mean.

An error has `category`, `message` and, since 2023, `errors`: each with a `code` and a `context`
that names the property. Where a property's value is refused, the message itself ends with the same
as JSON; some answers have the one form and some the other, and any part may be missing. The message
of an error can also be the JSON of another error, which says more.
Sources: HubSpot's guide "Error handling"; the changelog entries of property validation rules (24
July 2023) and of "CRM API write validation enforcement" (8 September 2026); recorded answers of the
Properties API of 2026-09 (docs/hubspot-facts.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.errors import (
    AuthError,
    ConnectorError,
    NotFoundError,
    QuotaError,
    SchemaChangedError,
    UnavailableError,
)
from connectors.http import no_answer
from connectors.http.client import RetryableError, retry_after
from connectors.http.error_text import plain
from connectors.http.lenient_json import decode
from connectors.http.statuses import GAVE_UP_WAITING, PROXY_LOGIN, is_passing, not_from, web_page
from connectors.records import FailureKind

_VALUES = "Property values were not valid: "
_IN_USE = "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE"
# A bad request, a conflict with another record, content that cannot be processed (RFC 9110).
_REFUSED = (400, 409, 422)
# By code, what a refusal of a value means.
KINDS: dict[str, FailureKind] = {
    "INVALID_OPTION": "picklist_value",
    "READ_ONLY_VALUE": "unwritable_field",
    "PROPERTY_DOESNT_EXIST": "unwritable_field",
    "VALUE_TOO_LONG": "too_long",
    "MISSING_CONDITIONAL_REQUIRED_PROPERTY": "required_property",
    "MISSING_REQUIRED_PROPERTY": "required_property",
}


class RefusedValuesError(Exception):
    """A write was refused for what it says, or for what the record lacks. `entries`: `name` of the
    property, `error` (the code) and `message` of each refusal; none names the record."""

    def __init__(self, text: str, entries: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.text = text
        self.entries = entries


class MissingScopeError(AuthError):
    """Our token lacks a scope that a call needs."""


class RefusedCallError(ConnectorError):
    """HubSpot refused a call for what it says, in words that are not known. `status`: of HTTP.
    `in_use_by`: what uses the property that was to be archived, where that is the reason."""

    def __init__(self, text: str, status: int, in_use_by: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.in_use_by = in_use_by


def kind_of(entries: list[dict[str, Any]]) -> FailureKind:
    """What refusals of one record come to: the first that we know by name."""
    known = (KINDS.get(str(entry.get("error", ""))) for entry in entries)
    return next(filter(None, known), "validation")


def translate(
    status: int,
    raw: Any,
    headers: Mapping[str, str],
    version: str,
    token: str = "HUBSPOT_ACCESS_TOKEN",
) -> Exception:
    """The exception that an error answer is. `version`: of the API that was asked. `token`: the
    variable that the token came from."""
    if status == PROXY_LOGIN:
        return ConnectorError(f"hubspot: {no_answer.PROXY_LOGIN}")
    if page := web_page(headers, raw):
        reason = not_from("HubSpot", status, page)
        if is_passing(status):
            return RetryableError(
                reason, retry_after(headers.get("Retry-After")), status in GAVE_UP_WAITING
            )
        return UnavailableError(f"hubspot: {reason}; once that is fixed: hygiene sync hubspot")
    try:
        body = decode(raw) if raw else {}
    except orjson.JSONDecodeError:
        body = {"message": plain(raw)}
    if not isinstance(body, dict):
        body = {}
    body = _unwrapped(body)
    message = " ".join(str(body.get("message", "")).split())
    short = message[:500]
    if status == 401:
        return AuthError(f"hubspot: {token} was not accepted; create or renew the token")
    if status == 403:
        kind = MissingScopeError if body.get("category") == "MISSING_SCOPES" else AuthError
        return kind(f"hubspot: {token} may not do this: {_lacking(body, short)}")
    if status == 429:
        return _over_limit(body, headers)
    if status == 404:
        return NotFoundError(
            f"hubspot: HTTP 404: {short or 'nothing there'} (API version {version}, "
            "HUBSPOT_API_VERSION)"
        )
    if is_passing(status):
        return RetryableError(
            f"HTTP {status}", retry_after(headers.get("Retry-After")), status in GAVE_UP_WAITING
        )
    if status == 400:
        if entries := _refusals(body, message):
            gone = [e["name"] for e in entries if e["error"] == "PROPERTY_DOESNT_EXIST"]
            if gone:
                return SchemaChangedError(f"hubspot: there is no property {', '.join(gone)}")
            return RefusedValuesError(short, entries)
        if message.startswith(_VALUES) or "required" in message:
            return RefusedValuesError(short, [])
        if body.get("category") == "VALIDATION_ERROR" and "does not exist" in message:
            return SchemaChangedError(f"hubspot: {short}")
    kind = body.get("subCategory") or body.get("category", "")
    text = f"hubspot: HTTP {status} {kind}: {short}"
    refused = status in _REFUSED and bool(body.get("category"))
    return RefusedCallError(text, status, _users(body)) if refused else ConnectorError(text)


def _unwrapped(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """An error, or the one whose JSON is its message."""
    try:
        inner = orjson.loads(str(body.get("message", "")))
    except orjson.JSONDecodeError:
        return body
    is_error = isinstance(inner, dict) and isinstance(inner.get("message"), str)
    return {**body, **inner} if is_error else body


def _users(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What uses a property that cannot be archived for that, such as "workflow 46251"."""
    if body.get("subCategory") != _IN_USE:
        return ()
    users: list[str] = []
    for entry in body.get("errors") or ():
        context = entry.get("context") if isinstance(entry, dict) else None
        if not isinstance(context, dict):
            continue
        kinds = context.get("parentDisplayType") or context.get("parentType") or [""]
        for kind, name in zip(kinds, context.get("parentName") or (), strict=False):
            users.append(f"{kind.lower().replace('_', ' ')} {name}".strip())
    return tuple(users)


def is_unknown_object(error: ConnectorError) -> bool:
    """Return whether HubSpot knows no object of the name that was asked for. It answers 404, or 400
    "Unable to infer object type from: ..." (HubSpot's developer forum; no document says which)."""
    return isinstance(error, NotFoundError) or "infer object type" in str(error)


def refusals_of(problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The refusals of one entry of a batch's `errors`, which has the form of an error answer."""
    return _refusals(problem, str(problem.get("message", "")))


def _refusals(body: Mapping[str, Any], message: str) -> list[dict[str, Any]]:
    _, _, listed = message.partition(_VALUES)
    refusals = _listed(listed)
    known = {(entry["name"], entry["error"]) for entry in refusals}
    for entry in body.get("errors") or ():
        if not isinstance(entry, dict) or not (code := str(entry.get("code") or "")):
            continue
        context = entry.get("context")
        names = context.get("propertyName") if isinstance(context, dict) else None
        for name in names or [""]:
            if (str(name), code) not in known:
                text = str(entry.get("message") or "")
                refusals.append({"name": str(name), "error": code, "message": text})
    return refusals


def _listed(text: str) -> list[dict[str, Any]]:
    try:
        entries = decode(text) if text else []
    except orjson.JSONDecodeError:
        return []
    return [
        {key: str(entry.get(key) or "") for key in ("name", "error", "message")}
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]


def _lacking(body: Mapping[str, Any], message: str) -> str:
    scopes = [
        scope
        for problem in body.get("errors") or []
        for scope in (problem.get("context") or {}).get("requiredGranularScopes") or []
    ]
    return f"it lacks the scope {', '.join(scopes)}" if scopes else message or "no reason given"


def _over_limit(body: Mapping[str, Any], headers: Mapping[str, str]) -> Exception:
    policy = body.get("policyName", "")
    if policy == "DAILY":
        return QuotaError(
            "hubspot: the account's calls for today are used up; the run goes on after "
            "midnight of the account's time zone: hygiene runs resume RUN"
        )
    # The rolling limits pass within their window; HubSpot gives no Retry-After for them.
    default = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}.get(policy)
    given = retry_after(headers.get("Retry-After"))
    return RetryableError("HTTP 429", given if given is not None else default, rejected=True)
