"""Erase personal data (GDPR art. 17) from our tables, and keep what must be honoured.

Of a number, a keyed hash stays, so that what was said against it holds for everybody who is
imported with it later. Of a contact, nothing stays. The CRMs are erased first, by their own means:
as long as one holds the contact, the next sync reads it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from worker.context import Context
from worker.events import erased as erased_events
from worker.events import suppression_changes
from worker.feedback import crm_flags, ownership, reply_model, report_log
from worker.feedback.consent_state import rules_from_settings, sort_key
from worker.feedback.models import Feedback, FeedbackKind, contact_key
from worker.feedback.report_rows import report_from_row
from worker.phones.plan_changes import equal_forms
from worker.store import crm_accounts, locks
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.changed_records import record as note_touched
from worker.store.locks import Lock
from worker.store.pseudonyms import ERASED_PREFIX, Keys
from worker.store.states import PageState
from worker.store.tables import (
    app_state,
    ask_messages,
    changed_records,
    consent_writes,
    contact_numbers,
    contacts,
    deliveries,
    duplicate_groups,
    duplicate_places,
    failures,
    feedback,
    former_readings,
    last_delivered,
    list_members,
    lookup_claims,
    lookup_retries,
    lookups,
    merged_records,
    opt_out_questions,
    owner_tasks,
    pages,
    rechecks,
    reviews,
    runs,
    shared_numbers,
    suppressions,
    undone_reports,
    verifications,
    writes,
)
from worker.suppression import from_reports
from worker.suppression import suppressions as suppress

_ERASED = "erased on request"
_ALL_KNOWN = "all_known"  # beside stored flags: see `StoredFlags`
_ERASED_CONTACT = f"{ERASED_PREFIX}erased"  # in place of a contact that a report was made on


@dataclass
class ErasureCounts:
    """How many rows were deleted, or lost their personal data."""

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


def erase_number(ctx: Context, number: str, by: str) -> ErasureCounts:
    """Erase a number and the contacts that hold it. It stays suppressed for all channels.

    What a change of its numbering plan makes equal to it is erased with it. An organisation's
    record is nobody's personal data: the number is taken out of it, and the rest stays.
    """
    done = ErasureCounts()
    now, keys = ctx.now(), ctx.keys
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.COUNTING_SEGMENTS)
        report_log.store(connection, [_erasure_report(keys, number, by, now)], now, keys)
        for holder in _holders(connection, number):
            if ownership.is_organisation(contact_key(*holder), ctx.organisations):
                done.pages += _erase_payloads(connection, holder[2])
                _requeue_record(ctx, connection, holder)
            else:
                _erase_contact(ctx, connection, holder, done)
        for form in equal_forms(number):
            _erase_number(ctx, connection, form, done)
    return done


def erase_contact(
    ctx: Context, connector: str, object_name: str, record_id: str, by: str
) -> ErasureCounts:
    """Erase one contact, and its numbers if nobody else holds them."""
    done = ErasureCounts()
    now, keys = ctx.now(), ctx.keys
    holder = (connector, object_name, record_id)
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.COUNTING_SEGMENTS)
        numbers = dict.fromkeys(_numbers(connection, holder))
        for merged_one in _merged_into(connection, holder):  # nobody has worked on it since
            numbers.update(dict.fromkeys(merged_one.numbers))
        _erase_contact(ctx, connection, holder, done)
        for number in numbers:
            if _holders(connection, number):
                continue
            report_log.store(connection, [_erasure_report(keys, number, by, now)], now, keys)
            for form in equal_forms(number):
                _erase_number(ctx, connection, form, done)
    return done


def _erasure_report(keys: Keys, number: str, by: str, now: datetime) -> Feedback:
    return Feedback(
        key=f"erasure:{keys.erased_number(number)}:{now.isoformat()}",
        kind=FeedbackKind.ERASURE,
        number=number,
        source=by[:40],
        at=now,
        evidence=_ERASED,
        received_at=now,
    )


Holder = tuple[str, str, str]  # connector, object, record id


def _holders(connection: Connection, number: str) -> list[Holder]:
    n = contact_numbers.c
    query = sa.select(n.connector, n.object, n.record_id).where(n.number.in_(equal_forms(number)))
    return [(row[0], row[1], row[2]) for row in connection.execute(query.distinct())]


def _numbers(connection: Connection, holder: Holder) -> list[str]:
    query = (
        sa.select(contact_numbers.c.number).where(_is_record(contact_numbers, holder)).distinct()
    )
    return list(connection.scalars(query))


def _erase_contact(
    ctx: Context, connection: Connection, holder: Holder, done: ErasureCounts
) -> None:
    keys = ctx.keys
    _store_flags(keys, connection, holder)
    done.contacts += connection.execute(
        sa.delete(contacts).where(_is_record(contacts, holder))
    ).rowcount
    # With the ids of records that were merged into it, which are theirs too.
    m = merged_records.c
    names = [contact_key(*holder), *(row.key for row in _merged_into(connection, holder))]
    for connector, object_name, record_id in (name.split("/", 2) for name in names):
        record = (connector, object_name, record_id)
        for table in (
            contact_numbers, former_readings, failures, changed_records, rechecks, list_members,
            owner_tasks, ask_messages, consent_writes,
        ):  # fmt: skip
            connection.execute(sa.delete(table).where(_is_record(table, record)))
        done.writes += connection.execute(
            sa.delete(writes).where(_is_record(writes, record))
        ).rowcount
        done.pages += _erase_payloads(connection, record_id)
    connection.execute(sa.delete(merged_records).where(m.key.in_(names)))
    report_log.record_erasure(connection, keys)
    _requeue_record(ctx, connection, holder)
    erased_events.erase_contacts(connection, names, _ERASED_CONTACT)
    undone = undone_reports.c.contact.in_(names)  # they say nothing any more
    connection.execute(sa.delete(undone_reports).where(undone))
    # What the person said goes on to hold for them, by the keyed hash of the email alone.
    of_contact = sa.select(feedback).where(feedback.c.contact.in_(names))
    for row in connection.execute(of_contact).all():
        connection.execute(
            sa.update(feedback)
            .where(feedback.c.id == row.id)
            .values(contact=_ERASED_CONTACT, evidence=_ERASED, **_anonymous_key(keys, row))
        )
    connection.execute(
        sa.update(suppressions)
        .where(suppressions.c.contact.in_(names))
        .values(contact=_ERASED_CONTACT, evidence=_ERASED)
    )


def _requeue_record(ctx: Context, connection: Connection, holder: Holder) -> None:
    """Have the record read again soon, if its CRM still has it: what stands against it has to be
    written there, and nothing that we know would find it by its number any more."""
    connector, object_name, record_id = holder
    unsettled = sa.update(contacts).where(_is_record(contacts, holder)).values(fresh_until=None)
    connection.execute(unsettled)
    if not (connections.is_file(connector) or connections.is_former(connector)):
        # One that is off reads it when it is back.
        note_touched(connection, connector, object_name, [record_id], ctx.now())


def keep_flags(
    connection: Connection,
    keys: Keys,
    connector: str,
    object_name: str,
    flags: Mapping[str, Mapping[str, Any]],
) -> None:
    """Store the flags of contacts that leave the index although their CRM may have them still, by
    record id. Those without a flag are left out: most."""
    lasting = crm_accounts.lasting_name(connection, connector)
    rows = [
        _flags_row(keys, (lasting, object_name, record_id), {**ours, _ALL_KNOWN: True})
        for record_id, known in flags.items()
        if any((ours := crm_flags.flags_of(known)).values())
    ]
    if rows:
        report_log.record_kept_flags(connection, keys)
        upsert(connection, app_state, rows)


def _flags_row(keys: Keys, holder: Holder, flags: Mapping[str, bool]) -> dict[str, str]:
    value = orjson.dumps(flags).decode()
    return {"name": keys.erased_contact(contact_key(*holder)), "value": value}


def _store_flags(keys: Keys, connection: Connection, holder: Holder) -> None:
    """Store a contact's flags under a keyed hash. If the CRM still has the contact, they are our
    flags, and must not count as a person's word when it is read for the first time."""
    known = connection.scalar(
        sa.select(contacts.c.last_seen_flags).where(_is_record(contacts, holder))
    )
    if known is None:  # perhaps it was dropped with its connection: what was said of it goes now
        kept = load_stored_flags(connection, [contact_key(*holder)], keys)
        known = next((flags.flags for flags in kept.values()), None)
    if known is None:
        return
    lasting = (crm_accounts.lasting_name(connection, holder[0]), *holder[1:])
    upsert(connection, app_state, [_flags_row(keys, lasting, crm_flags.flags_of(known))])


