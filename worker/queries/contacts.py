"""List the contacts behind a figure: filtered, sorted and paged by what our index holds.

No call to a CRM is made. A page continues behind the last contact of the page before (keyset
paging), so that the thousandth page costs what the first one does. What a page costs does not grow
with the number of contacts either. First we look how many match, up to a limit (`look`), then:

1. Few match: they are gathered through an index of the filter, and sorted.
2. Many match: contacts are read in the order that is wanted, through an index of that, and each is
   checked; a page is soon full. Connector by connector: the indexes begin with it.
3. Many records are named by a run or by failures, and by nothing else: they need not be in our
   index, so they come in the order of their keys, whichever is wanted (`ContactPage.by_key`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.queries.contact_conditions import (
    Condition,
    Pick,
    connectors_of,
    fields_with,
    has_own_index,
    in_segment,
    needs_index,
    own_conditions,
    picks,
    same,
    with_rank,
    worst_first,
)
from worker.queries.contact_filter import STATUSES, ContactFilter, FilterError
from worker.segments.reported import contact_objects, hidden
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.tables import UtcDateTime, contacts, failures

PAGE = 50  # contacts of a page
COUNT_LIMIT = 10_000  # contacts that are counted for a page; of more it says "10,000+"
EXPORT_LIMIT = 100_000  # contacts that are counted for an export
_FEW_ROWS = 10_000  # of another table: as many as a page can gather and sort
_MANY_ROWS = 3_000  # of one connector, from which on its contacts can be walked
_SEGMENT_ROWS = 50_000  # of a segment: as many as a page can check for something rare

Sort = Literal["checked", "status", "source"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_FOR_FEW_ROWS = sa.select(
    sa.func.set_config("random_page_cost", "1.1", True),
    sa.func.set_config("max_parallel_workers_per_gather", "0", True),
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a record was checked that the index does not hold
_NO_VALUE: Mapping[Sort, Any] = {"checked": _NEVER, "status": 0, "source": ""}


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


@dataclass(frozen=True, slots=True)
class Count:
    """How many contacts match, up to a limit; `more`: at least so many do. `fields`: their phone
    fields with the status that was asked for; None where none was, or not all are counted."""

    contacts: int
    more: bool
    fields: int | None = None

    def __str__(self) -> str:
        return f"{self.contacts:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How many contacts match a filter, and how to come to them. `picks`: what other tables name,
    the one with the fewest rows first; `start`: the one that few contacts are gathered from.
    `by_segment`: they are gathered through the index of a segment, not of a status. `many`: of
    each pick, the connectors of which it surely names many records."""

    wanted: ContactFilter
    count: Count
    picks: tuple[Pick, ...]
    start: Pick | None
    by_segment: bool = False
    many: tuple[frozenset[str], ...] = ()

    @property
    def few(self) -> bool:
        return not self.count.more

    @property
    def by_key(self) -> bool:
        """Whether many match that need not be in our index."""
        only_in_index = needs_index(self.wanted) or any(pick.known for pick in self.picks)
        return not self.few and bool(self.picks) and not only_in_index


# -- counting -------------------------------------------------------------------------------------


def look(ctx: Context, wanted: ContactFilter, limit: int = COUNT_LIMIT) -> QueryPlan:
    """Look how many contacts match a filter, up to a limit."""
    with ctx.store.read() as connection:
        return _look(connection, wanted, limit)


def count(ctx: Context, wanted: ContactFilter, limit: int = COUNT_LIMIT) -> Count:
    """Count the contacts that match, up to a limit."""
    return look(ctx, wanted, limit).count


