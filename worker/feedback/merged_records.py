"""Find the surviving record of one that was merged, and carry over what was said about it.

People merge duplicates: the merged records lose their ids, and what was reported on them names ids
that are gone. The table `merged_records` keeps the surviving record of each (chains are followed
when they are stored, so one look-up is enough), and what we last knew about it. What stood against
any of them stands against the surviving record (promise 19): `carry_over` reports it on that
record, with the first report's time, source and evidence, and with where it comes from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import Channel
from worker.feedback.consent_state import (
    MERGED_KEY_PREFIX,
    NO_HOLDERS,
    READING_KEY_PREFIX,
    Holders,
    Rules,
    apply_lifts,
    concerns,
    evaluate,
    is_about,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import contact_numbers, contacts, feedback, merged_records

STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
# Begin the keys of what is about a record as a whole: a flag that was ticked, or what came with a
# merge. Who withdraws one number may be called on another.
_RECORD_KEY_PREFIXES = ("crm:", MERGED_KEY_PREFIX)
_REPORT_HASH = re.compile(r"[0-9a-f]{32}")
# What is about one number of a contact, and holds where the contact has that number still.
_NUMBER_KINDS = (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED, FeedbackKind.CONFIRMED)


class MergeState(StrEnum):
    """How far the surviving record has taken over from a merged one."""

    NEW = "new"
    PAGED = "paged"  # a page that was stored with this holds the other
    CARRIED = "carried"  # what was said of it was stored for the other
    AWAY = "away"  # the other was deleted; it may be restored
    ERASED = "erased"  # it was erased itself; who is said to live on in it is erased too
    DONE = "done"  # and the other was recorded with it


def surviving_key(connection: Connection, key: str) -> str:
    """Return the key of a contact's surviving record; its own if it was not merged."""
    m = merged_records.c
    surviving: str | None = connection.scalar(sa.select(m.into_key).where(m.key == key))
    return surviving or key


def surviving_record(
    connection: Connection, connector: str, object_name: str, record_id: str
) -> tuple[str, str]:
    """Return object and id of a record's surviving record; its own if it was not merged."""
    key = surviving_key(connection, f"{connector}/{object_name}/{record_id}")
    _, object_name, record_id = key.split("/", 2)
    return object_name, record_id


def record_erased(connection: Connection, key: str, now: datetime) -> None:
    """Record the erasure of a contact that we never knew: we may learn of a merge into it later."""
    row: dict[str, Any] = {
        "key": key, "into_key": key, "state": MergeState.ERASED, "person": "", "flags": {},
        "numbers": [], "recorded_at": None, "at": now,
    }  # fmt: skip
    upsert(connection, merged_records, [row])


def erased_keys(connection: Connection, keys: Collection[str]) -> list[str]:
    """Return those of these contacts that were erased."""
    m = merged_records.c
    query = sa.select(m.key).where(any_of(m.key, sorted(keys)), m.state == MergeState.ERASED)
    return list(connection.scalars(query))


def readdress(connection: Connection, reports: Sequence[Feedback]) -> list[Feedback]:
    """Return reports addressed to surviving records instead of merged ones, ready to be stored. A
    stop on a merged record holds for all numbers of the surviving one."""
    named = {report.contact for report in reports if report.contact}
    m = merged_records.c
    query = sa.select(m.key, m.into_key).where(any_of(m.key, sorted(named)))
    rows = connection.execute(query) if named else ()
    into = {row.key: row.into_key for row in rows if row.key != row.into_key}
    if not into:
        return list(reports)
    numbers, persons = _numbers_and_persons(connection, set(into.values()))
    readdressed: list[Feedback] = []
    for report in reports:
        key = into.get(report.contact)
        if key is None:
            readdressed.append(report)
            continue
        who = ContactIdentity(key, persons.get(key, ""))
        readdressed.append(replace(report, contact=key, person=who.person or report.person))
        if report.kind in STOPS and report.scope != "number":
            others = [number for number in numbers.get(key, ()) if number != report.number]
            readdressed += [_copy(report, report.contact, who, number) for number in others]
    return readdressed


