"""Query segments with their shares and intervals, for the command line, the API and the pages."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from config.segments import By
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.segments import campaign_outcomes, isolation
from worker.segments.counters import REPORTS
from worker.segments.statistics import share
from worker.store.tables import daily_counts, segment_counts, shared_numbers

_SHARES: tuple[str, ...] = (*BAD_STATUSES, "do_not_contact")
_PARTS: tuple[str, ...] = (*_SHARES, "unverified", "valid")


def list_segments(
    ctx: Context, by: By, limit: int = 200, connector: str = ""
) -> list[dict[str, Any]]:
    """List the segments of a kind, sorted by the lower bound of the confidence interval, so small
    ones don't rank high by chance."""
    c = segment_counts.c
    query = sa.select(segment_counts).where(c.by == by)
    if connector:
        query = query.where(c.connector == connector)
    return _describe(ctx, by, query, limit)


def find_segment(ctx: Context, by: By, connector: str, value: str) -> dict[str, Any] | None:
    """One segment, described as in the list; None where no contact is in it."""
    c = segment_counts.c
    query = sa.select(segment_counts).where(c.by == by, c.connector == connector, c.value == value)
    segments = _describe(ctx, by, query, 1)
    return segments[0] if segments else None


def _describe(ctx: Context, by: By, query: sa.Select[Any], limit: int) -> list[dict[str, Any]]:
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    isolations = {
        (isolated.connector, isolated.by, isolated.value): isolated
        for isolated in isolation.active(ctx, 10_000)
    }
    segments = []
    for row in rows:
        bad = share(row.bad, row.numbers)
        isolated = isolations.get((row.connector, by, row.value))
        segments.append(
            {
                "by": by, "value": row.value, "connector": row.connector,
                "contacts": row.contacts, "numbers": row.numbers, "bad": row.bad,
                "rate": round(bad.rate, 4), "low": round(bad.low, 4), "high": round(bad.high, 4),
                "statuses": {name: row.statuses.get(name, 0) for name in _PARTS},
                "reports": dict(row.reports),
                "rates": _rates(row),
                "isolated": isolated.since.isoformat() if isolated else None,
                "isolation": isolated.id if isolated else None,
            }
        )  # fmt: skip
    segments.sort(key=lambda segment: (-segment["low"], -segment["rate"], segment["value"]))
    segments = segments[:limit]
    if by == "campaign":
        totals = campaign_outcomes.totals(ctx, [segment["value"] for segment in segments])
        for segment in segments:
            segment["outcomes"] = totals.get(segment["value"])
    return segments


def _rates(row: Any) -> dict[str, dict[str, float]]:
    """Return each status' share of the phone fields, and each report's of the contacts, with
    intervals."""
    of_fields = {name: (row.statuses.get(name, 0), row.numbers) for name in _SHARES}
    of_contacts = {name: (row.reports.get(name, 0), row.contacts) for name in REPORTS}
    rates = {}
    # A number may be bad and reported: each share stands by itself.
    for name, (count_, of) in {**of_contacts, **of_fields}.items():
        interval = share(min(count_, of), of)
        rates[name] = {
            "rate": round(interval.rate, 4), "low": round(interval.low, 4),
            "high": round(interval.high, 4),
        }  # fmt: skip
    return rates


def trend(ctx: Context, days: int = 60) -> list[dict[str, Any]]:
    """Return the statuses of all phone fields by day, and how many went bad on it (None where that
    was not counted), oldest first, over all connectors."""
    c = daily_counts.c
    latest = sa.select(c.day).distinct().order_by(c.day.desc()).limit(days)
    query = sa.select(daily_counts).where(c.day.in_(latest)).order_by(c.day)
    by_day: dict[str, dict[str, Any]] = {}
    with ctx.store.read() as connection:
        for row in connection.execute(query):
            day = by_day.setdefault(
                row.day, {"day": row.day, "contacts": 0, "statuses": {}, "went_bad": None}
            )
            day["contacts"] += row.contacts
            if row.went_bad is not None:
                day["went_bad"] = (day["went_bad"] or 0) + row.went_bad
            for status, number in row.statuses.items():
                day["statuses"][status] = day["statuses"].get(status, 0) + number
    return list(by_day.values())


def list_shared_numbers(ctx: Context, limit: int = 100) -> list[dict[str, Any]]:
    """List numbers that many contacts hold, the most shared first."""
    c = shared_numbers.c
    query = sa.select(shared_numbers).order_by(c.holders.desc(), c.number).limit(limit)
    with ctx.store.read() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]
