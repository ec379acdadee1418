"""List the contacts behind a figure: filtered, sorted and paged by what our index holds.

No call to a CRM is made. A page continues behind the last contact of the page before (keyset
paging), so that the thousandth page costs what the first one does. What a page costs does not grow
with the number of contacts either. First we look how many match, up to a limit
(`contact_counts.look`), then:

1. Few match: they are gathered through an index of the filter, and sorted.
2. Many match: contacts are read in the order that is wanted, through an index of that, and each is
   checked; a page is soon full. Connector by connector: the indexes begin with it.
3. Many records are named by a run or by failures, and by nothing else: they need not be in our
   index, so they come in the order of their keys, whichever is wanted (`ContactPage.by_key`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.queries import contact_counts as counts
from worker.queries.contact_conditions import connectors_of, with_rank
from worker.queries.contact_counts import few_of, look_in
from worker.queries.contact_filter import STATUSES, ContactFilter
from worker.queries.contact_order import NO_VALUE, Row, Sort, behind, decode, encode, sort_key
from worker.queries.contact_plan import QueryPlan
from worker.queries.contact_rows import gather, in_any_order, picked, prefer_indexes, walk
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.tables import contacts, failures

PAGE = 50  # contacts of a page


@dataclass(frozen=True, slots=True)
class ListedContact:
    """A contact as our index holds it. `known`: False for a record that is not in the index, such
    as one that failed before it was ever recorded. `failure`: the kind of one that stands."""

    connector: str
    object: str
    id: str
    known: bool
    statuses: Mapping[str, str]
    reason: str
    source: str
    campaign: str
    country: str
    month: str
    flags: tuple[str, ...]
    checked_at: datetime | None
    failure: str = ""

    @property
    def key(self) -> str:
        """Return CONNECTOR/OBJECT/ID, as reports name a contact."""
        return f"{self.connector}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Contacts in the order asked for, or `by_key`: in the order of their keys. `after`: where the
    next page begins; None at the end."""

    contacts: list[ListedContact]
    after: str | None
    by_key: bool = False


def list_contacts(
    ctx: Context, wanted: ContactFilter, sort: Sort = "checked", after: str = "", size: int = PAGE,
    plan: QueryPlan | None = None,
) -> ContactPage:  # fmt: skip
    """Return a page of the contacts that match.

    checked: the latest first. status: the worst first. source: by connector, then by the name of
    the source. `after`: of the page before; raises `FilterError` for any other text. `plan`: what
    `look` has said of the filter just now.
    """
    cursor = decode(after, sort) if after else None
    with ctx.store.snapshot() as connection:
        prefer_indexes(connection)
        plan = plan or look_in(connection, wanted, counts.COUNT_LIMIT)
        if plan.few and not plan.count.contacts:
            return ContactPage([], None)
        connectors = connectors_of(connection, wanted)
        if plan.by_key:
            rows = _by_key(connection, plan, connectors, sort, cursor, size + 1)
        elif plan.few:
            rows = _sorted_few(connection, plan, connectors, sort, cursor, size + 1)
        elif sort == "status":
            rows = _walk_ranks(connection, plan, connectors, cursor, size + 1)
        else:
            rows = _walk(connection, plan, connectors, sort, cursor, size + 1)
        page = _load(connection, [row[1:] for row in rows[:size]])
    last = encode(rows[size - 1]) if len(rows) > size else None
    return ContactPage(page, last, plan.by_key)


def _sorted_few(
    connection: Connection, plan: QueryPlan, connectors: Sequence[str], sort: Sort,
    cursor: Row | None, limit: int,
) -> list[Row]:  # fmt: skip
    """Gather all that match, and sort them."""
    if not plan.count.contacts:
        return []
    if plan.start is not None and len(connectors) > 1:
        return _sorted_together(connection, plan, sort, cursor, limit)
    rows: list[Row] = []
    for connector in connectors:
        gathered = gather(plan.wanted, connector, plan.picks, plan.start, plan.by_segment)
        value: Any = sort_key(sort, gathered.joined)
        # The limit keeps it from being worked out together with the order: it is not reached.
        inner = gathered.some(counts.COUNT_LIMIT + 1, value.label("at"), *gathered.key_columns)
        columns: list[Any] = [inner.c[name] for name in ("at", "connector", "object", "record_id")]
        query: sa.Select[Any] = sa.select(*columns)
        query = behind(query, inner.c.at, inner.c, connector, sort, cursor)
        rows += _rows(connection, query.limit(limit))
    if sort != "source":  # which goes connector by connector
        rows.sort(key=lambda row: row[0], reverse=sort == "checked")
    return rows[:limit]