def delete_stored_flags(connection: Connection, contact_keys: Collection[str], keys: Keys) -> None:
    """Delete the stored flags of contacts that are known again: the index has them now."""
    lasting = _lasting_keys(connection, contact_keys)
    names = [name for key in lasting for name in keys.erased_contacts(key)]
    connection.execute(sa.delete(app_state).where(any_of(app_state.c.name, names)))


class StoredFlags(NamedTuple):
    """The flags of a contact that our index does not hold. `all_known`: whatever was said of it is
    still known, so each of them is a flag that we wrote, or that was reported when it was seen."""

    flags: dict[str, bool]
    all_known: bool


def load_stored_flags(
    connection: Connection, contact_keys: Collection[str], keys: Keys
) -> dict[str, StoredFlags]:
    """Return those of these contacts that were erased, or dropped with their connection, with their
    flags as we last saw or wrote them."""
    if not contact_keys or not report_log.has_kept_flags(connection):
        return {}
    lasting = _lasting_keys(connection, contact_keys)
    names = {name: key for of, key in lasting.items() for name in keys.erased_contacts(of)}
    query = sa.select(app_state).where(any_of(app_state.c.name, list(names)))
    stored = {names[row.name]: orjson.loads(row.value) for row in connection.execute(query)}
    return {
        key: StoredFlags(crm_flags.flags_of(flags), flags.get(_ALL_KNOWN, False))
        for key, flags in stored.items()
    }