def _look(connection: Connection, wanted: ContactFilter, limit: int) -> QueryPlan:
    _prefer_indexes(connection)
    connectors = connectors_of(connection, wanted)
    if not connectors:
        return QueryPlan(wanted, Count(0, False, 0 if wanted.status else None), (), None)
    objects = contact_objects(connection, connectors) if wanted.report else []
    sized = [
        (_sizes(connection, pick.keys(wanted.connector)), pick) for pick in picks(wanted, objects)
    ]
    sized.sort(key=lambda sized_pick: _rows_in(sized_pick[0]))
    named = tuple(pick for _, pick in sized)
    many = tuple(
        frozenset(connector for connector, size in sizes.items() if size.rows >= _MANY_ROWS)
        for sizes, _ in sized
    )
    few = bool(named) and _rows_in(sized[0][0]) <= _FEW_ROWS
    if len(named) == 1 and named[0].exact and not (needs_index(wanted) or wanted.object):
        number = sum(size.records for size in sized[0][0].values())
        counted = Count(min(number, limit), not few or number > limit)
        return QueryPlan(wanted, counted, named, named[0] if few else None, many=many)
    if few:
        # Of all connectors at once: the other table is read once.
        by_pick = _count(connection, wanted, [wanted.connector], named, named[0], limit)
        return QueryPlan(wanted, by_pick, named, named[0], many=many)
    if named and not needs_index(wanted):
        some = _count_some(connection, wanted, named, limit)
        return QueryPlan(wanted, some, named, None, many=many)
    by_segment = _is_small_segment(connection, wanted)
    by_own = _count(connection, wanted, connectors, (), None, limit, by_segment)
    if named and by_own.more:
        some = _count_some(connection, wanted, named, limit)
        return QueryPlan(wanted, some, named, None, many=many)
    if named:
        by_own = _count(connection, wanted, connectors, named, None, limit, by_segment)
    return QueryPlan(wanted, by_own, named, None, by_segment, many)


def _is_small_segment(connection: Connection, wanted: ContactFilter) -> bool:
    """Return whether a filter names a segment so small that its index is the way to what matches:
    it has few contacts, or no more than meet the status or flag that is asked for besides. The
    database cannot tell: it does not know how rare a status is."""
    if not (in_segment(wanted) and (wanted.status or wanted.flag or wanted.waiting)):
        return False
    segment = ContactFilter(connector=wanted.connector, by=wanted.by, value=wanted.value)
    connectors = connectors_of(connection, wanted)

    def number_of(part: ContactFilter, limit: int) -> int:
        number = 0
        for connector in connectors:
            rows = _gathered(part, connector, (), None).some(limit + 1 - number, sa.literal(1))
            number += connection.scalar(sa.select(sa.func.count()).select_from(rows)) or 0
        return number

    in_it = number_of(segment, _SEGMENT_ROWS)
    if in_it <= _FEW_ROWS or in_it > _SEGMENT_ROWS:
        return in_it <= _FEW_ROWS
    own = replace(segment, by="", value="", status=wanted.status, flag=wanted.flag,
                  waiting=wanted.waiting)  # fmt: skip
    return number_of(own, in_it) >= in_it


class _Size(NamedTuple):
    """How many rows of another table name records of a connector, and how many records those
    are."""

    rows: int
    records: int


def _sizes(connection: Connection, keys: sa.Select[Any]) -> dict[str, _Size]:
    """Return how much of each connector is among the first rows of another table. Both figures
    come from one reading: to find the contacts of thousands of reports is the most that a page
    costs."""
    first = keys.limit(_FEW_ROWS + 1).subquery().c
    record = (first.connector, first.object, first.record_id)
    each = sa.select(*record, sa.func.count().label("rows")).group_by(*record).subquery().c
    total: Any = sa.func.sum(each.rows)
    query = sa.select(each.connector, total, sa.func.count()).group_by(each.connector)
    return {row[0]: _Size(int(row[1]), row[2]) for row in connection.execute(query)}


def _rows_in(sizes: Mapping[str, _Size]) -> int:
    return sum(size.rows for size in sizes.values())


def _number_of(connection: Connection, query: sa.Select[Any], limit: int) -> int:
    first_rows = query.limit(limit + 1).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(first_rows)) or 0


def _count(
    connection: Connection, wanted: ContactFilter, connectors: Sequence[str],
    named: Sequence[Pick], start: Pick | None, limit: int, by_segment: bool = False,
) -> Count:  # fmt: skip
    """Count through the indexes, connector by connector, and stop at the limit."""
    with_status = fields_with(wanted.status) if wanted.status else sa.literal(0)
    number = of_fields = 0
    for connector in connectors:
        gathered = _gathered(wanted, connector, named, start, by_segment)
        inner = gathered.some(limit + 1 - number, with_status.label("found"))
        query = sa.select(sa.func.count(), sa.func.sum(inner.c.found)).select_from(inner)
        contact_count, fields = connection.execute(query).one()
        number, of_fields = number + contact_count, of_fields + int(fields or 0)
        if number > limit:
            return Count(limit, True)
    return Count(number, False, of_fields if wanted.status else None)


