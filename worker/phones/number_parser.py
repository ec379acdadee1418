"""Parse one piece of text as one number: prefixes, trunk zeros, lost signs, old numbering plans.

Each way to understand a piece is a candidate, the most literal first; the first one that the
numbering plan knows is taken. What libphonenumber does by itself (national and international
prefixes of the contact's own country, vanity letters, RFC 3966) is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import phonenumbers
from msgspec.structs import replace
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata

from worker.phones import fast_parser
from worker.phones.dial_prefixes import dial_prefixes
from worker.phones.metadata import facts, split
from worker.phones.model import Number
from worker.phones.plan_changes import (
    has_changes,
    lacks_a_digit,
    regions_with_apart_forms,
    renumbered,
    renumbered_apart,
)

NO_COUNTRY = "is a local number, and nothing tells its country"
LONGEST = 20  # digits; E.164 has 15, prefixes that are dialled before it come on top

_DIGITS = re.compile(r"\D")
_GROUPS = re.compile(r"\d+", re.ASCII)
# "0+44", "(+44)", "+0044", "+011 44", "++44": a plus with something before or behind it.
_PLUS = re.compile(r"^[\s(\[{0]*\+[\s(\[+]*(?:011(?=\s)|0+)?[\s(]*(?=\d)")
_TRUNK = re.compile(r"^(\+\s*\d{1,3}[\s.\-)\]]*)[(\[]\s*0\s*[-]?\s*[)\]]?[\s.-]*")
# What was dialled before a number within a country until its plan changed: Mexico's 01, 044 and
# 045 until 2019 (IFT, "Plan Técnico Fundamental de Numeración"), the zero of Czechia and Poland,
# and the 8 of the countries that shared the Soviet Union's plan.
_OLD_TRUNKS = {
    "MX": ("044", "045", "01"),
    "CZ": ("0",),
    "PL": ("0",),
    **dict.fromkeys("AM AZ BY EE GE KG LT LV MD TJ UA UZ".split(), ("8",)),
}
_PLUS_ZERO = re.compile(r"[\s(]*\+\s*\(?0(?=[1-9])")
_PLUS_011 = re.compile(r"[\s(]*\+\s*\(?011\s")  # "+011 44 20 ...", dialled in North America
_TWICE = re.compile(r"\+\s?(\d{1,3})[\s-]+(?=\1[\s(-])", re.ASCII)
_SOVIET_TRUNK = re.compile(r"\+\s?8(?=[\s(-])")  # a plus before it: "+8 495 606 36 02"
# A country code without its plus, in brackets with the area code or as a group of its own.
_FIRST_GROUP = re.compile(r"[(\[]\s*([1-9][\d -]*?)\s*[)\]]|([1-9]\d{0,2})(?=[\s-])", re.ASCII)
# What is dialled before a country code where the Soviet Union's plan was shared. Some plans know
# any digits as a local number, as Germany's does.
_DIALLED_810 = re.compile(r"[(\[\s]*8\s?[-~\s]\s?10[\s-]+(?=\d)", re.ASCII)
_PREFIXED = 10  # digits: a number behind a prefix has more
_TOO_LONG_FOR_LOCAL = 11  # digits without the zero that is dialled before them
_NANP_LENGTH = 10
_SHORTEST = 7  # digits of a number beside others, in most countries
# How a text with a prefix begins.
_ABROAD = frozenset(
    ("011", "810", "(00", "(01", "(81", "+00", *(f"00{mark}" for mark in "0123456789 -./"))
)
_SOMEWHERE = ("010", "009", *dial_prefixes(None))  # Japan; Nigeria and Hong Kong
# So many digits behind an area code are hardly a subscriber's, in towns whose code is long.
_LONG_AREA_CODE, _LONG_IN_TOWNS, _LONG_ANYWHERE = 3, 7, 9
_MAYBE_CODE = "its first digits may be its country code, or belong to the number"
_MAYBE_NATIONAL = "it may be a number of the contact's own country without its code"
_MAYBE_TWICE = "its country code may stand there twice"
_ABROAD_APART = "what stands before its country code is dialled in another country"
_ABROAD_OTHERWISE = "more than one prefix that is dialled abroad may stand before it"
_CODE_TWICE = "its country code was typed twice"
_NO_PLUS = "its plus was left out"
_APART = regions_with_apart_forms()  # asked about each number
_NEW_PLAN = "its plan has changed since"
_OLD_PREFIX = "it was typed with a prefix that is no longer dialled"


def parse_number(text: str, region: str | None) -> tuple[Number | None, str]:
    """Return the number in a piece, or None; and what is wrong with it, "" if it is valid."""
    text = text.strip()
    if text[:1] == "-":
        text = text.lstrip("- ")  # a dash, or meant as a plus
    number, problem = _parse_number(text, region)
    if number is None or not number.valid:
        return number, problem
    is_foreign = region is not None and number.region != region and text[0] == "+"
    if is_foreign and _may_lack_its_code(text, number, region or ""):
        return replace(number, confidence="low", basis=_MAYBE_NATIONAL), ""
    if text[:3] in _ABROAD and (other := _dialled_otherwise(text, number, region)) is not None:
        return other, ""
    e164 = number.e164
    is_repeated = e164[1:3] == e164[3:5] or e164[1:4] == e164[4:7]
    if is_repeated and (number.confidence == "high" or number.basis == _NO_PLUS):
        is_local = number.confidence == "high" and text[:1] not in ("+", "0")
        if is_local and _may_have_its_code(text, number, region):
            return replace(number, confidence="low", basis=_MAYBE_CODE), ""
        return _with_code_twice(text, number), ""
    if number.region in _APART:
        today = renumbered_apart(number.e164, group_lengths(text))
        renewed = parse_literal(today, None)[0] if today is not None else None
        if renewed is not None:
            return mended(renewed, _NEW_PLAN), ""
    return number, problem


def group_lengths(typed: str) -> set[int]:
    """Return how many digits stand behind each mark: {4, 8, 10} for "+44 20 7219 4272"."""
    groups = [len(group) for group in _GROUPS.findall(typed)]
    return {sum(groups[place:]) for place in range(len(groups))}


def _parse_number(text: str, region: str | None) -> tuple[Number | None, str]:
    sign = text[:1]
    if sign == "+":
        if text[1:3] == text[4:6] or text[1:4] == text[5:8] or text[1:2] == "8":
            coded, text = _mended_code(text, region)
            if coded is not None:
                return coded, ""
    elif sign != "0" and region is not None and (code := _code_beside_a_trunk_zero(region)):
        has_code = text.lstrip(" ([").startswith(code)
        if has_code and (coded := _with_its_code(text, code)) is not None:
            return coded, ""
    if (sign == "8" or text[:2] == "(8") and (dialled := _DIALLED_810.match(text)) is not None:
        number, problem = parse_literal("+" + text[dialled.end() :], None)
        if number is not None and number.valid:
            return number, problem
    plainly: tuple[Number | None, str] | None = None
    if (region is not None or text[:1] == "+") and "(0" not in text:
        plainly = parse_literal(text, region)  # nearly all: what is plainly typed is plainly read
        if plainly[0] is not None and plainly[0].valid:
            return plainly
    digits = _DIGITS.sub("", text)
    if len(digits) > LONGEST:
        return None, "holds too many digits for one number"
    first: tuple[Number | None, str] | None = None
    for candidate, country, basis in _candidates(text, digits, region):
        if plainly is not None and candidate == text:
            number, problem = plainly
        else:
            number, problem = parse_literal(candidate, country)
        if number is None:
            first = first or (None, problem)
            continue
        if not number.valid and (renewed := _after_plan_change(number.e164)) is not None:
            return _renumbered(text, region, renewed, number), ""
        if number.valid:
            return mended(number, basis) if basis else number, ""
        first = first if first and first[0] else (number, problem)
    if first is not None:
        return first
    return None, NO_COUNTRY if len(digits) >= 5 else "holds too few digits for a number"


def _renumbered(text: str, region: str | None, number: Number, old: Number) -> Number:
    """Return a number of a plan that has changed; with low confidence where its groups and digits
    are also those of a number of today that has lost its last digit, or where it is of another
    country than its contact and no group ends with that country's code."""
    changed = mended(number, _NEW_PLAN)
    if region is not None and not old.e164.startswith("+" + _country_code(region)):
        parts = split(old.e164)
        if parts is None or len(parts[1]) not in group_lengths(text):
            return replace(changed, confidence="low")
    groups = [len(group) for group in _GROUPS.findall(text)]
    is_cut_short = len(groups) > 1 and groups[-1] in (1, 3) and set(groups) != {3}
    parts = split(old.e164) if is_cut_short else None
    return replace(changed, confidence="low") if parts and lacks_a_digit(*parts) else changed


