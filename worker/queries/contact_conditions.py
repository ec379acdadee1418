"""The conditions of a filter of contacts, as SQL: in our index, and in the tables that name some.

A condition can be written in two ways. One leads through an index, for where few rows meet it. The
other only checks a row that is reached in another way, for where many do; it is hidden from the
database's planner, which knows too little about our conditions to choose between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import BAD_STATUSES
from worker.phones.plan_changes import equal_forms
from worker.queries.contact_filter import BAD, RUN_PARTS, STATUSES, ContactFilter
from worker.segments.reported import (
    Object,
    any_row,
    distinct_values,
    hidden,
    in_default_order,
    is_reported,
    reported_contacts,
)
from worker.store.fit_key import fit_list_name, fit_segment_value
from worker.store.states import WriteState
from worker.store.tables import contact_numbers, contacts, failures, list_members, runs, writes
from worker.store.text_marks import flag_mark, has_indexed_mark, has_mark, status_mark

Condition = sa.ColumnElement[bool]
_SEGMENT_COLUMNS = {
    "source": contacts.c.source, "campaign": contacts.c.campaign, "country": contacts.c.country,
    "month": contacts.c.month,
}  # fmt: skip
_INDEXED = STATUSES[:-1]  # statuses with an index of their own: nearly all contacts are valid


@dataclass(frozen=True, slots=True)
class Pick:
    """Contacts that another table names.

    keys: a query of connector, object and record_id, for a connector ("": all), in which a contact
    may come more than once, through the index of what is asked. in_order: the same rows through an
    index in the order of the keys, where there is one. named: the condition that a contact with
    these columns is among them. known: whether those that are not in the index are left out; a
    record that failed need not be in it. exact: none of those that it names is left out.
    """

    keys: Callable[[str], sa.Select[Any]]
    in_order: Callable[[str], sa.Select[Any]]
    named: Callable[[Any], Condition]
    known: bool
    exact: bool = True


def picks(wanted: ContactFilter, objects: Sequence[Object]) -> list[Pick]:
    """Return what the filter asks of other tables. `objects`: those that contacts are of."""
    table_picks: list[Pick] = []
    if wanted.run:
        w = writes.c
        conditions = [w.run_id == wanted.run, w.state.in_(RUN_PARTS[wanted.part or "changed"])]
        if wanted.failure:
            conditions.append(w.state == WriteState.FAILED)
            conditions += [w.kind == wanted.failure] if wanted.failure != "any" else []
        table_picks.append(_rows_of(writes, conditions, known=False, indexed=True))
    elif wanted.failure:
        kind = [failures.c.kind == wanted.failure] if wanted.failure != "any" else []
        table_picks.append(_rows_of(failures, kind, known=False))
    if wanted.number:
        forms = sorted(equal_forms(wanted.number))
        number = [contact_numbers.c.number.in_(forms)]
        table_picks.append(_rows_of(contact_numbers, number, indexed=True))
    if wanted.by == "list":
        # Also of contacts never synced.
        members = [list_members.c.list == fit_list_name(wanted.value)]
        table_picks.append(replace(_rows_of(list_members, members), exact=False))
    if wanted.report:
        table_picks.append(_reported(wanted.report, objects))
    return table_picks


def _rows_of(
    table: sa.Table, conditions: Sequence[Condition], known: bool = True, indexed: bool = False
) -> Pick:
    """`indexed`: the conditions have an index of their own. Then the connector's is hidden: SQLite
    takes it for as rare as any, and would read half of the table."""
    c = table.c

    def in_order(connector: str) -> sa.Select[Any]:
        query = sa.select(c.connector, c.object, c.record_id).where(*conditions)
        return query.where(c.connector == connector) if connector else query

    def by_index(connector: str) -> sa.Select[Any]:
        query = sa.select(c.connector, c.object, c.record_id).where(*conditions)
        return query.where(*hidden([c.connector == connector])) if connector else query

    def named(key: Any) -> Condition:
        same_record = (
            c.connector == key.connector, c.object == key.object,
            c.record_id == in_default_order(key.record_id),
        )  # fmt: skip
        return any_row(sa.select(sa.literal(1)).where(*same_record, *conditions))

    return Pick(by_index if indexed else in_order, in_order, named, known)


def _reported(kind: str, objects: Sequence[Object]) -> Pick:
    def keys(connector: str) -> sa.Select[Any]:
        connector_objects = [
            contact_object for contact_object in objects if connector in ("", contact_object[0])
        ]
        reported = reported_contacts([kind], connector_objects).subquery()
        query = sa.select(reported.c.connector, reported.c.object, reported.c.record_id)
        # Hidden, so that the reports come first: a connector has more numbers than reports.
        return query.where(*hidden([reported.c.connector == connector])) if connector else query

    return Pick(keys, keys, lambda key: is_reported(kind, key), True)


def in_segment(wanted: ContactFilter) -> bool:
    """Return whether a filter names a segment that is a column of our index. A list is none."""
    return wanted.by in _SEGMENT_COLUMNS


def needs_index(wanted: ContactFilter) -> bool:
    """Return whether a filter asks for something that only our index tells of a record."""
    return bool(wanted.status or in_segment(wanted) or wanted.flag or wanted.waiting)


def own_conditions(
    wanted: ContactFilter, by_index: bool = False, key: Any = None
) -> list[Condition]:
    """Return the conditions on the columns of `contacts`, but for the connector's. `key`: the
    columns that name a contact where others than its own do."""
    c = contacts.c
    conditions: list[Condition] = []
    if wanted.object:
        conditions.append((c if key is None else key).object == wanted.object)
    if wanted.status:
        conditions.append(has_status(wanted.status, by_index))
    if in_segment(wanted):
        segment = _SEGMENT_COLUMNS[wanted.by] == fit_segment_value(wanted.value)
        # SQLite takes any segment for rarer than a status, and would read a large one through.
        conditions += hidden([segment]) if by_index and has_own_index(wanted) else [segment]
    if wanted.flag:
        meets = has_indexed_mark if by_index else has_mark
        conditions.append(meets(c.last_seen_flags, flag_mark(wanted.flag)))
    if wanted.waiting:
        # As its index spells it: of a column SQLAlchemy writes `= 1` on SQLite.
        conditions.append(sa.literal_column("contacts.waiting") if by_index else c.waiting)
    return conditions


def has_own_index(wanted: ContactFilter) -> bool:
    """Return whether a condition has an index of just the contacts that meet it, in the order of
    their keys: a status, a flag, and those who wait."""
    of_status = bool(wanted.status) and _indexed(wanted.status, True)
    return of_status or bool(wanted.flag) or wanted.waiting


def has_status(status: str, by_index: bool = False) -> Condition:
    """Return the condition that a phone field has a status."""
    marks = [status_mark(member_status) for member_status in statuses_meant(status)]
    if _indexed(status, by_index):
        return has_indexed_mark(contacts.c.statuses, *marks)  # type: ignore[no-any-return]
    return sa.or_(*(has_mark(contacts.c.statuses, mark) for mark in marks))


def _indexed(status: str, by_index: bool) -> bool:
    return by_index and (status == BAD or status in _INDEXED)


def statuses_meant(status: str) -> tuple[str, ...]:
    return tuple(BAD_STATUSES) if status == BAD else (status,)


def worst_first() -> sa.ColumnElement[int]:
    """Return the rank of a contact's worst status, from 0; of one without a status the last."""
    ranks = [(has_status(status), place) for place, status in enumerate(STATUSES)]
    return sa.case(*ranks, else_=len(STATUSES))


