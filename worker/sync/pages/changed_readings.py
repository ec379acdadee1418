"""Find phone fields that are read as other numbers than before, though nobody has changed them.

A new release, a change of a numbering plan, or another country of the contact may cause that. The
reports about the former numbers are then stored for the new ones, before anything is decided
(`worker.feedback.changed_readings`), so that nobody who said no becomes callable. A number that a
person replaced in its field is another matter (promise 8).

The text of the field shows whether a person did: our index keeps a hash of it
(`worker.sync.reading_state`). If it differs, the field still counts as read differently if the new
text has the digits of the former number (`worker.phones.retyped`): somebody has only retyped it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import former_numbers
from worker.feedback import report_log as feedback_log
from worker.feedback.changed_readings import ChangedField
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import Feedback
from worker.phones.retyped import has_digits_of
from worker.store import locks
from worker.store.array_param import any_of
from worker.store.locks import Lock
from worker.store.tables import contact_numbers, contacts
from worker.sync import contact_index, reading_state
from worker.sync.contact_index import IndexedContact
from worker.sync.pages.fields import Prepared
from worker.sync.reading_state import FieldState, ReadingState

# Of a contact that a version without states recorded: so many last digits of the former number are
# looked for in the text. With such a contact one edit may hide that the reading changed, too.
_LAST_DIGITS = 7


@dataclass(frozen=True)
class ChangedReadings:
    """What of a page's contacts is read differently than our index has it.

    `known`: what is known of the page's contacts; of those that were recorded without a state and
    are read as they were, with one. `states`: record id -> the state to be recorded, where that is
    not the signature alone. `fields`: read as other numbers. `reports`: what is said of these
    numbers now. `replaced`: fields (record id, name) whose number a person has replaced.
    `new_readings`: fields whose text nobody touched -> how many numbers came or went.
    """

    known: Mapping[str, IndexedContact]
    states: Mapping[str, ReadingState] = field(default_factory=dict)
    fields: Sequence[ChangedField] = ()
    reports: Sequence[Feedback] = ()
    replaced: Sequence[tuple[str, str]] = ()
    new_readings: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What our index has of a contact. `row`: of `contacts`, where it has no state."""

    state: ReadingState
    numbers: Mapping[str, Sequence[tuple[str, str]]]  # field -> number and extension, in order
    row: Any = None


def find(
    ctx: Context,
    connector: str,
    object_name: str,
    prepared: Sequence[Prepared],
    known: Mapping[str, IndexedContact],
) -> ChangedReadings:
    """Compare the fields of a page's contacts with our index. Nothing is stored.

    Asks the database only about contacts whose signature is not as it was recorded.
    """
    differing = [
        prepared_contact
        for prepared_contact in prepared
        if (before := known.get(prepared_contact.contact.id)) is not None
        and before.readings != prepared_contact.signature
    ]
    if not differing:
        return ChangedReadings(known)
    ids = [prepared_contact.contact.id for prepared_contact in differing]
    with ctx.store.read() as connection:
        recorded = _load(connection, connector, object_name, ids, known)
        former = former_numbers.load(connection, connector, object_name, ids)
    pays = ctx.settings.verification.pay_for_changed_readings
    comparison = _Comparison(ctx.now(), dict(known), former, pays)
    for prepared_contact in differing:
        comparison.compare(prepared_contact, recorded[prepared_contact.contact.id])
    reports: list[Feedback] = []
    if comparison.fields:
        with ctx.store.read() as connection:
            about = former_numbers.load_reports(connection, comparison.fields, ctx.keys)
        reports = former_numbers.copies(
            comparison.fields, about, ctx.now(), rules_from_settings(ctx.settings)
        )
    return ChangedReadings(
        comparison.known,
        comparison.states,
        comparison.fields,
        reports,
        comparison.replaced,
        comparison.new_readings,
    )


def store(ctx: Context, connection: Connection, changed: ChangedReadings) -> None:
    """Store the reports about the new numbers, before anything is decided from them."""
    if changed.reports:
        about = former_numbers.load_reports(connection, changed.fields, ctx.keys)
        concealed = former_numbers.conceal_erased(changed.reports, about, ctx.keys)
        feedback_log.store(connection, concealed, ctx.now(), ctx.keys)


def finish(
    ctx: Context, connection: Connection, connector: str, object_name: str, changed: ChangedReadings
) -> None:
    """Keep the former numbers, with the page's results; carry over what was said meanwhile.

    A report about a former number that is applied after this finds the field by itself. One that
    was applied before is found here: nobody applies any as long as we have the lock.
    """
    if changed.replaced:
        former_numbers.forget(connection, connector, object_name, changed.replaced)
    if not changed.fields:
        return
    locks.acquire(connection, Lock.APPLYING_REPORTS)
    former_numbers.record(connection, changed.fields)
    about = former_numbers.load_reports(connection, changed.fields, ctx.keys)
    rules = rules_from_settings(ctx.settings)
    copies = former_numbers.copies(changed.fields, about, ctx.now(), rules)
    if copies:
        concealed = former_numbers.conceal_erased(copies, about, ctx.keys)
        feedback_log.store(connection, concealed, ctx.now(), ctx.keys)


