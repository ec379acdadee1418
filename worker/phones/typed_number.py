"""Read a number as somebody types it into a form, and say what looks like a slip of the finger.

A hint rests on the numbering plan alone. It suggests a number only if that consists of the digits
that were typed: with a plus before them, two digits of the area code exchanged, or as the parser
mends a field. Which digit is missing, nobody can know, so nothing is suggested then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

import phonenumbers
from msgspec import Struct
from phonenumbers import ValidationResult
from phonenumbers.phonemetadata import PhoneMetadata

from worker.phones import fast_parser
from worker.phones.field_parser import parse_field
from worker.phones.metadata import facts, short_code, split
from worker.phones.model import Number
from worker.phones.number_parser import parse_literal
from worker.phones.reserved import is_reserved
from worker.phones.text import clean

HintCode = Literal[
    "missing_country_code", "missing_plus", "missing_area_code", "missing_digit", "too_short",
    "extra_digit", "too_long", "no_such_country_code", "no_such_area_code", "no_such_number",
    "several_numbers", "not_a_number", "not_a_persons_number", "check_number",
]  # fmt: skip

_NORTH_AMERICA, _NANP_LENGTH, _AREA_CODE = 1, 10, 3
_NANP_MAIN = ("US", "CA")
_LINE_BEHIND = "2345678"  # with which an area code that exists makes a number that does
_WITH_COUNTRY_CODE = 11  # digits, from which on a plus may have been left out
_LONGEST = 60  # characters of what is read: a number, not a text
_SHORT = (ValidationResult.TOO_SHORT, ValidationResult.INVALID_LENGTH)


class Hint(Struct, frozen=True):
    """What looks wrong. `suggestion`: the E.164 number that may be meant, "" for none."""

    code: HintCode
    suggestion: str = ""


class TypedNumber(Struct, frozen=True):
    """What was typed. `number`: None if no single number can be read. `exists`: whether the
    numbering plan knows it; None: that cannot be said, as where the country is missing."""

    number: Number | None
    exists: bool | None
    hint: Hint | None


def read_typed_number(text: str, region: str | None) -> TypedNumber:
    """Read one number. `region`: ISO code of the country that the form assumes, None if none.

    >>> read_typed_number("415 555 2671", "US").number.e164
    '+14155552671'
    >>> read_typed_number("145 555 2671", "US").hint
    Hint(code='no_such_area_code', suggestion='+14155552671')
    """
    field = parse_field(text[:_LONGEST], region)
    if field.outcome == "no_country":
        return TypedNumber(None, None, Hint("missing_country_code"))
    if len(field.numbers) > 1:
        return TypedNumber(None, False, Hint("several_numbers"))
    number = field.numbers[0] if field.numbers else None
    if number is not None and number.valid:
        if number.confidence == "high":
            return TypedNumber(number, True, None)
        known = None if number.confidence == "low" else True
        return TypedNumber(number, known, Hint("check_number", number.e164))
    return TypedNumber(None, False, _hint(text[:_LONGEST], region, number))


def _hint(text: str, region: str | None, number: Number | None) -> Hint:
    digits = "".join(char for char in clean(text) if char.isascii() and char.isdigit())
    if short_code(digits, region):
        return Hint("not_a_persons_number")
    if number is None:
        number, _ = parse_literal(clean(text), region)
    if number is None or not digits:
        has_plus = clean(text).lstrip(" (").startswith("+") and len(digits) > 4
        return Hint("no_such_country_code" if has_plus else "not_a_number")
    parts = split(number.e164)
    hint = _plan_hint(*parts, region) if parts is not None else Hint("not_a_number")
    if hint.code == "too_long" and "+" not in text and len(digits) >= _WITH_COUNTRY_CODE:
        abroad = f"+{digits}"  # one digit too many may as well be a slip
        return Hint("missing_plus", abroad) if facts(abroad).valid else hint
    return hint


def _plan_hint(code: int, national: str, region: str | None) -> Hint:
    """Say what is wrong with a number that does not exist in a plan."""
    length = _length(code, national)
    if length == ValidationResult.INVALID_COUNTRY_CODE:
        return Hint("no_such_country_code")
    if is_reserved(code, int(national)):
        return Hint("not_a_persons_number")
    if length == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return Hint("missing_area_code")
    if length in _SHORT:
        is_near = _length(code, national + "0") == ValidationResult.IS_POSSIBLE
        return Hint("missing_digit" if is_near else "too_short")
    if length == ValidationResult.TOO_LONG:
        is_near = _length(code, national[:-1]) == ValidationResult.IS_POSSIBLE
        return Hint("extra_digit" if is_near else "too_long")
    if code == _NORTH_AMERICA and len(national) == _NANP_LENGTH:
        area, line = national[:_AREA_CODE], national[_AREA_CODE:]
        if not (_is_of_a_smaller_country(national) or facts(f"+1{area}{_LINE_BEHIND}").valid):
            return Hint("no_such_area_code", _only_one(_exchanged(area, line, region)))
    return Hint("no_such_number")


def _length(code: int, national: str) -> int:
    if not national:
        return ValidationResult.TOO_SHORT
    return phonenumbers.is_possible_number_with_reason(fast_parser.as_number(code, national))


def _is_of_a_smaller_country(national: str) -> bool:
    """Return whether the area code is one of an island's, whose plan knows few lines behind it."""
    return any(leading.match(national) for leading in _leading_digits())


@cache
def _leading_digits() -> list[re.Pattern[str]]:
    """Return how the numbers of the smaller countries of North America's plan begin."""
    plans = [
        PhoneMetadata.metadata_for_region(region, None)
        for region in phonenumbers.region_codes_for_country_code(_NORTH_AMERICA)
    ]
    return [re.compile(plan.leading_digits) for plan in plans if plan and plan.leading_digits]


def _exchanged(area: str, line: str, region: str | None) -> Iterator[str]:
    """Yield the numbers that exist with two neighbours in the area code exchanged.

    Only of the form's own country, where it is known: other countries of the plan, and lines that
    cost the caller something, are no guess to make.
    """
    regions = (region,) if region is not None else _NANP_MAIN
    for place in range(len(area) - 1):
        swapped = area[:place] + area[place + 1] + area[place] + area[place + 2 :]
        e164 = f"+1{swapped}{line}"
        known = facts(e164)
        if known.valid and known.region in regions and known.kind not in ("premium", "toll_free"):
            yield e164


def _only_one(candidates: Iterator[str]) -> str:
    """Return the one candidate; "" if there are none or several, since nothing tells which."""
    distinct = list(dict.fromkeys(candidates))
    return distinct[0] if len(distinct) == 1 else ""
