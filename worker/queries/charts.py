"""What the pages plot: figures over time, as they were kept.

Nothing is made up for the time before: a chart starts with its first figure and says since when
there are any.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Literal

import sqlalchemy as sa

from config.segments import By
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.segments import counters, queries
from worker.segments.statistics import share
from worker.store.outbox import DeliveryState
from worker.store.tables import deliveries, feedback, pages, segment_history
from worker.verification import spend_report

STATUSES = ("valid", "unverified", "unreachable", "invalid", "wrong_number", "do_not_contact")
_DAYS = 90
_WEEKS = 26
_SPEND_DAYS = 30
_MOST_DELIVERIES = 50_000  # of the newest; beyond them the median hardly moves
_MOST_PARTS = 10
MAX_POINTS = 240  # points of a run's plot: as many as a screen shows

Value = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """`values`: one for each `x` of its chart; None where nothing is known."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`x`: days (ISO) or moments (ISO, UTC). `unit`: of all values, such as "%" or "USD". `note`:
    what a reader must know to read it rightly."""

    name: str
    title: str
    unit: str
    x: tuple[str, ...]
    series: tuple[Series, ...]
    kind: Literal["lines", "bars"] = "lines"
    note: str = ""

    @property
    def since(self) -> str:
        return self.x[0] if self.x else ""

    def rows(self) -> Iterable[tuple[str, tuple[Value, ...]]]:
        """The table behind it, the newest first."""
        columns = [line.values for line in self.series]
        for place in range(len(self.x) - 1, -1, -1):
            yield self.x[place], tuple(column[place] for column in columns)


def status_shares(ctx: Context) -> Chart:
    """The share of each status of all phone fields, by day."""
    days = queries.trend(ctx, _DAYS)
    present = {status for day in days for status, count in day["statuses"].items() if count}
    wholes = [sum(day["statuses"].values()) for day in days]
    return Chart(
        "statuses",
        "Status of phone fields",
        "%",
        tuple(day["day"] for day in days),
        tuple(
            Series(
                status,
                tuple(
                    round(100 * day["statuses"].get(status, 0) / whole, 2) if whole else None
                    for day, whole in zip(days, wholes, strict=True)
                ),
            )
            for status in STATUSES
            if status in present
        ),
    )


def bad_by_week(ctx: Context) -> Chart:
    """How many phone fields went bad in a week, and how many more were bad at its end than at its
    beginning."""
    ends: dict[str, int] = {}
    went_bad: dict[str, float] = {}
    days = queries.trend(ctx, 7 * _WEEKS)
    for day in days:  # the oldest first: the last of a week stays
        week = _monday(day["day"])
        ends[week] = sum(day["statuses"].get(name, 0) for name in BAD_STATUSES)
        if day["went_bad"] is not None:
            went_bad[week] = went_bad.get(week, 0.0) + day["went_bad"]
    weeks = list(ends)
    inflow = Series("went bad", tuple(went_bad.get(week) for week in weeks[1:]))
    change = Series("net change", tuple(float(ends[b] - ends[a]) for a, b in pairwise(weeks)))
    shown = (inflow, change) if any(value is not None for value in inflow.values) else (change,)
    return Chart(
        "bad",
        "Bad phone fields by week",
        "fields",
        tuple(weeks[1:]),
        shown if len(weeks) > 1 else (),
        kind="bars",
        note="A phone field is bad when its number is invalid, unreachable or wrong. Went bad: how "
        "many turned bad during the week, including new ones that were bad from the start. Net "
        "change: those, less the fields that were fixed or deleted.",
    )


def reports_by_week(ctx: Context) -> Chart:
    """How many reports came in, by kind."""
    c = feedback.c
    first = _weeks_ago(ctx.now())
    totals: dict[str, dict[str, int]] = {}
    with ctx.store.read() as connection:
        day = _day_of(c.received_at, connection.dialect.name)
        query = sa.select(day, c.kind, sa.func.count()).where(c.received_at >= first)
        for on, kind, count in connection.execute(query.group_by(day, c.kind)):
            week = totals.setdefault(_monday(str(on)), defaultdict(int))
            week[kind] += count
    weeks = _each_week(totals)
    kinds = sorted({kind for week in totals.values() for kind in week})
    return Chart(
        "reports",
        "Reports received",
        "reports",
        weeks,
        tuple(
            Series(kind, tuple(float(totals.get(week, {}).get(kind, 0)) for week in weeks))
            for kind in kinds
        ),
    )


def delays_by_week(ctx: Context) -> Chart:
    """How long it took from a report to the CRM's confirmation: half of them, and the slowest."""
    c = deliveries.c
    delays: dict[str, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    with ctx.store.read() as connection:
        dialect = connection.dialect.name
        # The database works out days and delays, and counts those that are alike: each of many
        # rows would take Python longer.
        newest = (
            sa.select(
                c.connector,
                _day_of(c.confirmed_at, dialect).label("day"),
                _tenths(c.since, c.confirmed_at, dialect).label("delay"),
            )
            .where(c.state == DeliveryState.DONE, c.confirmed_at >= _weeks_ago(ctx.now()))
            .order_by(c.id.desc())
            .limit(_MOST_DELIVERIES)
            .subquery()
        )
        row = newest.c
        query = sa.select(row.connector, row.day, row.delay, sa.func.count())
        for name, day, delay, count in connection.execute(
            query.group_by(row.connector, row.day, row.delay)
        ):
            delays[_monday(day)][name][max(0, delay)] += count
    weeks = _each_week(delays)
    names = sorted({name for week in delays.values() for name in week})
    described: tuple[tuple[str, Callable[[Counter[int]], float]], ...] = (
        ("median", _median),
        ("slowest", max),
    )
    return Chart(
        "delays",
        "Time from a report to the CRM",
        "s",
        weeks,
        tuple(
            Series(
                f"{name}, {word}",
                tuple(
                    round(of(delays[week][name]) / 10, 1)
                    if delays.get(week, {}).get(name)
                    else None
                    for week in weeks
                ),
            )
            for name in names
            for word, of in described
        ),
    )


def _median(counts: Counter[int]) -> float:
    """The median of values of which each comes so many times.

    >>> _median(Counter({1: 5, 8: 1, 100: 4}))
    4.5
    """
    values = sorted(counts)
    ends = [*accumulate(counts[value] for value in values)]
    low, high = (ends[-1] + 1) // 2, ends[-1] // 2 + 1  # the places of the middle, from 1
    return (values[bisect_left(ends, low)] + values[bisect_left(ends, high)]) / 2


def spend_by_day(ctx: Context) -> Chart:
    """What lookups cost, by provider, with the day's budget."""
    now, verification = ctx.now(), ctx.settings.verification
    with ctx.store.read() as connection:
        report = spend_report.report(connection, ctx.providers, verification, now, _SPEND_DAYS)
    costs = {(row["day"], row["provider"]): row["cost"] for row in report["days"]}
    if not costs:
        return Chart("spend", "Spend by day", report["currency"], (), ())
    first = date.fromisoformat(min(day for day, _ in costs))
    days = tuple(
        (first + timedelta(days=n)).isoformat() for n in range((now.date() - first).days + 1)
    )
    lines = [
        Series(
            ctx.providers.labels.get(name, name), tuple(costs.get((day, name), 0.0) for day in days)
        )
        for name in sorted({name for _, name in costs})
    ]
    cap = verification.budget.day
    if cap is not None:
        lines.append(Series("the day's budget", (float(cap),) * len(days)))
    return Chart("spend", "Spend by day", report["currency"], days, tuple(lines))


def throughput(ctx: Context, run_id: str) -> Chart:
    """How many contacts a second a run has read."""
    c = pages.c
    query = sa.select(c.stored_at, c.size).where(c.run_id == run_id).order_by(c.stored_at)
    with ctx.store.read() as connection:
        stored = connection.execute(query).all()
    title = "Contacts read per second"
    if len(stored) < 2:
        return Chart("throughput", title, "contacts/s", (), ())
    begin, end = stored[0].stored_at, stored[-1].stored_at
    step = max(1.0, (end - begin).total_seconds() / MAX_POINTS)
    counts = [0] * (int((end - begin).total_seconds() / step) + 1)
    for row in stored:
        counts[int((row.stored_at - begin).total_seconds() / step)] += row.size
    return Chart(
        "throughput",
        title,
        "contacts/s",
        tuple((begin + timedelta(seconds=n * step)).isoformat() for n in range(len(counts))),
        (Series("read", tuple(round(count / step, 1) for count in counts)),),
    )


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    count: int
    share: float


def number_origins(ctx: Context) -> dict[str, list[Part]]:
    """Where numbers come from: {"country": .., "line type": ..}, the largest part first. What is
    beyond the largest ten is one part."""
    origins = counters.load_origins(ctx)
    whole = sum(count for _, _, count in origins)
    parts = {}
    for title, column in (("country", 0), ("line type", 1)):
        totals: dict[str, int] = defaultdict(int)
        for entry in origins:
            totals[str(entry[column]) or "unknown"] += entry[2]
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        listed = ordered[:_MOST_PARTS]
        if rest := sum(count for _, count in ordered[_MOST_PARTS:]):
            listed.append(("others", rest))
        parts[title] = [Part(name, count, count / whole) for name, count in listed if count]
    return parts


def segment_by_week(ctx: Context, connector: str, by: By, value: str) -> Chart:
    """The share of bad phone fields in a segment, with its interval."""
    c = segment_history.c
    query = (
        sa.select(segment_history)
        .where(c.connector == connector, c.by == by, c.value == value)
        .order_by(c.week)
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    shares = [share(row.bad, row.numbers) for row in rows]
    return Chart(
        "segment",
        "Bad phone fields",
        "%",
        tuple(row.week for row in rows),
        (
            Series("bad", tuple(round(100 * week_share.rate, 2) for week_share in shares)),
            Series("at least", tuple(round(100 * week_share.low, 2) for week_share in shares)),
            Series("at most", tuple(round(100 * week_share.high, 2) for week_share in shares)),
        )
        if rows
        else (),
        note="At least and at most: the 95% confidence interval. Each week shows the figures at "
        "its end.",
    )


# -- days and weeks -------------------------------------------------------------------------


def _monday(day: str) -> str:
    """
    >>> _monday("2026-11-28")
    '2026-11-23'
    """
    parsed = date.fromisoformat(day)
    return (parsed - timedelta(days=parsed.weekday())).isoformat()


def _weeks_ago(now: datetime) -> datetime:
    monday = now - timedelta(days=now.weekday(), weeks=_WEEKS - 1)
    return monday.replace(hour=0, minute=0, second=0, microsecond=0)


def _each_week(by_week: Mapping[str, Any]) -> tuple[str, ...]:
    """All weeks from the first one to the last one, also those without anything."""
    if not by_week:
        return ()
    first, last = date.fromisoformat(min(by_week)), date.fromisoformat(max(by_week))
    return tuple(
        (first + timedelta(weeks=n)).isoformat() for n in range((last - first).days // 7 + 1)
    )


def _day_of(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[str]:
    """The day (UTC) of a moment, worked out by the database."""
    if dialect == "postgresql":
        return sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM-DD")
    return sa.func.substr(sa.cast(column, sa.Text), 1, 10)


def _tenths(
    begin: sa.ColumnElement[Any], end: sa.ColumnElement[Any], dialect: str
) -> sa.ColumnElement[int]:
    """The time from one moment to another in tenths of a second, worked out by the database."""
    if dialect == "postgresql":
        seconds: Any = sa.extract("epoch", end - begin)
        return sa.cast(sa.func.round(seconds * 10), sa.BigInteger)
    # Days, as SQLite reads a moment fastest; to the millisecond.
    days: Any = sa.func.julianday(sa.cast(end, sa.Text)) - sa.func.julianday(
        sa.cast(begin, sa.Text)
    )
    return sa.cast(sa.func.round(days * 864_000), sa.BigInteger)
