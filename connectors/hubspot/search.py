"""Searches of HubSpot that are read to their end by ids.

A search pages no further than 10,000 results, applies one sort at most, and promises no order among
records with the same value of it; a record that is changed meanwhile moves to another place in an
order by time. An id never changes. So each page is a fresh search for ids above the last one seen,
sorted by id: everything is read once, however many records have one time. Source: HubSpot's guide
"Search the CRM" (limits, sorting).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.http.client import ContradictionError
from connectors.http.consistency import counted
from connectors.hubspot.client import Client

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> str:
    """A moment as filters have it, never later than it is.

    >>> milliseconds(datetime(2026, 1, 1, 0, 0, 0, 1999, UTC))
    '1767225600001'
    """
    return str((moment - _EPOCH) // timedelta(milliseconds=1))


def moment_of(value: Any) -> datetime:
    """Return the moment that HubSpot gives as milliseconds or as ISO 8601.

    >>> moment_of("1767225600001") == moment_of("2026-01-01T00:00:00.001Z")
    True
    """
    text = str(value)
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def ids_in_order(
    answer: Any, what: str, above: str | None = None, below: str | None = None, down: bool = False
) -> list[str]:
    """The ids of a search for ids beyond one, sorted by id. The next search asks for those beyond
    the last: so an answer in another order, or one that repeats or withholds what it counts, would
    lose records. Raises `ContradictionError` for it. `what`: of what the records are."""
    counted(answer, what)
    ids = [str(entry["id"]) for entry in answer["results"]]
    places = [int(record_id) for record_id in ids]
    bound = above or below
    ordered = [int(bound), *places] if bound else places
    pairs = itertools.pairwise(ordered)
    if not all((earlier > later) if down else (earlier < later) for earlier, later in pairs):
        raise ContradictionError(f"a search of {what} answered in another order than was asked")
    return ids


def by_id(
    client: Client,
    what: str,
    body: Mapping[str, Any],
    above: str | None = None,
    below: str | None = None,
    down: bool = False,
) -> tuple[Any, list[str]]:
    """A search for ids beyond one, sorted by id, and the ids that came. Asked again where it
    contradicts itself; then raises `UnavailableError`."""
    ids: list[str] = []

    def check(answer: Any) -> None:
        ids[:] = ids_in_order(answer, what, above, below, down)

    return client.search("read", what, body, check), ids
