"""Erasure (GDPR art. 17): what is personal goes from our tables, what must be honoured stays.

Of a number there stays a keyed hash, so that what was said against it holds for whoever is imported
with it later; of a contact nothing. The CRMs themselves are erased by their own means, first: as
long as one holds the contact, the next sync reads it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import log, suppress
from worker.feedback.keys import MARK
from worker.feedback.model import Feedback, contact_key
from worker.store.tables import (
    claims,
    contact_numbers,
    contacts,
    deliveries,
    failures,
    feedback,
    list_members,
    lookups,
    merged_records,
    pages,
    reached,
    rechecks,
    reviews,
    runs,
    shared_numbers,
    suppressions,
    touched,
    unanswered,
    verifications,
    writes,
)
from worker.sync.context import Context

_ERASED = "erased on request"
_NOBODY = f"{MARK}erased"  # in place of a contact that a report was made on


@dataclass
class Forgotten:
    """How many rows went, or lost what is personal."""

    contacts: int = 0
    numbers: int = 0
    writes: int = 0
    verifications: int = 0
    lookups: int = 0
    reports: int = 0
    reviews: int = 0
    pages: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)


def forget_number(ctx: Context, number: str, by: str) -> Forgotten:
    """Erase a number and whoever holds it; it stays suppressed for all channels."""
    done = Forgotten()
    now = ctx.now()
    report = Feedback(
        f"erasure:{ctx.keys.erased(number)}:{now.isoformat()}",
        "erasure",
        number,
        by,
        now,
        evidence=_ERASED,
        received_at=now,
    )
    with ctx.store.write() as connection:
        log.store(connection, [report], now)
        for holder in _holders(connection, number):
            _forget_contact(connection, holder, done)
        _forget_number(ctx, connection, number, done)
    return done


def forget_contact(
    ctx: Context, connector: str, object_name: str, record_id: str, by: str
) -> Forgotten:
    """Erase one contact; its numbers too, where nobody else holds them."""
    done = Forgotten()
    now = ctx.now()
    holder = (connector, object_name, record_id)
    with ctx.store.write() as connection:
        numbers = dict.fromkeys(_numbers(connection, holder))
        for merged_one in _merged_into(connection, holder):  # nobody has worked on it since
            numbers.update(dict.fromkeys(merged_one.numbers))
        _forget_contact(connection, holder, done)
        for number in numbers:
            if _holders(connection, number):
                continue
            report = Feedback(
                f"erasure:{ctx.keys.erased(number)}:{now.isoformat()}", "erasure", number, by[:40],
                now, evidence=_ERASED, received_at=now,
            )  # fmt: skip
            log.store(connection, [report], now)
            _forget_number(ctx, connection, number, done)
    return done


Holder = tuple[str, str, str]


def _holders(connection: Connection, number: str) -> list[Holder]:
    held = contact_numbers.c
    query = sa.select(held.connector, held.object, held.record_id).where(held.number == number)
    return [(row[0], row[1], row[2]) for row in connection.execute(query.distinct())]


def _numbers(connection: Connection, holder: Holder) -> list[str]:
    query = sa.select(contact_numbers.c.number).where(_of(contact_numbers, holder)).distinct()
    return list(connection.scalars(query))


def _forget_contact(connection: Connection, holder: Holder, done: Forgotten) -> None:
    done.contacts += connection.execute(sa.delete(contacts).where(_of(contacts, holder))).rowcount
    # With the ids of records that were merged into it, which are theirs too.
    m = merged_records.c
    keys = [contact_key(*holder), *(row.key for row in _merged_into(connection, holder))]
    for connector, object_name, record_id in (key.split("/", 2) for key in keys):
        one = (connector, object_name, record_id)
        for table in (contact_numbers, failures, touched, rechecks, list_members):
            connection.execute(sa.delete(table).where(_of(table, one)))
        done.writes += connection.execute(sa.delete(writes).where(_of(writes, one))).rowcount
        done.pages += _forget_payloads(connection, record_id)
    connection.execute(sa.delete(merged_records).where(m.key.in_(keys)))
    # What the person said goes on to hold for them, by the keyed hash of the email alone.
    of_contact = feedback.c.contact.in_(keys)
    for place in list(connection.scalars(sa.select(feedback.c.id).where(of_contact))):
        connection.execute(
            sa.update(feedback)
            .where(feedback.c.id == place)
            .values(key=f"erased:{place}", contact=_NOBODY, evidence=_ERASED)
        )
    connection.execute(
        sa.update(suppressions)
        .where(suppressions.c.contact.in_(keys))
        .values(contact=_NOBODY, evidence=_ERASED)
    )


def _merged_into(connection: Connection, holder: Holder) -> Sequence[Any]:
    """What is kept of records that live on in this one."""
    m = merged_records.c
    query = sa.select(m.key, m.numbers).where(m.into_key == contact_key(*holder))
    return connection.execute(query).all()


def _forget_payloads(connection: Connection, record_id: str) -> int:
    """Pages that wait and hold the record as it was read: they read it anew when they are done."""
    count = 0
    query = sa.select(pages.c.id, pages.c.payload).where(
        pages.c.state == "stored", pages.c.payload.is_not(None)
    )
    needle = record_id.encode()
    for row in connection.execute(query):
        if needle in row.payload:
            ids = [one for one in orjson.loads(row.payload)["ids"] if one != record_id]
            connection.execute(
                sa.update(pages)
                .where(pages.c.id == row.id)
                .values(payload=orjson.dumps({"ids": ids, "contacts": None}), size=len(ids))
            )
            count += 1
    return count


def _forget_number(ctx: Context, connection: Connection, number: str, done: Forgotten) -> None:
    erased = ctx.keys.erased(number)
    suppress.follow(connection, [number], ctx.rules)
    for table, name in ((verifications, "verifications"), (lookups, "lookups")):
        if table is lookups:  # what was spent stays known
            changed = connection.execute(
                sa.update(lookups)
                .where(lookups.c.number == number)
                .values(number=erased[:20], detail="")
            )
        else:
            changed = connection.execute(sa.delete(table).where(table.c.number == number))
        setattr(done, name, getattr(done, name) + changed.rowcount)
    for table in (unanswered, claims, contact_numbers, reached, shared_numbers):
        connection.execute(sa.delete(table).where(table.c.number == number))
    done.reviews += connection.execute(
        sa.delete(reviews).where(reviews.c.number == number)
    ).rowcount
    for row in connection.execute(
        sa.select(feedback.c.id, feedback.c.key).where(feedback.c.number == number)
    ).all():
        connection.execute(
            sa.update(feedback)
            .where(feedback.c.id == row.id)
            .values(
                number=erased,
                # Where the key does not name the number it still tells a repetition.
                key=f"erased:{row.id}" if number in row.key else row.key,
                contact="",
                person="",
                new_number="",
                evidence=_ERASED,
            )
        )
        done.reports += 1
    connection.execute(
        sa.update(deliveries).where(deliveries.c.number == number).values(number=erased)
    )
    connection.execute(
        sa.update(feedback).where(feedback.c.new_number == number).values(new_number="")
    )
    suppress.erase(connection, number, ctx.keys)
    _forget_mentions(connection, number, done)
    done.numbers += 1


def _forget_mentions(connection: Connection, number: str, done: Forgotten) -> None:
    """Writes to records that held it once, or to which it was proposed; scopes of runs."""

    def holds(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return sa.cast(column, sa.Text).contains(number, autoescape=True)

    mentions = sa.or_(holds(writes.c.before), holds(writes.c.after))
    done.writes += connection.execute(sa.delete(writes).where(mentions)).rowcount
    proposed_to = sa.select(contacts).where(holds(contacts.c.known))
    for row in connection.execute(proposed_to).all():
        known = {key: value for key, value in row.known.items() if value != number}
        holder = (row.connector, row.object, row.record_id)
        connection.execute(sa.update(contacts).where(_of(contacts, holder)).values(known=known))
    m = merged_records.c
    for row in connection.execute(sa.select(merged_records).where(holds(m.numbers))).all():
        left = [one for one in row.numbers if one != number]
        connection.execute(sa.update(merged_records).where(m.key == row.key).values(numbers=left))
    _forget_scopes(connection, number)


def _forget_scopes(connection: Connection, number: str) -> None:
    """Runs that were opened for this number name it in their scope."""
    query = sa.select(runs.c.id, runs.c.scope).where(
        sa.cast(runs.c.scope, sa.Text).contains(number, autoescape=True)
    )
    for row in connection.execute(query).all():
        scope: dict[str, Any] = dict(row.scope)
        scope["values"] = [value for value in scope.get("values", ()) if value != number]
        connection.execute(sa.update(runs).where(runs.c.id == row.id).values(scope=scope))


def _of(table: sa.Table, holder: Holder) -> sa.ColumnElement[bool]:
    connector, object_name, record_id = holder
    c = table.c
    return sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)
