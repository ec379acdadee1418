"""Isolate bad segments, have them audited by a deeper run, and keep the counts before and after.

While a segment is isolated, its numbers count as audited: steps of the chain that are
`only_audited` check them, within the budget. Its contacts are flagged if the settings name a field
for it (`connectors.NAME.fields.isolated`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.segments import SEGMENTS
from worker.context import Context
from worker.segments.statistics import exceeds_threshold, share
from worker.store.tables import isolations, segment_counts

log = logging.getLogger(__name__)

AUDIT = "audit"  # who opens its runs
# Why a segment was released whose connection is gone: nobody has found it good again.
CONNECTION_REMOVED = "its connection was removed, and the records were dropped"


class NoSuchSegmentError(HygieneError):
    exit_code = 2
    http_status = 404


@dataclass(frozen=True, slots=True)
class Isolation:
    """A row of the table."""

    id: int
    connector: str
    by: str
    value: str
    since: datetime
    isolated_by: str
    why: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    run_id: str | None
    audited_at: datetime | None
    released_at: datetime | None
    released_by: str
    released_why: str

    @property
    def name(self) -> str:
        return f"{self.by}={self.value}"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "connector": self.connector, "by": self.by, "value": self.value,
            "since": self.since.isoformat(), "isolated_by": self.isolated_by or None,
            "why": self.why, "before": self.before, "after": self.after, "run": self.run_id,
            "audited_at": self.audited_at.isoformat() if self.audited_at else None,
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "released_by": self.released_by or None, "released_why": self.released_why or None,
        }  # fmt: skip


def as_isolation(row: Any) -> Isolation:
    values = dict(row._mapping)
    del values["active_key"]
    return Isolation(**values)


def active(ctx: Context, limit: int = 200) -> list[Isolation]:
    """List the segments that are isolated now, the newest first."""
    c = isolations.c
    query = sa.select(isolations).where(c.active_key.is_not(None)).order_by(c.id.desc())
    with ctx.store.read() as connection:
        return [as_isolation(row) for row in connection.execute(query.limit(limit))]


def active_of(ctx: Context, connector: str) -> list[int]:
    """Return the ids of a connection's segments that are isolated now."""
    c = isolations.c
    query = sa.select(c.id).where(c.connector == connector, c.active_key.is_not(None))
    with ctx.store.read() as connection:
        return list(connection.scalars(query.order_by(c.id)))


def connectors_with_active(connection: Connection) -> list[str]:
    """Return the connections with an isolated segment."""
    c = isolations.c
    query = sa.select(c.connector).where(c.active_key.is_not(None)).distinct()
    return list(connection.scalars(query.order_by(c.connector)))


def history(ctx: Context, limit: int = 100) -> list[Isolation]:
    query = sa.select(isolations).order_by(isolations.c.id.desc()).limit(limit)
    with ctx.store.read() as connection:
        return [as_isolation(row) for row in connection.execute(query)]


def isolate_bad_segments(ctx: Context) -> list[Isolation]:
    """Isolate segments that the last count shows to be bad; return the new ones. A segment that a
    person released stays free until its share has grown."""
    settings = ctx.settings.segments
    if not settings.isolate:
        return []
    c = segment_counts.c
    counts: dict[str, dict[tuple[str, str], tuple[int, int]]] = {}
    details: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    with ctx.store.read() as connection:
        # No other connection's contacts are written, nor audited.
        connectors = sorted(ctx.settings.active_connectors)
        judged = sa.and_(c.by.in_(settings.by), c.connector.in_(connectors))
        for row in connection.execute(sa.select(segment_counts).where(judged)):
            counts.setdefault(row.by, {})[row.connector, row.value] = (row.bad, row.numbers)
            details[row.by, row.connector, row.value] = _counts(row)
    active_keys = {
        (isolation.by, isolation.connector, isolation.value) for isolation in active(ctx, 10_000)
    }
    forgiven = _released_at_rate(ctx)
    newly_isolated = []
    # The doubt that is allowed is one for the whole count: each kind of segment has its part.
    confidence = 1 - (1 - settings.confidence) / max(1, len(counts))
    for by, kind_counts in counts.items():
        for connector, value in exceeds_threshold(
            kind_counts, settings.threshold, settings.least, confidence
        ):
            key = (by, connector, value)
            bad, of = kind_counts[connector, value]
            if key in active_keys or share(bad, of).low <= forgiven.get(key, -1.0):
                continue
            why = _describe(bad, of, settings.threshold, settings.confidence)
            isolation = isolate(ctx, connector, by, value, why, details[key])
            if isolation is not None:
                newly_isolated.append(isolation)
    return newly_isolated