def _mended_code(text: str, region: str | None) -> tuple[Number | None, str]:
    """Mend a country code that was typed twice, as a group of its own each time ("+62 62 21 ..."),
    and a Soviet trunk prefix behind a plus ("+8 495 ..."): some plan knows such a number, too."""
    if region in ("RU", "KZ"):
        text = _SOVIET_TRUNK.sub("8", text)
    if (twice := _TWICE.match(text)) is None:
        return None, text
    number, _ = parse_literal("+" + text[twice.end() :], None)
    if number is None or not number.valid:
        return None, text
    if (parts := split(number.e164)) is None or str(parts[0]) != twice[1]:
        return None, text  # "+67 67 715123": Tonga's +676 in odd groups
    whole, _ = parse_literal(text, None)
    if whole is not None and whole.valid:
        groups = group_lengths(text)  # "+46 46 222 00 00": the area code of Lund
        if _behind_area_code(whole.e164) in groups and _behind_area_code(number.e164) not in groups:
            return None, text
    return mended(number, _CODE_TWICE), text


def _with_code_twice(text: str, number: Number) -> Number:
    """Return what a number whose digits begin with its country's code twice is: itself, or one with
    the code typed twice, by where its groups end; itself with low confidence where nothing tells.
    """
    parts = fast_parser.split(number.e164[1:])
    code = str(parts[0]) if parts is not None else ""
    if parts is None or not parts[1].startswith(code):
        return number
    if not _DIGITS.sub("", text).lstrip("0").startswith(code * 2):
        return number  # typed as within its country
    # "39 39 06 69821": the plan knows all of it as a national number, which the code stands before.
    twice_national = parts[1].removeprefix(code).removeprefix(code)
    behind = (parts[1], code + twice_national) if parts[1].startswith(code * 2) else (parts[1],)
    once = next(filter(None, (_valid(f"+{digits}") for digits in behind)), None)
    if once is None:
        return number
    groups, area, area_once = group_lengths(text), *map(_behind_area_code, (number.e164, once.e164))
    if area in groups:
        return number
    is_usual = is_of_usual_length(once)
    is_apart = len(once.e164) - 1 - len(code) in groups  # a group ends behind the second code
    if area_once in groups and (is_usual or is_apart):
        return mended(once, _CODE_TWICE)
    if not is_usual:
        return number
    is_town = len(parts[1]) - area >= _LONG_AREA_CODE
    is_long = area >= (_LONG_IN_TOWNS if is_town else _LONG_ANYWHERE)
    if is_long and len(parts[1]) > _usual_length(number):
        return replace(number, confidence="low", basis=_MAYBE_TWICE)
    return number


