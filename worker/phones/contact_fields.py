"""All phone fields of one contact, with what the contact says of its country."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace
from phonenumbers import country_code_for_region

from worker.phones.countries import regions_of
from worker.phones.field_parser import read_field
from worker.phones.metadata import country_name
from worker.phones.model import Confidence, Reading
from worker.phones.regions import region_of_domain, region_of_state

Read = Callable[[str, str | None], Reading]


class Whereabouts(Struct, frozen=True):
    """What a contact says of where it is, as the CRM holds it. `default`: ISO code to fall back
    on where the contact says nothing, None for no such thing."""

    country: str = ""
    state: str = ""
    email: str = ""
    website: str = ""
    default: str | None = None

    @property
    def region(self) -> str | None:
        """The contact's country by its own fields; None where they do not tell, or contradict each
        other: a number read by the wrong one would be somebody else's."""
        named = self.named
        if len({country_code_for_region(region) for region in named}) == 1:
            return named[0]  # also of two that dial alike, such as Jersey and the United Kingdom
        state = region_of_state(self.state) if self.state else None
        return state if not named or state in named else None

    @property
    def named(self) -> tuple[str, ...]:
        """The countries that the country fields name; two where they contradict each other."""
        return regions_of(self.country) if self.country else ()


def read_contact(
    phones: Mapping[str, str], where: Whereabouts, read: Read = read_field
) -> dict[str, Reading]:
    """Read a contact's phone fields (field name -> text).

    A local number needs a country: the contact's own; else that of its other numbers, if they
    agree; else that of its email or website; else the default. What was read on such evidence
    says so, and is less sure. Where the contact names two countries, evidence has to speak for one
    of them, and the default does not.
    """
    region = where.region
    readings = {name: read(text, region) for name, text in phones.items()}
    if region is not None:
        return readings
    lost = [name for name, reading in readings.items() if reading.outcome == "no_country"]
    if not lost:
        return readings
    for guess, because, confidence in _evidence(readings, where):
        for name in list(lost):
            again = read(phones[name], guess)
            if any(number.valid for number in again.numbers):
                readings[name] = _on_evidence(again, guess, because, confidence)
                lost.remove(name)
    return readings


def _evidence(
    readings: Mapping[str, Reading], where: Whereabouts
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


def _on_evidence(reading: Reading, region: str, because: str, confidence: Confidence) -> Reading:
    numbers = tuple(replace(number, confidence=confidence) for number in reading.numbers)
    remark = f"is read as a number of {country_name(region)}, {because}" if because else ""
    return replace(reading, numbers=numbers, remark=remark or reading.remark)
