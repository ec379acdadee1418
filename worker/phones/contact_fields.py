"""Parse all phone fields of one contact, with what the contact says about its country."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace
from phonenumbers import country_code_for_region
from phonenumbers.phonemetadata import PhoneMetadata

from worker.phones.countries import regions_of
from worker.phones.field_parser import parse_field
from worker.phones.metadata import country_name
from worker.phones.model import Confidence, ParsedField
from worker.phones.regions import region_of_domain, region_of_state

_ONE_NUMBER = re.compile(r"[\d ().\-]{7,30}", re.ASCII)
_DIGITS = re.compile(r"\D")

FieldParser = Callable[[str, str | None], ParsedField]


class ContactLocation(Struct, frozen=True):
    """Where a contact is, by its fields in the CRM. `default`: ISO code to fall back on if they say
    nothing; None = no fallback."""

    country: str = ""
    state: str = ""
    email: str = ""
    website: str = ""
    default: str | None = None

    @property
    def region(self) -> str | None:
        """The contact's country by its own fields; None if they name none or contradict each other:
        a number parsed for the wrong country would be somebody else's."""
        return _region(self.country, self.state)

    @property
    def named(self) -> tuple[str, ...]:
        """The countries that the country fields name; two where they contradict each other."""
        return regions_of(self.country) if self.country else ()


@lru_cache(maxsize=4096)  # asked twice of each contact, and few countries and states are distinct
def _region(country: str, state: str) -> str | None:
    named = regions_of(country) if country else ()
    if len({country_code_for_region(region) for region in named}) == 1:
        return named[0]  # also of two with one country code, such as Jersey and the UK
    of_state = region_of_state(state) if state else None
    return of_state if not named or of_state in named else None


def parse_contact(
    phones: Mapping[str, str], where: ContactLocation, read: FieldParser = parse_field
) -> dict[str, ParsedField]:
    """Parse a contact's phone fields (field name -> text).

    A local number needs a country: the contact's own; else that of its other numbers, if they
    agree; else that of its email or website; else the default. What was read on such evidence says
    so. Where the contact names two countries, evidence has to speak for one of them, the default
    does not, and the number is less sure (`low`).

    A number that its own country does not know is read as another country's only where the
    contact's other numbers, email or website speak for that one. It is less sure, too.
    """
    region = where.region
    readings = {name: read(text, region) for name, text in phones.items()}
    if region is None:
        return _with_a_country(phones, readings, where, read)
    unread = [
        name
        for name, reading in readings.items()
        if reading.reason and _may_be_foreign(phones[name], reading)
    ]
    for guess, because in _evidence(readings, where) if unread else ():
        for name in list(unread):
            again = read(phones[name], guess)
            if guess != region and _is_of(again, guess) and _is_typed_as_of(phones[name], guess):
                readings[name] = _with_evidence(again, guess, because, "low")
                unread.remove(name)
    return readings


def _with_a_country(
    phones: Mapping[str, str],
    readings: dict[str, ParsedField],
    where: ContactLocation,
    read: FieldParser,
) -> dict[str, ParsedField]:
    confidence: Confidence = "low" if where.named else "medium"
    before = dict(readings)
    for name, reading in before.items():
        if not _needs_a_country(reading):
            continue
        others = {other: before[other] for other in before if other != name}
        guesses = _evidence(others, where)
        if where.default is not None and not where.named:
            guesses.append((where.default, ""))
        for guess, because in guesses:
            again = read(phones[name], guess)
            if any(number.valid for number in again.numbers):
                readings[name] = _with_evidence(again, guess, because, confidence)
                break
    return readings


def _needs_a_country(reading: ParsedField) -> bool:
    """Whether a country may change the reading: a local number, or digits without their plus, which
    are a local number of some country as well."""
    return reading.outcome == "no_country" or any(
        number.confidence != "high" for number in reading.numbers
    )


def _may_be_foreign(text: str, reading: ParsedField) -> bool:
    """Whether a field that has a problem holds one number alone, which the contact's own country
    does not know, and which does not look like a slip of the finger or a made-up number."""
    if any(number.valid for number in reading.numbers) or not _ONE_NUMBER.fullmatch(text):
        return False
    why = reading.reason
    return "one digit" not in why and "kept for" not in why


def _is_typed_as_of(text: str, region: str) -> bool:
    """Whether a number begins with the country's code, or as one is dialled within the country."""
    digits = _DIGITS.sub("", text)
    metadata = PhoneMetadata.metadata_for_region(region, None)
    trunk = (metadata.national_prefix or "") if metadata is not None else ""
    code = str(country_code_for_region(region))
    return digits.startswith(code) or (bool(trunk) and digits.startswith(trunk))


def _is_of(reading: ParsedField, region: str) -> bool:
    return bool(reading.numbers) and all(
        number.valid and number.region == region for number in reading.numbers
    )


def _evidence(readings: Mapping[str, ParsedField], where: ContactLocation) -> list[tuple[str, str]]:
    """Return the countries that the rest of the contact speaks for, and by what."""
    guesses: list[tuple[str, str]] = []
    named = where.named
    regions = {
        number.region
        for reading in readings.values()
        for number in reading.numbers
        if number.valid and number.confidence != "low"
    }
    if len(regions) == 1 and (other := regions.pop()) not in ("", "001"):
        guesses.append((other, "like the contact's other number"))
    for address, what in ((where.email, "email"), (where.website, "website")):
        if address and (region := region_of_domain(address)) is not None:
            guesses.append((region, f"after the contact's {what}"))
    if where.region is not None:
        return guesses
    return [guess for guess in guesses if not named or guess[0] in named]


def _with_evidence(
    reading: ParsedField, region: str, because: str, confidence: Confidence
) -> ParsedField:
    basis = because or "its country is the default one"
    numbers = tuple(
        replace(number, confidence=confidence, basis=basis) for number in reading.numbers
    )
    remark = f"is read as a number of {country_name(region)}, {because}" if because else ""
    return replace(reading, numbers=numbers, remark=remark or reading.remark)
