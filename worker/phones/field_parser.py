"""Parse the text of a phone field into its numbers.

The order matters:

1. Junk is told by its looks (`text`), and a tel: URI is read as one number.
2. A number that is spelt as words is read (`vanity`).
3. Extensions are brought to one form (`extensions`), and the text is cut into chunks of digits
   (`chunks`).
4. Each chunk is read as a number (`number_parser`); or as a short form of the number before it
   (`short_forms`); or, where it is too long for one, as several with a space between them, or as
   a number beside an id (`joined_numbers`).
5. Where digits are left over, or marks stand in them, the text is read once more without what is
   no number (`rereading`, `asides`).
6. What stands between the numbers becomes their labels and the note.

Nothing that is international (a plus, a prefix that is dialled) is ever cut into two, unless it is
too long for one and a tab or a dot stands in it (`chunks`), or both parts are unbroken. Letters are
no digits: a number that looks right and is not what was typed would be somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from msgspec.structs import replace

from worker.phones import asides, joined_numbers, metadata, rereading, short_forms, vanity
from worker.phones.chunks import AND, LABELS, Chunk, chunks_of
from worker.phones.extensions import CANONICAL, canonicalize_extensions
from worker.phones.fast_parser import digits_of_plain
from worker.phones.metadata import country_name, is_possible, short_code
from worker.phones.model import Number, ParsedField
from worker.phones.number_parser import (
    NO_COUNTRY,
    is_international,
    is_of_usual_length,
    mended,
    parse_literal,
    parse_number,
    shortest_of,
)
from worker.phones.parse_state import ParseState
from worker.phones.text import (
    MAX_LENGTH,
    chat_number,
    clean,
    fictitious_reason,
    find_uri,
    is_invisible,
    not_a_number_reason,
    undo_spreadsheet_damage,
)
from worker.phones.trunk_prefixes import has_carrier_code, lacks_trunk_prefix

# What ends in a dot and one or two digits may be an amount, and is looked at as a whole.
_PLAIN = re.compile(r"\+?[\d ().\-]{3,30}(?<!\.\d)(?<!\.\d\d)", re.ASCII)
# A field that cleaning has made plain ("'4930149200"); brackets may be a list's: "1) 4930149200".
# The address of a computer, with a group of one or three digits within; a place; a span of years.
_AMBIGUOUS = re.compile(
    r"(?=\d+\.(?:(?:\d|\d{3})\.|\d+\.(?:\d|\d{3})\.))(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|\Z)){4}"
    r"|-?\d{1,3}\.\d{4,}\s-?\d{1,3}\.\d{4,}"
    r"|(?:19[5-9]|20[0-3])\d\s?-\s?(?:19[5-9]|20[0-3])\d",
    re.ASCII,
)
_TWO_YEARS = 8  # digits
_OTHER_SENSE = "the digits may as well be years, a place on the map or the address of a computer"
_PLAIN_ONCE_CLEAN = re.compile(r"\+?\d(?:[ .\-]?\d)*", re.ASCII)
_DIGITS = re.compile(r"\D")
_TAIL = re.compile(r"\d\s*-\s*\d{1,5}\s*\Z", re.ASCII)
_PLUS_BEHIND = re.compile(r"\A(\d{1,3})\s*\+\s*(?=\d)")
_TWO_PLUSES = re.compile(r"\A\+(\d{1,3})\s?\+(?=\d)")  # "+258+21 41 73 72"
_TWO_CODES = re.compile(r"\A\+(\d{1,3})\s?\+\1(?=[\s\d])")  # "+62+62 21 ..."
_SLASHED_CODE = re.compile(r"\A\s*/\s*(\+?\d[\d \-]{0,8})/\s*(?=\d)", re.ASCII)  # "/22/ 826 80 01"
# A number with one mark between all its groups: "+225/07/07/12/3456", "0475/12/34/56".
_IN_GROUPS = re.compile(
    r"\+\d{1,3}\s?([/|,;])\s?\d{1,8}(?:\s?\1\s?\d{1,8})+|\(?0\d{1,4}\)?(?:\s?/\s?\d{2,4}){2,}",
    re.ASCII,
)
_CODE_ALONE = re.compile(r"\+(\d{1,3})\s?[/|,;]", re.ASCII)
_PLUS_AS_AND = re.compile(r"(?<=\d)\s+\+\s*(?=0[1-9])")
_PLUS_BETWEEN = re.compile(r"(?P<first>\+?[^+]*\d)\s+\+\s+(?P<second>[\d(][^+]*)")
_SHORTEST_E164 = 7  # characters of an E.164 that is worth keeping though it is not valid
_CUT_SHORT = 8  # characters of an E.164 that may be the first part of a number with a slash
_SHORTEST = 7  # digits of a number that stands beside others
_SHORTEST_ON_ISLANDS = 4  # digits
_WITHIN = ("/", "\n", "-")  # may stand within a number
_LAST_PART = 4  # digits of the last part of a number with such a mark, at least
_PAUSED = 5  # digits of an extension behind a single comma, at the most
_SHORTEST_BEFORE_A_YEAR = 9  # characters of an E.164: a shorter one lacks its last digits
_LONGEST_E164 = 14  # characters: few plans know longer ones, Germany's knows nearly any
_SHORTEST_IN_GROUPS = 9  # characters of an E.164: a shorter one may be a date in an odd form
_CUT_WRONG = "holds no number"
_UNREADABLE = "holds characters that cannot be read"
_SOLD_AS_WORDS = ("toll_free", "premium", "other")  # line types
_OF_PERSONS = ("landline", "mobile", "unknown")  # line types
_MAYBE_NATIONAL = "its link may hold a number of the contact's own country"
_FIRST_LETTER = re.compile(r"[A-Za-z]")
_MAYBE_DAY = "the digits may as well be a day"
_MAYBE_MORE = "the last digits may belong to the word behind them"
_SLASH_WITHIN = "a slash stands within it"
_EXTENSION = "the digits behind it count as its extension"
_RANGE = "it is the first one of a range"
_JOINED = "no mark stands between it and the next one"
_FEW_DIGITS = "so few digits beside another number may be none"
_MAYBE_ID = "it lacks the prefix that the number beside it has, and may be an id"
_WITHOUT_GROUP = "the digits beside a word are left out"
_MASKED = "holds letters or marks in the place of digits"
_WORDS = "holds words, not a number"
_SEPARATORS = " ,;|&/\n\r\t"
_AND_AT_END = re.compile(rf"(?:(?<![^\W\d_])(?:{AND})|[{_SEPARATORS}])+\Z", re.IGNORECASE)
_AND_AT_START = re.compile(rf"\A(?:(?:{AND})(?![^\W\d_])|[{_SEPARATORS}])+", re.IGNORECASE)
_LABEL = re.compile(
    rf"(?:(?<![^\W\d_])[^\W\d_][^\d:;,|/()]{{0,24}}[.:-]|\(?(?<![^\W\d_])(?:{LABELS})\)?\.?)\s*\Z",
    re.IGNORECASE,
)
_LABEL_AT_START = re.compile(rf"\A\s*(?:{LABELS})(?![^\W_])\s*[.:]?\s*", re.IGNORECASE)


def parse_field(raw: str, region: str | None = None) -> ParsedField:
    """Parse one phone field. `region`: ISO code of the contact's country, None when unknown.

    Never raises; a field that is too long to be one is cut, and the note says so.
    """
    if not raw:
        return ParsedField("empty")
    if (plain := _parse_plain(raw, region)) is not None:
        return plain
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
    if digits := chat_number(text):
        return _parse_chat_link(digits, region)
    if reason := not_a_number_reason(text):
        return ParsedField("invalid", reason=reason)
    is_plain_now = text != raw and _PLAIN_ONCE_CLEAN.fullmatch(text) is not None
    if is_plain_now and (plain := _parse_plain(text, region)) is not None:
        return plain
    if (number := _spelt(text, region)) is not None:
        return ParsedField("number", (number,), remark=_remark((number,), region))
    return _parse_text(text, region, len(raw) > MAX_LENGTH)


def _parse_plain(text: str, region: str | None) -> ParsedField | None:
    """A text of digits and the usual marks alone, as most fields are, if it is one number for sure;
    else None."""
    if _PLAIN.fullmatch(text) is None or fictitious_reason(digits := digits_of_plain(text), text):
        return None
    number, problem = parse_number(text, region)
    if number is not None and number.valid:
        is_odd = text[0] != "+" and (len(digits) == _TWO_YEARS or "." in text)
        if is_odd and _AMBIGUOUS.fullmatch(text):
            number = replace(number, confidence="low", basis=_OTHER_SENSE)
        is_long = len(number.e164) > _LONGEST_E164 or ("." in text and " " in text)
        if not (is_long and _is_dated(text)):
            return ParsedField("number", (number,), remark=_remark((number,), region))
    elif 2 < len(digits) < 2 * shortest_of(region) and not _may_be_more(text, problem):
        return _without_valid_number(number, short_code(digits, region) or problem, "")
    return None


def _is_dated(text: str) -> bool:
    """Whether a year, opening hours, a day or a version may stand beside the number."""
    if short_forms.without_year(text) or short_forms.has_hours_behind(text):
        return True
    return "." in text and " " in text and asides.without_marks(text) != text


def _may_be_more(text: str, problem: str) -> bool:
    """Whether the last digits may be the end of a range, an extension or a year."""
    if text.rfind("(") > _SHORTEST_ON_ISLANDS or _is_dated(text):
        return True  # "415-555-2671 (2)"
    has_tail = "-" in text and _TAIL.search(text) is not None
    return has_tail and "too short" not in problem and "kept for" not in problem


def _parse_uri(link: str, region: str | None) -> ParsedField:
    """A tel: URI (RFC 3966), which libphonenumber reads as a whole."""
    number, problem = parse_literal(link.removeprefix("tel:"), region)
    if number is None or not number.valid:
        return _without_valid_number(number, problem, "")
    return ParsedField("number", (number,), remark=_remark((number,), region))


def _parse_chat_link(linked: str, region: str | None) -> ParsedField:
    """A link to a chat, which holds a number in international form, mostly without its plus. Some
    people put a national one there: what may be either is less sure."""
    number, _ = parse_number(f"+{linked.removeprefix('+')}", region)
    if number is None or not number.valid:
        return parse_field(linked, region)
    if linked[0] != "+" and number.region != region and region is not None:
        national, _ = parse_number(linked, region)
        is_of_chat = national is not None and national.kind in ("mobile", "unknown")
        if national is not None and national.valid and is_of_chat:
            number = replace(number, confidence="low", basis=_MAYBE_NATIONAL)
    return ParsedField("number", (number,), remark=_remark((number,), region))


def _spelt(text: str, region: str | None) -> Number | None:
    """A number that is spelt as words; more letters than the plan has digits are not dialled."""
    unlabelled = _LABEL_AT_START.sub("", text)
    digits = vanity.spelt_number(unlabelled)
    if digits and _is_whole_before_a_word(text, unlabelled, region):
        return None
    for length in (len(digits), len(digits) - 1, len(digits) - 2) if digits else ():
        number, _ = parse_number(digits[:length], region)
        if number is not None and number.valid:
            return number if number.kind in _SOLD_AS_WORDS else None
    return None


def _is_whole_before_a_word(text: str, unlabelled: str, region: str | None) -> bool:
    """Whether a word stands behind a number that is whole: "0800 12345 Room 12", "... ext 45"."""
    if canonicalize_extensions(text) != text:
        return True
    word = _FIRST_LETTER.search(unlabelled)
    before, _ = parse_number(unlabelled[: word.start()], region) if word else (None, "")
    return before is not None and before.valid


def _parse_text(text: str, region: str | None, cut: bool) -> ParsedField:
    parse = _read(text, region)
    if parse.chunks and rereading.may_hold_asides(text, parse):
        parse = rereading.without_asides(text, parse, region, _read)
    text, chunks = parse.text, parse.chunks
    if parse.numbers[1:]:
        parse.numbers = _with_likely_ids(parse)
    labels, note = _words(text, parse.spans) if parse.spans else ([], "")
    if cut:
        note = f"{note} (the field is too long; only its start was read)".strip()
    if parse.numbers and text[0] == "+" and _is_of_another_code(text, parse.numbers):
        return ParsedField("invalid", (), text, _CUT_WRONG)
    if parse.numbers:
        numbers = tuple(
            replace(number, label=label) if label else number
            for number, label in zip_longest(parse.numbers, labels[: len(parse.numbers)])
        )
        return ParsedField("number", numbers, note, "", _remark(numbers, region))
    problem = parse.problems[0] if parse.problems else _WORDS
    if len(chunks) == 1 and (short := short_code(chunks[0].digits, region)):
        problem = short
    return _without_valid_number(parse.doubtful, problem, note)


def _read(text: str, region: str | None) -> ParseState:
    """Read a text as one number with a mark between all its groups, or chunk by chunk."""
    text = _with_usual_codes(text)
    between = _PLUS_BETWEEN.fullmatch(text) if " + " in text else None
    if between is not None and _is_national(between["second"], region):
        text = f"{between['first']} & {between['second']}"
    text = canonicalize_extensions(text)
    if grouped := _IN_GROUPS.fullmatch(text):
        number, _ = parse_number(text.replace(grouped[1] or "/", " "), region)
        if number is not None and number.valid and len(number.e164) > _SHORTEST_IN_GROUPS:
            return ParseState(text, (), [number], [(0, len(text))])
    chunks = chunks_of(text)
    parse = ParseState(text, chunks, in_list=short_forms.are_a_list(chunks))
    place = 0
    while place < len(chunks):
        place += _parse_chunk(text, chunks[place:], region, parse)
    return parse


def _with_likely_ids(parse: ParseState) -> list[Number]:
    """Return the numbers, those with low confidence that lack a prefix which another one has."""
    pieces = dict(parse.pieces)
    lacking = {
        number.e164
        for number in parse.numbers
        if (typed := pieces.get(number.e164, ""))
        and (lacks_trunk_prefix(typed, number) or has_carrier_code(typed, number))
    }
    if len(lacking) == len(parse.numbers):
        return parse.numbers
    return [
        replace(number, confidence="low", basis=_MAYBE_ID) if number.e164 in lacking else number
        for number in parse.numbers
    ]


def _is_national(text: str, region: str | None) -> bool:
    """Whether digits behind a plus are a number of the country, and not of another one by its code,
    which is then a group of its own."""
    number, _ = parse_number(text, region)
    if number is None or not number.valid:
        return False
    abroad, _ = parse_literal(f"+{text}", None)
    if abroad is None or not abroad.valid:
        return True
    parts = metadata.split(abroad.e164)
    return parts is None or not re.match(rf"{parts[0]}\D", text)


def _is_of_another_code(text: str, numbers: Sequence[Number]) -> bool:
    """Whether a country code stands alone before the numbers, and none of them has it: then the
    text was cut where nobody meant it to be."""
    alone = _CODE_ALONE.match(text)
    return alone is not None and not any(
        number.e164.startswith(f"+{alone[1]}") for number in numbers
    )


def _with_usual_codes(text: str) -> str:
    """Write country and area codes with unusual marks as most people do, and a plus that stands for
    "and" as one."""
    if "+" in text[1:]:
        text = _TWO_PLUSES.sub(r"+\1 ", _TWO_CODES.sub(r"+\1 \1 ", text))
    if "/" in text:
        text = _SLASHED_CODE.sub(r"(\1) ", text)
    if "+" in text[1:]:
        text = _PLUS_AS_AND.sub(" & ", _PLUS_BEHIND.sub(r"+\1 ", text))
    return text


def _without_valid_number(number: Number | None, problem: str, note: str) -> ParsedField:
    if number is not None and number.possible and len(number.e164) > _SHORTEST_E164:
        return ParsedField("number", (number,), note, problem)
    if problem == NO_COUNTRY:
        return ParsedField("no_country", (), note, NO_COUNTRY)
    return ParsedField("invalid", (), note, problem)


def _remark(numbers: tuple[Number, ...], region: str | None) -> str:
    """Say what the first number rests on, if it is not just as it was typed, and that its own
    country is not the contact's."""
    first = numbers[0]
    basis = f"is read with {first.confidence} confidence: {first.basis}" if first.basis else ""
    if region is None or len(numbers) != 1 or not first.valid:
        return basis
    own = first.region
    if not own or own in (region, "001") or first.kind == "toll_free":
        return basis
    foreign = f"is a number of {country_name(own)}, while the contact is in {country_name(region)}"
    return f"{foreign}; it {basis}" if basis else foreign


