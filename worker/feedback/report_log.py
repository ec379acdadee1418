"""The log of reports: each is stored once, and read by number.

What somebody said is never withdrawn. Only an import that is undone as a whole, such as that of a
wrong file, takes its reports back (`worker.suppression.undo_reports`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import merged_records, review_holds
from worker.feedback.changed_readings import ChangedField
from worker.feedback.consent_state import (
    HOLD_KEY_PREFIX,
    LIFTED_BY,
    NO_HOLDERS,
    ConsentState,
    Holders,
    Rules,
    concerns,
    evaluate,
    is_about,
    sort_key,
)
from worker.feedback.models import (
    ContactIdentity,
    Feedback,
    FeedbackKind,
    SuppressionReason,
    contact_key,
)
from worker.feedback.report_rows import report_from_row
from worker.phones.plan_changes import equal_forms
from worker.registries import matching
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX
from worker.store import outbox
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.fit_key import fit_key
from worker.store.invalidation import invalidate
from worker.store.pseudonyms import Keys, number_aliases
from worker.store.pseudonyms import record_erasure as note_key
from worker.store.tables import (
    app_state,
    contact_numbers,
    contacts,
    feedback,
    last_delivered,
    suppressions,
)

_ERASURE_FLAG = (
    "erased numbers"  # of `app_state`: some are, and have to be looked for by their hash
)
_FLAGS_KEPT = "kept flags"  # of `app_state`: of contacts that were dropped with their connection
_MAX_HOLDERS = 200  # of one number that are looked at to tell whether it is shared
_HAS_ERASURES = sa.exists().where(app_state.c.name == _ERASURE_FLAG)
# Few installations have either, and all ask for both with each page.
_ERASURES_AND_REGISTRIES = sa.select(_HAS_ERASURES, matching.ANY_IN_FORCE)
_DEPENDS_ON_HOLDERS = (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED, FeedbackKind.CONFIRMED)


@dataclass(frozen=True)
class ReportSet:
    """All that was reported about some numbers.

    `row_ids`: of the rows that it was made from, to tell later whether there are more.
    `numbers_by_contact`: contact -> numbers about which somebody said, on that very contact or on
    another record of the same person, that they must not be contacted, or may be again. That
    includes numbers that it no longer holds ("" = it had none). `with_holds`: open reviews are
    among the reports (`review_holds`). `with_registries`: so are listings on registries.
    """

    reports: dict[str, list[Feedback]] = field(default_factory=dict)
    last_delivered: dict[str, datetime] = field(default_factory=dict)
    holders: dict[str, Holders] = field(default_factory=dict)
    row_ids: frozenset[tuple[str, int]] = frozenset()
    numbers_by_contact: Mapping[str, Sequence[str]] = field(default_factory=dict)
    with_holds: bool = False
    with_registries: bool = False

    def about(self, number: str) -> Sequence[Feedback]:
        return self.reports.get(number, ())

    def evaluate_contact(self, who: ContactIdentity, rules: Rules) -> ConsentState:
        """Evaluate what stands against this person, whatever numbers the contact has now (promise
        7).

        Records with one email address may be several people (info@...). So what was said on another
        record is taken back there, or for this record alone by what is said on it.
        """
        reports = {
            report.key: report
            for number in self.numbers_by_contact.get(who.key, ())
            for report in self.about(number)
            if (
                report.kind in merged_records.STOPS
                and merged_records.is_of_whole_contact(report, who)
            )
            or (report.kind == FeedbackKind.OPT_IN and concerns(report, who))
        }.values()
        result = ConsentState()
        for record in dict.fromkeys(
            report.contact for report in reports if report.kind in merged_records.STOPS
        ):
            bearing = [
                report
                for report in reports
                if report.contact == record
                or (
                    report.kind == FeedbackKind.OPT_IN
                    and (report.contact == who.key or report.scope == "number")
                )
            ]
            state = evaluate(bearing, who, rules)
            result = replace(
                result,
                suppressed=result.suppressed | state.suppressed,
                suppressed_reason=result.suppressed_reason or state.suppressed_reason,
                held=result.held or state.held,
            )
        return result

    def evaluate(self, number: str, who: ContactIdentity, rules: Rules) -> ConsentState:
        return evaluate(
            self.about(number),
            who,
            rules,
            self.holders.get(number, NO_HOLDERS),
            self.last_delivered.get(number),
        )


def store(connection: Connection, reports: Sequence[Feedback], now: datetime, keys: Keys) -> None:
    """Keep reports, to be applied by the queue; one that is known by its key changes nothing, also
    where what it said was erased since."""
    reports = merged_records.readdress(connection, reports)
    if has_erasures(connection):
        reports = _without_erased(connection, reports, keys)
    rows = [
        {
            "key": report.key,
            "kind": report.kind,
            "number": report.number,
            "channels": report.channels,
            "contact": report.contact,
            "reach": report.scope,
            "person": report.person,
            "source": report.source[:40],
            "evidence": report.evidence,
            "grade": report.severity,
            "new_number": report.new_number,
            "at": min(report.at, now),  # a report that another clock dates in the future counts now
            "received_at": report.received_at or now,
        }
        for report in reports
    ]
    upsert(connection, feedback, rows, ignore=True, key=("key",))
    invalidate(connection, (report.number for report in reports))


def _without_erased(
    connection: Connection, reports: Sequence[Feedback], keys: Keys
) -> list[Feedback]:
    """Drop repetitions of reports that were erased: a sender's retry says nothing new."""
    names = {name: report for report in reports for name in keys.erased_keys(report.key)}
    query = sa.select(feedback.c.key).where(any_of(feedback.c.key, list(names)))
    known = {names[name].key for name in connection.scalars(query)}
    return [report for report in reports if report.key not in known]


