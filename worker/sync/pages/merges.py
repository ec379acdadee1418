"""Keep opt-outs through merges in a CRM, and distinguish flags that a merge moved from a person's.

A CRM that merges records keeps one of them, or makes a new one (HubSpot), and decides by rules of
its own which values that one has. So "do not contact" on one of them may be gone afterwards, and a
flag that we wrote may be on a record that we have never seen. The steps:

1. `merge_log.record`: as soon as the CRM reports a merge (a read, a webhook, a write to a record
   that is gone), remove the record from our index and store where it lives on, with its numbers,
   its person and its flags. The record that it became is read soon.
2. `take_over`: when that record is processed, compare its flags with those of all records that it
   came from. A tick that none of them had is a person's. A tick that one of them had, and that is
   gone, was dropped by the merge and says nothing. The reports about any of them are stored for
   this one (`worker.feedback.merged_records`), and so is a tick that somebody set just before
   the merge, as far as the CRM still shows it.
3. `finish`: with the page's other results, in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.protocol import Connector
from connectors.records import Contact
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import crm_flags
from worker.feedback import merged_records as merged
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.merged_records import MergeState
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.store.array_param import any_of
from worker.store.pseudonyms import Keys
from worker.store.tables import merged_records, watermarks, writes
from worker.sync import merge_log
from worker.sync.contact_index import IndexedContact
from worker.sync.pages.fields import Prepared

# A CRM stamps our write between these, measured from when we recorded it and from when its answer
# was noted: its clock may be another one, and a batch may wait for its turn.
_BEFORE, _AFTER = timedelta(minutes=1), timedelta(minutes=5)


@dataclass
class TakenOver:
    """What a page's contacts take over from records that were merged into them.

    `known`: what was known of each contact, with that. `reports`: of what stood against them.
    `keys`: of the merged records. `revived`: of records that are there again by themselves.
    `reports_about`: on the contacts themselves, of those on which there was a stop.
    """

    known: dict[str, IndexedContact]
    reports: list[Feedback] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    reports_about: Mapping[str, Sequence[Feedback]] = field(default_factory=dict)


@dataclass(frozen=True)
class _MergedRecord:
    """A record that lives on in another one, as it was known last."""

    identity: ContactIdentity
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
    taken = TakenOver(dict(known), revived=list(revived))
    by_key = {contact.identity.key: contact for contact in prepared}
    with ctx.store.read() as connection:
        taken.reports_about = feedback_log.load_about_contacts(
            connection, [contact.identity for contact in prepared]
        )
        taken.reports = _of_other_numbers(ctx, connection, by_key, taken.reports_about)
        merged_into = _merged_into(connection, by_key)
        if not merged_into:
            return taken
        waiting = {
            key: [old for old in olds if old.state is not MergeState.CARRIED]
            for key, olds in merged_into.items()
        }
        numbers = _numbers_of(connection, waiting)
        distinct = sorted({number for each in numbers.values() for number in each})
        reports = feedback_log.load(connection, distinct, ctx.keys)
        watermark = _watermark(connection, connector.name, object_name)
    for key, olds in merged_into.items():
        target = by_key[key]
        record_id = target.contact.id
        taken.known[record_id] = _known(target.contact, known.get(record_id), olds)
        taken.keys += [old.identity.key for old in olds]
        for old in waiting[key]:
            carried = merged.carry_over(
                _with_former(old.identity, target.identity),
                numbers[old.identity.key],
                reports.reports,
                target.identity,
                frozenset(target.numbers),
                rules_from_settings(ctx.settings),
                reports.holders,
            )
            taken.reports += [replace(report, received_at=old.at) for report in carried]
    taken.reports += _dropped_ticks(ctx, connector, object_name, by_key, waiting, watermark)
    return taken


def _dropped_ticks(
    ctx: Context,
    connector: Connector,
    object_name: str,
    by_key: Mapping[str, Prepared],
    waiting: Mapping[str, Sequence[_MergedRecord]],
    watermark: datetime | None,
) -> list[Feedback]:
    """Return ticks that people set just before a merge, and that it dropped, where shown."""
    since = {
        by_key[key].contact.id: moment
        for key, olds in waiting.items()
        if olds and (moment := _unread_since(ctx, olds, watermark)) is not None
    }
    if not since:
        return []
    ticked = connector.flags_before_merge(object_name, since, FLAGS)
    reports: list[Feedback] = []
    for key, olds in waiting.items():
        target = by_key[key]
        moments = {
            flag: at
            for flag, at in ticked.get(target.contact.id, {}).items()
            if not target.contact.current.get(flag) and not any(old.flags.get(flag) for old in olds)
        }
        dropped = _by_people(ctx, [old.identity.key for old in olds], moments) if moments else {}
        reports += _ticks(connector.name, target, dropped, olds)
    return reports


def _with_former(old: ContactIdentity, new: ContactIdentity) -> ContactIdentity:
    """Return who a record was; with all pseudonyms of the person, where that is the same one."""
    if not new.is_person(old.person):
        return old
    return ContactIdentity(old.key, old.person, (new.person, *new.aliases))


def _merged_into(
    connection: Connection, by_key: Mapping[str, Prepared]
) -> dict[str, list[_MergedRecord]]:
    """Return merged records that are not done, by the key of the contact that they live on in."""
    m = merged_records.c
    query = (
        sa.select(merged_records)
        .where(any_of(m.into_key, sorted(by_key)), m.state != MergeState.DONE)
        .order_by(m.key)
    )
    merged_into: dict[str, list[_MergedRecord]] = {}
    for row in connection.execute(query):
        identity = ContactIdentity(row.key, row.person)
        old = _MergedRecord(
            identity, MergeState(row.state), row.flags, row.numbers, row.recorded_at, row.at
        )
        merged_into.setdefault(row.into_key, []).append(old)
    return merged_into


def without_merged(
    ctx: Context,
    connector: Connector,
    object_name: str,
    contacts: Sequence[Contact],
    known: dict[str, IndexedContact],
) -> tuple[Sequence[Contact], list[str]]:
    """Drop contacts that were merged into others meanwhile; also return the keys of revived ones.

    They may have been read before, and hold flags that our index has forgotten. A record that was
    merged once may be there again: the CRM is asked, and what we knew of it is added to `known`.
    """
    ids = {contact_key(connector.name, object_name, contact.id): contact.id for contact in contacts}
    with ctx.store.read() as connection:
        stored = merge_log.load(connection, ids) if ids else {}
    if not stored:
        return contacts, []
    rows = {ids[key]: row for key, row in stored.items()}
    present = {contact.id: contact for contact in connector.fetch(object_name, sorted(rows))}
    for record_id in present:
        known.setdefault(record_id, IndexedContact("", rows[record_id].flags))
    remaining = [
        present.get(contact.id, contact)
        for contact in contacts
        if contact.id in present or contact.id not in rows
    ]
    return remaining, [rows[record_id].key for record_id in present]


def learn_merges(
    ctx: Context,
    connector: Connector,
    object_name: str,
    contacts: Sequence[Contact],
    known: Mapping[str, IndexedContact],
) -> None:
    """Ask whether others were merged into contacts that have a flag and are not in our index.

    The flag may be theirs. For contacts that were read by their ids: a webhook may report the
    contact before it reports the merge.
    """
    unknown = [
        contact.id
        for contact in contacts
        if contact.id not in known and any(crm_flags.flags_of(contact.current).values())
    ]
    if unknown and (merges := connector.merged_into(object_name, unknown)):
        of_object = [(object_name, merge) for merge in merges]
        with ctx.store.write() as connection:
            merge_log.record(connection, connector.name, of_object, ctx.now(), present=unknown)


def _of_other_numbers(
    ctx: Context,
    connection: Connection,
    by_key: Mapping[str, Prepared],
    reports_about: Mapping[str, Sequence[Feedback]],
) -> list[Feedback]:
    """Return what was said against these contacts when they had other numbers, and still stands.

    It is returned as said of the numbers that they have now.
    """
    numbers = sorted({report.number for about in reports_about.values() for report in about})
    loaded = feedback_log.ReportSet()
    if numbers:
        loaded = feedback_log.load(connection, numbers, ctx.keys)
    return [
        report
        for key, about in reports_about.items()
        for report in merged.extend_to_numbers(
            about,
            loaded.reports,
            by_key[key].identity,
            by_key[key].numbers,
            rules_from_settings(ctx.settings),
            loaded.holders,
        )
    ]


def _numbers_of(
    connection: Connection, waiting: Mapping[str, Sequence[_MergedRecord]]
) -> dict[str, list[str]]:
    """Return the numbers of merged records: those they had, and those reported on them."""
    olds = [old for records in waiting.values() for old in records]
    reported = merged.reported_numbers(connection, [old.identity.key for old in olds])
    return {
        old.identity.key: list(dict.fromkeys((*old.numbers, *reported.get(old.identity.key, ()))))
        for old in olds
    }


def _known(
    contact: Contact, known: IndexedContact | None, olds: Sequence[_MergedRecord]
) -> IndexedContact:
    """Return the known flags of a contact that others were merged into.

    A tick that any of them had is not a person's new word, and neither is one that is gone.
    """
    before = [old.flags for old in olds] + ([known.flags] if known else [])
    merged_flags = {
        flag: value and any(flags.get(flag) for flags in before)
        for flag, value in crm_flags.flags_of(contact.current).items()
    }
    if known:
        return replace(known, flags=merged_flags, without_merged=known.flags)
    return IndexedContact("", merged_flags)


def _watermark(connection: Connection, connector: str, object_name: str) -> datetime | None:
    w = watermarks.c
    query = sa.select(w.position).where(w.connector == connector, w.object == object_name)
    position: datetime | None = connection.scalar(query)
    return position


def _unread_since(
    ctx: Context, olds: Sequence[_MergedRecord], watermark: datetime | None
) -> datetime | None:
    """Return since when somebody may have ticked a flag on one of these that we have not read.

    That is since it was recorded, or, for one that we never read, since the last read that brought
    all changes. None where no read was ever finished.
    """
    moments = [at for old in olds if (at := old.recorded_at or watermark) is not None]
    return min(moments) - ctx.settings.sync.overlap if moments else None


def _by_people(
    ctx: Context, keys: Sequence[str], moments: Mapping[str, Sequence[datetime]]
) -> dict[str, datetime]:
    """Return when a flag was last ticked by a person. `keys`: of the merged records."""
    w = writes.c
    records = [tuple(key.split("/", 2)) for key in keys]
    # Of one that was not answered, nobody knows when it came: what became of it may have been noted
    # long after.
    answered_at = sa.case((w.message.is_(None), w.settled_at), else_=None)
    query = sa.select(w.after, w.at, sa.func.coalesce(answered_at, w.at).label("until")).where(
        sa.tuple_(w.connector, w.object, w.record_id).in_(records)
    )
    with ctx.store.read() as connection:
        ours = [
            (crm_flags.flags_of(row.after), row.at - _BEFORE, row.until + _AFTER)
            for row in connection.execute(query)
        ]
    last_ticked = {}
    for flag, ticked_at in moments.items():
        set_by_us = [(after, until) for flags, after, until in ours if flags.get(flag)]
        by_people = [
            moment
            for moment in ticked_at
            if not any(after < moment < until for after, until in set_by_us)
        ]
        if by_people:
            last_ticked[flag] = max(by_people)
    return last_ticked


def _ticks(
    connector: str, target: Prepared, ticked: Mapping[str, datetime], olds: Sequence[_MergedRecord]
) -> list[Feedback]:
    """Make reports of ticks that were set on a merged record and that the merge dropped."""
    reports: list[Feedback] = []
    for flag, at in ticked.items():
        numbers: Sequence[str] = target.numbers
        if flag == "wrong_number":  # of a number that this contact has from that record
            merged_numbers = {number for old in olds for number in old.numbers}
            numbers = [number for number in target.numbers if number in merged_numbers]
        ticking, untouched = _ticked(target.contact, flag), dict.fromkeys(FLAGS, False)
        for report in crm_flags.reports_from_flags(
            connector, ticking, target.identity, crm_flags.FlagHistory(untouched), numbers, at
        ):
            reports.append(
                replace(
                    report,
                    key=f"merged:{target.identity.key}/{report.number}:{flag}:{at.isoformat()}"[
                        :255
                    ],
                    at=at,
                    scope="person",
                    evidence=f"{report.evidence}, on a record that lives on in this one",
                )
            )
    return reports


def _ticked(contact: Contact, flag: str) -> Contact:
    """Return the contact as if this flag alone were ticked."""
    current = {name: name == flag for name in FLAGS}
    return Contact(
        contact.object, contact.id, contact.phones, modified=contact.modified, current=current
    )


def store(connection: Connection, taken: TakenOver, now: datetime, keys: Keys) -> None:
    """Store what was taken over, before anything is decided from it."""
    if taken.reports:
        feedback_log.store(connection, taken.reports, now, keys)
    _move(connection, taken.keys, MergeState.CARRIED)
    if taken.revived:  # what is reported on them is theirs again; their flags are known still
        m = merged_records.c
        alone = sa.update(merged_records).where(any_of(m.key, taken.revived))
        connection.execute(alone.values(into_key=m.key, state=MergeState.DONE))


def finish(
    connection: Connection,
    taken: TakenOver,
    gone: Collection[str] = (),
    waiting: Collection[str] = (),
) -> None:
    """Mark the merged records as done: the flags of their contacts are known as they are now.

    `gone`: keys of contacts that were deleted. They take over what is left if they come back.
    `waiting`: keys of contacts that were left alone: what is known of them is what it was.
    """
    m = merged_records.c
    _move(connection, taken.keys, MergeState.DONE, m.into_key.not_in(sorted(waiting)))
    if gone:
        away = sa.update(merged_records).where(any_of(m.into_key, sorted(gone)))
        connection.execute(away.where(m.state != MergeState.DONE).values(state=MergeState.AWAY))
    if taken.revived:
        where = any_of(merged_records.c.key, taken.revived)
        connection.execute(sa.delete(merged_records).where(where))


def _move(
    connection: Connection,
    keys: Sequence[str],
    state: MergeState,
    which: sa.ColumnElement[bool] | None = None,
) -> None:
    """Set the state. The numbers go: they were only kept to be carried over."""
    if keys:
        moved = sa.update(merged_records).where(any_of(merged_records.c.key, keys))
        if which is not None:
            moved = moved.where(which)
        connection.execute(moved.values(state=state, numbers=[]))
