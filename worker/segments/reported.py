"""Which contacts a report is about: those that hold its number, or that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from worker.store.tables import contact_numbers, contacts, feedback

Object = tuple[str, str]  # (connector, name of the object)
# By this a partial index is known; a parameter would hide it.
_NONE: sa.ColumnElement[str] = sa.literal_column("''")


def reported_contacts(kinds: Sequence[str], objects: Sequence[Object]) -> sa.CompoundSelect[Any]:
    """Query (connector, object, record_id, kind) of contacts that reports are about; a contact may
    come more than once.

    A report without a number, such as the opt-out of a record that has none, names a contact or a
    person. `objects`: those that contacts are of.
    """
    f, n, c = feedback.c, contact_numbers.c, contacts.c
    wanted = f.kind.in_(kinds)
    by_number = (
        sa.select(n.connector, n.object, n.record_id, f.kind)
        .select_from(feedback)
        .join(contact_numbers, n.number == f.number)
        .where(wanted)
    )
    by_person = (
        sa.select(c.connector, c.object, c.record_id, f.kind)
        .select_from(feedback)
        .join(contacts, sa.and_(c.person == f.person, c.person != ""))
        .where(wanted, f.number == "", f.person != "")
    )
    named = []
    for connector, object_name in objects:
        start = f"{connector}/{object_name}/"
        same = sa.and_(
            c.connector == connector, c.object == object_name,
            c.record_id == sa.func.substr(f.contact, len(start) + 1),
        )  # fmt: skip
        named.append(
            sa.select(c.connector, c.object, c.record_id, f.kind)
            .select_from(feedback)
            .join(contacts, same)
            .where(wanted, f.number == "", sa.func.substr(f.contact, 1, len(start)) == start)
        )
    return sa.union_all(by_number, by_person, *named)


def is_reported(kind: str, key: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a report of a kind is about a contact, by its columns connector,
    object and record_id. `contacts` must be among the tables of the query."""
    f, n = feedback.c, contact_numbers.c
    # In the order of the index: PostgreSQL would read all of it for each contact.
    name = key.connector + "/" + key.object + "/" + in_default_order(key.record_id)
    same = (
        n.connector == key.connector, n.object == key.object,
        n.record_id == in_default_order(key.record_id),
    )  # fmt: skip
    by_number = (
        sa.select(sa.literal(1))
        .select_from(contact_numbers)
        .join(feedback, f.number == n.number)
        .where(*same, f.kind == kind)
    )
    # By the indexes of whom they name: those of a kind without a number are many.
    unnumbered = sa.select(sa.literal(1)).where(*hidden([f.kind == kind, f.number == ""]))
    return sa.or_(
        any_row(by_number),
        any_row(unnumbered.where(f.contact != _NONE, f.contact == name)),
        any_row(unnumbered.where(f.person != _NONE, f.person == contacts.c.person)),
    )


def hidden(conditions: Sequence[sa.ColumnElement[bool]]) -> list[sa.ColumnElement[bool]]:
    """Return the same conditions, so that each row is checked, and no index is looked for."""
    if not conditions:
        return []
    return [sa.case((sa.and_(*conditions), sa.true()), else_=sa.false())]


class _DefaultOrder(FunctionElement[str]):
    name = "default_order"
    type = sa.String()
    inherit_cache = True


@compiles(_DefaultOrder)
def _as_it_is(element: _DefaultOrder, compiler: SQLCompiler, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))


@compiles(_DefaultOrder, "postgresql")
def _collated(element: _DefaultOrder, compiler: SQLCompiler, **kw: Any) -> str:
    return f'({compiler.process(element.clauses, **kw)} COLLATE "default")'


def in_default_order(record_id: Any) -> sa.ColumnElement[str]:
    """Return a record's id of `contacts` to compare with that of another table. It has an order of
    its own (`tables.RecordId`), in which PostgreSQL does not search another table's index."""
    return _DefaultOrder(record_id)


def any_row(query: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a query finds a row, looked up anew for each row of the query
    around it: PostgreSQL may work EXISTS out for all rows at once, of which a page needs few."""
    return query.limit(1).scalar_subquery().is_not(None)


def contact_objects(connection: Connection, connectors: Sequence[str]) -> list[Object]:
    """Return the objects that the contacts of connectors are of."""
    c = contacts.c
    return [
        (name, object_name)
        for name in connectors
        for object_name in distinct_values(connection, c.object, c.connector == name)
    ]


def distinct_values(
    connection: Connection, column: sa.Column[str], *conditions: sa.ColumnElement[bool]
) -> list[str]:
    """Return the distinct values of a column, from one to the next by the index, not through all
    rows."""
    query = sa.select(sa.func.min(column)).where(*conditions)
    values: list[str] = []
    last: str | None = connection.scalar(query)
    while last is not None:
        values.append(last)
        last = connection.scalar(query.where(column > last))
    return values
