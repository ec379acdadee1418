"""The campaign sees it when somebody is asked who must not be, twice, too late or not at all."""

from __future__ import annotations

from dataclasses import replace

from chaos.asking_checks import (
    Arrival,
    People,
    asked_again,
    asked_too_late,
    asked_wrongly,
    misheard,
    recorded_wrongly,
)

YES, REFUSED, LATER, GONE = "+14155550201", "+14155550202", "+14155550203", "+14155550204"
PEOPLE = People(
    {YES: "yes", REFUSED: "refused", LATER: "refuses_now", GONE: "bounces"},
    never={REFUSED}, surely={YES, GONE}, languages={YES: "de"},
)  # fmt: skip
ARRIVED = Arrival(100.0, YES, "de")
STATES = {YES: "sent", LATER: "withheld", GONE: "refused"}


class TestWhoIsAsked:
    def test_is_asked_once_in_their_language(self) -> None:
        assert list(asked_wrongly(PEOPLE, [ARRIVED])) == []

    def test_twice_is_once_too_often(self) -> None:
        assert list(asked_wrongly(PEOPLE, [ARRIVED, ARRIVED])) == [
            "promise 10: ..0201 (yes) was sent 2 messages"
        ]

    def test_is_nobody_who_refused_nor_anybody_else(self) -> None:
        wrong = [Arrival(1.0, REFUSED), Arrival(1.0, "+14155552001")]
        assert len(list(asked_wrongly(PEOPLE, wrong))) == 2

    def test_is_not_asked_in_another_language(self) -> None:
        wrong = list(asked_wrongly(PEOPLE, [replace(ARRIVED, language="en")]))
        assert wrong == ["..0201 (yes) was asked in en, not de"]

    def test_may_still_be_asked_a_moment_after_a_refusal(self) -> None:
        arrived = [Arrival(100.0, LATER)]
        assert list(asked_too_late(PEOPLE, arrived, {LATER: 98.0}, 3.0)) == []
        assert list(asked_too_late(PEOPLE, arrived, {LATER: 101.0}, 3.0)) == []
        assert len(list(asked_too_late(PEOPLE, arrived, {LATER: 96.0}, 3.0))) == 1


class TestWhatIsRecorded:
    def test_is_what_the_vendor_did(self) -> None:
        assert list(recorded_wrongly(PEOPLE, [ARRIVED], STATES, {GONE})) == []

    def test_may_be_uncertain_whether_the_message_arrived_or_not(self) -> None:
        states = STATES | {YES: "uncertain"}
        assert list(recorded_wrongly(PEOPLE, [ARRIVED], states, {GONE})) == []
        assert list(recorded_wrongly(PEOPLE, [], states, {GONE})) == []

    def test_is_wrong_where_it_says_anything_else(self) -> None:
        for states, arrived, refused in (
            (STATES, [], {GONE}),  # sent, and it never came
            (STATES | {YES: "refused"}, [ARRIVED], {GONE, YES}),  # it came
            (STATES, [ARRIVED], set()),  # given up, and nobody refused it
            (STATES | {YES: "withheld"}, [], {GONE}),  # left out for nothing
            ({GONE: "refused"}, [], {GONE}),  # not in the campaign
        ):
            assert len(list(recorded_wrongly(PEOPLE, arrived, states, refused))) == 1


def test_each_answer_counts_once_and_nothing_else_does() -> None:
    said = [(YES, "confirmed"), (LATER, "opt_out")]
    assert list(misheard(said, reversed(said))) == []
    assert "by nobody" in next(misheard(said, [*said, (YES, "confirmed")]))
    assert "was not kept" in next(misheard(said, said[:1]))


class TestAnotherCampaign:
    def test_asks_who_said_nothing_once_the_wait_is_over(self) -> None:
        assert list(asked_again(PEOPLE, set(), {YES}, {YES}, {LATER}, {GONE})) == []
        assert list(asked_again(PEOPLE, {GONE}, {YES, LATER, GONE}, {YES}, {LATER}, {GONE})) == []

    def test_asks_nobody_at_once_nor_anybody_else_nor_too_few(self) -> None:
        at_once = list(asked_again(PEOPLE, {YES}, {YES}, {YES}, set(), {GONE}))
        assert at_once == ["promise 10: asked again at once: ..0201 (yes)"]
        others = list(asked_again(PEOPLE, set(), {YES, REFUSED}, {YES}, set(), {GONE}))
        assert others == ["promise 7: asked again after the wait: ..0202 (refused)"]
        missing = list(asked_again(PEOPLE, set(), set(), {YES}, set(), set()))
        assert missing == ["not asked again after the wait: ..0201 (yes)"]
