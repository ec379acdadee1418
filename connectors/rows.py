"""From rows as a CRM gives them to contacts: by columns, and a contact only where one is wanted.

In a run over everything most rows are as they were left, which their content tells: no more than
that is worked out of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from msgspec import Struct

from connectors.conversions import amount, day, month
from connectors.fields import ObjectFields, spec_of
from connectors.phone_values import number_texts, typed_texts
from connectors.records import Contact, Value

TRUE = frozenset((True, "true", "True", "TRUE"))


# All of a row that a decision may be made from, without names: what the slots below hold, then the
# texts of the phone fields, then the values of our own fields. A tuple, since a run over everything
# makes one of each contact and looks into few (docs/adr/0005-structs-and-columns.md).
Content = tuple[Any, ...]


class Slot:
    """Where each value stands in a `Content`. Plain numbers: an enum's cost a lookup more a row."""

    COUNTRY = 0
    STATE = 1
    EMAIL = 2
    WEBSITE = 3
    SOURCE = 4
    CAMPAIGN = 5
    CONTACT_VALUE = 6
    CONSENT_DATE = 7
    MONTH = 8
    FIRST_PHONE = 9  # one for each phone field of the layout, then one for each of our own fields


class Layout(Struct, frozen=True):
    """The names of what a `Content` holds from `Slot.FIRST_PHONE` on. `current`: our own fields."""

    object: str
    phones: tuple[str, ...]
    current: tuple[str, ...]


class Rows(Sequence[Contact]):
    """Contacts of one layout, each made when it is asked for. `ids`, `modified`, `contents`: of all
    of them, in their order."""

    def __init__(
        self, layout: Layout, ids: Sequence[str], modified: Sequence[str], contents: list[Content]
    ) -> None:
        self.layout = layout
        self.ids = ids
        self.modified = modified
        self.contents = contents

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Contact: ...
    @overload
    def __getitem__(self, place: slice) -> Rows: ...
    def __getitem__(self, place: int | slice) -> Contact | Rows:
        if isinstance(place, slice):
            return Rows(self.layout, self.ids[place], self.modified[place], self.contents[place])
        return to_contact(self.layout, self.ids[place], self.modified[place], self.contents[place])


def to_contact(layout: Layout, record_id: str, modified: str, content: Content) -> Contact:
    """Make the contact of a row."""
    first_own = Slot.FIRST_PHONE + len(layout.phones)
    return Contact(
        object=layout.object,
        id=record_id,
        phones=dict(zip(layout.phones, content[Slot.FIRST_PHONE : first_own], strict=True)),
        country=content[Slot.COUNTRY],
        state=content[Slot.STATE],
        email=content[Slot.EMAIL],
        website=content[Slot.WEBSITE],
        source=content[Slot.SOURCE],
        campaign=content[Slot.CAMPAIGN],
        contact_value=content[Slot.CONTACT_VALUE],
        consent_date=content[Slot.CONSENT_DATE],
        modified=modified,
        current=dict(zip(layout.current, content[first_own:], strict=True)),
        month=content[Slot.MONTH],
    )


def to_content(contact: Contact) -> Content:
    """Make the content that a contact's row has: the values in the order of `Slot`."""
    return (
        contact.country,
        contact.state,
        contact.email,
        contact.website,
        contact.source,
        contact.campaign,
        contact.contact_value,
        contact.consent_date,
        contact.month,
        *contact.phones.values(),
        *contact.current.values(),
    )


def layout_of(contact: Contact) -> Layout:
    """The layout of a contact's content."""
    return Layout(contact.object, tuple(contact.phones), tuple(contact.current))


def written_slots(layout: Layout) -> dict[str, int]:
    """The slots of what a write may change, by canonical key."""
    keys = [*(f"phone/{name}" for name in layout.phones), *layout.current]
    return {key: slot for slot, key in enumerate(keys, start=Slot.FIRST_PHONE)}


def ids_of(read: Sequence[Contact]) -> Sequence[str]:
    return read.ids if isinstance(read, Rows) else [contact.id for contact in read]


def once_each(read: Sequence[Contact]) -> Sequence[Contact]:
    """The contacts, each once, where an answer holds one twice: HubSpot and Salesforce refuse a
    batch of writes that names a record twice."""
    ids = ids_of(read)
    if len(set(ids)) == len(ids):
        return read
    return [*{contact.id: contact for contact in read}.values()]


def joined(first: Sequence[Contact], second: Sequence[Contact]) -> Sequence[Contact]:
    """The contacts of two pages, one after the other."""
    if isinstance(first, Rows) and isinstance(second, Rows) and first.layout == second.layout:
        return Rows(
            first.layout,
            (*first.ids, *second.ids),
            (*first.modified, *second.modified),
            first.contents + second.contents,
        )
    return (*first, *second)