def _sorted_together(
    connection: Connection, plan: QueryPlan, sort: Sort, cursor: Row | None, limit: int
) -> list[Row]:
    """Gather and sort what matches in all connectors, so that the table that names them is read
    once."""
    gathered = gather(plan.wanted, plan.wanted.connector, plan.picks, plan.start)
    value: Any = sort_key(sort, gathered.joined)
    inner = gathered.some(counts.COUNT_LIMIT + 1, value.label("at"), *gathered.key_columns).c
    key = (inner.connector, inner.object, inner.record_id)
    query: sa.Select[Any] = sa.select(inner.at, *key)
    if sort == "checked":
        query = query.order_by(inner.at.desc(), *key)
        if cursor is not None:
            later = sa.and_(inner.at == cursor[0], sa.tuple_(*key) > sa.tuple_(*cursor[1:]))
            query = query.where(sa.or_(inner.at < cursor[0], later))
        return _rows(connection, query.limit(limit))
    # By source, a list goes connector by connector.
    first = (1, 0, 2, 3) if sort == "source" else (0, 1, 2, 3)
    place = [(inner.at, *key)[column] for column in first]
    query = query.order_by(*place)
    if cursor is not None:
        query = query.where(sa.tuple_(*place) > sa.tuple_(*(cursor[column] for column in first)))
    return _rows(connection, query.limit(limit))


def _walk(
    connection: Connection, plan: QueryPlan, connectors: Sequence[str], sort: Sort,
    cursor: Row | None, limit: int,
) -> list[Row]:  # fmt: skip
    """Read contacts in the order of an index, and keep those that match."""
    rows: list[Row] = []
    c = contacts.c
    for connector in connectors:
        if few := few_of(connection, plan, connector):
            rows += _sorted_few(connection, few, [connector], sort, cursor, limit)
        else:
            walked = walk(plan, connector)
            value = sort_key(sort, False)
            query = walked.query(value.label("at"), *walked.key_columns)
            rows += _rows(connection, behind(query, value, c, connector, sort, cursor).limit(limit))
        if sort == "source" and len(rows) >= limit:  # which goes connector by connector
            break
    if sort == "checked":
        rows.sort(key=lambda row: row[0], reverse=True)
    return rows[:limit]


def _walk_ranks(
    connection: Connection,
    plan: QueryPlan,
    connectors: Sequence[str],
    cursor: Row | None,
    limit: int,
) -> list[Row]:
    """Read contacts by their worst status, each by its index, and keep those that match."""
    rows: list[Row] = []
    c = contacts.c
    first = cursor[0] if cursor else 0
    gathered = {
        connector: _sorted_few(connection, few, [connector], "status", cursor, limit)
        for connector in connectors
        if (few := few_of(connection, plan, connector))
    }
    for rank in range(first, len(STATUSES) + 1):
        for connector in connectors:
            if cursor and rank == first and connector < cursor[1]:
                continue
            if connector in gathered:
                rows += [row for row in gathered[connector] if row[0] == rank]
            else:
                walked = walk(plan, connector, with_rank(rank))
                at: Any = sa.literal(rank)
                query = walked.query(at, *walked.key_columns)
                if cursor and (rank, connector) == cursor[:2]:
                    query = query.where(sa.tuple_(c.object, c.record_id) > sa.tuple_(*cursor[2:]))
                query = query.order_by(c.object, c.record_id).limit(limit - len(rows))
                rows += _rows(connection, query)
            if len(rows) >= limit:
                return rows[:limit]
    return rows


def _by_key(
    connection: Connection, plan: QueryPlan, connectors: Sequence[str], sort: Sort,
    cursor: Row | None, limit: int,
) -> list[Row]:  # fmt: skip
    """Return records in the order of their keys, as a run or failures name them."""
    rows: list[Row] = []
    for connector in connectors:
        if cursor and connector < cursor[1]:
            continue
        after = cursor[2:] if cursor and connector == cursor[1] else None
        keys = _keys_in_order(plan, connector, after).limit(limit - len(rows))
        rows += [(NO_VALUE[sort], row[0], row[1], row[2]) for row in connection.execute(keys)]
        if len(rows) >= limit:
            break
    return rows


