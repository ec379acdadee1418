"""What the numbering plans of the world say of one number (libphonenumber), remembered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from worker.phones.model import Kind

_KINDS: dict[int, Kind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "unknown",  # as in North America: the plan cannot tell
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.SHARED_COST: "other",
    PhoneNumberType.PERSONAL_NUMBER: "other",
    PhoneNumberType.UAN: "other",
    PhoneNumberType.VOICEMAIL: "other",
}
_POSSIBLE = (ValidationResult.IS_POSSIBLE, ValidationResult.IS_POSSIBLE_LOCAL_ONLY)


@dataclass(frozen=True, slots=True)
class NumberFacts:
    valid: bool
    possible: bool
    kind: Kind
    region: str
    problem: str  # "" when valid; else a phrase: "is one digit too short for France"


@lru_cache(maxsize=65_536)
def facts(e164: str) -> NumberFacts:
    """Facts of a number in E.164 form; anything else is simply not valid."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return NumberFacts(False, False, "unknown", "", "is not a phone number")
    return facts_of(parsed)


def facts_of(parsed: PhoneNumber) -> NumberFacts:
    region = phonenumbers.region_code_for_number(parsed) or ""
    if region and phonenumbers.is_valid_number_for_region(parsed, region):
        if _fictional(parsed):
            return NumberFacts(
                False,
                True,
                "unknown",
                region,
                "is in a range kept for films and examples (555-01xx)",
            )
        kind = _KINDS.get(phonenumbers.number_type(parsed), "unknown")
        return NumberFacts(True, True, kind, region, "")
    return NumberFacts(
        False,
        phonenumbers.is_possible_number_with_reason(parsed) in _POSSIBLE,
        "unknown",
        region or (phonenumbers.region_code_for_country_code(parsed.country_code or 0) or ""),
        _problem(parsed),
    )


def _fictional(parsed: PhoneNumber) -> bool:
    """North America keeps 555-0100 to 555-0199 of every area code for fiction."""
    if parsed.country_code != 1 or parsed.national_number is None:
        return False
    return 55_501_00 <= parsed.national_number % 10_000_000 <= 55_501_99


def _problem(parsed: PhoneNumber) -> str:
    code = parsed.country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    where = "North America" if code == 1 else f"+{code}" if region in ("ZZ", "001") else region
    result = phonenumbers.is_possible_number_with_reason(parsed)
    if result == ValidationResult.INVALID_COUNTRY_CODE:
        return f"has a country code that does not exist (+{code})"
    if result in (ValidationResult.TOO_SHORT, ValidationResult.TOO_LONG):
        return _length_problem(parsed, where, result)
    return f"is not a number that exists in the plan of {where}"


def _length_problem(parsed: PhoneNumber, where: str, result: int) -> str:
    short = result == ValidationResult.TOO_SHORT
    national = parsed.national_number or 0
    # Whether a single digit more or less would do tells a slip of the finger from junk.
    probe = PhoneNumber(
        country_code=parsed.country_code,
        national_number=national * 10 if short else national // 10,
        italian_leading_zero=parsed.italian_leading_zero,
        number_of_leading_zeros=parsed.number_of_leading_zeros,
    )
    by_one = phonenumbers.is_possible_number_with_reason(probe) == ValidationResult.IS_POSSIBLE
    return f"is {'one digit ' if by_one else ''}too {'short' if short else 'long'} for {where}"
