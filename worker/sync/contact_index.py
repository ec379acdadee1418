"""Our own index: who holds which number, what we wrote about it, and the flags as last seen.

It finds every contact with a number without scanning a CRM, and it tells a person's change of a
flag from our own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from connectors.records import Contact, Value
from worker.decisions import Decision, reasons
from worker.feedback import crm_flags
from worker.phones import ParsedField
from worker.store import Store
from worker.store.array_param import any_of
from worker.store.bulk import insert, upsert
from worker.store.fit_key import fit_segment_value
from worker.store.tables import contact_numbers, contacts, former_readings
from worker.store.text_marks import flag_mark, has_indexed_mark
from worker.sync import reading_state

_PROPOSED = "proposed_phone"  # kept among the flags
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class IndexedContact:
    """What the index holds of a contact."""

    fingerprint: str  # of all that it says (`_fingerprint`)
    flags: Mapping[str, bool]
    content_hash: str = ""  # see `worker.sync.read.change_detection`
    fresh_until: datetime | None = None
    proposed: str = ""  # the last number that we proposed
    readings: str = ""  # how its phone fields were read (`worker.sync.reading_state`)
    why: str = ""  # what its reason says (`worker.decisions.reasons.tie`)
    # The flags as its row has them, where `flags` has those of records that were merged into it.
    without_merged: Mapping[str, bool] | None = None

    @property
    def stored_flags(self) -> Mapping[str, bool]:
        return self.flags if self.without_merged is None else self.without_merged


class IndexEntry(Struct, frozen=True):
    """A contact as it is after a page: `written` is what the CRM has taken of our update."""

    contact: Contact
    decision: Decision
    region: str | None
    readings: Mapping[str, ParsedField]
    written: Mapping[str, Value]
    content_hash: str
    fresh_until: datetime | None
    answers: Mapping[str, int]
    person: str = ""
    readings_state: str = ""  # see `worker.sync.reading_state`


def load(
    store: Store, connector: str, object_name: str, ids: Sequence[str]
) -> dict[str, IndexedContact]:
    """Return what is known of these contacts, by record id."""
    indexed = {}
    c = contacts.c
    query = sa.select(
        c.record_id,
        c.fingerprint,
        c.last_seen_flags,
        c.content_hash,
        c.fresh_until,
        c.readings,
        c.why,
    ).where(*_among(contacts, connector, object_name, ids))
    with store.read() as connection:
        for record_id, fingerprint, flags, content_hash, until, stored, why in connection.execute(
            query
        ):
            proposed = flags.pop(_PROPOSED, "")
            readings = reading_state.untie(fingerprint, stored)
            indexed[record_id] = IndexedContact(
                fingerprint, flags, content_hash, until, proposed, readings, why
            )
    return indexed


def record(
    connection: Connection,
    connector: str,
    object_name: str,
    entries: Sequence[IndexEntry],
    known: Mapping[str, IndexedContact],
    now: datetime,
    loaded_at: datetime,
) -> list[str]:
    """Bring the index up to date. For each contact one of these rules holds:

    1. The index says the same already: its row stays, or only gets the new content hash and time.
    2. The index says something else, or we have written: its rows are replaced.
    3. Another run has been here since `known` was loaded: the flags that it changed count, but for
       those that we have written, since what we have read is older than what it did. What we say of
       the rest may be older too, so the contact is processed again when it is read next.

    Returns the ids of contacts of which we have written a flag, and which another run has recorded
    since `loaded_at`.
    """
    others, recorded = _flags_of_others(
        connection, connector, object_name, entries, known, loaded_at
    )
    changed: list[dict[str, Any]] = []
    refreshed: list[dict[str, Any]] = []
    numbers: list[dict[str, Any]] = []
    for entry in entries:
        record_id = entry.contact.id
        before = known.get(record_id)
        flags = _current_flags(entry, before, others.get(record_id, {}))
        if record_id in others:
            entry = replace(entry, fresh_until=None)
        fingerprint = _fingerprint(entry, flags)
        says_the_same = (
            before is not None
            and before.fingerprint == fingerprint
            and before.readings == entry.readings_state
            and record_id not in others
        )
        if before is not None and says_the_same and not entry.written:
            stored = before.content_hash, before.fresh_until, before.why
            if stored != (entry.content_hash, entry.fresh_until, _why(entry)):
                refreshed.append({"b_id": record_id, **_freshness(entry, fingerprint)})
            continue
        key = {"connector": connector, "object": object_name, "record_id": record_id}
        proposed = entry.written.get(_PROPOSED) or (before.proposed if before else "")
        remembered = {**flags, _PROPOSED: proposed} if proposed else flags
        changed.append(_contact_row(key, entry, fingerprint, remembered, now))
        numbers += _number_rows(key, entry)
    ids = [row["record_id"] for row in changed]
    delete(connection, contact_numbers, connector, object_name, ids)
    upsert(connection, contacts, changed)
    if refreshed:
        c = contacts.c
        update = sa.update(contacts).where(
            c.connector == connector, c.object == object_name, c.record_id == sa.bindparam("b_id")
        )
        connection.execute(update, refreshed)
    insert(connection, contact_numbers, numbers)
    return [
        entry.contact.id
        for entry in entries
        if entry.contact.id in recorded and crm_flags.flags_of(entry.written)
    ]


def _current_flags(
    entry: IndexEntry, before: IndexedContact | None, others: Mapping[str, bool]
) -> dict[str, bool]:
    """Return the flags as they are now. `others`: those that another run changed meanwhile."""
    # A flag that is hidden from us is what it was: shown again, it is not a person's new word.
    hidden = before.flags if before is not None else {}
    read = crm_flags.flags_of(entry.contact.current)
    return {**hidden, **read, **others, **crm_flags.flags_of(entry.written)}


def _contact_row(
    key: Mapping[str, str],
    entry: IndexEntry,
    fingerprint: str,
    flags: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    contact, decision = entry.contact, entry.decision
    return {
        **key,
        "fingerprint": fingerprint,
        "last_seen_flags": flags,
        "statuses": {f.name: f.status for f in decision.fields if f.status},
        "reason": decision.reason,
        "source": fit_segment_value(contact.source),
        "campaign": fit_segment_value(contact.campaign),
        "country": entry.region or "",
        "month": contact.month,
        "person": entry.person,
        "value": contact.contact_value,
        "waiting": decision.waiting,
        **_freshness(entry, fingerprint),
        "checked_at": now,
    }


def _freshness(entry: IndexEntry, fingerprint: str) -> dict[str, Any]:
    return {
        "readings": reading_state.tie(fingerprint, entry.readings_state),
        "content_hash": entry.content_hash,
        "fresh_until": entry.fresh_until,
        "answers": entry.answers,
        "why": _why(entry),
    }


def _why(entry: IndexEntry) -> str:
    return reasons.tie(entry.decision.reason, entry.decision.why)


def _number_rows(key: Mapping[str, str], entry: IndexEntry) -> list[dict[str, Any]]:
    return [
        {**key, "field": name, "place": place, "number": number.e164, "extension": number.extension}
        for name, reading in entry.readings.items()
        for place, number in enumerate(reading.numbers)
    ]


def _flags_of_others(
    connection: Connection,
    connector: str,
    object_name: str,
    entries: Sequence[IndexEntry],
    known: Mapping[str, IndexedContact],
    loaded_at: datetime,
) -> tuple[dict[str, dict[str, bool]], set[str]]:
    """Return, of contacts that another run has changed since `known` was loaded, the flags that it
    changed; and the ids of all that another run has recorded since, the same or not.

    The rows of all entries stay locked until the transaction ends.
    """
    c = contacts.c
    ids = [entry.contact.id for entry in entries]
    query = sa.select(c.record_id, c.fingerprint, c.checked_at >= loaded_at).where(
        *_among(contacts, connector, object_name, ids)
    )
    changed, recorded = [], set()
    for record_id, fingerprint, anew in connection.execute(
        query.order_by(c.record_id).with_for_update()
    ):
        before = known.get(record_id)
        if before is None or before.fingerprint != fingerprint:
            changed.append(record_id)
        elif not anew:
            continue
        recorded.add(record_id)
    if not changed:
        return {}, recorded
    by_record = {}
    by_others = sa.select(c.record_id, c.last_seen_flags).where(
        *_among(contacts, connector, object_name, changed)
    )
    for record_id, flags in connection.execute(by_others):
        flags.pop(_PROPOSED, None)
        before = known.get(record_id)
        seen = before.stored_flags if before is not None else {}
        by_record[record_id] = {flag: on for flag, on in flags.items() if on != seen.get(flag)}
    return by_record, recorded


def forget(connection: Connection, connector: str, object_name: str, ids: Sequence[str]) -> int:
    """Remove contacts that are gone from the CRM; return how many were known."""
    delete(connection, contact_numbers, connector, object_name, ids)
    delete(connection, former_readings, connector, object_name, ids)
    return delete(connection, contacts, connector, object_name, ids)


def invalidate_records(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str]
) -> None:
    """Have these contacts processed when they are read next, even if they have not changed."""
    if not ids:
        return
    connection.execute(
        sa.update(contacts)
        .where(*_among(contacts, connector, object_name, ids))
        .values(fresh_until=None)
    )


def remember_flags(
    connection: Connection,
    connector: str,
    object_name: str,
    record_id: str,
    written: Mapping[str, Value],
) -> None:
    """Note flags that we wrote, so that they do not pass for a person's word when read next."""
    flags = crm_flags.flags_of(written)
    if not flags:
        return
    where = sa.and_(*_among(contacts, connector, object_name, (record_id,)))
    # Locked: a page that is about to record the contact has flags of its own to note.
    query = sa.select(contacts.c.last_seen_flags).where(where).with_for_update()
    before = connection.scalar(query)
    if before is not None:
        noted = {**before, **flags}
        # Another one for other flags: a page that has loaded the row sees that it has changed.
        fingerprint = f"{reading_state.NOTED}{_hash((noted,))}"
        values = {"last_seen_flags": noted, "fingerprint": fingerprint, "fresh_until": None}
        connection.execute(sa.update(contacts).where(where).values(**values))
        return
    row = {
        "connector": connector,
        "object": object_name,
        "record_id": record_id,
        "fingerprint": f"{reading_state.NOTED}{_hash((flags,))}",
        "statuses": {},
        "last_seen_flags": flags,
        "reason": None,
        "source": "",
        "campaign": "",
        "country": "",
        "month": "",
        "person": "",
        "value": None,
        "waiting": False,
        "content_hash": "",
        "fresh_until": None,
        "answers": {},
        "readings": "",
        "why": "",
        "checked_at": _NEVER,
    }
    insert(connection, contacts, [row])


