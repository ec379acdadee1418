"""Erase numbers and contacts from the log of events, as soon as every endpoint has been told.

Who asks for erasure must not be contacted by anybody who has the number from us, so an endpoint is
told before we forget (GDPR art. 19). A delivery that was given up is not waited for: it is three
days old, and the operator was alerted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.events.model import DeliveryState
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.pseudonyms import Keys
from worker.store.tables import event_deliveries, events, number_sequences


def erase_number(connection: Connection, keys: Keys, number: str) -> None:
    """Erase a number from events that no endpoint waits for; mark the others."""
    c = events.c
    ids = list(connection.scalars(sa.select(c.id).where(c.number == number)))
    connection.execute(sa.update(events).where(c.number == number).values(erase=True, contact=""))
    _erase(connection, keys, ids)
    # The count goes on under the hash, so that later events of the number come after these.
    hashed = keys.erased_number(number)
    s = number_sequences.c
    counted = connection.scalar(sa.select(s.sequence).where(s.subject == number))
    if counted is not None:
        connection.execute(sa.delete(number_sequences).where(s.subject.in_([number, hashed])))
        connection.execute(sa.insert(number_sequences).values(subject=hashed, sequence=counted))


def erase_contacts(connection: Connection, names: Collection[str], erased_as: str) -> None:
    """Erase contacts from events; `erased_as` stands in their place."""
    d, s = event_deliveries.c, number_sequences.c
    for column in (events.c.contact, d.subject):
        connection.execute(
            sa.update(column.table).where(column.in_(names)).values({column.key: erased_as})
        )
    connection.execute(sa.delete(number_sequences).where(s.subject.in_(names)))


def erase_delivered(connection: Connection, keys: Keys, event_ids: Sequence[int]) -> None:
    """Erase the numbers of these events where they are to be erased and nobody waits any more."""
    c = events.c
    marked = sa.select(c.id).where(any_of(c.id, list(event_ids)), c.erase)
    _erase(connection, keys, list(connection.scalars(marked)))


def _erase(connection: Connection, keys: Keys, ids: Sequence[int]) -> None:
    c, d = events.c, event_deliveries.c
    waiting = sa.exists().where(d.event_id == c.id, d.state == DeliveryState.PENDING)
    for chunk in chunks(list(ids)):
        query = sa.select(c.id, c.number).where(c.id.in_(chunk), ~waiting)
        for row in connection.execute(query).all():
            hashed = keys.erased_number(row.number)
            connection.execute(
                sa.update(events).where(c.id == row.id).values(number=hashed, erase=False)
            )
            connection.execute(
                sa.update(event_deliveries).where(d.event_id == row.id).values(subject=hashed)
            )
