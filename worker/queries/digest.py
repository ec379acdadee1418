"""What happened in a week: what changed, what went bad, what needs a person, what it cost.

Counts alone, and names of segments with whatever looks like a number or an address in them masked
(promise 13). What is "now" is as it stands when it is asked; all else is of the week, from its
Monday on (`begin`) to before the next one (`end`). Days of counts and money are days in UTC.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from config.logging_setup import redact
from worker.alerts import notifier
from worker.alerts.weeks import Week
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.feedback import review_queue
from worker.queries.digest_model import (
    BadSource,
    Cap,
    Checked,
    Cost,
    Delivered,
    Digest,
    Failing,
    Isolated,
    NewlyBad,
    PausedAsk,
    Reviews,
    Statuses,
)
from worker.segments import isolation, queries
from worker.segments.inflow import runs_at_work
from worker.store.bulk import chunks
from worker.store.outbox import DeliveryState
from worker.store.states import WriteState
from worker.store.tables import (
    UtcDateTime,
    ask_campaigns,
    contacts,
    daily_counts,
    deliveries,
    failures,
    feedback,
    isolations,
    pages,
    runs,
    spend,
    writes,
)
from worker.suppression.evidence import deadline
from worker.verification import budget, spend_report

_MOST = 8  # lines of a list
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_NO_SOURCE = "(no source)"


def weekly(ctx: Context, week: Week) -> Digest:
    """Read all of it. Raises `ValueError` for a week that has not begun."""
    now = ctx.now()
    begin, end = week.bounds(ctx.settings.alerts.digest.tz)
    if begin > now:
        raise ValueError(f"{week} has not begun")
    settings = ctx.settings.verification
    alerts = Counter(alert["kind"] for alert in notifier.active(ctx, 10_000))
    with ctx.store.snapshot() as connection:
        spent = spend_report.report(connection, ctx.providers, settings, now, 1)
        return Digest(
            week=str(week),
            begin=begin,
            end=end,
            over=end <= now,
            checked=tuple(_checked(connection, begin, end)),
            statuses=tuple(_statuses(connection, week)),
            newly_bad=_newly_bad(connection, begin, end),
            isolated=tuple(_isolated(connection, begin, end)),
            released=_released(connection, begin, end),
            isolated_now=len(isolation.active(ctx, 10_000)),
            worst_sources=tuple(_worst_sources(ctx)),
            reports=_reports(connection, begin, end),
            delivered=tuple(_delivered(connection, begin, end, now)),
            reviews=_reviews(connection),
            failing=tuple(_failing(connection)),
            alerts=dict(alerts.most_common()),
            unconnected=tuple(_unconnected(ctx)),
            paused_asks=tuple(_paused_asks(connection)),
            left_out=ctx.providers.left_out,
            currency=settings.budget.currency,
            costs=tuple(_costs(connection, week)),
            caps=tuple(
                Cap(cap["name"], cap["used"], cap["cap"], cap["used_lookups"], cap["cap_lookups"])
                for cap in spent["caps"]
            ),
        )


# -- what changed --------------------------------------------------------------------------


def _checked(connection: Connection, begin: datetime, end: datetime) -> Iterator[Checked]:
    c = pages.c
    sums = [sa.func.coalesce(sa.func.sum(column), 0)
            for column in (c.read, c.changed, c.written, c.failed)]  # fmt: skip
    query = (
        sa.select(runs.c.connector, *sums)
        .select_from(pages)
        .join(runs, runs.c.id == c.run_id)
        .where(c.run_id.in_(runs_at_work(begin, end)), c.stored_at >= begin, c.stored_at < end)
        .group_by(runs.c.connector)
        .order_by(runs.c.connector)
    )
    for connector, *counts in connection.execute(query):
        yield Checked(connector, *map(int, counts))


def _statuses(connection: Connection, week: Week) -> Iterator[Statuses]:
    c = daily_counts.c
    monday, sunday = week.monday.isoformat(), week.sunday.isoformat()
    before_it = (
        sa.select(c.connector, sa.func.max(c.day).label("day"))
        .where(c.day < monday)
        .group_by(c.connector)
    )
    bases = {row.connector: row.day for row in connection.execute(before_it)}
    in_it = sa.select(daily_counts).where(c.day >= monday, c.day <= sunday).order_by(c.day)
    by_connector: dict[str, list[Any]] = {}
    for row in connection.execute(in_it):
        by_connector.setdefault(row.connector, []).append(row)
    for connector, rows in sorted(by_connector.items()):
        last, base = rows[-1], rows[0]
        if (day := bases.get(connector)) is not None:
            query = sa.select(daily_counts).where(c.connector == connector, c.day == day)
            base = connection.execute(query).one()
        compared = base.day != last.day
        yield Statuses(
            connector, date.fromisoformat(last.day), last.contacts, dict(last.statuses),
            date.fromisoformat(base.day) if compared else None,
            dict(base.statuses) if compared else None,
        )  # fmt: skip


# -- what went bad -------------------------------------------------------------------------

Field = tuple[str, str, str, str]  # connector, object, record id, key of the field's status


def _newly_bad(connection: Connection, begin: datetime, end: datetime) -> tuple[NewlyBad, ...]:
    """Compare what each field's status was before the week's first write with what its last one
    made it. Writes that name no bad status are not read."""
    w = writes.c
    mentions = [
        sa.cast(column, sa.Text).like(f'%"{status}"%')
        for column in (w.before, w.after)
        for status in BAD_STATUSES
    ]
    query = (
        sa.select(w.connector, w.object, w.record_id, w.before, w.after)
        .where(
            w.run_id.in_(runs_at_work(begin, end)),
            w.state == WriteState.DONE,
            w.at >= begin,
            w.at < end,
            sa.or_(*mentions),
        )
        .order_by(w.id)
    )
    first: dict[Field, str | None] = {}
    last: dict[Field, str | None] = {}
    for connector, object_name, record_id, before, after in connection.execute(
        query.execution_options(yield_per=2000)
    ):
        for key, status in (after or {}).items():
            if key.startswith("status/"):
                field = (connector, object_name, record_id, key)
                first.setdefault(field, (before or {}).get(key))
                last[field] = status
    bad = {
        field: status
        for field, status in last.items()
        if status in BAD_STATUSES and first[field] not in BAD_STATUSES
    }
    counts: dict[tuple[str, str], Counter[str]] = {}
    sources = _sources(connection, bad)
    for field, status in bad.items():
        source = sources.get(field[:3], "")
        counts.setdefault((field[0], source), Counter())[str(status)] += 1
    entries = [
        NewlyBad(connector, _shown(source) or _NO_SOURCE, dict(statuses))
        for (connector, source), statuses in counts.items()
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.total, entry.connector, entry.source)))


def _sources(
    connection: Connection, fields: Mapping[Field, object]
) -> dict[tuple[str, str, str], str]:
    """Return the source of each record, by connector, object and id."""
    c = contacts.c
    ids: dict[tuple[str, str], set[str]] = {}
    for connector, object_name, record_id, _key in fields:
        ids.setdefault((connector, object_name), set()).add(record_id)
    sources: dict[tuple[str, str, str], str] = {}
    for (connector, object_name), record_ids in ids.items():
        query = sa.select(c.record_id, c.source).where(
            c.connector == connector, c.object == object_name
        )
        for part in chunks(sorted(record_ids)):
            for record_id, source in connection.execute(query.where(c.record_id.in_(part))):
                sources[connector, object_name, record_id] = source
    return sources


def _shown(text: str) -> str:
    """Mask what may be a person's, in words that people chose; not longer than a line.

    >>> _shown("Fair, call +1 415 555 0123 or kim@example.com")
    'Fair, call <number ..23> or <address>'
    """
    masked = _ADDRESS.sub("<address>", redact(text))
    return masked if len(masked) <= 60 else f"{masked[:59]}…"


def _isolated(connection: Connection, begin: datetime, end: datetime) -> Iterator[Isolated]:
    c = isolations.c
    query = sa.select(isolations).where(c.since >= begin, c.since < end).order_by(c.id)
    for row in connection.execute(query):
        name = f"{row.by}={_shown(row.value)}"
        why = "by hand" if row.isolated_by else row.why  # a person's words stay in the product
        yield Isolated(row.connector, name, row.since, why)


def _released(connection: Connection, begin: datetime, end: datetime) -> int:
    c = isolations.c
    query = sa.select(sa.func.count()).where(c.released_at >= begin, c.released_at < end)
    return connection.scalar(query) or 0


def _worst_sources(ctx: Context) -> Iterator[BadSource]:
    least = ctx.settings.segments.least
    listed = queries.list_segments(ctx, "source", 200)
    worth = [segment for segment in listed if segment["bad"] and segment["numbers"] >= least]
    for segment in worth[:_MOST]:
        yield BadSource(
            segment["connector"],
            _shown(segment["value"]),
            segment["numbers"],
            segment["bad"],
            segment["rate"],
        )


# -- reports -------------------------------------------------------------------------------


def _reports(connection: Connection, begin: datetime, end: datetime) -> dict[str, int]:
    c = feedback.c
    came = sa.func.coalesce(c.received_at, c.at, type_=UtcDateTime)
    query = (
        sa.select(c.kind, sa.func.count())
        .where(came >= begin, came < end)
        .group_by(c.kind)
        .order_by(sa.func.count().desc(), c.kind)
    )
    return {row.kind: row[1] for row in connection.execute(query)}


def _delivered(
    connection: Connection, begin: datetime, end: datetime, now: datetime
) -> Iterator[Delivered]:
    c = deliveries.c
    query = sa.select(c.connector, c.state, c.since, c.confirmed_at).where(
        c.since >= begin,
        c.since < end,
        c.cause.startswith("feedback:", autoescape=True),
        sa.or_(c.holders > 0, c.state == DeliveryState.PENDING),
    )
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        rows.setdefault(row.connector, []).append(row)
    for connector, connector_rows in sorted(rows.items()):
        seconds = sorted(
            max(0.0, (row.confirmed_at - row.since).total_seconds())
            for row in connector_rows
            if row.confirmed_at is not None
        )
        yield Delivered(
            connector,
            confirmed=len(seconds),
            waiting=sum(row.state == DeliveryState.PENDING for row in connector_rows),
            late=sum((row.confirmed_at or now) > deadline(row.since) for row in connector_rows),
            median_seconds=round(median(seconds), 3) if seconds else None,
            slowest_seconds=round(seconds[-1], 3) if seconds else None,
        )


# -- what needs a person -------------------------------------------------------------------


def _reviews(connection: Connection) -> Reviews:
    waiting = review_queue.oldest_waiting(connection)
    if waiting is None:
        return Reviews(0, None, None)
    last = review_queue.add_business_days(waiting.since, review_queue.HONOUR_WITHIN)
    return Reviews(waiting.count, waiting.since, last.date())


def _failing(connection: Connection) -> Iterator[Failing]:
    c = failures.c
    query = (
        sa.select(c.connector, c.kind, sa.func.count())
        .group_by(c.connector, c.kind)
        .order_by(sa.func.count().desc(), c.connector, c.kind)
    )
    for connector, kind, count in connection.execute(query):
        yield Failing(connector, kind, count)


def _paused_asks(connection: Connection) -> Iterator[PausedAsk]:
    c = ask_campaigns.c
    query = sa.select(c.name, c.error).where(c.state == "paused", c.error != "").order_by(c.id)
    for name, error in connection.execute(query):
        yield PausedAsk(_shown(name), _shown(error))


def _unconnected(ctx: Context) -> Iterator[str]:
    """Yield connectors that the TOML file names and turns on, and that have no credentials."""
    named = ctx.settings.connectors.model_fields_set
    for name in ctx.settings.declared_connectors:
        section = ctx.settings.section(name)
        ours = connections.kind_of(name) in ("salesforce", "hubspot")
        without = ours and not ctx.settings.is_connected(name)
        if name in named and section.enabled and without:
            yield name


# -- what it cost --------------------------------------------------------------------------


def _costs(connection: Connection, week: Week) -> Iterator[Cost]:
    c = spend.c
    amounts = (c.money, c.lookups, c.lost)
    query = (
        sa.select(c.provider, *(sa.func.sum(amount) for amount in amounts))
        .where(c.day >= week.monday.isoformat(), c.day <= week.sunday.isoformat())
        .group_by(c.provider)
        .order_by(c.provider)
    )
    for provider, money, lookups, lost in connection.execute(query):
        if money or lookups:
            yield Cost(provider, int(lookups), int(lost), float(budget.money(int(money))))
