"""Replies of any length and of any characters: little work, and nothing lost without a word."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import get_args

import pytest
import sqlalchemy as sa
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback.replies import keywords, phrases, reader, sentence, surroundings, typos
from worker.feedback.replies.language import Language, PhraseKind
from worker.feedback.replies.phrases import Phrases, WordPattern
from worker.feedback.replies.reader import read_reply
from worker.feedback.replies.registry import LANGUAGES
from worker.feedback.replies.text import MAX_PARTS, MAX_READ, normalize, readable
from worker.store.tables import feedback, reviews

# What is repeated. Each was slow once, or is known to be for readers like this one.
WORST = {
    "one character that is eighteen": "\ufdfa",
    "heaps of accents": "s\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308",
    "accents alone": "\u0301",
    "unseen marks": "\u200b\u200d\u2060",
    "marks of direction": "\u202e\u05d0\u202c",
    "digits": "7",
    "lines": "\n",
    "quotes in quotes": "> ",
    "a letter": "a",
    "letters apart": "s t ",
    "sentences": "a. ",
    "questions": "a? ",
    "clauses": "a,",
    "names": "no ab, ",
    "stop": "stop ",
    "beginnings": "do not want to be on the ",
    "a choice that folds into another": "цей ",
    "choices that make up another": "больше ничего ",
    "endings without a blank": "перевипущен",
    "Korean, which comes apart": "각",
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Read a text; how many characters the words of the languages were looked for in."""
    seen = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def count(text: str, *args: object) -> object:
            nonlocal seen
            seen += len(text)
            return function(text, *args)

        return count

    exact_match = counted(keywords.exact_match)
    monkeypatch.setattr(reader, "exact_match", exact_match)
    monkeypatch.setattr(sentence, "exact_match", exact_match)
    monkeypatch.setattr(reader, "read_sentence", counted(sentence.read_sentence))

    def read(text: str) -> int:
        nonlocal seen
        seen = 0
        read_reply(text)
        return seen

    return read


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Read a text; how many phrases were tried in it."""
    count = 0
    match = phrases._Phrase.match

    def counted(phrase: phrases._Phrase, text: str, start: int) -> re.Match[str] | None:
        nonlocal count
        count += 1
        return match(phrase, text, start)

    monkeypatch.setattr(phrases._Phrase, "match", counted)

    def read(text: str) -> int:
        nonlocal count
        count = 0
        read_reply(text)
        return count

    return read


# What begins as many phrases do, or all of whose words are key words.
_TRIED = {
    "a beginning": "do not ",
    "beginnings in all languages": "do not no me no quiero je ne nicht mehr nao me non nie не ",
    "key words": "stop numero wrong number person remove номер cancel nummer messages ",
    "any words before a name for a number": "abc has changed abd does not have ",
}


@pytest.mark.timeout(60)
class TestTheWork:
    @pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
    def test_is_bounded_however_long_a_message_is(
        self, unit: str, work: Callable[[str], int]
    ) -> None:
        for length in (MAX_READ, 10 * MAX_READ, 100 * MAX_READ, 10_000_000):
            assert work((unit * length)[:length]) <= 10 * MAX_READ

    @pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
    def test_is_done_on_a_short_plain_form(self, unit: str) -> None:
        for length in (MAX_READ, 100 * MAX_READ):
            text, _ = readable((unit * length)[:length])
            assert len(text) <= MAX_READ
            assert len(normalize(text)) <= 3 * MAX_READ  # a Korean syllable is three letters

    @pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
    def test_brings_each_part_into_its_plain_form_once(
        self, unit: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the rules, the clauses and the router all look at it."""
        parts: list[str] = []

        def noted(part: str) -> str:
            parts.append(part)
            return normalize(part)

        monkeypatch.setattr("worker.feedback.replies.text.normalize", noted)
        read_reply((unit * MAX_READ)[:MAX_READ])
        assert len(parts) == len(set(parts))

    @pytest.mark.parametrize("language", ["en", "es", "fr", "de", "pt", "it", "pl", "ru", "uk"])
    def test_looks_for_keywords_only_among_their_words(
        self, language: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nine languages have keywords, and hardly a sentence consists of their words alone."""
        asked = 0

        def expand(_: Language, folded: str) -> str:
            nonlocal asked
            asked += 1
            return folded

        monkeypatch.setattr(Language, "expand", expand)
        prose = [line for line in labelled(language) if len(line.split()) > 4]
        for line in prose:
            keywords.exact_match(normalize(line))
        assert asked < len(prose)  # of 9 for each

    def test_never_multiplies_by_choices_that_are_repeated_without_end(self) -> None:
        """A pattern such as (a|b|a b)* tries twice as much with each further word."""
        endless = re.compile(r"\([^()]*\|[^()]*\)[*+]")
        kinds = (
            "politeness_pattern", "question_pattern", "request_pattern", "call_pattern",
            "denial_pattern", "no_such_person_pattern",
        )  # fmt: skip
        patterns = [
            (language.code, kind, getattr(language, kind).pattern)
            for language in LANGUAGES
            for kind in kinds
        ]
        patterns += [
            (code, kind, pattern)
            for (code, kind), phrases in PHRASES.items()
            for pattern in phrases
        ]
        offending = [
            (*where, match.group())
            for *where, pattern in patterns
            for match in endless.finditer(pattern)
        ]
        assert offending == []


PHRASES = {
    (language.code, kind): language.phrases(kind)
    for language in LANGUAGES
    for kind in get_args(PhraseKind)
}
TRIED_IN_PROSE = MAX_READ  # phrases, of 1,500 that were tried at each of 300 words
TRIED_AT_WORST = 6 * MAX_READ


def labelled(language: str) -> list[str]:
    path = Path(__file__).parent / "replies" / f"{language}.tsv"
    return [line.split("\t")[1] for line in path.read_text("utf-8").splitlines() if "\t" in line]


class TestThePhrases:
    """They are looked up by their beginnings, and only what may begin at a word is tried."""

    @pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
    def test_are_those_that_a_search_for_all_of_them_finds(self, language: str) -> None:
        index = Phrases(PHRASES)
        all_kinds = index.mask(PHRASES)
        searches = {
            key: re.compile(rf"\b(?:{'|'.join(phrases)})\b")
            for key, phrases in PHRASES.items()
            if phrases
        }
        count = 0
        for text in [*labelled(language), ", ".join(labelled(language))[:MAX_READ]]:
            meant = normalize(text)
            matches = index.search(meant, all_kinds)
            for key, pattern in searches.items():
                expected, match = pattern.search(meant), matches.get(key)
                assert _shown(match) == _shown(expected), (key, meant)
                count += expected is not None
        assert count > 50

    @pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
    def test_are_hardly_tried_in_prose(self, language: str, tried: Callable[[str], int]) -> None:
        words = " ".join(labelled(language)).split()
        for sep in (" ", ", ", ". ", "\n"):
            text = sep.join(" ".join(words[at : at + 9]) for at in range(0, len(words), 9))
            assert tried(text[:MAX_READ]) <= TRIED_IN_PROSE

    @pytest.mark.parametrize("unit", [*WORST.values(), *_TRIED.values()], ids=[*WORST, *_TRIED])
    def test_are_tried_in_proportion_to_the_length(
        self, unit: str, tried: Callable[[str], int]
    ) -> None:
        short, long = ((unit * MAX_READ)[:size] for size in (MAX_READ // 4, MAX_READ))
        assert tried(long) <= min(TRIED_AT_WORST, 5 * tried(short) + 100)


# Keywords between commas: beside each, all others are looked at for words that speak of contacts.
_BETWEEN_COMMAS = (
    "rimozione annulla smettila disattiva finitela disattivare ferma smettetela finiscila annullare"
)


class TestTheWordsThatSpeakOfContacts:
    """There are a hundred, and a message of keywords was searched for all of them at each keyword:
    that took two thirds of its time, 18 ms for 1,600 characters."""

    @pytest.mark.parametrize(
        "pattern", [surroundings.CONTACT_WORDS, surroundings.SPEAKS_OF_CONTACT]
    )
    @pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
    def test_are_those_that_the_pattern_finds(self, pattern: WordPattern, language: str) -> None:
        whole = re.compile(pattern.pattern)
        lines = [normalize(line) for line in labelled(language)]
        found = [line for line in lines if whole.search(line)]
        assert [line for line in lines if pattern.is_in(line)] == found
        assert 20 < len(found) < len(lines)

    def test_are_looked_for_once_in_each_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pattern = WordPattern(surroundings.SPEAKS_OF_CONTACT.pattern)
        seen: list[str] = []

        def searched(word: str) -> None:
            seen.append(word)

        monkeypatch.setattr(pattern, "_search", searched)
        monkeypatch.setattr(surroundings, "SPEAKS_OF_CONTACT", pattern)
        words = _BETWEEN_COMMAS.split()
        turned = [", ".join(words[place:] + words[:place]) for place in range(len(words))]
        read_reply(". ".join(turned))
        assert sorted(seen) == sorted(words)


def _shown(match: re.Match[str] | None) -> tuple[int, str] | None:
    return (match.start(), match.group()) if match is not None else None


# Each was slow once: many words that a rule knows, or nearly, in many parts and many languages.
_SLOW = {
    "clauses of all languages": "dont txt me, numero errado, не туда, nie ten nmer, zly, ",
    "lines": "leave me alone\nfalsche numer\nвы ошблись\nje ne veux plus\n",
    "long words that are none": "abcdefghijklmnopqrst? ",
    "stop signs": "🛑",
    "short words": "ab, c, no, de, ",
    "key words between commas": "stop, end, remove, cancel, baja, fin, basta, abmelden, стоп, ",
    "emoji": "😂👍🏽🇫🇷 ",
    "one character that is eighteen": "\ufdfa",
    "beginnings": "do not no me nicht mehr nao me non nie не ",
    "digits": "415 555 0123, ",
    "keywords that say nothing of contacts": "rimozione, annulla, smettila, disattiva, ferma. ",
}


class TestTheTime:
    @pytest.mark.parametrize("unit", _SLOW.values(), ids=_SLOW)
    def test_grows_with_the_length_and_no_faster(self, unit: str) -> None:
        """Four times the text takes four times as long; twice that is left to the machine."""
        short, long = ((unit * MAX_READ)[:size] for size in (MAX_READ // 4, MAX_READ))
        assert _seconds(long) < 2 * 4 * _seconds(short)


def _seconds(text: str) -> float:
    """The least time that a text takes to read, its words unknown."""
    read_reply(text)  # compiles the patterns
    times = []
    for _ in range(7):
        typos._corrected.cache_clear()
        begun = process_time()
        read_reply(text)
        times.append(process_time() - begun)
    return min(times)


class TestWhatIsBeyondWhatIsRead:
    @pytest.mark.parametrize(
        "text",
        [
            "a" * MAX_READ + " STOP",
            "\ufdfa" * 1_000 + " please stop texting me",
            "I like it. " * 2_000,
            "well, I, " * MAX_PARTS + "stop",
            "Ok. " * (MAX_PARTS + 1) + "Do not text me.",
            "\u0301" * 100_000 + "STOP",
            "STOP " + "x" * 10_000_000,
        ],
        ids=["at the end", "after expansions", "much", "clauses", "sentences", "accents", "10 MB"],
    )
    def test_is_for_a_person_to_look_at(self, text: str) -> None:
        assert read_reply(text).needs_review

    def test_leaves_what_is_clear_before_it_as_it_is(self) -> None:
        reply = read_reply("You have the wrong number. " + "Let me explain. " * 500)
        assert [intent.kind for intent in reply.intents] == ["wrong_number"]
        assert reply.needs_review

    def test_keeps_consent_from_being_clear(self) -> None:
        reply = read_reply("START, " + "x, " * 2_000 + "no, stop it, never text me")
        assert "opt_in" not in [intent.kind for intent in reply.intents]
        assert reply.needs_review

    @pytest.mark.parametrize(
        "text",
        ["STOP" + " " * 100_000, "STOP" + "\n" * 5_000, "\u200b" * 5_000 + "STOP",
         "STOP" + "!" * 3_000, "S\u0301" + "\u0301" * 3_000 + "TOP"],
        ids=["blanks", "lines", "unseen marks", "exclamation marks", "accents"],
    )  # fmt: skip
    def test_is_nothing_where_only_marks_are_left(self, text: str) -> None:
        reply = read_reply(text)
        assert [intent.kind for intent in reply.intents] == ["opt_out"]
        assert not reply.needs_review


class TestAReview:
    def _received(self, ctx: Context, body: str) -> tuple[list[str], list[str]]:
        form = {"From": "+14155550123", "MessageSid": "SM" + "a" * 32, "Body": body}
        receive_twilio_sms(ctx, form)
        with ctx.store.read() as connection:
            texts = list(connection.scalars(sa.select(reviews.c.text)))
            kinds = list(connection.scalars(sa.select(feedback.c.kind)))
        return texts, kinds

    def test_shows_all_of_a_long_reply(self, ctx: Context) -> None:
        body = "Let me tell you something. " * 100 + "And do not text me again."
        (text,), kinds = self._received(ctx, body)
        assert text == body
        assert kinds == []

    def test_shows_both_ends_of_an_endless_one(self, ctx: Context) -> None:
        body = "So. " + "Let me tell you something. " * 10_000 + "And do not text me again."
        (text,), _ = self._received(ctx, body)
        assert len(text) < 11_000
        assert text.startswith("So. ")
        assert text.endswith("And do not text me again.")
        assert "characters are left out" in text

    def test_is_asked_for_beside_what_was_clear(self, ctx: Context) -> None:
        texts, kinds = self._received(ctx, "This is the wrong number. " + "Let me explain. " * 300)
        assert len(texts) == 1
        assert kinds == ["wrong_number"]
