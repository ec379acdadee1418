"""Brings what people type into one form, so that a phrase is written down once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 1600  # characters of an SMS in parts
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"})
_APOSTROPHES = re.compile("['’‘`´ʼ＇]")
_MARKS = re.compile(r"[^\w#]+")
_SENTENCE = re.compile(r"([^.!?;\n…]+)([.!?;\n…]*)")
_TITLE = re.compile(r"\b(mrs?|ms|dr|sra?|sig|hr|fr|prof)\.(?=\s)", re.IGNORECASE)
_SPELT = re.compile(r"\b\w(?:[\s.\-_*]\w){3,}\b")  # s t o p
_DRAWN = re.compile(r"([^\W\d])\1{2,}")


def fold(text: str) -> str:
    """Small letters, no accents, no apostrophes, one blank between words."""
    shown = "".join(c for c in text.replace("🛑", " stop ") if unicodedata.category(c) != "Cf")
    plain = _strip(_APOSTROPHES.sub("", unicodedata.normalize("NFKC", shown)).casefold())
    plain = _SPELT.sub(lambda found: re.sub(r"\W", "", found.group()), plain)
    return " ".join(_DRAWN.sub(r"\1", word) for word in _MARKS.sub(" ", plain).split())


def fold_pattern(pattern: str) -> str:
    """A pattern in the form in which `fold` leaves text."""
    return _strip(_APOSTROPHES.sub("", pattern))


def sentences(text: str) -> Iterator[tuple[str, bool]]:
    """The sentences as they were typed, and whether each is marked as a question."""
    for found in _SENTENCE.finditer(_TITLE.sub(r"\1", text[:LONGEST])):
        if found.group(1).strip():
            yield found.group(1).strip(), "?" in found.group(2)


def _strip(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.translate(_LETTERS))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
