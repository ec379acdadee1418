"""Leave records alone for a moment, because another write of ours may be under way.

A run of its own looks at them a little later. Until then their reports are not confirmed: what a
CRM has confirmed counts as visible to its users, and a flag that one of them clears would lift a
stop that was not on the record yet.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.engine import Connection

from worker.store import changed_records, outbox
from worker.sync.pages.steps import PageWork

RECHECK_DELAY = timedelta(seconds=5)


def defer(connection: Connection, work: PageWork, record_ids: Collection[str]) -> None:
    """Have these records of the page's object looked at again."""
    if not record_ids:
        return
    run, object_name, ids = work.run, work.page.object, sorted(record_ids)
    again_at = work.ctx.now() + RECHECK_DELAY
    changed_records.record(connection, run.connector, object_name, ids, again_at)
    outbox.release(connection, run.connector, run.id, object_name, ids, again_at)
