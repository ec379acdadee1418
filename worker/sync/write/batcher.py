"""Fill a CRM's batches across the pages that one process has in flight.

A batch costs a call however few records are in it, and the last batch of a page is seldom full.
What a page has left over waits here for the changes of the next pages: the page that makes a batch
full sends it, also for the others. Each page stays responsible for itself: its lease is renewed and
checked before anything of it is sent, and it is done when all its pending writes have an outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition

from msgspec.structs import replace

from config import stopping
from connectors.errors import ConnectorError
from connectors.protocol import Connector
from connectors.records import Update
from worker.sync.write.crm_writes import Outcome, Written, write_all

MAX_LINGER = 5.0  # seconds that a change waits for others while the reader goes on
_POLL_INTERVAL = 1.0  # seconds between two checks of a waiting page's lease

# Whether other changes may still come while this many pages do nothing but wait; asked with the
# condition held.
MoreExpected = Callable[[int], bool]


@dataclass(eq=False, slots=True)
class PendingWrites:
    """The updates that one page wants written."""

    queued: list[Update]  # in no batch yet
    keep_lease: Callable[[], None]
    flush_at: float  # monotonic seconds; then they are sent even in a batch that is not full
    in_flight: int = 0  # updates in a batch that has no outcome yet
    is_sending: bool = False  # this page's thread sends a batch
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    written_at: datetime | None = None
    error: Exception | None = None
    retry_alone: list[Update] = field(default_factory=list)  # to be written without the others

    @property
    def is_done(self) -> bool:
        return not self.queued and not self.in_flight

    @property
    def is_waiting(self) -> bool:
        return not self.is_done and not self.is_sending


Batch = list[tuple[PendingWrites, list[Update]]]  # which updates of which pages


class Batcher:
    """Collects updates of several pages into full batches. It is shared by the threads
    of one run.

    `changed` is notified by whoever changes what `more_expected` returns. No call to the CRM is
    made while it is held.
    """

    def __init__(self, changed: Condition, more_expected: MoreExpected) -> None:
        self._changed = changed
        self._more_expected = more_expected
        self._pending: dict[str, list[PendingWrites]] = {}  # by object

    def write(
        self, connector: Connector, updates: Sequence[Update], keep_lease: Callable[[], None]
    ) -> Written:
        """Write all updates as `write_all` does, and raise the same errors."""
        size = connector.write_size
        full = len(updates) // size * size if connector.shares_batches else len(updates)
        written = Written({}, None)
        if full:
            written = write_all(connector, updates[:full], keep_lease)
        if rest := list(updates[full:]):
            mine = PendingWrites(rest, keep_lease, time.monotonic() + MAX_LINGER)
            self._write_with_others(connector, mine)
            written = written.merge(mine.outcomes, mine.written_at)
            if mine.retry_alone:
                again, at = write_all(connector, mine.retry_alone, keep_lease)
                # Nobody knows what became of the first try.
                sent_again = {key: replace(o, sent_again=True) for key, o in again.items()}
                written = written.merge(sent_again, at)
        return written

    def count_waiting(self) -> int:
        """Count the pages that do nothing but wait; call it with the condition held."""
        return sum(
            page_writes.is_waiting for pending in self._pending.values() for page_writes in pending
        )

    def _write_with_others(self, connector: Connector, mine: PendingWrites) -> None:
        """Return when this page's updates have outcomes, whichever page sent them."""
        with self._changed:
            pending = self._pending.setdefault(mine.queued[0].object, [])
            pending.append(mine)
            self._changed.notify_all()  # the others may be waiting for this
        try:
            while not self._is_done(mine):
                self._send_or_wait(connector, mine, pending)
        finally:
            with self._changed:
                pending.remove(mine)
                self._changed.notify_all()
        if mine.error is not None:
            raise mine.error

    def _is_done(self, mine: PendingWrites) -> bool:
        with self._changed:
            return mine.is_done

    def _send_or_wait(
        self, connector: Connector, mine: PendingWrites, pending: list[PendingWrites]
    ) -> None:
        """Send a batch where this page should flush; else wait a moment and renew its lease."""
        batch: Batch = []
        with self._changed:
            if not mine.is_done and not self._should_flush(mine, pending, connector.write_size):
                self._changed.wait(_POLL_INTERVAL)
            if mine.is_done:
                return
            if self._should_flush(mine, pending, connector.write_size):
                batch = _drain(pending, connector.write_size)
                mine.is_sending = True
        if batch:
            self._send(connector, mine, batch)
            with self._changed:
                mine.is_sending = False
            return
        if not mine.in_flight:  # what another page sends for this one has an outcome soon
            stopping.check()
        mine.keep_lease()

    def _should_flush(
        self, mine: PendingWrites, pending: Sequence[PendingWrites], size: int
    ) -> bool:
        """Return whether this page is to send a batch now.

        It is if it has something to send, and a batch is full, or it has waited long enough, or
        nothing more is expected.
        """
        if not mine.queued:
            return False
        is_full = sum(len(page_writes.queued) for page_writes in pending) >= size
        has_lingered = time.monotonic() >= mine.flush_at
        return is_full or has_lingered or not self._more_expected(self.count_waiting())

    def _send(self, connector: Connector, mine: PendingWrites, batch: Batch) -> None:
        """Send a batch, and give each page in it the outcomes of its own updates."""
        members = self._with_lease(batch)
        updates = [update for _, own_updates in members for update in own_updates]

        def keep_all_leases() -> None:
            for page_writes in {mine, *(page_writes for page_writes, _ in members)}:
                page_writes.keep_lease()

        try:
            outcomes, written_at = (
                write_all(connector, updates, keep_all_leases) if updates else Written({}, None)
            )
        except ConnectorError as error:  # it would be the same for each
            for page_writes, own_updates in members:
                self._settle(page_writes, len(own_updates), error=error)
        except BaseException as error:
            # It may be one page's fault: let each find out for itself. Written twice is no harm.
            for page_writes, own_updates in members:
                self._settle(page_writes, len(own_updates), retry_alone=own_updates)
            if not isinstance(error, Exception):
                raise
        else:
            for page_writes, own_updates in members:
                own = {update.id: outcomes[update.id] for update in own_updates}
                took_any = any(outcome.written for outcome in own.values())
                self._settle(page_writes, len(own_updates), own, written_at if took_any else None)

    def _with_lease(self, batch: Batch) -> Batch:
        """Drop the updates of pages that another worker has by now."""
        members: Batch = []
        for page_writes, updates in batch:
            try:
                page_writes.keep_lease()
            except Exception as error:
                self._settle(page_writes, len(updates), error=error)
            else:
                members.append((page_writes, updates))
        return members

    def _settle(
        self,
        page_writes: PendingWrites,
        count: int,
        outcomes: dict[str, Outcome] | None = None,
        written_at: datetime | None = None,
        *,
        retry_alone: Sequence[Update] = (),
        error: Exception | None = None,
    ) -> None:
        """Record what became of some updates of a page."""
        with self._changed:
            page_writes.in_flight -= count
            page_writes.outcomes |= outcomes or {}
            page_writes.written_at = max(
                filter(None, (page_writes.written_at, written_at)), default=None
            )
            page_writes.retry_alone += retry_alone
            page_writes.error = page_writes.error or error
            if page_writes.error is not None:
                page_writes.queued.clear()
            self._changed.notify_all()


def _drain(pending: Sequence[PendingWrites], size: int) -> Batch:
    """Take the oldest updates out of the queues, as many as a batch holds.

    Where two pages hold one record (it came by the list and by a retry), only one of its updates is
    taken: CRMs refuse a batch that names a record twice.
    """
    batch: Batch = []
    named: set[str] = set()
    for page_writes in pending:
        updates: list[Update] = []
        later: list[Update] = []
        for update in page_writes.queued:
            fits = len(named) < size and update.id not in named
            (updates if fits else later).append(update)
            if fits:
                named.add(update.id)
        if updates:
            page_writes.queued = later
            page_writes.in_flight += len(updates)
            batch.append((page_writes, updates))
    return batch
