"""Writes whose answer never came: by which messages they are found, and how long they count.

Salesforce ends a REST call after ten minutes ("API Request Limits and Allocations", API Timeout
Limits: developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/
salesforce-app-limits-platform-api.html). HubSpot documents no limit: ten minutes are a guess there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.store.tables import writes

LATEST = timedelta(minutes=10)  # after it was settled, a CRM may still carry out such a write

UNANSWERED = "the CRM did not answer; the record was read again"
ORPHANED = "the run ended before the CRM had answered, and the record does not hold it"
SENT_AGAIN = "the CRM did not answer at first; it was sent again"
CROSSED = "another write of ours was under way; which one the CRM took last is not known"


def given_up_since(since: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a write was given up since then: the CRM may carry it out yet."""
    w = writes.c
    return sa.and_(
        w.message.in_((UNANSWERED, ORPHANED)), sa.func.coalesce(w.settled_at, w.at) >= since
    )
