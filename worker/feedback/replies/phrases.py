"""Finds many phrases in a text at once, by trying only those that may begin at a word.

A reply is read for 1,500 phrases in nine languages. To try each of them at each place took up to
45 ms for 1,600 characters. Here they are indexed by their first letters (`beginnings`), so that at
most words none is tried. What is found is what a search for all phrases of a kind finds: the first
place where one of them fits and, there, the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from itertools import count
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

_LENGTHS = (6, 3, 1, 0)  # of the beginnings that are looked up, the longest first
_SECOND = 6  # letters of the second word and on that are looked up, where any word comes first
_LEADING = 3  # letters of a first word that are enough to look it up
_MAX_REMEMBERED = 4096  # beginnings of words, of an index
_ANY = "\0"  # ends a beginning after which anything may follow
_WORD = "\1"  # stands for letters of a word, in a beginning
_WORDS = re.compile(r"\w+")
_TIMES = re.compile(r"(?:\{(\d+)(,?)(\d*)\}|([?*+]))[+?]?")
_GROUP = re.compile(r"\((\?(?::|<?[=!]))?(?!\?)")
_ATOM = re.compile(
    r"(?P<letters>[^\\\[\](){}|?*+.^$]+(?![?*+{]))|\[(?:\\.|[^\]\\])+\]|\\.|[^()|]", re.DOTALL
)
_TOKEN = re.compile(r"\[(?:\\.|[^\]\\])+\]|\\.|[()|]|[^\\\[()|]+", re.DOTALL)
_ASSERTIONS = frozenset((r"\b", r"\B", "^", "$"))
_LETTERS = frozenset((r"\w", r"\d", "[a-z]"))
_CLASSES = frozenset((r"\W", r"\D", r"\s", r"\S", "."))
_MAX_CHOICES = 8  # letters of a set that are taken one by one


class _Limits(NamedTuple):
    """`size`: letters of a beginning. `most`: beginnings of one pattern; where there would be more,
    shorter ones stand for them."""

    size: int
    most: int


_OF_PHRASES = _Limits(_LENGTHS[0] + 1, 200)
_OF_KEYWORDS = _Limits(200, 20_000)


class Phrases(Generic[Key]):
    """Phrases of several kinds, of each of which `search` finds the first.

    >>> phrases = Phrases({"stop": ["do not (?:call|text) me"], "number": [r"wrong \\w+"]})
    >>> found = phrases.search("wrong person so do not call me", phrases.mask(["stop", "number"]))
    >>> [(kind, match.group()) for kind, match in found.items()]
    [('number', 'wrong person'), ('stop', 'do not call me')]
    """

    def __init__(self, kinds: Mapping[Key, Iterable[str]]) -> None:
        """`kinds`: of each its patterns over normalized text, without a `|` outside of groups."""
        self._bits = {kind: 1 << place for place, kind in enumerate(kinds)}
        self._kinds = {bit: kind for kind, bit in self._bits.items()}
        firsts: dict[str, list[_Phrase]] = {}
        seconds: dict[str, list[_Phrase]] = {}
        order = count()
        for kind, patterns in kinds.items():
            for pattern in patterns:
                phrase = _Phrase(pattern, self._bits[kind], next(order))
                for beginning in sorted(beginnings(pattern)):
                    begun, second = _looked_up(beginning.removeprefix(" "))
                    size = next(size for size in _LENGTHS if size <= len(begun))
                    phrases = (seconds if second else firsts).setdefault(begun[:size], [])
                    phrases.append(phrase.led() if beginning.startswith(" ") else phrase)
        # Where letters are found, the fewer letters before them are found as well.
        starts = {letters[:size] for letters in firsts.keys() | seconds.keys() for size in _LENGTHS}
        self._index = {
            start: (_with_shorter(start, firsts), _with_shorter(start, seconds))
            for start in starts
            if len(start) in _LENGTHS
        }
        self._begun = _Begun(self._index)
        self._indexes: dict[int, _Begun] = {}

    def mask(self, kinds: Iterable[Key]) -> int:
        """What `search` is asked for; masks can be joined by `|`."""
        mask = sum({self._bits[kind] for kind in kinds})
        if mask not in self._indexes:
            self._indexes[mask] = _Begun(self._index_of(mask))
        return mask

    def search(self, text: str, mask: int) -> dict[Key, re.Match[str]]:
        """The first match of each kind of a mask in a normalized text, where there is one."""
        matches: dict[Key, re.Match[str]] = {}
        remaining = mask
        for start, phrases in self._candidates(text, mask):
            for phrase in phrases:
                if phrase.bit & remaining and (match := phrase.match(text, start)) is not None:
                    matches[self._kinds[phrase.bit]] = match
                    remaining ^= phrase.bit
        return matches

    def _index_of(self, mask: int) -> _Index:
        """The index of a mask alone, in which few words lead to a phrase. What begins with more
        letters has the phrases of what begins with fewer: without any, it can be left out."""
        index: dict[str, _Found] = {}
        longer: set[str] = set()  # the first letters of what is in the index
        for start in sorted(self._index, key=len, reverse=True):
            firsts, seconds = (
                tuple(phrase for phrase in phrases if phrase.bit & mask)
                for phrases in self._index[start]
            )
            if firsts or seconds or start in longer:
                index[start] = firsts, seconds
                longer.update(start[:size] for size in _LENGTHS)
        return index

    def _candidates(self, text: str, mask: int) -> list[tuple[int, tuple[_Phrase, ...]]]:
        """Where words start that a phrase may begin with, and these phrases: by the letters there,
        and by those of the next word for what begins with any word."""
        begun = self._indexes.get(mask, self._begun)
        size = _LENGTHS[0]
        starts = [*map(re.Match.start, _WORDS.finditer(text))]
        found = [*map(begun.__getitem__, [text[start : start + size] for start in starts])]
        candidates: list[tuple[int, tuple[_Phrase, ...]]] = []
        for place in [place for place, at in enumerate(found) if at is not _NOTHING]:
            start, (firsts, seconds) = starts[place], found[place]
            if seconds and place and text[start - 1] == " ":
                before = starts[place - 1]
                if candidates and candidates[-1][0] == before:
                    seconds = tuple(sorted({*candidates.pop()[1], *seconds}, key=_rank))
                candidates.append((before, seconds))
            if firsts:
                candidates.append((start, firsts))
        return candidates


class WordPattern:
    """A pattern with many choices, nearly all of which are found within one word.

    A word that was looked at once is not looked at again, in this text or in another. To search a
    long text for all choices takes twenty times as long.

    >>> spam = WordPattern(r"spam|\\blists?\\b|do not (?:call|text)")
    >>> [spam.is_in(text) for text in ("no more spam", "listen", "do not text me")]
    [True, False, True]
    """

    def __init__(self, pattern: str) -> None:
        """`pattern`: over normalized text."""
        self.pattern = pattern
        choices = alternatives(pattern)
        self._search = re.compile("|".join(c for c in choices if " " not in c)).search
        self._search_several = re.compile("|".join(c for c in choices if " " in c) or "(?!)").search
        self._has_it: dict[str, bool] = {}

    def is_in(self, text: str) -> bool:
        """Whether one of the choices is in a normalized text."""
        has_it = self._has_it
        for word in text.split():
            known = has_it.get(word)
            if known is None:
                if len(has_it) >= _MAX_REMEMBERED:
                    has_it.clear()
                known = has_it[word] = self._search(word) is not None
            if known:
                return True
        return self._search_several(text) is not None


class _Begun(dict[str, "_Found"]):
    """What an index has for the first letters of a text. It remembers the last ones."""

    def __init__(self, index: _Index) -> None:
        self._index = index
        self._any_text = index.get("", _NOTHING)

    def __missing__(self, letters: str) -> _Found:
        _long, short, least, _ = _LENGTHS
        index = self._index
        found = index.get(letters[:short])
        if found is None:
            found = index.get(letters[:least], self._any_text)
        else:
            found = index.get(letters, found)
        if not any(found):
            found = _NOTHING
        if len(self) >= _MAX_REMEMBERED:
            self.clear()
        self[letters] = found
        return found


class _Phrase:
    """A phrase of one kind, which is compiled when it is first tried.

    `offset`: -1 where it begins with the blank before a word, as some do whose first words may be
    left out. `order`: of the patterns.
    """

    __slots__ = ("_compiled", "_led", "_pattern", "bit", "offset", "order")

    def __init__(self, pattern: str, bit: int, order: int, offset: int = 0) -> None:
        self.bit, self.offset, self.order = bit, offset, order
        self._pattern = pattern
        self._compiled: re.Pattern[str] | None = None
        self._led: _Phrase | None = None

    def led(self) -> _Phrase:
        """The same phrase, where it begins with the blank before a word."""
        if self._led is None:
            self._led = _Phrase(self._pattern, self.bit, self.order, -1)
        return self._led

    def match(self, text: str, start: int) -> re.Match[str] | None:
        """The phrase at the word that starts here."""
        if self._compiled is None:
            self._compiled = re.compile(rf"\b(?:{self._pattern})\b")
        if self.offset and text[start - 1 : start] != " ":
            return None
        return self._compiled.match(text, start + self.offset)


_Found = tuple[tuple[_Phrase, ...], tuple[_Phrase, ...]]  # by a first word, and by a second one
_Index = Mapping[str, _Found]
_NONE: tuple[_Phrase, ...] = ()
_NOTHING = (_NONE, _NONE)


def _rank(phrase: _Phrase) -> tuple[int, int]:
    """What begins before the word comes first, then what stands first among the patterns."""
    return phrase.offset, phrase.order


def _suffices(first: str) -> bool:
    """Whether letters before others that may be any are enough to look a phrase up."""
    return len(first) >= _LEADING or " " in first


def _looked_up(beginning: str) -> tuple[str, bool]:
    """What a phrase is looked up by, and whether that begins with the second word."""
    first = beginning.partition(_WORD)[0]
    if _suffices(first) or _WORD not in beginning:
        return first, False
    second = beginning.partition(" ")[2]
    return (second, True) if second else (first, False)


def _with_shorter(beginning: str, index: Mapping[str, Iterable[_Phrase]]) -> tuple[_Phrase, ...]:
    """The phrases of a beginning, and those of the shorter ones that it begins with."""
    sizes = {size for size in _LENGTHS if size <= len(beginning)}
    phrases = {phrase for size in sizes for phrase in index.get(beginning[:size], ())}
    return tuple(sorted(phrases, key=_rank))


def beginnings(pattern: str) -> frozenset[str]:
    """How the texts begin that fit a pattern: seven letters, or fewer where the text may end there
    or anything may follow. Of letters that may be any, \\1 stands for all; the next word follows.

    >>> sorted(beginnings(r"(?:please )?stop(?! it)|\\w+ has moved"))
    ['\\x01 has mo', 'please ', 'stop']
    """
    return frozenset(
        beginning.removesuffix(_ANY) for beginning in _read_pattern(pattern, _OF_PHRASES)
    )


def spellings(pattern: str) -> frozenset[str]:
    """All texts that fit a pattern of which only some do.

    >>> sorted(spellings("opt ?out|stop texts?"))
    ['opt out', 'optout', 'stop text', 'stop texts']
    """
    texts = _read_pattern(pattern, _OF_KEYWORDS)
    if any(_ANY in text or _WORD in text or len(text) >= _OF_KEYWORDS.size for text in texts):
        raise ValueError(f"endless texts fit {pattern!r}")
    return frozenset(texts)


def alternatives(pattern: str) -> list[str]:
    """The choices that a pattern leaves outside of its groups.

    >>> alternatives("opt (?:out|off)|stop")
    ['opt (?:out|off)', 'stop']
    """
    choices, place = [], 0
    while place <= len(pattern):
        end = _end_of_branch(pattern, place)
        choices.append(pattern[place:end])
        place = end + 1
    return choices


def _end_of_branch(pattern: str, place: int) -> int:
    """Where the choice ends that goes on at a place of a pattern."""
    depth = 0
    while (token := _TOKEN.match(pattern, place)) is not None:
        text = token.group()
        if not depth and text in ("|", ")"):
            break
        depth += (text == "(") - (text == ")")
        place = token.end()
    return place


def _read_pattern(pattern: str, limits: _Limits) -> set[str]:
    texts, end = _read_choices(pattern, 0, limits)
    if end != len(pattern):
        raise ValueError(f"cannot read {pattern!r} from character {end} on")
    return texts


def _read_choices(pattern: str, place: int, limits: _Limits) -> tuple[set[str], int]:
    """The beginnings of choices, up to the end of their group, and where that is."""
    texts, place = _read_branch(pattern, place, limits)
    while pattern[place : place + 1] == "|":
        branch, place = _read_branch(pattern, place + 1, limits)
        texts |= branch
    return texts, place


def _read_branch(pattern: str, place: int, limits: _Limits) -> tuple[set[str], int]:
    texts = {""}
    while place < len(pattern) and pattern[place] not in "|)":
        parts, place = _read_item(pattern, place, limits)
        texts = _joined(texts, parts, limits)
        if all(_is_read(text, limits) for text in texts):
            return texts, _end_of_branch(pattern, place)
    return texts, place


def _read_item(pattern: str, place: int, limits: _Limits) -> tuple[set[str], int]:
    """The beginnings of a letter, a set or a group, however often it is repeated."""
    if group := _GROUP.match(pattern, place):
        texts, end = _read_choices(pattern, group.end(), limits)
        place = end + 1
        if group.group(1) not in (None, "?:"):
            texts = {""}  # what it asserts is no part of the text
    elif atom := _ATOM.match(pattern, place):
        text = atom.group()
        texts, place = ({text} if atom["letters"] else _texts_of(text)), atom.end()
    else:
        raise ValueError(f"cannot read {pattern!r} from character {place} on")
    if times := _TIMES.match(pattern, place):
        texts, place = _repeated(texts, times, limits), times.end()
    return texts, place


def _texts_of(atom: str) -> set[str]:
    if atom in _ASSERTIONS:
        return {""}
    if atom in _LETTERS:
        return {_WORD}
    if atom in _CLASSES:
        return {_ANY}
    if atom.startswith("["):
        letters = atom[1:-1]
        if not letters.isalnum():
            return {_ANY}
        return set(letters) if len(letters) <= _MAX_CHOICES else {_WORD}
    if atom.startswith("\\") and atom[1].isalnum():
        raise ValueError(f"cannot read {atom!r} in a pattern")
    return {atom[-1]}


def _repeated(once: set[str], times: re.Match[str], limits: _Limits) -> set[str]:
    least, comma, most, sign = times.groups()
    fewest = {"?": 0, "*": 0, "+": 1}[sign] if sign else int(least)
    endless = sign in ("*", "+") or bool(comma and not most)
    highest = 1 if sign == "?" else int(most or least or 0)
    texts = set() if fewest else {""}
    row = {""}
    for number in range(1, limits.size + 1 if endless else highest + 1):
        row = _joined(row, once, limits)
        if number >= fewest:
            texts |= row
    return texts


def _is_read(beginning: str, limits: _Limits) -> bool:
    """Whether what follows does not count any more."""
    if beginning.endswith(_ANY):
        return True
    if _WORD not in beginning:
        return len(beginning) >= limits.size
    return len(beginning.partition(_WORD)[2].partition(" ")[2]) >= _SECOND


def _cut(beginning: str, limits: _Limits) -> str:
    """A beginning as far as it counts."""
    first, word, rest = beginning.replace(_WORD * 2, _WORD).partition(_WORD)
    if not word:
        return first[: limits.size]
    if _suffices(first.removeprefix(" ")):
        return first + _ANY
    same, blank, second = rest.partition(" ")
    if (end := second.find(_WORD)) >= 0:
        return f"{first}{word}{same} {second[:end]}{_ANY}"
    return f"{first}{word}{same}{blank}{second[:_SECOND]}"


def _joined(texts: set[str], parts: set[str], limits: _Limits) -> set[str]:
    """Beginnings with what follows them, as far as it counts."""
    longer = {
        text if _is_read(text, limits) else _cut(text + part, limits)
        for text in texts
        for part in parts
    }
    size = limits.size
    while len(longer) > limits.most:
        size -= 1
        longer = {text if len(text) <= size else text[:size] + _ANY for text in longer}
    return longer
