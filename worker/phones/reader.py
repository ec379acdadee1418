"""From the text of a field to its numbers.

The order matters: junk is told first, then the field is cut where people put several numbers, then
each piece loses its label, note and extension, and only what is left is read as a number.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException

from worker.phones.model import Number, Reading
from worker.phones.numbering import facts
from worker.phones.text import MAX_LENGTH, clean, not_a_number, undamaged

_PLAIN = re.compile(r"\+?[\d ().\-]{3,30}", re.ASCII)
_SEPARATORS = re.compile(
    r"\s*(?:[;|\n\r]|(?<!,),(?!,)|\s/\s|/(?=\s*[+(\d]{4})|\b(?:or|oder|ou|und|and)\b|&)\s*"
    r"|(?<=[\d)])\s+(?=[^\W\d_]{2,12}\s*:\s*[+(\d])"
)
_EXTENSION = re.compile(
    r"[\s,;(]*(?:;ext=|(?:\b|(?<=\d))(?:extension|extn|ext|x|durchwahl|dw|poste|wew|anexo|ramal|int|"
    r"доб|вн)\.?\s*:?|[#]|,,+)\s*#?(\d{1,7})\)?\s*$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\s*([^\W\d_][\w .'-]{0,20}?)\s*[:.]\s*(?=[+(\d])")
_TRUNK = re.compile(r"^(\+\s*\d{1,3}[\s.-]*)\(\s*0\s*\)?-?")
_TEL = re.compile(r"^tel:", re.IGNORECASE)
_DIGITS = re.compile(r"\D")


def read_field(raw: str, region: str | None = None) -> Reading:
    """Read one phone field. `region`: ISO code of the contact's country, None when unknown.

    Never raises; a field that is too long to be one is cut, and the reason says so.
    """
    if not raw:
        return Reading("empty")
    if _PLAIN.fullmatch(raw) and not not_a_number(raw.strip()):
        number, problem = _number(raw, region)
        return _single(number, problem, "")
    text = clean(raw)
    if not text:
        return Reading("empty")
    text, damage = undamaged(text)
    if damage:
        return Reading("invalid", reason=damage)
    if reason := not_a_number(text):
        return Reading("invalid", reason=reason)
    return _several(text, region, len(raw) > MAX_LENGTH)


def _several(text: str, region: str | None, cut: bool) -> Reading:
    numbers: dict[str, Number] = {}
    notes: list[str] = []
    problems: list[str] = []
    for piece in _SEPARATORS.split(text):
        if not piece:
            continue
        core, extension, note = _parts(piece)
        if note:
            notes.append(note)
        if len(_DIGITS.sub("", core)) < 3:
            notes.append(core.strip())
            continue
        number, problem = _number(core, region)
        if number is None:
            problems.append(problem)
        else:
            if extension:
                number = _with_extension(number, extension)
            numbers.setdefault(number.e164, number)
    note = ", ".join(filter(None, notes))
    if cut:
        note = f"{note} (the field is too long; only its start was read)".strip()
    found = tuple(numbers.values())
    if len(found) <= 1:
        problem = problems[0] if problems else "holds no number"
        return _single(found[0] if found else None, problem, note)
    return Reading("number", found, note)


def _single(number: Number | None, problem: str, note: str) -> Reading:
    if number is not None:
        reason = "" if number.valid else facts(number.e164).problem
        return Reading("number", (number,), note, reason)
    if problem == _NO_COUNTRY:
        return Reading("no_country", (), note, _NO_COUNTRY)
    return Reading("invalid", (), note, problem)


def _parts(piece: str) -> tuple[str, str, str]:
    """A piece without its label, extension and note."""
    notes = []
    piece = _TEL.sub("", piece.strip())
    if label := _LABEL.match(piece):
        notes.append(label.group(1))
        piece = piece[label.end() :]
    extension = ""
    if found := _EXTENSION.search(piece):
        extension = found.group(1)
        piece = piece[: found.start()]
    # A vanity number keeps its letters; other words around a number are notes.
    words = re.split(r"(?<=[\d)])\s+(?=[^\W\d_(]|\()|\s+(?=\([^\d)]+\))", piece, maxsplit=1)
    if len(words) == 2 and len(_DIGITS.sub("", words[0])) >= 7:
        notes.append(words[1].strip(" ()"))
        piece = words[0]
    return piece, extension, " ".join(filter(None, notes))


_NO_COUNTRY = "is a local number, and nothing tells its country"


def _number(text: str, region: str | None) -> tuple[Number | None, str]:
    text = _TRUNK.sub(r"\1", text.strip())
    digits = _DIGITS.sub("", text)
    if len(digits) > 20:
        return None, "holds too many digits for one number"
    if len(digits) < 4:
        return None, "holds too few digits for a number"
    international = text.lstrip("( ").startswith("+")
    if not international and digits.startswith("00") and len(digits) > 9:
        text, international = f"+{digits.lstrip('0')}", True
    if (
        not international
        and digits.startswith("011")
        and region in ("US", "CA")
        and len(digits) > 11
    ):
        text, international = f"+{digits[3:]}", True
    if international:
        number, problem = _parsed(text, None)
        if number is None or number.valid:
            return number, problem
        without = _without_trunk_zero(number.e164)
        return (without, "") if without is not None else (number, problem)
    if region is None:
        # Without a country only a number that starts with its own country code can be told.
        number, _ = _parsed(f"+{digits}", None) if len(digits) >= 10 else (None, "")
        return (number, "") if number is not None and number.valid else (None, _NO_COUNTRY)
    number, problem = _parsed(text, region)
    if number is not None and number.valid:
        return number, ""
    # People leave the plus out: "4915123456789" in a German contact, or any other.
    other, _ = _parsed(f"+{digits}", None) if len(digits) >= 10 else (None, "")
    if other is not None and other.valid:
        return other, ""
    return number, problem


def _without_trunk_zero(e164: str) -> Number | None:
    """+48 018 353... -> +48 18 353...: the zero that is dialled inside the country only."""
    parsed = phonenumbers.parse(e164)
    code = str(parsed.country_code)
    rest = e164[1 + len(code) :]
    if not rest.startswith("0"):
        return None
    number, _ = _parsed(f"+{code}{rest.lstrip('0')}", None)
    return number if number is not None and number.valid else None


def _parsed(text: str, region: str | None) -> tuple[Number | None, str]:
    try:
        parsed = phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            return None, "has a country code that does not exist"
        return None, "holds no number"
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    known = facts(e164)
    number = Number(
        e164, parsed.extension or "", known.kind, known.region, known.valid, known.possible
    )
    return number, known.problem


def _with_extension(number: Number, extension: str) -> Number:
    return Number(number.e164, extension, number.kind, number.region, number.valid, number.possible)
