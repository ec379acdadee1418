"""Give what is left of a connection's account another name: that of a former account, or back.

The same ids mean other people in the account that follows. So whatever names a record of the former
one must not stay under the connection's name: reports and suppressions, merges, writes, tasks,
consent records, messages of campaigns, runs. Nothing is lost by it: all of it goes on to say what
it said, of the record that it was said of.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connections import FORMER, is_former, present_name
from worker.store import Store
from worker.store.fit_key import fit_key
from worker.store.tables import (
    ask_messages,
    consent_writes,
    deliveries,
    event_deliveries,
    events,
    feedback,
    isolations,
    merged_records,
    number_sequences,
    owner_tasks,
    reviews,
    runs,
    suppressions,
    undone_reports,
    writes,
)

# Columns that hold the connection, and those that hold a contact's key, connector/object/id.
# `writes` holds the connection too: see `rename_writes`.
_CONNECTIONS = tuple(
    table.c.connector
    for table in (ask_messages, consent_writes, deliveries, isolations, owner_tasks, runs, writes)
)
_CONTACTS = (
    feedback.c.contact, suppressions.c.contact, undone_reports.c.contact, merged_records.c.key,
    merged_records.c.into_key, ask_messages.c.recipient, events.c.contact,
    number_sequences.c.subject, event_deliveries.c.subject,
)  # fmt: skip
# Begin the idempotency keys that are made of ids of the CRM's records or calls: in the account that
# follows the same key is of another report, which would be taken for one that is known.
_OF_IDS = ("call:", "consent:", "crm:", "merged:", "note:", "reading:")
_AT_ONCE = 2000  # writes in a transaction
MAX_KEY = 255  # characters, as the columns have them


def rename_writes(store: Store, name: str, new_name: str) -> Iterator[int]:
    """Rename what was written, some at a time: there may be millions. Yields how many."""
    c = writes.c
    last = 0
    while True:
        query = sa.select(c.id).where(c.connector == name, c.id > last).order_by(c.id)
        with store.write() as connection:
            ids = connection.scalars(query.limit(_AT_ONCE)).all()
            if not ids:
                return
            last = ids[-1]
            of_step = sa.and_(c.connector == name, c.id >= ids[0], c.id <= last)
            connection.execute(sa.update(writes).where(of_step).values(connector=new_name))
        yield len(ids)


def rename(connection: Connection, name: str, new_name: str, notes: str) -> None:
    """Rename all that is left of the account of a connection. One of the two is the connection's
    name, the other that of a former account. `notes`: see `_rename_keys`."""
    _rename_keys(connection, name, new_name, notes)
    for column in _CONTACTS:
        table, begin = column.table, f"{name}/"
        rest = sa.func.substr(column, len(begin))
        connection.execute(
            sa.update(table)
            .where(column.startswith(begin, autoescape=True))
            .values({column: sa.literal(new_name).concat(rest)})
        )
    for column in _CONNECTIONS:
        connection.execute(sa.update(column.table).where(column == name).values({column: new_name}))


def count_reports(connection: Connection, name: str) -> int:
    """Return how many reports name a record of a connection."""
    of_records = feedback.c.contact.startswith(f"{name}/", autoescape=True)
    query = sa.select(sa.func.count()).select_from(feedback).where(of_records)
    return connection.scalar(query) or 0


def _rename_keys(connection: Connection, name: str, new_name: str, notes: str) -> None:
    """Put the name of a former account behind the word that a key begins with, or take it out.

    `notes`: the source of what notes in the phone fields of this connection said.
    """
    f, r = feedback.c, reviews.c
    of_records = f.contact.startswith(f"{name}/", autoescape=True)
    for word in _OF_IDS:
        _rename_key(connection, f.key, word, of_records, name, new_name)
    nobodys = sa.and_(f.contact == "", f.key.startswith(f"call:{name}:", autoescape=True))
    _rename_key(connection, f.key, "call:", nobodys, name, new_name)
    former = f"note:{present_name(name)}{FORMER}"
    not_former = sa.true() if is_former(name) else ~r.key.startswith(former, autoescape=True)
    _rename_key(connection, r.key, "note:", sa.and_(r.source == notes, not_former), name, new_name)


def _rename_key(
    connection: Connection,
    key: sa.Column[str],
    word: str,
    where: sa.ColumnElement[bool],
    name: str,
    new_name: str,
) -> None:
    begin = f"{word}{name}:" if is_former(name) else word
    new_begin = word if is_former(name) else f"{word}{new_name}:"
    where = sa.and_(where, key.startswith(begin, autoescape=True))
    longer = len(new_begin) - len(begin)
    fits = sa.func.length(key) <= MAX_KEY - longer
    for old in connection.scalars(sa.select(key).where(where, ~fits)).all():
        new = fit_key(new_begin + old[len(begin) :], MAX_KEY)
        connection.execute(sa.update(key.table).where(key == old).values({key: new}))
    renamed = sa.literal(new_begin).concat(sa.func.substr(key, len(begin) + 1))
    connection.execute(sa.update(key.table).where(where, fits).values({key: renamed}))
