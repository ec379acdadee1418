"""Parse the text of a phone field into its numbers.

The order matters: junk is told first, then extensions are brought to one form, then the field is
cut where people put several numbers, then each piece loses its label and note, and only what is
left is read as a number. Where that finds nothing valid, libphonenumber's matcher looks for numbers
among the words, and digits without any mark between them are tried as two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import phonenumbers
from msgspec.structs import replace
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher

from worker.phones.extensions import canonicalize_extensions, split_extension
from worker.phones.metadata import country_name, facts, short_code
from worker.phones.model import Number, ParsedField
from worker.phones.number_parser import LONGEST, NO_COUNTRY, parse_literal, parse_number
from worker.phones.text import (
    MAX_LENGTH,
    clean,
    fictitious_reason,
    find_uri,
    is_invisible,
    not_a_number_reason,
    undo_spreadsheet_damage,
)

# What ends in a dot and one or two digits may be an amount, and is looked at as a whole.
_PLAIN = re.compile(r"\+?[\d ().\-]{3,30}(?<!\.\d)(?<!\.\d\d)", re.ASCII)
_OR = "or|oder|ou|und|and|et|y|o|e|i|lub|или|и|або|oraz|eller|of|og|och"
# Times and dates beside a number, whose digits are none of its own.
_ASIDE = re.compile(
    r"(?<!\S)\d{1,2}(?::\d\d)?\s?(?:am|pm|h|uhr)(?:\s?[-–]\s?\d{1,2}(?::\d\d)?\s?(?:am|pm|h|uhr))?\b"
    r"|(?<!\S)\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d(?!\S)",
    re.IGNORECASE,
)
_LABELS = "tel|ph|phone|fax|mob|mobile|cell|office|home|work|[tmfpchw]"
_SEPARATORS = re.compile(
    r"\s*[;|\n\r]+\s*(?!ext=)|\s*(?<!,),(?!,)\s*|\s*[&/]\s*"
    rf"|(?<=[\d)])\s+(?:{_OR})\s+(?=[+(\d])"
    r"|(?<=[\d)])\s+(?=[^\W\d_]{1,12}\s*[.:]\s*[+(\d])"
    rf"|(?<=\d)\s+(?=(?:{_LABELS})\.?\s*[+(\d])"
    r"|(?<=\d)\s+\+\s*(?=0)|(?<=\d)\s*(?=\+\s*\(?\d)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^\s*\(?([^\W\d_][^\d:]{0,24}?)\)?\s*[:.]\s*(?=[+(\[\d])|"
    r"^\s*\(?(" + _LABELS + r")\)?\.?\s*(?=[+(\[\d])",
    re.IGNORECASE,
)
_NOTE_BEFORE = re.compile(r"^(?=.*[^\W\d_]{2})[^\d+(\[]+(?=[+(\[]*\d[\d\s().-]{5})")
_NOTE_BEHIND = re.compile(
    r"(?<=[\d)])\s+(?=[^\W\d_(]|\()|\s+(?=\([^\d)]+\))|\s*(?=\((?!0\))[^\d)]+\))"
)
_DIGITS = re.compile(r"\D")
_SHORTEST = 7  # characters of an E.164 that is worth keeping though it is not valid
_UNREADABLE = "holds characters that cannot be read"
_PLUS_BEHIND = re.compile(r"^(\d{1,3})\s*\+\s*(?=\d)")
_ODD = re.compile(r"[_·•*{}\[\]~]")


@dataclass
class _FieldParse:
    """What the pieces of a field have given so far."""

    numbers: dict[tuple[str, str], Number] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    doubtful: Number | None = None  # not valid, kept for what it can say

    def add(self, number: Number) -> None:
        self.numbers.setdefault((number.e164, number.extension), number)

    @property
    def any_valid(self) -> bool:
        return any(number.valid for number in self.numbers.values())


def parse_field(raw: str, region: str | None = None) -> ParsedField:
    """Parse one phone field. `region`: ISO code of the contact's country, None when unknown.

    Never raises; a field that is too long to be one is cut, and the note says so.
    """
    if not raw:
        return ParsedField("empty")
    if _PLAIN.fullmatch(raw) and not fictitious_reason(digits := _DIGITS.sub("", raw), raw):
        number, problem = parse_number(raw, region)
        if number is not None and number.valid:
            return ParsedField("number", (number,), remark=_country_remark((number,), region))
        if 2 < len(digits) < 13:
            return _without_valid_number(number, short_code(digits, region) or problem, "")
    text = clean(raw)
    if not text:
        return (
            ParsedField("empty")
            if is_invisible(raw)
            else ParsedField("invalid", reason=_UNREADABLE)
        )
    text, damage = undo_spreadsheet_damage(text)
    if damage:
        return ParsedField("invalid", reason=damage)
    if (linked := find_uri(text)) is not None:
        return _parse_uri(linked, region)
    if reason := not_a_number_reason(text):
        return ParsedField("invalid", reason=reason)
    return _parse_text(text, region, len(raw) > MAX_LENGTH)


def _parse_uri(link: str, region: str | None) -> ParsedField:
    """A tel: URI (RFC 3966), which libphonenumber reads as a whole."""
    number, problem = parse_literal(link, region)
    if number is None or not number.valid:
        return _without_valid_number(number, problem, "")
    return ParsedField("number", (number,), remark=_country_remark((number,), region))


def _parse_text(text: str, region: str | None, cut: bool) -> ParsedField:
    found = _parse_pieces(text, region)
    if not found.any_valid and (asides := [m.group().strip() for m in _ASIDE.finditer(text)]):
        again = _parse_pieces(_ASIDE.sub(" ", text), region)
        if again.any_valid:
            found = again
            found.notes += asides
    if not found.any_valid:
        _search_words(text, region, found)
    numbers = tuple(found.numbers.values())
    if found.any_valid:  # what stands beside a number and is none must not be lost
        found.notes += found.unread
    note = ", ".join(filter(None, found.notes))
    if cut:
        note = f"{note} (the field is too long; only its start was read)".strip()
    if numbers:
        reason = "" if numbers[0].valid else facts(numbers[0].e164).problem
        return ParsedField("number", numbers, note, reason, _country_remark(numbers, region))
    problem = found.problems[0] if found.problems else "holds words, not a number"
    return _without_valid_number(found.doubtful, problem, note)


def _parse_pieces(text: str, region: str | None) -> _FieldParse:
    found = _FieldParse()
    for separator, piece in _pieces(canonicalize_extensions(_PLUS_BEHIND.sub(r"+\1 ", text))):
        _parse_piece(piece, separator, region, found)
    return found


def _without_valid_number(number: Number | None, problem: str, note: str) -> ParsedField:
    if number is not None and number.possible and len(number.e164) > _SHORTEST:
        return ParsedField("number", (number,), note, problem)
    if problem == NO_COUNTRY:
        return ParsedField("no_country", (), note, NO_COUNTRY)
    return ParsedField("invalid", (), note, problem)


def _country_remark(numbers: tuple[Number, ...], region: str | None) -> str:
    """A number whose own country is not the contact's is kept, and it is said."""
    if region is None or len(numbers) != 1 or not numbers[0].valid:
        return ""
    own = numbers[0].region
    if not own or own in (region, "001") or numbers[0].kind == "toll_free":
        return ""
    return f"is a number of {country_name(own)}, while the contact is in {country_name(region)}"


