"""A portal that makes its contacts when they are asked for holds the same ones as another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.hubspot.portal import Portal

COUNT = 30
STORED, LAZY = Portal(COUNT), Portal(COUNT, lazy=True)
FIRST, LAST = 100_000_000, 100_000_000 + 51 * (COUNT + 1)
WHENS = {"createdate", "lastmodifieddate"}  # each portal has its own start

ids = st.none() | st.integers(FIRST - 60, LAST + 60)


def values(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record["properties"].items() if name not in WHENS}


def all_of(portal: Portal) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((record["id"], values(record)) for record in portal.table.after_id(None))


def test_it_has_the_same_people_under_the_same_ids() -> None:
    assert len(LAZY.table) == COUNT
    assert list(all_of(LAZY)) == list(all_of(STORED))


@given(ids, ids, st.tuples(st.booleans(), st.booleans()), st.booleans())
def test_its_ids_are_in_the_same_order(
    low: int | None, high: int | None, inclusive: tuple[bool, bool], reverse: bool
) -> None:
    stored, lazy = (
        list(portal.table.by_id.irange(low, high, inclusive, reverse)) for portal in (STORED, LAZY)
    )
    assert lazy == stored


@given(st.integers(FIRST - 60, LAST + 60))
def test_it_counts_as_many_below_an_id(key: int) -> None:
    stored, lazy = STORED.table.by_id, LAZY.table.by_id
    assert lazy.bisect_left(key) == stored.bisect_left(key)
    assert lazy.bisect_right(key) == stored.bisect_right(key)
    assert (lazy.get(key) is None) == (stored.get(key) is None)


def test_what_is_written_is_answered() -> None:
    portal = Portal(5, lazy=True)
    record_id = next(iter(portal.table.after_id(None)))["id"]
    written = portal.update(record_id, {"company": "Northwind"}, "INTEGRATION")
    assert written["properties"]["company"] == "Northwind"
    with pytest.raises(KeyError):
        portal.update("1", {"company": "Northwind"}, "INTEGRATION")


def test_it_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(NotImplementedError, match="no new record"):
        LAZY.create({"email": "kim@example.com"})
