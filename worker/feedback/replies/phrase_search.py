"""Looks for the phrases of the languages in a sentence, as each of them reads it."""

from __future__ import annotations

import re
from functools import cache

from worker.feedback.replies.language import Language, PhraseKind
from worker.feedback.replies.phrases import Phrases
from worker.feedback.replies.registry import CYRILLIC_LANGUAGES, LANGUAGES
from worker.feedback.replies.transliteration import to_cyrillic
from worker.feedback.replies.typos import correct

Found = dict[PhraseKind, re.Match[str]]  # the first phrase of each kind in a sentence
_CLEAR: tuple[PhraseKind, ...] = (
    "opt_in", "opt_out", "wrong_number", "complaint", "corrected", "confirmed",
    "weak_wrong_number", "asks_how", "uncertain",
)  # fmt: skip
_WEAK: tuple[PhraseKind, ...] = ("weak",)


@cache
def _all_phrases() -> Phrases[tuple[str, PhraseKind]]:
    kinds = (*_CLEAR, *_WEAK)
    return Phrases(
        {(language.code, kind): language.phrases(kind) for language in LANGUAGES for kind in kinds}
    )


@cache
def _mask(code: str, kinds: tuple[PhraseKind, ...]) -> int:
    return _all_phrases().mask((code, kind) for kind in kinds)


def search_all(read: list[tuple[Language, str]]) -> dict[tuple[str, str], Found]:
    """The phrases in a sentence, by the code of a language and what it makes of the sentence."""
    masks: dict[str, int] = {}
    for language, meant in read:
        masks[meant] = masks.get(meant, 0) | _mask(language.code, (*_CLEAR, *_WEAK))
    phrases_by_reading: dict[tuple[str, str], Found] = {}
    for meant, mask in masks.items():
        for (code, kind), match in _all_phrases().search(meant, mask).items():
            phrases_by_reading.setdefault((code, meant), {})[kind] = match
    return phrases_by_reading


def has_weak_words(text: str, readers: tuple[Language, ...]) -> bool:
    """Whether a text has weak words of one of these languages. What most make of a text is the text
    itself, which is searched once."""
    masks: dict[str, int] = {}
    for language in readers:
        meant = language.expand(text)
        masks[meant] = masks.get(meant, 0) | _mask(language.code, _WEAK)
    return any(_all_phrases().search(meant, mask) for meant, mask in masks.items())


@cache
def abbreviations() -> frozenset[str]:
    return frozenset().union(*(language.abbreviations for language in LANGUAGES))


def readings(folded: str, readers: tuple[Language, ...]) -> list[tuple[Language, str]]:
    """A sentence as each language reads it: as it stands, without typing errors, in Cyrillic."""
    read: dict[tuple[str, str], tuple[Language, str]] = {}
    corrected = correct(folded)
    abbreviated = {
        words: not abbreviations().isdisjoint(words.split()) for words in (folded, corrected)
    }
    for language in readers:
        for words, is_abbreviated in abbreviated.items():
            meant = language.expand(words) if is_abbreviated else words
            read.setdefault((language.code, meant), (language, meant))
    if cyrillic := to_cyrillic(folded):
        for language in CYRILLIC_LANGUAGES:
            read[(language.code, cyrillic)] = (language, language.expand(cyrillic))
    return list(read.values())