def _load(
    connection: Connection,
    connector: str,
    object_name: str,
    ids: Sequence[str],
    known: Mapping[str, IndexedContact],
) -> dict[str, _Recorded]:
    n, c = contact_numbers.c, contacts.c
    query = (
        sa.select(n.record_id, n.field, n.number, n.extension)
        .where(n.connector == connector, n.object == object_name, any_of(n.record_id, ids))
        .order_by(n.record_id, n.field, n.place)
    )
    numbers: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for record_id, name, number, extension in connection.execute(query):
        numbers.setdefault(record_id, {}).setdefault(name, []).append((number, extension))
    stateless = [record_id for record_id in ids if not known[record_id].readings]
    rows: dict[str, Any] = {}
    if stateless:
        of_them = sa.select(contacts).where(
            c.connector == connector, c.object == object_name, any_of(c.record_id, stateless)
        )
        rows = {row.record_id: row for row in connection.execute(of_them)}
    return {
        record_id: _Recorded(
            reading_state.decode(known[record_id].readings),
            numbers.get(record_id, {}),
            rows.get(record_id),
        )
        for record_id in ids
    }


class _Comparison:
    """Compares contacts with what the index has of them, one after the other."""

    def __init__(
        self,
        now: datetime,
        known: dict[str, IndexedContact],
        former: Mapping[tuple[str, str], Sequence[str]],
        pays: bool,
    ) -> None:
        self.known = known
        self.states: dict[str, ReadingState] = {}
        self.fields: list[ChangedField] = []
        self.replaced: list[tuple[str, str]] = []
        self.new_readings: dict[tuple[str, str], int] = {}
        self._now = now
        self._former = former
        self._pays = pays

    def compare(self, prepared: Prepared, before: _Recorded) -> None:
        """Compare each field of a contact, and note the state that is to be recorded."""
        record_id = prepared.contact.id
        now = reading_state.decode(prepared.signature)
        untouched = self._untouched_texts(prepared, before)
        if self._numbers_of(prepared) == before.numbers and before.row is not None:
            # Recorded by a version without states, and read as it was.
            self.known[record_id] = replace(self.known[record_id], readings=prepared.signature)
            return
        same_country = now.region == (
            before.state.region if before.row is None else before.row.country
        )
        fields = {
            name: state for name, state in before.state.fields.items() if name in prepared.unread
        }
        for name, state in now.fields.items():
            was = before.state.fields.get(name)
            if was is not None and (was.text, was.numbers) == (state.text, state.numbers):
                fields[name] = replace(was, unpaid="") if self._pays else was
                continue
            compared = self._compare_field(prepared, name, state, before, name in untouched)
            fields[name] = compared if same_country else state
        emptied = before.state.fields.keys() - fields.keys()
        self.replaced += [(record_id, name) for name in emptied if name in prepared.contact.phones]
        rewrite_on = before.state.rewrite_on if any(f.waits for f in fields.values()) else None
        self.states[record_id] = ReadingState(now.region, fields, rewrite_on)

    def _compare_field(
        self, prepared: Prepared, name: str, state: FieldState, before: _Recorded, untouched: bool
    ) -> FieldState:
        """Compare a field whose text or numbers differ; return what is to be recorded of it.

        If nobody changed the text, its new numbers are not paid for, and the CRM is written on a
        day whose limit has room for it.
        """
        numbers = [number.e164 for number in prepared.readings[name].numbers]
        then = [number for number, _ in before.numbers.get(name, ())]
        former = self._former.get((prepared.contact.id, name), ())
        gone = [number for number in dict.fromkeys((*then, *former)) if number not in numbers]
        if not untouched:
            text, last = (
                prepared.contact.phones[name],
                _LAST_DIGITS if before.row is not None else None,
            )
            read = prepared.readings[name].numbers
            spelt = [number for number in gone if has_digits_of(text, number, read, last)]
            if gone and not spelt:
                self.replaced.append((prepared.contact.id, name))
            gone = spelt
        new = [number for number in numbers if number not in then]
        if gone:
            self.fields.append(
                ChangedField(
                    prepared.identity,
                    name,
                    tuple(gone),
                    tuple(new or numbers),
                    self._now,
                    replaced=bool(new),
                )
            )
        if not untouched or not (new or gone):
            return state
        self.new_readings[prepared.contact.id, name] = len({*new, *gone})
        was = before.state.fields.get(name)
        still = {then[int(place)] for place in was.unpaid} if was is not None else set()
        places = [place for place, number in enumerate(numbers) if number in {*new, *still}]
        unpaid = "".join(str(place) for place in places if place < 10 and not self._pays)
        return replace(state, unpaid=unpaid, waits=True)

    def _untouched_texts(self, prepared: Prepared, before: _Recorded) -> frozenset[str]:
        """Return the fields whose text is surely what it was."""
        phones = prepared.contact.phones
        if before.row is None:
            now = reading_state.decode(prepared.signature)
            return frozenset(
                name
                for name, state in now.fields.items()
                if (was := before.state.fields.get(name)) is not None and was.text == state.text
            )
        # Noted since without a fingerprint: nothing speaks for a person's edit.
        same = reading_state.is_noted(before.row.fingerprint) or contact_index.had_phones(
            before.row, phones, prepared.readings
        )
        return frozenset(phones) if same else frozenset()

    @staticmethod
    def _numbers_of(prepared: Prepared) -> dict[str, list[tuple[str, str]]]:
        return {
            name: [(number.e164, number.extension) for number in reading.numbers]
            for name, reading in prepared.readings.items()
            if reading.numbers
        }
