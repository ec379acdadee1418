"""Whether a number was typed with the prefix that is dialled before it within its country.

An id of ten digits is a number without that prefix in many a plan. Beside a number that has it,
such digits are weak evidence. Where people leave the prefix out as a rule (mobiles in India and
China), they are not.
"""

from __future__ import annotations

import re
from functools import cache

from phonenumbers import NumberFormat
from phonenumbers.phonemetadata import PhoneMetadata

from worker.phones import fast_parser
from worker.phones.model import Number

_CARRIER_CODE = 3  # digits of one, at least
_NANP_PREFIX = "1"  # written before a number by few


def lacks_trunk_prefix(typed: str, number: Number) -> bool:
    """Whether digits without a mark are a number whose prefix is missing.

    >>> gb = Number("+441612345678", region="GB")
    >>> lacks_trunk_prefix("1612345678", gb), lacks_trunk_prefix("01612345678", gb)
    (True, False)
    """
    if not typed.isdigit() or not number.e164.endswith(typed):
        return False
    parts = fast_parser.split(number.e164[1:])
    return parts is not None and parts[1] == typed and _needs_prefix(number.region, typed)


def has_carrier_code(typed: str, number: Number) -> bool:
    """Whether the library took the first digits of a group for the code of a carrier.

    >>> has_carrier_code("1577836800", Number("+35236800", region="LU"))
    True
    """
    if not typed.isdigit() or typed[0] == "0":
        return False
    parts = fast_parser.split(number.e164[1:])
    is_end = parts is not None and typed.endswith(parts[1]) and not typed.startswith(str(parts[0]))
    return is_end and parts is not None and len(typed) - len(parts[1]) >= _CARRIER_CODE


def begins_as_dialled(typed: str, region: str | None) -> bool:
    """Whether a piece begins with a plus, an area code in brackets or its country's prefix.

    >>> begins_as_dialled("020 7219 4272", "GB"), begins_as_dialled("7219 4272", "GB")
    (True, False)
    """
    prefix = trunk_prefix(region)
    return typed[:1] in ("+", "(") or bool(prefix and typed.startswith(prefix))


def trunk_prefix(region: str | None) -> str:
    """Return what is dialled before the numbers of a country, or most of them; "" if nothing is."""
    plan = PhoneMetadata.metadata_for_region(region, None) if region else None
    prefix = (plan.national_prefix or "") if plan is not None else ""
    return prefix if prefix != _NANP_PREFIX else ""


def _needs_prefix(region: str, national: str) -> bool:
    """Whether the library writes a number with the prefix, and takes no other form for usual."""
    prefix = trunk_prefix(region)
    for form, leading, pattern in _forms(region) if prefix else ():
        if leading.match(national) and pattern.fullmatch(national):
            rule = form.national_prefix_formatting_rule or ""
            is_written = re.sub(r"\D", "", rule.replace("$1", "")).startswith(prefix)
            return is_written and not form.national_prefix_optional_when_formatting
    return bool(prefix) and not _forms(region)


@cache
def _forms(region: str) -> tuple[tuple[NumberFormat, re.Pattern[str], re.Pattern[str]], ...]:
    plan = PhoneMetadata.metadata_for_region(region, None)
    return tuple(
        (
            form,
            re.compile((form.leading_digits_pattern or [""])[-1]),
            re.compile(form.pattern or ""),
        )
        for form in (plan.number_format if plan is not None else ())
    )