def find_known_keys(
    connection: Connection, names: Sequence[str], keys: Keys
) -> dict[str, datetime]:
    """Return which of these idempotency keys count already, with the time of the report. A report
    that was erased since counts too."""
    names_by_key = {fit_key(name): name for name in names}
    names_by_key |= {erased: name for name in names for erased in keys.erased_keys(fit_key(name))}
    query = sa.select(feedback.c.key, feedback.c.at).where(
        any_of(feedback.c.key, list(names_by_key))
    )
    return {names_by_key[row.key]: row.at for row in connection.execute(query)}


def last_lift(
    connection: Connection, kind: FeedbackKind, number: str, who: ContactIdentity | None, keys: Keys
) -> datetime | None:
    """Return when a report last lifted a stop of this kind: for everybody who has the number, or
    (`who`) for that person with any number."""
    c = feedback.c
    about: list[sa.ColumnElement[bool]] = [
        c.number.in_(list(number_aliases(keys, [number], has_erasures(connection))))
    ]
    if who is not None:
        about.append(c.contact == who.key)
        if who.person:
            about.append(c.person == who.person)
    query = sa.select(feedback).where(c.kind.in_(LIFTED_BY[kind]), sa.or_(*about))
    return max(
        (sort_key(report_from_row(row))[0] for row in connection.execute(query)), default=None
    )


def record_delivery(connection: Connection, number: str, at: datetime, now: datetime) -> None:
    """Record that a message arrived: earlier failures no longer count, and the CRMs are updated."""
    recorded = connection.scalar(
        sa.select(last_delivered.c.at).where(last_delivered.c.number == number)
    )
    if recorded is not None and recorded >= at:
        return
    upsert(connection, last_delivered, [{"number": number, "at": at}])
    failed = sa.select(feedback.c.id).where(
        feedback.c.number.in_(equal_forms(number)),
        feedback.c.kind == FeedbackKind.UNDELIVERABLE,
        feedback.c.at <= at,
    )
    if recorded is not None:
        failed = failed.where(feedback.c.at > recorded)
    if connection.execute(failed.limit(1)).first() is not None:
        invalidate(connection, [number])
        outbox.requeue(connection, None, [number], now)


