"""Read what people wrote beside the numbers of a phone field: "415-555-2671 DO NOT CALL".

Words that say so and little else are a report, as a tick of a flag would be. Where more is said
("do not call before 9", "was disconnected, works again"), a person reads it. All other notes ("ask
for Kim", "Fax") say nothing of whether a number may be contacted.

The company's own words for call outcomes (`feedback.dispositions`) count as well. Nobody has
published how people write this; the phrases are what agents' tools call their outcomes, in the
languages in which replies are read.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import NamedTuple

from msgspec import Struct

from config.feedback import Dispositions
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, ReviewDecision
from worker.feedback.note_words import (
    CLEAR,
    DOUBTFUL,
    FILLERS,
    HARMLESS_GAP,
    KEY_WORDS,
    KNOWN_WORDS,
    PARTS_OF_NAMES,
    PROHIBITIONS,
    WHOLE,
    WHOLE_DOUBTFUL,
    NoteMeaning,
    Prohibition,
)
from worker.feedback.replies.text import normalize, normalize_pattern
from worker.feedback.replies.typos import distance

_NO_WORD = re.compile(r"[^\w']+|[\d_]+")
_TAG = re.compile(r"</?(?:a|b|br|div|em|font|i|li|p|span|strong|td|u)\b[^<>]{0,60}>", re.IGNORECASE)
_SIGNS = re.compile("[🚫⛔❌📵🛑☠✋🙅❎✖]\ufe0f?")  # "no", drawn
_NUMBER_SIGN = re.compile(r"#|№|\b[Nn][°º]|\bno\.?\s*(?=\d)", re.IGNORECASE)
# From when to when: "9-5", "8:30", "18h"; a day has two marks, or a slash: "3/14", "3-14-2021".
_HOURS = re.compile(
    r"(?<![\w/.-])\d{1,2}(?::\d\d)?\s?[-–]\s?\d{1,2}(?::\d\d)?(?![\d/.-])|\b\d{1,2}:\d\d\b|\b\d{1,2}\s?h\b"
)
_LETTERS = re.compile(r"(?<!\w)[^\W\d_](?:[./ ][^\W\d_]){1,}(?:'?d)?(?![\w'])\.?")  # d.n.c., w/n
_INITIALS = frozenset({
    "dnc", "dnt", "dnd", "nis", "oos", "wn", "rip", "nu", "tps", "donotcall",
    "stop", "wrong", "wrongnumber",
})  # fmt: skip
_SLASHED = {"dc": "disconnected", "dcd": "disconnected", "ng": "no good"}
_CODE = re.compile(r"\b(?:\d+(?:st|nd|rd|th)|(?=\w*\d)(?=\w*[^\W\d])\w+)\b")  # "hs2", "9am"
_DEATH = re.compile("[†✝⚰]\ufe0f?")
_SPLIT_NOT = re.compile(r"\b(do|does|did|is|are|was|has|should|must)(?:n t| nt|n t| t)\b")
_MAY = re.compile(r"\bmay\b(?=[\s,.]{0,3}\d)|(?<=\d)[\s,.]{0,3}\bmay\b")  # the month
# A question, a flag that is not set ("DNC: 0"), the third stop of a tour.
_UNSURE = re.compile(r"\?|[:=]\s*0(?!\d)|\bstop\W{0,3}\d{1,3}(?![\d/.-])", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:at|while at) (?:work|home|(?:the |his |her )?office)\b")
_CLAUSE_ENDS = re.compile(r"[,.;:!?()\[\]|\n]|\s[-–/]\s")
_BESIDE_ONE_WORD = FILLERS - PARTS_OF_NAMES
_SHORTEST_SLIP, _LONG_WORD = 5, 9  # letters of a word with one slip, and with two
_LONGEST = 500  # characters of a note that are read
NOTE = "note:"  # begins their keys
_WRITTEN_AT = re.compile(r"@\d+(?=:)")
SOURCE = " field"  # ends the source of what a note said
STOPS: Mapping[NoteMeaning, str] = {  # the channels that each closes
    "do_not_contact": "call text",
    "do_not_call": "call",
    "do_not_text": "text",
}
_KINDS: Mapping[NoteMeaning, FeedbackKind] = {
    **dict.fromkeys(STOPS, FeedbackKind.OPT_OUT),
    "wrong_number": FeedbackKind.WRONG_NUMBER,
    "disconnected": FeedbackKind.UNDELIVERABLE,
}


class FieldNote(Struct, frozen=True):
    """What a note says. `clear`: it says that and nothing else; otherwise a person reads it.
    `words`: as they stand there, for the evidence."""

    meanings: tuple[NoteMeaning, ...]
    clear: bool
    words: str


def read_note(note: str, outcomes: Dispositions) -> FieldNote | None:
    """Return what the words beside a number say of contacting it; None where that is nothing.

    >>> read_note("DO NOT CALL!! per client 3/14/2021", Dispositions())
    FieldNote(meanings=('do_not_call',), clear=True, words='DO NOT CALL!! per client 3/14/2021')
    >>> read_note("do not call before 9am", Dispositions()).clear
    False
    >>> read_note("ask for Kim", Dispositions()) is None
    True
    """
    note = note[:_LONGEST]
    meanings, clear = _understood(note)
    named = _outcome(note, outcomes, exactly=bool(meanings))
    if named and not (clear and meanings[0] == "do_not_contact"):
        return FieldNote((named,), True, " ".join(note.split()))
    return FieldNote(meanings, clear, " ".join(note.split())) if meanings else None  # nearly all


def read_words(text: str) -> tuple[tuple[NoteMeaning, ...], bool]:
    """Return what words say of contacting a number, and whether they say nothing else; the
    company's own names of outcomes aside.

    >>> read_words("DNC requested"), read_words("removed from DNC")
    ((('do_not_call',), True), (('do_not_call',), False))
    """
    return _understood(text[:_LONGEST])


@lru_cache(maxsize=4096)  # "home", "Fax" and the like come again and again
def _understood(note: str) -> tuple[tuple[NoteMeaning, ...], bool]:
    """Return what a note says, and whether it is clear, the company's own words aside."""
    plain = _plain(note)
    if not plain:
        return (), False
    meanings, clear = _read_plain(" ".join(map(_corrected, plain.split())))
    if not meanings and _forbids_from_afar(note):
        return ("do_not_call",), False
    return meanings, clear and _UNSURE.search(note) is None and _PLACE.search(plain) is None