# -- chunks --------------------------------------------------------------------------------


def _parse_chunk(text: str, chunks: Sequence[Chunk], region: str | None, parse: ParseState) -> int:
    """Read the first of these chunks, with those behind it where they belong to it; how many."""
    chunk = chunks[0]
    if chunk.spoilt:
        is_read = _parse_without_outer_group(chunk, region, parse)
        if not (is_read or _parse_beside_id(chunk, region, parse)):
            parse.problems.append(_MASKED)
        return 1
    digits = chunk.digits
    is_area_code = digits.startswith("0") and len(digits) < _SHORTEST
    if is_area_code and (taken := _parse_joined(chunks, region, parse)):
        return taken
    if (len(digits) < _SHORTEST or parse.is_group(chunk)) and _parse_short_form(text, chunk, parse):
        return 1
    if len(digits) < 3 and (len(chunks) == 1 or chunks[1].joint not in _WITHIN):
        return 1
    if parse.last is not None and "(" in chunk.text:
        mate = short_forms.behind_its_code(chunk, parse.last, parse.typed)
        if mate is not None:
            parse.add(replace(mate, extension=chunk.extension), chunk.start, chunk.end)
            return 1
    if parse.last is not None and parse.last.region != region and chunk.joint:
        mate = short_forms.beside_a_foreign_one(chunk, parse.last, parse.typed)
        if mate is not None:
            parse.add(replace(mate, extension=chunk.extension), chunk.start, chunk.end)
            return 1
    if chunks[1:] and chunk.joint != "/" and short_forms.is_year(chunk.text):
        return 1
    number, problem = parse_number(chunk.text, region)
    if number is not None and number.valid:
        return _take_number(number, chunks, region, parse)
    if taken := _parse_joined(chunks, region, parse):
        return taken
    if (
        _parse_short_form(text, chunk, parse)
        or _parse_without_outer_group(chunk, region, parse)
        or _parse_otherwise(text, chunk, region, parse)
    ):
        return 1
    if len(digits) >= 3:
        parse.problems.append(problem)
    if number is not None and number.possible and parse.doubtful is None:
        parse.doubtful = replace(number, extension=chunk.extension)
    return 1


