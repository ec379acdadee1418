"""Set records aside that cannot be processed, so that the rest of their run goes on."""

from __future__ import annotations

import sqlalchemy as sa

from worker.context import Context
from worker.store.array_param import any_of
from worker.store.machine_faults import place
from worker.store.states import PageState
from worker.store.tables import pages, writes
from worker.sync.pages import failures
from worker.sync.pages.failures import Failure
from worker.sync.pages.steps import LeasedPage
from worker.sync.runs import stored_pages
from worker.sync.runs.model import Run

MAX_SINGLE_RECORDS = 20  # of a run; beyond them whole pages are quarantined


def split(ctx: Context, run: Run, page: LeasedPage) -> list[int]:
    """Make two pages of one that cannot be processed; return their ids.

    So in the end the record that is at fault is quarantined alone. Each half is tried once. Returns
    nothing where so much of the run was quarantined already that the fault is not one record's.
    """
    middle = len(page.ids) // 2
    parked = sa.select(sa.func.count()).where(
        pages.c.run_id == run.id, pages.c.state == PageState.PARKED
    )
    with ctx.store.write() as connection:
        if (connection.scalar(parked) or 0) >= MAX_SINGLE_RECORDS:
            return []
        halves = []
        for which, ids in enumerate((page.ids[:middle], page.ids[middle:])):
            seq = -2 * page.id - which  # the reader counts up meanwhile
            half = stored_pages.store_page(connection, ctx, run.id, page.object, ids, None, seq)
            halves.append(half)
            connection.execute(
                sa.update(pages)
                .where(pages.c.id == half)
                .values(attempts=ctx.settings.sync.page_attempts - 1)
            )
            connection.execute(
                sa.update(writes)
                .where(writes.c.page_id == page.id, any_of(writes.c.record_id, ids))
                .values(page_id=half)
            )
        connection.execute(sa.delete(pages).where(pages.c.id == page.id))
    return halves


def quarantine(ctx: Context, run: Run, page: LeasedPage, error: Exception) -> None:
    """Set a page aside that cannot be processed; its contacts stay listed for later runs."""
    message = f"its page failed {page.attempts} times: {place(error)}"
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(pages)
            .where(pages.c.id == page.id)
            .values(
                state=PageState.PARKED,
                owner=None,
                lease_expires_at=None,
                payload=None,
                read=len(page.ids),
                changed=len(page.ids),
                failed=len(page.ids),
                error=f"{message}: {error}"[:2000],
            )
        )
        if not run.dry_run:
            page_failures = [Failure(record_id, "page", message, True) for record_id in page.ids]
            failures.record(connection, run, page.object, page_failures, ctx.now())
