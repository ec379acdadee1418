"""Parse all phone fields of one contact, with what the contact says about its country."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace
from phonenumbers import country_code_for_region

from worker.phones.countries import regions_of
from worker.phones.field_parser import parse_field
from worker.phones.metadata import country_name
from worker.phones.model import Confidence, ParsedField
from worker.phones.regions import region_of_domain, region_of_state

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
        named = self.named
        if len({country_code_for_region(region) for region in named}) == 1:
            return named[0]  # also of two with one country code, such as Jersey and the UK
        state = region_of_state(self.state) if self.state else None
        return state if not named or state in named else None

    @property
    def named(self) -> tuple[str, ...]:
        """The countries that the country fields name; two where they contradict each other."""
        return regions_of(self.country) if self.country else ()


def parse_contact(
    phones: Mapping[str, str], where: ContactLocation, read: FieldParser = parse_field
) -> dict[str, ParsedField]:
    """Parse a contact's phone fields (field name -> text).

    A local number needs a country: the contact's own; else that of its other numbers, if they
    agree; else that of its email or website; else the default. What was read on such evidence
    says so, and is less sure. Where the contact names two countries, evidence has to speak for one
    of them, and the default does not.
    """
    region = where.region
    readings = {name: read(text, region) for name, text in phones.items()}
    if region is not None:
        return readings
    without_country = [
        name for name, reading in readings.items() if reading.outcome == "no_country"
    ]
    if not without_country:
        return readings
    for guess, because, confidence in _evidence(readings, where):
        for name in list(without_country):
            again = read(phones[name], guess)
            if any(number.valid for number in again.numbers):
                readings[name] = _with_evidence(again, guess, because, confidence)
                without_country.remove(name)
    return readings


def _evidence(
    readings: Mapping[str, ParsedField], where: ContactLocation
) -> list[tuple[str, str, Confidence]]:
    found: list[tuple[str, str, Confidence]] = []
    named = where.named
    regions = {n.region for r in readings.values() for n in r.numbers if n.valid}
    if len(regions) == 1 and (other := regions.pop()) not in ("", "001"):
        found.append((other, "like the contact's other number", "low"))
    for address, what in ((where.email, "email"), (where.website, "website")):
        if address and (region := region_of_domain(address)) is not None:
            found.append((region, f"after the contact's {what}", "low"))
    if where.default is not None and not named:
        found.append((where.default, "", "medium"))
    return [one for one in found if not named or one[0] in named]


def _with_evidence(
    reading: ParsedField, region: str, because: str, confidence: Confidence
) -> ParsedField:
    numbers = tuple(replace(number, confidence=confidence) for number in reading.numbers)
    remark = f"is read as a number of {country_name(region)}, {because}" if because else ""
    return replace(reading, numbers=numbers, remark=remark or reading.remark)