def load(
    connection: Connection,
    numbers: Sequence[str],
    keys: Keys,
    with_holds: bool = False,
    changed: Sequence[ChangedField] = (),
    with_registries: bool = False,
    holders: Mapping[str, Holders] | None = None,
) -> ReportSet:
    """Load all reports about these numbers, and the lists that they are on. `with_holds`: and the
    open reviews, `with_registries`: and the registries that hold them, neither of which are
    reports: whoever copies or lists reports does without them.
    `changed`: fields that are read as other numbers from now on (`review_holds`). `holders`: of the
    numbers, where the caller has looked them up already."""
    erasures, in_registries = connection.execute(_ERASURES_AND_REGISTRIES).one()
    names = number_aliases(keys, numbers, erasures)
    by_number: dict[str, list[Feedback]] = {}
    ids: set[tuple[str, int]] = set()
    for row in connection.execute(sa.select(feedback).where(any_of(feedback.c.number, names))):
        ids.add(("feedback", row.id))
        for number in names[row.number]:
            by_number.setdefault(number, []).append(report_from_row(row))
    for row in connection.execute(_list_entries(names)):
        ids.add(("list", row.id))
        for number in names[row.number]:
            by_number.setdefault(number, []).append(_report_from_list_entry(row))
    for review_id, hold in review_holds.load(connection, names, changed) if with_holds else ():
        ids.add(("review", review_id))
        for number in names[hold.number]:
            by_number.setdefault(number, []).append(hold)
    for listing in matching.find(connection, names) if with_registries and in_registries else ():
        for number in names[listing.number]:
            by_number.setdefault(number, []).append(_report_from_listing(listing))
    doubted = [
        n for n, reports in by_number.items() if any(r.kind in _DEPENDS_ON_HOLDERS for r in reports)
    ]
    failed = [
        n
        for n, reports in by_number.items()
        if any(r.kind == FeedbackKind.UNDELIVERABLE for r in reports)
    ]
    return ReportSet(
        by_number,
        _last_delivered(connection, failed) if failed else {},
        dict(holders) if holders is not None else load_holders(connection, doubted),
        frozenset(ids),
        with_holds=with_holds,
        with_registries=with_registries,
    )


def load_about_contacts(
    connection: Connection, people: Sequence[ContactIdentity]
) -> dict[str, list[Feedback]]:
    """Load what was said about each contact as a whole, or about another record of the same person:
    opt-outs, and what lifts them. Contacts without an opt-out are left out."""
    by_contact: dict[str, list[Feedback]] = {}
    by_person: dict[str, list[Feedback]] = {}
    for report in _on_contacts(connection, people):
        by_contact.setdefault(report.contact, []).append(report)
        if report.person:
            by_person.setdefault(report.person, []).append(report)
    if not by_contact:  # nearly always
        return {}
    about_whole: dict[str, list[Feedback]] = {}
    for who in people:
        by_id = {report.id: report for report in by_contact.get(who.key, ())}
        for person in (who.person, *who.aliases):
            by_id |= {report.id: report for report in by_person.get(person, ())}
        concerning = [report for report in by_id.values() if _concerns_whole_contact(report, who)]
        if any(report.kind in merged_records.STOPS for report in concerning):
            about_whole[who.key] = concerning
    return about_whole


def find_former_persons(
    connection: Connection, people: Sequence[ContactIdentity]
) -> dict[str, str]:
    """Map former hashes of these persons under which reports are stored to their present ones.

    Former: under an earlier secret key (`ContactIdentity.aliases`).
    """
    names = {former: who.person for who in people for former in who.aliases if who.person}
    if not names:
        return {}
    c = feedback.c
    query = sa.select(c.person).where(
        any_of(c.person, sorted(names)), c.person != sa.literal_column("''")
    )
    return {former: names[former] for former in connection.scalars(query.distinct())}


