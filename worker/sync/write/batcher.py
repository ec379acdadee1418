"""Fills a CRM's batches across the pages that one process has under way.

A batch costs a call however few records are in it, and the last batch of a page is seldom full.
What a page has left of it waits here for the changes of the next pages: whoever makes a batch full
sends it, also for the others. Each page stays its own: its lease is kept and looked at before
anything of it is sent, and it is done when all that it announced has an outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition

from config import stopping
from connectors.errors import ConnectorError
from connectors.protocol import Connector
from connectors.records import Update
from worker.sync.write.crm_writes import Outcome, Written, write_all

LONGEST = 5.0  # seconds that a change waits for others while the reader goes on
_GLANCE = 1.0  # seconds between two looks at a waiting page's lease

# Whether other changes may still come while this many pages do nothing but wait; asked with the
# condition held.
MoreToCome = Callable[[int], bool]


@dataclass(eq=False, slots=True)
class _Share:
    """What one page wants written. `left` is taken by nobody yet, `sent` has no outcome yet."""

    left: list[Update]
    keep_lease: Callable[[], None]
    until: float
    sent: int = 0
    sends: bool = False  # this page's thread is sending a batch
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    at: datetime | None = None
    error: Exception | None = None
    again: list[Update] = field(default_factory=list)  # to be written without the others

    @property
    def over(self) -> bool:
        return not self.left and not self.sent

    @property
    def idle(self) -> bool:
        return not self.over and not self.sends


Taken = list[tuple[_Share, list[Update]]]


class Batches:
    """For the threads of one run. `changed` is notified by whoever changes what `more_to_come`
    says. No call to the CRM is made while it is held."""

    def __init__(self, changed: Condition, more_to_come: MoreToCome) -> None:
        self._changed = changed
        self._more_to_come = more_to_come
        self._waiting: dict[str, list[_Share]] = {}  # by object

    def write(
        self, connector: Connector, updates: Sequence[Update], keep_lease: Callable[[], None]
    ) -> Written:
        """As `write_all`, and raises the same."""
        size = connector.write_size
        full = len(updates) // size * size if connector.shares_batches else len(updates)
        written = Written({}, None)
        if full:
            written = write_all(connector, updates[:full], keep_lease)
        if rest := list(updates[full:]):
            share = self._wait(connector, _Share(rest, keep_lease, time.monotonic() + LONGEST))
            written = written.and_then(share.outcomes, share.at)
            if share.again:
                written = written.and_then(*write_all(connector, share.again, keep_lease))
        return written

    def _wait(self, connector: Connector, mine: _Share) -> _Share:
        """Until it has its outcomes; sends a batch when that is this page's to do."""
        with self._changed:
            shares = self._waiting.setdefault(mine.left[0].object, [])
            shares.append(mine)
            self._changed.notify_all()  # the others may be waiting for this
        try:
            while True:
                taken: Taken = []
                with self._changed:
                    if not mine.over and not self._due(mine, shares, connector.write_size):
                        self._changed.wait(_GLANCE)
                    if mine.over:
                        break
                    if self._due(mine, shares, connector.write_size):
                        taken = _take(shares, connector.write_size)
                        mine.sends = True
                if not taken:
                    if not mine.sent:  # what another page sends for this one has an outcome soon
                        stopping.check()
                    mine.keep_lease()
                    continue
                self._send(connector, mine, taken)
                with self._changed:
                    mine.sends = False
        finally:
            with self._changed:
                shares.remove(mine)
                self._changed.notify_all()
        if mine.error is not None:
            raise mine.error
        return mine

    def _due(self, mine: _Share, shares: Sequence[_Share], size: int) -> bool:
        """Whether this page is to send now."""
        if not mine.left:
            return False
        return (
            sum(len(share.left) for share in shares) >= size
            or time.monotonic() >= mine.until
            or not self._more_to_come(self.idle())
        )

    def idle(self) -> int:
        """Pages that do nothing but wait; asked with the condition held."""
        return sum(share.idle for shares in self._waiting.values() for share in shares)

    def _send(self, connector: Connector, mine: _Share, taken: Taken) -> None:
        batch, members = [], []
        for share, some in taken:
            try:
                share.keep_lease()
            except Exception as error:  # that page is another worker's by now
                self._end(share, len(some), error=error)
            else:
                batch += some
                members.append((share, some))

        def keep_all() -> None:
            for share in {mine, *(share for share, _ in members)}:
                share.keep_lease()

        try:
            outcomes, at = write_all(connector, batch, keep_all) if batch else Written({}, None)
        except ConnectorError as error:  # it would be the same for each
            for share, some in members:
                self._end(share, len(some), error=error)
        except BaseException as error:
            # It may be one page's fault: let each find out for itself. Written twice is no harm.
            for share, some in members:
                self._end(share, len(some), again=some)
            if not isinstance(error, Exception):
                raise
        else:
            for share, some in members:
                its = {update.id: outcomes[update.id] for update in some}
                wrote = any(outcome.written for outcome in its.values())
                self._end(share, len(some), its, at if wrote else None)

    def _end(
        self,
        share: _Share,
        count: int,
        outcomes: dict[str, Outcome] | None = None,
        at: datetime | None = None,
        *,
        again: Sequence[Update] = (),
        error: Exception | None = None,
    ) -> None:
        with self._changed:
            share.sent -= count
            share.outcomes |= outcomes or {}
            share.at = max(filter(None, (share.at, at)), default=None)
            share.again += again
            share.error = share.error or error
            if share.error is not None:
                share.left.clear()
            self._changed.notify_all()


def _take(shares: Sequence[_Share], size: int) -> Taken:
    """The oldest changes, as many as a batch holds. Of a record that two pages hold (it came by the
    list and by a retry) one: CRMs refuse a batch that names it twice."""
    taken: Taken = []
    named: set[str] = set()
    for share in shares:
        some: list[Update] = []
        later: list[Update] = []
        for update in share.left:
            fits = len(named) < size and update.id not in named
            (some if fits else later).append(update)
            if fits:
                named.add(update.id)
        if some:
            share.left = later
            share.sent += len(some)
            taken.append((share, some))
    return taken
