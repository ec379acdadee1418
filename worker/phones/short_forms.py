"""Read what people write behind a number for another one that differs in its last digits alone.

A short form is never read where it might be something else: an extension, a room, a floor, a year.
These forms are known:

1. Its last digits: "020 7219 4272/73", "/3", " or 2673". Behind a slash, fewer than four digits
   that are no whole group must be more than those that they stand for ("5150/50" is left alone:
   nobody can tell what it means); behind a comma or a word they must follow closely. Two and more
   may have dashes between them: "2687 5140 - 41 - 42".
2. Its subscriber's part, without the area code: "020 7219 4272, 7219 4273". Only where the first
   number is a landline. Behind a comma or a word it must be as long as one of the groups in which
   the first number was typed; one of another length (a mobile of the same area) needs an area code
   that libphonenumber knows. An area code that was typed as a group is never cut.
3. The end of a range: "2615 0130-34". The numbers in between are not listed.

A year is a short form only in a list of others: "707-2003/2119/2021".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import phonenumbers
from msgspec.structs import replace

from worker.phones.chunks import HOURS, Chunk
from worker.phones.metadata import split
from worker.phones.model import Number
from worker.phones.number_parser import (
    group_lengths,
    is_international,
    is_renumbered,
    mended,
    parse_literal,
    parse_number,
)

_TAIL = 4  # digits of a short form at the most
_CLOSE = 20  # numbers further on, at the most, behind a comma or a word
_LABELLED = 6  # digits of a subscriber's part behind a word
_LONGER = 2  # digits that a number may have more than the one before it, in its own area
_WHOLE = 7  # digits of one of another length than the first number's
_YEAR = re.compile(r"19[5-9]\d|20[0-2]\d")
_DAY = re.compile(r"(?:19[5-9]\d|20[0-3]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_YEAR_BEHIND = re.compile(rf"(.*\d[)\]]?)[\s/-]+[(\[]?(?:{_YEAR.pattern})[)\]]?", re.ASCII)
_HOURS_BEHIND = re.compile(rf"\d\s{HOURS}\s*\Z", re.ASCII)
_TAILS_BEHIND = re.compile(r"(.*?\d)((?:\s*-\s*\d{1,4}){2,})", re.ASCII)
_RANGE = re.compile(r"(.*\d)\s*-\s*(\d{1,2})", re.ASCII)
_CODE_IN_BRACKETS = re.compile(r"[(\[](\d{1,3})[)\]]\s*", re.ASCII)
_IN_BRACKETS = re.compile(r"[(\[]([\d -]+)[)\]]", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)
_DIGIT_GROUP = re.compile(r"\d+", re.ASCII)
_DIALLED_THROUGH = re.compile(r"(.*\d)\s*-\s*(\d{3,5})", re.ASCII)


def is_year(digits: str) -> bool:
    """Whether digits are rather a year than the end of a number."""
    return _YEAR.fullmatch(digits) is not None


def is_day(text: str) -> bool:
    """Whether digits without a mark may be a day: "20241231"."""
    return _DAY.fullmatch(text) is not None


def behind_its_code(chunk: Chunk, number: Number, typed: str) -> Number | None:
    """Return the number of "(48) 617-4800" behind "(4822) 617-4800": its country's code stands in
    brackets once more, and its area code is that of the number before it."""
    match, first = _CODE_IN_BRACKETS.match(chunk.text), _IN_BRACKETS.match(typed)
    if match is None or first is None:
        return None
    code = match[1]
    is_code = number.e164.startswith(f"+{code}") and first[1].startswith(code)
    whole, _ = parse_literal(f"+{chunk.digits}", None)
    if not is_code or len(first[1]) == len(code) or whole is None or whole.valid:
        return None
    rest = replace(chunk, text=chunk.text[match.end() :], joint=chunk.joint or " ")
    return _of_subscriber(rest, rest.digits, number, typed)


def beside_a_foreign_one(chunk: Chunk, number: Number, typed: str) -> Number | None:
    """Return the number of "2877-5024" behind "+852 2877 7188": one of the same country without its
    code, typed in as many digits. The contact's own country may know it as well."""
    digits, parts = chunk.digits, split(number.e164)
    if parts is None or len(digits) != len(parts[1]) or digits[0] == "0" or chunk.spoilt:
        return None
    if is_international(chunk.text) or not is_international(typed):
        return None
    if len(digits) not in group_lengths(typed):
        return None
    return _same_plan(f"+{parts[0]}{digits}", number)


def are_a_list(chunks: Sequence[Chunk]) -> bool:
    """Whether two or more last groups of numbers stand here, so that one may look like a year."""
    tails = [chunk.digits for chunk in chunks if chunk.joint == "/" and len(chunk.digits) == _TAIL]
    return len(tails) > 1 and not all(map(is_year, tails))


def expand(chunk: Chunk, number: Number, typed: str, *, in_list: bool = False) -> Number | None:
    """Return the number that a chunk behind `number` stands for; None if it stands for none.

    `typed`: the text of `number`, whose groups tell which of its digits may be replaced.
    `in_list`: whether others like it stand beside it.
    """
    digits = chunk.digits
    if not digits or chunk.spoilt or not chunk.joint or not number.valid:
        return None
    if chunk.words[1] or chunk.slip or (is_year(digits) and not in_list):
        return None  # "/ 4051 Basel", "/ 2024"
    if len(digits) <= _TAIL:
        return _of_tail(chunk, digits, number, typed) if chunk.text.isdigit() else None
    return _of_subscriber(chunk, digits, number, typed)


