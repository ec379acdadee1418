"""Tell whether a text that somebody has edited still has the digits of a number. Pure.

It has them if somebody would find the number there when reading the text, however it is grouped:

1. All digits behind its country code stand in a row, and a group of digits or another number ends
   there.
2. All but its last ones do, and those stand behind them as the short form of another number:
   `2672` in "415 555 2671/2672" or "415 555 2671/2" (`worker.phones.short_forms`).

That its digits occur in the right order is not enough: "415-555-3005 ext. 12" would have those of
415-555-3002, with the 2 of an extension.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate

import phonenumbers

from worker.phones.chunks import AND, LABELS
from worker.phones.model import Number
from worker.phones.plan_changes import equal_forms
from worker.phones.text import MAX_LENGTH, folded_digits

_GROUP = re.compile(r"[0-9]+")
_MARKS = r"[\s.:()\[\]]"
_SEPARATORS = rf"(?:[;|,&/+–-]|{_MARKS})*"
_BESIDE = re.compile(
    rf"{_SEPARATORS}(?:[;|,&/+\n\r–-]|(?:{AND})(?=[\s.])){_SEPARATORS}", re.IGNORECASE
)
_LABELLED = re.compile(rf"{_SEPARATORS}(?:{LABELS}){_SEPARATORS}", re.IGNORECASE)
_WITHIN = re.compile(rf"(?:-|{_MARKS})*")
_LABELLED_DIGITS = 6  # of a short form behind a label, at least (`worker.phones.short_forms`)
_ANY_ORDER = 3  # digits of a short form that may be less than those that it replaces, at least
_WHOLE = 7  # digits that are a number by themselves, without an area code


@dataclass(frozen=True, slots=True)
class _Digits:
    """The digits of a text, in a row. `starts`, `ends`: places of its groups; `gaps`: the text
    before each group."""

    row: str
    starts: list[int]
    ends: list[int]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> _Digits:
        folded = folded_digits(text[: MAX_LENGTH * 4])  # no more is read (`clean`)
        groups = list(_GROUP.finditer(folded))
        ends = list(accumulate(len(group[0]) for group in groups))
        places = [0, *(group.end() for group in groups)]
        gaps = [folded[end : group.start()] for end, group in zip(places, groups, strict=False)]
        return cls("".join(group[0] for group in groups), [0, *ends[:-1]], ends, gaps)


def has_digits_of(
    text: str, number: str, numbers: Collection[Number] = (), last: int | None = None
) -> bool:
    """Return whether a text still has the digits of a number, in any form of today or before.

    `numbers`: what the text is read as now; their own digits and extensions are no short forms.
    `last`: so many digits of the number are looked for, from the end; None = all.
    """
    digits = _Digits.of(text)
    for form in equal_forms(number):
        wanted = _national(form)
        wanted = wanted[-last:] if last else wanted
        if _stands_in_a_row(digits, wanted) or _has_short_form(digits, wanted, numbers):
            return True
    return False


def _stands_in_a_row(digits: _Digits, wanted: str) -> bool:
    for place in _places(digits.row, wanted):
        end = place + len(wanted)
        group_end = next(group_end for group_end in digits.ends if group_end >= end)
        if group_end == end or group_end - end >= _WHOLE:
            return True
    return False


def _has_short_form(digits: _Digits, wanted: str, numbers: Collection[Number]) -> bool:
    taken = {number.extension for number in numbers if number.extension}
    nationals = [_national(number.e164) for number in numbers]
    for first in range(1, len(digits.starts)):
        start = digits.starts[first]
        for end in _ends_of_short_form(digits, first, len(wanted)):
            tail = digits.row[start:end]
            if not wanted.endswith(tail) or tail in taken or not _is_beside(digits, first, tail):
                continue
            if any(
                len(national) > len(tail) and digits.row.endswith(national, 0, end)
                for national in nationals
            ):
                continue  # these digits end a number that is read now
            if _is_behind_its_number(digits, start, wanted, tail):
                return True
    return False


def _ends_of_short_form(digits: _Digits, first: int, longest: int) -> Iterator[int]:
    """Yield where a short form that begins with a group may end; "7219 4273" is one, too."""
    for group in range(first, len(digits.starts)):
        if group > first and _WITHIN.fullmatch(digits.gaps[group]) is None:
            return
        if digits.ends[group] - digits.starts[first] >= longest:
            return
        yield digits.ends[group]


def _is_behind_its_number(digits: _Digits, start: int, wanted: str, tail: str) -> bool:
    """Return whether the number whose last digits a short form replaces stands before it, with
    nothing but other short forms of as many digits between them. Of a whole number, only the area
    code must stand there."""
    if len(tail) >= _WHOLE:
        return wanted[: -len(tail)] in digits.row[:start]
    for place in _places(digits.row, wanted[: -len(tail)]):
        end = place + len(wanted)
        if end not in digits.ends or end > start or (start - end) % len(tail):
            continue
        if len(tail) < _ANY_ORDER and tail <= digits.row[end - len(tail) : end]:
            continue  # "415 555 2671/1"
        others = range(end, start, len(tail))
        if all(
            other in digits.starts and _is_beside(digits, digits.starts.index(other), tail)
            for other in others
        ):
            return True
    return False


def _is_beside(digits: _Digits, group: int, tail: str) -> bool:
    """Return whether what stands before a group may announce a short form."""
    gap = digits.gaps[group]
    if len(tail) >= _LABELLED_DIGITS and _LABELLED.fullmatch(gap) is not None:
        return True
    return _BESIDE.fullmatch(gap) is not None


def _places(row: str, wanted: str) -> Iterator[int]:
    place = row.find(wanted)
    while place >= 0:
        yield place
        place = row.find(wanted, place + 1)


def _national(number: str) -> str:
    try:
        return str(phonenumbers.parse(number).national_number)
    except phonenumbers.NumberParseException:
        return number.removeprefix("+")