def with_rank(rank: int) -> list[Condition]:
    """Return the conditions that a contact has a rank (`worst_first`), by its index."""
    no_worse_status = hidden([~has_status(status) for status in STATUSES[:rank]])
    return (
        [has_status(STATUSES[rank], True), *no_worse_status]
        if rank < len(STATUSES)
        else no_worse_status
    )


def fields_with(status: str) -> sa.ColumnElement[int]:
    """Return how many phone fields of a contact have a status."""
    text = sa.cast(contacts.c.statuses, sa.Text)
    field_count: Any = sa.literal(0)
    for member_status in statuses_meant(status):
        mark = status_mark(member_status)
        rest = sa.func.length(sa.func.replace(text, mark, ""))
        field_count = field_count + (sa.func.length(text) - rest) // len(mark)
    return field_count  # type: ignore[no-any-return]


def same(key: Any, other: Any) -> Condition:
    return sa.and_(
        key.connector == other.connector, key.object == other.object,
        key.record_id == other.record_id,
    )  # fmt: skip


# -- what there is --------------------------------------------------------------------------------


def connectors_of(connection: Connection, wanted: ContactFilter) -> list[str]:
    """Return the connectors that may have matching contacts, in order. A run has one: the contacts
    that it changed are of no other."""
    if wanted.run:
        query = sa.select(runs.c.connector).where(runs.c.id == wanted.run)
        if of_run := connection.scalar(query):
            return [of_run] if wanted.connector in ("", of_run) else []
    if wanted.connector:
        return [wanted.connector]
    connectors: set[str] = set()
    for table in (contacts, failures, runs):
        connectors |= set(distinct_values(connection, table.c.connector))
    return sorted(connectors)
