"""The lease of a page: who may process it, and until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.throttle import at_most_every
from connectors.records import Contact
from worker.context import Context
from worker.leases import is_alive
from worker.store import pause
from worker.store.states import PageState, WriteState
from worker.store.tables import pages, runs, writes
from worker.sync.pages.steps import LeasedPage, PageWork
from worker.sync.runs.model import Run
from worker.sync.runs.stored_pages import decode_page

RENEW_EVERY = 10.0  # seconds between two renewals while a step waits
_RUN_AND_PAUSE = sa.select(runs, pause.STORED.scalar_subquery().label("paused")).where(
    runs.c.id == sa.bindparam("run_id")
)


class LostLeaseError(Exception):
    """Another worker has the page now: this process was away for longer than its lease."""


def claim(
    ctx: Context, page_id: int, read: Sequence[Contact] | None
) -> tuple[LeasedPage, Run] | None:
    """Take the lease of a stored page; None when it is done, its run is over, or another living
    worker has it. Raises `PausedError` while everything is paused, but in a dry run.

    `read`: the page's contacts, where this process has them in memory.
    """
    c = pages.c
    payload = c.payload if read is None else sa.null().label("payload")
    columns = (
        c.id,
        c.run_id,
        c.object,
        c.state,
        c.stored_at,
        c.attempts,
        c.owner,
        c.lease_expires_at,
        payload,
    )
    with ctx.store.write() as connection:
        row = connection.execute(sa.select(*columns).where(c.id == page_id)).one_or_none()
        if row is None or row.state != PageState.STORED:
            return None
        leased = row.lease_expires_at is not None and row.lease_expires_at > ctx.now()
        if leased and row.owner != ctx.owner and is_alive(row.owner):
            return None
        taken = connection.execute(
            sa.update(pages)
            .where(
                pages.c.id == page_id,
                pages.c.state == PageState.STORED,
                pages.c.owner.is_(None) if row.owner is None else pages.c.owner == row.owner,
                pages.c.attempts == row.attempts,
            )
            .values(owner=ctx.owner, lease_expires_at=ctx.lease(), attempts=row.attempts + 1)
        )
        if taken.rowcount != 1:
            return None
    # Only now: who ends a run looks for leases of its pages afterwards.
    with ctx.store.read() as connection:
        run_row = connection.execute(_RUN_AND_PAUSE, {"run_id": row.run_id}).one()
    run = Run.from_row(run_row)
    if not run.active:
        release(ctx, page_id, None, attempts=-1)
        return None
    if read is None:
        ids, read = decode_page(row.payload)
    else:
        ids = [contact.id for contact in read]
    page = LeasedPage(row.id, row.object, row.attempts + 1, row.stored_at, ids, read)
    if run_row.paused and not run.dry_run:
        give_back(ctx, page)
        pause.require_none(run_row.paused)
    return page, run


def renew(work: PageWork) -> bool:
    """Extend the lease; return whether the page is still ours."""
    ctx = work.ctx
    with ctx.store.write() as connection:
        renewed = connection.execute(
            sa.update(pages)
            .where(pages.c.id == work.page.id, pages.c.owner == ctx.owner)
            .values(lease_expires_at=ctx.lease())
        )
        # Where this process reads and works by turns, its reader's lease must not end meanwhile.
        connection.execute(
            sa.update(runs)
            .where(runs.c.active_key.is_not(None), runs.c.reader_owner == ctx.owner)
            .values(reader_lease_expires_at=ctx.lease())
        )
    return renewed.rowcount == 1


def throttled_renew(work: PageWork) -> Callable[[], None]:
    """Return a function that renews the lease when called, but at most every `RENEW_EVERY`."""
    return at_most_every(RENEW_EVERY, lambda: renew(work))


def throttled_require(work: PageWork) -> Callable[[], None]:
    """As `throttled_renew`, for calls before a batch is sent: raises `LostLeaseError`."""
    return at_most_every(RENEW_EVERY, lambda: require(work))


def require(work: PageWork) -> None:
    """Renew the lease; raises `LostLeaseError` where another worker has the page."""
    if not renew(work):
        raise LostLeaseError


def hold(connection: Connection, work: PageWork) -> None:
    """Keep the page ours until the transaction ends; raises `LostLeaseError` where another worker
    has it.

    Where hosts' clocks differ, or a process was away for a while, another worker may take a page
    that we still work on. Then what we have read is older than what that worker does.
    """
    if not is_held(connection, work):
        raise LostLeaseError


def hold_unpaused(connection: Connection, work: PageWork) -> None:
    """As `hold`; raises `PausedError` while everything is paused, but in a dry run."""
    paused = sa.null() if work.run.dry_run else pause.STORED.scalar_subquery()
    query = sa.select(pages.c.owner, paused.label("paused")).where(pages.c.id == work.page.id)
    row = connection.execute(query.with_for_update(of=pages)).one_or_none()
    if row is None or row.owner != work.ctx.owner:
        raise LostLeaseError
    pause.require_none(row.paused)


def is_held(connection: Connection, work: PageWork) -> bool:
    """As `hold`, and return whether the page is still ours."""
    owner = sa.select(pages.c.owner).where(pages.c.id == work.page.id).with_for_update()
    return connection.scalar(owner) == work.ctx.owner


def release(ctx: Context, page_id: int, error: str | None, attempts: int = 0) -> None:
    """Let another worker take the page. `attempts`: added to those that count against it."""
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(pages)
            .where(pages.c.id == page_id, pages.c.owner == ctx.owner)
            .values(
                owner=None, lease_expires_at=None, error=error, attempts=pages.c.attempts + attempts
            )
        )


def give_back(ctx: Context, page: LeasedPage) -> None:
    """Release a page that nothing was wrong with, so that this attempt does not count.

    Where writes are pending it counts: whoever takes the page up must check which of them have
    reached the CRM.
    """
    pending = sa.and_(writes.c.page_id == page.id, writes.c.state == WriteState.PENDING)
    with ctx.store.read() as connection:
        has_pending = connection.execute(sa.select(writes.c.id).where(pending).limit(1)).first()
    release(ctx, page.id, "interrupted", attempts=0 if has_pending else -1)