def _valid(e164: str) -> Number | None:
    number, _ = parse_literal(e164, None)
    return number if number is not None and number.valid else None


def _may_have_its_code(text: str, number: Number, region: str | None) -> bool:
    """Whether "468123456" in Sweden may as well be a number behind its country code, without its
    plus, as a local one without the zero that is dialled before it."""
    digits = _DIGITS.sub("", text)
    code = _code_beside_a_trunk_zero(region) if region is not None else ""
    if not code or number.e164 != f"+{code}{digits}" or len(digits) >= _TOO_LONG_FOR_LOCAL:
        return False
    abroad, _ = parse_literal(f"+{digits}", None)
    return abroad is not None and abroad.valid and is_of_usual_length(abroad)


def _may_lack_its_code(text: str, number: Number, region: str) -> bool:
    """Whether "+647-937-1234" for a contact in the United States may as well be a number of that
    country with a plus before it: it stands in the groups in which the country writes its own."""
    groups, parts = _GROUPS.findall(text), split(number.e164)
    if parts is None or not groups[1:]:
        return False
    if groups[0] == str(parts[0]) and number.basis != _NEW_PLAN:
        return False  # the code is a group of its own
    own, _ = parse_literal("".join(groups), region)
    if own is None or not own.valid or own.e164 == number.e164:
        return False
    written = phonenumbers.format_number(
        phonenumbers.parse(own.e164), PhoneNumberFormat.INTERNATIONAL
    )
    return [*map(len, groups)] == [*map(len, _GROUPS.findall(written)[1:])]