def _keys_in_order(
    plan: QueryPlan, connector: str, after: tuple[str, str] | None
) -> sa.Select[Any]:  # fmt: skip
    """Query the keys that match in one connector, in their order, each once, behind one of them."""
    if plan.by_key:
        query, key = picked(plan, plan.picks[0].in_order(connector).distinct())
    else:
        rows = in_any_order(plan, connector)
        key, query = rows.key, rows.query(*rows.key_columns)
    if after is not None:
        query = query.where(sa.tuple_(key.object, key.record_id) > sa.tuple_(*after))
    return query.order_by(key.object, key.record_id)


def every_contact(
    ctx: Context, wanted: ContactFilter, at_once: int = 5000
) -> Iterator[list[ListedContact]]:
    """Yield all contacts that match, in batches of one connector and object, in the order of their
    ids. Each batch is a query of its own, so that a slow reader holds no transaction open."""
    with ctx.store.snapshot() as connection:
        plan = look_in(connection, wanted, counts.COUNT_LIMIT)
        connectors = connectors_of(connection, wanted)
    for connector in connectors:
        after: tuple[str, str] | None = None
        while True:
            query = _keys_in_order(plan, connector, after).limit(at_once)
            with ctx.store.snapshot() as connection:
                prefer_indexes(connection)
                batch = _load(connection, [tuple(row) for row in connection.execute(query)])
            for object_name in dict.fromkeys(contact.object for contact in batch):
                yield [contact for contact in batch if contact.object == object_name]
            if len(batch) < at_once:
                break
            after = batch[-1].object, batch[-1].id


def _rows(connection: Connection, query: sa.Select[Any]) -> list[Row]:
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def _load(connection: Connection, keys: Sequence[tuple[Any, ...]]) -> list[ListedContact]:
    """Return these contacts in this order, with what the index holds of each."""
    c = contacts.c
    rows: dict[tuple[str, str, str], Any] = {}
    groups: dict[tuple[str, str], list[str]] = {}
    for connector, object_name, record_id in keys:
        groups.setdefault((connector, object_name), []).append(record_id)
    for (connector, object_name), ids in groups.items():
        query = sa.select(
            c.record_id, c.statuses, c.last_seen_flags, c.reason, c.source, c.campaign, c.country,
            c.month, c.checked_at,
        ).where(c.connector == connector, c.object == object_name)  # fmt: skip
        for chunk in chunks(ids):
            for row in connection.execute(query.where(any_of(c.record_id, chunk))):
                rows[connector, object_name, row.record_id] = row
    listed = [_listed(key, rows.get(key)) for key in map(_key, keys)]
    return _with_failures(connection, listed)


def _key(row: tuple[Any, ...]) -> tuple[str, str, str]:
    return row[0], row[1], row[2]


def _listed(key: tuple[str, str, str], row: Any) -> ListedContact:
    if row is None:
        return ListedContact(*key, False, {}, "", "", "", "", "", (), None)
    flags = row.last_seen_flags or {}
    return ListedContact(
        *key, True, row.statuses or {}, row.reason or "", row.source or "", row.campaign or "",
        row.country or "", row.month or "",
        tuple(flag for flag in FLAGS if flags.get(flag) is True), row.checked_at,
    )  # fmt: skip


def _with_failures(connection: Connection, listed: Sequence[ListedContact]) -> list[ListedContact]:
    f = failures.c
    kinds: dict[str, str] = {}
    groups: dict[tuple[str, str], list[str]] = {}
    for contact in listed:
        groups.setdefault((contact.connector, contact.object), []).append(contact.id)
    for (connector, object_name), ids in groups.items():
        query = sa.select(f.record_id, f.kind).where(
            f.connector == connector, f.object == object_name, any_of(f.record_id, ids)
        )
        for record_id, kind in connection.execute(query):
            kinds[f"{connector}/{object_name}/{record_id}"] = kind
    return (
        [replace(contact, failure=kinds.get(contact.key, "")) for contact in listed]
        if kinds
        else [*listed]
    )
