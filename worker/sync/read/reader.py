"""Read pages from a connector, and store each with its run before anybody works on it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.errors import SchemaChangedError
from connectors.protocol import Connector
from connectors.records import Contact, Page
from connectors.rows import ids_of, once_each
from worker.context import Context
from worker.store.tables import UtcDateTime, runs
from worker.sync import merge_log
from worker.sync.read import change_detection, removals, reverse_reader
from worker.sync.read.coalesce import coalesce_pages
from worker.sync.runs import reader_lease, stored_pages
from worker.sync.runs.model import Run
from worker.sync.runs.stored_pages import StoredPage
from worker.sync.runs.unchanged import Unchanged

log = logging.getLogger(__name__)

_SURVIVORS = 100  # records that others were merged into, on a page of their own

# Takes the reader's context, a page, and what to call while it keeps the reader waiting.
DispatchPage = Callable[[Context, StoredPage, Callable[[], None]], None]


def read_from_cursor(
    ctx: Context,
    run: Run,
    dispatch: DispatchPage,
    should_continue: Callable[[], bool],
    seen: Callable[[], None] = lambda: None,
) -> bool:
    """Read from where the run stands, page by page: store a page, then `dispatch` it.

    Unchanged contacts are counted and go no further; `seen` is called after each page. Stops early
    if `should_continue` returns False (pages in flight, a shutdown), and if another process has
    become the reader, because this one was away for longer than its lease. Returns whether all is
    read. The caller holds the reader's lease (`reader_lease.claim`).
    """
    config_hash = change_detection.decision_config_hash(ctx, run.connector)
    try:
        for place, entry in enumerate(run.reading):
            reading = _ObjectReader(ctx, run, place, dispatch, seen, config_hash)
            if not entry["done"] and not reading.run(should_continue):
                return False
            if not reading.decide_removals(should_continue):
                return False
        for place in range(len(run.reading)):
            reading = _ObjectReader(ctx, run, place, dispatch, seen, config_hash)
            if not reading.read_survivors(should_continue):
                return False
        with ctx.store.write() as connection:
            _update_run(connection, ctx, run, read_all=True, reader_calls=run.reader_calls)
    except _LostReaderLease:
        log.warning("run %s is read by another process", run.id)
        return False
    return True


class _LostReaderLease(Exception):
    """Somebody else reads the run by now, or nobody is to."""


def _update_run(connection: Connection, ctx: Context, run: Run, **values: Any) -> None:
    """Keep something of the run as its reader; `ctx`: the reader's. Raises `_LostReaderLease`."""
    mine = sa.and_(runs.c.id == run.id, runs.c.reader_owner == ctx.owner)
    if connection.execute(sa.update(runs).where(mine).values(**values)).rowcount != 1:
        raise _LostReaderLease