def _dialled_otherwise(text: str, number: Number, region: str | None) -> Number | None:
    """Return what digits are behind another prefix than the one that `number` was read with; None
    if that is none, or `number` stands.

    A few countries dial, or once dialled, what begins like the prefixes of all others: 01 and 02 in
    the Seychelles (011 is North America's), 002 to 009 in Singapore, 0041 in Brazil. And North
    America's 1 behind 00 looks like Australia's 0011.
    """
    digits = _DIGITS.sub("", text)
    if digits[2:] == number.e164[1:] and digits[:2] == "00" and digits[2:4] != "11":
        return None  # behind 00, as most are
    own = _country_code(region) if region is not None else ""
    for prefix in dial_prefixes(None):
        rest = digits[len(prefix) :]
        if not digits.startswith(prefix):
            continue
        if rest == number.e164[1:]:
            if _is_prefix(text, prefix):
                return None
            continue
        other, _ = parse_literal(f"+{rest}", None)
        if own and (other is None or not other.valid) and rest.startswith(own * 2):
            once, _ = parse_literal(f"+{rest[len(own) :]}", None)
            if once is not None and once.valid and once.e164 != number.e164:
                return replace(once, confidence="low", basis=_CODE_TWICE)
        if other is None or not other.valid or other.e164 == number.e164:
            continue
        if not is_of_usual_length(other):
            continue
        if _is_prefix(text, prefix):
            return mended(other, _ABROAD_APART)
        is_local = digits.lstrip("0") == number.e164[1 + len(own) :]
        if is_local and prefix != "810":
            continue  # 011 is the area code of Turin and of Belgrade
        if prefix == "00" or (prefix != "810" and own and rest.startswith(own)):
            is_sure = bool(own) and rest.startswith(own) and prefix != "0011"
            return replace(
                other, confidence="medium" if is_sure else "low", basis=_ABROAD_OTHERWISE
            )
        return replace(number, confidence="low", basis=_ABROAD_OTHERWISE)
    return None


def is_of_usual_length(number: Number, *, exactly: bool = False) -> bool:
    """Whether a number is as long as most of its country, or longer. Plans that know nearly any
    length leave room for more than one reading of a shorter one."""
    parts = fast_parser.split(number.e164[1:])
    usual = _usual_length(number)
    if parts is None or not usual:
        return False
    return len(parts[1]) == usual if exactly else len(parts[1]) >= usual


@cache
def shortest_of(region: str | None) -> int:
    """Return how many digits a number beside another one has at least: fewer on islands."""
    return min(_SHORTEST, _length_of_example(region, False) or _SHORTEST) if region else _SHORTEST


def is_dialled_from_elsewhere(text: str) -> bool:
    """Whether a piece is a number of some country, behind what another one dials before it."""
    digits = _DIGITS.sub("", text)
    for prefix in _SOMEWHERE if digits.startswith(_SOMEWHERE) else ():
        if digits.startswith(prefix):
            number, _ = parse_literal(f"+{digits[len(prefix) :]}", None)
            if number is not None and number.valid and is_of_usual_length(number):
                return True
    return False


def _usual_length(number: Number) -> int:
    """Return how many digits the library's example of a number's country and kind has."""
    return _length_of_example(number.region, number.kind == "mobile")


@cache
def _length_of_example(region: str, is_mobile: bool) -> int:
    kind = PhoneNumberType.MOBILE if is_mobile else PhoneNumberType.FIXED_LINE
    example = phonenumbers.example_number_for_type(region, kind) if region else None
    return len(phonenumbers.national_significant_number(example)) if example is not None else 0


def _behind_area_code(e164: str) -> int:
    """Return how many digits stand behind the area code, as the library groups a number."""
    number = phonenumbers.parse(e164)
    written = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    groups = [len(group) for group in _GROUPS.findall(written)]
    return sum(groups[2:] or groups[1:])


