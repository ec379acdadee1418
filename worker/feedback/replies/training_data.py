"""The sentences that the router is trained with, and what phones and haste make of them.

A line of `training/<language>.txt` is a label, a blank and a sentence; `(a|b)` stands for either.
Labels: `o` opt-out, `w` wrong number, `b` both, `n` harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zlib import crc32

FOLDER = Path(__file__).parent / "training"
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_MOST = 8  # sentences of a line with choices
_LATIN = dict(zip(
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
    "a b v g d e e zh z i y k l m n o p r s t u f h ts ch sh sch ~ y ~ e yu ya i yi ye g".split(),
    strict=True,
))  # fmt: skip
_KEYS = "qwertyuiopasdfghjklzxcvbnm"


@dataclass(frozen=True, slots=True)
class Example:
    """`meant`: whether it is an opt-out, and whether a wrong number. `line`: what it was made of,
    so that no variant of a line that is tested with is trained with."""

    text: str
    meant: tuple[bool, bool]
    language: str
    line: str


MEANT = {"o": (True, False), "w": (False, True), "b": (True, True), "n": (False, False)}


def examples(folder: Path = FOLDER) -> Iterator[Example]:
    """All sentences in order, each followed by its variants with errors."""
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                label, sentence = line.split(" ", 1)
                for text in spelled_out(sentence):
                    yield Example(text, MEANT[label], path.stem, line)


def spelled_out(sentence: str) -> list[str]:
    """Up to eight of the sentences that a line with choices stands for, always the same, each
    followed by a variant with errors."""
    rng = Random(crc32(sentence.encode()))
    texts: dict[str, None] = {}
    for _ in range(_MOST if _CHOICE.search(sentence) else 1):
        text = sentence
        while (choice := _CHOICE.search(text)) is not None:
            picked = rng.choice(choice.group(1).split("|"))
            text = text[: choice.start()] + picked + text[choice.end() :]
        text = " ".join(text.replace("\\?*", "?").replace("\\?", "?").replace(",?", ",").split())
        texts[text] = None
        texts[with_errors(text, rng)] = None
    return list(texts)


def with_errors(text: str, rng: Random) -> str:
    """A sentence as it comes out in haste: a slip or two, a blank too few, Latin letters."""
    if re.search("[а-яіїє]", text) and rng.random() < 0.5:
        text = "".join(_LATIN.get(c, c) for c in text.lower()).replace("~", "")
        if rng.random() < 0.6:
            return text
    words = text.split()
    for _ in range(rng.choice((1, 1, 2))):
        place = rng.randrange(len(words))
        words[place] = _slip(words[place], rng)
    if len(words) > 1 and rng.random() < 0.15:
        place = rng.randrange(len(words) - 1)
        words[place : place + 2] = [words[place] + words[place + 1]]
    return " ".join(words)


def _slip(word: str, rng: Random) -> str:
    if len(word) < 4:
        return word
    place = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(5)
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    if kind == 2:
        return word[:place] + word[place] + word[place:]
    if kind == 3:
        return word[:place] + rng.choice(_KEYS) + word[place + 1 :]
    return word[:place] + " " + word[place:]
