"""Process several pages of a run at once: while one waits for its CRM, others are decided.

Each thread has a context of its own, with its own leases and connections. How much is in flight is
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
from worker.sync.runs.stored_pages import StoredPage
from worker.sync.write.batcher import Batcher

OnDone = Callable[[int], None]  # is called with the page's id, in one thread at a time
# Contacts that may be in flight at once, or one page of more: some 5 kB of memory each.
MAX_CONTACTS_IN_FLIGHT = 7200
_EXTRA_PAGES = 2  # beside the others, in place of pages that wait for their batch to be filled


class PagePool:
    """Processes pages in threads.

    As a context manager: at its end all pages are done, or the error of one of them is raised.
    Pages that no thread has begun then are left, stored as they are.
    """

    def __init__(self, ctx: Context, count: int, on_done: OnDone) -> None:
        self._ctx = ctx
        self._count = count
        self._on_done = on_done
        self._threads = ThreadPoolExecutor(count + _EXTRA_PAGES, "page")
        self._local = threading.local()
        self._contexts: list[Context] = []
        self._lock = threading.Lock()
        self._capacity = threading.Condition()
        self._batcher = Batcher(self._capacity, self._more_expected)
        self._all_submitted = False
        self._pages = 0
        self._contacts = 0
        self._next_size = 0  # contacts of a page that waits for capacity
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._capacity:
            self._all_submitted = True
            self._capacity.notify_all()
        failed = error is not None or self._error is not None
        self._threads.shutdown(wait=True, cancel_futures=failed)
        for ctx in self._contexts:
            self._ctx.give_back(ctx)
        if error is None and self._error is not None:
            raise self._error

    def submit(self, _reader: Context, stored: StoredPage, waiting: Callable[[], None]) -> None:
        """Process a page in a thread; waits while enough is in flight.

        Raises the error of an earlier page. `waiting` is called each second of waiting.
        """
        stopping.check()
        with self._capacity:
            while self._error is None and self._at_capacity(stored.size):
                stopping.check()
                self._next_size = stored.size
                if not self._capacity.wait(timeout=1.0):
                    waiting()
            if self._error is not None:
                raise self._error
            self._next_size = 0
            self._pages += 1
            self._contacts += stored.size
        # What is logged and traced in the thread belongs to whoever submitted the page.
        submitted_by = copy_context()
        self._threads.submit(submitted_by.run, self._work, stored).add_done_callback(
            lambda done: self._finished(done, stored.size)
        )

    def _more_expected(self, waiting: int) -> bool:
        """Whether changes of other pages may come while so many pages wait for them."""
        may_submit = not (self._all_submitted or self._at_capacity(self._next_size))
        return waiting < self._pages or may_submit

    def _at_capacity(self, contacts: int) -> bool:
        too_many = self._pages > 0 and self._contacts + contacts > MAX_CONTACTS_IN_FLIGHT
        # A page that only waits for others to fill its batch makes room for one more.
        waiting = min(_EXTRA_PAGES, self._batcher.count_waiting())
        return too_many or self._pages >= self._count + waiting

    def _work(self, stored: StoredPage) -> None:
        if self._error is not None:
            return
        ctx = getattr(self._local, "ctx", None)
        if ctx is None:
            ctx = self._local.ctx = self._ctx.borrow()
            with self._lock:
                self._contexts.append(ctx)
        if process.process(ctx, stored.id, self._batcher.write, stored.contacts):
            with self._lock:
                self._on_done(stored.id)

    def _finished(self, done: Future[None], contacts: int) -> None:
        error = None if done.cancelled() else done.exception()
        with self._capacity:
            self._pages -= 1
            self._contacts -= contacts
            self._error = self._error or error
            self._capacity.notify_all()