def _take_number(
    number: Number, chunks: Sequence[Chunk], region: str | None, parse: ParseState
) -> int:
    """Keep the number that the first of these chunks is, unless it may be something else; return
    how many chunks it takes."""
    chunk = chunks[0]
    is_cut = chunks[1:] and chunks[1].joint == "/" and not number.e164[_CUT_SHORT:]
    if is_cut and _parse_short_with_next(number, chunks, region, parse):
        return 2
    if number.e164[_LONGEST_E164:] and (
        _parse_without_year(chunk, region, parse)
        or _parse_without_outer_group(chunk, region, parse)  # "030 901820 10115 Berlin"
    ):
        return 1
    if number.e164[_LONGEST_E164:] and _is_whole_before_a_group(chunk):
        number = replace(number, confidence="low", basis=_MAYBE_MORE)
    if parse.last is not None or chunks[1:]:
        digits = chunk.digits
        if fictitious_reason(digits, chunk.text):
            return 1
        if short_forms.is_day(chunk.text):
            number = replace(number, confidence="low", basis=_MAYBE_DAY)
    if parse.last is not None and len(digits) < min(_SHORTEST, len(_DIGITS.sub("", parse.typed))):
        if len(digits) < shortest_of(region):
            return 1  # beside a whole number, so few digits are hardly another one
        if len(number.e164) != len(parse.last.e164) or number.region != parse.last.region:
            number = replace(number, confidence="low", basis=_FEW_DIGITS)
    if chunk.slip and _may_lack_a_digit(number.e164, is_word=chunk.word_glued):
        parse.problems.append(_MASKED)
        return 1  # one digit may be missing
    if chunk.slip and _is_whole_without_last_group(chunk, region):
        number = replace(number, confidence="low", basis=_MAYBE_MORE)  # "... 345 2x"
    if chunk.extension:
        number = replace(number, extension=chunk.extension)
    parse.add(number, chunk.start, chunk.end, chunk.text)
    return 1