def _count_some(
    connection: Connection, wanted: ContactFilter, named: Sequence[Pick], limit: int
) -> Count:
    """Count among the first rows of a table that names many: at least so many match."""
    first, *others = named
    base = first.keys(wanted.connector).limit(_FEW_ROWS).subquery()
    rows = _Rows(base.c, base.outerjoin(contacts, same(contacts.c, base.c)), (
        *own_conditions(wanted, key=base.c), *(pick.named(base.c) for pick in others),
        *((contacts.c.connector.is_not(None),) if first.known else ()),
    ))  # fmt: skip
    keys = rows.query(*rows.key_columns).distinct().subquery()
    number = connection.scalar(sa.select(sa.func.count()).select_from(keys)) or 0
    return Count(min(number, limit), True)


def count_by_object(ctx: Context, plan: QueryPlan) -> tuple[dict[tuple[str, str], int], bool]:
    """Count the contacts that match by connector and object, up to `EXPORT_LIMIT`; return whether
    there are more, too."""
    counts: dict[tuple[str, str], int] = {}
    remaining = EXPORT_LIMIT + 1
    with ctx.store.read() as connection:
        _prefer_indexes(connection)
        for connector in connectors_of(connection, plan.wanted):
            for object_name, records, rows in connection.execute(
                _by_object(plan, connector, remaining)
            ):
                counts[connector, object_name] = records
                remaining -= rows
            if remaining <= 0:
                break
    return dict(sorted(counts.items())), remaining <= 0


def _by_object(plan: QueryPlan, connector: str, limit: int) -> sa.Select[Any]:
    """Query (object, records, rows) of the first rows that match in one connector, in whichever
    order is quickest. A run may name a record in two rows; of the index each is one."""
    number: Any = sa.func.count()
    if plan.by_key:
        first = _picked(plan, plan.picks[0].keys(connector))[0].limit(limit).subquery().c
        record = (first.object, first.record_id)
        each = sa.select(*record, number.label("rows")).group_by(*record).subquery().c
        rows: Any = sa.func.sum(each.rows)
        return sa.select(each.object, number, rows).group_by(each.object)
    gathered = _unsorted(plan, connector)
    first = gathered.some(limit, *gathered.key_columns).c
    return sa.select(first.object, number, number).group_by(first.object)


def explain_empty(ctx: Context, wanted: ContactFilter) -> list[tuple[str, Count]]:
    """Return, where nothing matches, the conditions without which something would, with how much
    that is; if no single one, each condition that nothing meets by itself, with a count of 0."""
    names = wanted.active()
    without = [(name, count(ctx, wanted.without(name), 1000)) for name in names]
    if matching := [(name, remaining) for name, remaining in without if remaining.contacts]:
        return matching
    alone = [(name, count(ctx, wanted.only(name), 1)) for name in names]
    return [(name, remaining) for name, remaining in alone if not remaining.contacts]


# -- listing --------------------------------------------------------------------------------------


def list_contacts(
    ctx: Context, wanted: ContactFilter, sort: Sort = "checked", after: str = "", size: int = PAGE,
    plan: QueryPlan | None = None,
) -> ContactPage:  # fmt: skip
    """Return a page of the contacts that match.

    checked: the latest first. status: the worst first. source: by connector, then by the name of
    the source. `after`: of the page before; raises `FilterError` for any other text. `plan`: what
    `look` has said of the filter just now.
    """
    cursor = _decode(after, sort) if after else None
    with ctx.store.read() as connection:
        _prefer_indexes(connection)
        plan = plan or _look(connection, wanted, COUNT_LIMIT)
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
    last = _encode(rows[size - 1]) if len(rows) > size else None
    return ContactPage(page, last, plan.by_key)


_Row = tuple[Any, str, str, str]  # (value of the sort, connector, object, id)