def _of_tail(chunk: Chunk, digits: str, number: Number, typed: str) -> Number | None:
    step = int(digits) - int(number.e164[-len(digits) :])
    if chunk.joint == "/":
        is_group = len(digits) > 2 and len(digits) in group_lengths(typed)
        if step <= 0 and len(digits) < _TAIL and not is_group:
            return None
    elif chunk.joint in (",", "&", "and", "-"):
        if not 0 < step <= _CLOSE or (digits[0] == "0" and len(digits) > 2):
            return None
    else:
        return None
    mate = _same_plan(number.e164[: -len(digits)] + digits, number)
    return replace(mate, basis=number.basis) if mate and is_renumbered(number) else mate


def _of_subscriber(chunk: Chunk, digits: str, number: Number, typed: str) -> Number | None:
    if number.kind not in ("landline", "unknown") or digits[0] == "0":
        return None
    is_group = len(digits) in group_lengths(typed)
    if chunk.joint == "label" and (len(digits) < _LABELLED or not is_group):
        return None
    code = len(str(phonenumbers.parse(number.e164).country_code))
    national = len(number.e164) - 1 - code
    is_behind_a_slash = chunk.joint == "/" and len(digits) >= _LABELLED
    fits = is_group or (is_behind_a_slash and len(digits) <= _subscriber_length(typed, national))
    if fits and len(digits) < national:
        mate = _with_last(digits, number, typed)
        if mate is not None and (mate.kind == number.kind or is_renumbered(mate)):
            return mate
    if is_renumbered(number):
        return None
    longest = len(number.e164) + _LONGER
    area = phonenumbers.length_of_geographical_area_code(phonenumbers.parse(number.e164))
    if area == 0 or len(digits) < _WHOLE or 1 + code + area + len(digits) > longest:
        return None
    return _same_plan(number.e164[: 1 + code + area] + digits, number)


def _subscriber_length(typed: str, national: int) -> int:
    """Return how many digits stand behind the first mark within a national number, and so behind
    its area code; all but one where there is none."""
    return max((length for length in group_lengths(typed) if length < national), default=national)


def _with_last(digits: str, number: Number, typed: str) -> Number | None:
    """Return a number with its last digits replaced. In one of a plan that has changed, these are
    digits that were typed: today's may stand elsewhere, or depend on the ones before them."""
    if not is_renumbered(number):
        return _same_plan(number.e164[: -len(digits)] + digits, number)
    places = [match.start() for match in _DIGIT.finditer(typed)][-len(digits) :]
    characters = list(typed)
    for place, digit in zip(places, digits, strict=False):
        characters[place] = digit
    mate, _ = parse_number("".join(characters), number.region)
    return mate if mate is not None and mate.valid and mate.region == number.region else None


def _same_plan(e164: str, number: Number) -> Number | None:
    mate, _ = parse_literal(e164, None)
    if mate is None or not mate.valid or mate.region != number.region:
        return None
    return mended(mate, "it is a short form of the number before it")


def without_year(text: str) -> str:
    """Return "415-555-2671" of "415-555-2671 2019"; "" where no year stands behind it."""
    match = _YEAR_BEHIND.fullmatch(text)
    return match[1] if match else ""


def has_hours_behind(text: str) -> bool:
    """Return whether opening hours stand behind a number: "+55 11 2345-6789 9-17"."""
    return _HOURS_BEHIND.search(text) is not None


def with_tails(text: str) -> tuple[str, list[str]]:
    """Split "2687 5140-41-42" into the first number and the last digits of the others.

    Each is more than the one before, and not much; "" and nothing where they are no list.
    """
    match = _TAILS_BEHIND.fullmatch(text)
    if match is None:
        return "", []
    groups = _DIGIT_GROUP.findall(match[2])
    length = len(groups[-1])
    tails = groups[-1:]
    for group in reversed(groups[:-1]):
        if len(group) != length:
            break
        tails.insert(0, group)
    first = text[: _start_of(text, len(tails))].rstrip(" -")
    return (first, tails) if len(tails) > 1 and _ascend(first, tails) else ("", [])


def _start_of(text: str, count: int) -> int:
    """Where the last groups of digits begin."""
    return list(_DIGIT_GROUP.finditer(text))[-count].start()


def _ascend(before: str, tails: Sequence[str]) -> bool:
    digits = "".join(_DIGIT_GROUP.findall(before))
    values = [int(digits[-len(tails[0]) :] or 0), *map(int, tails)]
    return all(0 < later - earlier <= _CLOSE for earlier, later in pairwise(values))


def mates(number: Number, tails: Sequence[str]) -> list[Number]:
    """Return the numbers of a list of tails behind `number`; none where one does not exist."""
    candidates = [_same_plan(number.e164[: -len(tail)] + tail, number) for tail in tails]
    return [mate for mate in candidates if mate is not None] if None not in candidates else []


def tails_behind(chunk: Chunk, number: Number) -> list[Number]:
    """Return the numbers of "- 41 - 42" behind `number`; none where it is no such list."""
    if chunk.joint != "-" or not chunk.text[0].isdigit() or not number.valid:
        return []
    first, tails = with_tails(f"{number.e164}-{chunk.text}")
    return mates(number, tails) if first == number.e164 else []


def without_range_end(text: str) -> tuple[str, str]:
    """Split "2615 0130-34" into the first number and the digits that end the range.

    They must be more than those that they stand for; both are "" where it is no range.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return "", ""
    first, last = match.groups()
    replaced = re.sub(r"\D", "", first)[-len(last) :]
    return (first, last) if int(last) > int(replaced) else ("", "")


def with_direct_dialling(text: str) -> tuple[str, str]:
    """Split "010-65322051-123" into the number and an extension of three to five digits."""
    match = _DIALLED_THROUGH.fullmatch(text)
    return (match.group(1), match.group(2)) if match and not is_year(match[2]) else ("", "")
