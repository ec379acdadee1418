"""Our own index: who holds which number, what we said of it, and the flags as we last saw them.

It finds every contact with a number without scanning a CRM, and it tells a person's change of a
flag from our own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from connectors.records import Contact, Value
from worker.decisions import Decision
from worker.feedback import crm_flags
from worker.phones import ParsedField
from worker.store import Store
from worker.store.array_param import any_of
from worker.store.bulk import insert, upsert
from worker.store.tables import contact_numbers, contacts

_PROPOSED = "proposed_phone"  # kept among the flags
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Known:
    """What the index holds of a contact."""

    fingerprint: str
    flags: Mapping[str, bool]
    glance: str = ""
    settled_until: datetime | None = None
    proposed: str = ""  # the last number that we proposed


class Entry(Struct, frozen=True):
    """A contact as it is after a page: `written` is what the CRM has taken of our update."""

    contact: Contact
    decision: Decision
    region: str | None
    readings: Mapping[str, ParsedField]
    written: Mapping[str, Value]
    glance: str
    settled_until: datetime | None
    answers: Mapping[str, int]
    person: str = ""


def load(store: Store, connector: str, object_name: str, ids: Sequence[str]) -> dict[str, Known]:
    """What is known of these contacts, by record id."""
    found = {}
    c = contacts.c
    query = sa.select(c.record_id, c.fingerprint, c.known, c.glance, c.settled_until).where(
        *_among(contacts, connector, object_name, ids)
    )
    with store.read() as connection:
        for record_id, print_, flags, glance, until in connection.execute(query):
            proposed = flags.pop(_PROPOSED, "")
            found[record_id] = Known(print_, flags, glance, until, proposed)
    return found


def record(
    connection: Connection,
    connector: str,
    object_name: str,
    entries: Sequence[Entry],
    known: Mapping[str, Known],
    now: datetime,
) -> None:
    """Bring the index up to date; contacts of which it says the same already are left alone.

    Where another run has been here since `known` was loaded, the flags that it left count, but for
    those that we have written: what we have read is older than what it did. And what we say of the
    rest may be older too: it is looked at again.
    """
    meanwhile = _flags_of_others(connection, connector, object_name, entries, known)
    changed: list[dict[str, Any]] = []
    seen_again: list[dict[str, Any]] = []
    numbers: list[dict[str, Any]] = []
    for entry in entries:
        contact = entry.contact
        read, written = crm_flags.flags_of(contact.held), crm_flags.flags_of(entry.written)
        before = known.get(contact.id)
        # A flag that is hidden from us is what it was: shown again, it is nobody's new word.
        unread = before.flags if before is not None else {}
        flags = {**unread, **read, **meanwhile.get(contact.id, {}), **written}
        if contact.id in meanwhile:
            entry = replace(entry, settled_until=None)
        print_ = _fingerprint(entry, flags)
        proposed = entry.written.get(_PROPOSED) or (before.proposed if before else "")
        same = before is not None and before.fingerprint == print_ and contact.id not in meanwhile
        if before is not None and same and not entry.written:
            if (before.glance, before.settled_until) != (entry.glance, entry.settled_until):
                seen_again.append(
                    {
                        "b_id": contact.id,
                        "glance": entry.glance,
                        "settled_until": entry.settled_until,
                        "answers": dict(entry.answers),
                    }
                )
            continue
        key = {"connector": connector, "object": object_name, "record_id": contact.id}
        changed.append(
            {
                **key,
                "fingerprint": print_,
                "known": {**flags, _PROPOSED: proposed} if proposed else flags,
                "statuses": {f.name: f.status for f in entry.decision.fields if f.status},
                "reason": entry.decision.reason,
                "source": contact.source[:255],
                "campaign": contact.campaign[:255],
                "country": entry.region or "",
                "month": contact.month,
                "person": entry.person,
                "value": contact.value,
                "waiting": entry.decision.waiting,
                "glance": entry.glance,
                "settled_until": entry.settled_until,
                "answers": dict(entry.answers),
                "checked_at": now,
            }
        )
        numbers += [
            {
                **key,
                "field": name,
                "place": place,
                "number": number.e164,
                "extension": number.extension,
            }
            for name, reading in entry.readings.items()
            for place, number in enumerate(reading.numbers)
        ]
    ids = [row["record_id"] for row in changed]
    delete(connection, contact_numbers, connector, object_name, ids)
    upsert(connection, contacts, changed)
    if seen_again:
        c = contacts.c
        again = sa.update(contacts).where(
            c.connector == connector, c.object == object_name, c.record_id == sa.bindparam("b_id")
        )
        connection.execute(again, seen_again)
    insert(connection, contact_numbers, numbers)


def _flags_of_others(
    connection: Connection,
    connector: str,
    object_name: str,
    entries: Sequence[Entry],
    known: Mapping[str, Known],
) -> dict[str, dict[str, bool]]:
    """Of contacts that another run has changed in the index since `known` was loaded: the flags as
    that run left them. The rows stay ours until the transaction ends."""
    c = contacts.c
    query = sa.select(c.record_id, c.fingerprint).where(
        *_among(contacts, connector, object_name, [entry.contact.id for entry in entries])
    )
    changed = []
    for record_id, print_ in connection.execute(query.order_by(c.record_id).with_for_update()):
        before = known.get(record_id)
        if before is None or before.fingerprint != print_:
            changed.append(record_id)
    if not changed:
        return {}
    found = {}
    of_others = sa.select(c.record_id, c.known).where(
        *_among(contacts, connector, object_name, changed)
    )
    for record_id, flags in connection.execute(of_others):
        flags.pop(_PROPOSED, None)
        found[record_id] = flags
    return found


def forget(connection: Connection, connector: str, object_name: str, ids: Sequence[str]) -> int:
    """Contacts that are gone from the CRM hold no numbers any more; how many were known."""
    delete(connection, contact_numbers, connector, object_name, ids)
    return delete(connection, contacts, connector, object_name, ids)


def unsettle_records(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> None:
    """Have these contacts worked on when they are read next, even if they are as they were."""
    connection.execute(
        sa.update(contacts)
        .where(*_among(contacts, connector, object_name, ids))
        .values(settled_until=None)
    )


def remember_flags(
    connection: Connection,
    connector: str,
    object_name: str,
    record_id: str,
    written: Mapping[str, Value],
) -> None:
    """A flag that we wrote must not pass for a person's word the next time it is read."""
    flags = crm_flags.flags_of(written)
    if not flags:
        return
    where = sa.and_(*_among(contacts, connector, object_name, (record_id,)))
    held = connection.scalar(sa.select(contacts.c.known).where(where))
    if held is not None:
        values = {"known": {**held, **flags}, "fingerprint": "", "settled_until": None}
        connection.execute(sa.update(contacts).where(where).values(**values))
        return
    row = {
        "connector": connector,
        "object": object_name,
        "record_id": record_id,
        "fingerprint": "",
        "statuses": {},
        "known": flags,
        "reason": None,
        "source": "",
        "campaign": "",
        "country": "",
        "month": "",
        "person": "",
        "value": None,
        "waiting": False,
        "glance": "",
        "settled_until": None,
        "answers": {},
        "checked_at": _NEVER,
    }
    insert(connection, contacts, [row])


def delete(
    connection: Connection, table: sa.Table, connector: str, object_name: str, ids: Sequence[str]
) -> int:
    """Delete the rows of these records from a table that is keyed by them; how many there were."""
    if not ids:
        return 0
    gone = sa.delete(table).where(*_among(table, connector, object_name, ids))
    return connection.execute(gone).rowcount


def _among(
    table: sa.Table, connector: str, object_name: str, ids: Sequence[str]
) -> tuple[sa.ColumnElement[bool], ...]:
    c = table.c
    return c.connector == connector, c.object == object_name, any_of(c.record_id, ids)


def _fingerprint(entry: Entry, flags: Mapping[str, bool]) -> str:
    """Of all that the index says of a contact: the same print, the same rows."""
    contact, decision = entry.contact, entry.decision
    content = (
        contact.phones,
        entry.region,
        contact.source,
        contact.campaign,
        contact.month,
        contact.value,
        entry.person,
        flags,
        decision.reason,
        decision.waiting,
        [(field.name, field.status) for field in decision.fields],
    )
    return hashlib.blake2b(orjson.dumps(content), digest_size=16).hexdigest()
