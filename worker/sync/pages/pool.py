"""Several pages of a run at once: while one waits for its CRM, others are read and decided.

Each thread has a context of its own, with its own leases and connections. How much is under way is
bounded, in pages and in contacts, so that memory stays the same however long the run is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self

from config import stopping
from worker.context import Context
from worker.sync.pages import process
from worker.sync.runs.lifecycle import Stored
from worker.sync.write.batcher import Batches

Done = Callable[[int], None]  # is told the page's id, in one thread at a time
# Contacts that may be under way at once, or one page of more: some 5 kB of memory each.
CONTACTS_AT_ONCE = 7200
_WAITING = 2  # pages beside the others that wait for their batch to be filled


class Hands:
    """Does pages in threads. As a context manager: at its end all pages are done, or an error of
    one of them is raised; pages that nobody has begun are left then, stored as they are."""

    def __init__(self, ctx: Context, count: int, done: Done) -> None:
        self._ctx = ctx
        self._count = count
        self._done = done
        self._pool = ThreadPoolExecutor(count + _WAITING, "page")
        self._own = threading.local()
        self._contexts: list[Context] = []
        self._lock = threading.Lock()
        self._room = threading.Condition()
        self._batches = Batches(self._room, self._more_to_come)
        self._all_read = False
        self._pages = 0
        self._contacts = 0
        self._next = 0  # contacts of a page that waits for room
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._room:
            self._all_read = True
            self._room.notify_all()
        self._pool.shutdown(wait=True, cancel_futures=error is not None or self._error is not None)
        for ctx in self._contexts:
            self._ctx.back(ctx)
        if error is None and self._error is not None:
            raise self._error

    def take(self, _reader: Context, stored: Stored, waiting: Callable[[], None]) -> None:
        """Hand over a page; waits while enough is under way. Raises the error of an earlier page.

        `waiting` is called each second of that.
        """
        stopping.check()
        with self._room:
            while self._error is None and self._full(stored.size):
                stopping.check()
                self._next = stored.size
                if not self._room.wait(timeout=1.0):
                    waiting()
            if self._error is not None:
                raise self._error
            self._next = 0
            self._pages += 1
            self._contacts += stored.size
        # What is logged and traced in the thread belongs to whoever asked for it.
        asked_by = copy_context()
        self._pool.submit(asked_by.run, self._work, stored).add_done_callback(
            lambda done: self._finished(done, stored.size)
        )

    def _more_to_come(self, waiting: int) -> bool:
        """Whether changes of other pages may come while so many pages wait for them."""
        return waiting < self._pages or not (self._all_read or self._full(self._next))

    def _full(self, more: int) -> bool:
        too_many = self._pages > 0 and self._contacts + more > CONTACTS_AT_ONCE
        # A page that only waits for others to fill its batch leaves its place to one more.
        waiting = min(_WAITING, self._batches.idle())
        return too_many or self._pages >= self._count + waiting

    def _work(self, stored: Stored) -> None:
        if self._error is not None:
            return
        ctx = getattr(self._own, "ctx", None)
        if ctx is None:
            ctx = self._own.ctx = self._ctx.beside()
            with self._lock:
                self._contexts.append(ctx)
        if process.process(ctx, stored.id, self._batches.write, stored.read):
            with self._lock:
                self._done(stored.id)

    def _finished(self, done: Future[None], contacts: int) -> None:
        error = None if done.cancelled() else done.exception()
        with self._room:
            self._pages -= 1
            self._contacts -= contacts
            self._error = self._error or error
            self._room.notify_all()
