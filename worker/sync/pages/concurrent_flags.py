"""Find flags that two pages are about to write to one record, before the second one does.

A page decides by what it has read. Where another page has written the same flag since then, a
person may have cleared it again, and a second write would set it once more on the same evidence
(promise 9). From the record alone nobody could tell afterwards. So the second page leaves such a
record alone, and a run of its own looks at it a little later.

The rows of the index stay locked until the pending writes are stored, so that of two pages one
finds the other's. A record that the index does not know yet has no row to lock, but we have never
written a flag of it either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import crm_flags
from worker.store.array_param import any_of
from worker.store.states import WriteState
from worker.store.tables import contacts, writes
from worker.sync.contact_index import IndexedContact
from worker.sync.pages.steps import EvaluatedPage


def find(connection: Connection, evaluated: EvaluatedPage) -> set[str]:
    """Return the ids of records whose updates have to wait. Of a page without a flag to write,
    which most are, this asks the database nothing."""
    flags = {
        update.id: flags.keys()
        for update in evaluated.updates
        if (flags := crm_flags.flags_of(update.values))
    }
    if not flags:
        return set()
    return _noted_since(connection, evaluated, flags) | _in_flight(connection, evaluated, flags)


def _noted_since(
    connection: Connection, evaluated: EvaluatedPage, flags: Mapping[str, Collection[str]]
) -> set[str]:
    """Return records of which the index says another thing of such a flag than when the page was
    read."""
    run, c = evaluated.work.run, contacts.c
    query = (
        sa.select(c.record_id, c.last_seen_flags)
        .where(
            c.connector == run.connector,
            c.object == evaluated.work.page.object,
            any_of(c.record_id, sorted(flags)),
        )
        .order_by(c.record_id)
        .with_for_update()
    )
    known = evaluated.prepared.taken_over.known
    return {
        record_id
        for record_id, now in connection.execute(query)
        if any(
            now.get(flag, False) != _stored(known, record_id).get(flag, False)
            for flag in flags[record_id]
        )
    }


def _stored(known: Mapping[str, IndexedContact], record_id: str) -> Mapping[str, bool]:
    indexed = known.get(record_id)
    return {} if indexed is None else indexed.stored_flags


def _in_flight(
    connection: Connection, evaluated: EvaluatedPage, flags: Mapping[str, Collection[str]]
) -> set[str]:
    """Return records of which another page's pending write holds such a flag."""
    run, page, w = evaluated.work.run, evaluated.work.page, writes.c
    query = sa.select(w.record_id, w.after).where(
        w.connector == run.connector,
        w.object == page.object,
        any_of(w.record_id, sorted(flags)),
        w.state == WriteState.PENDING,
        sa.or_(w.page_id.is_(None), w.page_id != page.id),
    )
    return {
        record_id
        for record_id, after in connection.execute(query)
        if crm_flags.flags_of(after).keys() & flags[record_id]
    }
