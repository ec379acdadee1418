"""The lease that makes one process the reader of a run, and whether a run is worked on at all."""

from __future__ import annotations

import sqlalchemy as sa

from worker.context import Context
from worker.leases import is_alive
from worker.store.states import PageState
from worker.store.tables import pages, runs


def claim(ctx: Context, run_id: str) -> bool:
    """Become the one reader of a run; False if another reader may be alive."""
    with ctx.store.write() as connection:
        row = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_lease_expires_at)
            .where(runs.c.id == run_id)
            .with_for_update()  # of two that come at once, the second sees the first one's lease
        ).one()
        leased = row.reader_lease_expires_at is not None and row.reader_lease_expires_at > ctx.now()
        if leased and row.reader_owner != ctx.owner and is_alive(row.reader_owner):
            return False
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id)
            .values(reader_owner=ctx.owner, reader_lease_expires_at=ctx.lease())
        )
    return True


def renew(ctx: Context, run_id: str) -> None:
    """Prolong our own lease."""
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.reader_owner == ctx.owner)
            .values(reader_lease_expires_at=ctx.lease())
        )


def release(ctx: Context, run_id: str) -> None:
    """Give our own lease back."""
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.reader_owner == ctx.owner)
            .values(reader_owner=None, reader_lease_expires_at=None)
        )


def has_live_reader(ctx: Context, run_id: str) -> bool:
    """Whether a process that may be alive holds the reader's lease. `hygiene sync` holds it for the
    whole of its run."""
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_lease_expires_at).where(
                runs.c.id == run_id
            )
        ).one()
    return (
        row.reader_lease_expires_at is not None
        and row.reader_lease_expires_at > ctx.now()
        and is_alive(row.reader_owner)
    )


def has_live_lease(ctx: Context, run_id: str) -> bool:
    """Whether another process that may be alive holds any lease of the run: the reader's, or one of
    a page."""
    now = ctx.now()
    with ctx.store.read() as connection:
        reader = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_lease_expires_at).where(
                runs.c.id == run_id
            )
        ).one()
        leased = connection.execute(
            sa.select(pages.c.owner, pages.c.lease_expires_at).where(
                pages.c.run_id == run_id,
                pages.c.state == PageState.STORED,
                pages.c.owner.is_not(None),
            )
        ).all()
    return any(
        until is not None and until > now and owner != ctx.owner and is_alive(owner)
        for owner, until in [tuple(reader), *map(tuple, leased)]
    )
