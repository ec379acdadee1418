"""Read the phone fields of contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from connectors.records import Contact
from worker.context import Context
from worker.feedback import ownership
from worker.feedback.models import ContactIdentity, contact_key
from worker.phones import ParsedField
from worker.phones.contact_fields import ContactLocation, FieldParser, parse_contact
from worker.phones.countries import region_of
from worker.segments.membership import IsolatedSegments
from worker.store import lost_fields
from worker.store.lost_fields import Numbers
from worker.sync import reading_state

NO_ISOLATION = IsolatedSegments(frozenset(), {})

NOTHING_UNREAD: Mapping[str, str] = {}


class Prepared(Struct, frozen=True):
    """A contact with its phone fields as they were read."""

    contact: Contact
    region: str | None
    readings: Mapping[str, ParsedField]  # by phone field
    numbers: tuple[str, ...]
    identity: ContactIdentity
    isolated: bool = False  # it belongs to a segment that is isolated
    # Phone fields that could not be read: their numbers are those that our index remembers.
    unread: Mapping[str, str] = NOTHING_UNREAD
    signature: str = ""  # of its phone fields (`worker.sync.reading_state`)

    @property
    def numbers_read(self) -> tuple[str, ...]:
        """The numbers in fields that could be read. Only these are verified."""
        if not self.unread:
            return self.numbers
        read = (reading for name, reading in self.readings.items() if name not in self.unread)
        return tuple(dict.fromkeys(number.e164 for reading in read for number in reading.numbers))


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
    """Load what our index knows of fields of these contacts that could not be read."""
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
    ctx: Context,
    connector: str,
    isolation: IsolatedSegments = NO_ISOLATION,
    remembered: Remembered = NOTHING_HIDDEN,
) -> Callable[[Contact], Prepared]:
    """Return a function that reads a contact. A text that occurs twice is parsed once."""
    settings = ctx.settings.section(connector)
    fallback = region_of(settings.default_country) if settings.default_country else None
    cache: dict[tuple[str, str | None], ParsedField] = {}

    def parse(text: str, region: str | None) -> ParsedField:
        reading = cache.get((text, region))
        if reading is None:
            reading = cache[text, region] = ctx.parse_field(text, region)
        return reading

    def read(contact: Contact) -> Prepared:
        where = ContactLocation(
            contact.country, contact.state, contact.email, contact.website, fallback
        )
        known = remembered.numbers.get(contact.id, NOTHING_UNREAD)
        unread = NOTHING_UNREAD
        if not remembered.phones <= contact.phones.keys():
            hidden = remembered.phones - contact.phones.keys()
            unread = {name: known.get(name, "") for name in sorted(hidden)}
        readings = parse_contact({**contact.phones, **unread}, where, parse)
        if remembered.without_context:
            for name, text in contact.phones.items():
                readings[name] = _prefer_known_number(
                    readings[name], text, known.get(name, ""), remembered.without_country, parse
                )
        numbers = dict.fromkeys(n.e164 for reading in readings.values() for n in reading.numbers)
        region = where.region or fallback
        return Prepared(
            contact,
            region,
            readings,
            tuple(numbers),
            _identity(ctx, connector, contact, remembered.persons),
            isolation.includes(contact, region),
            unread,
            reading_state.signature(region, contact.phones, readings),
        )

    return read


def _identity(
    ctx: Context, connector: str, contact: Contact, persons: Mapping[str, str]
) -> ContactIdentity:
    key = contact_key(connector, contact.object, contact.id)
    if ownership.is_organisation(key, ctx.organisations):
        return ContactIdentity(key)  # its email is nobody's
    person, *former = ctx.keys.person_aliases(contact.email) or ("",)
    return ContactIdentity(key, person or persons.get(contact.id, ""), tuple(former))


def _prefer_known_number(
    read: ParsedField, text: str, known: str, without_country: bool, parse: FieldParser
) -> ParsedField:
    """Read a phone field of a contact whose country, or what it follows from, is hidden from us.

    The field holds the number that we know, if its text can be that number. Any other number is
    not read by the default country, which would only be a guess.
    """
    before = {number.e164: number for number in parse(known, None).numbers} if known else {}
    if not text or (read.numbers and {number.e164 for number in read.numbers} <= before.keys()):
        return read
    for region in dict.fromkeys(number.region for number in before.values()):
        again = parse(text, region or None)
        if again.numbers and {number.e164 for number in again.numbers} <= before.keys():
            return again
    return parse(text, None) if without_country else read