def forget_flag(
    connection: Connection, connector: str, object_name: str, flag: str, after: str, limit: int
) -> str:
    """Forget that a flag was set in records of an object, since its field is gone or is a new one:
    read as empty, it would pass for one that a person has cleared. The records are processed when
    they are read next.

    Takes records behind the id `after`; returns the last one, "" where there are no more.
    """
    c = contacts.c
    query = (
        sa.select(c.record_id, c.last_seen_flags)
        .where(
            c.connector == connector,
            c.object == object_name,
            c.record_id > after,
            has_indexed_mark(c.last_seen_flags, flag_mark(flag)),
        )
        .order_by(c.record_id)
        .limit(limit)
        .with_for_update()
    )
    last = ""
    for record_id, flags in connection.execute(query).all():
        last = record_id
        remaining = {name: value for name, value in flags.items() if name != flag}
        # Another fingerprint, as in `remember_flags`.
        values = {
            "last_seen_flags": remaining,
            "fingerprint": f"{reading_state.NOTED}{_hash((remaining,))}",
            "fresh_until": None,
        }
        where = _among(contacts, connector, object_name, (record_id,))
        connection.execute(sa.update(contacts).where(*where).values(**values))
    return last


def delete(
    connection: Connection, table: sa.Table, connector: str, object_name: str, ids: Sequence[str]
) -> int:
    """Delete the rows of these records from a table keyed by them; return how many there were."""
    if not ids:
        return 0
    gone = sa.delete(table).where(*_among(table, connector, object_name, ids))
    return connection.execute(gone).rowcount


