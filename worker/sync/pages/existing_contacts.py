"""Find contacts that were in a CRM before us, for a quiet first sync (`policy.quiet_first_sync`).

Of an object that was never read to its end, every contact that our index does not know is one of
them. Later they are those that the index knows and whose numbers are as it has them: a contact that
is created after the first sync, or whose number somebody changes, is written as usual. A contact
whose write the CRM has refused is not one of them either, or it would never be tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, failures, watermarks
from worker.sync.pages.fields import Prepared

FieldNumber = tuple[str, int, str, str]  # phone field, place in it, number, extension


def find(
    ctx: Context,
    connector: str,
    object_name: str,
    contacts: Sequence[Prepared],
    indexed: Collection[str],
    read_differently: Collection[str] = (),
) -> frozenset[str]:
    """Return the ids of these contacts that were there before us.

    `indexed`: ids in our index. `read_differently`: ids of those whose numbers are others than the
    index has, though nobody changed them.
    """
    new = [
        prepared_contact.contact.id
        for prepared_contact in contacts
        if prepared_contact.contact.id not in indexed
    ]
    old = {
        prepared_contact.contact.id: _numbers(prepared_contact)
        for prepared_contact in contacts
        if prepared_contact.contact.id in indexed
    }
    with ctx.store.read() as connection:
        existing = set() if new and _was_read(connection, connector, object_name) else {*new}
        if old:
            indexed_numbers = _indexed_numbers(connection, connector, object_name, [*old])
            refused = _refused(connection, connector, object_name, [*old])
            existing |= {
                record_id
                for record_id, numbers in old.items()
                if record_id not in refused
                and (
                    record_id in read_differently
                    or indexed_numbers.get(record_id, set()) == numbers
                )
            }
    return frozenset(existing)


def _numbers(prepared_contact: Prepared) -> set[FieldNumber]:
    return {
        (name, place, number.e164, number.extension)
        for name, reading in prepared_contact.readings.items()
        for place, number in enumerate(reading.numbers)
    }


def _was_read(connection: Connection, connector: str, object_name: str) -> bool:
    """Whether a sync of the object has come to its end."""
    w = watermarks.c
    query = sa.select(w.object).where(w.connector == connector, w.object == object_name)
    return connection.execute(query).first() is not None


def _indexed_numbers(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> dict[str, set[FieldNumber]]:
    c = contact_numbers.c
    query = sa.select(c.record_id, c.field, c.place, c.number, c.extension).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
    )
    numbers: dict[str, set[FieldNumber]] = {}
    for record_id, field, place, number, extension in connection.execute(query):
        numbers.setdefault(record_id, set()).add((field, place, number, extension))
    return numbers


def _refused(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> set[str]:
    c = failures.c
    query = sa.select(c.record_id).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
    )
    return {*connection.scalars(query)}
