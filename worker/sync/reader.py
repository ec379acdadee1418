"""Pulls pages from a connector and stores each with its run, before anybody works on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Connector, Contact, Page, SchemaChangedError
from worker.store.tables import UtcDateTime, pages, runs
from worker.sync import glance, index
from worker.sync import runs as run_store
from worker.sync.context import Context, alive
from worker.sync.runs import Run

# Takes a page's id, how many contacts it has, and what to call while it keeps the reader waiting.
HandOn = Callable[[int, int, Callable[[], None]], None]


def claim(ctx: Context, run_id: str) -> bool:
    """Become the one reader of a run; False when another one is alive."""
    with ctx.store.write() as connection:
        row = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_until).where(runs.c.id == run_id)
        ).one()
        held = row.reader_until is not None and row.reader_until > ctx.now()
        if held and row.reader_owner != ctx.owner and alive(row.reader_owner):
            return False
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id)
            .values(reader_owner=ctx.owner, reader_until=ctx.lease())
        )
    return True


def release(ctx: Context, run_id: str) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.reader_owner == ctx.owner)
            .values(reader_owner=None, reader_until=None)
        )


def _keep_lease(ctx: Context, run_id: str) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.reader_owner == ctx.owner)
            .values(reader_until=ctx.lease())
        )


def read_on(
    ctx: Context,
    run: Run,
    hand_on: HandOn,
    may_go_on: Callable[[], bool],
    seen: Callable[[], None] = lambda: None,
) -> bool:
    """Read from where the run stands, page by page: store a page, then `hand_on` it.

    Contacts that are settled are counted and go no further; `seen` is called after each page.
    Stops early when `may_go_on` says so (pages in flight, a shutdown). Returns whether all is
    read. The caller holds the reader's lease (`claim`).
    """
    connector = ctx.connector(run.connector)
    for place, entry in enumerate(run.reading):
        if entry["done"]:
            continue
        if not _read_object(ctx, run, connector, place, hand_on, may_go_on, seen):
            return False
    with ctx.store.write() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(read_all=True))
    return True


def _read_object(
    ctx: Context,
    run: Run,
    connector: Connector,
    place: int,
    hand_on: HandOn,
    may_go_on: Callable[[], bool],
    seen: Callable[[], None],
) -> bool:
    entry = run.reading[place]
    salted = glance.salt(ctx, run.connector)
    learned_anew = False

    def waiting() -> None:
        _keep_lease(ctx, run.id)

    while True:
        since = datetime.fromisoformat(entry["since"]) if entry["since"] else None
        before = dict(connector.calls)
        started = time.monotonic()
        try:
            for page in connector.pull(entry["object"], since, entry["cursor"], run.skip, waiting):
                began = (connector.clock() or ctx.now()) - timedelta(
                    seconds=time.monotonic() - started + 1
                )
                page_id, fresh = _store(ctx, run, connector, place, page, before, began, salted)
                before = dict(connector.calls)
                if page_id is not None:
                    hand_on(page_id, fresh, waiting)
                    before = dict(connector.calls)  # what the page itself used is counted there
                seen()
                if page.cursor is not None and not may_go_on():
                    return False
            return True
        except SchemaChangedError:
            # A field went away since we looked: look again, and read on without it.
            if learned_anew:
                raise
            learned_anew = True
            connector = ctx.connector(run.connector, fresh=True)


def _store(
    ctx: Context,
    run: Run,
    connector: Connector,
    place: int,
    page: Page,
    before: dict[Any, int],
    began: datetime,
    salted: bytes,
) -> tuple[int | None, int]:
    """Keep a page and the reader's place in one transaction; its id, None where nothing is to do,
    and how many contacts are to be looked at.

    `began`: when the first page was asked for, by the CRM's clock (its answer's Date, less what
    the call took). Our own clock plays no part in where a watermark comes to stand.
    """
    entry = run.reading[place]
    entry["cursor"] = page.cursor
    left = entry.get("left") or 0
    entry["left"] = max(0, left - len(page.contacts)) if page.left is None else page.left
    last = page.contacts[-1].id if page.contacts else entry.get("last") or ""
    entry["done"] = page.cursor is None
    for kind, count in connector.calls.items():
        run.reader_calls[kind] = run.reader_calls.get(kind, 0) + count - before.get(kind, 0)
    values: dict[str, Any] = {
        "reading": run.reading,
        "reader_calls": run.reader_calls,
        "reader_until": ctx.lease(),
        "began_at": sa.func.coalesce(runs.c.began_at, sa.literal(began, UtcDateTime)),
    }
    page_id = None
    fresh: Sequence[Contact] = page.contacts
    settled = glance.Settled()
    full = connector.incremental and not entry["since"]  # all contacts, in order of their ids
    span = glance.Span(entry.get("last") or "", last if page.cursor else None) if full else None
    known = glance.known(ctx, run.connector, entry["object"], page.contacts, span)
    if not run.force:
        fresh, settled = glance.split(page.contacts, known, salted)
    gone = [*known.gone, *page.gone]
    entry["last"] = last
    with ctx.store.write() as connection:
        if gone and not run.dry_run:
            settled.gone = index.forget(connection, run.connector, entry["object"], gone)
        if settled.read or settled.gone:
            run_store.store_settled(connection, ctx, run.id, entry["object"], settled)
        if fresh:
            ids = [contact.id for contact in fresh]
            seq = run_store.next_seq(connection, run.id)
            page_id = run_store.store_page(
                connection, ctx, run.id, seq, entry["object"], ids, fresh
            )
        statement = sa.update(runs).where(runs.c.id == run.id)
        connection.execute(statement.values(**values))
    return page_id, len(fresh)


def in_flight(ctx: Context, run_id: str) -> int:
    query = sa.select(sa.func.count()).where(pages.c.run_id == run_id, pages.c.state == "stored")
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


def unpack(data: dict[str, Any]) -> Contact:
    modified = data.get("modified")
    return Contact(**{**data, "modified": datetime.fromisoformat(modified) if modified else None})
