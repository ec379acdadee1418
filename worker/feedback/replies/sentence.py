"""Says what one sentence of a reply may mean, and whether that is clear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from worker.feedback.replies.absences import absent_person
from worker.feedback.replies.denials import names_another_person
from worker.feedback.replies.doubts import is_doubtful, is_for_later, subscribes_again
from worker.feedback.replies.intents import Kind, Match, Requested, intent_of
from worker.feedback.replies.keywords import exact_match, may_hold_a_keyword
from worker.feedback.replies.language import Language, folded_case
from worker.feedback.replies.phrase_search import Found, readings, search_all
from worker.feedback.replies.surroundings import (
    FILLER,
    content_words,
    says_little_else,
    stands_by_itself,
)
from worker.feedback.replies.text import MAX_PARTS, Folds

_NO_PHRASES: Found = {}
_MAX_DECLINE = 100  # characters of a sentence that declines
_MAX_REST = 400  # characters of the other sentences that are looked at

# A sentence with one of these asks for no consent.
_DENIES = re.compile(
    r"\b(?:not|never|no|dont|did|do|stop|why|nunca|ne|pas|jamais|nicht|nie|non|nao|не|ніколи|перестан\w*)\b"
)


def read_sentence(
    sentence: str, folds: Folds, is_question: bool, message: str, readers: tuple[Language, ...]
) -> list[Match]:
    """What a sentence may mean, and whether that is clear. `message`: all of it, normalized."""
    matches: list[Match] = []
    folded = folds[sentence]
    rest = message.replace(folded, " ", 1)[:_MAX_REST]
    keyword = exact_match(folded)
    if keyword is not None:
        sure = not is_question and stands_by_itself(keyword, rest, readers)
        matches.append(Match(keyword, sure))
    read = readings(folded, readers)
    # Neighbours share words: what is unclear in one language is not taken for clear in another.
    phrases_by_reading = search_all(read)
    unclear = any("uncertain" in phrases for phrases in phrases_by_reading.values())
    small = folded_case(sentence)
    asked = {language.code: language for language, _ in read}
    names = {
        code: names_another_person(sentence, small, language) for code, language in asked.items()
    }
    for language, meant in read:
        phrases = phrases_by_reading.get((language.code, meant))
        if phrases and phrases.keys() != {"weak"}:
            matches += _phrases(meant, language, phrases, is_question, unclear, rest)
        if named := names[language.code]:
            matches.append(
                Match(intent_of("wrong_number", named, language), not unclear and not is_question)
            )
    if not is_question and not unclear:
        matches += _clauses(sentence, folds, matches, rest, readers)
    if not is_question and (declined := _declined(folded, folded == message, readers)):
        matches.append(declined)
    if not matches and (words := subscribes_again(folded)):
        matches.append(Match(intent_of("opt_in", words, read[0][0]), False, for_a_person=True))
    is_all = not matches and FILLER.issuperset(rest.split())
    if is_all and (code := absent_person(sentence, folded, asked)):
        absent = intent_of("wrong_number", sentence.strip(), asked[code])
        matches.append(Match(absent, False, for_a_person=True))
    return matches or _weak_matches(read, phrases_by_reading)


def _declined(folded: str, is_message: bool, readers: tuple[Language, ...]) -> Match | None:
    """Whether a sentence turns down what was offered: "no thanks", "I never signed up"."""
    if len(folded) > _MAX_DECLINE:
        return None
    for language in readers:
        if words := language.find_decline(folded, is_message):
            return Match(intent_of("opt_out", words, language, words), False, for_a_person=True)
    return None


def _phrases(
    meant: str, language: Language, phrases: Found, is_question: bool, unclear: bool, rest: str
) -> list[Match]:
    """What the phrases of one language that are in a sentence may mean."""
    asked = bool(language.question_pattern.search(meant)) or is_question
    if asked and language.request_pattern.search(meant):
        asked = False
    sure = not asked and not unclear
    matches: list[Match] = []
    requested: tuple[Requested, ...] = ("opt_in", "opt_out", "wrong_number")
    for kind in requested:
        match = phrases.get(kind)
        if match is None:
            continue
        alone = sure and says_little_else(match, meant, rest)
        alone = alone and not is_doubtful(kind, match, meant)
        # The words of an opt-out are no weak ones, whatever stands beside them.
        weak = unclear and kind != "opt_out"
        matches.append(Match(intent_of(kind, match.group(), language, meant), alone, weak=weak))
        if kind == "opt_in":
            if _DENIES.search(meant) or content_words(meant) - content_words(match.group()) > 2:
                matches[-1] = Match(matches[-1].intent, False)
            break  # "opt me back in" holds words of an opt-out
    matches += _statements(meant, language, phrases, asked, matches)
    if (question := phrases.get("asks_how")) is not None:
        intent = intent_of("opt_out", question.group(), language, meant)
        matches.append(Match(intent, False, for_a_person=True))
    circumstance = phrases.get("weak_wrong_number")
    if circumstance is not None and all(match.intent.kind != "wrong_number" for match in matches):
        intent = intent_of("wrong_number", circumstance.group(), language)
        matches.append(Match(intent, False, apart=True))
    return matches


def _statements(
    meant: str, language: Language, phrases: Found, asked: bool, matches: list[Match]
) -> Iterator[Match]:
    """What a sentence says beside the requests in it, which are `matches`.

    A complaint is clear, whatever it depends on ("if this goes on"), and asks to be left alone.
    Another number is only proposed: a person looks at it, also beside a clear request. So is a
    confirmation, where nothing is asked.
    """
    if match := phrases.get("complaint"):
        # Whoever complains is not contacted again, by any channel.
        for kind in ("complaint", "opt_out"):
            intent = intent_of(kind, match.group(), language)
            intent = replace(intent, channels=frozenset({"call", "text"}))
            yield Match(intent, not asked, apart=asked and kind == "complaint")
    if match := phrases.get("corrected"):
        yield Match(intent_of("corrected", match.group(), language), False, apart=True)
    elif not asked and (match := phrases.get("confirmed")):
        requested = any(match.intent.kind == "opt_out" for match in matches)
        if not requested and not _DENIES.search(meant):
            yield Match(intent_of("confirmed", match.group(), language), False, apart=True)


def _clauses(
    sentence: str, folds: Folds, matches: list[Match], rest: str, readers: tuple[Language, ...]
) -> list[Match]:
    """Keywords between commas: "wrong number, remove", "I never signed up for this, stop"."""
    if not may_hold_a_keyword(folds[sentence]):
        return []
    wrong = any(match.sure and match.intent.kind == "wrong_number" for match in matches)
    clauses = list(dict.fromkeys(sentence.split(",")))[:MAX_PARTS]
    keywords: list[Match] = []
    if len(clauses) < 2:
        return keywords
    parts = [folds[clause] for clause in clauses]
    for place, part in enumerate(parts):
        keyword = exact_match(part)
        if keyword is None or keyword.kind == "opt_in":
            continue
        others = " ".join(filter(None, parts[:place] + parts[place + 1 :]))[:_MAX_REST]
        sure = wrong or stands_by_itself(keyword, f"{others} {rest}", readers)
        sure = sure and not is_for_later(folds[sentence])
        keywords.append(Match(keyword, sure))
    return keywords


def _weak_matches(
    read: list[tuple[Language, str]], phrases_by_reading: dict[tuple[str, str], Found]
) -> list[Match]:
    for language, meant in read:
        if match := phrases_by_reading.get((language.code, meant), _NO_PHRASES).get("weak"):
            intent = intent_of(_weak_kind(match.group()), match.group(), language)
            return [Match(intent, False, weak=True)]
    return []


def _weak_kind(words: str) -> Kind:
    return "wrong_number" if _CONTACT_PERSON.search(words) else "opt_out"


# Of weak words, those that speak of another person or number.
_CONTACT_PERSON = re.compile(
    r"wrong|who is|quien es|qui est|wer ist|quem e|chi e|kto to|кто так|хто так|not my"
    r"|right (?:number|person)|changed my|decease|passed away|died|verstorben|gestorben"
    r"|fallec|murio|falec|morreu|deced|mort|zmarl|nie zyje|умер|сконч|помер"
    r"|equivoc|falsch|verwahlt|faux|mauvais|tromp|erreur"
    r"|engan|errad|sbagliat|zly|pomyl|ошиб|не туда|не то|помил|business|landline"
)
