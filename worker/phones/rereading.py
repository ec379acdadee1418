"""Read a phone field once more without what is no number (`asides`), where that may help.

Ids, months and versions beside a number may be read as one, or keep one from being read. Few fields
hold any, so a field is read as it stands first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from worker.phones import asides
from worker.phones.model import Number
from worker.phones.number_parser import is_of_usual_length
from worker.phones.parse_state import ParseState

Read = Callable[[str, str | None], ParseState]  # a text and a region -> what it gives

_LONGEST_E164 = 14  # characters: few plans know longer ones, Germany's knows nearly any
_MARK_WITHIN = re.compile(r"\d[.@]", re.ASCII)
_MAYBE_WITHIN = "what was left out beside it may be part of it"


def may_hold_asides(text: str, parse: ParseState) -> bool:
    """Whether what is no number may have been read as one, or have kept one from being read."""
    if not parse.chunks[1:]:  # nearly all
        number = parse.last
        if number is None or " " not in text:
            return " " in text or "\t" in text
        if not number.valid or number.e164[_LONGEST_E164:] != "" or parse.numbers[1:]:
            return True
        return ("." in text or "@" in text) and _MARK_WITHIN.search(text) is not None
    if "/" in text or len(parse.spans) > len(parse.chunks) or not parse.is_complete:
        return True
    if "." in text and _MARK_WITHIN.search(text) is not None:
        return True
    return any(len(number.e164) > _LONGEST_E164 for number in parse.numbers)


def without_asides(text: str, parse: ParseState, region: str | None, read: Read) -> ParseState:
    """Read a text once more without what is no number, if that gives a better reading."""
    blanked = asides.without_ids(text)
    if blanked != text:
        parse = _reread(blanked, text, region, read) or parse
    for without, may_be_slip in (
        (asides.without_marks, False),
        (asides.without_codes, False),
        (asides.without_odd_words, True),
    ):
        likely = without(blanked)
        other = _reread(likely, text, region, read) if likely != blanked else None
        if other is None or other.e164s == parse.e164s:
            continue
        lost, is_cut = _lost(parse, other, likely)
        is_short = not all(map(is_of_usual_length, other.numbers))
        if is_cut or (is_short and lost and parse.is_complete):
            if other.begins_as_dialled(region):
                _weaken(parse, lost)  # nobody can tell which of the two is meant
            continue
        if parse.is_complete or (is_short and may_be_slip):
            _weaken(other, [number for number in other.numbers if number not in parse.numbers])
        blanked, parse = likely, other
    return parse


def _reread(blanked: str, text: str, region: str | None, read: Read) -> ParseState | None:
    """Read a text with blanked digits; None if it holds no valid number then."""
    parse = read(blanked, region)
    if not any(number.valid for number in parse.numbers):
        return None
    parse.text = asides.restored(parse.text, text)
    return parse


def _lost(parse: ParseState, other: ParseState, blanked: str) -> tuple[list[Number], bool]:
    """Return the numbers that `other` lacks because some of their digits are blanked, and whether
    one of them is just as long as most numbers are: it may be meant."""
    kept = {number.e164 for number in other.numbers}
    lost = [
        number
        for number, (start, end) in zip(parse.numbers, parse.spans, strict=False)
        if number.valid
        and number.e164 not in kept
        and not asides.is_blanked(blanked, parse.text, start, end)
    ]
    is_cut = any(not is_of_usual_length(n) or is_of_usual_length(n, exactly=True) for n in lost)
    return lost, is_cut


def _weaken(parse: ParseState, numbers: Sequence[Number]) -> None:
    parse.numbers = [
        replace(number, confidence="low", basis=_MAYBE_WITHIN) if number in numbers else number
        for number in parse.numbers
    ]
