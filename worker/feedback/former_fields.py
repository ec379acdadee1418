"""Phone fields that were read as other numbers before, with what they are read as now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback.changed_readings import ChangedField
from worker.feedback.models import ContactIdentity, contact_key
from worker.store import changed_records
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, contacts, former_readings


def are_any(connection: Connection) -> bool:
    return bool(connection.scalar(sa.select(sa.exists(sa.select(former_readings.c.number)))))


def read_before_as(connection: Connection, numbers: Collection[str]) -> list[ChangedField]:
    """Return fields that were read as one of these numbers, with those that they hold now; none
    where nothing is read. One that is read as that number again is left out."""
    f, n, c = former_readings.c, contact_numbers.c, contacts.c
    same_contact = sa.and_(
        c.connector == f.connector, c.object == f.object, c.record_id == f.record_id
    )
    same_field = sa.and_(
        n.connector == f.connector,
        n.object == f.object,
        n.record_id == f.record_id,
        n.field == f.field,
    )
    query = (
        sa.select(former_readings, c.person, n.number.label("now"))
        .join(contacts, same_contact)
        .join(contact_numbers, same_field, isouter=True)
        .where(any_of(f.number, sorted(numbers)))
    )
    fields: dict[tuple[str, str, str], ChangedField] = {}
    for row in connection.execute(query):
        who = ContactIdentity(contact_key(row.connector, row.object, row.record_id), row.person)
        key = (who.key, row.field, row.number)
        before = fields[key].numbers if key in fields else ()
        numbers_now = before if row.now is None else (*before, row.now)
        fields[key] = ChangedField(who, row.field, (row.number,), numbers_now, row.until)
    return [field for field in fields.values() if not set(field.former) & set(field.numbers)]


def read_now_as(connection: Connection, numbers: Collection[str]) -> list[ChangedField]:
    """Return fields that hold one of these numbers now and were read as another one before, each
    with those of these numbers that it holds. One that is still read as the other, too, is left
    out."""
    n = contact_numbers.c
    query = (
        sa.select(former_readings.c.number)
        .join(
            contact_numbers,
            sa.and_(
                n.connector == former_readings.c.connector,
                n.object == former_readings.c.object,
                n.record_id == former_readings.c.record_id,
                n.field == former_readings.c.field,
            ),
        )
        .where(any_of(n.number, sorted(numbers)))
    )
    former = set(connection.scalars(query.distinct()))
    wanted = set(numbers)
    return [
        replace(field, numbers=held)
        for field in read_before_as(connection, former)
        if (held := tuple(number for number in field.numbers if number in wanted))
    ]


def process_again(connection: Connection, fields: Collection[ChangedField], now: datetime) -> None:
    """Have the contacts processed in whose field nothing is read any more: they hold no number by
    which a report would find them."""
    c = contacts.c
    for who in [field.who for field in fields if not field.numbers]:
        connector, object_name, record_id = who.key.split("/", 2)
        connection.execute(
            sa.update(contacts)
            .where(c.connector == connector, c.object == object_name, c.record_id == record_id)
            .values(fresh_until=None)
        )
        changed_records.record(connection, connector, object_name, [record_id], now)