def _is_whole_before_a_group(chunk: Chunk) -> bool:
    """Whether "+49 30 901820 10115 Berlin" is a number without the group that a word stands behind.
    What begins with a plus is not cut."""
    before = chunk.text.rpartition(" ")[0] if chunk.words[1] else ""
    number = parse_number(before, None)[0] if before else None
    return number is not None and number.valid and is_of_usual_length(number)


def _may_lack_a_digit(e164: str, *, is_word: bool) -> bool:
    """Whether a number may have one digit more, for which a letter or mark stands. A word stands
    for none: it matters only where such a number exists."""
    if not is_possible(e164 + "0"):
        return False
    return not is_word or any(metadata.facts(e164 + digit).valid for digit in "0123456789")


def _is_whole_without_last_group(chunk: Chunk, region: str | None) -> bool:
    before, _, last = chunk.text.rpartition(" ")
    number = parse_number(before, region)[0] if before and len(last) < _LAST_PART else None
    return number is not None and number.valid


def _parse_short_form(text: str, chunk: Chunk, parse: ParseState) -> bool:
    if parse.last is None or parse.has_extension or is_international(chunk.text):
        return False
    if re.search(r"\d", text[parse.spans[-1][1] : chunk.start]):
        return False  # other digits stand between the two
    mate = short_forms.expand(chunk, parse.last, parse.typed, in_list=parse.in_list)
    if mate is not None:
        parse.add(replace(mate, extension=chunk.extension), chunk.start, chunk.end)
        return True
    if mates := short_forms.tails_behind(chunk, parse.last):
        for mate in mates:
            parse.add(mate, chunk.start, chunk.end)
        return True
    return _is_extension(text, chunk, parse)


