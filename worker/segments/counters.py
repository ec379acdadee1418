"""Count the statuses and reports of each segment's contacts, and store the counts.

All is counted anew from the index each time: nothing can drift, and no row is fought for while
pages are written. Contacts are read once, a few thousand at a time, and counted here for all kinds
of segments: SQLite sorts all rows to group them, once for each kind.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.errors import ConnectorError
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.feedback import ownership
from worker.segments import inflow
from worker.segments.reported import contact_objects, distinct_values, reported_contacts
from worker.store import locks, setbacks
from worker.store.array_param import any_of
from worker.store.bulk import insert, upsert
from worker.store.fit_key import fit_list_name, fit_row_name
from worker.store.locks import Lock
from worker.store.tables import (
    app_state,
    contact_numbers,
    contacts,
    daily_counts,
    feedback,
    list_members,
    poll_cursors,
    runs,
    segment_counts,
    segment_history,
    shared_numbers,
    verifications,
)

log = logging.getLogger(__name__)

REPORTS = ("opt_out", "complaint", "wrong_number", "undeliverable")
_COLUMNS = {
    "source": contacts.c.source,
    "campaign": contacts.c.campaign,
    "country": contacts.c.country,
    "month": contacts.c.month,
}
_COUNTED = "segments counted"
_ORIGINS = "number origins"  # in app_state: [[country, line type, numbers], ...]
_MOST_SHARED = 1000  # numbers that are listed
# Of a kind and connector, the largest: some CRMs keep an address or a search term as the campaign,
# and a segment of a handful of contacts says nothing.
_MOST_SEGMENTS = 2000
# Of a kind and connector, those whose past is kept: as many as the pages list.
_MOST_REMEMBERED = 200
_ROWS_AT_ONCE = 5_000  # of contacts that are read to be counted
_REMEMBERED_FOR = timedelta(days=2 * 366)


@dataclass
class Counts:
    """Of one segment. `numbers`: phone fields that hold something; `reports`: contacts that
    reported so."""

    contacts: int = 0
    numbers: int = 0
    bad: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reports: Counter[str] = field(default_factory=Counter)

    def add(self, statuses: dict[str, str], number: int) -> None:
        self.contacts += number
        for status in statuses.values():
            self.statuses[status] += number
            self.numbers += number
            if status in BAD_STATUSES:
                self.bad += number

    def as_json(self) -> dict[str, Any]:
        return {
            "contacts": self.contacts, "numbers": self.numbers, "bad": self.bad,
            "statuses": dict(self.statuses), "reports": dict(self.reports),
        }  # fmt: skip


def count_if_needed(ctx: Context) -> bool:
    """Count, unless nothing was done since the last time; whether it was counted."""
    newest = sa.select(sa.func.max(runs.c.finished_at), sa.func.count()).select_from(runs)
    with ctx.store.read() as connection:
        at, number = connection.execute(newest).one()
        last = connection.scalar(sa.select(sa.func.max(feedback.c.id)))
        lists = ",".join(ctx.settings.segments.lists)
        stand = f"{at}/{number}/{last}/{ctx.now():%Y-%m-%d}/{lists}"
        stored = connection.scalar(sa.select(app_state.c.value).where(app_state.c.name == _COUNTED))
    if stored == stand:
        return False
    count(ctx)
    with ctx.store.write() as connection:
        upsert(connection, app_state, [{"name": _COUNTED, "value": stand}])
    return True


def count_again(connection: Connection) -> None:
    """Have it counted when it is next looked at, whatever was done since the last time."""
    connection.execute(sa.delete(app_state).where(app_state.c.name == _COUNTED))


def count(ctx: Context) -> None:
    """Count all segments, the day's row of the trend, and the numbers that many share."""
    _fetch_lists(ctx)
    by_segment: dict[tuple[str, str, str], Counts] = {}
    overall: dict[str, Counts] = {}
    with ctx.store.snapshot() as connection:
        for by, connector, value, statuses, number in _groups(connection):
            if by == "":
                overall.setdefault(connector, Counts()).add(statuses, number)
            elif value:
                by_segment.setdefault((by, connector, value), Counts()).add(statuses, number)
        for by, connector, value, kind, number in _reported(connection):
            if (counts := by_segment.get((by, connector, value))) is not None:
                counts.reports[kind] += number
        least = ctx.settings.segments.placeholder_from
        shared = _shared(connection, least, ctx.organisations)
        origins = _origins(connection)
    now = ctx.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    with ctx.store.snapshot() as connection:
        went_bad = inflow.count_went_bad(connection, today, now)
        # Runs may have gone on after yesterday was counted last.
        went_bad_yesterday = inflow.count_went_bad(connection, yesterday, today)
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.COUNTING_SEGMENTS)
        _remember(connection, by_segment, now)
        connection.execute(sa.delete(segment_counts))
        insert(
            connection,
            segment_counts,
            [
                {"by": by, "connector": connector, "value": value, **counts.as_json()}
                for (by, connector, value), counts in _largest(by_segment, _MOST_SEGMENTS)
            ],
        )
        upsert(
            connection,
            daily_counts,
            [
                {"day": _day(today), "connector": connector, "contacts": counts.contacts,
                 "statuses": dict(counts.statuses), "went_bad": went_bad[connector]}
                for connector, counts in overall.items()
            ],
        )  # fmt: skip
        _correct_inflow(connection, _day(yesterday), went_bad_yesterday)
        value = orjson.dumps(origins).decode()
        upsert(connection, app_state, [{"name": _ORIGINS, "value": value}])
        connection.execute(sa.delete(shared_numbers))
        insert(connection, shared_numbers, _still_held(connection, shared))


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _correct_inflow(connection: Connection, day: str, went_bad: Counter[str]) -> None:
    """Correct how often fields went bad on a day, of the connectors that were counted on it."""
    c = daily_counts.c
    counted = sa.select(c.connector).where(c.day == day, c.went_bad.is_not(None))
    for connector in connection.scalars(counted).all():
        of_day = sa.update(daily_counts).where(c.day == day, c.connector == connector)
        connection.execute(of_day.values(went_bad=went_bad[connector]))