class _ObjectReader:
    """One object of a run that is being read.

    The run's entry says how far: `cursor` and `last` id of the reader; `back`, the lowest id that
    was read from the end (`worker.sync.read.reverse_reader`); `left`, about how many contacts are
    still to come.
    """

    def __init__(
        self,
        ctx: Context,
        run: Run,
        place: int,
        dispatch: DispatchPage,
        seen: Callable[[], None],
        config_hash: bytes,
    ) -> None:
        self._ctx = ctx
        self._run = run
        self._entry = run.reading[place]
        self._dispatch = dispatch
        self._seen = seen
        self._config_hash = config_hash
        self._cursor_lock = threading.Lock()  # two threads may move the entry
        self._found_late = False  # whether what is read may be older than what the CRM holds

    def run(self, should_continue: Callable[[], bool]) -> bool:
        """Read until all is read, or until there is to be a stop; whether all is."""
        back = reverse_reader.ReverseReader(
            self._ctx, self._run, self._entry, self._store_reverse_page
        )
        try:
            return self._read_forward(back, should_continue)
        finally:
            back.stop()

    def _read_forward(
        self, back: reverse_reader.ReverseReader, should_continue: Callable[[], bool]
    ) -> bool:
        run, entry = self._run, self._entry
        entry.setdefault("started", self._ctx.now().isoformat())
        since = datetime.fromisoformat(entry["since"]) if entry["since"] else None
        connector = self._ctx.connector(run.connector)
        self._found_late = since is not None and connector.finds_late
        learned_anew = False
        if self._is_hidden():
            return self._skip_hidden()
        while True:
            before = dict(connector.calls)
            started = time.monotonic()
            try:
                pages = connector.read(
                    entry["object"], since, entry["cursor"], run.own_writes, self._renew_lease
                )
                least = self._ctx.settings.sync_of(run.connector).page_contacts
                for page in coalesce_pages(pages, least):
                    # When the first page was asked for, by the CRM's clock (its answer's Date, less
                    # what that took). Ours plays no part in where a watermark comes to stand.
                    took = timedelta(seconds=time.monotonic() - started + 1)
                    began = (connector.clock() or self._ctx.now()) - took
                    self._store_and_dispatch(connector, page, before, began)
                    before = dict(connector.calls)  # what a page itself used is counted there
                    if entry["done"]:
                        return True
                    if not should_continue():
                        return False
                    back.start_if_useful()
                return True
            except SchemaChangedError:
                # A field went away since we looked: look again, and read on without it.
                if learned_anew:
                    raise
                learned_anew = True
                connector = self._ctx.connector(run.connector, fresh=True)
                if self._is_hidden():
                    return self._skip_hidden()

    def _is_hidden(self) -> bool:
        """Whether our user does not see the object as a whole any more."""
        return self._entry["object"] in self._ctx.fields[self._run.connector].lost_objects

    def _skip_hidden(self) -> bool:
        """Read no more of the object: its watermark stays, and nothing is taken for removed."""
        with self._update_cursor() as entry:
            entry["done"] = entry["hidden"] = True
            with self._ctx.store.write() as connection:
                _update_run(connection, self._ctx, self._run, reading=self._run.reading)
        return True

    def decide_removals(self, should_continue: Callable[[], bool]) -> bool:
        """Once a full read of the object is done, decide what of our index it has removed; whether
        that is decided. A first read has nothing to compare with."""
        run, entry = self._run, self._entry
        if entry["since"] or entry.get("first") or entry.get("hidden"):
            return True
        if not self._ctx.connector(run.connector).incremental:
            return True
        deciding = removals.Decision(
            self._ctx, run.id, run.connector, run.dry_run, entry, _RemovalsReader(self)
        )
        return deciding.run(should_continue)

    def read_survivors(self, should_continue: Callable[[], bool]) -> bool:
        """Have the records worked on that others were merged into: the read may have brought them
        before it brought the merge, or not at all. Whether all are on a page."""
        run, entry = self._run, self._entry
        name = entry["object"]
        while not run.dry_run:
            with self._ctx.store.write() as connection:
                ids = merge_log.unfinished(
                    connection, run.connector, name, run.opened_at, entry.get("survivor", ""),
                    _SURVIVORS,
                )  # fmt: skip
                if not ids:
                    return True
                entry["survivor"] = ids[-1]
                page_id = stored_pages.store_page(connection, self._ctx, run.id, name, ids, None)
                _update_run(connection, self._ctx, run, reading=run.reading)
            self._dispatch(self._ctx, StoredPage(page_id, len(ids), None), self._renew_lease)
            if not should_continue():
                return False
        return True

    def _renew_lease(self) -> None:
        reader_lease.renew(self._ctx, self._run.id)

    def _store_and_dispatch(
        self, connector: Connector, page: Page, before: Mapping[Any, int], began: datetime
    ) -> None:
        """Store a page of the reader's, and hand it on."""
        with self._update_cursor() as entry:
            back, remaining = entry.get("back"), entry.get("left") or 0
            new = reverse_reader.ids_before(page.contacts, back) if back else page.contacts
            known_left = None if back else page.remaining
            entry["left"] = max(0, remaining - len(new)) if known_left is None else known_left
            entry["done"] = page.cursor is None or len(new) < len(page.contacts)
            entry["cursor"] = None if entry["done"] else page.cursor
            after = entry.get("last") or ""
            entry["last"] = ids_of(new)[-1] if new else after
            # A full read is in order of the ids: what it does not bring may be gone. A first one
            # has nothing to compare with, and one that brought nothing is looked at as a whole.
            full = connector.incremental and not entry["since"] and not entry.get("first")
            until = entry["last"] if page.cursor else None
            span = change_detection.IdRange(after, until) if full and entry["last"] else None
            self._count(connector, before)
            stored = self._store(self._ctx, new, page, span, began)
        if stored is not None:
            self._dispatch(self._ctx, stored, self._renew_lease)
        self._seen()

    def _store_reverse_page(
        self, ctx: Context, connector: Connector, page: Page, before: Mapping[Any, int]
    ) -> bool:
        """Store a page that was read from the end, unless the reader was there already."""
        with self._update_cursor() as entry:
            if entry["done"]:  # the reader was quicker; what this took is counted all the same
                self._count(connector, before)
                return False
            new = reverse_reader.ids_after(page.contacts, entry.get("last") or "")
            entry["left"] = max(0, (entry.get("left") or 0) - len(new))
            if new:
                entry["back"] = ids_of(new)[0]
            self._count(connector, before)
            stored = self._store(ctx, new, page, None, None)
        if stored is not None:
            self._dispatch(ctx, stored, lambda: None)
        self._seen()
        return len(new) == len(page.contacts)

    @contextmanager
    def _update_cursor(self) -> Iterator[dict[str, Any]]:
        """The entry, to be moved by one thread at a time; where it cannot be kept it stays as it
        was, so that the other thread does not keep a place whose page was never stored."""
        with self._cursor_lock:
            entry, used = self._entry, self._run.reader_calls
            before = dict(entry), dict(used)
            try:
                yield entry
            except BaseException:
                for kept, old in zip((entry, used), before, strict=True):
                    kept.clear()
                    kept.update(old)
                raise

    def _count(self, connector: Connector, before: Mapping[Any, int]) -> None:
        used = self._run.reader_calls
        for kind, count in connector.calls.items():
            used[kind] = used.get(kind, 0) + count - before.get(kind, 0)

    def _store(
        self,
        ctx: Context,
        read: Sequence[Contact],
        page: Page,
        span: change_detection.IdRange | None,
        began: datetime | None,
    ) -> StoredPage | None:
        """Keep a page and the run's place in one transaction; None where nothing is to do."""
        run, name = self._run, self._entry["object"]
        read = once_each(read)
        values: dict[str, Any] = {
            "reading": run.reading,
            "reader_calls": run.reader_calls,
            "reader_lease_expires_at": self._ctx.lease(),
        }
        if began is not None:
            values["began_at"] = sa.func.coalesce(runs.c.began_at, sa.literal(began, UtcDateTime))
        stored = None
        fresh, unchanged = read, Unchanged()
        known = change_detection.load_state(ctx, run.connector, name, read, span)
        # A dry run of a quiet first sync counts what it spares, which `Unchanged` does not.
        counted = run.dry_run and self._ctx.settings.policy.quiet_first_sync
        if not run.force and not counted:
            fresh, unchanged = change_detection.partition(read, known, self._config_hash)
        with ctx.store.write() as connection:
            if page.deleted_ids and not run.dry_run:
                unchanged.gone = self._drop(connection, page, {contact.id for contact in fresh})
            if known.absent:
                removals.collect(connection, run.id, name, known.absent)
            elif known.too_many:
                removals.collect_span(connection, run.id, run.connector, name, span, ids_of(read))
            if unchanged.read or unchanged.gone:
                stored_pages.store_unchanged(connection, ctx, run.id, name, unchanged)
            if fresh:
                ids = [contact.id for contact in fresh]
                # A search may return a contact as it was before our last write to it: taken at its
                # word, somebody would have cleared our flags. It is read by its id then.
                by_id = self._found_late and not known.indexed.isdisjoint(ids)
                kept = None if by_id else fresh
                page_id = stored_pages.store_page(connection, ctx, run.id, name, ids, kept)
                stored = StoredPage(page_id, len(fresh), kept)
            _update_run(connection, self._ctx, run, **values)
        return stored

    def _drop(self, connection: Connection, page: Page, present: Collection[str]) -> int:
        """Drop what the CRM says is gone from the index, and keep what lives on in which record;
        how many the index had."""
        connector, name = self._run.connector, self._entry["object"]
        first = bool(self._entry.get("first")) and not self._entry["since"]
        merged = [(name, merge) for merge in page.merged]
        known = merge_log.record(connection, connector, merged, self._ctx.now(), first, present)
        return known + removals.remove(connection, connector, name, page.deleted_ids)


class _RemovalsReader:
    """What `worker.sync.read.removals` needs of the reader of an object."""

    def __init__(self, reading: _ObjectReader) -> None:
        self._reading = reading
        self._run = reading._run
        self._ctx = reading._ctx

    def save(self, connection: Connection) -> None:
        run = self._run
        values = {"reading": run.reading, "reader_calls": run.reader_calls}
        _update_run(connection, self._ctx, run, reader_lease_expires_at=self._ctx.lease(), **values)

    def count_calls(self, connector: Connector, before: Mapping[Any, int]) -> None:
        self._reading._count(connector, before)

    def add_counts(self, connection: Connection, object_name: str, counts: Unchanged) -> None:
        stored_pages.store_unchanged(connection, self._ctx, self._run.id, object_name, counts)

    def store_page(self, connection: Connection, on_page: Sequence[Contact]) -> int:
        run, name = self._run, self._reading._entry["object"]
        ids = [contact.id for contact in on_page]
        return stored_pages.store_page(connection, self._ctx, run.id, name, ids, on_page)

    def dispatch(self, page_id: int, on_page: Sequence[Contact]) -> None:
        stored = StoredPage(page_id, len(on_page), on_page)
        self._reading._dispatch(self._ctx, stored, self._reading._renew_lease)