def _lasting_keys(connection: Connection, contact_keys: Collection[str]) -> dict[str, str]:
    """Map what stands for these contacts in keyed hashes to their keys: in another account, the
    same id is of somebody else."""
    by_connector: dict[str, str] = {}
    lasting: dict[str, str] = {}
    for key in contact_keys:
        connector, _, rest = key.partition("/")
        if connector not in by_connector:
            by_connector[connector] = crm_accounts.lasting_name(connection, connector)
        lasting[f"{by_connector[connector]}/{rest}"] = key
    return lasting


def _anonymous_key(keys: Keys, row: Any) -> dict[str, Any]:
    """Return a key without personal data. What else it says (for a merge: since when the report
    counts) is kept elsewhere."""
    return {"key": keys.erased_key(row.key), "at": sort_key(report_from_row(row))[0]}


def _merged_into(connection: Connection, holder: Holder) -> Sequence[Any]:
    """Return what is kept about records whose surviving record is this one."""
    m = merged_records.c
    query = sa.select(m.key, m.numbers).where(m.into_key == contact_key(*holder))
    return connection.execute(query).all()


def _erase_payloads(connection: Connection, record_id: str) -> int:
    """Erase the record from pages that wait: they read it again when they are processed."""
    count = 0
    query = sa.select(pages.c.id, pages.c.payload).where(
        pages.c.state == PageState.STORED, pages.c.payload.is_not(None)
    )
    needle = record_id.encode()
    for row in connection.execute(query):
        if needle in row.payload:
            ids = [other for other in orjson.loads(row.payload)["ids"] if other != record_id]
            connection.execute(
                sa.update(pages)
                .where(pages.c.id == row.id)
                .values(payload=orjson.dumps({"ids": ids, "contacts": None}), size=len(ids))
            )
            count += 1
    return count


