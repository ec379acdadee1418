"""The languages that replies are read in, and which of them a message may be in."""

from __future__ import annotations

from worker.feedback.replies import de, en, es, fr, it, pl, pt, ru, uk
from worker.feedback.replies.detection import languages_of
from worker.feedback.replies.language import Language

LANGUAGES = tuple(module.LANGUAGE for module in (en, es, fr, de, pt, it, pl, ru, uk))
CYRILLIC_LANGUAGES = tuple(language for language in LANGUAGES if language.code in ("ru", "uk"))


def possible_languages(folded: str) -> tuple[Language, ...]:
    """The languages for which a normalized message has evidence."""
    codes = languages_of(folded)
    return tuple(language for language in LANGUAGES if language.code in codes)
