"""Decides what a reply means; see the language files for the words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from worker.feedback.replies import de, en, es, fr, it, pl, pt, ru, uk
from worker.feedback.replies.language import Language
from worker.feedback.replies.names import GIVEN_NAMES, NAMES_THAT_ARE_WORDS, NOT_NAMES
from worker.feedback.replies.text import MAX_PARTS, normalize, readable, sentences

LANGUAGES = tuple(one.LANGUAGE for one in (en, es, fr, de, pt, it, pl, ru, uk))
Kind = Literal["opt_out", "opt_in", "wrong_number"]
_Patterns = tuple[tuple[Kind, re.Pattern[str]], ...]
_JOKES = re.compile(
    r"\b(?:lol|lmao|rofl|jk|just kidding|haha\w*|hehe\w*|jaja\w*|kkk+|mdr|ahah\w*|(?:а?ха){2}\w*)\b"
    r"|[😂🤣😆😜😝🤪]"
)
_MAX_EVIDENCE = 80
# Keywords that are everyday words in a longer message.
_EVERYDAY_KEYWORDS = re.compile(
    r"^(?:end|quit|cancel\w*|para|parar|fin|fim|baja|leave|exit|opt|alto|enough|no more|basta|chega"
    r"|genug|ende|koniec|dosc|хватит|довольно|досить|годі|конец|кінець|assez|sair|salir|quitter"
    r"|ferma|esci|block|nicht mehr|no mas|ya no|non piu|nao mais|remove|stop (?:that|this|it)"
    r"|не надо|не треба|отмена|ruhe|annul\w*|anul\w*|end all|terminar|suspender|schluss|reicht)$"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """`evidence`: the words that say so. `channels`: which an opt-out speaks of."""

    kind: Kind
    evidence: str
    language: str
    channels: frozenset[str] = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Reply:
    """`meanings`: what is clear, at most one of a kind. `doubtful`: a person should look, at the
    `suggestion` first; nothing is clear, or the message says more than is read."""

    intents: tuple[Intent, ...] = ()
    needs_review: bool = False
    suggestion: Intent | None = None


NOTHING = Reply()


def read_reply(text: str) -> Reply:
    """What a reply means; an ordinary one means nothing to us.

    Takes time and memory in proportion to the length, and little of both: only the beginning of a
    very long message is read (`text.readable`). Whatever that says, a person is to look at the
    rest, and an opt-in is not clear before they have.

    >>> [one.kind for one in read_reply("Please don't text me anymore").intents]
    ['opt_out']
    >>> read_reply("I'll stop by tomorrow").needs_review
    True
    """
    text, all_of_it = readable(text)
    folded = normalize(text)
    if not folded:
        return NOTHING if all_of_it else Reply(needs_review=True)
    whole = _exact_match(folded) if all_of_it else None
    playful = bool(_JOKES.search(text.casefold()))
    if whole is not None and not playful and "?" not in text:
        return Reply((whole,))
    clear: dict[str, Intent] = {}
    unclear: list[Intent] = [whole] if whole else []
    parts = 0
    for sentence, is_question in sentences(text):
        if parts > MAX_PARTS:
            break
        parts += 1 + sentence.count(",")
        for meaning, sure in _read_sentence(sentence, is_question):
            if sure and not (playful and meaning.kind == "opt_out"):
                clear.setdefault(meaning.kind, meaning)
            else:
                unclear.append(meaning)
    if not all_of_it or parts > MAX_PARTS:
        unclear += [clear.pop("opt_in")] if "opt_in" in clear else []
        suggestion = unclear[0] if unclear else None
        return Reply(tuple(clear.values()), needs_review=True, suggestion=suggestion)
    if clear:
        return Reply(tuple(clear.values()))
    if unclear:
        return Reply(needs_review=True, suggestion=unclear[0])
    return NOTHING


def _exact_match(folded: str) -> Intent | None:
    """A keyword, with nothing beside it but politeness."""
    for language in LANGUAGES:
        meant = language.expand(folded)
        core = " ".join(language.politeness_pattern.sub(" ", meant).split())
        wholes: _Patterns = (
            ("opt_out", language.exact_opt_out_pattern),
            ("opt_in", language.exact_opt_in_pattern),
        )
        for kind, pattern in wholes:
            for words in (meant, core):
                # Said twice is said once: STOP STOP.
                parts = words.split()
                once = " ".join(dict.fromkeys(parts)) if len(parts) > 1 else words
                if not words:
                    continue
                # STOP is understood everywhere, with politeness in any language.
                known = (
                    (pattern, LANGUAGES[0].exact_opt_out_pattern)
                    if kind == "opt_out"
                    else (pattern,)
                )
                if any(one.fullmatch(words) or one.fullmatch(once) for one in known):
                    return _intent(kind, words, language)
    return None


def _read_sentence(sentence: str, is_question: bool) -> list[tuple[Intent, bool]]:
    """What a sentence may mean, and whether that is clear."""
    folded = normalize(sentence)
    found: list[tuple[Intent, bool]] = []
    whole = _exact_match(folded)
    if whole is not None:
        found.append((whole, not is_question))
    # Neighbours share words: what is unclear in one language is not taken for clear in another.
    read = [(language, language.expand(folded)) for language in LANGUAGES]
    unclear = any(language.uncertain_pattern.search(meant) for language, meant in read)
    for language, meant in read:
        asked = bool(language.question_pattern.search(meant)) or is_question
        if asked and language.request_pattern.search(meant):
            asked = False
        sure = not asked and not unclear
        searched: _Patterns = (
            ("opt_out", language.opt_out_pattern),
            ("wrong_number", language.wrong_number_pattern),
        )
        for kind, pattern in searched:
            match = pattern.search(meant)
            if match:
                found.append((_intent(kind, match.group(), language, meant), sure))
        if named := _names_another_person(sentence, language):
            found.append((_intent("wrong_number", named, language), sure))
    wrong = any(sure and meaning.kind == "wrong_number" for meaning, sure in found)
    clauses = sentence.split(",")[:MAX_PARTS]
    if len(clauses) > 1 and not is_question and not unclear:
        for clause in clauses:  # "wrong number, remove", "I never signed up for this, stop"
            keyword = _exact_match(normalize(clause))
            if keyword is not None and (wrong or not _EVERYDAY_KEYWORDS.search(keyword.evidence)):
                found.append((keyword, True))
    if not found:
        for language, meant in read:
            match = language.weak_pattern.search(meant)
            if match:
                found.append((_intent("opt_out", match.group(), language), False))
                break
    return found


def _names_another_person(sentence: str, language: Language) -> str | None:
    """The words of "this is not Maria", where what follows is a name."""
    for match in language.denial_pattern.finditer(sentence):
        title, name = match.groups()
        plain = normalize(name)
        if plain in GIVEN_NAMES or title:
            return match.group()
        if plain in NOT_NAMES or len(plain) < 3:
            continue
        # German writes every noun with a capital.
        if name[:1].isupper() and not name.isupper() and language.code != "de":
            return match.group()
    for match in language.no_such_person_pattern.finditer(sentence):
        name = match.group(2)
        written_as_one = name[:1].isupper() and not name.isupper()
        if normalize(name) in GIVEN_NAMES and (
            written_as_one or normalize(name) not in NAMES_THAT_ARE_WORDS
        ):
            return match.group()
    return None


def _intent(kind: Kind, words: str, language: Language, folded: str = "") -> Intent:
    channels = {"text", "call"} if language.call_pattern.search(folded) else {"text"}
    return Intent(kind, words[:_MAX_EVIDENCE], language.code, frozenset(channels))
