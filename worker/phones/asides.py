"""Find what stands beside phone numbers and is none: ids, dates, amounts, versions.

Its digits are blanked, so that those beside it are read as if it were not there. What `chunks`
leaves aside in every text (days with a year, times, page addresses) is not looked for again.

An id (`without_ids`) is nobody's phone number in any spelling. The rest (`without_marks`,
`without_codes`, `without_odd_words`) may as well be part of one ("12/24", "3.2.1"): `rereading`
compares the readings with and without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from worker.phones.text import is_luhn

BLANK = "\x1a"  # stands for a digit that is no number's; no text holds one

_DIGIT = re.compile(r"\d", re.ASCII)
_ANY_DIGIT = re.compile(rf"[0-9{BLANK}]")
_NO_DIGIT = re.compile(r"\D", re.ASCII)
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"

_EMAIL = re.compile(r"[^\s@,;|<>()\[\]]+@[^\s@,;|<>()\[\]]+\.[A-Za-z]{2,}")
# A UUID (RFC 9562), an address of a network card or a computer (RFC 4291), a hash.
_HEX_ID = re.compile(
    r"(?<![0-9a-z+:])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}"
    r"|(?=\S*[a-f])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}"
    r"|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{12,64}"
    r")(?![0-9a-z:])",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![\d+])(?:(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:(?:[ -]\d{4}){3}|\d{12})"
    r"|3[47]\d\d(?:[ -]\d{6}[ -]\d{5}|\d{11}))(?!-?\d)",
    re.ASCII,
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?: ?[A-Z0-9]{1,4})+(?!\w)", re.ASCII)
_IBAN_LENGTHS = range(15, 35)  # characters (ISO 13616)

_START, _END = r"(?<![\w.+/:@,-])", r"(?![\w/]|[.:,-]\w)"
_AMOUNT = r"\d{1,3}(?:[.,' ]\d{3})*[.,]\d{1,2}(?!\d)|\d{1,3}(?:[.,']\d{3})+(?![.\d])"
_CODE = r"(?:EUR|USD|GBP|CHF|Eur|eur|usd|gbp|chf)"  # of a currency (ISO 4217)
_SIGN = r"[€$£¥₹]"
_SUM = re.compile(
    rf"(?<![^\s(])(?:{_AMOUNT}|\d{{1,3}}(?: \d{{3}})+|\d{{1,7}})\s?"
    rf"(?=(?:{_CODE}\b|{_SIGN})(?!\s?[\d{BLANK}]))"
    rf"|(?<!\w)(?:[A-Z]{{3}}\s|{_CODE})(?:{_AMOUNT}|\d{{1,7}}(?![\d.,-]|\s\d))"
    rf"|(?<![^\s(])(?:{_AMOUNT})\s?(?=[A-Z]{{3}}\b)",
    re.ASCII,
)
_MARKED = re.compile(
    rf"{_START}(?:{_MONTH}/\d\d|\d{{1,3}}/{_YEAR}|{_YEAR}/\d{{1,6}}"  # "12/24", "77/2023"
    rf"|(?:{_DAY}([.-]){_MONTH}\1|{_MONTH}([.-]){_DAY}\2)\d\d"  # "14.03.21"
    r"|\d{1,3}(?:\.\d{1,3}){2,3}"  # a version, the address of a computer
    rf"|-?\d{{1,6}}[.,]\d{{1,8}}|{_AMOUNT}"
    r"|\d(?:[.,]\d+)?E\+?\d{1,3}"  # what a spreadsheet made of a long number
    r"|\d{1,2}h\d\d|\d{1,2}[.:]\d\d\s?-\s?\d{1,2}[.:]\d\d"  # "18h30", "8.30-16.45"
    rf"){_END}"
    r"|(?<=\()\d{1,2}\s?-\s?\d{1,2}(?=\))"  # "(9-15)"
    r"|\d{1,3}°\s?(?:\d{1,2}(?:[.,]\d+)?\s?['′]\s?)?(?:\d{1,2}(?:[.,]\d+)?\s?[\"″])?",
    re.ASCII,
)
_WORD = re.compile(r"[^\s,;|()\[\]<>\"'=]+")
_MIXED = re.compile(r"[A-Za-z][#./_-]?\d|\d[./_-]?[A-Za-z]", re.ASCII)
_CODE_WORD = re.compile(r"#?[\w./:-]{4,}", re.ASCII)
# Letters that a finger or an eye takes for digits, or that stand in the place of digits.
_LOOK_ALIKES = frozenset("OoIilLSsBZzQGgXx")
_LETTERS_FIRST = re.compile(r"#?[A-Za-z](?:[A-Za-z][\w-]*[#./:_-]?)?\d\S*\d", re.ASCII)
_FEWEST_BESIDE_LETTER = 5  # digits of a word that does not begin with letters


def without_ids(text: str) -> str:
    """Blank what is surely no phone number.

    >>> without_ids("030 901820 max84@example.com").replace(BLANK, "_")
    '030 901820 max__@example.com'
    """
    if "@" in text:
        text = _EMAIL.sub(_blanked, text)
    text = _HEX_ID.sub(_blanked, text)
    text = _IBAN.sub(_without_iban, text)
    return _CARD.sub(_if(lambda found: is_luhn(_NO_DIGIT.sub("", found))), text)


def without_marks(text: str) -> str:
    """Blank what is likely no phone number by its marks: months, amounts, versions.

    >>> without_marks("12/24 030 901820 v 3.2.1").replace(BLANK, "_")
    '__/__ 030 901820 v _._._'
    """
    return _MARKED.sub(_blanked, _SUM.sub(_blanked, text))


def without_codes(text: str) -> str:
    """Blank words that begin with letters and go on with digits, which are ids.

    >>> without_codes("030 901820 TICKET-77").replace(BLANK, "_")
    '030 901820 TICKET-__'
    """
    return _WORD.sub(
        _if(lambda word: _LETTERS_FIRST.match(word) is not None and _is_code(word)), text
    )


def without_odd_words(text: str) -> str:
    """Blank other words of letters and digits: ids, unless somebody slipped.

    >>> without_odd_words("030 901820 7C-2210B").replace(BLANK, "_")
    '030 901820 _C-____B'
    """
    return _WORD.sub(_if(_is_odd), text)


def is_blanked(blanked: str, text: str, start: int, end: int) -> bool:
    """Whether all digits of a piece of `text` are blanked in `blanked`, which has the same ones."""
    before, within = (len(_ANY_DIGIT.findall(piece)) for piece in (text[:start], text[start:end]))
    return set(_ANY_DIGIT.findall(blanked)[before : before + within]) == {BLANK}


def restored(text: str, original: str) -> str:
    """Put the digits of `original` back where they were blanked.

    Both hold the same digits in the same order, though other characters may have changed.

    >>> restored(f"ring 1{BLANK}3", "1-23")
    'ring 123'
    """
    digits: Iterator[str] = iter(_DIGIT.findall(original))
    return _ANY_DIGIT.sub(lambda _: next(digits, ""), text)


def _blanked(found: re.Match[str]) -> str:
    return _DIGIT.sub(BLANK, found[0])


def _if(condition: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: _blanked(found) if condition(found[0]) else found[0]


def _is_code(word: str) -> bool:
    return _MIXED.search(word) is not None and _CODE_WORD.fullmatch(word) is not None


def _is_odd(word: str) -> bool:
    """Whether letters and digits make one word; no slip of a finger ("8T20"), and no mask."""
    if not _is_code(word):
        return False
    letters = {char for char in word if char.isalpha()}
    return not letters <= _LOOK_ALIKES and len(_DIGIT.findall(word)) >= _FEWEST_BESIDE_LETTER


def _without_iban(found: re.Match[str]) -> str:
    """Blank an account number with its check digits (ISO 7064, MOD 97-10); what stands behind it is
    left as it is."""
    text = found[0]
    for end in range(len(text), 0, -1):
        if text[end : end + 1].isalnum():
            continue
        account = text[:end].replace(" ", "")
        if len(account) in _IBAN_LENGTHS and _is_checked(account):
            return _DIGIT.sub(BLANK, text[:end]) + text[end:]
    return text


def _is_checked(account: str) -> bool:
    values = "".join(str(int(char, 36)) for char in account[4:] + account[:4])
    return int(values) % 97 == 1
