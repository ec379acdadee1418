"""Find in our index who may be asked, contact by contact, without a call to the CRM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from worker.asking.model import SEGMENT_KEYS, AskingError, Selection
from worker.feedback.models import contact_key
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, contacts, list_members

PERSON = "person:"  # begins what stands for a recipient who is known by their email
_CONTACTS_AT_ONCE = 500


class Candidate(Struct, frozen=True):
    """A contact, and one of its numbers that it may be asked about."""

    connector: str
    object: str
    record_id: str
    number: str
    extension: str
    status: str  # of the field that holds the number
    person: str
    country: str
    month: str  # in which its record was made, "2026-11"; "" = not known

    @property
    def contact(self) -> str:
        return contact_key(self.connector, self.object, self.record_id)

    @property
    def recipient(self) -> str:
        """Return what tells this person from others."""
        return f"{PERSON}{self.person}" if self.person else self.contact


def select(
    connection: Connection, connectors: Sequence[str], selection: Selection
) -> Iterator[list[list[Candidate]]]:
    """Yield the contacts of a selection with their numbers, some contacts at a time.

    Whether a contact is unverified or old enough is decided later (`eligibility`). Raises
    `AskingError` for a segment of another kind.
    """
    c = contacts.c
    wanted = [name for name in connectors if selection.connector in ("", name)]
    key = sa.tuple_(c.connector, c.object, c.record_id)
    query = (
        sa.select(c.connector, c.object, c.record_id)
        .where(c.connector.in_(wanted), *_in_segment(selection))
        .order_by(c.connector, c.object, c.record_id)
        .limit(_CONTACTS_AT_ONCE)
    )
    last: Any = None
    while True:
        after = [] if last is None else [key > sa.tuple_(*map(sa.literal, last))]
        records = [tuple(row) for row in connection.execute(query.where(*after))]
        if not records:
            return
        last = records[-1]
        yield list(_numbers_of(connection, records))


def load(connection: Connection, row: Any) -> Candidate | None:
    """Return the candidate of a stored message as our index has it now; None if the contact, or
    the number in it, is gone."""
    record = (row.connector, row.object, row.record_id)
    for of_contact in _numbers_of(connection, [record]):
        for candidate in of_contact:
            if candidate.number == row.number:
                return candidate
    return None


def numbers_of_people(connection: Connection, several: Sequence[Candidate]) -> dict[str, set[str]]:
    """Return all numbers of each of these people, by contact: those of the contact, and those of
    other records of the same person."""
    c, n = contacts.c, contact_numbers.c
    same = sa.and_(c.connector == n.connector, c.object == n.object, c.record_id == n.record_id)
    columns = sa.select(c.connector, c.object, c.record_id, c.person, n.number).join(
        contact_numbers, same
    )
    records = {(one.connector, one.object, one.record_id) for one in several}
    persons = sorted({one.person for one in several if one.person})
    by_contact: dict[str, set[str]] = {}
    by_person: dict[str, set[str]] = {}
    for where in (
        (sa.tuple_(c.connector, c.object, c.record_id).in_(sorted(records)),),
        (any_of(c.person, persons), c.person != sa.literal_column("''")),
    ):
        for row in connection.execute(columns.where(*where)):
            key = contact_key(row.connector, row.object, row.record_id)
            by_contact.setdefault(key, set()).add(row.number)
            if row.person:
                by_person.setdefault(row.person, set()).add(row.number)
    return {
        one.contact: by_contact.get(one.contact, set()) | by_person.get(one.person, set())
        for one in several
    }


def _numbers_of(connection: Connection, records: Sequence[Any]) -> Iterator[list[Candidate]]:
    """Yield the candidates of each of these contacts: none for one without a number."""
    c, n = contacts.c, contact_numbers.c
    same = sa.and_(c.connector == n.connector, c.object == n.object, c.record_id == n.record_id)
    query = (
        sa.select(
            c.connector, c.object, c.record_id, n.number, n.extension, n.field, c.statuses,
            c.person, c.country, c.month,
        )
        .outerjoin(contact_numbers, same)
        .where(sa.tuple_(c.connector, c.object, c.record_id).in_(records))
        .order_by(c.connector, c.object, c.record_id, n.field, n.place)
    )  # fmt: skip
    rows = connection.execute(query).all()
    for _record, of_contact in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        yield [
            Candidate(
                row.connector, row.object, row.record_id, row.number, row.extension,
                row.statuses.get(row.field, ""), row.person, row.country, row.month,
            )
            for row in of_contact
            if row.number is not None
        ]  # fmt: skip


def _in_segment(selection: Selection) -> list[sa.ColumnElement[bool]]:
    c, m = contacts.c, list_members.c
    if not selection.key:
        return []
    if selection.key not in SEGMENT_KEYS:
        raise AskingError(f"a segment is KEY=VALUE, with one of: {', '.join(SEGMENT_KEYS)}")
    if selection.key == "list":
        is_member = sa.exists().where(
            m.connector == c.connector, m.object == c.object, m.record_id == c.record_id,
            m.list == selection.value,
        )  # fmt: skip
        return [is_member]
    return [c[selection.key] == selection.value]
