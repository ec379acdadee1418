"""Reads the phone fields of a page's contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from connectors.records import Contact
from worker.context import Context
from worker.feedback.models import ContactIdentity, contact_key
from worker.phones import ParsedField
from worker.phones.contact_fields import ContactLocation, parse_contact
from worker.phones.countries import region_of
from worker.phones.field_parser import parse_field
from worker.segments.membership import Apart
from worker.store import lost_fields
from worker.store.lost_fields import Numbers

NONE_UNREAD: Mapping[str, str] = {}


class Prepared(Struct, frozen=True):
    """A contact on its way through the page."""

    contact: Contact
    region: str | None
    readings: Mapping[str, ParsedField]
    numbers: tuple[str, ...]
    who: ContactIdentity
    apart: bool = False  # it is in a segment that is set apart
    # Phone fields that could not be read: their numbers are those that our index remembers.
    unread: Mapping[str, str] = NONE_UNREAD

    @property
    def seen(self) -> tuple[str, ...]:
        """The numbers that stand in fields that were read: those that are verified."""
        if not self.unread:
            return self.numbers
        read = (one for name, one in self.readings.items() if name not in self.unread)
        return tuple(dict.fromkeys(number.e164 for one in read for number in one.numbers))


NOBODY = Apart(frozenset(), {})


class Remembered(Struct, frozen=True):
    """What our index knows of a page's contacts, where the CRM does not show all of it.

    `phones`: phone fields that could be read once. `numbers`, `persons`: by record id.
    `without_country`, `without_context`: a field that tells a number's country is hidden.
    """

    phones: frozenset[str] = frozenset()
    numbers: Numbers = {}
    persons: Mapping[str, str] = {}
    without_country: bool = False
    without_context: bool = False


NOTHING_HIDDEN = Remembered()


def remember(
    ctx: Context, connector: str, object_name: str, contacts: Sequence[Contact]
) -> Remembered:
    """What is known of the fields of these contacts that were not read."""
    history = ctx.fields[connector]
    phones = history.phones.get(object_name, frozenset())
    unread = any(not phones <= contact.phones.keys() for contact in contacts)
    country = history.lacks(object_name, ["country"])
    context = history.lacks(object_name, lost_fields.CONTEXT_ROLES)
    email = history.lacks(object_name, ["email"])
    if not (unread or context):
        return NOTHING_HIDDEN
    ids = [contact.id for contact in contacts]
    numbers = lost_fields.indexed_numbers(ctx.store, connector, object_name, ids)
    persons = lost_fields.indexed_persons(ctx.store, connector, object_name, ids) if email else {}
    return Remembered(phones, numbers, persons, country, context)


def reader(
    ctx: Context, connector: str, apart: Apart = NOBODY, remembered: Remembered = NOTHING_HIDDEN
) -> Callable[[Contact], Prepared]:
    """How this run reads a contact; a text that a page holds twice is read once."""
    settings = ctx.settings.section(connector)
    fallback = region_of(settings.default_country) if settings.default_country else None
    seen: dict[tuple[str, str | None], ParsedField] = {}

    def reading(text: str, region: str | None) -> ParsedField:
        found = seen.get((text, region))
        if found is None:
            found = seen[text, region] = parse_field(text, region)
        return found

    def read(contact: Contact) -> Prepared:
        where = ContactLocation(
            contact.country, contact.state, contact.email, contact.website, fallback
        )
        known = remembered.numbers.get(contact.id, NONE_UNREAD)
        unread = NONE_UNREAD
        if not remembered.phones <= contact.phones.keys():
            missing = remembered.phones - contact.phones.keys()
            unread = {name: known.get(name, "") for name in sorted(missing)}
        readings = parse_contact({**contact.phones, **unread}, where, reading)
        if remembered.without_context:
            for name, text in contact.phones.items():
                readings[name] = as_known(
                    readings[name], text, known.get(name, ""), remembered.without_country, reading
                )
        numbers = dict.fromkeys(n.e164 for found in readings.values() for n in found.numbers)
        key = contact_key(connector, contact.object, contact.id)
        person, *former = ctx.keys.person_aliases(contact.email) or ("",)
        who = ContactIdentity(key, person or remembered.persons.get(contact.id, ""), tuple(former))
        region = where.region or fallback
        set_apart = apart.of(contact, region)
        return Prepared(contact, region, readings, tuple(numbers), who, set_apart, unread)

    return read


def as_known(
    read: ParsedField,
    text: str,
    known: str,
    without_country: bool,
    reading: Callable[[str, str | None], ParsedField],
) -> ParsedField:
    """Read a phone field of a contact whose country, or what else tells it, is hidden from us.

    The number that stands there is the one that we know, if it can be that one. Another number is
    not read by the default country, which is no more than a guess then.
    """
    before = {number.e164: number for number in reading(known, None).numbers} if known else {}
    if not text or (read.numbers and {number.e164 for number in read.numbers} <= before.keys()):
        return read
    for region in dict.fromkeys(number.region for number in before.values()):
        again = reading(text, region or None)
        if again.numbers and {number.e164 for number in again.numbers} <= before.keys():
            return again
    return reading(text, None) if without_country else read