def _erase_number(ctx: Context, connection: Connection, number: str, done: ErasureCounts) -> None:
    erased = ctx.keys.erased_number(number)
    from_reports.recompute_numbers(
        connection, [number], rules_from_settings(ctx.settings), ctx.keys
    )
    suppression_changes.announce(connection, ctx.keys, ctx.now())
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
    for table in (
        lookup_retries, lookup_claims, contact_numbers, former_readings, last_delivered,
        shared_numbers, undone_reports, ask_messages, opt_out_questions, duplicate_groups,
        duplicate_places,
    ):  # fmt: skip
        connection.execute(sa.delete(table).where(table.c.number == number))
    reply_model.note_erasure(connection, reviews.c.number == number, ctx.now())
    # Its key alone stays: the same message sent again makes no new question.
    done.reviews += connection.execute(
        sa.update(reviews)
        .where(reviews.c.number == number)
        .values(
            number=erased, text="", suggestion="", evidence=_ERASED, decision="nothing",
            decided_by="erasure", decided_at=ctx.now(),
        )
    ).rowcount  # fmt: skip
    for row in connection.execute(sa.select(feedback).where(feedback.c.number == number)).all():
        connection.execute(
            sa.update(feedback)
            .where(feedback.c.id == row.id)
            .values(
                number=erased,
                contact="",
                person="",
                new_number="",
                evidence=_ERASED,
                **_anonymous_key(ctx.keys, row),
            )
        )
        done.reports += 1
    of_number = sa.select(deliveries.c.id, deliveries.c.cause).where(deliveries.c.number == number)
    for row in connection.execute(of_number).all():
        named = row.cause.endswith(f":{number}")  # of a list
        cause = row.cause.removesuffix(number) + erased if named else row.cause
        of_row = sa.update(deliveries).where(deliveries.c.id == row.id)
        connection.execute(of_row.values(number=erased, cause=cause))
    connection.execute(
        sa.update(feedback).where(feedback.c.new_number == number).values(new_number="")
    )
    suppress.erase_number(connection, number, ctx.keys)
    erased_events.erase_number(connection, ctx.keys, number)
    _erase_mentions(connection, number, done)
    done.numbers += 1


def _erase_mentions(connection: Connection, number: str, done: ErasureCounts) -> None:
    """Erase the number from writes to records that held it or had it proposed, from scopes of runs,
    and from evidence about the number that its field is read as now."""

    def holds(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return sa.cast(column, sa.Text).contains(number, autoescape=True)

    mentions = sa.or_(holds(writes.c.before), holds(writes.c.after))
    done.writes += connection.execute(sa.delete(writes).where(mentions)).rowcount
    proposed_to = sa.select(contacts).where(holds(contacts.c.last_seen_flags))
    for row in connection.execute(proposed_to).all():
        known = {key: value for key, value in row.last_seen_flags.items() if value != number}
        holder = (row.connector, row.object, row.record_id)
        connection.execute(
            sa.update(contacts).where(_is_record(contacts, holder)).values(last_seen_flags=known)
        )
    m = merged_records.c
    for row in connection.execute(sa.select(merged_records).where(holds(m.numbers))).all():
        others = [other for other in row.numbers if other != number]
        connection.execute(sa.update(merged_records).where(m.key == row.key).values(numbers=others))
    _erase_scopes(connection, number)
    u = undone_reports.c
    mentioned = sa.or_(u.new_number == number, u.evidence.contains(number, autoescape=True))
    connection.execute(sa.delete(undone_reports).where(mentioned))
    for table in (feedback, suppressions):
        connection.execute(
            sa.update(table)
            .where(table.c.evidence.contains(number, autoescape=True))
            .values(evidence=_ERASED)
        )


def _erase_scopes(connection: Connection, number: str) -> None:
    """Erase the number from the scopes of runs that were opened for it."""
    query = sa.select(runs.c.id, runs.c.scope).where(
        sa.cast(runs.c.scope, sa.Text).contains(number, autoescape=True)
    )
    for row in connection.execute(query).all():
        scope: dict[str, Any] = dict(row.scope)
        scope["values"] = [value for value in scope.get("values", ()) if value != number]
        connection.execute(sa.update(runs).where(runs.c.id == row.id).values(scope=scope))


def _is_record(table: sa.Table, holder: Holder) -> sa.ColumnElement[bool]:
    connector, object_name, record_id = holder
    c = table.c
    return sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)
