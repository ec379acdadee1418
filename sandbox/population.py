"""Made-up people with phone fields as people really type them, from a seed, one at a time.

Every number is made from a numbering plan's own example with its last digits drawn anew; names
and companies are invented. `people(seed, count)` is a stream: a million cost no memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

# region -> (weight, spellings of the country as CRMs hold them)
COUNTRIES: dict[str, tuple[int, tuple[str, ...]]] = {
    "US": (36, ("United States", "USA", "US", "U.S.A.", "United States of America", "usa")),
    "GB": (11, ("United Kingdom", "UK", "GB", "England", "Great Britain")),
    "DE": (9, ("Germany", "Deutschland", "DE", "GERMANY")),
    "FR": (7, ("France", "FR", "france")),
    "CA": (6, ("Canada", "CA", "CAN")),
    "ES": (4, ("Spain", "España", "ES")),
    "IT": (4, ("Italy", "Italia", "IT")),
    "PL": (4, ("Poland", "Polska", "PL")),
    "BR": (4, ("Brazil", "Brasil", "BR")),
    "IN": (4, ("India", "IN", "IND")),
    "AU": (3, ("Australia", "AU", "AUS")),
    "NL": (3, ("Netherlands", "The Netherlands", "Nederland", "NL")),
    "MX": (2, ("Mexico", "México", "MX")),
    "UA": (2, ("Ukraine", "Україна", "UA")),
    "SE": (1, ("Sweden", "Sverige", "SE")),
}
FIRST = (
    "Ada Alan Amara Anika Boris Carla Chen Dara Diego Elif Emil Farid Freya Grace Hana Hugo Ines "
    "Ivan Jana Jonas Kofi Lena Liam Lucia Mara Milo Nadia Nils Olga Omar Petra Priya Quinn Rosa "
    "Sami Sofia Tariq Tessa Uma Viktor Wanda Xenia Yusuf Zoe"
).split()
LAST = (
    "Abara Albrecht Bianchi Brook Castellan Dahl Dupre Eriksen Farrow Ferrante Gallego Hollis "
    "Ibarra Jansen Kowal Lindqvist Marchetti Nakagawa Okafor Pereira Quist Renner Sandoval Tanaka "
    "Ueland Varga Whitlock Yilmaz Zeman"
).split()
COMPANIES = (
    "Northwind Ceramics|Bluefin Logistics|Halcyon Foods|Cobalt Analytics|Meridian Optics|"
    "Juniper Textiles|Quarry & Vale|Larkspur Media|Tidewater Tools|Summit Bakery"
).split("|")
SOURCES = ("Web", "Trade Show", "Purchased List", "Partner Referral", "Phone Inquiry", "Other")
CAMPAIGNS = ("spring-webinar", "expo-2025", "list-a17", "newsletter", "partner-push")
JUNK = (
    "n/a",
    "N/A",
    "none",
    "-",
    "unknown",
    "TBD",
    "x",
    "0000000000",
    "1234567890",
    "9999999999",
    "ask reception",
    "see notes",
    "none@example.com",
    "www.example.com",
    "31/12/2019",
    "123",
    "call main office",
    "ID-2231-77",
)

# A bought list is what an audit should find: most of its numbers are bad.
_BAD_RATE = {"Purchased List": 0.45, "Web": 0.10}


@dataclass(frozen=True, slots=True)
class Person:
    index: int
    first: str
    last: str
    company: str
    email: str
    country: str  # as spelled in the CRM, may be empty
    phones: tuple[str, ...]  # four fields: work, mobile, home, other; "" = empty
    source: str
    campaign: str


@cache
def _example(region: str, kind: int) -> str:
    number = phonenumbers.example_number_for_type(region, kind)
    number = number or phonenumbers.example_number(region)
    assert number is not None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@cache
def _stem_is_safe(e164: str, tail: int) -> bool:
    """Whether every probe with other last digits stays valid, so that drawing them is harmless."""
    probes = ("0" * tail, "9" * tail, "5" * tail, "1" * tail)
    return all(
        phonenumbers.is_valid_number(phonenumbers.parse(e164[:-tail] + probe)) for probe in probes
    )


def _number(rng: random.Random, region: str, kind: int) -> str:
    example = _example(region, kind)
    for tail in (5, 4, 3, 2):
        if _stem_is_safe(example, tail):
            return example[:-tail] + f"{rng.randrange(10**tail):0{tail}d}"
    return example


def _national(e164: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(e164), PhoneNumberFormat.NATIONAL)


def _international(e164: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(e164), PhoneNumberFormat.INTERNATIONAL)


def _digits(text: str) -> str:
    return "".join(ch for ch in text if ch.isdigit())


_STYLES: tuple[Callable[[random.Random, str], str], ...] = (
    lambda _r, n: n,
    lambda _r, n: _international(n),
    lambda _r, n: _international(n),
    lambda _r, n: _national(n),
    lambda _r, n: _national(n),
    lambda _r, n: _national(n).replace(" ", ".").replace("-", "."),
    lambda _r, n: _digits(_national(n)),
    lambda _r, n: "00" + n[1:],
    lambda _r, n: n[1:],
    lambda _r, n: "\u00a0" + _international(n).replace(" ", "\u00a0"),
    lambda _r, n: f"tel:{n}",
    lambda r, n: f"{_national(n)} x{r.randrange(100, 999)}",
    lambda r, n: f"{_international(n)} ext. {r.randrange(10, 9999)}",
    lambda r, n: f"Office: {_national(n)}" if r.random() < 0.5 else f"{_national(n)} (work)",
    lambda _r, n: f"{_international(n)} / ask for Kim",
    lambda _r, n: f"'{_digits(n)}",
)


def _messy(rng: random.Random, region: str, kind: int, source: str) -> str:
    """One phone field as somebody typed it: mostly right, sometimes damaged, sometimes junk."""
    if rng.random() < _BAD_RATE.get(source, 0.06):
        if rng.random() < 0.5:
            return rng.choice(JUNK)
        return _digits(_national(_number(rng, region, kind)))[: rng.choice((-1, -2, -4))]
    text = rng.choice(_STYLES)(rng, _number(rng, region, kind))
    if rng.random() < 0.02:
        text += " or " + _national(_number(rng, region, PhoneNumberType.MOBILE))
    return text


@lru_cache(maxsize=1000)  # small sandboxes are made again and again in one process
def person(seed: int, index: int) -> Person:
    rng = random.Random(f"{seed}/{index}")
    region = rng.choices(list(COUNTRIES), [weight for weight, _ in COUNTRIES.values()])[0]
    source = rng.choice(SOURCES)
    first, last = rng.choice(FIRST), rng.choice(LAST)
    # One contact in fifty is the same person twice, and some share a switchboard.
    twin = person(seed, index - 1) if index and rng.random() < 0.02 else None
    work = PhoneNumberType.FIXED_LINE if rng.random() < 0.9 else PhoneNumberType.TOLL_FREE
    phones = (
        _messy(rng, region, work, source) if rng.random() < 0.85 else "",
        _messy(rng, region, PhoneNumberType.MOBILE, source) if rng.random() < 0.6 else "",
        _messy(rng, region, PhoneNumberType.FIXED_LINE, source) if rng.random() < 0.08 else "",
        _messy(rng, region, PhoneNumberType.VOIP, source) if rng.random() < 0.04 else "",
    )
    spelling = rng.choice(COUNTRIES[region][1]) if rng.random() < 0.9 else ""
    return Person(
        index=index,
        first=twin.first if twin else first,
        last=twin.last if twin else last,
        company=rng.choice(COMPANIES),
        email=f"{first}.{last}.{index}@example.com".lower(),
        country=twin.country if twin else spelling,
        phones=twin.phones if twin else phones,
        source=source,
        campaign=rng.choice(CAMPAIGNS),
    )


def people(seed: int, count: int, behind: int = 0) -> Iterator[Person]:
    """Yield people, those behind the first `behind`."""
    for index in range(behind, behind + count):
        yield person(seed, index)
