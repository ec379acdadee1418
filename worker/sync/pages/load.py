"""Load the contacts of a page: as the reader found them, or fetched again from the CRM."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from connectors.records import Contact
from connectors.rows import once_each
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.sync.pages import lease, pending_writes
from worker.sync.pages.steps import LoadedPage, PageWork


def load(work: PageWork) -> LoadedPage:
    """Take the stored contacts of the page, or fetch them where they are old, or it was tried."""
    page, now = work.page, work.ctx.now()
    if page.contacts is not None and page.attempts == 1 and not _is_stale(work, now):
        return LoadedPage(work, page.contacts, now)
    contacts = _fetch(work)
    if page.attempts > 1:
        _resolve_pending_writes(work, contacts)
    return LoadedPage(work, contacts, now)


def fetch_again(work: PageWork) -> LoadedPage:
    """Fetch the contacts of the page as they are now."""
    now = work.ctx.now()
    return LoadedPage(work, _fetch(work), now)


def _is_stale(work: PageWork, now: datetime) -> bool:
    stored_at = work.page.stored_at
    return now - stored_at > work.ctx.settings.sync.reread_after or now < stored_at


def _fetch(work: PageWork) -> list[Contact]:
    lease.require(work)
    if work.page.object in work.ctx.fields[work.connector.name].lost_objects:
        return []  # the whole object is hidden from our user
    return [*once_each(work.connector.fetch(work.page.object, work.page.ids))]


def _resolve_pending_writes(work: PageWork, fetched: Sequence[Contact]) -> None:
    """After a crash: what had not reached the CRM is decided again.

    What an earlier attempt has given up may have reached it since.
    """
    page, now = work.page, work.ctx.now()
    current = {contact.id: contact.values() for contact in fetched}
    in_doubt = writes.c.state.in_((WriteState.PENDING, WriteState.NOT_APPLIED))
    pending = sa.select(writes).where(writes.c.page_id == page.id, in_doubt).order_by(writes.c.id)
    with work.ctx.store.write() as connection:
        lease.hold(connection, work)
        # Of a record that was not returned, nobody can tell whether it holds what was written.
        rows = [row for row in connection.execute(pending) if row.record_id in current]
        not_applied = pending_writes.resolve(
            connection, work.run.connector, page.object, rows, current, now
        )
        pending_writes.mark_not_applied(connection, not_applied, now)