# -- pieces --------------------------------------------------------------------------------


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """(separator before it, piece). A slash within a number ("030/901820") separates nothing."""
    start, before = 0, ""
    held = ""
    for found in _SEPARATORS.finditer(text):
        left = held + text[start : found.start()]
        mark = found.group().strip().lower()
        digits = len(_DIGITS.sub("", left))
        area = not before or left.strip()[:1] in ("0", "+", "(")
        if mark == "/" and 0 < digits < 6 and area:
            held, start = f"{left} ", found.end()
            continue
        if left.strip():
            yield before, left
            before = mark or " "
        held, start = "", found.end()
    if (last := held + text[start:]).strip():
        yield before, last


def _parse_piece(piece: str, separator: str, region: str | None, found: _FieldParse) -> None:
    piece, extension = split_extension(piece)
    label = ""
    if match := _LABEL.match(piece):
        label = (match.group(1) or match.group(2) or "").strip()
        piece = piece[match.end() :]
        found.notes.append(label)
    if match := _NOTE_BEFORE.match(piece):
        found.notes.append(match.group().strip(" -–:,("))
        piece = piece[match.end() :]
    words = _NOTE_BEHIND.split(piece, maxsplit=1)
    if len(words) == 2 and len(_DIGITS.sub("", words[0])) >= 7:
        found.notes.append(words[1].strip(" ()"))
        piece = words[0]
    piece = _ODD.sub(" ", piece).strip(" -")
    digits = _DIGITS.sub("", piece)
    if len(digits) < 3 and not (separator and digits):
        found.notes.append(piece)
        return
    if separator and (mate := _expand_short_form(digits, piece, found)) is not None:
        found.add(mate)
        return
    number, problem = parse_number(piece, region)
    if number is None:
        if len(digits) < 3:
            found.notes.append(piece)
        else:
            found.problems.append(problem)
            found.unread.append(piece)
        return
    number = replace(number, extension=extension or number.extension, label=label)
    if number.valid:
        found.add(number)
        return
    halves = _split_joined_numbers(digits, region) if len(digits) >= 14 else ()
    for half in halves:
        found.add(half)
    if not halves:
        found.problems.append(problem)
        found.unread.append(piece)
        if number.possible and not found.numbers:
            found.doubtful = found.doubtful or number