def _sorted_few(
    connection: Connection, plan: QueryPlan, connectors: Sequence[str], sort: Sort,
    cursor: _Row | None, limit: int,
) -> list[_Row]:  # fmt: skip
    """Gather all that match, and sort them."""
    if not plan.count.contacts:
        return []
    if plan.start is not None and len(connectors) > 1:
        return _sorted_together(connection, plan, sort, cursor, limit)
    rows: list[_Row] = []
    for connector in connectors:
        gathered = _gathered(plan.wanted, connector, plan.picks, plan.start, plan.by_segment)
        value: Any = _sort_key(sort, gathered.joined)
        # The limit keeps it from being worked out together with the order: it is not reached.
        inner = gathered.some(COUNT_LIMIT + 1, value.label("at"), *gathered.key_columns)
        columns: list[Any] = [inner.c[name] for name in ("at", "connector", "object", "record_id")]
        query: sa.Select[Any] = sa.select(*columns)
        query = _behind(query, inner.c.at, inner.c, connector, sort, cursor)
        rows += _rows(connection, query.limit(limit))
    if sort != "source":  # which goes connector by connector
        rows.sort(key=lambda row: row[0], reverse=sort == "checked")
    return rows[:limit]


def _sorted_together(
    connection: Connection, plan: QueryPlan, sort: Sort, cursor: _Row | None, limit: int
) -> list[_Row]:
    """Gather and sort what matches in all connectors, so that the table that names them is read
    once."""
    gathered = _gathered(plan.wanted, plan.wanted.connector, plan.picks, plan.start)
    value: Any = _sort_key(sort, gathered.joined)
    inner = gathered.some(COUNT_LIMIT + 1, value.label("at"), *gathered.key_columns).c
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
    cursor: _Row | None, limit: int,
) -> list[_Row]:  # fmt: skip
    """Read contacts in the order of an index, and keep those that match."""
    rows: list[_Row] = []
    c = contacts.c
    for connector in connectors:
        if few := _few_of(connection, plan, connector):
            rows += _sorted_few(connection, few, [connector], sort, cursor, limit)
        else:
            walked = _walked(plan, connector)
            value = _sort_key(sort, False)
            query = walked.query(value.label("at"), *walked.key_columns)
            rows += _rows(
                connection, _behind(query, value, c, connector, sort, cursor).limit(limit)
            )
        if sort == "source" and len(rows) >= limit:  # which goes connector by connector
            break
    if sort == "checked":
        rows.sort(key=lambda row: row[0], reverse=True)
    return rows[:limit]


def _walk_ranks(
    connection: Connection,
    plan: QueryPlan,
    connectors: Sequence[str],
    cursor: _Row | None,
    limit: int,
) -> list[_Row]:
    """Read contacts by their worst status, each by its index, and keep those that match."""
    rows: list[_Row] = []
    c = contacts.c
    first = cursor[0] if cursor else 0
    gathered = {
        connector: _sorted_few(connection, few, [connector], "status", cursor, limit)
        for connector in connectors
        if (few := _few_of(connection, plan, connector))
    }
    for rank in range(first, len(STATUSES) + 1):
        for connector in connectors:
            if cursor and rank == first and connector < cursor[1]:
                continue
            if connector in gathered:
                rows += [row for row in gathered[connector] if row[0] == rank]
            else:
                walked = _walked(plan, connector, with_rank(rank))
                at: Any = sa.literal(rank)
                query = walked.query(at, *walked.key_columns)
                if cursor and (rank, connector) == cursor[:2]:
                    query = query.where(sa.tuple_(c.object, c.record_id) > sa.tuple_(*cursor[2:]))
                query = query.order_by(c.object, c.record_id).limit(limit - len(rows))
                rows += _rows(connection, query)
            if len(rows) >= limit:
                return rows[:limit]
    return rows


def _few_of(connection: Connection, plan: QueryPlan, connector: str) -> QueryPlan | None:
    """Return how to gather what matches in one connector, where another table names few records of
    it; None if it names many. To walk through a CRM of which hardly a contact is named would be to
    read all of it."""
    for pick, many in zip(plan.picks, plan.many, strict=True):
        if connector in many:
            continue
        number = _number_of(connection, pick.keys(connector), _FEW_ROWS)
        if number <= _FEW_ROWS:
            return replace(plan, start=pick, count=Count(number, False))
    return None