def _parse_without_outer_group(chunk: Chunk, region: str | None, parse: ParseState) -> bool:
    """Read "415-555-2671 2nd floor" and "Room 214 415-555-2671": the group that touches a word is
    no part of the number. Only where one of the two ways gives a number."""
    if is_international(chunk.text) or " " not in chunk.text:
        return False
    before, behind = chunk.words
    texts = [chunk.text.split(" ", 1)[1]] if before else []
    texts += [chunk.text.rsplit(" ", 1)[0]] if behind or (chunk.spoilt and not before) else []
    numbers = [(text, parse_number(text, region)[0]) for text in texts]
    valid = [(text, number) for text, number in numbers if number is not None and number.valid]
    if len(valid) != 1 or (chunk.spoilt and _is_masked(chunk)):
        return False
    text, number = valid[0]
    number = mended(number, _WITHOUT_GROUP)
    parse.add(replace(number, extension=chunk.extension), chunk.start, chunk.end, text)
    return True


def _is_masked(chunk: Chunk) -> bool:
    """Whether what spoils a chunk is no word beside it."""
    return not any(chunk.words)


def _parse_joined(chunks: Sequence[Chunk], region: str | None, parse: ParseState) -> int:
    """One number with a slash or a line break in it: "030/901820". How many chunks it takes."""
    text = chunks[0].text
    for count, chunk in enumerate(chunks[1:4], 2):
        if chunk.joint not in _WITHIN or chunks[count - 2].extension or chunk.spoilt:
            return 0
        text = f"{text} {chunk.text}"
        if len(chunk.digits) < _LAST_PART:
            continue  # as its last part it would be a short form of what stands before
        number, _ = parse_number(text, region)
        if number is not None and number.valid:
            number = replace(number, extension=chunk.extension)
            parse.add(number, chunks[0].start, chunk.end, text)
            return count
    return 0


