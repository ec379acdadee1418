"""Replies in words: what is clear, what a person must read, and what means nothing to us."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.feedback.replies import read_reply

SETS = sorted((Path(__file__).parent / "replies").glob("*.tsv"))
MEANT = {
    "opt_out": {"opt_out"},
    "wrong_number": {"wrong_number"},
    "both": {"opt_out", "wrong_number"},
    "complaint": {"opt_out", "complaint"},
    "none": set(),
}


def kinds(text: str) -> set[str]:
    return {meaning.kind for meaning in read_reply(text).intents}


def load(path: Path) -> list[tuple[set[str], str]]:
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    return [(MEANT[label], text) for label, text in rows]


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
class TestTheReadingOfALanguage:
    def test_is_right_where_it_is_sure(self, path: Path) -> None:
        wrong = [text for meant, text in load(path) if kinds(text) - meant]
        assert wrong == []

    @pytest.mark.parametrize("kind", ["opt_out", "wrong_number"])
    def test_misses_few(self, path: Path, kind: str) -> None:
        meant = [text for kinds_, text in load(path) if kind in kinds_]
        missed = [text for text in meant if kind not in kinds(text)]
        assert len(missed) <= len(meant) * 0.05, missed

    def test_is_the_same_in_capitals_and_without_accents_or_full_stops(self, path: Path) -> None:
        for meant, text in load(path):
            if meant == {"opt_out"} and "?" not in text:
                assert kinds(text.upper()) == kinds(text), text
                assert kinds(text.rstrip(".!") + "!!") == kinds(text), text


class TestWhatIsDoubtful:
    @pytest.mark.parametrize(
        "text",
        [
            "is this the wrong number for support?", "not interested",
            "how do I unsubscribe?", "stop it lol", "who is John?", "don't text me before 9",
            "please cancel my subscription renewal?", "¿es este un número equivocado?",
        ],
    )  # fmt: skip
    def test_goes_to_a_person_with_the_words_that_made_it_so(self, text: str) -> None:
        reply = read_reply(text)
        assert not reply.intents
        assert reply.needs_review
        assert reply.suggestion is not None
        assert reply.suggestion.evidence

    @pytest.mark.parametrize("text", ["", "   ", "ok", "Thanks!", "👍", "See you at 5", "Да", "42"])
    def test_is_not_what_says_nothing_of_it(self, text: str) -> None:
        reply = read_reply(text)
        assert not reply.intents
        assert not reply.needs_review


class TestTheEvidence:
    def test_is_the_words_that_say_so_and_not_the_message(self) -> None:
        (meaning,) = read_reply("Hi, Ada here from 12 Elm St. Please don't text me again").intents
        assert meaning.evidence == "do not text me"
        assert meaning.language == "en"

    def test_tells_calls_from_texts(self) -> None:
        (meaning,) = read_reply("Stop calling me").intents
        assert meaning.channels == {"call", "text"}
        (meaning,) = read_reply("Stop texting me").intents
        assert meaning.channels == {"text"}


class TestOddText:
    @pytest.mark.parametrize(
        "text",
        ["ＳＴＯＰ", "s.t.o.p", "S T O P", "stoooop", "STOP\n\nSent from my phone", "st\u200bop",
         "🛑", "STOP STOP STOP", "“STOP”", "Stop🙏", "stop por favor", "STOP svp"],
    )  # fmt: skip
    def test_is_read_as_it_is_meant(self, text: str) -> None:
        assert "opt_out" in kinds(text)

    @settings(deadline=None)  # the first reply of a process compiles the patterns
    @given(st.text(max_size=400))
    def test_of_any_kind_is_read_without_a_fault(self, text: str) -> None:
        reply = read_reply(text)
        assert not (reply.needs_review and reply.intents)

    def test_that_is_endless_is_read_in_a_moment(self) -> None:
        for text in ("no me " * 20_000, "stop the " * 20_000, "не " * 50_000, "a" * 10**6):
            read_reply(text)
