"""Keep opt-outs through merges in a CRM, and tell flags that a merge moved from a person's word.

A CRM that merges records keeps one of them, or makes a new one (HubSpot), and decides by rules of
its own which values that one has. So "do not contact" on one of them may be gone afterwards, and a
flag that we wrote may stand on a record that we have never seen. The steps:

1. `note`: as soon as the CRM reports a merge (a read, a webhook, a write to a record that is gone),
   remove the record from our index and store where it lives on, with its numbers, its person and
   its flags. The record that it became is read soon.
2. `take_over`: when that record is processed, compare its flags with those of all records that it
   came from. A tick that none of them had is a person's. A tick that one of them had, and that is
   gone, was dropped by the merge and says nothing. What stood against any of them is stored as said
   of this one (`worker.feedback.merged_records`), and so is a tick that somebody set just before
   the merge, as far as the CRM still tells.
3. `finish`: with the page's other results, in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.protocol import Connector
from connectors.records import Contact, Merge
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import crm_flags
from worker.feedback import merged_records as merged
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.merged_records import MergeState
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.store import changed_records
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.pseudonyms import Keys
from worker.store.tables import contact_numbers, contacts, merged_records, watermarks, writes
from worker.sync import contact_index
from worker.sync.contact_index import IndexedContact
from worker.sync.pages.fields import Prepared

# A CRM stamps our write between these, measured from when we announced it: its clock may be another
# one, and a batch may wait for its turn.
_BEFORE, _AFTER = timedelta(minutes=1), timedelta(minutes=5)


def note(
    connection: Connection,
    connector: str,
    merges: Iterable[tuple[str, Merge]],
    now: datetime,
    first_read: bool = False,
    present: Collection[str] | None = None,
) -> int:
    """Store that records live on in others, and remove them from our index.

    Returns how many the index had. Nothing changes for those that were noted already.

    `merges`: each with the object of the record that was merged. `first_read`: of an object that
    was never read to its end, so that nothing was known of any of them but what was reported.
    `present`: of a reader, ids on the page that it stores with this; it reads the others at its
    end (`unfinished`). None: they are put on the list of records that somebody changed.
    """
    wanted = {
        contact_key(connector, name, one.id): (name, one)
        for name, one in merges
        if (name, one.id) != (one.into_object, one.into_id)
    }
    if not wanted:
        return 0
    targets = {
        key: contact_key(connector, one.into_object, one.into_id)
        for key, (_, one) in wanted.items()
    }
    stored = _stored(connection, {*wanted, *targets.values()})
    fresh = _new_targets(connection, targets, stored)
    if first_read:
        _note_unknown(connection, connector, wanted, fresh, stored, now)
    known = 0
    for key, into in fresh.items():
        _, into_object, into_id = into.split("/", 2)
        state = MergeState.PAGED if present is not None and into_id in present else MergeState.NEW
        known += _store_merge(connection, key, into, state, stored.get(key), now)
        contact_index.invalidate_records(connection, connector, into_object, [into_id])
        if present is None:
            changed_records.record(connection, connector, into_object, [into_id], now)
    return known


def _new_targets(
    connection: Connection, targets: Mapping[str, str], stored: Mapping[str, Any]
) -> dict[str, str]:
    """Return in which record each one lives on in the end, of those for which that is new.

    A record may have been merged into another one that was merged itself.
    """
    into_of = {key: row.into_key for key, row in stored.items()}
    fresh: dict[str, str] = {}
    for key, into in targets.items():
        if into_of.get(into) == key:
            # It was merged into this one once, and is there again: this one lives on in it now.
            into_of[into] = into
            alone = sa.update(merged_records).where(merged_records.c.key == into)
            connection.execute(alone.values(into_key=into, state=MergeState.DONE))
        into = into_of.get(into, into)
        if into in (key, into_of.get(key)):
            continue
        into_of[key] = fresh[key] = into
        for other, its in into_of.items():
            if its == key:
                into_of[other] = into
    return {key: into_of[key] for key in fresh}


def _stored(connection: Connection, keys: Collection[str]) -> dict[str, Any]:
    """Return what is stored of these merged records already, by their keys."""
    query = sa.select(merged_records).where(any_of(merged_records.c.key, sorted(keys)))
    return {row.key: row for row in connection.execute(query)}


def _note_unknown(
    connection: Connection,
    connector: str,
    wanted: Mapping[str, tuple[str, Merge]],
    fresh: dict[str, str],
    stored: Mapping[str, Any],
    now: datetime,
) -> None:
    """In a first read, store merges of records of which nothing is known, all at once.

    Takes them out of `fresh`. There may be thousands, of years past.
    """
    c, m = contacts.c, merged_records.c
    known = {*stored, *merged.reported_numbers(connection, list(fresh))}
    query = sa.select(m.into_key).where(any_of(m.into_key, sorted(fresh)))
    known.update(connection.scalars(query))
    for name in {wanted[key][0] for key in fresh}:
        ids = [wanted[key][1].id for key in fresh if wanted[key][0] == name]
        indexed = sa.select(c.record_id).where(
            c.connector == connector, c.object == name, any_of(c.record_id, ids)
        )
        known.update(contact_key(connector, name, one) for one in connection.scalars(indexed))
    unknown = [key for key in fresh if key not in known]
    rows: list[dict[str, Any]] = [
        {
            "key": key, "into_key": fresh.pop(key), "state": MergeState.DONE, "person": "",
            "flags": {}, "numbers": [], "recorded_at": None, "at": now,
        }
        for key in unknown
    ]  # fmt: skip
    upsert(connection, merged_records, rows)


def _store_merge(
    connection: Connection, key: str, into: str, state: MergeState, stored: Any, now: datetime
) -> int:
    """Store where a record lives on, with what our index knew of it; return 1 if it knew anything.

    `stored`: the row that is there already, where the record lived on in another one that was
    merged since.
    """
    connector, object_name, record_id = key.split("/", 2)
    c, n, m = contacts.c, contact_numbers.c, merged_records.c
    row = connection.execute(
        sa.select(c.person, c.known, c.checked_at).where(
            c.connector == connector, c.object == object_name, c.record_id == record_id
        )
    ).one_or_none()
    numbers = connection.scalars(
        sa.select(n.number)
        .where(n.connector == connector, n.object == object_name, n.record_id == record_id)
        .distinct()
    )
    entry = {
        "key": key,
        "into_key": into,
        "state": state,
        "person": (row.person if row else "") or (stored.person if stored else ""),
        "flags": {
            **(stored.flags if stored else {}),
            **(crm_flags.flags_of(row.known) if row else {}),
            **_pending_flags(connection, connector, object_name, record_id),
        },
        "numbers": list(dict.fromkeys((*numbers, *(stored.numbers if stored else ())))),
        "recorded_at": row.checked_at if row else stored.recorded_at if stored else None,
        "at": now,
    }
    upsert(connection, merged_records, [entry])
    # Whoever lived on in this one lives on in that one now.
    connection.execute(sa.update(merged_records).where(m.into_key == key).values(into_key=into))
    return contact_index.forget(connection, connector, object_name, [record_id])


def _pending_flags(
    connection: Connection, connector: str, object_name: str, record_id: str
) -> dict[str, bool]:
    """Return flags that we are about to set, or may have set before a worker died."""
    w = writes.c
    query = sa.select(w.after).where(
        w.connector == connector,
        w.object == object_name,
        w.record_id == record_id,
        w.state == "pending",
    )
    return {
        flag: True
        for after in connection.scalars(query)
        for flag, value in crm_flags.flags_of(after).items()
        if value
    }


@dataclass
class TakenOver:
    """What a page's contacts take over from records that were merged into them.

    `known`: what was known of each contact, with that. `reports`: of what stood against them.
    `keys`: of the merged records. `revived`: of records that are there again by themselves.
    `said`: what was said on the contacts themselves, of those on which there was a stop.
    """

    known: dict[str, IndexedContact]
    reports: list[Feedback] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    said: Mapping[str, Sequence[Feedback]] = field(default_factory=dict)


@dataclass(frozen=True)
class _MergedRecord:
    """A record that lives on in another one, as it was known last."""

    who: ContactIdentity
    state: MergeState
    flags: Mapping[str, bool]
    numbers: Sequence[str]
    recorded_at: datetime | None
    at: datetime  # when we learned of the merge


def take_over(
    ctx: Context,
    connector: Connector,
    object_name: str,
    prepared: Sequence[Prepared],
    known: Mapping[str, IndexedContact],
    revived: Sequence[str] = (),
) -> TakenOver:
    """Return what these contacts take over; nothing is stored. `revived`: see `without_merged`."""
    done = TakenOver(dict(known), revived=list(revived))
    by_key = {one.identity.key: one for one in prepared}
    with ctx.store.read() as connection:
        done.said = feedback_log.load_about_contacts(connection, [one.identity for one in prepared])
        done.reports = _of_other_numbers(ctx, connection, by_key, done.said)
        olds = _merged_into(connection, by_key)
        if not olds:
            return done
        waiting = {
            key: [old for old in of if old.state is not MergeState.CARRIED]
            for key, of in olds.items()
        }
        numbers = _numbers_of(connection, waiting)
        distinct = sorted({number for of in numbers.values() for number in of})
        told = feedback_log.load(connection, distinct, ctx.keys)
        mark = _watermark(connection, connector.name, object_name)
    for key, of in olds.items():
        one = by_key[key]
        done.known[one.contact.id] = _known(one.contact, known.get(one.contact.id), of)
        done.keys += [old.who.key for old in of]
        for old in waiting[key]:
            carried = merged.carry_over(
                _with_former(old.who, one.identity),
                numbers[old.who.key],
                told.reports,
                one.identity,
                frozenset(one.numbers),
                rules_from_settings(ctx.settings),
                told.holders,
            )
            done.reports += [replace(report, received_at=old.at) for report in carried]
    done.reports += _dropped_ticks(ctx, connector, object_name, by_key, waiting, mark)
    return done


def _dropped_ticks(
    ctx: Context,
    connector: Connector,
    object_name: str,
    by_key: Mapping[str, Prepared],
    waiting: Mapping[str, Sequence[_MergedRecord]],
    mark: datetime | None,
) -> list[Feedback]:
    """Return ticks that people set just before a merge and that it dropped, if the CRM tells."""
    since = {
        by_key[key].contact.id: moment
        for key, of in waiting.items()
        if of and (moment := _unread_since(ctx, of, mark)) is not None
    }
    if not since:
        return []
    ticked = connector.flags_before_merge(object_name, since, FLAGS)
    found: list[Feedback] = []
    for key, of in waiting.items():
        one = by_key[key]
        moments = {
            flag: at
            for flag, at in ticked.get(one.contact.id, {}).items()
            if not one.contact.held.get(flag) and not any(old.flags.get(flag) for old in of)
        }
        dropped = _by_people(ctx, [old.who.key for old in of], moments) if moments else {}
        found += _ticks(connector.name, one, dropped, of)
    return found


def _with_former(old: ContactIdentity, new: ContactIdentity) -> ContactIdentity:
    """Return who a record was; with all pseudonyms of the person, where that is the same one."""
    if not new.is_person(old.person):
        return old
    return ContactIdentity(old.key, old.person, (new.person, *new.aliases))


def _merged_into(
    connection: Connection, contacts_: Mapping[str, Prepared]
) -> dict[str, list[_MergedRecord]]:
    """Return merged records that are not done, by the key of the contact that they live on in."""
    m = merged_records.c
    query = (
        sa.select(merged_records)
        .where(any_of(m.into_key, sorted(contacts_)), m.state != MergeState.DONE)
        .order_by(m.key)
    )
    found: dict[str, list[_MergedRecord]] = {}
    for row in connection.execute(query):
        who = ContactIdentity(row.key, row.person)
        old = _MergedRecord(
            who, MergeState(row.state), row.flags, row.numbers, row.recorded_at, row.at
        )
        found.setdefault(row.into_key, []).append(old)
    return found


def without_merged(
    ctx: Context,
    connector: Connector,
    object_name: str,
    found: Sequence[Contact],
    known: dict[str, IndexedContact],
) -> tuple[Sequence[Contact], list[str]]:
    """Drop contacts that were merged into others meanwhile; also return the keys of revived ones.

    They may have been read before, and hold flags that our index has forgotten. A record that was
    merged once may be there again: the CRM is asked, and what we knew of it is added to `known`.
    """
    keys = {contact_key(connector.name, object_name, contact.id): contact.id for contact in found}
    with ctx.store.read() as connection:
        stored = _stored(connection, keys) if keys else {}
    if not stored:
        return found, []
    asked = {keys[key]: row for key, row in stored.items()}
    fresh = {one.id: one for one in connector.fetch(object_name, sorted(asked))}
    for record_id in fresh:
        known.setdefault(record_id, IndexedContact("", asked[record_id].flags))
    left = [fresh.get(one.id, one) for one in found if one.id in fresh or one.id not in asked]
    return left, [asked[record_id].key for record_id in fresh]


def learn_merges(
    ctx: Context,
    connector: Connector,
    object_name: str,
    found: Sequence[Contact],
    known: Mapping[str, IndexedContact],
) -> None:
    """Ask whether others were merged into contacts that have a flag and are not in our index.

    The flag may be theirs. For contacts that were read by their ids: a webhook may report the
    contact before it reports the merge.
    """
    unknown = [
        one.id
        for one in found
        if one.id not in known and any(crm_flags.flags_of(one.held).values())
    ]
    if unknown and (told := connector.merged_into(object_name, unknown)):
        moved = [(object_name, merge) for merge in told]
        with ctx.store.write() as connection:
            note(connection, connector.name, moved, ctx.now(), present=unknown)


def _of_other_numbers(
    ctx: Context,
    connection: Connection,
    contacts_: Mapping[str, Prepared],
    said: Mapping[str, Sequence[Feedback]],
) -> list[Feedback]:
    """Return what was said against these contacts when they had other numbers, and still stands.

    It is returned as said of the numbers that they have now.
    """
    numbers = sorted({report.number for of in said.values() for report in of})
    told = feedback_log.load(connection, numbers, ctx.keys) if numbers else feedback_log.ReportSet()
    return [
        report
        for key, of in said.items()
        for report in merged.extend_to_numbers(
            of,
            told.reports,
            contacts_[key].identity,
            contacts_[key].numbers,
            rules_from_settings(ctx.settings),
        )
    ]


def _numbers_of(
    connection: Connection, waiting: Mapping[str, Sequence[_MergedRecord]]
) -> dict[str, list[str]]:
    """Return the numbers of merged records: those they had, and those reported on them."""
    olds = [old for of in waiting.values() for old in of]
    reported = merged.reported_numbers(connection, [old.who.key for old in olds])
    return {
        old.who.key: list(dict.fromkeys((*old.numbers, *reported.get(old.who.key, ()))))
        for old in olds
    }


def _known(
    contact: Contact, known: IndexedContact | None, olds: Sequence[_MergedRecord]
) -> IndexedContact:
    """Return the known flags of a contact that others were merged into.

    A tick that any of them had is not a person's new word, and neither is one that is gone.
    """
    before = [old.flags for old in olds] + ([known.flags] if known else [])
    flags = {
        flag: value and any(one.get(flag) for one in before)
        for flag, value in crm_flags.flags_of(contact.held).items()
    }
    return replace(known, flags=flags) if known else IndexedContact("", flags)


def _watermark(connection: Connection, connector: str, object_name: str) -> datetime | None:
    w = watermarks.c
    query = sa.select(w.position).where(w.connector == connector, w.object == object_name)
    found: datetime | None = connection.scalar(query)
    return found


def _unread_since(
    ctx: Context, olds: Sequence[_MergedRecord], mark: datetime | None
) -> datetime | None:
    """Return since when somebody may have ticked a flag on one of these that we have not read.

    That is since it was recorded, or, for one that we never read, since the last read that brought
    all changes. None where no read was ever finished.
    """
    moments = [old.recorded_at or mark for old in olds]
    there = [moment for moment in moments if moment is not None]
    return min(there) - ctx.settings.sync.overlap if there else None


def _by_people(
    ctx: Context, keys: Sequence[str], moments: Mapping[str, Sequence[datetime]]
) -> dict[str, datetime]:
    """Return when a flag was last ticked by a person. `keys`: of the merged records."""
    w = writes.c
    records = [tuple(key.split("/", 2)) for key in keys]
    query = sa.select(w.after, w.at).where(
        sa.tuple_(w.connector, w.object, w.record_id).in_(records)
    )
    with ctx.store.read() as connection:
        ours = [(crm_flags.flags_of(row.after), row.at) for row in connection.execute(query)]
    found = {}
    for flag, of in moments.items():
        set_by_us = [at for flags, at in ours if flags.get(flag)]
        theirs = [
            moment for moment in of if not any(-_BEFORE < moment - at < _AFTER for at in set_by_us)
        ]
        if theirs:
            found[flag] = max(theirs)
    return found


def _ticks(
    connector: str, one: Prepared, ticked: Mapping[str, datetime], olds: Sequence[_MergedRecord]
) -> list[Feedback]:
    """Make reports of ticks that were set on a merged record and that the merge dropped."""
    found: list[Feedback] = []
    for flag, at in ticked.items():
        numbers: Sequence[str] = one.numbers
        if flag == "wrong_number":  # of a number that this contact has from that record
            theirs = {number for old in olds for number in old.numbers}
            numbers = [number for number in one.numbers if number in theirs]
        ticking, untouched = _ticked(one.contact, flag), dict.fromkeys(FLAGS, False)
        for report in crm_flags.reports_from_flags(
            connector, ticking, one.identity, untouched, numbers, at
        ):
            found.append(
                replace(
                    report,
                    key=f"merged:{one.identity.key}/{report.number}:{flag}:{at.isoformat()}"[:255],
                    at=at,
                    scope="person",
                    evidence=f"{report.evidence}, on a record that lives on in this one",
                )
            )
    return found


def _ticked(contact: Contact, flag: str) -> Contact:
    """Return the contact as if this flag alone were ticked."""
    held = {name: name == flag for name in FLAGS}
    return Contact(contact.object, contact.id, contact.phones, modified=contact.modified, held=held)


def store(connection: Connection, taken: TakenOver, now: datetime, keys: Keys) -> None:
    """Store what was taken over, before anything is decided from it."""
    if taken.reports:
        feedback_log.store(connection, taken.reports, now, keys)
    _move(connection, taken.keys, MergeState.CARRIED)
    if taken.revived:  # what is reported on them is theirs again; their flags are known still
        m = merged_records.c
        alone = sa.update(merged_records).where(any_of(m.key, taken.revived))
        connection.execute(alone.values(into_key=m.key, state=MergeState.DONE))


def finish(connection: Connection, taken: TakenOver, gone: Collection[str] = ()) -> None:
    """Mark the merged records as done: the flags of their contacts are known as they are now.

    `gone`: keys of contacts that were deleted. They take over what is left if they come back.
    """
    _move(connection, taken.keys, MergeState.DONE)
    if gone:
        m = merged_records.c
        away = sa.update(merged_records).where(any_of(m.into_key, sorted(gone)))
        connection.execute(away.where(m.state != MergeState.DONE).values(state=MergeState.AWAY))
    if taken.revived:
        where = any_of(merged_records.c.key, taken.revived)
        connection.execute(sa.delete(merged_records).where(where))


def _move(connection: Connection, keys: Sequence[str], state: MergeState) -> None:
    """Set the state. The numbers go: they were only kept to be carried over."""
    if keys:
        moved = sa.update(merged_records).where(any_of(merged_records.c.key, keys))
        connection.execute(moved.values(state=state, numbers=[]))


def unfinished(
    connection: Connection,
    connector: str,
    object_name: str,
    opened_at: datetime,
    after: str,
    limit: int,
) -> list[str]:
    """Return ids of records that others live on in and that have not been processed since.

    In order, those after `after`. They are read at the end of a run, which was opened at
    `opened_at`.
    """
    m, prefix = merged_records.c, contact_key(connector, object_name, "")
    # By character code: a PostgreSQL database may sort texts as a language does.
    postgres = connection.dialect.name == "postgresql"
    into: sa.ColumnElement[str] = sa.collate(m.into_key, "C") if postgres else m.into_key
    waits = sa.or_(
        m.state == MergeState.NEW,
        sa.and_(m.state.in_((MergeState.PAGED, MergeState.CARRIED)), m.at < opened_at),
    )
    query = (
        sa.select(into)
        .where(m.state != MergeState.DONE, waits)
        .where(into > prefix + after, into < prefix + "\x7f")
        .distinct()
        .order_by(into)
        .limit(limit)
    )
    return [key.removeprefix(prefix) for key in connection.scalars(query)]