def _with_its_code(text: str, code: str) -> Number | None:
    """Return the number of "(4930) 7262-8200" or "49 30 7262 8200" for a contact in Germany.

    Where a number begins with a zero within the country, one that begins with the country's code
    instead is written for callers from abroad; some plans know it as a local number as well. So is
    one without groups that is too long for a local number: "4915112345678".
    """
    digits = _DIGITS.sub("", text)
    if len(digits) < _TOO_LONG_FOR_LOCAL:
        match = _FIRST_GROUP.match(text)
        if match is None:
            return None
        first = _DIGITS.sub("", match.group(1) or match.group(2))
        if not first.startswith(code) or (first != code and match.group(2)):
            return None
    number, _ = parse_literal("+" + digits, None)
    if number is None or not number.valid:
        return None
    if len(digits) - len(code) >= _TOO_LONG_FOR_LOCAL and text.isdigit():
        return mended(number, _NO_PLUS) if number.kind == "mobile" else None
    return mended(number, _NO_PLUS)


@cache
def _code_beside_a_trunk_zero(region: str) -> str:
    """A region's country code, if its local numbers begin with a zero; else ""."""
    return _country_code(region) if _has_trunk_zero(region) else ""


@cache
def _has_trunk_zero(region: str) -> bool:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return metadata is not None and metadata.national_prefix == "0"


def mended(number: Number, basis: str) -> Number:
    """Return a number that is not just as it was typed. `basis`: what was supplied or mended."""
    return replace(number, confidence="medium", basis=basis)


def is_renumbered(number: Number) -> bool:
    """Whether a number was read from digits of a former plan."""
    return number.basis == _NEW_PLAN


def is_international(text: str) -> bool:
    """Whether a piece begins with a plus, or with what is dialled before a country code."""
    if text.lstrip(" ([{")[:1] == "+":
        return True
    digits = _DIGITS.sub("", text)
    return len(digits) > _PREFIXED and digits.startswith(dial_prefixes(None))


def _candidates(
    text: str, digits: str, region: str | None
) -> Iterator[tuple[str, str | None, str]]:
    """Yield (text, region to parse it for, basis), the most literal first. `basis`: see `Number`.

    Digits are a number of another country only behind a plus or a prefix that is dialled. Where the
    contact's country is known, a prefix of some other country leads to the contact's own alone:
    local numbers begin with the same digits.
    """
    own = _country_code(region) if region is not None else ""
    if (zero := _PLUS_ZERO.match(text)) is not None and not digits[1:].startswith(own or "0"):
        if _PLUS_011.match(text) is not None and digits.startswith(f"011{own}"):
            yield from _international("+" + digits[3:], region)
        if region is not None:
            yield text[zero.end() - 1 :], region, "a plus was typed before it"
        return
    international = _PLUS.sub("+", text, count=1)
    if international.startswith("+"):
        yield from _international(international, region)
        return
    if region is not None:
        if "(0" in text and digits.startswith(f"00{own}"):  # 008 is a carrier's prefix in Korea
            yield from _international("+" + text.lstrip(" (0"), region)
        yield text, region, ""
    for prefix in dial_prefixes(None):
        rest = digits[len(prefix) :]
        if not digits.startswith(prefix) or len(rest) <= 7:
            continue
        if region is None or prefix == "00" or rest.startswith(own) or _is_prefix(text, prefix):
            yield from _international("+" + rest, region)
    if region is not None:
        for trunk in _OLD_TRUNKS.get(region, ()):
            # Behind the 8, Ukraine dialled a zero; behind a zero, another one begins a prefix.
            if digits.startswith(trunk) and (trunk == "8" or digits[len(trunk) :][:1] != "0"):
                yield digits[len(trunk) :], region, _OLD_PREFIX
        if digits.startswith(own):
            yield from _international(f"+{digits}", region, _NO_PLUS)
        elif digits.startswith(f"0{own}") and _is_typed_apart(text, f"0{own}"):
            yield from _international(f"+{digits[1:]}", region, _NO_PLUS)  # "091 44 2433 4434"
    elif len(digits) >= 11 and not digits.startswith("0"):
        number, _ = parse_literal(f"+{digits}", None)
        if number is None or not number.valid or _has_border(text, digits):
            yield f"+{digits}", None, _NO_PLUS


