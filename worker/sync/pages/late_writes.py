"""Find flags that a write of ours may have set late.

A request that got no answer (a time-out, a cut connection) may still be under way: the CRM can
carry it out after we have sent it again or read the record again, and after a person has changed
it. What it sets then looks like that person's doing. So for ten minutes a flag that such a write
carries is nobody's word: one that it sets stays set, for in doubt nobody is contacted, and one that
it clears is set again.

Salesforce ends a REST call after ten minutes ("API Request Limits and Allocations", API Timeout
Limits: developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/
salesforce-app-limits-platform-api.html). HubSpot documents no limit: ten minutes are a guess there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import crm_flags
from worker.store.array_param import any_of
from worker.store.tables import writes
from worker.sync.write.crm_writes import Outcome

LATEST = timedelta(minutes=10)
_LONGEST = 1900  # characters of a CRM's message that are kept
# Messages of writes whose answer never came, by which they are found again.
UNANSWERED = "the CRM did not answer; the record was read again"
ORPHANED = "the run ended before the CRM had answered, and the record does not hold it"
SENT_AGAIN = "the CRM did not answer at first; it was sent again"

LateFlags = Mapping[
    str, frozenset[tuple[str, bool]]
]  # record id -> flags and values of such writes


def message_of(outcome: Outcome) -> str | None:
    """Return the message to keep with a write, by which `find` finds one that was sent again."""
    text = outcome.message[:_LONGEST]
    if outcome.sent_again:
        return f"{text}; {SENT_AGAIN}" if text else SENT_AGAIN
    return text or None


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
        sa.or_(w.message.in_((UNANSWERED, ORPHANED)), w.message.endswith(SENT_AGAIN)),
        w.at >= now - LATEST,
    )
    by_record: dict[str, frozenset[tuple[str, bool]]] = {}
    for row in connection.execute(query):
        carried = frozenset(crm_flags.flags_of(row.after).items())
        by_record[row.record_id] = by_record.get(row.record_id, frozenset()) | carried
    return by_record
