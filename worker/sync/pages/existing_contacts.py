"""Contacts that were in a CRM before us, for a quiet first sync (`policy.quiet_first_sync`).

Of an object that was never read to its end, every contact that our index does not know is of the
stock. Later those are that the index knows and whose numbers are as it has them: a contact that is
made after the first sync, or whose number somebody changes, is written as ever. One whose write the
CRM has refused is none either, or it would never be tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.phones import ParsedField
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, failures, watermarks

Place = tuple[str, int, str, str]  # phone field, place in it, number, extension


class Read(Protocol):
    """A contact with its phone fields as they were read."""

    @property
    def contact(self) -> _Contact: ...
    @property
    def readings(self) -> _Readings: ...


class _Contact(Protocol):
    @property
    def id(self) -> str: ...


class _Readings(Protocol):
    def items(self) -> Collection[tuple[str, ParsedField]]: ...


def of_page(
    ctx: Context, connector: str, object_name: str, read: Sequence[Read], known: Collection[str]
) -> frozenset[str]:
    """Ids of these contacts that belong to the stock. `known`: ids that our index has."""
    new = [one.contact.id for one in read if one.contact.id not in known]
    old = {one.contact.id: _places(one) for one in read if one.contact.id in known}
    with ctx.store.read() as connection:
        found = set() if new and _was_read(connection, connector, object_name) else {*new}
        if old:
            held = _numbers(connection, connector, object_name, [*old])
            refused = _refused(connection, connector, object_name, [*old])
            found |= {
                record_id
                for record_id, places in old.items()
                if held.get(record_id, set()) == places and record_id not in refused
            }
    return frozenset(found)


def _places(one: Read) -> set[Place]:
    return {
        (name, place, number.e164, number.extension)
        for name, reading in one.readings.items()
        for place, number in enumerate(reading.numbers)
    }


def _was_read(connection: Connection, connector: str, object_name: str) -> bool:
    """Whether a sync of the object has come to its end."""
    w = watermarks.c
    query = sa.select(w.object).where(w.connector == connector, w.object == object_name)
    return connection.execute(query).first() is not None


def _numbers(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> dict[str, set[Place]]:
    c = contact_numbers.c
    query = sa.select(c.record_id, c.field, c.place, c.number, c.extension).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
    )
    found: dict[str, set[Place]] = {}
    for record_id, *place in connection.execute(query):
        found.setdefault(record_id, set()).add((place[0], place[1], place[2], place[3]))
    return found


def _refused(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> set[str]:
    c = failures.c
    query = sa.select(c.record_id).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
    )
    return {*connection.scalars(query)}
