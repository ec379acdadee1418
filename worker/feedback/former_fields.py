"""Phone fields that were read as other numbers before, with what they are read as now."""

from __future__ import annotations

from collections.abc import Collection
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
    f, held, c = former_readings.c, contact_numbers.c, contacts.c
    same_contact = sa.and_(
        c.connector == f.connector, c.object == f.object, c.record_id == f.record_id
    )
    same_field = sa.and_(
        held.connector == f.connector,
        held.object == f.object,
        held.record_id == f.record_id,
        held.field == f.field,
    )
    query = (
        sa.select(former_readings, c.person, held.number.label("now"))
        .join(contacts, same_contact)
        .join(contact_numbers, same_field, isouter=True)
        .where(any_of(f.number, sorted(numbers)))
    )
    found: dict[tuple[str, str, str], ChangedField] = {}
    for row in connection.execute(query):
        who = ContactIdentity(contact_key(row.connector, row.object, row.record_id), row.person)
        key = (who.key, row.field, row.number)
        before = found[key].numbers if key in found else ()
        numbers_now = before if row.now is None else (*before, row.now)
        found[key] = ChangedField(who, row.field, (row.number,), numbers_now, row.until)
    return [one for one in found.values() if not set(one.former) & set(one.numbers)]


def process_again(connection: Connection, fields: Collection[ChangedField], now: datetime) -> None:
    """Have the contacts processed in whose field nothing is read any more: they hold no number by
    which a report would find them."""
    c = contacts.c
    for who in [one.who for one in fields if not one.numbers]:
        connector, object_name, record_id = who.key.split("/", 2)
        connection.execute(
            sa.update(contacts)
            .where(c.connector == connector, c.object == object_name, c.record_id == record_id)
            .values(fresh_until=None)
        )
        changed_records.record(connection, connector, object_name, [record_id], now)