def _by_key(
    connection: Connection, plan: QueryPlan, connectors: Sequence[str], sort: Sort,
    cursor: _Row | None, limit: int,
) -> list[_Row]:  # fmt: skip
    """Return records in the order of their keys, as a run or failures name them."""
    rows: list[_Row] = []
    for connector in connectors:
        if cursor and connector < cursor[1]:
            continue
        after = cursor[2:] if cursor and connector == cursor[1] else None
        keys = _keys_in_order(plan, connector, after).limit(limit - len(rows))
        rows += [(_NO_VALUE[sort], row[0], row[1], row[2]) for row in connection.execute(keys)]
        if len(rows) >= limit:
            break
    return rows


def _keys_in_order(
    plan: QueryPlan, connector: str, after: tuple[str, str] | None
) -> sa.Select[Any]:  # fmt: skip
    """Query the keys that match in one connector, in their order, each once, behind one of them."""
    if plan.by_key:
        query, key = _picked(plan, plan.picks[0].in_order(connector).distinct())
    else:
        rows = _unsorted(plan, connector)
        key, query = rows.key, rows.query(*rows.key_columns)
    if after is not None:
        query = query.where(sa.tuple_(key.object, key.record_id) > sa.tuple_(*after))
    return query.order_by(key.object, key.record_id)


def _picked(plan: QueryPlan, query: sa.Select[Any]) -> tuple[sa.Select[Any], _Columns]:
    """Return a query of the first pick with the rest of the filter, and the columns of its key."""
    key = _Columns(*query.selected_columns)
    query = query.where(*own_conditions(plan.wanted, key=key))
    return query.where(*(pick.named(key) for pick in plan.picks[1:])), key


def every_contact(
    ctx: Context, wanted: ContactFilter, at_once: int = 5000
) -> Iterator[list[ListedContact]]:
    """Yield all contacts that match, in batches of one connector and object, in the order of their
    ids. Each batch is a query of its own, so that a slow reader holds no transaction open."""
    with ctx.store.read() as connection:
        plan = _look(connection, wanted, COUNT_LIMIT)
        connectors = connectors_of(connection, wanted)
    for connector in connectors:
        after: tuple[str, str] | None = None
        while True:
            query = _keys_in_order(plan, connector, after).limit(at_once)
            with ctx.store.read() as connection:
                _prefer_indexes(connection)
                batch = _load(connection, [tuple(row) for row in connection.execute(query)])
            for object_name in dict.fromkeys(contact.object for contact in batch):
                yield [contact for contact in batch if contact.object == object_name]
            if len(batch) < at_once:
                break
            after = batch[-1].object, batch[-1].id


# -- queries --------------------------------------------------------------------------------------


def _prefer_indexes(connection: Connection) -> None:
    """Let PostgreSQL, in this transaction, look some thousand rows up by an index rather than read
    all numbers of all contacts: it takes the rows of an index to be four times as slow to reach,
    as on a disk that turns. And in one process: a page needs few rows, and to start two more for
    them took a third more of the processor's time without being done sooner.

    https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-RANDOM-PAGE-COST
    https://www.postgresql.org/docs/current/how-parallel-query-works.html
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_FOR_FEW_ROWS)


@dataclass(frozen=True, slots=True)
class _Columns:
    connector: Any
    object: Any
    record_id: Any


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where contacts are looked for. `key`: the columns connector, object and record_id; `joined`:
    whether the index may lack a record, so that the columns of `contacts` may be null. `in_order`:
    the index that the conditions lead through is in the order of the keys. SQLite, which knows
    nothing of how rare a status is, takes it only if it is asked for that order."""

    key: Any
    tables: Any
    conditions: tuple[Condition, ...]
    joined: bool = False
    in_order: bool = False

    @property
    def key_columns(self) -> tuple[Any, Any, Any]:
        return self.key.connector, self.key.object, self.key.record_id

    def query(self, *columns: Any) -> sa.Select[Any]:
        return sa.select(*columns).select_from(self.tables).where(*self.conditions)

    def some(self, limit: int, *columns: Any) -> Any:
        """Return a subquery of at most so many rows."""
        query = self.query(*columns).limit(limit)
        if self.in_order:
            query = query.order_by(self.key.object, self.key.record_id)
        return query.subquery()