def _numbers_and_persons(
    connection: Connection, keys: Collection[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the numbers, and the persons, of contacts, from the index."""
    numbers: dict[str, list[str]] = {}
    persons: dict[str, str] = {}
    for key in keys:
        connector, object_name, record_id = key.split("/", 2)
        of = (connector, object_name, record_id)
        n, c = contact_numbers.c, contacts.c
        query = sa.select(n.number).where(
            sa.tuple_(n.connector, n.object, n.record_id) == sa.tuple_(*of)
        )
        numbers[key] = list(dict.fromkeys(connection.scalars(query)))
        who = sa.select(c.person).where(
            sa.tuple_(c.connector, c.object, c.record_id) == sa.tuple_(*of)
        )
        persons[key] = connection.scalar(who) or ""
    return numbers, persons


def about_contacts(keys: Collection[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Select reports on these contacts. The table's index covers reports that name a contact."""
    c = feedback.c
    return any_of(c.contact, sorted(keys)), c.contact != sa.literal_column("''")


def reported_numbers(connection: Connection, keys: Collection[str]) -> dict[str, list[str]]:
    """Return, for each contact, the numbers about which something was reported on that very
    contact."""
    c = feedback.c
    query = sa.select(c.contact, c.number).where(*about_contacts(keys)).distinct()
    numbers: dict[str, list[str]] = {}
    for row in connection.execute(query):
        numbers.setdefault(row.contact, []).append(row.number)
    return numbers


# -- what goes over to the other. Pure -----------------------------------------------------


def is_of_whole_contact(report: Feedback, who: ContactIdentity) -> bool:
    """Return whether a report is about this contact whatever number it has.

    It is if it was made on this very record, or if a flag was ticked on another record of the same
    person, or if it names no number at all. Somebody who withdraws one number on another record may
    be called on this one's.
    """
    if report.scope == "number" or not is_about(report, who):
        return False
    if report.contact == who.key or not report.number:
        return True
    return report.key.startswith(_RECORD_KEY_PREFIXES)


def carry_over(
    old: ContactIdentity,
    numbers: Iterable[str],
    reports: Mapping[str, Sequence[Feedback]],
    new: ContactIdentity,
    new_numbers: Set[str],
    rules: Rules = Rules(),
    holders: Mapping[str, Holders] = {},
) -> Iterator[Feedback]:
    """Return what was reported about a contact, for its surviving record.

    `numbers`: of the old contact, with all that was reported about each (`reports`). A stop on any
    of its numbers, except one that reached somebody else, holds for all numbers of the surviving
    record. An opt-in is not carried over: it was about one record, and the other one may have said
    no.
    """
    for number in numbers:
        about = reports.get(number, ())
        holders_of = holders.get(number, NO_HOLDERS)
        state = evaluate(about, old, rules, holders_of)
        # What was said of somebody else alone lifts nothing for this record.
        lifts = [report for report in about if concerns(report, old, holders_of, rules)]
        for report in about:
            if report.kind in STOPS and concerns(report, old, NO_HOLDERS, rules):
                if state.wrong and _said_by_somebody_else(report, about, old, rules):
                    continue
                still_closed, _ = apply_lifts(report, lifts, rules)
                channels = still_closed & state.suppressed
                if channels:
                    yield from _carry_over_stop(report, channels, old, new, new_numbers)
            elif report.contact == old.key and report.kind in _NUMBER_KINDS:
                same = new_numbers & {*equal_forms(number)}
                yield from (_copy(report, old.key, new, form) for form in sorted(same))


def _said_by_somebody_else(
    report: Feedback, about: Sequence[Feedback], old: ContactIdentity, rules: Rules
) -> bool:
    """Return whether the one who said it had the number and was, by then, known not to be this
    person. What was said before that may have been theirs."""
    if is_about(report, old):
        return False
    before = [other for other in about if sort_key(other) <= sort_key(report)]
    return bool(evaluate(before, old, rules).wrong)


def _carry_over_stop(
    report: Feedback,
    channels: frozenset[Channel],
    old: ContactIdentity,
    new: ContactIdentity,
    new_numbers: Collection[str],
) -> Iterator[Feedback]:
    stop = replace(report, channels=" ".join(sorted(channels)))
    # Where it has no number the first one is kept: what is said of a contact holds for the numbers
    # that it gets (`of_other_numbers`).
    for number in new_numbers or (report.number,):
        if not new_numbers or number != report.number or not concerns(report, new):
            yield _copy(stop, old.key, new, number)


def is_extended_to_all_numbers(report: Feedback, who: ContactIdentity) -> bool:
    """Whether a report is a stop of this very record, which holds for all numbers that it gets. One
    of another record of that person is weighed by `ReportSet.evaluate_contact`."""
    return (
        report.kind in STOPS
        and report.scope != "number"
        and report.contact == who.key
        and report.key.startswith(_RECORD_KEY_PREFIXES)
    )


def extend_to_numbers(
    own_reports: Sequence[Feedback],
    reports: Mapping[str, Sequence[Feedback]],
    who: ContactIdentity,
    numbers: Collection[str],
    rules: Rules = Rules(),
    holders: Mapping[str, Holders] = {},
) -> Iterator[Feedback]:
    """Return opt-outs that stand against a contact, extended to the numbers that it has now and did
    not have then: the person has refused. `reports`: about the former numbers, `holders`: who
    has them."""
    for report in own_reports:
        others = [number for number in numbers if number != report.number]
        if not others or not is_extended_to_all_numbers(report, who):
            continue
        about = reports.get(report.number, ())
        holders_of = holders.get(report.number, NO_HOLDERS)
        lifts = [other for other in about if concerns(other, who, holders_of, rules)]
        still_closed, _ = apply_lifts(report, [*lifts, *own_reports], rules)
        for number in others:
            heard = [
                own_report
                for own_report in own_reports
                if own_report.number == number and own_report.kind in STOPS
            ]
            rest = still_closed.difference(
                *(apply_lifts(report, own_reports, rules)[0] for report in heard)
            )
            if rest:
                stop = replace(report, channels=" ".join(sorted(rest)))
                yield _copy(stop, "", who, number)


def _copy(report: Feedback, old_key: str, new: ContactIdentity, number: str) -> Feedback:
    record = old_key.rpartition("/")[2]
    note = f"on record {record}, which lives on in this one"
    if not record:
        note = "when this record had another number"
    evidence = report.evidence or report.source
    return replace(
        report,
        kind=FeedbackKind.OPT_OUT if report.kind == FeedbackKind.ERASURE else report.kind,
        key=f"{MERGED_KEY_PREFIX}{new.key}/{number}:{report_hash(report)}",
        source="list" if report.key.startswith("list:") else report.source,
        number=number,
        contact=new.key,
        person=new.person,
        scope="person" if report.scope == "number" else report.scope,
        evidence=evidence
        if f"{note})" in evidence or "lives on in this one" in evidence
        else f"{evidence} ({note})",
        id=0,
    )


def report_hash(report: Feedback) -> str:
    """Hash what tells the first report from others, however long its key is, and without the number
    that may be in the key. Of a copy, return the hash that it has."""
    head, _, suffix = report.key.rpartition(":")
    copied = head.startswith((MERGED_KEY_PREFIX, READING_KEY_PREFIX))
    if copied and _REPORT_HASH.fullmatch(suffix):
        return suffix
    text = report.key.replace(report.number, "")
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