def _parse_short_with_next(
    short: Number, chunks: Sequence[Chunk], region: str | None, parse: ParseState
) -> bool:
    """Read "2123/1231" in Uruguay, where 2123 alone is a number of a service: two groups that make
    a number of the usual length are one number."""
    first, second = chunks[:2]
    if first.extension or second.spoilt or len(second.digits) < _LAST_PART:
        return False
    text = f"{first.text} {second.text}"
    number, _ = parse_number(text, region)
    if number is None or not number.valid or number.kind not in _OF_PERSONS:
        return False
    if not is_of_usual_length(number, exactly=True) or is_of_usual_length(short):
        return False
    number = mended(replace(number, extension=second.extension), _SLASH_WITHIN)
    parse.add(number, first.start, second.end, text)
    return True


def _is_as_whole(digits: str, number: Number) -> bool:
    """Whether digits are as long as a whole number and exist in the same plan."""
    parts = metadata.split(number.e164)
    is_as_long = parts is not None and len(parts[1]) == len(digits)
    return is_as_long and metadata.facts(f"+{parts[0] if parts else ''}{digits}").valid


def _is_extension(text: str, chunk: Chunk, parse: ParseState) -> bool:
    """Digits behind a comma without a space, or a semicolon, at the end: dialled after a pause."""
    pause = chunk.joint == ";" or (chunk.joint == "," and chunk.glued)
    if not pause or text[chunk.end :].strip() or not chunk.text.isdigit():
        return False
    if short_forms.is_year(chunk.digits):
        return False
    if len(chunk.digits) >= _SHORTEST_ON_ISLANDS and _is_as_whole(chunk.digits, parse.numbers[-1]):
        return False
    if len(chunk.digits) > (_SHORTEST if chunk.joint == ";" else _PAUSED):
        return False
    if parse.spans[-1][1] != len(text[: chunk.start].rstrip(" ,;")):
        return False
    parse.numbers[-1] = replace(parse.numbers[-1], extension=chunk.digits)
    parse.has_extension = True
    return True