def _plain(note: str) -> str:
    """Return the words of a note in small letters, without digits, accents and marks."""
    text = _TAG.sub(" ", note) if "<" in note else note
    if "&" in text:
        text = _TAG.sub(" ", html.unescape(text))
    text = _NUMBER_SIGN.sub(" number ", _SIGNS.sub(" nosign ", text))
    text = _DEATH.sub(" deceased ", text)
    text = _HOURS.sub(" hours ", unicodedata.normalize("NFKC", text).casefold())
    text = _CODE.sub(_code, _MAY.sub(" ", text.replace("_", " ")))
    text = _LETTERS.sub(_initials, text).replace("&", " and ")
    text = text.replace("\u0161", "sh")  # Niš is a town, NIS is "not in service"
    plain = normalize(_NO_WORD.sub(" ", text).replace(" '", " "))
    return _SPLIT_NOT.sub(r"\1nt", plain)


def _code(word: re.Match[str]) -> str:
    """Return a word that holds digits as one that is no word of ours; "3rd" as nothing."""
    return " " if word[0][-2:] in ("st", "nd", "rd", "th") else " code "


def _initials(letters: re.Match[str]) -> str:
    """Return letters that are set apart as the word that they are, where it is one of ours."""
    joined = re.sub(r"[^\w]", "", letters[0])
    if "/" in letters[0] and joined in _SLASHED:
        return f" {_SLASHED[joined]} "
    return f" {joined} " if joined in _INITIALS else letters[0]


