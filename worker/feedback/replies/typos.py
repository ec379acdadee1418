"""Finds the key word behind a typing error, and splits words that were typed as one.

Work is bounded: a word is looked up by what is left of it without one or two letters, and only the
few key words that share that are compared with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from worker.feedback.replies.vocabulary import COMMON_WORDS, KEY_WORDS, REAL_WORDS

_MAX_WORD = 20  # longer ones are no typing errors
_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t"})
_KNOWN = REAL_WORDS.union(*COMMON_WORDS.values(), *KEY_WORDS.values())
_KEYS = tuple(sorted(frozenset().union(*KEY_WORDS.values())))
# "resubscribe" is no "unsubscribe" with slips, nor "réinscrire" a "désinscrire".
_JOINS_AGAIN = re.compile(r"re(?:sub|sus|ins|isc|ab|anm|adm|act)|riis|rein")
_CYRILLIC_NOT = re.compile(
    r"\bне(?=(?:пиш|звон|присыл|присил|беспок|надо|турбу|дзвон|надсил|шл[иіь]|смс))"
)
_POLISH_NOT = re.compile(r"\bnie(?=(?:pisz|pisac|dzwon|wysyl|kontakt|przeszk|przysyl))")
_ITALIAN_NOT = re.compile(r"\bnon(?=(?:scriv|chiam|mand|contatt|disturb)\w)")
_ENGLISH_NOT = re.compile(r"\bdont(?=(?:call|text|txt|contact|message|msg)(?:me)?\b)")
_NOTS = {"не": _CYRILLIC_NOT, "nie": _POLISH_NOT, "non": _ITALIAN_NOT, "dont": _ENGLISH_NOT}
_JOINED = {
    "stoptexting": "stop texting", "stopcalling": "stop calling", "stoptxting": "stop texting",
    "stopmessaging": "stop messaging", "wrongnumber": "wrong number",
    "wrongperson": "wrong person", "removeme": "remove me", "deleteme": "delete me",
    "leavemealone": "leave me alone", "takemeoff": "take me off", "nomoretexts": "no more texts",
    "textme": "text me", "callme": "call me", "contactme": "contact me",
    "nomas": "no mas", "yabasta": "ya basta", "nomolesten": "no molesten",
    "nomellamen": "no me llamen", "nomeescriban": "no me escriban",
    "numeroequivocado": "numero equivocado", "numeroerrado": "numero errado",
    "fauxnumero": "faux numero", "mauvaisnumero": "mauvais numero",
    "falschenummer": "falsche nummer", "falschverbunden": "falsch verbunden",
    "numerosbagliato": "numero sbagliato", "zlynumer": "zly numer",
    "нетот": "не тот", "нетуда": "не туда", "нетои": "не тои", "большене": "больше не",
}  # fmt: skip

# Whole messages without their blanks -> as they are meant: "un subscribe", "optout".
JOINED_KEYWORDS = {
    keyword.replace(" ", ""): keyword
    for keyword in (
        "stop", "unsubscribe", "opt out", "remove me", "stop all", "delete me", "stop it",
        "take me off", "do not call", "do not text", "no molesten", "no mas", "darme de baja",
        "abmelden", "abbestellen", "aufhoren", "desabonner", "desinscrire", "descadastrar",
        "cancellami", "disiscrivimi", "wypisz mnie", "nie pisz", "nie pisac", "nie dzwonic",
        "отписаться", "отпишите", "не пишите", "не звоните", "не пиши", "не звони", "стоп",
        "відписатися", "відпишіть", "не пишіть", "не дзвоніть",
    )
}  # fmt: skip


def split_joined(folded: str) -> str:
    """Put blanks where people left them out: "непишите мне", "dontcall me"."""
    for word, pattern in _NOTS.items():
        if word in folded:  # which is quick, and mostly it is not
            folded = pattern.sub(lambda match: match.group() + " ", folded)
    return " ".join([_JOINED.get(word, word) for word in folded.split()])


def correct(folded: str) -> str:
    """Replace mistyped key words.

    >>> correct("remve me from your lsit")
    'remove me from your list'
    >>> correct("a strong member at the shop")
    'a strong member at the shop'
    """
    return " ".join(map(_corrected, split_joined(folded).split()))


@lru_cache(maxsize=4096)
def _corrected(word: str) -> str:
    if not 4 <= len(word) <= _MAX_WORD or word in _KNOWN or _JOINS_AGAIN.match(word):
        return word
    if not word.isalpha() and any(c.isdigit() for c in word):
        plain = word.translate(_LEET)
        return plain if plain in _KEYS_SET else word
    slips = [(distance(word, key), key) for key in _near(word) if _is_slip(word, key)]
    return min(slips)[1] if slips else word


def _near(word: str) -> set[str]:
    """The key words that may be meant, and a few that are too far away."""
    return {
        key
        for part in _parts(word, _reach(len(word)))
        if (keys := _INDEX.get(part)) is not None
        for key in keys
    }


def _parts(word: str, most: int) -> list[str]:
    """What may stand in the index of a word without up to `most` of its letters.

    Where none of the first letters is left out, what is left begins like the word, and where none
    of the last ones is, it ends so: nothing in the index may.
    """
    begins, ends = word[:_EDGE] in _STARTS, word[-_EDGE:] in _ENDS
    size = len(word)
    last = size - _EDGE  # > 0, or all letters are first and last ones
    places = range(0 if ends else max(0, last), size if begins else min(_EDGE, size))
    parts = [word[:place] + word[place + 1 :] for place in places]
    if begins and ends:
        parts.append(word)
    if most > 1:
        for place in range(size if begins else min(_EDGE, size)):
            shorter = word[:place] + word[place + 1 :]
            first = place + 1 if ends else max(place + 1, last)
            parts += [shorter[: other - 1] + shorter[other:] for other in range(first, size)]
    return parts


def _reach(length: int) -> int:
    """How many slips a word of this length may have."""
    return 2 if length >= 9 else 1


def _is_slip(word: str, key: str) -> bool:
    """Whether a word is a key word with a slip or two; short ones must keep all their letters."""
    if len(key) <= 4:
        return sorted(word) == sorted(key) and word[0] == key[0] and distance(word, key) == 1
    if len(key) <= 6 and word[0] != key[0] and sorted(word) != sorted(key):
        return False
    reach = _reach(min(len(word), len(key)))
    return abs(len(word) - len(key)) <= reach and distance(word, key) <= reach


def distance(word: str, other: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).

    How two words begin and end alike is left out: what is compared are the few letters between.
    """
    begun = _alike(word, other)
    word, other = word[begun:], other[begun:]
    ended = _alike(reversed(word), reversed(other))
    word, other = word[: len(word) - ended], other[: len(other) - ended]
    if not word or not other:
        return len(word) + len(other)
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _alike(letters: Iterable[str], others: Iterable[str]) -> int:
    """How many letters two words have in common, from the first one on."""
    count = 0
    for letter, other in zip(letters, others, strict=False):
        if letter != other:
            break
        count += 1
    return count


