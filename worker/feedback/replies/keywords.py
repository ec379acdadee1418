"""Finds a keyword that is all of a text, but for politeness, slips and another alphabet."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

from worker.feedback.replies.intents import Intent, intent_of
from worker.feedback.replies.language import first_words
from worker.feedback.replies.phrase_search import abbreviations
from worker.feedback.replies.phrases import spellings
from worker.feedback.replies.registry import CYRILLIC_LANGUAGES, LANGUAGES
from worker.feedback.replies.transliteration import to_cyrillic
from worker.feedback.replies.typos import JOINED_KEYWORDS, correct, is_mistyped_stop

_LATIN_OR_DIGIT = re.compile("[a-z0-9#]")
_MAX_KEYWORD = 100  # characters of a keyword with the polite words beside it
_MAX_WORDS = max(map(len, JOINED_KEYWORDS))  # of a mistyped keyword, blanks between all letters
_MAX_MISTYPED = 4 * _MAX_KEYWORD  # a Cyrillic letter has up to four Latin ones

# Keywords that are everyday words in a longer message.
EVERYDAY_KEYWORDS = re.compile(
    r"^(?:end|quit|cancel\w*|para|parar|fin|fim|baja|leave|exit|opt|alto|enough|no more|basta|chega"
    r"|genug|ende|koniec|dosc|хватит|довольно|досить|годі|конец|кінець|assez|sair|salir|quitter"
    r"|ferma|esci|block|nicht mehr|no mas|ya no|non piu|nao mais|remove|stop (?:that|this|it)"
    r"|не надо|не треба|отмена|ruhe|annul\w*|anul\w*|end all|terminar|suspender|schluss|reicht"
    r"|quit it|just stop|delete\w*|stop now|stop already|no stop|stop no)$"
)
# The only words that may stand beside a keyword that revives consent.
_PLEASE = re.compile(
    r"\b(?:please|thanks|thank you|por favor|gracias|svp|s ?il vous plait|merci|bitte|danke"
    r"|obrigad[oa]|per favore|grazie|prosze|dziekuje|пожалуиста|спасибо|будь ласка|дякую)\b"
)


def exact_match(folded: str, as_message: bool = False) -> Intent | None:
    """A keyword, with nothing beside it but politeness. `as_message`: it is the whole message,
    so that a slip in it, or a blank too many, is not a word of its own."""
    if len(folded) < 3:
        return None
    if (known := _keyword(folded)) is not None or not as_message:
        return known
    english = LANGUAGES[0]
    if sum(word not in english.words_of_politeness for word in folded.split()) > _MAX_WORDS:
        return None
    core = " ".join(english.politeness_pattern.sub(" ", folded).split())
    if is_mistyped_stop(core):
        return Intent("opt_out", core, "en")
    if (joined := JOINED_KEYWORDS.get(core.replace(" ", ""))) is not None:
        return _keyword(joined)
    if len(folded) > _MAX_MISTYPED:
        return None
    corrected = correct(folded)
    intent = _keyword(corrected) if corrected != folded else None
    if intent is None and (cyrillic := to_cyrillic(folded)):
        intent = _keyword(cyrillic)
    return intent if intent is not None and intent.kind == "opt_out" else None


def _keyword(folded: str) -> Intent | None:
    """What a text means that is a keyword, or one among polite words, in any language."""
    if len(folded) > _MAX_KEYWORD:
        return None
    if not may_hold_a_keyword(folded) or not _keyword_words().issuperset(_unmarked(folded)):
        return None
    marked = "#" in folded
    stops = LANGUAGES[0].opt_out_keywords
    # What most languages make of a text is the text itself: its forms are made once.
    asked_of: dict[str, str] = {}
    once: dict[str, str] = {}
    # The keywords of the other languages are in Latin letters.
    possible = LANGUAGES if _LATIN_OR_DIGIT.search(folded) else CYRILLIC_LANGUAGES
    for language in possible:
        meant = language.expand(folded)
        core = meant
        if marked or not language.polite_words.isdisjoint(meant.split()):
            core = " ".join(language.politeness_pattern.sub(" ", meant).split())
        for said in (meant, core) if core != meant else (meant,):
            if said not in once:
                once[said] = _once(said)
            for words in (said, once[said]):
                # STOP is understood everywhere, with politeness in any language.
                if words in stops or words in language.opt_out_keywords:
                    return intent_of("opt_out", words, language)
        asked = asked_of.get(meant)
        if asked is None:
            asked = asked_of[meant] = " ".join(_PLEASE.sub(" ", meant).split())
        if asked in language.opt_in_keywords:
            return intent_of("opt_in", asked, language)
    return None


def may_hold_a_keyword(folded: str) -> bool:
    """Whether a text has a word that a keyword begins with; a # stands beside words without a
    blank."""
    return "#" in folded or not _keyword_starts().isdisjoint(folded.split())


@cache
def _keyword_starts() -> frozenset[str]:
    """The words that a keyword begins with, and what is short for one; a text without any of them
    is no keyword."""
    starts: frozenset[str] = frozenset()
    for language in LANGUAGES:
        starts |= first_words(language.opt_out_keywords | language.opt_in_keywords)
    return starts.union(
        short
        for language in LANGUAGES
        for short, meant in language.abbreviations.items()
        if not starts.isdisjoint(meant.split())
    )


@cache
def _keyword_words() -> frozenset[str]:
    """The words of all keywords, what is short for some, and the polite words beside them; a text
    with any other word is no keyword."""
    texts = chain.from_iterable(
        (*language.opt_out_keywords, *language.opt_in_keywords, *language.polite_phrases)
        for language in LANGUAGES
    )
    polite = spellings(_PLEASE.pattern)
    words = frozenset(word for text in chain(texts, polite) for word in _unmarked(text))
    return words | abbreviations()


def _unmarked(folded: str) -> list[str]:
    """The words of a text, without the marks that `normalize` leaves."""
    return folded.replace("#", " ").split()


def _once(words: str) -> str:
    """Said twice is said once: STOP STOP."""
    return " ".join(dict.fromkeys(words.split()))
