"""Decides what a reply means; see the language files for the words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Literal, NamedTuple

from worker.feedback.replies import de, en, es, fr, it, pl, pt, router, ru, uk
from worker.feedback.replies.absences import absent_person
from worker.feedback.replies.detection import languages_of, likely_language
from worker.feedback.replies.doubts import is_doubtful
from worker.feedback.replies.language import Language, PhraseKind, first_words, folded_case
from worker.feedback.replies.names import GIVEN_NAMES, NAMES_THAT_ARE_WORDS, NOT_NAMES
from worker.feedback.replies.phrases import Phrases, WordPattern, spellings
from worker.feedback.replies.text import (
    MAX_PARTS,
    Folds,
    normalize,
    readable,
    sentences,
    without_emoticons,
    without_name,
    without_signature,
)
from worker.feedback.replies.transliteration import to_cyrillic
from worker.feedback.replies.typos import JOINED_KEYWORDS, correct, is_mistyped_stop

LANGUAGES = tuple(module.LANGUAGE for module in (en, es, fr, de, pt, it, pl, ru, uk))
_CYRILLIC_LANGUAGES = tuple(language for language in LANGUAGES if language.code in ("ru", "uk"))
_LATIN_OR_DIGIT = re.compile("[a-z0-9#]")
Requested = Literal["opt_out", "opt_in", "wrong_number"]
Kind = Literal["opt_out", "opt_in", "wrong_number", "complaint", "corrected", "confirmed"]
# Why the rules are not sure: they know single words, or what they know is unclear. With "" the
# router has no say in a review: a part of the message was not read.
Doubt = Literal["", "weak", "unclear"]
_Found = dict[PhraseKind, re.Match[str]]  # the first phrase of each kind in a sentence
_NO_PHRASES: _Found = {}
_CLEAR: tuple[PhraseKind, ...] = (
    "opt_in", "opt_out", "wrong_number", "complaint", "corrected", "confirmed",
    "weak_wrong_number", "asks_how", "uncertain",
)  # fmt: skip
_WEAK: tuple[PhraseKind, ...] = ("weak",)
_JOKES = re.compile(
    r"\b(?:lol|lmao|rofl|jk|just kidding|haha\w*|hehe\w*|jaja\w*|kkk+|mdr|ahah\w*|(?:а?ха){2}\w*)\b"
    r"|[😂🤣😆😜😝🤪😛]|[:;=]-?p+(?!\w)"
)
_MAX_EVIDENCE = 80
_UNKNOWN_TO_THE_ROUTER = ("complaint", "corrected", "confirmed")
_MIN_ROUTED = 6  # characters below which the router says nothing of a reply
_MAX_DECLINE = 100  # characters of a sentence that declines
_MAX_KEYWORD = 100  # characters of a keyword with the polite words beside it
_MAX_WORDS = max(map(len, JOINED_KEYWORDS))  # of a mistyped keyword, blanks between all letters
_MAX_MISTYPED = 4 * _MAX_KEYWORD  # a Cyrillic letter has up to four Latin ones
# Keywords that are everyday words in a longer message.
_EVERYDAY_KEYWORDS = re.compile(
    r"^(?:end|quit|cancel\w*|para|parar|fin|fim|baja|leave|exit|opt|alto|enough|no more|basta|chega"
    r"|genug|ende|koniec|dosc|хватит|довольно|досить|годі|конец|кінець|assez|sair|salir|quitter"
    r"|ferma|esci|block|nicht mehr|no mas|ya no|non piu|nao mais|remove|stop (?:that|this|it)"
    r"|не надо|не треба|отмена|ruhe|annul\w*|anul\w*|end all|terminar|suspender|schluss|reicht"
    r"|quit it|just stop|delete\w*|stop now|stop already|no stop|stop no)$"
)
# A match with one of these words speaks of being contacted, wherever in a message it stands.
_CONTACT_WORDS = WordPattern(
    r"unsub|su[bs]*crip|subscri|desabon|inscri|abmeld|abbestell|wypis|отпис|отпиш|відпис|відпиш|подпис|підпис|descadastr"
    r"|\bopt|optout|\blists?\b|\blista|\bliste|verteiler|database|datenbank|base de d|\bbaz[ay]"
    r"|consen|consent|permis|einwillig|zgod|соглас|згод|messag|mensa[jg]|messagg|nachricht"
    r"|wiadomos|сообщени|повідомлен|\bsms|смс|\btexts\b|textos|publici|propagand|werb"
    r"|pubblicit|\bpubs?\b|reklam|реклам|рассыл|розсил|spam|спам|number|numero|nummer|номер|numer"
    r"|\bdaten\b|\bdatos|\bdados|donnees|\bdati\b|\bdane\b|данн|\bdnc\b|do not (?:call|contact)"
    r"|marketing|promo|contact|kontakt|contat|bloctel|robinson|solicit|person|persona|pessoa"
    r"|личн|людин|человек|особ|osob|verwahlt|verwaehlt|pomyl|ошиб|помил|equivoc|enganad|engano"
    r"|sbagliat|tromp|erreur|owner|besitzer|dueno|dono\b|proprietari|wlascicie|владел|власник"
)
_SPEAKS_OF_CONTACT = WordPattern(
    rf"{_CONTACT_WORDS.pattern}|texting|calling|escribi|llam|appel|anruf"
)
# A match with one of these is as often said to a friend: it must be all that a message says.
_RUDE_WORDS = re.compile(
    r"fuck|piss|bugger|\bsod|buzz|eff off|get lost|go away|go to hell|get a life|alone|in ruhe"
    r"|in frieden|verpiss|\bhaut? ab|\bgeh\w* |fick|leck|en paz|tranquil|mierda|carajo|diablo"
    r"|verga|chingad|faire|chier|degage|cass\w|paix|in pace|stare|perdere|quel paese|affancul"
    r"|fancul|sparite|rompe|em paz|sossegad|quiet|foder|fuder|merda|daqui|sumam|embora|\bspokoj"
    r"|spadaj|pierd|odczep|odwal|в покое|отстан|отвал|отвяж|иди|\bпошел|\bпошл|спокіи|спокої"
    r"|відчеп|відстан|відвал|\bіди|\bідіть"
    r"|want out|let me out|get me out|stop (?:it|this|that|now|already)\b"
)
# Words that add nothing to a sentence beside what was recognised in it.
_FILLER = frozenset("""
    i me my you your u ur we us our this that it is am are be the a an and or so to for of at on in
    just really very please ever again anymore any more now immediately today asap have has had
    do not no yes will would could can all guys already thanks thank hi hello hey sir maam ok okay
    sorry but what the hell fucking damn goddamn stupid bloody told asked said think believe
    yo tu usted ustedes el la los las de que por favor y a en mi me ya gracias hola senor senora
    je vous tu nous le les des du et ce cette svp merci bonjour bitte ich sie ihr euch und danke
    hallo der die das den dem o os as um uma e voce voces eu obrigado obrigada ola il lo gli una
    prego grazie ciao per favore non so prosze ja pan pani panstwo dziekuje to sie я вы ты мы это
    и пожалуиста спасибо здравствуите уже мне меня ви ти ми це дякую будь ласка вже мені мене
    """.split())  # fmt: skip
# A sentence with one of these asks for no consent.
_DENIES = re.compile(
    r"\b(?:not|never|no|dont|did|do|stop|why|nunca|ne|pas|jamais|nicht|nie|non|nao|не|ніколи|перестан\w*)\b"
)
_MAX_BESIDE = 6  # words of a sentence that may stand beside what was recognised in it
_NUMBER = re.compile(r"number|numero|nummer|номер|numer|verwahlt|\bnot ")
_MAX_REST = 400  # characters of the other sentences that are looked at
_MAX_BESIDE_RUDE = 0  # the same, of the whole message


@dataclass(frozen=True, slots=True)
class Intent:
    """`evidence`: the words that say so. `channels`: which an opt-out speaks of."""

    kind: Kind
    evidence: str
    language: str
    channels: frozenset[str] = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Reply:
    """`intents`: what is clear, at most one of a kind. `needs_review`: a person should look, at
    the `suggestion` first; nothing is clear, or the message says more than is read. `likelihood`:
    in percent, that a reply which a person should look at is a request."""

    intents: tuple[Intent, ...] = ()
    needs_review: bool = False
    suggestion: Intent | None = None
    likelihood: int = 0


@dataclass(frozen=True, slots=True)
class _Match:
    """What a sentence may mean. `sure`: it is clear. `apart`: it is no wording of a request but a
    circumstance, such as a death, that a person should know beside what was asked. `weak`: single
    words said so, or a phrase in a sentence that speaks of something else. `for_a_person`: a
    person should look whatever the router says, as where somebody asks how to stop, or declines."""

    intent: Intent
    sure: bool
    apart: bool = False
    weak: bool = False
    for_a_person: bool = False


NOTHING = Reply()


def read_reply(text: str, model: router.Model | None = None) -> Reply:
    """Say what a reply means; an ordinary one means nothing to us.

    Takes time and memory in proportion to the length, and little of both: only the beginning of a
    very long message is read (`text.readable`). Whatever that says, a person is to look at the
    rest, and an opt-in is not clear before they have. `model`: of the router; as shipped without
    one.

    >>> [one.kind for one in read_reply("Please don't text me anymore").intents]
    ['opt_out']
    >>> read_reply("not interested").needs_review
    True
    """
    read, folds = _as_read(text), Folds()
    reply, doubt = _by_rules(read, folds)
    if reply.intents:
        return reply
    model = model or router.load()
    if reply.needs_review and not doubt:  # the queue has what is most likely a request first
        return replace(reply, likelihood=router.score(read.text, model, folds).likelihood)
    return _routed(reply, doubt, read.text, folds, model)


def _routed(reply: Reply, doubt: Doubt, text: str, folds: Folds, model: router.Model) -> Reply:
    """What the router makes of a reply in which no rule is sure.

    It sends to a person what it takes for a request, and leaves alone what is surely harmless
    although a rule saw weak words or doubted. It never flags.
    """
    score = router.score(text, model, folds)
    kind: Kind = "opt_out" if score.kind == "opt_out" else "wrong_number"
    if reply.needs_review:
        suggestion = reply.suggestion
        if suggestion is not None and suggestion.kind in _UNKNOWN_TO_THE_ROUTER:
            return replace(reply, likelihood=score.likelihood)
        if score.best < (model.weak if doubt == "weak" else model.harmless):
            return NOTHING
        if doubt == "weak" and suggestion is not None and score.best > 0:
            suggestion = replace(suggestion, kind=kind)
        return replace(reply, suggestion=suggestion, likelihood=score.likelihood)
    language = likely_language(folds[text])
    limit = model.review if language in ("", "en") else model.review_elsewhere
    if not score.evidence or score.best < limit or len(score.evidence) < _MIN_ROUTED:
        return NOTHING
    intent = Intent(kind, score.evidence[:_MAX_EVIDENCE], language)
    return Reply(needs_review=True, suggestion=intent, likelihood=score.likelihood)


def read_by_rules(text: str) -> tuple[Reply, Doubt]:
    """What the rules make of a reply, and why they are not sure."""
    return _by_rules(_as_read(text), Folds())


class _Read(NamedTuple):
    """What is read of a message. `complete`: it is all of it. `playful`: it laughs."""

    text: str
    complete: bool
    playful: bool


def _as_read(text: str) -> _Read:
    text, complete = readable(text)
    playful = bool(_JOKES.search(text.casefold()))
    return _Read(without_emoticons(without_signature(text)), complete, playful)


def _by_rules(read: _Read, folds: Folds) -> tuple[Reply, Doubt]:
    text, complete, playful = read
    folded = folds[text]
    if not folded:
        return (NOTHING if complete else Reply(needs_review=True)), ""
    whole = _exact_match(folded, complete) if complete else None
    if whole is None and complete and (above := without_name(text)) != text:
        whole = _exact_match(folds[above])
        if whole and (whole.kind != "opt_out" or _EVERYDAY_KEYWORDS.search(folds[above])):
            whole = None
    if whole is not None and not playful and "?" not in text:
        return Reply((whole,)), ""
    matches = [_Match(whole, False)] if whole else []
    readers = _possible_languages(folded)
    parts = 0
    seen: set[tuple[str, bool]] = set()
    for sentence, is_question in sentences(text):
        if parts > MAX_PARTS:
            break
        parts += 1 + sentence.count(",")
        if (sentence, is_question) in seen:
            continue
        seen.add((sentence, is_question))
        matches += _read_sentence(sentence, folds, is_question, folded, readers)
    complete = complete and parts <= MAX_PARTS
    doubt: Doubt = ""
    if complete and matches and not any(match.for_a_person for match in matches):
        doubt = "weak" if all(match.weak for match in matches) else "unclear"
    return _weighed(matches, playful, complete), doubt


def _weighed(matches: list[_Match], playful: bool, complete: bool) -> Reply:
    """What the matches of a message come to."""
    clear: dict[str, Intent] = {}
    unclear: list[_Match] = []
    for match in matches:
        if match.sure and not (playful and _may_be_a_joke(match.intent)):
            clear.setdefault(match.intent.kind, match.intent)
        else:
            unclear.append(match)
    if not complete:
        if "opt_in" in clear:
            unclear.append(_Match(clear.pop("opt_in"), False))
        suggestion = unclear[0].intent if unclear else None
        return Reply(tuple(clear.values()), needs_review=True, suggestion=suggestion)
    if clear:
        beside = [
            m.intent
            for m in unclear
            if m.apart and m.intent.kind not in clear and m.intent.kind != "confirmed"
        ]
        if beside:
            return Reply(tuple(clear.values()), needs_review=True, suggestion=beside[0])
        return Reply(tuple(clear.values()))
    if unclear:
        return Reply(needs_review=True, suggestion=_suggested(unclear))
    return NOTHING


def _suggested(unclear: list[_Match]) -> Intent:
    """What a person is to think of first: what may stop contact, before another number or a
    confirmation; and a circumstance before the words of a request."""
    stops = [match.intent for match in unclear if match.intent.kind == "opt_out"]
    for match in unclear:
        if match.apart and not (stops and match.intent.kind in ("corrected", "confirmed")):
            return match.intent
    if any(match.apart for match in unclear):
        return stops[0]
    return unclear[0].intent


def _may_be_a_joke(intent: Intent) -> bool:
    """Whether laughing makes words unclear; "wrong number, lol" says what it says."""
    return intent.kind != "wrong_number" or not _NUMBER.search(intent.evidence)


def _possible_languages(folded: str) -> tuple[Language, ...]:
    codes = languages_of(folded)
    return tuple(language for language in LANGUAGES if language.code in codes)


def _exact_match(folded: str, as_message: bool = False) -> Intent | None:
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
    if not _may_hold_a_keyword(folded) or not _keyword_words().issuperset(_unmarked(folded)):
        return None
    marked = "#" in folded
    stops = LANGUAGES[0].opt_out_keywords
    # What most languages make of a text is the text itself: its forms are made once.
    asked_of: dict[str, str] = {}
    once: dict[str, str] = {}
    # The keywords of the other languages are in Latin letters.
    possible = LANGUAGES if _LATIN_OR_DIGIT.search(folded) else _CYRILLIC_LANGUAGES
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
                    return _intent("opt_out", words, language)
        asked = asked_of.get(meant)
        if asked is None:
            asked = asked_of[meant] = " ".join(_PLEASE.sub(" ", meant).split())
        if asked in language.opt_in_keywords:
            return _intent("opt_in", asked, language)
    return None


def _may_hold_a_keyword(folded: str) -> bool:
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
    return words | _abbreviations()


def _unmarked(folded: str) -> list[str]:
    """The words of a text, without the marks that `normalize` leaves."""
    return folded.replace("#", " ").split()


# The only words that may stand beside a keyword that revives consent.
_PLEASE = re.compile(
    r"\b(?:please|thanks|thank you|por favor|gracias|svp|s ?il vous plait|merci|bitte|danke"
    r"|obrigad[oa]|per favore|grazie|prosze|dziekuje|пожалуиста|спасибо|будь ласка|дякую)\b"
)


def _once(words: str) -> str:
    """Said twice is said once: STOP STOP."""
    return " ".join(dict.fromkeys(words.split()))


def _read_sentence(
    sentence: str, folds: Folds, is_question: bool, message: str, readers: tuple[Language, ...]
) -> list[_Match]:
    """What a sentence may mean, and whether that is clear. `message`: all of it, normalized."""
    matches: list[_Match] = []
    folded = folds[sentence]
    rest = message.replace(folded, " ", 1)[:_MAX_REST]
    keyword = _exact_match(folded)
    if keyword is not None:
        sure = not is_question and _stands_by_itself(keyword, rest, readers)
        matches.append(_Match(keyword, sure))
    read = _readings(folded, readers)
    # Neighbours share words: what is unclear in one language is not taken for clear in another.
    phrases_by_reading = _search_all(read)
    unclear = any("uncertain" in phrases for phrases in phrases_by_reading.values())
    small = folded_case(sentence)
    asked = {language.code: language for language, _ in read}
    names = {
        code: _names_another_person(sentence, small, language) for code, language in asked.items()
    }
    for language, meant in read:
        phrases = phrases_by_reading.get((language.code, meant))
        if phrases and phrases.keys() != {"weak"}:
            matches += _phrases(meant, language, phrases, is_question, unclear, rest)
        if named := names[language.code]:
            matches.append(
                _Match(_intent("wrong_number", named, language), not unclear and not is_question)
            )
    if not is_question and not unclear:
        matches += _clauses(sentence, folds, matches, rest, readers)
    if not is_question and (declined := _declined(folded, folded == message, readers)):
        matches.append(declined)
    is_all = not matches and _FILLER.issuperset(rest.split())
    if is_all and (code := absent_person(sentence, folded, asked)):
        absent = _intent("wrong_number", sentence.strip(), asked[code])
        matches.append(_Match(absent, False, for_a_person=True))
    return matches or _weak_matches(read, phrases_by_reading)


def _declined(folded: str, is_message: bool, readers: tuple[Language, ...]) -> _Match | None:
    """Whether a sentence turns down what was offered: "no thanks", "I never signed up"."""
    if len(folded) > _MAX_DECLINE:
        return None
    for language in readers:
        if words := language.find_decline(folded, is_message):
            return _Match(_intent("opt_out", words, language, words), False, for_a_person=True)
    return None


@cache
def _all_phrases() -> Phrases[tuple[str, PhraseKind]]:
    kinds = (*_CLEAR, *_WEAK)
    return Phrases(
        {(language.code, kind): language.phrases(kind) for language in LANGUAGES for kind in kinds}
    )


@cache
def _mask(code: str, kinds: tuple[PhraseKind, ...]) -> int:
    return _all_phrases().mask((code, kind) for kind in kinds)


def _search_all(read: list[tuple[Language, str]]) -> dict[tuple[str, str], _Found]:
    """The phrases in a sentence, by the code of a language and what it makes of the sentence."""
    masks: dict[str, int] = {}
    for language, meant in read:
        masks[meant] = masks.get(meant, 0) | _mask(language.code, (*_CLEAR, *_WEAK))
    phrases_by_reading: dict[tuple[str, str], _Found] = {}
    for meant, mask in masks.items():
        for (code, kind), match in _all_phrases().search(meant, mask).items():
            phrases_by_reading.setdefault((code, meant), {})[kind] = match
    return phrases_by_reading


def _has_weak_words(text: str, readers: tuple[Language, ...]) -> bool:
    """Whether a text has weak words of one of these languages. What most make of a text is the text
    itself, which is searched once."""
    masks: dict[str, int] = {}
    for language in readers:
        meant = language.expand(text)
        masks[meant] = masks.get(meant, 0) | _mask(language.code, _WEAK)
    return any(_all_phrases().search(meant, mask) for meant, mask in masks.items())


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset().union(*(language.abbreviations for language in LANGUAGES))


def _readings(folded: str, readers: tuple[Language, ...]) -> list[tuple[Language, str]]:
    """A sentence as each language reads it: as it stands, without typing errors, in Cyrillic."""
    read: dict[tuple[str, str], tuple[Language, str]] = {}
    corrected = correct(folded)
    abbreviated = {
        words: not _abbreviations().isdisjoint(words.split()) for words in (folded, corrected)
    }
    for language in readers:
        for words, is_abbreviated in abbreviated.items():
            meant = language.expand(words) if is_abbreviated else words
            read.setdefault((language.code, meant), (language, meant))
    if cyrillic := to_cyrillic(folded):
        for language in _CYRILLIC_LANGUAGES:
            read[(language.code, cyrillic)] = (language, language.expand(cyrillic))
    return list(read.values())


def _phrases(
    meant: str, language: Language, phrases: _Found, is_question: bool, unclear: bool, rest: str
) -> list[_Match]:
    """What the phrases of one language that are in a sentence may mean."""
    asked = bool(language.question_pattern.search(meant)) or is_question
    if asked and language.request_pattern.search(meant):
        asked = False
    sure = not asked and not unclear
    matches: list[_Match] = []
    requested: tuple[Requested, ...] = ("opt_in", "opt_out", "wrong_number")
    for kind in requested:
        match = phrases.get(kind)
        if match is None:
            continue
        alone = sure and _says_little_else(match, meant, rest)
        alone = alone and not is_doubtful(kind, match, meant)
        matches.append(_Match(_intent(kind, match.group(), language, meant), alone, weak=unclear))
        if kind == "opt_in":
            if _DENIES.search(meant) or _content_words(meant) - _content_words(match.group()) > 2:
                matches[-1] = _Match(matches[-1].intent, False)
            break  # "opt me back in" holds words of an opt-out
    matches += _statements(meant, language, phrases, asked, matches)
    if (question := phrases.get("asks_how")) is not None:
        intent = _intent("opt_out", question.group(), language, meant)
        matches.append(_Match(intent, False, for_a_person=True))
    circumstance = phrases.get("weak_wrong_number")
    if circumstance is not None and all(match.intent.kind != "wrong_number" for match in matches):
        intent = _intent("wrong_number", circumstance.group(), language)
        matches.append(_Match(intent, False, apart=True))
    return matches


def _statements(
    meant: str, language: Language, phrases: _Found, asked: bool, matches: list[_Match]
) -> Iterator[_Match]:
    """What a sentence says beside the requests in it, which are `matches`.

    A complaint is clear, whatever it depends on ("if this goes on"), and asks to be left alone.
    Another number is only proposed: a person looks at it, also beside a clear request. So is a
    confirmation, where nothing is asked.
    """
    if match := phrases.get("complaint"):
        # Whoever complains is not contacted again, by any channel.
        for kind in ("complaint", "opt_out"):
            intent = _intent(kind, match.group(), language)
            intent = replace(intent, channels=frozenset({"call", "text"}))
            yield _Match(intent, not asked, apart=asked and kind == "complaint")
    if match := phrases.get("corrected"):
        yield _Match(_intent("corrected", match.group(), language), False, apart=True)
    elif not asked and (match := phrases.get("confirmed")):
        requested = any(match.intent.kind == "opt_out" for match in matches)
        if not requested and not _DENIES.search(meant):
            yield _Match(_intent("confirmed", match.group(), language), False, apart=True)


def _says_little_else(match: re.Match[str], meant: str, rest: str) -> bool:
    """Whether a sentence, or for what friends say to each other the message, says only this."""
    beside = _content_words(meant[: match.start()] + " " + meant[match.end() :])
    if _RUDE_WORDS.search(match.group()) and not _CONTACT_WORDS.is_in(match.group()):
        if _CONTACT_WORDS.is_in(rest) or _CONTACT_WORDS.is_in(meant):
            return beside <= _MAX_BESIDE
        return beside + _content_words(rest) <= _MAX_BESIDE_RUDE
    if _CONTACT_WORDS.is_in(match.group()):
        return beside <= 2 * _MAX_BESIDE
    return beside <= _MAX_BESIDE and (
        _content_words(rest) <= 2 * _MAX_BESIDE or _CONTACT_WORDS.is_in(rest)
    )


def _content_words(text: str) -> int:
    words = text.split()
    return len(words) - sum(map(_FILLER.__contains__, words))


def _stands_by_itself(keyword: Intent, rest: str, readers: tuple[Language, ...]) -> bool:
    """Whether a keyword that is one sentence of several is a request: the rest speaks of contacts
    as well, or says nothing. Never for consent, nor for words that friends say to each other."""
    if keyword.kind == "opt_in":
        return False
    says_nothing = _FILLER.issuperset(rest.split())
    if _EVERYDAY_KEYWORDS.search(keyword.evidence):
        return says_nothing
    if says_nothing or any(map(_SPEAKS_OF_CONTACT.is_in, (keyword.evidence, rest))):
        return True
    return _has_weak_words(rest, readers)


def _clauses(
    sentence: str, folds: Folds, matches: list[_Match], rest: str, readers: tuple[Language, ...]
) -> list[_Match]:
    """Keywords between commas: "wrong number, remove", "I never signed up for this, stop"."""
    if not _may_hold_a_keyword(folds[sentence]):
        return []
    wrong = any(match.sure and match.intent.kind == "wrong_number" for match in matches)
    clauses = list(dict.fromkeys(sentence.split(",")))[:MAX_PARTS]
    keywords: list[_Match] = []
    if len(clauses) < 2:
        return keywords
    parts = [folds[clause] for clause in clauses]
    for place, part in enumerate(parts):
        keyword = _exact_match(part)
        if keyword is None or keyword.kind == "opt_in":
            continue
        others = " ".join(filter(None, parts[:place] + parts[place + 1 :]))[:_MAX_REST]
        sure = wrong or _stands_by_itself(keyword, f"{others} {rest}", readers)
        keywords.append(_Match(keyword, sure))
    return keywords


def _weak_matches(
    read: list[tuple[Language, str]], phrases_by_reading: dict[tuple[str, str], _Found]
) -> list[_Match]:
    for language, meant in read:
        if match := phrases_by_reading.get((language.code, meant), _NO_PHRASES).get("weak"):
            intent = _intent(_weak_kind(match.group()), match.group(), language)
            return [_Match(intent, False, weak=True)]
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


# "Not Ready" and "Not Important" are no names.
_BARE_DENIAL = re.compile(r"(?:(?:sorry|nope|no),? (?:but )?)?not ", re.IGNORECASE)


def _names_another_person(sentence: str, small: str, language: Language) -> str | None:
    """The words of "this is not Maria", where what follows is a name. `small`: the sentence in
    small letters."""
    if not language.may_deny(small):
        return None
    for match in language.denial_pattern.finditer(sentence):
        title, name = match.group(1) or "", match.group(2)
        plain = normalize(name)
        if title.lower().startswith("pan") and language.code not in ("pl", "uk", "ru"):
            title = ""  # bread, in Spanish
        if plain in GIVEN_NAMES or title:
            return match.group()
        if _BARE_DENIAL.match(match.group()):
            continue
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