def rename_persons(connection: Connection, names: Mapping[str, str]) -> None:
    """Store reports about persons under their present hashes: a contact that we know only from our
    index has no other."""
    for former, name in names.items():
        renamed = sa.update(feedback).where(feedback.c.person == former)
        connection.execute(renamed.values(person=name))


def find_contacts_with_unseen(
    connection: Connection, people: Sequence[ContactIdentity], known: ReportSet
) -> list[str]:
    """Return those of these contacts that opted out as a whole and have reports not in `known`."""
    by_contact = load_about_contacts(connection, people)
    if not by_contact:
        return []
    keys = {report.key for reports in known.reports.values() for report in reports}
    return [
        contact
        for contact, reports in by_contact.items()
        if any(report.key not in keys for report in reports)
    ]


def _concerns_whole_contact(report: Feedback, who: ContactIdentity) -> bool:
    if report.kind == FeedbackKind.OPT_IN:
        return is_about(report, who)
    return merged_records.is_of_whole_contact(report, who)


def _on_contacts(connection: Connection, people: Sequence[ContactIdentity]) -> Iterator[Feedback]:
    """Return opt-outs and opt-ins that were reported on these contacts, or on other records of
    these persons."""
    c = feedback.c
    kinds = c.reach != "number", c.kind.in_((*merged_records.STOPS, FeedbackKind.OPT_IN))
    persons = sorted({name for who in people for name in (who.person, *who.aliases) if name})
    of_persons = any_of(c.person, persons), c.person != sa.literal_column("''")
    of_contacts = merged_records.about_contacts([who.key for who in people])
    # Each by its own index; a report of both comes twice.
    both = sa.union_all(
        *(sa.select(feedback).where(*where, *kinds) for where in (of_contacts, of_persons))
    )
    yield from map(report_from_row, connection.execute(both))


def find_unseen(
    connection: Connection, numbers: Sequence[str], keys: Keys, known: ReportSet
) -> list[str]:
    """Return those of these numbers about which more is known than in `known`."""
    erasures, in_registries = connection.execute(_ERASURES_AND_REGISTRIES).one()
    names = number_aliases(keys, numbers, erasures)
    news: set[str] = set()
    f, s = feedback.c, suppressions.c
    reported = sa.select(sa.literal("feedback"), f.id, f.number).where(any_of(f.number, names))
    on_lists = sa.select(sa.literal("list"), s.id, s.number).where(*_is_list_entry(names))
    for kind, row_id, number in connection.execute(sa.union_all(reported, on_lists)):
        if (kind, row_id) not in known.row_ids:
            news.update(names[number])
    if known.with_holds:
        news.update(_numbers_of_changed_holds(connection, names, known))
    if known.with_registries:
        listings = matching.find(connection, names) if in_registries else []
        news.update(_numbers_of_changed_listings(listings, names, known))
    return sorted(news)


def _numbers_of_changed_listings(
    listings: Iterable[matching.Listing], names: Mapping[str, Sequence[str]], known: ReportSet
) -> Iterator[str]:
    """Yield numbers that came to a registry since, or went off one."""
    listed: dict[str, set[str]] = {}
    for listing in listings:
        for number in names[listing.number]:
            listed.setdefault(number, set()).add(_report_from_listing(listing).key)
    for number in {number for of in names.values() for number in of}:
        keys = {report.key for report in known.about(number)}
        before = {key for key in keys if key.startswith(REGISTRY_KEY_PREFIX)}
        if before != listed.get(number, set()):
            yield number


