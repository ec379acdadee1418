"""Pages that fill a CRM's batches together: few calls, and each page stays its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from constants import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import UnavailableError
from connectors.records import Update, WriteResult
from worker.sync.write import batcher
from worker.sync.write.batcher import Batcher
from worker.sync.write.crm_writes import Written


class Crm:
    """Notes the batches that it gets; `refuse` may raise."""

    name = "crm"
    write_size = 10
    shares_batches = True

    def __init__(self, refuse: Callable[[Sequence[Update]], None] = lambda _some: None) -> None:
        self.batches: list[list[str]] = []
        self._refuse = refuse
        self._lock = threading.Lock()

    def write(self, updates: Sequence[Update], _waiting: Any = None) -> list[WriteResult]:
        with self._lock:
            self.batches.append([update.id for update in updates])
        self._refuse(updates)
        return [WriteResult(update.id, True) for update in updates]

    def clock(self) -> datetime:
        return NOW


class Pages:
    """Some pages at once, as `PagePool` has them."""

    def __init__(self, crm: Crm, at_once: int = 4) -> None:
        self.crm = crm
        self.under_way = 0
        self.all_read = False
        self.changed = threading.Condition()
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once)
        self._batcher = Batcher(self.changed, self._more)

    def _more(self, waiting: int) -> bool:
        full = self.under_way >= self._at_once
        return waiting < self.under_way or not (self.all_read or full)

    def begin(self, ids: Sequence[str], keep: Callable[[], None] = lambda: None) -> Future[Written]:
        with self.changed:
            while self.under_way >= self._at_once:
                self.changed.wait()
            self.under_way += 1
        updates = [Update("contacts", record_id, {"status/phone": "valid"}) for record_id in ids]
        future = self._pool.submit(self._batcher.write, self.crm, updates, keep)  # type: ignore[arg-type]
        future.add_done_callback(lambda _done: self._end())
        return future

    def _end(self) -> None:
        with self.changed:
            self.under_way -= 1
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.all_read = True
            self.changed.notify_all()


def ids(page: int, count: int) -> list[str]:
    return [f"{page}-{number}" for number in range(count)]


@given(st.lists(st.integers(0, 25), min_size=1, max_size=12), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_each_change_is_written_once_and_only_the_last_batches_are_not_full(
    sizes: list[int], at_once: int
) -> None:
    crm = Crm()
    pages = Pages(crm, at_once)
    futures = [pages.begin(ids(page, size)) for page, size in enumerate(sizes)]
    pages.end()
    for page, future in enumerate(futures):
        written = future.result(20)
        assert set(written.outcomes) == set(ids(page, sizes[page]))
        assert all(outcome.ok for outcome in written.outcomes.values())
        assert written.at == (NOW if sizes[page] else None)
    sent = [update for batch in crm.batches for update in batch]
    assert len(sent) == len(set(sent)) == sum(sizes)
    assert all(len(batch) <= crm.write_size for batch in crm.batches)


def test_pages_of_which_each_fills_no_batch_fill_some_together() -> None:
    crm = Crm()
    pages = Pages(crm)
    futures = [pages.begin(ids(page, 9)) for page in range(40)]
    pages.end()
    for future in futures:
        future.result(20)
    assert len(crm.batches) <= 36 + 3


def test_a_change_does_not_wait_long_for_a_reader_that_is_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher, "MAX_LINGER", 0.2)
    pages = Pages(Crm())
    assert pages.begin(ids(1, 3)).result(5).outcomes.keys() == {*ids(1, 3)}
    assert not pages.all_read


def test_a_record_that_two_pages_hold_is_in_no_batch_twice() -> None:
    crm = Crm()
    pages = Pages(crm)
    futures = [pages.begin(["same", *ids(page, 3)]) for page in range(2)]
    pages.end()
    for future in futures:
        assert "same" in future.result(20).outcomes
    assert [batch.count("same") for batch in crm.batches if "same" in batch] == [1, 1]


def test_a_crm_that_is_away_is_told_to_each_page() -> None:
    def away(_some: Sequence[Update]) -> None:
        raise UnavailableError("crm: away")

    pages = Pages(Crm(away))
    futures = [pages.begin(ids(page, 4)) for page in range(2)]
    pages.end()
    for future in futures:
        with pytest.raises(UnavailableError):
            future.result(20)


def test_what_breaks_on_a_change_of_one_page_does_not_fail_another() -> None:
    def poisoned(updates: Sequence[Update]) -> None:
        if any(update.id == "1-0" for update in updates):
            raise RuntimeError("a fault of ours")

    pages = Pages(Crm(poisoned))
    good, bad, other = (pages.begin(ids(page, 3)) for page in range(3))
    pages.end()
    with pytest.raises(RuntimeError, match="a fault of ours"):
        bad.result(20)
    for page, future in ((0, good), (2, other)):
        outcomes = future.result(20).outcomes
        assert outcomes.keys() == {*ids(page, 3)}
        # Nobody knows what became of the batch that broke.
        assert all(outcome.sent_again for outcome in outcomes.values())


def test_of_a_page_that_lost_its_lease_nothing_is_sent() -> None:
    class AmbiguousResultError(Exception):
        pass

    def lost() -> None:
        raise AmbiguousResultError

    crm = Crm()
    pages = Pages(crm)
    theirs, ours = pages.begin(ids(1, 3), lost), pages.begin(ids(2, 8))
    pages.end()
    assert ours.result(20).outcomes.keys() == {*ids(2, 8)}
    with pytest.raises(AmbiguousResultError):
        theirs.result(20)
    assert not [update for batch in crm.batches for update in batch if update in ids(1, 3)]


def test_a_crm_that_takes_many_at_once_gets_each_page_by_itself() -> None:
    crm = Crm()
    crm.shares_batches = False
    pages = Pages(crm)
    assert pages.begin(ids(1, 3)).result(5).outcomes.keys() == {*ids(1, 3)}
    assert crm.batches == [ids(1, 3)]
