"""Few pages of many: no contact is lost, doubled or out of order, and the cursor fits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import UnavailableError
from connectors.records import Contact, Page
from worker.sync.read import coalesce
from worker.sync.read.coalesce import coalesce_pages

SIZES = st.lists(st.integers(0, 9), max_size=12)


def pages(sizes: list[int]) -> list[Page]:
    """Forwards; each page's cursor is the count of contacts so far, the last one has none."""
    read, count = [], 0
    for place, size in enumerate(sizes):
        contacts = tuple(Contact("contacts", str(count + n), {}) for n in range(size))
        count += size
        cursor = str(count) if place + 1 < len(sizes) else None
        read.append(Page(contacts, cursor, sum(sizes) - count, (f"gone-{place}",)))
    return read


def reverse_pages(sizes: list[int]) -> list[Page]:
    """From the last contact to the first; a page's cursor is its first id."""
    filled = [page for page in pages(sizes)[::-1] if page.contacts]
    return [
        Page(page.contacts, page.contacts[0].id, deleted_ids=page.deleted_ids) for page in filled
    ]


def ids(page: Page) -> list[int]:
    return [int(contact.id) for contact in page.contacts]


@given(SIZES, st.integers(1, 30))
def test_forwards_it_is_the_same_on_fewer_pages(sizes: list[int], least: int) -> None:
    before, after = pages(sizes), list(coalesce_pages(pages(sizes), least))
    assert [number for page in after for number in ids(page)] == [*range(sum(sizes))]
    assert [gone for page in after for gone in page.deleted_ids] == [
        f"gone-{n}" for n in range(len(sizes))
    ]
    assert all(len(page.contacts) >= least for page in after[:-1])
    for page in after:
        same = next(other for other in before if other.cursor == page.cursor)
        assert page.remaining == same.remaining, "what the last of the gathered pages said"
    assert not after or after[-1].cursor is None


@given(SIZES, st.integers(1, 30))
def test_backwards_each_page_is_in_order_and_ends_where_the_next_begins(
    sizes: list[int], least: int
) -> None:
    after = list(coalesce_pages(reverse_pages(sizes), least, backwards=True))
    assert [number for page in after[::-1] for number in ids(page)] == [*range(sum(sizes))]
    assert all(page.cursor == page.contacts[0].id for page in after)


def test_what_was_read_before_an_error_is_not_read_again() -> None:
    def failing() -> Iterator[Page]:
        yield from pages([3, 3, 3])[:2]
        raise UnavailableError("crm: away")

    reading = coalesce_pages(failing(), 100)
    page = next(reading)
    assert (ids(page), page.cursor) == ([*range(6)], "6")
    with pytest.raises(UnavailableError):
        next(reading)


def test_a_slow_crm_does_not_keep_what_it_gave_from_being_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coalesce, "MAX_WAIT", -1.0)
    assert len(list(coalesce_pages(pages([3, 3, 3]), 100))) == 3