def _parse_otherwise(text: str, chunk: Chunk, region: str | None, parse: ParseState) -> bool:
    """Read a chunk that is no number by itself: with a year, the last digits of others or the end
    of a range behind it, or as several."""
    if _parse_without_year(chunk, region, parse):
        return True
    first, tails = short_forms.with_tails(chunk.text)
    number = parse_number(first, region)[0] if first else None
    if number is not None and number.valid and (mates := short_forms.mates(number, tails)):
        for each in (number, *mates):
            parse.add(each, chunk.start, chunk.end, first)
        return True
    for split, as_extension in (
        (short_forms.without_range_end, False),
        (short_forms.with_direct_dialling, True),
    ):
        first, last = split(chunk.text)
        number = parse_number(first, region)[0] if first else None
        if number is not None and number.valid:
            extension = last if as_extension else chunk.extension
            basis = (
                "digits behind it count as its extension"
                if as_extension
                else "a range of them is given"
            )
            number = mended(replace(number, extension=extension), basis)
            parse.add(number, chunk.start, chunk.end, first)
            return True
    is_behind_digits = text[: chunk.start].rstrip()[-1:].isdigit()  # cut from them by spaces
    shortest = _SHORTEST if is_behind_digits else shortest_of(region)
    for part in joined_numbers.split_joined(chunk.text, region, shortest):
        parse.add(part.number, chunk.start, chunk.end, part.text)
    if parse.spans and parse.spans[-1] == (chunk.start, chunk.end):
        parse.set_extension(chunk.extension)
        return True
    return not is_behind_digits and _parse_beside_id(chunk, region, parse)


def _parse_beside_id(chunk: Chunk, region: str | None, parse: ParseState) -> bool:
    """Read "4500012345 030 901820" and "Ref. 7781 030 901820": one of the two is an id."""
    if chunk.spoilt and not chunk.announced:
        return False
    part = joined_numbers.beside_id(chunk.text, region, is_announced=chunk.announced)
    if part is None:
        return False
    number = replace(part.number, extension=chunk.extension)
    parse.add(number, chunk.start, chunk.end, part.text)
    return True


def _parse_without_year(chunk: Chunk, region: str | None, parse: ParseState) -> bool:
    """Read "415-555-2671 2019": the year is a note."""
    first = "" if chunk.extension else short_forms.without_year(chunk.text)
    while first:
        number, _ = parse_number(first, region)
        if number is not None and number.valid and len(number.e164) > _SHORTEST_BEFORE_A_YEAR:
            parse.add(number, chunk.start, chunk.start + len(first), first)
            return True
        first = short_forms.without_year(first)  # "2019-2020"
    return False


# -- what stands beside the numbers ----------------------------------------------------------


def _words(text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[str], str]:
    """Return a label for each number ("" for none), and all other words as one note."""
    labels: list[str] = []
    notes: list[str] = []
    before = 0
    for start, end in (*dict.fromkeys(spans), (len(text), len(text))):
        words = text[before:start]
        before = end
        is_before_a_number = start != len(text) or len(labels) < len(spans)
        if not words:
            labels += [""] * is_before_a_number
            continue
        words = _AND_AT_START.sub("", words)
        label = _LABEL.search(words) if is_before_a_number else None
        if label is not None:
            labels.append(_bare(label.group()))
            words = words[: label.start()]
        elif is_before_a_number:
            labels.append("")
        notes.append(_bare(_AND_AT_END.sub("", words)))
        if label is not None:
            notes.append(labels[-1])
    return labels, ", ".join(filter(None, notes))


def _bare(words: str) -> str:
    if ";ext=" in words:
        words = CANONICAL.sub(r" ext. \1", words)
    return words.strip(" ()[]-–:.,;|&/\n\r\t")
