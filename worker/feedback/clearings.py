"""Keep a cleared flag from lifting a stop that whoever cleared it cannot have known of.

A CRM says when a record was last edited, not when a flag was cleared. Suppose somebody clears *do
not contact*, the person replies STOP while the CRM is away, and somebody else corrects the name: by
the record's date the clearing came after the STOP and would lift it. So a clearing is dated before
every stop that nobody can have seen in that record yet: one that reached us after we last recorded
it, and that the CRM had not confirmed before the edit.

The other way round, a stop may reach us long after it was said: from a file, or from a call that is
read late. If a flag was cleared in between, the stop is dated to the clearing, so that it stands
over it. What the person said later still counts for more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import crm_flags, merged_records, report_log
from worker.feedback.consent_state import (
    ACTION_KEY_PREFIX,
    LIFT_KEY_PREFIX,
    LIFTED_BY,
    MERGED_KEY_PREFIX,
    READING_KEY_PREFIX,
    REVIEW_KEY_PREFIX,
    Rules,
    apply_lifts,
    is_by_text,
    sort_key,
)
from worker.feedback.models import (
    PAGE_KEY_PREFIX,
    RECIPIENT_PAGE,
    Feedback,
    FeedbackKind,
    contact_key,
)
from worker.feedback.report_rows import report_from_row
from worker.store import locks
from worker.store.array_param import any_of
from worker.store.locks import Lock
from worker.store.pseudonyms import ERASED_KEY_PREFIX, Keys, number_aliases
from worker.store.states import WriteState
from worker.store.tables import contacts, deliveries, feedback, writes

_JUST_BEFORE = timedelta(microseconds=1)
_CLEARED = (FeedbackKind.OPT_IN, FeedbackKind.CONFIRMED)
# Begin the keys of what an admin decided on the evidence of that day.
_BY_ADMINS = (ACTION_KEY_PREFIX, LIFT_KEY_PREFIX, PAGE_KEY_PREFIX)
# Begin the keys of what was erased or carried over: they tell no more who said it.
_OF_UNKNOWN_ORIGIN = (ERASED_KEY_PREFIX, MERGED_KEY_PREFIX, READING_KEY_PREFIX)


@dataclass(frozen=True, slots=True)
class _Stop:
    """A report that may not have been visible when a flag was cleared.

    `known_at`: when we had it, None for not yet; `confirmed_at`: when the CRM had it.
    """

    report: Feedback
    number: str
    known_at: datetime | None
    confirmed_at: datetime | None


def backdate_clearings(
    connection: Connection, reports: Sequence[Feedback], keys: Keys
) -> list[Feedback]:
    """Return the reports, each clearing dated before the stops that its user may not have seen.

    `reports`: from `crm_flags.reports_from_flags`, before they are stored.
    """
    clearings = [report for report in reports if report.kind in _CLEARED]
    if not clearings:
        return list(reports)
    locks.acquire(connection, Lock.DATING_REPORTS)
    recorded_at = _last_recorded(connection, {report.contact for report in clearings})
    stops = _possibly_unseen_stops(
        connection, clearings, min(recorded_at.values(), default=None), keys
    )
    return [
        _backdate(report, recorded_at.get(report.contact), stops)
        if report.kind in _CLEARED
        else report
        for report in reports
    ]


def _backdate(clearing: Feedback, recorded_at: datetime | None, stops: Sequence[_Stop]) -> Feedback:
    if recorded_at is None:
        return clearing
    unseen = [
        stop.report.at
        for stop in stops
        if clearing.kind in LIFTED_BY[stop.report.kind]
        and _is_about_the_same(clearing, stop.report, stop.number)
        and stop.report.at <= clearing.at
        and (stop.known_at is None or stop.known_at > recorded_at)
        and (stop.confirmed_at is None or stop.confirmed_at > clearing.at)
    ]
    return replace(clearing, at=min(unseen) - _JUST_BEFORE) if unseen else clearing


def date_late_stops(
    connection: Connection, reports: Sequence[Feedback], rules: Rules, keys: Keys
) -> list[Feedback]:
    """Return the reports, each stop dated no earlier than the clearings that cannot have meant it.

    A stop that reaches us now was unknown to everybody who has cleared a flag before, in a CRM or
    on our pages, though it was said earlier. If the person has taken it back since, in their own
    words, it keeps its date and is lifted by them.

    `reports`: before they are stored.
    """
    stops = [report for report in reports if report.kind in LIFTED_BY]
    if stops or any(report.kind in _CLEARED for report in reports):
        locks.acquire(connection, Lock.DATING_REPORTS)
    if not stops:
        return list(reports)
    whole = {stop.contact for stop in stops if stop.contact and not stop.number}
    on_contacts = merged_records.reported_numbers(connection, whole) if whole else {}
    lifts = _lifts_since(connection, stops, reports, on_contacts, keys)
    if not lifts:
        return list(reports)
    return [
        _postdate(report, lifts, on_contacts.get(report.contact, ()), rules)
        if report.kind in LIFTED_BY
        else report
        for report in reports
    ]


def _postdate(
    stop: Feedback, lifts: Sequence[Feedback], on_contact: Collection[str], rules: Rules
) -> Feedback:
    """Date a stop to the last lift by somebody who did not know of it. `on_contact`: numbers with
    which the stop's contact was reported: a lift of one of them may open the contact as a whole."""
    about = [
        lift
        for lift in lifts
        if lift.kind in LIFTED_BY[stop.kind]
        and sort_key(lift)[0] >= stop.at
        and (
            _is_about_the_same(lift, stop, stop.number)
            or (not stop.number and lift.scope == "number" and lift.number in on_contact)
        )
    ]
    unaware = [sort_key(lift)[0] for lift in about if _is_by_a_user(lift)]
    if not unaware:
        return stop
    own_words = [
        lift
        for lift in about
        if not _is_by_a_user(lift) and (not stop.number or lift.number == stop.number)
    ]
    still_closed, _ = apply_lifts(stop, own_words, rules)
    # Of two reports at the same moment, the one that stops contact counts; of a wrong number and a
    # confirmation, the one that was stored later.
    moment = timedelta(0) if stop.kind in merged_records.STOPS else _JUST_BEFORE
    return replace(stop, at=max(unaware) + moment) if still_closed else stop


