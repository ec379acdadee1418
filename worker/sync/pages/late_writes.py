"""Find flags that a write of ours may have set late.

A request that we gave up on (a time-out, a cut connection) may still be under way: the CRM can
carry it out after we have read the record again, and after a person has changed it. What it sets
then looks like that person's doing. Salesforce ends a request after ten minutes ("Salesforce
Developer Limits and Allocations Quick Reference", API request limits); HubSpot names no limit. So
for ten minutes a flag that such a write carries is nobody's word: one that it sets stays set, for
in doubt nobody is contacted, and one that it clears is set again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import crm_flags
from worker.store.array_param import any_of
from worker.store.tables import writes

LATEST = timedelta(minutes=10)
NOT_APPLIED = "not_applied"  # state of a write that the record did not hold when it was read again
# Messages of writes whose answer never came, by which they are found again.
UNANSWERED = "the CRM did not answer; the record was read again"
ORPHANED = "the run ended before the CRM had answered, and the record does not hold it"

LateFlags = Mapping[
    str, frozenset[tuple[str, bool]]
]  # record id -> flags and values of such writes


def find(
    connection: Connection,
    connector: str,
    object_name: str,
    record_ids: Sequence[str],
    now: datetime,
) -> LateFlags:
    """Return the flags that unanswered writes of the last minutes carry, by record; mostly none."""
    w = writes.c
    query = sa.select(w.record_id, w.after).where(
        w.connector == connector,
        w.object == object_name,
        any_of(w.record_id, record_ids),
        w.message.in_((UNANSWERED, ORPHANED)),
        w.at >= now - LATEST,
    )
    found: dict[str, frozenset[tuple[str, bool]]] = {}
    for row in connection.execute(query):
        carried = frozenset(crm_flags.flags_of(row.after).items())
        found[row.record_id] = found.get(row.record_id, frozenset()) | carried
    return found