def _numbers_of_changed_holds(
    connection: Connection, names: Mapping[str, Sequence[str]], known: ReportSet
) -> Iterator[str]:
    """Yield numbers with a review that was opened since, or is open no more."""
    for _, hold in review_holds.load(connection, names):
        for number in names[hold.number]:
            if all(hold.key != report.key for report in known.about(number)):
                yield number
    hold_keys = {
        number: {report.key for report in reports if report.key.startswith(HOLD_KEY_PREFIX)}
        for number, reports in known.reports.items()
    }
    now_open = review_holds.still_open(connection, set().union(*hold_keys.values()))
    for number, keys in hold_keys.items():
        if keys - now_open:
            yield number


def has_erasures(connection: Connection) -> bool:
    return bool(connection.scalar(sa.select(_HAS_ERASURES)))


def record_erasure(connection: Connection, keys: Keys) -> None:
    note_key(connection, keys)
    upsert(connection, app_state, [{"name": _ERASURE_FLAG, "value": "yes"}], ignore=True)


def has_kept_flags(connection: Connection) -> bool:
    """Return whether flags are kept of contacts that our index does not hold."""
    names = (_ERASURE_FLAG, _FLAGS_KEPT)
    query = sa.select(app_state.c.name).where(app_state.c.name.in_(names)).limit(1)
    return connection.scalar(query) is not None


def record_kept_flags(connection: Connection, keys: Keys) -> None:
    note_key(connection, keys)
    upsert(connection, app_state, [{"name": _FLAGS_KEPT, "value": "yes"}], ignore=True)


def load_holders(connection: Connection, numbers: Sequence[str]) -> dict[str, Holders]:
    """Return who holds each of these numbers, in whatever form, in all CRMs."""
    n, c = contact_numbers.c, contacts.c
    same = sa.and_(c.connector == n.connector, c.object == n.object, c.record_id == n.record_id)
    by_number: dict[str, list[ContactIdentity]] = {}
    for number in numbers:
        query = (
            sa.select(n.connector, n.object, n.record_id, c.person)
            .join(contacts, same)
            .where(n.number.in_(equal_forms(number)))
            .distinct()
            .limit(_MAX_HOLDERS)
        )
        for row in connection.execute(query):
            key = contact_key(row.connector, row.object, row.record_id)
            by_number.setdefault(number, []).append(ContactIdentity(key, row.person))
    return {number: Holders(tuple(them)) for number, them in by_number.items()}


def _last_delivered(connection: Connection, numbers: Sequence[str]) -> dict[str, datetime]:
    forms = {number: equal_forms(number) for number in numbers}
    query = sa.select(last_delivered.c.number, last_delivered.c.at).where(
        any_of(last_delivered.c.number, sorted({form for of in forms.values() for form in of}))
    )
    at = {row.number: row.at for row in connection.execute(query)}
    return {
        number: max(at[form] for form in of if form in at)
        for number, of in forms.items()
        if not at.keys().isdisjoint(of)
    }


def _list_entries(numbers: Iterable[str]) -> sa.Select[Any]:
    """Return suppressions that no report made: numbers on imported lists."""
    return sa.select(suppressions).where(*_is_list_entry(numbers))


def _is_list_entry(numbers: Iterable[str]) -> tuple[sa.ColumnElement[bool], ...]:
    c = suppressions.c
    return any_of(c.number, numbers), c.reason == SuppressionReason.LIST, c.lifted_at.is_(None)


def _report_from_list_entry(row: Any) -> Feedback:
    return Feedback(
        row.key,
        FeedbackKind.OPT_OUT,
        row.number,
        row.source,
        row.since,
        row.channels,
        evidence=row.evidence,
    )


def _report_from_listing(listing: matching.Listing) -> Feedback:
    authority = f" ({listing.authority})" if listing.authority else ""
    return Feedback(
        f"{REGISTRY_KEY_PREFIX}{listing.registry}",
        FeedbackKind.OPT_OUT,
        listing.number,
        listing.registry,
        listing.since,
        listing.channels,
        evidence=f"on the list {listing.registry}{authority}",
    )