def _describe(bad: int, of: int, threshold: float, confidence: float) -> str:
    """Say why a segment is isolated; reads on after "Purchased List is isolated: ".

    >>> _describe(224, 490, 0.2, 0.99)
    '46% of its phone numbers are bad (224 of 490; at least 40% with 99% confidence; limit 20%)'
    """
    # The lower bound alone: the interval's other end may take as much of the doubt again.
    seen = share(bad, of, 2 * confidence - 1)
    return (
        f"{seen.rate:.0%} of its phone numbers are bad ({bad:,} of {of:,}; at least {seen.low:.0%} "
        f"with {confidence * 100:.4g}% confidence; limit {threshold:.0%})"
    )


def _released_at_rate(ctx: Context) -> dict[tuple[str, str, str], float]:
    """Return segments that a person released, with the upper end of their share at that time."""
    rates: dict[tuple[str, str, str], float] = {}
    for isolation in reversed(history(ctx, 1000)):
        if isolation.released_at is not None and isolation.released_why != CONNECTION_REMOVED:
            last = isolation.after or isolation.before
            rates[isolation.by, isolation.connector, isolation.value] = share(
                last["bad"], last["numbers"]
            ).high
    return rates


def isolate(
    ctx: Context, connector: str, by: str, value: str, why: str,
    before: Mapping[str, Any] | None = None, who: str = "",
) -> Isolation | None:  # fmt: skip
    """Isolate a segment; return None if it is already. Raises `NoSuchSegmentError`."""
    before = before or counts_of(ctx, connector, by, value)
    row = {
        "active_key": f"{connector}:{by}={value}"[:320], "connector": connector, "by": by,
        "value": value, "since": ctx.now(), "isolated_by": who[:120], "why": why[:255],
        "before": dict(before),
    }  # fmt: skip
    try:
        with ctx.store.write() as connection:
            inserted = connection.execute(sa.insert(isolations).values(**row))
            assert inserted.inserted_primary_key is not None
            place = inserted.inserted_primary_key[0]
            query = sa.select(isolations).where(isolations.c.id == place)
            return as_isolation(connection.execute(query).one())
    except sa.exc.IntegrityError:
        return None


def release(ctx: Context, isolation_id: int, who: str, why: str) -> Isolation:
    """Let a segment go; its contacts lose their flag at once where they have one. Raises
    `NoSuchSegmentError`."""
    c = isolations.c
    with ctx.store.write() as connection:
        done = connection.execute(
            sa.update(isolations)
            .where(c.id == isolation_id, c.active_key.is_not(None))
            .values(
                active_key=None,
                released_at=ctx.now(),
                released_by=who[:120],
                released_why=why[:255],
            )
        )
        row = connection.execute(sa.select(isolations).where(c.id == isolation_id)).one_or_none()
    if row is None or done.rowcount != 1:
        raise NoSuchSegmentError("no such segment is isolated")
    return as_isolation(row)


def counts_of(ctx: Context, connector: str, by: str, value: str) -> Mapping[str, Any]:
    """Return a segment's last counts. Raises `NoSuchSegmentError`."""
    c = segment_counts.c
    query = sa.select(segment_counts).where(c.by == by, c.connector == connector, c.value == value)
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        kinds = ", ".join(SEGMENTS)
        raise NoSuchSegmentError(
            f"{connector} has no segment {by}={value} (by: {kinds}; hygiene segments lists them)"
        )
    return _counts(row)


def _counts(row: Any) -> Mapping[str, Any]:
    return {
        "contacts": row.contacts, "numbers": row.numbers, "bad": row.bad,
        "statuses": row.statuses, "reports": row.reports,
    }  # fmt: skip


def flags_contacts(ctx: Context, connector: str) -> bool:
    """Return whether the CRM has a field that marks contacts of isolated segments."""
    return bool(ctx.settings.section(connector).fields.isolated)