def _expand_short_form(digits: str, piece: str, found: _FieldParse) -> Number | None:
    """ "020 7946 0000/01": a few digits after a number stand for its last ones."""
    if not found.numbers or not digits or len(digits) > 8 or not re.fullmatch(r"[\d\s-]+", piece):
        return None
    last = list(found.numbers.values())[-1]
    if not last.valid or (len(digits) > 4 and digits.startswith("0")):
        return None
    mate, _ = parse_literal(last.e164[: -len(digits)] + digits, None)
    if mate is None or not mate.valid or mate.region != last.region:
        return None
    return replace(mate, confidence="medium")


# -- when the pieces gave nothing ------------------------------------------------------------


def _search_words(text: str, region: str | None, found: _FieldParse) -> None:
    """Numbers among words, by libphonenumber's matcher; then digits without any mark between."""
    end = 0
    notes: list[str] = []
    for match in PhoneNumberMatcher(text, region, Leniency.VALID, max_tries=50):
        e164 = phonenumbers.format_number(match.number, PhoneNumberFormat.E164)
        number, _ = parse_literal(e164, None)
        if number is not None and number.valid:
            found.add(replace(number, extension=match.number.extension or ""))
            notes.append(text[end : match.start].strip(" ,;:-()"))
            end = match.end
    if found.any_valid:
        found.notes = [note for note in (*notes, text[end:].strip(" ,;:-()")) if note]
        found.unread.clear()
        return
    digits = _DIGITS.sub("", text)
    if re.fullmatch(r"[\d\s().-]+", text):
        for number in _split_joined_numbers(digits, region):
            found.add(number)


def _split_joined_numbers(digits: str, region: str | None) -> tuple[Number, ...]:
    """Two numbers without anything between them, where they can be cut in one way only."""
    if region is None or not 14 <= len(digits) <= 2 * LONGEST:
        return ()
    cuts = []
    for place in range(7, len(digits) - 6):
        pair = [parse_number(part, region)[0] for part in (digits[:place], digits[place:])]
        if all(number is not None and number.valid for number in pair):
            cuts.append((place, pair))
    even = [pair for place, pair in cuts if place * 2 == len(digits)]
    chosen = even or [pair for _, pair in cuts]
    if len(chosen) != 1:
        return ()
    return tuple(replace(number, confidence="medium") for number in chosen[0] if number)
