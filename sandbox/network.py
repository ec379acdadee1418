"""What each phone line truly is, behind all stand-ins that look numbers up: one truth for all.

Made from the number itself, so that a million lines cost no memory and every run meets the same
ones; `set()` makes a line what a test needs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_CARRIERS = ("Bluebird Mobile", "Northern Telephone", "Harbor Wireless", "Cobalt Telecom")
_PROBLEMS = {
    ValidationResult.TOO_SHORT: "TOO_SHORT",
    ValidationResult.TOO_LONG: "TOO_LONG",
    ValidationResult.INVALID_COUNTRY_CODE: "INVALID_COUNTRY_CODE",
    ValidationResult.INVALID_LENGTH: "INVALID_LENGTH",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`in_plan`: the numbering plan has such numbers; else `problem` says why not. `assigned`: it
    was given to a subscriber. `live`: active, reachable, unreachable, inactive or unknown.
    `disconnected_on`: the last permanent disconnection. `covered`: the lookups know its network.
    """

    number: str
    in_plan: bool
    country: str
    calling_code: str
    kind: str
    carrier: str
    assigned: bool = True
    live: str = "active"
    disconnected_on: date | None = None
    covered: bool = True
    problem: str = ""


class Network:
    def __init__(self) -> None:
        self._set: dict[str, Line] = {}

    def line(self, number: str) -> Line:
        return self._set.get(number) or _line(number)

    def set(self, number: str, **changes: Any) -> Line:
        self._set[number] = replace(self.line(number), **changes)
        return self._set[number]


@lru_cache(maxsize=100_000)
def _line(number: str) -> Line:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        bad_code = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        problem = "INVALID_COUNTRY_CODE" if bad_code else "NOT_A_NUMBER"
        return Line(number, False, "", "", "unknown", "", problem=problem)
    country = phonenumbers.region_code_for_number(parsed) or ""
    code = str(parsed.country_code)
    if not phonenumbers.is_valid_number(parsed):
        result = phonenumbers.is_possible_number_with_reason(parsed)
        problem = _PROBLEMS.get(result, "INVALID_BUT_POSSIBLE")
        return Line(number, False, country, code, "unknown", "", problem=problem)
    digest = zlib.crc32(number.encode())
    kind = _KINDS.get(phonenumbers.number_type(parsed), "")
    if not kind:  # fixed or mobile: the plan cannot tell, the carrier can
        kind = ("mobile", "mobile", "mobile", "landline", "landline", "voip")[digest % 6]
    share = digest // 7 % 100
    assigned = share >= 4
    live = "inactive" if share < 6 else "unreachable" if share < 9 else "active"
    disconnected = digest // 701 % 100 < 6
    day = date(2021, 2, 1) + timedelta(days=digest // 70_001 % 1800)
    return Line(
        number,
        True,
        country,
        code,
        kind,
        _CARRIERS[digest // 11 % len(_CARRIERS)] if kind in ("mobile", "landline", "voip") else "",
        assigned,
        live,
        day if disconnected and country == "US" else None,
    )