Segment = tuple[str, str, str]  # (by, connector, value)


def _remember(connection: Connection, by_segment: dict[Segment, Counts], now: datetime) -> None:
    """Keep how the largest segments do this week, and forget what is older than two years."""
    week = (now - timedelta(days=now.weekday())).strftime("%Y-%m-%d")
    upsert(
        connection,
        segment_history,
        [
            {"by": by, "connector": connector, "value": value, "week": week,
             "contacts": counts.contacts, "numbers": counts.numbers, "bad": counts.bad}
            for (by, connector, value), counts in _largest(by_segment, _MOST_REMEMBERED)
        ],
    )  # fmt: skip
    oldest = (now - _REMEMBERED_FOR).strftime("%Y-%m-%d")
    connection.execute(sa.delete(segment_history).where(segment_history.c.week < oldest))


def _largest(by_segment: dict[Segment, Counts], most: int) -> list[tuple[Segment, Counts]]:
    kinds: dict[tuple[str, str], list[tuple[Segment, Counts]]] = {}
    for segment, counts in by_segment.items():
        kinds.setdefault(segment[:2], []).append((segment, counts))
    return [
        entry
        for entries in kinds.values()
        for entry in nlargest(most, entries, key=lambda entry: entry[1].contacts)
    ]


def _groups(connection: Connection) -> Iterator[tuple[str, str, str, dict[str, str], int]]:
    """Return (by, connector, value, statuses, how many contacts) of contacts with the same
    statuses."""
    c = contacts.c
    text = sa.cast(c.statuses, sa.Text).label("statuses")
    counts: dict[str, Counter[tuple[str, str, str]]] = {by: Counter() for by in _COLUMNS}
    overall: Counter[tuple[str, str]] = Counter()
    for connectors, statuses, *columns in _columns(
        connection, sa.select(c.connector, text, *_COLUMNS.values())
    ):
        overall.update(zip(connectors, statuses, strict=True))
        for of_kind, values in zip(counts.values(), columns, strict=True):
            of_kind.update(zip(connectors, values, statuses, strict=True))
    parsed = {text: orjson.loads(text) for _, text in overall}
    for (connector, alike), number in overall.items():
        yield "", connector, "", parsed[alike], number
    for by, of_kind in counts.items():
        # In order, so that of segments that are as large the same ones are kept each time.
        for (connector, value, alike), number in sorted(of_kind.items()):
            yield by, connector, value, parsed[alike], number
    m = list_members.c
    joined = (
        sa.select(c.connector, m.list, text, sa.func.count())
        .select_from(list_members)
        .join(contacts, _same(m))
        .group_by(c.connector, m.list, text)
    )
    for connector, value, alike, number in connection.execute(joined):
        yield "list", connector, value, orjson.loads(alike), number


