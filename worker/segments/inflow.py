"""Count the phone fields that went bad, by the log of writes.

A day's counts of statuses say only what is left at its end: a hundred fields that went bad and a
hundred that were corrected leave no trace in them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.diff import went_bad
from worker.decisions.model import BAD_STATUSES
from worker.store.states import WriteState
from worker.store.tables import runs, writes

_ROWS_AT_ONCE = 2_000


def runs_at_work(begin: datetime, end: datetime) -> sa.Select[Any]:
    """Select the runs, dry ones apart, that were at work in a span of time."""
    c = runs.c
    return sa.select(c.id).where(
        c.opened_at < end,
        sa.or_(c.finished_at.is_(None), c.finished_at >= begin),
        c.dry_run.is_(False),
    )


def count_went_bad(connection: Connection, begin: datetime, end: datetime) -> Counter[str]:
    """Count how often a phone field went bad in a span of time, by connector; a field that is bad
    when it is first read counts. Reads only writes that made a status bad."""
    w = writes.c
    after = sa.cast(w.after, sa.Text)
    query = sa.select(w.connector, w.before, w.after).where(
        w.run_id.in_(runs_at_work(begin, end)),
        w.state == WriteState.DONE,
        w.at >= begin,
        w.at < end,
        sa.or_(*(after.like(f'%"{status}"%') for status in BAD_STATUSES)),
    )
    counts: Counter[str] = Counter()
    for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        fields = went_bad(row.before or {}, row.after or {})
        counts[row.connector] += sum(map(len, fields.values()))
    return counts
