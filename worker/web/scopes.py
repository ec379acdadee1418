"""What a form or a request asks to be looked at, as a scope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from config.segments import SEGMENTS
from config.settings import parse_duration
from worker.phones.single_number import number_of
from worker.sync.runs.scope import Scope

_MOST = 10_000  # ids or numbers


class ScopeError(ValueError):
    """The text says what to write instead."""


def scope_of(form: Mapping[str, str]) -> Scope:
    """`kind`: changed, everything, segment (`key`, `value`), ids, numbers or older_than (`given`).

    >>> scope_of({"kind": "older_than", "given": "90d"})
    Scope(kind='older_than', values=(), key='', age_seconds=7776000, limit=0)
    """
    kind, given = form.get("kind", ""), form.get("given", "").strip()
    if kind == "changed":
        return Scope("changed")
    if kind == "everything":
        return Scope("everything")
    if kind == "segment":
        return segment(form.get("key", ""), form.get("value", "").strip())
    if kind == "older_than":
        try:
            age = parse_duration(given)
        except ValueError as error:
            raise ScopeError(f"Age: {error}.") from None
        assert isinstance(age, timedelta)
        return Scope("older_than", age_seconds=int(age.total_seconds()))
    # A number may hold spaces, so these end with a line or a comma.
    parts = [part.strip() for part in re.split(r"[\n,;]+", given) if part.strip()]
    if kind == "ids":
        parts = [part for text in parts for part in text.split()]
    parts = list(dict.fromkeys(parts))
    if kind not in ("ids", "numbers"):
        raise ScopeError("Choose a scope.")
    if not parts or len(parts) > _MOST:
        raise ScopeError(f"Enter {kind}, one per line, at most {_MOST:,}.")
    if kind == "ids":
        if any(len(part) > 80 or not part.isprintable() for part in parts):
            raise ScopeError("A record id has at most 80 characters.")
        return Scope("ids", tuple(parts))
    numbers = [number_of(part) for part in parts]
    if None in numbers:
        raise ScopeError(
            "Enter each number with its country code, such as +14155550123, one per line."
        )
    return Scope("numbers", tuple(number for number in numbers if number))


def segment(key: str, value: str) -> Scope:
    """Raises `ScopeError`."""
    if key not in SEGMENTS or not value or len(value) > 255 or not value.isprintable():
        raise ScopeError(f"Segment: choose one of {', '.join(SEGMENTS)}, and enter its name.")
    return Scope("segment", (value,), key=key)