def _is_by_a_user(lift: Feedback) -> bool:
    """Whether a CRM user or an admin said it, and not the person; or nobody can tell."""
    if lift.source == RECIPIENT_PAGE:
        return False
    hidden = lift.key.startswith(_OF_UNKNOWN_ORIGIN) and not is_by_text(lift)
    return hidden or lift.key.startswith(_BY_ADMINS) or crm_flags.is_by_user(lift)


def _lifts_since(
    connection: Connection,
    stops: Sequence[Feedback],
    reports: Sequence[Feedback],
    on_contacts: Mapping[str, Collection[str]],
    keys: Keys,
) -> list[Feedback]:
    """Return what may lift these stops, said since the first of them, stored or among `reports`;
    each with the number that the stops call it by."""
    f = feedback.c
    numbers = {stop.number for stop in stops if stop.number}
    numbers |= {number for of in on_contacts.values() for number in of if number}
    names = number_aliases(keys, sorted(numbers), report_log.has_erasures(connection))
    about = [any_of(f.number, sorted(names))]
    for column, values in (
        (f.contact, {stop.contact for stop in stops if stop.contact}),
        (f.person, {stop.person for stop in stops if stop.person}),
    ):
        if values:  # by the index of those that are not empty
            about.append(any_of(column, sorted(values)) & (column != sa.literal_column("''")))
    since = min(stop.at for stop in stops)
    query = sa.select(feedback).where(
        sa.or_(*about), f.kind.in_(_CLEARED), sa.func.coalesce(f.received_at, f.at) >= since
    )
    lifts = [report_from_row(row) for row in connection.execute(query)]
    if among := [report for report in reports if report.kind in _CLEARED]:
        known = report_log.find_known_keys(connection, [report.key for report in among], keys)
        lifts += [report for report in among if report.key not in known]
    return [
        replace(lift, number=number)
        for lift in lifts
        for number in names.get(lift.number, (lift.number,))
    ]


