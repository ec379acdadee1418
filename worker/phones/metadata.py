"""What the world's numbering plans (libphonenumber) say about one number, cached."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from babel import Locale
from msgspec import Struct
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from worker.phones import fast_parser
from worker.phones.model import LineType
from worker.phones.reserved import is_reserved

_KINDS: dict[int, LineType] = {
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


_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MOST_DIGITS = 15  # of E.164, country code and all; some patterns of the library allow more
_TOO_LONG = "holds too many digits for one number"
_RESERVED = "is in a range that is kept for films and tests"
_WITH_ARTICLE = frozenset("US GB NL PH AE CF DO BS GM KM MV SC SB TC VG VI".split())


@lru_cache(maxsize=512)
def country_name(region: str) -> str:
    """A country as it stands in an English sentence.

    >>> country_name("GB"), country_name("FR")
    ('the United Kingdom', 'France')
    """
    name = Locale("en").territories.get(region, region)
    return f"the {name}" if region in _WITH_ARTICLE else name


class NumberFacts(Struct, frozen=True):
    valid: bool
    possible: bool
    kind: LineType
    region: str
    problem: str  # "" when valid; else a phrase: "is one digit too short for France"


_NO_NUMBER = NumberFacts(False, False, "unknown", "", "is not a phone number")
_CACHE_SIZE = 16_384
_cache: dict[str, NumberFacts] = {}


def facts(e164: str, parts: tuple[int, str] | None = None) -> NumberFacts:
    """Return the facts of a number in E.164 form, cached; anything else is simply not valid.

    `parts`: its country code and national number, where the caller knows them already.
    """
    cached = _cache.get(e164)
    if cached is None:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        parts = parts or split(e164)
        cached = _cache[e164] = compute_facts(*parts) if parts is not None else _NO_NUMBER
    return cached


def clear_cache() -> None:
    """Empty the cache of facts (benchmarks)."""
    _cache.clear()


def split(e164: str) -> tuple[int, str] | None:
    """Split an E.164 number into country code and national number; None if it is none.

    libphonenumber reads digits of any script: a text that holds others than 0-9 is not E.164.
    """
    if not e164.isascii():
        return None
    parts = fast_parser.parse(e164, None)
    if parts is not None:
        return parts
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    return parsed.country_code or 0, phonenumbers.national_significant_number(parsed)


def is_possible(e164: str) -> bool:
    """Whether a text is in E.164 form already, and as long as numbers of its country are: all that
    has to be known of an entry of a list, at a third of the cost of `facts`.

    >>> is_possible("+14155550123"), is_possible("+1415555012"), is_possible("4155550123")
    (True, False, False)
    """
    if not _E164.fullmatch(e164) or (parts := split(e164)) is None:
        return False
    number = fast_parser.as_number(*parts)
    return phonenumbers.is_possible_number_with_reason(number) in _POSSIBLE


def compute_facts(code: int, national: str) -> NumberFacts:
    region, kind = fast_parser.region_and_type(code, national)
    if is_reserved(code, int(national)):
        region = region or phonenumbers.region_code_for_country_code(code)
        return NumberFacts(False, True, "unknown", region, _RESERVED)
    if national[_MOST_DIGITS - 3 :] and len(f"{code}{national}") > _MOST_DIGITS:
        return NumberFacts(False, False, "unknown", region, _TOO_LONG)
    # libphonenumber calls a number valid when it can tell its type: one question answers both.
    if kind != PhoneNumberType.UNKNOWN:
        return NumberFacts(True, True, _KINDS[kind], region, "")
    number = fast_parser.as_number(code, national)
    length = phonenumbers.is_possible_number_with_reason(number)
    main_region = phonenumbers.region_code_for_country_code(code)
    return NumberFacts(
        False,
        length in _POSSIBLE,
        "unknown",
        region or main_region or "",
        _problem(number, main_region, length),
    )


def _problem(parsed: PhoneNumber, region: str | None, length: int) -> str:
    """Say what is wrong with a number that does not exist. `region`: the main one of its code;
    `length`: a `ValidationResult`."""
    code = parsed.country_code or 0
    where = "North America" if code == 1 else f"+{code}"
    if code != 1 and region not in ("ZZ", "001"):
        where = country_name(region)
    if length == ValidationResult.INVALID_COUNTRY_CODE:
        return f"has a country code that does not exist (+{code})"
    if length in (ValidationResult.TOO_SHORT, ValidationResult.TOO_LONG):
        return _length_problem(parsed, where, length)
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


def short_code(digits: str, region: str | None) -> str:
    """What a short code of a country is for, as a phrase; "" when the digits are none."""
    if region is None or not 2 < len(digits) < 7:
        return ""
    if phonenumbers.is_emergency_number(digits, region):
        return "holds an emergency number, not a person's"
    short = PhoneNumber(
        country_code=phonenumbers.country_code_for_region(region), national_number=int(digits)
    )
    if phonenumbers.is_valid_short_number_for_region(short, region):
        return "holds a short code, not a person's number"
    return ""
