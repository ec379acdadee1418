"""What was said on records of an account that a connection went to before: for whom it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from constants import NUMBER
from hypothesis import given
from hypothesis import strategies as st

from worker.feedback.consent_state import ConsentState, evaluate
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind

NOW = ContactIdentity("hubspot/contacts/5")  # has the same id, and the number
FORMER = ContactIdentity("hubspot@1/contacts/5")
ELSEWHERE = ContactIdentity("salesforce/Contact/003K", "kim")
BESIDE = ContactIdentity("hubspot-emea/contacts/5")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

_KINDS = st.sampled_from(list(FeedbackKind))
_CHANNELS = st.sampled_from(["", "call", "text", "call text"])


def said(
    kind: FeedbackKind, who: ContactIdentity, minute: int, channels: str = "", key: str = ""
) -> Feedback:
    stops = (FeedbackKind.OPT_OUT, FeedbackKind.OPT_IN)
    return Feedback(
        key or f"key {who.key} {minute}", kind, NUMBER, "test", BEGIN + timedelta(minutes=minute),
        channels if kind in stops else "", who.key, "contact", who.person, id=minute,
    )  # fmt: skip


@st.composite
def reports(draw: st.DrawFn, who: ContactIdentity) -> list[Feedback]:
    drawn = draw(st.lists(st.tuples(_KINDS, _CHANNELS, st.integers(0, 50)), max_size=6))
    return [said(kind, who, minute, channels) for kind, channels, minute in drawn]


def of(who: ContactIdentity, reported: Sequence[Feedback]) -> ConsentState:
    return evaluate(reported, who)


class TestAStopOnAFormerRecord:
    def test_holds_for_whoever_has_the_number_there_now(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, FORMER, 1)
        other_id = replace_key(NOW, "hubspot/contacts/77")
        assert "any" in of(NOW, [stop]).suppressed
        assert "any" in of(other_id, [stop]).suppressed

    def test_holds_for_nobody_elsewhere(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, FORMER, 1)
        assert not of(ELSEWHERE, [stop]).suppressed
        assert not of(BESIDE, [stop]).suppressed

    def test_ends_with_an_opt_in_that_comes_later(self) -> None:
        stop = said(FeedbackKind.OPT_OUT, FORMER, 2)
        for minute, opened in ((1, False), (3, True)):
            opt_in = said(FeedbackKind.OPT_IN, NOW, minute)
            assert (not of(NOW, [stop, opt_in]).suppressed) is opened

    def test_that_was_taken_back_on_it_is_none(self) -> None:
        both = [said(FeedbackKind.OPT_OUT, FORMER, 1), said(FeedbackKind.OPT_IN, FORMER, 2)]
        assert not of(NOW, both).suppressed


def replace_key(who: ContactIdentity, key: str) -> ContactIdentity:
    return ContactIdentity(key, who.person, who.aliases)


@given(reports(FORMER), reports(NOW))
def test_what_is_said_of_a_former_record_opens_nothing_and_says_nothing_else(
    former: list[Feedback], now: list[Feedback]
) -> None:
    alone, together = of(NOW, now), of(NOW, [*former, *now])
    assert together.suppressed >= alone.suppressed
    for field in ("wrong", "confirmed", "corrected_to", "unreachable", "held"):
        assert getattr(together, field) == getattr(alone, field)


@given(reports(FORMER))
def test_what_stands_against_a_former_record_stands_against_its_number(
    former: list[Feedback],
) -> None:
    assert of(NOW, former).suppressed == of(FORMER, former).suppressed


@given(reports(NOW), st.lists(_KINDS, max_size=3))
def test_what_is_said_now_says_nothing_of_the_former_record(
    now: list[Feedback], before: list[FeedbackKind]
) -> None:
    former = [said(kind, FORMER, minute) for minute, kind in enumerate(before)]
    assert of(FORMER, [*former, *now]) == of(FORMER, former)
    assert of(FORMER, [replace(report, scope="contact") for report in now]) == ConsentState()
