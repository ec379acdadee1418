"""Read numbers that are spelt as words: 1-800-FLOWERS.

A word is told from a mask and from slips of the keyboard: it stands apart from the digits (or is
behind a freephone code), has three letters or more, a vowel and a consonant, one that does not look
like a digit, and no letter three times in a row. The letters are those of a telephone's keys
(ITU-T E.161).
"""

from __future__ import annotations

import re

_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_VANITY = re.compile(
    r"(?P<digits>\+?[\d(][\d() .-]{0,11})(?P<mark>[ .)-]|(?=[A-Z]))(?P<word>[A-Z][A-Z0-9 -]{2,17})",
    re.ASCII | re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+")
_WORDS = re.compile(r"[A-Z]+(?:[ -]?\d?[ -]?[A-Z]+)*[ -]?\d{0,2}")
_DIGIT_LIKE = frozenset("OILQSBZG")  # typed for 0, 1, 5, 8, 2, 6
_FREEPHONE = re.compile(r"(?:^|[1+ (-])(?:8(?:00|33|44|55|66|77|88)|0[58]00|1[38]00)\)?\Z")


def spelt_number(text: str) -> str:
    """Return a spelt number in digits, where the text is nothing else; "" if it is none.

    >>> spelt_number("1-800-FLOWERS"), spelt_number("415-555-XXXX"), spelt_number("212-736-5OOO")
    ('1-800-3569377', '', '')
    """
    match = _VANITY.fullmatch(text.strip())
    if match is None:
        return ""
    word = match["word"].upper()
    letters = "".join(_WORD.findall(word))
    if len(letters) < 3 or not any(map(_is_word, _WORD.findall(word))):
        return ""
    digits = re.sub(r"\D", "", match["digits"])
    if len(digits) < 3 or re.search(r"(.)\1\1", letters) or not _stands_apart(match, word):
        return ""
    return match["digits"] + match["mark"].strip() + word.translate(_KEYS)


def _is_word(letters: str) -> bool:
    vowels = sum(letter in "AEIOUY" for letter in letters)
    return len(letters) >= 3 and 0 < vowels < len(letters) and not _DIGIT_LIKE.issuperset(letters)


def _stands_apart(match: re.Match[str], word: str) -> bool:
    if not match["mark"] and match["digits"][-1] not in " -.)":
        # 1800FLOWERS: nothing but a freephone code may touch the word
        return _FREEPHONE.search(match["digits"]) is not None and word.isalpha()
    return _WORDS.fullmatch(word) is not None