def _international(
    text: str, region: str | None, basis: str = ""
) -> Iterator[tuple[str, None, str]]:
    digits = _DIGITS.sub("", text)
    split = fast_parser.split(digits)
    code, rest = (str(split[0]), split[1]) if split is not None else ("", "")
    if rest.startswith("00" + code):  # "+34 0034 612345678"
        yield from _behind_second_code(code, rest[2 + len(code) :])
    if rest.startswith(code) and _GROUPS.findall(text)[1:2] == [code]:  # "+44 44 20 7219 4272"
        yield from _behind_second_code(code, rest[len(code) :])
    without = _TRUNK.sub(r"\1", text)
    if without != text:
        yield without, None, basis
    yield text, None, basis  # in Italy the zero belongs to the number
    if split is not None:
        if rest.startswith("0"):
            yield f"+{code}{rest.lstrip('0')}", None, "a zero was typed behind its country code"
        if rest.startswith(code):
            yield from _behind_second_code(code, rest[len(code) :])
        for trunk in _OLD_TRUNKS.get(phonenumbers.region_code_for_country_code(split[0]), ()):
            if rest.startswith(trunk):
                yield f"+{code}{rest[len(trunk) :]}", None, _OLD_PREFIX
        yield from _as_dialled_there(split[0], rest)
    is_nanp = region is not None and _country_code(region) == "1"
    if len(digits) == _NANP_LENGTH and text[:2] != "+0" and (is_nanp or split is None):
        island, _ = parse_literal(f"+1{digits}", None)
        if island is not None and island.region not in ("US", "CA"):
            yield f"+1{digits}", None, "its country code was left out"  # "+809 555 2671"


def _behind_second_code(code: str, national: str) -> Iterator[tuple[str, None, str]]:
    """What stands behind a code that was typed twice; a zero there may belong to the number, as in
    Italy."""
    yield f"+{code}{national}", None, _CODE_TWICE
    if national.startswith("0"):
        yield f"+{code}{national.lstrip('0')}", None, _CODE_TWICE


def _as_dialled_there(code: int, rest: str) -> Iterator[tuple[str, None, str]]:
    """What stands behind the code as it is dialled within the country: "+54 9 011 15 4444 5555"."""
    region = phonenumbers.region_code_for_country_code(code)
    for national in (rest, rest.removeprefix("9") if region == "AR" else ""):
        parts = fast_parser.parse(national, region) if national.startswith("0") else None
        if parts is not None and parts[0] == code:
            yield f"+{code}{parts[1]}", None, "it was typed as it is dialled within its country"


def _has_border(text: str, digits: str) -> bool:
    """Whether a country code in front is a group of its own, where there are groups."""
    first = _GROUPS.search(text)
    parts = fast_parser.split(digits)
    return parts is not None and (
        text.isdigit() or (first is not None and first.group() == str(parts[0]))
    )


def _is_prefix(text: str, prefix: str) -> bool:
    """Whether a prefix and a country code are groups of their own, as in "011 61 2 3456 7890"."""
    groups = _GROUPS.findall(text)
    return (
        len(groups) > 2
        and groups[0] == prefix
        and int(groups[1]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    )


def _is_typed_apart(text: str, first: str) -> bool:
    return (match := _GROUPS.search(text)) is not None and match.group() == first


@cache
def _country_code(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


def _after_plan_change(e164: str) -> Number | None:
    """Return today's number for one of a plan that has changed; None if there is none."""
    first = fast_parser.split(e164[1:])
    parts = split(e164) if first is not None and has_changes(first[0]) else None
    if parts is None:
        return None
    code, national = parts
    today = renumbered(code, national)
    region = phonenumbers.region_code_for_country_code(code)
    if today is None and national.startswith("0") and _has_trunk_zero(region):
        today = renumbered(code, national[1:])
    return parse_literal(f"+{today[0]}{today[1]}", None)[0] if today is not None else None


def parse_literal(text: str, region: str | None) -> tuple[Number | None, str]:
    """Parse a text as libphonenumber does; also return what is wrong with the number."""
    extension, parts = "", fast_parser.parse(text, region)
    if parts is None:
        try:
            parsed = phonenumbers.parse(text, region)
        except NumberParseException as error:
            return None, _parse_problem(error, text)
        extension = parsed.extension or ""
        parts = parsed.country_code or 0, phonenumbers.national_significant_number(parsed)
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
