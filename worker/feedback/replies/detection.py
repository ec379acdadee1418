"""Finds the languages that a message may be written in, so that patterns of others stay away."""

from __future__ import annotations

import re

from worker.feedback.replies.vocabulary import COMMON_WORDS, KEY_WORDS

_CYRILLIC = re.compile("[а-яёіїєґ]")
_LATIN = re.compile("[a-z]")
_LATIN_CODES = ("en", "es", "fr", "de", "pt", "it", "pl")
_CYRILLIC_CODES = ("ru", "uk")
# STOP is said in every language.
_WORDS = {code: (COMMON_WORDS[code] | KEY_WORDS[code]) - {"stop"} for code in _LATIN_CODES}


def languages_of(folded: str) -> frozenset[str]:
    """The codes of the languages for which a normalized text has evidence.

    People mix languages, so a second language needs half the evidence of the first. Without any
    evidence every language of the script is possible.

    >>> sorted(languages_of("come here, text me when you arrive"))
    ['en']
    >>> sorted(languages_of("please dejen de mandarme mensajes"))
    ['es']
    """
    codes: set[str] = set()
    if _CYRILLIC.search(folded):
        codes.update(_CYRILLIC_CODES)
    if _LATIN.search(folded):
        words = folded.split()
        counts = _count(words)
        most = max(counts.values())
        needed = 1 if most <= 2 else most / 2
        if not codes and not most:
            codes.update(_LATIN_CODES)
        codes.update(code for code, count in counts.items() if most and count >= needed)
    return frozenset(codes)


def likely_language(folded: str) -> str:
    """The code of the language with the most evidence in a normalized text, "" without any.

    >>> likely_language("esto no es para mi")
    'es'
    """
    words = folded.split()
    if _CYRILLIC.search(folded):
        ukrainian = bool(re.search("[іїєґ]", folded)) or any(w in _ONLY_UKRAINIAN for w in words)
        return "uk" if ukrainian else "ru"
    counts = _count(words)
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] else ""


def _count(words: list[str]) -> dict[str, int]:
    """How many of the words each language has that is written in Latin letters."""
    return {code: sum(map(_WORDS[code].__contains__, words)) for code in _LATIN_CODES}


_ONLY_UKRAINIAN = COMMON_WORDS["uk"] - COMMON_WORDS["ru"]