def _without_letters(word: str, most: int) -> set[str]:
    """A word, and what is left of it without up to `most` of its letters, two at the most."""
    shortened = {word}
    places = range(len(word))
    if most:
        shortened.update([word[:place] + word[place + 1 :] for place in places])
    if most > 1:
        for place, other in combinations(places, 2):
            shortened.add(word[:place] + word[place + 1 : other] + word[other + 1 :])
    return shortened


def _index() -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = {}
    for key in _KEYS:
        for part in _without_letters(key, _reach(len(key))):
            index.setdefault(part, []).append(key)
    return {part: tuple(keys) for part, keys in index.items()}


_KEYS_SET = frozenset(_KEYS)
_INDEX = _index()
_EDGE = 4  # letters
_STARTS = frozenset(part[:_EDGE] for part in _INDEX)
_ENDS = frozenset(part[-_EDGE:] for part in _INDEX)

# A whole message of one word that is STOP with one slip, and words that look so and are none.
_STOP_SLIPS = re.compile(
    r"s+t+[o0]+p+[a-z]?|[adwezx]top|s[rygfh]op|st[ipaku0]p|sto[o0lp\[;]|tsop|stpo|sotp|sop|"
    r"stop[sedt0-9]?|sstop|stp|stoip|stiop|st op|s top|sto p|stobp|etop|stob|shtop|sdtop|stopo"
)
_NOT_STOP = frozenset({"shop", "step", "atop", "stops", "stoped", "sop", "stip", "stap"})


def is_mistyped_stop(folded: str) -> bool:
    """Whether a whole message is the word STOP with a slip, such as "STOOP" or "ST0P"."""
    return folded not in _NOT_STOP and _STOP_SLIPS.fullmatch(folded) is not None