def _is_about_the_same(clearing: Feedback, stop: Feedback, number: str) -> bool:
    """`number`: of the stop, as it is called today."""
    flags = f"crm:{clearing.contact}:"
    if stop.key.startswith(flags) and (
        clearing.key.startswith(flags) or not crm_flags.is_by_user(stop)
    ):
        return False  # flags of one record were ticked and cleared in the order that we read them
    return (
        (bool(clearing.number) and clearing.number == number)
        or (bool(clearing.contact) and clearing.contact == stop.contact)
        or (bool(clearing.person) and clearing.person == stop.person)
    )


def _last_recorded(connection: Connection, names: Collection[str]) -> dict[str, datetime]:
    """Return when our index last recorded these contacts, or we last set a flag of theirs: a run
    that failed for good may have done so without recording it."""
    ids = [name.split("/", 2)[2] for name in names]
    connector = next(iter(names)).partition("/")[0]
    c, w = contacts.c, writes.c
    recorded: dict[str, datetime] = {}
    indexed = sa.select(c.object, c.record_id, c.checked_at).where(
        c.connector == connector, any_of(c.record_id, ids)
    )
    for row in connection.execute(indexed):
        recorded[contact_key(connector, row.object, row.record_id)] = row.checked_at
    written = sa.select(w.object, w.record_id, w.before, w.after, w.at).where(
        w.connector == connector,
        any_of(w.record_id, ids),
        w.state.in_((WriteState.PENDING, WriteState.DONE)),
    )
    for write in connection.execute(written):
        key = contact_key(connector, write.object, write.record_id)
        flags = crm_flags.flags_of(write.after)
        if key in recorded and any(on and not write.before.get(flag) for flag, on in flags.items()):
            recorded[key] = max(recorded[key], write.at)
    return recorded


def _possibly_unseen_stops(
    connection: Connection, clearings: Sequence[Feedback], since: datetime | None, keys: Keys
) -> list[_Stop]:
    """Return stops that we have known since then and that may concern what was cleared.

    A reply reached us when it came, but what it means was known only when its decision was applied.
    """
    if since is None:
        return []
    f = feedback.c
    numbers = {report.number for report in clearings if report.number}
    names = number_aliases(keys, sorted(numbers), report_log.has_erasures(connection))
    people = sorted({report.person for report in clearings if report.person})
    about = sa.or_(
        any_of(f.number, sorted(names)),
        any_of(f.contact, sorted({report.contact for report in clearings})),
        any_of(f.person, people),
    )
    is_decided = f.key.startswith(REVIEW_KEY_PREFIX, autoescape=True)
    known_at = sa.case((is_decided, f.applied_at), else_=sa.func.coalesce(f.received_at, f.at))
    query = sa.select(feedback, known_at.label("known_at")).where(
        about, f.kind.in_(sorted(LIFTED_BY)), sa.or_(known_at.is_(None), known_at > since)
    )
    rows = connection.execute(query).all()
    shown = _confirmed_at(
        connection, clearings[0].contact.partition("/")[0], [row.id for row in rows]
    )
    return [
        _Stop(report_from_row(row), number, row.known_at, shown.get(row.id))
        for row in rows
        for number in names.get(row.number, (row.number,))
    ]


def _confirmed_at(
    connection: Connection, connector: str, ids: Sequence[int]
) -> Mapping[int, datetime]:
    """Return when a CRM confirmed each of these reports; none for those whose number no record
    held."""
    d, causes = deliveries.c, {f"feedback:{report_id}": report_id for report_id in ids}
    query = sa.select(d.cause, d.confirmed_at).where(
        d.connector == connector, any_of(d.cause, sorted(causes)), d.holders > 0
    )
    return {
        causes[row.cause]: row.confirmed_at
        for row in connection.execute(query)
        if row.confirmed_at is not None
    }
