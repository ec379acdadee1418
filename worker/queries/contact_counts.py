"""Count the contacts that match a filter, up to a limit, and find the way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.queries.contact_conditions import (
    Pick,
    connectors_of,
    fields_with,
    in_segment,
    needs_index,
    own_conditions,
    picks,
    same,
)
from worker.queries.contact_filter import ContactFilter
from worker.queries.contact_plan import Count, QueryPlan
from worker.queries.contact_rows import Rows, gather, in_any_order, picked, prefer_indexes
from worker.segments.reported import contact_objects
from worker.store.tables import contacts

COUNT_LIMIT = 10_000  # contacts that are counted for a page; of more it says "10,000+"
EXPORT_LIMIT = 100_000  # contacts that are counted for an export
_FEW_ROWS = 10_000  # of another table: as many as a page can gather and sort
_MANY_ROWS = 3_000  # of one connector, from which on its contacts can be walked
_SEGMENT_ROWS = 50_000  # of a segment: as many as a page can check for something rare


def look(ctx: Context, wanted: ContactFilter, limit: int = COUNT_LIMIT) -> QueryPlan:
    """Look how many contacts match a filter, up to a limit."""
    with ctx.store.snapshot() as connection:
        return look_in(connection, wanted, limit)


def count(ctx: Context, wanted: ContactFilter, limit: int = COUNT_LIMIT) -> Count:
    """Count the contacts that match, up to a limit."""
    return look(ctx, wanted, limit).count


def look_in(connection: Connection, wanted: ContactFilter, limit: int) -> QueryPlan:
    prefer_indexes(connection)
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
            rows = gather(part, connector, (), None).some(limit + 1 - number, sa.literal(1))
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
        gathered = gather(wanted, connector, named, start, by_segment)
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
    rows = Rows(base.c, base.outerjoin(contacts, same(contacts.c, base.c)), (
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
    with ctx.store.snapshot() as connection:
        prefer_indexes(connection)
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
        first = picked(plan, plan.picks[0].keys(connector))[0].limit(limit).subquery().c
        record = (first.object, first.record_id)
        each = sa.select(*record, number.label("rows")).group_by(*record).subquery().c
        rows: Any = sa.func.sum(each.rows)
        return sa.select(each.object, number, rows).group_by(each.object)
    gathered = in_any_order(plan, connector)
    first = gathered.some(limit, *gathered.key_columns).c
    return sa.select(first.object, number, number).group_by(first.object)


def few_of(connection: Connection, plan: QueryPlan, connector: str) -> QueryPlan | None:
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


def explain_empty(ctx: Context, wanted: ContactFilter) -> list[tuple[str, Count]]:
    """Return, where nothing matches, the conditions without which something would, with how much
    that is; if no single one, each condition that nothing meets by itself, with a count of 0."""
    names = wanted.active()
    without = [(name, count(ctx, wanted.without(name), 1000)) for name in names]
    if matching := [(name, remaining) for name, remaining in without if remaining.contacts]:
        return matching
    alone = [(name, count(ctx, wanted.only(name), 1)) for name in names]
    return [(name, remaining) for name, remaining in alone if not remaining.contacts]