def _read_plain(plain: str) -> tuple[tuple[NoteMeaning, ...], bool]:
    """Return what a plain text says, and whether it says that and nothing else."""
    said: list[tuple[int, NoteMeaning]] = []
    rest = plain
    for prohibition in _prohibitions():
        for found in prohibition.whole.finditer(plain):
            places = [(m, word.search(found[0])) for m, word in prohibition.items]
            forbidden = [(found.start() + word.start(), m) for m, word in places if word]
            said += forbidden
            # "do not call ..., call ...": what is said twice is forbidden once.
            words_of = found[0].split()
            is_said_again = len(prohibition.negation.findall(found[0])) < max(
                (words_of.count(word[0]) for _, word in places if word), default=0
            )
            if forbidden and not is_said_again:
                rest = _blanked(rest, found)
    for meaning, pattern in _compiled_table("clear"):
        for found in pattern.finditer(plain):
            said.append((found.start(), meaning))
            rest = _blanked(rest, found)
    doubtful = [
        (found.start(), meaning)
        for meaning, pattern in _compiled_table("doubtful")
        for found in pattern.finditer(rest)
    ]
    if said or doubtful:
        meanings = tuple(dict.fromkeys(meaning for _, meaning in sorted(said + doubtful)))
        if doubtful:
            return meanings, False
        for meaning, pattern in _compiled_table("whole"):  # "DNC/WN"
            if (beside := pattern.sub(" ", rest)) != rest and meaning not in meanings:
                meanings, rest = (*meanings, meaning), beside
        return meanings, set(rest.split()) <= FILLERS
    for name in ("whole", "whole_doubtful"):
        for meaning, pattern in _compiled_table(name):
            whole = pattern.search(plain)
            if whole and set(_blanked(plain, whole).split()) <= _BESIDE_ONE_WORD:
                return (meaning,), name == "whole"
    return (), False


def _forbids_from_afar(note: str) -> bool:
    """Whether other words stand between a negation and what it forbids: "nicht vor 9 anrufen"."""
    clauses = [_plain(clause) for clause in _CLAUSE_ENDS.split(note)]
    return any(
        pattern.search(clause)
        for clause in clauses
        if clause.count(" ") > 1
        for pattern in _distant_prohibitions()
    )


def _blanked(text: str, found: re.Match[str]) -> str:
    """Leave out what was found; all else stays in its place."""
    start, end = found.span()
    return text[:start] + " " * (end - start) + text[end:]


class _Prohibition(NamedTuple):
    """`whole`: a `negation` and what it forbids; `items`: what each word of that closes."""

    whole: re.Pattern[str]
    negation: re.Pattern[str]
    items: tuple[tuple[NoteMeaning, re.Pattern[str]], ...]


@cache
def _prohibitions() -> tuple[_Prohibition, ...]:
    return tuple(map(_compiled_prohibition, PROHIBITIONS))


def _compiled_prohibition(words: Prohibition) -> _Prohibition:
    item = rf"(?:{words.call}|{words.text}|{words.contact}|{words.other})"
    negation = rf"(?:{words.negation})"
    more = rf"(?: (?:(?:{words.joint}) )?(?:{negation} )?{item}(?!\w))*"
    meanings: tuple[tuple[NoteMeaning, str], ...] = (
        ("do_not_contact", words.contact), ("do_not_call", words.call), ("do_not_text", words.text),
    )  # fmt: skip
    return _Prohibition(
        _compiled(rf"{negation} {item}(?!\w){more}"),
        _compiled(negation),
        tuple((meaning, _compiled(pattern)) for meaning, pattern in meanings),
    )


@cache
def _distant_prohibitions() -> tuple[re.Pattern[str], ...]:
    return tuple(
        _compiled(
            rf"(?:{words.distant})(?: (?!(?:{HARMLESS_GAP})\b)\w+){{1,5}} "
            rf"(?:{words.call}|{words.text}|{words.contact})"
        )
        for words in PROHIBITIONS
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{normalize_pattern(pattern)})(?!\w)")


@cache
def _compiled_table(name: str) -> tuple[tuple[NoteMeaning, re.Pattern[str]], ...]:
    table = {"clear": CLEAR, "doubtful": DOUBTFUL, "whole": WHOLE, "whole_doubtful": WHOLE_DOUBTFUL}
    return tuple(
        (meaning, _compiled("|".join(sorted(patterns, key=len, reverse=True))))
        for meaning, patterns in table[name].items()
    )


