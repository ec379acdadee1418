"""Parse one piece of text as one number: prefixes, trunk zeros, lost signs, old numbering plans.

Each way to understand a piece is a candidate, the most literal first; the first one that the
numbering plan knows is taken. What libphonenumber does by itself (national and international
prefixes of the contact's own country, vanity letters, RFC 3966) is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from msgspec.structs import replace
from phonenumbers import NumberParseException

from worker.phones import fast_parser
from worker.phones.metadata import facts, split
from worker.phones.model import Confidence, Number
from worker.phones.plan_changes import renumbered

NO_COUNTRY = "is a local number, and nothing tells its country"
LONGEST = 20  # digits; E.164 has 15, prefixes that are dialled before it come on top

_DIGITS = re.compile(r"\D")
# "0+44", "(+44)", "+0044", "+011 44", "++44": a plus with something before or behind it.
_PLUS = re.compile(r"^[\s(\[{0]*\+[\s(+]*(?:00|011(?=\s))?[\s(]*(?=\d)")
_TRUNK = re.compile(r"^(\+\s*\d{1,3}[\s.\-)\]]*)[(\[]\s*0\s*[-]?\s*[)\]]?[\s.-]*")
# What is dialled before a country code, where the contact's own country says nothing better.
_DIALLED = ("0011", "011", "00", "810")


def parse_number(text: str, region: str | None) -> tuple[Number | None, str]:
    """Return the number in a piece, or None; and what is wrong with it, "" if it is valid."""
    text = text.strip()
    plainly: tuple[Number | None, str] | None = None
    if (region is not None or text[:1] == "+") and "(0" not in text:
        plainly = parse_literal(text, region)  # nearly all: what is plainly typed is plainly read
        if plainly[0] is not None and plainly[0].valid:
            return plainly
    digits = _DIGITS.sub("", text)
    if len(digits) > LONGEST:
        return None, "holds too many digits for one number"
    first: tuple[Number | None, str] | None = None
    local = plainly is not None and _looks_like_local(*plainly, digits)
    for candidate, country, confidence in _candidates(text, digits, region, local):
        if plainly is not None and candidate == text:
            number, problem = plainly
        else:
            number, problem = parse_literal(candidate, country)
        if number is None:
            first = first or (None, problem)
            continue
        if not number.valid and (renewed := _after_plan_change(number.e164)) is not None:
            return replace(renewed, confidence="medium"), ""
        if number.valid:
            return replace(number, confidence=confidence), ""
        first = first if first and first[0] else (number, problem)
    if first is not None:
        return first
    return None, NO_COUNTRY if len(digits) >= 5 else "holds too few digits for a number"


def _candidates(
    text: str, digits: str, region: str | None, local: bool
) -> Iterator[tuple[str, str | None, Confidence]]:
    """Yield (text, region to parse it for, confidence), the most literal first.

    `local`: it has the looks of a local number, if a wrong one: then it is no other country's.
    """
    international = _PLUS.sub("+", text, count=1)
    if international.startswith("+"):
        yield from _international(international)
        return
    if region is not None:
        yield text, region, "high"
    for prefix in _DIALLED:
        if digits.startswith(prefix) and len(digits) > len(prefix) + 7:
            yield from _international("+" + digits[len(prefix) :])
    if region == "MX" and digits[:3] in ("044", "045"):
        yield digits[3:], region, "medium"  # dialled before mobile numbers until 2019
    if region is None and len(digits) < 11:
        return  # too short to carry its own country code for sure
    if len(digits) >= 10 and not digits.startswith("0") and not local:
        yield f"+{digits}", None, "medium"  # people leave the plus out


def _looks_like_local(number: Number | None, problem: str, digits: str) -> bool:
    """A slip of the finger, or a made-up local number, is likelier than a number of another
    country that was typed without its plus: (201) 555-0151 is none of Egypt (+20 15...)."""
    if "one digit" in problem or "kept for" in problem:
        return True
    return number is not None and number.possible and len(digits) <= 10


def _international(text: str) -> Iterator[tuple[str, None, Confidence]]:
    without = _TRUNK.sub(r"\1", text)
    if without != text:
        yield without, None, "high"
        yield text, None, "high"  # in Italy the zero belongs to the number
        return
    yield text, None, "high"
    try:
        code = str(phonenumbers.parse(text).country_code)
    except NumberParseException:
        return
    rest = _DIGITS.sub("", text)[len(code) :]
    if rest.startswith("0"):
        yield f"+{code}{rest.lstrip('0')}", None, "medium"


def _after_plan_change(e164: str) -> Number | None:
    """Return today's number for one of a plan that has changed; None if there is none."""
    parts = split(e164)
    today = renumbered(*parts) if parts is not None else None
    return parse_literal(f"+{today[0]}{today[1]}", None)[0] if today is not None else None


def parse_literal(text: str, region: str | None) -> tuple[Number | None, str]:
    """Parse a text as libphonenumber does; also return what is wrong with the number."""
    extension, parts = "", fast_parser.parse(text, region)
    if parts is None:
        try:
            found = phonenumbers.parse(text, region)
        except NumberParseException as error:
            return None, _parse_problem(error, text)
        extension = found.extension or ""
        parts = found.country_code or 0, phonenumbers.national_significant_number(found)
    e164 = f"+{parts[0]}{parts[1]}"
    known = facts(e164, parts)
    return (
        Number(e164, extension, known.kind, known.region, known.valid, known.possible),
        known.problem,
    )


def _parse_problem(error: NumberParseException, text: str) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE and text[:1] == "+":
        return "has a country code that does not exist"
    if error.error_type == NumberParseException.TOO_LONG:
        return "holds too many digits for one number"
    return "holds no number"
