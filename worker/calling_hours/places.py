"""Where somebody may be: by their number, their state and their country.

Each piece of evidence counts. Mobile numbers move with their owners, and a state in a CRM may be
that of an office: where they disagree, both places count, so that nobody is called at night in
either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

import phonenumbers
from babel.core import get_global
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from worker.calling_hours.rules import Rules

_UNKNOWN_ZONE = "Etc/Unknown"
_NON_GEOGRAPHIC = "001"


@dataclass(frozen=True, slots=True)
class Place:
    """`states`: codes of those that rules may come from. `zones`: IANA, at least one unless nothing
    at all is known."""

    countries: tuple[str, ...]
    states: frozenset[str]
    zones: tuple[str, ...]


def locate(number: str, state: str, country: str, rules: Rules) -> Place:
    """Return where somebody may be. `number`: E.164, or ""; `state`: as a CRM holds it; `country`:
    ISO 3166 code, or ""."""
    return _locate(_representative(number, rules), state, country, rules)


def _representative(number: str, rules: Rules) -> str:
    """Return a number that lies where this one does: in the states of the US the area code tells
    all, but for a few. Ten thousand numbers then cost what their area codes cost."""
    in_state = len(number) == 12 and number.startswith("+1") and number[2:5] in rules.area_codes
    if not in_state or number[1:5] in _finer_area_codes():
        return number
    return f"{number[:5]}2345678"


@cache
def _finer_area_codes() -> frozenset[str]:
    """Return area codes, with their 1, whose numbers lie in several time zones by what follows."""
    longer = (prefix for prefix in TIMEZONE_DATA if prefix.startswith("1") and len(prefix) > 4)
    return frozenset(prefix[:4] for prefix in longer)


@lru_cache(maxsize=8192)
def _locate(number: str, state: str, country: str, rules: Rules) -> Place:
    parsed = _parse(number)
    region = _region(parsed)
    home = country.upper() or region
    code = rules.state_code(home, state) if state else ""
    state_zones = set(rules.zones.get(home, {}).get(code, ()))
    number_zones = _zones(parsed) if parsed is not None else set()
    if state_zones and (state_zones <= number_zones or not _is_geographic(parsed)):
        zones = state_zones  # the number says no more than the country
    else:
        zones = state_zones | number_zones
    countries = tuple(dict.fromkeys(filter(None, (home, region))))
    if not zones or (country and region and home != region and not state_zones):
        for name in countries:
            if not zones or name != region:
                zones |= _country_zones(name, rules)
    states = {code, _state_of_number(parsed, region, rules)} - {""}
    return Place(countries, frozenset(states), tuple(sorted(zones)))


def _parse(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, None) if number else None
    except phonenumbers.NumberParseException:
        return None


def _region(parsed: phonenumbers.PhoneNumber | None) -> str:
    if parsed is None:
        return ""
    region = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None:
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return "" if region in (None, "ZZ", _NON_GEOGRAPHIC) else str(region)


def _zones(parsed: phonenumbers.PhoneNumber) -> set[str]:
    return set(timezone.time_zones_for_number(parsed)) - {_UNKNOWN_ZONE}


def _is_geographic(parsed: phonenumbers.PhoneNumber | None) -> bool:
    """Return whether a number belongs to a place: not one that is toll-free, or a mobile number
    where those are given out for a whole country."""
    return parsed is not None and phonenumbers.is_number_geographical(parsed)


def _country_zones(country: str, rules: Rules) -> set[str]:
    """Return a country's zones: those of its states where we know them, which leaves out remote
    islands, else those that Unicode's CLDR lists."""
    if states := rules.zones.get(country):
        return {zone for zones in states.values() for zone in zones}
    listed: Iterable[str] = get_global("territory_zones").get(country, ())
    return {zone for zone in listed if not zone.startswith("Antarctica/")}


def _state_of_number(parsed: phonenumbers.PhoneNumber | None, region: str, rules: Rules) -> str:
    """Return the state of a number's area code, "" if it tells none."""
    if parsed is None or region != "US":
        return ""
    return rules.area_codes.get(str(parsed.national_number)[:3], "")
