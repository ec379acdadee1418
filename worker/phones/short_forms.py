"""Read what people write behind a number for another one that differs in its last digits alone.

A short form is never read where it might be something else: an extension, a room, a floor, a year.
These forms are known:

1. Its last digits: "020 7219 4272/73", "/3", " or 2673". Behind a slash one or two digits must be
   more than those that they stand for; behind a comma or a word they must follow closely.
2. Its subscriber's part, without the area code: "020 7219 4272, 7219 4273". Only where the first
   number is a landline. Behind a comma or a word it must be as long as one of the groups in which
   the first number was typed; one of another length (a mobile of the same area) needs an area code
   that libphonenumber knows.
3. The end of a range: "2615 0130-34". The numbers in between are not listed.
"""

from __future__ import annotations

import re

import phonenumbers

from worker.phones.chunks import Chunk
from worker.phones.model import Number
from worker.phones.number_parser import mended, parse_literal

_TAIL = 4  # digits of a short form at the most
_CLOSE = 20  # numbers further on, at the most, behind a comma or a word
_LABELLED = 6  # digits of a subscriber's part behind a word
_WHOLE = 7  # digits of one of another length than the first number's
_YEAR = re.compile(r"(?:19|20)\d\d")
_RANGE = re.compile(r"(.*\d)\s*-\s*(\d{1,2})", re.ASCII)
_DIALLED_THROUGH = re.compile(r"(.*\d)\s*-\s*(\d{3,5})", re.ASCII)


def expand(chunk: Chunk, number: Number, typed: str) -> Number | None:
    """Return the number that a chunk behind `number` stands for; None if it stands for none.

    `typed`: the text of `number`, whose groups tell which of its digits may be replaced.
    """
    digits = chunk.digits
    if not digits or chunk.spoilt or not chunk.joint or not number.valid:
        return None
    if chunk.words[1] or chunk.slip or _YEAR.fullmatch(digits):
        return None  # "/ 4051 Basel", "/ 2024"
    if len(digits) <= _TAIL:
        return _of_tail(chunk, digits, number) if chunk.text.isdigit() else None
    return _of_subscriber(chunk, digits, number, typed)


def _of_tail(chunk: Chunk, digits: str, number: Number) -> Number | None:
    step = int(digits) - int(number.e164[-len(digits) :])
    if chunk.joint == "/":
        if step <= 0 and len(digits) < 3:
            return None
    elif chunk.joint in (",", "&", "and", "-"):
        if not 0 < step <= _CLOSE or (digits[0] == "0" and len(digits) > 2):
            return None
    else:
        return None
    return _same_plan(number.e164[: -len(digits)] + digits, number)


def _of_subscriber(chunk: Chunk, digits: str, number: Number, typed: str) -> Number | None:
    if number.kind not in ("landline", "unknown") or digits[0] == "0":
        return None
    is_group = len(digits) in group_lengths(typed)
    if chunk.joint == "label" and (len(digits) < _LABELLED or not is_group):
        return None
    code = len(str(phonenumbers.parse(number.e164).country_code))
    is_behind_a_slash = chunk.joint == "/" and len(digits) >= _LABELLED
    if (is_group or is_behind_a_slash) and len(digits) <= len(number.e164) - 1 - code - 1:
        mate = _same_plan(number.e164[: -len(digits)] + digits, number)
        if mate is not None and mate.kind == number.kind:
            return mate
    area = phonenumbers.length_of_geographical_area_code(phonenumbers.parse(number.e164))
    if area == 0 or len(digits) < _WHOLE:
        return None
    return _same_plan(number.e164[: 1 + code + area] + digits, number)


def group_lengths(typed: str) -> set[int]:
    """Return how many digits stand behind each mark: {4, 8, 10} for "+44 20 7219 4272"."""
    groups = [len(group) for group in re.findall(r"\d+", typed)]
    return {sum(groups[place:]) for place in range(len(groups))}


def _same_plan(e164: str, number: Number) -> Number | None:
    mate, _ = parse_literal(e164, None)
    if mate is None or not mate.valid or mate.region != number.region:
        return None
    return mended(mate, "it is a short form of the number before it")


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
    return (match.group(1), match.group(2)) if match else ("", "")
