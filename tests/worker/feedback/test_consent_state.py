"""What reports about a number come to for one contact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from constants import NUMBER
from hypothesis import given
from hypothesis import strategies as st

from worker.decisions.model import ALL_CHANNELS
from worker.feedback.consent_state import ConsentState, Holders, Rules, apply_lifts, evaluate
from worker.feedback.models import ContactIdentity, Feedback

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ADA = ContactIdentity("salesforce/Contact/003A", "ada")
ADA_THERE = ContactIdentity("hubspot/contacts/7", "ada")
BEN = ContactIdentity("salesforce/Contact/003B", "ben")


def report(kind: str, day: float = 0, **fields: Any) -> Feedback:
    values = {"key": f"{kind}:{day}:{fields}", "number": NUMBER, "source": "test", **fields}
    return Feedback(kind=kind, at=START + DAY * day, **values)  # type: ignore[arg-type]


def report_on_day(who: ContactIdentity, kind: str, day: float = 0, **fields: Any) -> Feedback:
    return report(kind, day, contact=who.key, person=who.person, **fields)


class TestAnOptOut:
    def test_holds_for_whoever_has_the_number(self) -> None:
        for who in (ADA, BEN):
            state = evaluate([report("opt_out")], who)
            assert state.suppressed == ALL_CHANNELS
            assert state.suppressed_reason == "must not be contacted (test, 01 Jan 2026)"

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("reply: stop \u202eesaelp", "reply: stop esaelp"),
            ("reply:\r\nSTOP\x00 \u2066now\u2069", "reply: STOP now"),
            ("reply: \N{MAN}\u200d\N{WOMAN} stop", "reply: \N{MAN}\u200d\N{WOMAN} stop"),
        ],
    )
    def test_is_told_without_the_control_characters_of_a_message(
        self, said: str, shown: str
    ) -> None:
        state = evaluate([report("opt_out", evidence=said)], ADA)
        assert state.suppressed_reason == f"must not be contacted ({shown}, 01 Jan 2026)"

    def test_of_one_channel_leaves_the_other(self) -> None:
        assert evaluate([report("opt_out", channels="call")], ADA).suppressed == {"call"}

    def test_by_text_stops_calls_too_unless_policy_says_otherwise(self) -> None:
        reports = [report("opt_out", channels="text", source="twilio sms")]
        assert evaluate(reports, ADA).suppressed == ALL_CHANNELS
        assert evaluate(reports, ADA, Rules(text_stops_calls=False)).suppressed == {"text"}

    def test_stands_whatever_is_confirmed(self) -> None:
        reports = [report("opt_out"), report_on_day(ADA, "confirmed", 1), report("confirmed", 2)]
        assert evaluate(reports, ADA).suppressed == ALL_CHANNELS

    def test_is_lifted_by_a_later_opt_in_and_not_by_an_earlier_one(self) -> None:
        assert not evaluate([report("opt_out"), report("opt_in", 1)], ADA).suppressed
        assert evaluate([report("opt_in"), report("opt_out", 1)], ADA).suppressed

    def test_wins_over_an_opt_in_of_the_same_moment(self) -> None:
        for reports in (
            [report("opt_in"), report("opt_out")],
            [report("opt_out"), report("opt_in")],
        ):
            assert evaluate(reports, ADA).suppressed

    def test_is_lifted_for_one_person_by_what_that_person_says(self) -> None:
        reports = [report("opt_out"), report_on_day(ADA, "opt_in", 1, scope="person")]
        assert not evaluate(reports, ADA).suppressed
        assert not evaluate(reports, ADA_THERE).suppressed
        assert evaluate(reports, BEN).suppressed

    def test_on_one_person_holds_for_that_person_in_every_crm(self) -> None:
        reports = [report_on_day(ADA, "opt_out", scope="person")]
        assert evaluate(reports, ADA_THERE).suppressed
        assert not evaluate(reports, BEN).suppressed

    def test_on_one_person_holds_though_our_key_has_changed_since(self) -> None:
        reports = [report_on_day(ADA, "opt_out", scope="person")]
        now = ContactIdentity(ADA_THERE.key, "ada by the new key", ("ada",))
        assert evaluate(reports, now).suppressed
        assert evaluate([report_on_day(now, "opt_out", scope="person")], now).suppressed
        assert not evaluate(
            reports, ContactIdentity(BEN.key, "ben by the new key", ("ben",))
        ).suppressed
        assert not evaluate(
            [report("opt_out", scope="person")], ContactIdentity(BEN.key)
        ).suppressed

    @given(st.permutations([
        report("opt_out", 0), report("opt_in", 1), report("opt_out", 2), report("opt_in", 2.5),
        report("wrong_number", 1.5), report_on_day(ADA, "confirmed", 3, scope="person"),
        report("opt_out", 4, channels="text"),
    ]), st.integers(0, 6))  # fmt: skip
    def test_counts_once_and_in_its_own_order_however_it_arrives(
        self, reports: list[Feedback], again: int
    ) -> None:
        assert evaluate([*reports, reports[again]], ADA) == evaluate(
            sorted(reports, key=lambda r: r.at), ADA
        )


class TestAWrongNumber:
    def test_is_wrong_for_whoever_has_it(self) -> None:
        reports = [report_on_day(ADA, "wrong_number")]
        assert evaluate(reports, ADA).wrong == "reaches somebody else (test, 01 Jan 2026)"
        assert evaluate(reports, BEN).wrong

    def test_is_not_wrong_for_one_who_confirms_it_later(self) -> None:
        reports = [report("wrong_number"), report_on_day(BEN, "confirmed", 1, scope="person")]
        assert not evaluate(reports, BEN).wrong
        assert evaluate(reports, BEN).confirmed
        assert evaluate(reports, ADA).wrong

    def test_is_not_thereby_wrong_for_another_who_confirmed_it_before(self) -> None:
        reports = [report_on_day(BEN, "confirmed", 0, scope="person"), report("wrong_number", 1)]
        both = Holders((ADA, BEN))
        assert not evaluate(reports, BEN, holders=both).wrong
        assert evaluate(reports, ADA, holders=both).wrong

    def test_is_wrong_again_by_a_new_report_where_somebody_else_cleared_it(self) -> None:
        """A CRM user clears the flag on Ben's record; then the number's owner says it again."""
        reports = [
            report("wrong_number"),
            report_on_day(BEN, "confirmed", 1),
            report("wrong_number", 2),
        ]
        both = Holders((ADA, BEN))
        assert evaluate(reports, ADA, holders=both).wrong
        assert not evaluate(reports, BEN, holders=both).wrong, "of Ben it was said that it is his"
        assert not evaluate(reports[:2], ADA, holders=both).wrong

    def test_is_wrong_for_one_who_confirmed_it_before_and_alone_has_it(self) -> None:
        reports = [report_on_day(BEN, "confirmed", 0, scope="person"), report("wrong_number", 1)]
        assert evaluate(reports, BEN, holders=Holders((BEN,))).wrong

    def test_of_one_person_before_and_after_our_key_changed_is_of_nobody_else(self) -> None:
        now = ContactIdentity(BEN.key, "ben by the new key", ("ben",))
        both = Holders((ContactIdentity("hubspot/contacts/8", "ben"), now))
        assert not both.has_others(now)

    def test_is_wrong_again_when_the_person_itself_is_reported(self) -> None:
        reports = [
            report_on_day(BEN, "confirmed", 0, scope="person"),
            report_on_day(BEN, "wrong_number", 1),
        ]
        assert evaluate(reports, BEN, holders=Holders((ADA, BEN))).wrong

    def test_of_a_shared_number_is_wrong_for_that_person_alone(self) -> None:
        switchboard = Holders(
            (
                *(ContactIdentity(f"salesforce/Contact/{n}", f"person {n}") for n in range(5)),
                ADA,
                BEN,
            )
        )
        reports = [report_on_day(ADA, "wrong_number")]
        assert evaluate(reports, ADA, holders=switchboard).wrong
        assert evaluate(reports, ADA_THERE, holders=switchboard).wrong
        assert not evaluate(reports, BEN, holders=switchboard).wrong

    def test_of_one_person_in_two_crms_is_no_shared_number(self) -> None:
        assert Holders((ADA, ADA_THERE)).person_count == 1

    def test_that_was_corrected_gives_the_new_one_for_that_person(self) -> None:
        reports = [report_on_day(ADA, "corrected", scope="person", new_number="+14155550199")]
        assert evaluate(reports, ADA).corrected_to == "+14155550199"
        assert evaluate(reports, ADA).wrong
        assert evaluate(reports, BEN) == ConsentState()


class TestMessagesThatFail:
    def test_one_that_proves_it_is_enough(self) -> None:
        assert evaluate([report("undeliverable", severity="dead")], ADA).unreachable

    def test_others_count_when_they_are_many_over_some_time(self) -> None:
        reports = [report("undeliverable", day, severity="failing") for day in (0, 1, 4)]
        assert evaluate(reports, ADA).unreachable
        assert not evaluate(reports[:2], ADA).unreachable
        within_a_day = [report("undeliverable", day / 10, severity="failing") for day in range(9)]
        assert not evaluate(within_a_day, ADA).unreachable

    def test_one_that_arrives_makes_good_what_failed_before(self) -> None:
        reports = [report("undeliverable", day, severity="failing") for day in (0, 1, 4)]
        assert not evaluate(reports, ADA, last_delivered=START + DAY * 5).unreachable
        assert evaluate(reports, ADA, last_delivered=START - DAY).unreachable

    def test_that_say_nothing_of_the_number_count_for_nothing(self) -> None:
        reports = [report("undeliverable", day) for day in range(9)]
        assert evaluate(reports, ADA) == ConsentState()

    def test_to_a_line_that_takes_none_stop_texts_and_not_calls(self) -> None:
        state = evaluate([report("undeliverable", severity="no_text")], ADA)
        assert state.suppressed == {"text"}
        assert state.suppressed_reason.startswith("takes no texts")


class TestLifting:
    def test_of_a_number_needs_a_word_about_the_number(self) -> None:
        stop = report("opt_out", id=1)
        for_ada = report_on_day(ADA, "opt_in", 1, scope="person", id=2)
        assert apply_lifts(stop, [for_ada])[1] is None
        for_all = report("opt_in", 2, id=3, evidence="asked us to call")
        remaining, lift = apply_lifts(stop, [for_ada, for_all])
        assert not remaining
        assert lift is not None
        assert (lift.at, lift.by, lift.reason) == (START + DAY * 2, "test", "asked us to call")

    def test_of_a_number_needs_it_also_where_nobody_knows_any_more_who_said_it(self) -> None:
        """An erasure leaves of what one person said neither the contact nor the person."""
        for stop, lift in (("opt_out", "opt_in"), ("wrong_number", "confirmed")):
            lifting = report(lift, 1, scope="person", id=2)
            assert apply_lifts(report(stop, id=1), [lifting])[1] is None
            assert apply_lifts(report(stop, id=1, scope="person"), [lifting])[1] is None

    def test_of_one_erased_contact_says_nothing_of_another(self) -> None:
        def erased(kind: str, day: int, **fields: Any) -> Feedback:
            return report(kind, day, contact="#erased", scope="person", id=day, **fields)

        stop = erased("opt_out", 1, person="ada")
        assert apply_lifts(stop, [erased("opt_in", 2, person="ben")])[1] is None
        assert apply_lifts(stop, [erased("opt_in", 2, person="ada")])[1] is not None
        unknown = erased("opt_out", 1)
        assert apply_lifts(unknown, [erased("opt_in", 2)])[1] is None
        for_another = erased("opt_in", 2, key="lift:feedback:12:then")
        assert apply_lifts(unknown, [for_another])[1] is None
        assert (
            apply_lifts(unknown, [erased("opt_in", 2, key="lift:feedback:1:then")])[1] is not None
        )

    def test_of_one_channel_leaves_the_other_standing(self) -> None:
        remaining, lift = apply_lifts(
            report("opt_out", id=1), [report("opt_in", 1, channels="call", id=2)]
        )
        assert remaining == {"text"}
        assert lift is None

    def test_of_a_wrong_number_takes_a_confirmation(self) -> None:
        wrong = report("wrong_number", id=1)
        assert apply_lifts(wrong, [report("opt_in", 1, id=2)])[1] is None
        assert apply_lifts(wrong, [report("confirmed", 1, id=2)])[1] is not None


class TestAStartByText:
    """It takes back a STOP by text; calls that were refused in another way stay refused."""

    STOP = report("opt_out", 1, source="twilio sms", channels="text", id=1)
    START = report("opt_in", 5, source="twilio sms", channels="text", id=9)

    def test_opens_all_that_the_stop_closed(self) -> None:
        assert not evaluate([self.STOP, self.START], ADA).suppressed
        assert apply_lifts(self.STOP, [self.START])[1] is not None

    @pytest.mark.parametrize("kind", ["opt_out", "complaint", "erasure"])
    @pytest.mark.parametrize("channels", ["call", ""])
    def test_opens_no_calls_that_were_refused_elsewhere(self, kind: str, channels: str) -> None:
        refused = report(kind, 2, source="an agent", channels=channels, id=2)
        assert evaluate([self.STOP, refused, self.START], ADA).suppressed == {"call"}
        remaining, lift = apply_lifts(refused, [self.STOP, self.START])
        assert "call" in remaining
        assert lift is None

    def test_opens_calls_where_that_refusal_was_taken_back(self) -> None:
        refused = report("opt_out", 2, source="an agent", channels="call", id=2)
        back = report("opt_in", 3, channels="call", id=3)
        assert not evaluate([self.STOP, refused, back, self.START], ADA).suppressed
