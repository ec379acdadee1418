"""Records that live on in another one, and what was said of them that holds for that one too.

People merge duplicates: the records that are merged lose their ids, and what was reported on them
names ids that are gone. `merged_records` keeps where each lives on (chains are followed when they
are stored, so one look-up is enough), and what we last knew of it. What stood against any of them
stands against the record that they became (promise 19): `carried` says it of that record, with the
first report's time, source and evidence, and with where it comes from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import Channel
from worker.feedback.model import Feedback, Who
from worker.feedback.standing import NOBODY, Holders, Rules, concerns, lifted, standing
from worker.store.lists import one_of
from worker.store.tables import contact_numbers, contacts, feedback, merged_records

STOPS = ("opt_out", "complaint", "erasure")
# What is about one number of a contact, and holds where the contact has that number still.
_OF_A_NUMBER = ("wrong_number", "corrected", "confirmed")


class State(StrEnum):
    """How far the record that another one lives on in has taken over from it."""

    NEW = "new"
    PAGED = "paged"  # a page that was stored with this holds the other
    CARRIED = "carried"  # what was said of it was stored for the other
    DONE = "done"  # and the other was recorded with it


def current_key(connection: Connection, key: str) -> str:
    """The key of the contact under which one lives on; its own where it was not merged."""
    m = merged_records.c
    found: str | None = connection.scalar(sa.select(m.into_key).where(m.key == key))
    return found or key


def current(
    connection: Connection, connector: str, object_name: str, record_id: str
) -> tuple[str, str]:
    """Object and id under which a record lives on; its own where it was not merged."""
    key = current_key(connection, f"{connector}/{object_name}/{record_id}")
    _, object_name, record_id = key.split("/", 2)
    return object_name, record_id


def readdressed(connection: Connection, reports: Sequence[Feedback]) -> list[Feedback]:
    """Reports as they are to be stored: what names a record that was merged meanwhile is said of
    the one that it lives on in. A stop on it holds for all numbers of that one."""
    named = {report.contact for report in reports if report.contact}
    m = merged_records.c
    query = sa.select(m.key, m.into_key).where(one_of(m.key, sorted(named)))
    into = {row.key: row.into_key for row in connection.execute(query)} if named else {}
    if not into:
        return list(reports)
    numbers, persons = _of_contacts(connection, set(into.values()))
    found: list[Feedback] = []
    for report in reports:
        key = into.get(report.contact)
        if key is None:
            found.append(report)
            continue
        who = Who(key, persons.get(key, ""))
        found.append(replace(report, contact=key, person=who.person or report.person))
        if report.kind in STOPS and report.reach != "number":
            others = [number for number in numbers.get(key, ()) if number != report.number]
            found += [_copy(report, report.contact, who, number) for number in others]
    return found


def _of_contacts(
    connection: Connection, keys: Collection[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Numbers, and persons, of contacts as the index has them."""
    numbers: dict[str, list[str]] = {}
    persons: dict[str, str] = {}
    for key in keys:
        connector, object_name, record_id = key.split("/", 2)
        of = (connector, object_name, record_id)
        held, c = contact_numbers.c, contacts.c
        query = sa.select(held.number).where(
            sa.tuple_(held.connector, held.object, held.record_id) == sa.tuple_(*of)
        )
        numbers[key] = list(dict.fromkeys(connection.scalars(query)))
        who = sa.select(c.person).where(
            sa.tuple_(c.connector, c.object, c.record_id) == sa.tuple_(*of)
        )
        persons[key] = connection.scalar(who) or ""
    return numbers, persons


def reported_on(connection: Connection, keys: Collection[str]) -> dict[str, list[str]]:
    """Contact -> numbers of which something was reported on that very contact."""
    c = feedback.c
    query = sa.select(c.contact, c.number).where(one_of(c.contact, sorted(keys))).distinct()
    found: dict[str, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.contact, []).append(row.number)
    return found


# -- what goes over to the other. Pure -----------------------------------------------------


def carried(
    old: Who,
    numbers: Iterable[str],
    reports: Mapping[str, Sequence[Feedback]],
    new: Who,
    new_numbers: Set[str],
    rules: Rules = Rules(),
    holders: Mapping[str, Holders] = {},
) -> Iterator[Feedback]:
    """What stands against (or for) a contact, said of the one that it lives on in.

    `numbers`: of the old contact, with all that was reported of each (`reports`). A stop that it
    had on any number, but on one that reached somebody else, holds for all numbers of the new one.
    An opt-in goes not over: it said something of one record, and another one may have said no.
    """
    for number in numbers:
        about = reports.get(number, ())
        state = standing(about, old, rules, holders.get(number, NOBODY))
        for report in about:
            if report.kind in STOPS and concerns(report, old, NOBODY, rules):
                if state.wrong and report.contact != old.key:
                    continue  # whoever said it has that number, and is not this person
                left, _ = lifted(report, about, rules)
                channels = left & state.suppressed
                if channels:
                    yield from _stops(report, channels, old, new, new_numbers)
            elif report.contact == old.key and report.kind in _OF_A_NUMBER:
                yield from (_copy(report, old.key, new, one) for one in new_numbers & {number})


def _stops(
    report: Feedback, channels: frozenset[Channel], old: Who, new: Who, new_numbers: Collection[str]
) -> Iterator[Feedback]:
    said = replace(report, channels=" ".join(sorted(channels)))
    if not new_numbers:  # it may get one later
        yield _copy(said, old.key, new, report.number)
    for number in new_numbers:
        if number != report.number or not concerns(report, new):
            yield _copy(said, old.key, new, number)


def _copy(report: Feedback, old_key: str, new: Who, number: str) -> Feedback:
    first = report.key if not report.key.startswith("merged:") else report.key.split(":", 2)[2]
    record = old_key.rpartition("/")[2]
    note = f"on record {record}, which lives on in this one"
    evidence = report.evidence or report.source
    return replace(
        report,
        kind="opt_out" if report.kind == "erasure" else report.kind,
        key=f"merged:{new.key}/{number}:{first}"[:255],
        number=number,
        contact=new.key,
        person=new.person,
        reach="person" if report.reach == "number" else report.reach,
        evidence=evidence if "lives on in this one" in evidence else f"{evidence} ({note})",
        id=0,
    )
