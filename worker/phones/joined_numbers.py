"""Tell several numbers apart that nothing but spaces stands between, and a number from an id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from worker.phones.model import Number
from worker.phones.number_parser import (
    LONGEST,
    is_dialled_from_elsewhere,
    is_international,
    is_of_usual_length,
    mended,
    parse_number,
)
from worker.phones.text import fictitious_reason
from worker.phones.trunk_prefixes import begins_as_dialled, lacks_trunk_prefix, trunk_prefix

_DIGITS = re.compile(r"\D")
_MOST_PARTS = 6  # numbers with nothing but spaces between them
_SHORTEST_ID = 5  # digits of an id that no word announces
_SHORTEST_WITH_ZEROS = 8  # digits of an id that begins as an international number does
_MOST_ID_GROUPS = 4  # groups of an id behind a word: "VAT 123 4567 82"
_LONGEST_E164 = 15  # digits
_UNBROKEN = re.compile(r"(\+\d{8,15}|\+\d[\d ().-]*[\d)]) \d{9,}", re.ASCII)
_ID = re.compile(r"\d(?:[\d.\-]*\d)?", re.ASCII)
_BY_LENGTH = "nothing but its length tells it from the next"
_BESIDE_ID = "the digits beside it are left out"


class Part(NamedTuple):
    """A number, and the piece of a text that it was read from."""

    number: Number
    text: str


def split_joined(text: str, region: str | None, shortest: int) -> tuple[Part, ...]:
    """Several numbers with spaces between them, or two with nothing, if there is one way to cut.

    `shortest`: how many digits each has at least.
    """
    if is_international(text) or region is None or is_dialled_from_elsewhere(text):
        return ()
    texts = [part for part in re.split(r"\s+(?:-\s+)?", text) if part]
    splits = (
        [way for way in _ways(texts, region, shortest) if len(way) > 1] if len(texts) > 1 else []
    )
    if splits:
        fewest = min(map(len, splits))
        splits = [way for way in splits if len(way) == fewest]
    elif "-" in text:
        splits = list(_dashed(text, region))
    elif text.isdigit() and 14 <= len(text) <= 2 * LONGEST:
        splits = list(_halves(text, region))
    if len({tuple(part.number.e164 for part in way) for way in splits}) != 1:
        return ()
    return tuple(Part(mended(part.number, _BY_LENGTH), part.text) for part in splits[0])


def beside_id(text: str, region: str | None, *, is_announced: bool) -> Part | None:
    """Return the number of a piece whose first or last group is an id; None unless there is one.

    What is left must be as long as most numbers of its country, with what is dialled before them,
    if anything is. `is_announced`: whether a word says that the first groups are an id.
    """
    if text[0] == "+":
        return _before_id(text)
    groups = text.split()
    if "-" in groups:
        return None  # who sets both apart by a dash means two numbers
    cuts = range(1, min(len(groups), _MOST_ID_GROUPS + 1)) if is_announced else range(1, 2)
    pieces = [(groups[:cut], groups[cut:]) for cut in cuts]
    if not is_announced:
        pieces.append((groups[-1:], groups[:-1]))
    shortest = _SHORTEST_ID
    if is_international(text):
        pieces, shortest = pieces[:1], _SHORTEST_WITH_ZEROS  # "0010023456 030 901820"
    parts = {}
    for left_out, left in pieces if len(groups) > 1 else []:
        is_id = len(left_out) == 1 and len(_DIGITS.sub("", left_out[0])) >= shortest
        is_behind_word = is_announced and begins_as_dialled(left[0], region)
        if not (is_id or is_behind_word) or not all(
            _ID.fullmatch(group.strip("()[]")) for group in left_out
        ):
            continue
        part = _part(" ".join(left), region)
        if part is not None and _is_whole(part, region):
            parts[part.number.e164] = Part(mended(part.number, _BESIDE_ID), part.text)
    return next(iter(parts.values())) if len(parts) == 1 else None


def _before_id(text: str) -> Part | None:
    """Read "+4930901820 1700000000": too long for one number, and the last group is an id. A number
    in groups is cut only if it is as long as most of its country: digits too many may be a slip."""
    match = _UNBROKEN.fullmatch(text)
    if match is None or len(_DIGITS.sub("", text)) <= _LONGEST_E164:
        return None
    part = _part(match[1], None)
    if part is None or not (match[1][1:].isdigit() or is_of_usual_length(part.number)):
        return None
    return Part(mended(part.number, _BESIDE_ID), part.text)


def _is_whole(part: Part, region: str | None) -> bool:
    if begins_as_dialled(part.text, region):
        return is_of_usual_length(part.number)
    is_weak = lacks_trunk_prefix(_DIGITS.sub("", part.text), part.number)
    return is_of_usual_length(part.number, exactly=True) and not is_weak


def _ways(texts: Sequence[str], region: str, shortest: int) -> Iterator[tuple[Part, ...]]:
    """Yield each way to read groups of digits as numbers, every group being part of one."""
    ends: dict[int, list[tuple[Part, ...]]] = {0: [()]}
    for end in range(1, len(texts) + 1):
        for start in range(max(0, end - 6), end):
            if not ends.get(start) or len(ends[start][0]) >= _MOST_PARTS:
                continue
            text = " ".join(texts[start:end])
            if len(_DIGITS.sub("", text)) < shortest or _holds_next(texts[start:end], region):
                continue
            if (part := _part(text, region)) is not None:
                ends.setdefault(end, []).extend((*way, part) for way in ends[start][:8])
    yield from ends.get(len(texts), ())


def _holds_next(texts: Sequence[str], region: str) -> bool:
    """Whether a number with its prefix begins behind an id: "44567 041 2348455"."""
    prefix = trunk_prefix(region)
    if not prefix or len(texts[0]) < _SHORTEST_ID or begins_as_dialled(texts[0], region):
        return False
    return any(text.startswith(prefix) for text in texts[1:])


def _part(text: str, region: str | None) -> Part | None:
    number, _ = parse_number(text, region)
    if number is None or not number.valid or fictitious_reason(_DIGITS.sub("", text), text):
        return None
    return Part(number, text)


def _dashed(text: str, region: str) -> Iterator[tuple[Part, ...]]:
    """Yield two whole numbers with a dash between them."""
    for match in re.finditer("-", text):
        pair = text[: match.start()], text[match.end() :]
        parts = tuple(filter(None, (_part(piece, region) for piece in pair if piece)))
        if len(parts) == 2:
            yield parts


def _halves(digits: str, region: str) -> Iterator[tuple[Part, ...]]:
    """Yield two numbers of one length that begin alike, without anything between them."""
    half = len(digits) // 2
    if len(digits) % 2 or digits[0] != digits[half]:
        return
    parts = tuple(filter(None, (_part(piece, region) for piece in (digits[:half], digits[half:]))))
    if len(parts) == 2:
        yield parts