def _gathered(
    wanted: ContactFilter, connector: str, named: Sequence[Pick], start: Pick | None,
    by_segment: bool = False,
) -> _Rows:  # fmt: skip
    """Return where few contacts are: through an index of the filter, or from a table that names
    them."""
    if start is None:
        conditions = (
            contacts.c.connector == connector, *own_conditions(wanted, by_index=not by_segment),
            *hidden([pick.named(contacts.c) for pick in named]),
        )  # fmt: skip
        in_order = has_own_index(wanted) and not by_segment
        return _Rows(contacts.c, contacts, conditions, in_order=in_order)
    base = start.keys(connector).distinct().subquery()
    others = (pick.named(base.c) for pick in named if pick is not start)
    tables = base.join(contacts, same(contacts.c, base.c), isouter=not start.known)
    conditions = (*own_conditions(wanted, key=base.c), *others)
    return _Rows(base.c, tables, conditions, joined=not start.known)


def _walked(plan: QueryPlan, connector: str, by_index: Sequence[Condition] = ()) -> _Rows:
    """Return all contacts, each of which is checked. `by_index`: what leads through an index."""
    c = contacts.c
    checked = [*own_conditions(plan.wanted), *(pick.named(c) for pick in plan.picks)]
    return _Rows(c, contacts, (c.connector == connector, *by_index, *hidden(checked)))


def _unsorted(plan: QueryPlan, connector: str) -> _Rows:
    """Return where to look for all that match, when the order is that of the keys or none."""
    if plan.few or has_own_index(plan.wanted):
        return _gathered(plan.wanted, connector, plan.picks, plan.start, plan.by_segment)
    return _walked(plan, connector)


def _sort_key(sort: Sort, joined: bool) -> Any:
    c = contacts.c
    if sort == "status":
        return worst_first()
    if sort == "source":
        return sa.func.coalesce(c.source, "") if joined else c.source
    never = sa.literal(_NEVER, UtcDateTime())
    return sa.func.coalesce(c.checked_at, never) if joined else c.checked_at


def _behind(
    query: sa.Select[Any], value: Any, key: Any, connector: str, sort: Sort, cursor: _Row | None
) -> sa.Select[Any]:
    """Sort a connector's rows by a value and key, and leave out those up to the cursor."""
    descending = sort == "checked"
    query = query.order_by(value.desc() if descending else value, key.object, key.record_id)
    if cursor is None:
        return query
    at, of_connector, object_name, record_id = cursor
    if sort == "source":
        if connector != of_connector:
            return query if connector > of_connector else query.where(sa.false())
        place = sa.tuple_(value, key.object, key.record_id)
        return query.where(place > sa.tuple_(at, object_name, record_id))
    behind = value < at if descending else value > at
    if connector < of_connector:  # its contacts with the same value have been shown
        return query.where(behind)
    same_or_behind = value <= at if descending else value >= at
    if connector > of_connector:
        return query.where(same_or_behind)
    later = sa.tuple_(key.object, key.record_id) > sa.tuple_(object_name, record_id)
    # The first condition follows from the second one, but only it leads through an index.
    return query.where(same_or_behind, sa.or_(behind, later))


def _rows(connection: Connection, query: sa.Select[Any]) -> list[_Row]:
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


def _encode(row: _Row) -> str:
    value = row[0].isoformat() if isinstance(row[0], datetime) else row[0]
    raw = orjson.dumps([value, *row[1:]])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str, sort: Sort) -> _Row:
    try:
        raw = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        value, connector, object_name, record_id = raw
        if sort == "checked":
            value = datetime.fromisoformat(value).astimezone(UTC)
        kind = {"checked": datetime, "status": int, "source": str}[sort]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError
        names = (connector, object_name, record_id)
        if any(not isinstance(name, str) or "\x00" in name for name in names):
            raise TypeError
        if isinstance(value, int) and not 0 <= value <= len(STATUSES):
            raise TypeError
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise FilterError("after: not a place in this list") from error
    return value, connector, object_name, record_id


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