@dataclass(frozen=True)
class RowDecoder:
    """How the rows of an object are read. `read` takes their ids, when each was changed, and the
    values of each of `columns`: what `zip(*rows)` makes of rows that begin with the former two. No
    value, None and "" are the same."""

    columns: tuple[str, ...]
    read: Callable[[Iterable[Sequence[Any]]], Rows]


def make_decoder(fields: ObjectFields, moment: Callable[[Any], Value]) -> RowDecoder:
    """A checkbox is true where the row says `True` or "true". `moment` turns what the CRM gives for
    a time (not empty) into the one form that the worker keeps."""

    def one_moment(cell: Any) -> Value:
        try:
            return moment(cell)
        except (ValueError, OverflowError, OSError):
            return None  # no time that is known: it is written anew

    def moments(cells: Sequence[Any]) -> list[Value]:
        return [one_moment(cell) if cell else None for cell in cells]

    of_kind: dict[str, ColumnConverter] = {"bool": _checks, "datetime": moments}
    ours = [of_kind.get(spec_of(canonical).kind, _or_none) for canonical in fields.names]
    layout = Layout(fields.object, fields.phones, tuple(fields.names))
    of_one = (fields.state, fields.email, fields.website, fields.source, fields.campaign)
    of_what = (fields.contact_value, fields.consent_date, fields.created)
    columns = (
        *fields.phones,
        *fields.names.values(),
        *fields.country,
        *filter(None, (fields.country_code,)),
        *filter(None, of_one),
        *filter(None, of_what),
    )

    def read(columns_read: Iterable[Sequence[Any]]) -> Rows:
        by_column = iter(columns_read)
        ids, modified = next(by_column, ()), next(by_column, ())

        def column(name: str, convert: ColumnConverter = _texts, missing: Any = "") -> list[Any]:
            return convert(next(by_column, ())) if name else [missing] * len(ids)

        phones = [
            column(name, number_texts if name in fields.numbers else typed_texts)
            for name in fields.phones
        ]
        current = [
            column(name, convert) for name, convert in zip(fields.names.values(), ours, strict=True)
        ]
        countries = [column(name) for name in fields.country]
        country = [next(filter(None, cells), "") for cells in zip(*countries, strict=True)]
        country = country if countries else column("")
        if fields.country_code:
            country = [*map(country_with_code, country, column(fields.country_code))]
        contents: Iterable[Content] = zip(  # in the order of `Slot`
            country,
            *map(column, of_one),
            column(fields.contact_value, _amounts, None),
            column(fields.consent_date, _days),
            column(fields.created, _months),
            *phones,
            *current,
            strict=True,
        )
        return Rows(layout, ids, modified, [*contents])

    return RowDecoder(columns, read)


# From a column's cells to what the worker keeps.
ColumnConverter = Callable[[Sequence[Any]], list[Any]]


def country_with_code(name: str, code: str) -> str:
    """What a record says of its country in two fields, as one text: neither is believed over the
    other, so both are kept where they differ.

    >>> country_with_code("Germany", "DE"), country_with_code("", "DE"), country_with_code("DE", "")
    ('Germany (DE)', 'DE', 'DE')
    >>> country_with_code("de", "DE")
    'de'
    """
    if not name or not code:
        return name or code
    return name if name.strip().casefold() == code.strip().casefold() else f"{name} ({code})"


def _texts(cells: Sequence[Any]) -> list[Any]:
    return [cell if type(cell) is str and "\0" not in cell else _as_text(cell) for cell in cells]


def _or_none(cells: Sequence[Any]) -> list[Any]:
    # Before the first sync nearly all of our fields are empty.
    return [
        (cell if cell is None or type(cell) is str else _as_text(cell)) or None for cell in cells
    ]


def _as_text(cell: Any) -> str:
    """Of a value that should be a text and is none, or that holds a NUL, which PostgreSQL does not
    take: the rest of its page is read all the same."""
    if cell is None or isinstance(cell, (list, dict)):
        return ""
    try:
        return str(cell).replace("\0", "")
    except ValueError:
        return ""  # a number of thousands of digits


def _checks(cells: Sequence[Any]) -> list[Any]:
    return [cell is True or (type(cell) is str and cell in TRUE) for cell in cells]


def _amounts(cells: Sequence[Any]) -> list[Any]:
    return [amount(cell) for cell in cells]


def _days(cells: Sequence[Any]) -> list[Any]:
    return [day(cell) for cell in cells]


def _months(cells: Sequence[Any]) -> list[Any]:
    return [month(cell) for cell in cells]