def _columns(connection: Connection, query: sa.Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Return the rows of a query, some thousands at once, column by column."""
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    for rows in streamed.partitions():
        yield list(zip(*rows, strict=True))


def _same(other: Any) -> sa.ColumnElement[bool]:
    c = contacts.c
    return sa.and_(
        c.connector == other.connector, c.object == other.object, c.record_id == other.record_id
    )


def _reported(connection: Connection) -> Iterator[tuple[str, str, str, str, int]]:
    """Return (by, connector, value, kind of report, how many contacts)."""
    c = contacts.c
    objects = contact_objects(connection, distinct_values(connection, c.connector))
    reported = sa.select(reported_contacts(REPORTS, objects).subquery()).distinct().subquery()
    counts: dict[str, Counter[tuple[str, str, str]]] = {by: Counter() for by in _COLUMNS}
    of_contacts = (
        sa.select(c.connector, reported.c.kind, *_COLUMNS.values())
        .select_from(reported)
        .join(contacts, _same(reported.c))
    )
    for connectors, kinds, *columns in _columns(connection, of_contacts):
        for of_kind, values in zip(counts.values(), columns, strict=True):
            of_kind.update(zip(connectors, values, kinds, strict=True))
    for by, of_kind in counts.items():
        for (connector, value, kind), number in of_kind.items():
            yield by, connector, value, kind, number
    m = list_members.c
    if connection.scalar(sa.select(m.list).limit(1)) is None:
        return
    same = sa.and_(
        m.connector == reported.c.connector,
        m.object == reported.c.object,
        m.record_id == reported.c.record_id,
    )
    query = (
        sa.select(m.connector, m.list, reported.c.kind, sa.func.count())
        .select_from(reported)
        .join(list_members, same)
        .group_by(m.connector, m.list, reported.c.kind)
    )
    for connector, value, kind, number in connection.execute(query):
        yield "list", connector, value, kind, number


def _origins(connection: Connection) -> list[tuple[str, str, int]]:
    """Return (country, line type, how many numbers) of the numbers that contacts have, by the
    numbering plans."""
    v = verifications.c
    query = sa.select(v.country, v.line_type, sa.func.count()).where(v.provider == "offline")
    return [tuple(row) for row in connection.execute(query.group_by(v.country, v.line_type))]


def load_origins(ctx: Context) -> list[tuple[str, str, int]]:
    """Return what was last counted: (country, line type, how many numbers)."""
    with ctx.store.read() as connection:
        query = sa.select(app_state.c.value).where(app_state.c.name == _ORIGINS)
        value = connection.scalar(query)
    return [(country, kind, count) for country, kind, count in orjson.loads(value or "[]")]


def _shared(
    connection: Connection, least: int, organisations: Collection[str]
) -> list[dict[str, Any]]:
    """Return numbers on many contacts, with the number of persons (by their emails), but for those
    that an organisation has for its own (`worker.feedback.ownership`, rule 9)."""
    n = contact_numbers.c
    of_organisation = sa.func.sum(
        sa.case((_is_organisation(n, organisations), 1), else_=0)
        if organisations
        else sa.literal_column("0")
    )
    holders = sa.func.count()
    many = (
        sa.select(n.number, holders.label("holders"), of_organisation.label("organisations"))
        .group_by(n.number)
        .having(holders >= least, sa.or_(of_organisation == 0, of_organisation >= least))
        .order_by(holders.desc(), n.number)
        .limit(_MOST_SHARED)
    )
    rows = connection.execute(many).all()
    shared = []
    for number, count_, organisations_ in rows:
        if not ownership.is_placeholder(count_ - organisations_, organisations_, least):
            continue
        persons = connection.scalar(
            sa.select(sa.func.count(sa.distinct(contacts.c.person)))
            .select_from(contact_numbers)
            .join(contacts, _same(n))
            .where(n.number == number, contacts.c.person != "")
        )
        shared.append({"number": number, "holders": count_, "persons": persons or 0})
    return shared


def _still_held(connection: Connection, shared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out numbers that were erased since they were read: they are not brought back. An
    erasure and the caller wait for each other (`worker.suppression.erasure`)."""
    n = contact_numbers.c
    query = sa.select(n.number).where(any_of(n.number, [row["number"] for row in shared]))
    held = set(connection.scalars(query.distinct()))
    return [row for row in shared if row["number"] in held]


def _is_organisation(n: Any, organisations: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(
            sa.and_(n.connector == connector, n.object == object_name)
            for connector, _, object_name in (name.partition("/") for name in organisations)
        )
    )


def _fetch_lists(ctx: Context) -> None:
    """Fetch the members of the lists that the settings name. A list that cannot be read keeps its
    members."""
    wanted: list[tuple[str, str]] = []
    for entry in ctx.settings.segments.lists:
        connector, _, name = entry.partition(":")
        if connector in ctx.settings.active_connectors:
            wanted.append((connector, name))
    kept = {(connector, fit_list_name(name)) for connector, name in wanted}
    m = list_members.c
    with ctx.store.write() as connection:
        known = connection.execute(sa.select(m.connector, m.list).distinct()).all()
        for connector, name in known:
            if (connector, name) not in kept:
                _forget_list(connection, connector, name)
    for connector, name in wanted:
        if not _is_due(ctx, connector, name):
            continue
        try:
            _fetch_list(ctx, connector, name)
        except ConnectorError as error:
            log.warning("segments.lists: %s", error)
            setbacks.note(ctx.store, connector, f"read the list {name}", error, ctx.now())
            continue
        setbacks.clear(ctx.store, connector, f"read the list {name}")


def _fetch_list(ctx: Context, connector: str, name: str) -> None:
    members = list(ctx.open_own(connector).list_members("list", name) or ())
    rows = [
        {"connector": connector, "list": fit_list_name(name), "object": object_name,
         "record_id": record}
        for object_name, record in dict.fromkeys(members)
    ]  # fmt: skip
    with ctx.store.write() as connection:
        ctx.require_account(connection, connector)
        _forget_list(connection, connector, name)
        insert(connection, list_members, rows)
        upsert(connection, poll_cursors, [{"name": _poll(connector, name), "position": ctx.now()}])


def _poll(connector: str, name: str) -> str:
    return fit_row_name(f"list:{connector}:{name}")


def _is_due(ctx: Context, connector: str, name: str) -> bool:
    """Return whether it is time to fetch the members of a list, which takes calls of the CRM."""
    query = sa.select(poll_cursors.c.position).where(poll_cursors.c.name == _poll(connector, name))
    with ctx.store.read() as connection:
        last = connection.scalar(query)
    return last is None or not timedelta() <= ctx.now() - last < ctx.settings.segments.lists_every


def _forget_list(connection: Connection, connector: str, name: str) -> None:
    m = list_members.c
    of_list = sa.and_(m.connector == connector, m.list == fit_list_name(name))
    connection.execute(sa.delete(list_members).where(of_list))
    connection.execute(sa.delete(poll_cursors).where(poll_cursors.c.name == _poll(connector, name)))