@lru_cache(maxsize=4096)
def _corrected(word: str) -> str:
    """Return the key word that a word is with a slip or two; other words as they are.

    >>> _corrected("disconected"), _corrected("numbr"), _corrected("contract")
    ('disconnected', 'number', 'contract')
    """
    if len(word) < _SHORTEST_SLIP - 1 or word in KNOWN_WORDS:
        return word
    reach = 2 if len(word) >= _LONG_WORD else 1
    near = [
        (off, key)
        for key in KEY_WORDS
        if key[0] == word[0] and abs(len(key) - len(word)) <= reach
        and len(key) >= _SHORTEST_SLIP and (off := distance(word, key)) <= reach
    ]  # fmt: skip
    return min(near)[1] if near else word


def _outcome(note: str, outcomes: Dispositions, *, exactly: bool) -> NoteMeaning | None:
    """Return the meaning of a note that is the name of a call's outcome; unless `exactly`, with
    digits and marks beside it ("hands off 3/14")."""
    words = " ".join(note.split())
    plain = " ".join(_NO_WORD.sub(" ", words.casefold()).split())
    match outcomes.meaning_of(words) if exactly else outcomes.meaning_of(words, plain):
        case "do_not_call":
            return "do_not_call"
        case "wrong_number":
            return "wrong_number"
        case "disconnected":
            return "disconnected"
    return None


def source_of(connector: str) -> str:
    """Return the source of what a note in this CRM said."""
    return f"{connector}{SOURCE}"


def note_in(source: str) -> str:
    """Return the CRM whose note this source is; "" for other sources."""
    return source.removesuffix(SOURCE) if is_note(source) else ""


def is_note(source: str) -> bool:
    """Whether a report or a review came from a note in a phone field, by its source."""
    return source.endswith(SOURCE)


def reports_from_note(
    connector: str,
    identity: ContactIdentity,
    statement: str,
    note: FieldNote,
    numbers: Sequence[str],
    at: datetime,
) -> list[Feedback]:
    """Return what a clear note reports; nothing where a person has to read it.

    *Do not call* is about that person, as a tick of the flag is; it holds for the record where
    nothing in the field can be read. *Wrong number* is about the number beside it: of several,
    nobody knows which one. `statement`: see `statement_key`.
    """
    if not note.clear or needs_person(note, numbers):
        return []
    stops = [meaning for meaning in note.meanings if meaning in STOPS]
    about = {meaning: numbers or [""] * (meaning in stops) for meaning in note.meanings}
    return [
        Feedback(
            key=f"{statement}:{meaning}:{number}",
            kind=_KINDS[meaning],
            number=number,
            source=source_of(connector),
            at=at,
            channels=STOPS.get(meaning, ""),
            contact=identity.key,
            scope="person" if meaning in stops else "number",
            person=identity.person,
            evidence=f"the phone field says “{note.words[:60]}”",
            severity="dead" if meaning == "disconnected" else "",
        )
        for meaning in note.meanings
        for number in about[meaning]
    ]


def needs_person(note: FieldNote, numbers: Sequence[str]) -> bool:
    """Whether a person reads the note, beside these numbers: it says more, or nobody knows which of
    several numbers it is about. Where there is none, there is nothing to decide."""
    of_number = any(meaning not in STOPS for meaning in note.meanings)
    return bool(numbers) and (not note.clear or (of_number and len(numbers) > 1))


def statement_key(
    identity: ContactIdentity, field: str, note: FieldNote, written_at: datetime | None
) -> str:
    """Return what begins the idempotency keys of what a note says.

    The same words count once, also after somebody has cleared the flag that came of them; words
    that somebody has written since we read the field (`written_at`) are said anew.
    """
    # Hashed: names as long as they may be would leave no room for what a key tells apart.
    said = "\0".join((identity.key, field, note.words.casefold()))
    digest = hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
    when = f"@{written_at.timestamp() * 1000:.0f}" if written_at else ""
    return f"{NOTE}{digest}{when}"


def without_time(key: str) -> str:
    """Return a key as that of the same words whenever they were written.

    >>> without_time("note:ab12@1700000000000:do_not_call:+1")
    'note:ab12:do_not_call:+1'
    """
    return _WRITTEN_AT.sub("", key)


def suggestion(note: FieldNote) -> ReviewDecision:
    """Return what a person who reads the note is offered first."""
    if any(meaning in STOPS for meaning in note.meanings):
        return ReviewDecision.OPT_OUT
    return ReviewDecision.WRONG_NUMBER
