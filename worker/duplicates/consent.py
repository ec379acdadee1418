"""What stands against the contacts of a group, from all that we know, in the strictest reading.

Read from the log of reports, as a scrub is, so that a STOP counts from when it is stored. Where a
sync, a scrub or the CRM says more than the others, the more counts: a confirmation or an opt-in of
one contact takes nothing from another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.decisions.model import CALL_AND_TEXT, blocked
from worker.duplicates.grouping import Key
from worker.duplicates.merge_proposal import Consent, Record
from worker.feedback.consent_state import ConsentState, rules_from_settings
from worker.feedback.models import ContactIdentity
from worker.phones.plan_changes import equal_forms
from worker.scrub import evidence
from worker.scrub.evidence import Evidence
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, contacts, merged_records

_CLOSES = {
    "do_not_contact": CALL_AND_TEXT,
    "do_not_call": frozenset({"call"}),
    "do_not_text": frozenset({"text"}),
}


@dataclass(frozen=True, slots=True)
class _Indexed:
    """A contact as our index has it."""

    key: Key
    person: str
    statuses: Mapping[str, str]
    flags: frozenset[str]
    value: float | None
    month: str
    numbers: tuple[tuple[str, str], ...]  # (phone field, number)


def load_records(ctx: Context, keys: Collection[Key]) -> dict[Key, Record]:
    """Return these contacts as a merge looks at them, without those that are not in our index."""
    rules = rules_from_settings(ctx.settings)
    with ctx.store.snapshot() as connection:
        indexed = _load_indexed(connection, keys)
        numbers = sorted({number for entry in indexed for _, number in entry.numbers})
        keys_of = {"/".join(entry.key) for entry in indexed}
        known = evidence.load_in(ctx, connection, numbers, keys_of, rules)
        absorbed = _absorbed(connection, keys_of)
    names = _one_form_each(frozenset(numbers))
    records = {}
    for entry in indexed:
        connector, object_name, record_id = entry.key
        states = _states(entry, known, rules)
        records[entry.key] = Record(
            connector, object_name, record_id,
            consent=_consent(entry, known, states, names),
            flags=entry.flags,
            has_email=bool(entry.person),
            absorbed=absorbed.get("/".join(entry.key), 0),
            value=entry.value or 0.0,
            month=entry.month,
        )  # fmt: skip
    return records


def _states(entry: _Indexed, known: Evidence, rules: Any) -> dict[str, ConsentState]:
    """Return what stands against each number of a contact ("" = against the person)."""
    key = "/".join(entry.key)
    who = known.known_contacts.get(key, ContactIdentity(key, entry.person))
    states = {number: known.reports.evaluate(number, who, rules) for _, number in entry.numbers}
    states[""] = known.reports.evaluate_contact(who, rules)
    return states


def _one_form_each(numbers: Collection[str]) -> dict[str, str]:
    """Return the first form of each number that these records have: it is wrong once, in whatever
    form they have it."""
    return {
        number: next(form for form in (*equal_forms(number), number) if form in numbers)
        for number in numbers
    }


def _consent(
    entry: _Indexed, known: Evidence, states: Mapping[str, ConsentState], names: Mapping[str, str]
) -> Consent:
    """`names`: what each number of these records is called."""
    closed: set[str] = set()
    wrong: set[str] = set()
    for number, state in states.items():
        closed |= blocked(state.suppressed)
        if state.held:
            closed.add("text")
        if number and state.wrong:
            wrong.add(names[number])
    for field, number in entry.numbers:
        for row in known.suppressions.get(number, ()):
            if row.reason == "wrong_number":
                wrong.add(names[number])
            else:
                closed |= set(row.channels.split())
        status = entry.statuses.get(field)
        if status == "wrong_number":
            wrong.add(names[number])
        elif status == "do_not_contact":
            closed |= CALL_AND_TEXT
    if "/".join(entry.key) in known.held_contacts:
        closed.add("text")
    for flag, channels in _CLOSES.items():
        if flag in entry.flags:
            closed |= channels
    return Consent(
        frozenset(closed & CALL_AND_TEXT), frozenset(wrong), "wrong_number" in entry.flags
    )


def _load_indexed(connection: Connection, keys: Collection[Key]) -> list[_Indexed]:
    c, n = contacts.c, contact_numbers.c
    numbers: dict[Key, list[tuple[str, str]]] = {}
    rows: list[tuple[Key, Any]] = []
    for (connector, object_name), ids in _by_object(keys).items():
        query = sa.select(n.record_id, n.field, n.number).where(
            n.connector == connector, n.object == object_name, any_of(n.record_id, ids)
        )
        for record_id, field, number in connection.execute(query.order_by(n.field, n.place)):
            key = (connector, object_name, record_id)
            numbers.setdefault(key, []).append((field, number))
        of_contacts = sa.select(
            c.record_id, c.person, c.statuses, c.last_seen_flags, c.value, c.month
        ).where(c.connector == connector, c.object == object_name, any_of(c.record_id, ids))
        for row in connection.execute(of_contacts):
            rows.append(((connector, object_name, row.record_id), row))
    return [
        _Indexed(
            key, row.person, row.statuses,
            frozenset(flag for flag, on in row.last_seen_flags.items() if on is True),
            row.value, row.month, tuple(numbers.get(key, ())),
        )
        for key, row in rows
    ]  # fmt: skip


def _absorbed(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return how many records the CRM has merged into each of these."""
    m = merged_records.c
    query = sa.select(m.into_key, sa.func.count()).where(any_of(m.into_key, sorted(names)))
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(m.into_key))}


def _by_object(keys: Collection[Key]) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for connector, object_name, record_id in keys:
        groups.setdefault((connector, object_name), []).append(record_id)
    return groups
