"""Decides what a reply means; see the language files for the words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from worker.feedback.replies import de, en, es, fr, it, pl, pt, ru, uk
from worker.feedback.replies.language import Language
from worker.feedback.replies.names import ALSO_WORDS, GIVEN_NAMES, NO_NAMES
from worker.feedback.replies.text import MOST_PARTS, fold, readable, sentences

LANGUAGES = tuple(one.LANGUAGE for one in (en, es, fr, de, pt, it, pl, ru, uk))
Kind = Literal["opt_out", "opt_in", "wrong_number"]
_Patterns = tuple[tuple[Kind, re.Pattern[str]], ...]
_PLAYFUL = re.compile(
    r"\b(?:lol|lmao|rofl|jk|just kidding|haha\w*|hehe\w*|jaja\w*|kkk+|mdr|ahah\w*|(?:а?ха){2}\w*)\b"
    r"|[😂🤣😆😜😝🤪]"
)
_LONGEST_EVIDENCE = 80
# Keywords that are everyday words in a longer message.
_WEAK = re.compile(
    r"^(?:end|quit|cancel\w*|para|parar|fin|fim|baja|leave|exit|opt|alto|enough|no more|basta|chega"
    r"|genug|ende|koniec|dosc|хватит|довольно|досить|годі|конец|кінець|assez|sair|salir|quitter"
    r"|ferma|esci|block|nicht mehr|no mas|ya no|non piu|nao mais|remove|stop (?:that|this|it)"
    r"|не надо|не треба|отмена|ruhe|annul\w*|anul\w*|end all|terminar|suspender|schluss|reicht)$"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """`evidence`: the words that say so. `channels`: which an opt-out speaks of."""

    kind: Kind
    evidence: str
    language: str
    channels: frozenset[str] = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Reply:
    """`meanings`: what is clear, at most one of a kind. `doubtful`: a person should look, at the
    `suggestion` first; nothing is clear, or the message says more than is read."""

    meanings: tuple[Meaning, ...] = ()
    doubtful: bool = False
    suggestion: Meaning | None = None


NOTHING = Reply()


def read_reply(text: str) -> Reply:
    """What a reply means; an ordinary one means nothing to us.

    Takes time and memory in proportion to the length, and little of both: only the beginning of a
    very long message is read (`text.readable`). Whatever that says, a person is to look at the
    rest, and an opt-in is not clear before they have.

    >>> [one.kind for one in read_reply("Please don't text me anymore").meanings]
    ['opt_out']
    >>> read_reply("I'll stop by tomorrow").doubtful
    True
    """
    text, all_of_it = readable(text)
    folded = fold(text)
    if not folded:
        return NOTHING if all_of_it else Reply(doubtful=True)
    whole = _whole(folded) if all_of_it else None
    playful = bool(_PLAYFUL.search(text.casefold()))
    if whole is not None and not playful and "?" not in text:
        return Reply((whole,))
    clear: dict[str, Meaning] = {}
    unclear: list[Meaning] = [whole] if whole else []
    parts = 0
    for sentence, is_question in sentences(text):
        if parts > MOST_PARTS:
            break
        parts += 1 + sentence.count(",")
        for meaning, sure in _of_sentence(sentence, is_question):
            if sure and not (playful and meaning.kind == "opt_out"):
                clear.setdefault(meaning.kind, meaning)
            else:
                unclear.append(meaning)
    if not all_of_it or parts > MOST_PARTS:
        unclear += [clear.pop("opt_in")] if "opt_in" in clear else []
        suggestion = unclear[0] if unclear else None
        return Reply(tuple(clear.values()), doubtful=True, suggestion=suggestion)
    if clear:
        return Reply(tuple(clear.values()))
    if unclear:
        return Reply(doubtful=True, suggestion=unclear[0])
    return NOTHING


def _whole(folded: str) -> Meaning | None:
    """A keyword, with nothing beside it but politeness."""
    for language in LANGUAGES:
        meant = language.meant(folded)
        core = " ".join(language.filler.sub(" ", meant).split())
        wholes: _Patterns = (("opt_out", language.whole), ("opt_in", language.whole_opt_in))
        for kind, pattern in wholes:
            for words in (meant, core):
                # Said twice is said once: STOP STOP.
                parts = words.split()
                once = " ".join(dict.fromkeys(parts)) if len(parts) > 1 else words
                if not words:
                    continue
                # STOP is understood everywhere, with politeness in any language.
                known = (pattern, LANGUAGES[0].whole) if kind == "opt_out" else (pattern,)
                if any(one.fullmatch(words) or one.fullmatch(once) for one in known):
                    return _made(kind, words, language)
    return None


def _of_sentence(sentence: str, is_question: bool) -> list[tuple[Meaning, bool]]:
    """What a sentence may mean, and whether that is clear."""
    folded = fold(sentence)
    found: list[tuple[Meaning, bool]] = []
    whole = _whole(folded)
    if whole is not None:
        found.append((whole, not is_question))
    # Neighbours share words: what is unclear in one language is not taken for clear in another.
    read = [(language, language.meant(folded)) for language in LANGUAGES]
    unclear = any(language.unclear.search(meant) for language, meant in read)
    for language, meant in read:
        asked = bool(language.asks.search(meant)) or is_question
        if asked and language.asks_us_to.search(meant):
            asked = False
        sure = not asked and not unclear
        searched: _Patterns = (("opt_out", language.stops), ("wrong_number", language.wrongs))
        for kind, pattern in searched:
            match = pattern.search(meant)
            if match:
                found.append((_made(kind, match.group(), language, meant), sure))
        if named := _not_somebody(sentence, language):
            found.append((_made("wrong_number", named, language), sure))
    wrong = any(sure and meaning.kind == "wrong_number" for meaning, sure in found)
    clauses = sentence.split(",")[:MOST_PARTS]
    if len(clauses) > 1 and not is_question and not unclear:
        for clause in clauses:  # "wrong number, remove", "I never signed up for this, stop"
            keyword = _whole(fold(clause))
            if keyword is not None and (wrong or not _WEAK.search(keyword.evidence)):
                found.append((keyword, True))
    if not found:
        for language, meant in read:
            match = language.hinted.search(meant)
            if match:
                found.append((_made("opt_out", match.group(), language), False))
                break
    return found


def _not_somebody(sentence: str, language: Language) -> str | None:
    """The words of "this is not Maria", where what follows is a name."""
    for match in language.not_named.finditer(sentence):
        title, name = match.groups()
        plain = fold(name)
        if plain in GIVEN_NAMES or title:
            return match.group()
        if plain in NO_NAMES or len(plain) < 3:
            continue
        # German writes every noun with a capital.
        if name[:1].isupper() and not name.isupper() and language.code != "de":
            return match.group()
    for match in language.none_named.finditer(sentence):
        name = match.group(2)
        written_as_one = name[:1].isupper() and not name.isupper()
        if fold(name) in GIVEN_NAMES and (written_as_one or fold(name) not in ALSO_WORDS):
            return match.group()
    return None


def _made(kind: Kind, words: str, language: Language, folded: str = "") -> Meaning:
    channels = {"text", "call"} if language.of_calls.search(folded) else {"text"}
    return Meaning(kind, words[:_LONGEST_EVIDENCE], language.code, frozenset(channels))