def _among(
    table: sa.Table, connector: str, object_name: str, ids: Sequence[str]
) -> tuple[sa.ColumnElement[bool], ...]:
    c = table.c
    return c.connector == connector, c.object == object_name, any_of(c.record_id, ids)


def _fingerprint(entry: IndexEntry, flags: Mapping[str, bool]) -> str:
    """Hash all that the index says of a contact: the same hash means the same rows."""
    contact, decision = entry.contact, entry.decision
    return _hash(
        (
            contact.phones,
            entry.region,
            contact.source,
            contact.campaign,
            contact.month,
            contact.contact_value,
            entry.person,
            flags,
            decision.reason,
            decision.waiting,
            [(field.name, field.status) for field in decision.fields],
        )
    )


def had_phones(row: Any, phones: Mapping[str, str], fields: Iterable[str]) -> bool:
    """Tell whether a contact had these texts in its phone fields when its row was written.

    The row keeps all that its fingerprint was made from, but the texts. False also where the row
    had been cut to the length of a column. `row`: of `contacts`; `fields`: all phone fields.
    """
    flags = {name: value for name, value in row.last_seen_flags.items() if name != _PROPOSED}
    content = (
        phones,
        row.country or None,
        row.source,
        row.campaign,
        row.month,
        row.value,
        row.person,
        flags,
        row.reason,
        row.waiting,
        [(name, row.statuses.get(name)) for name in fields],
    )
    return bool(row.fingerprint == _hash(content))


def _hash(content: tuple[Any, ...]) -> str:
    return hashlib.blake2b(orjson.dumps(content), digest_size=16).hexdigest()
