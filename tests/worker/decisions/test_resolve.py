"""Providers that disagree: who decides, and how the reason shows it."""

from __future__ import annotations

from constants import NEW_YORK
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from worker.decisions import (
    ContactFacts,
    FieldFacts,
    NumberKnowledge,
    ProviderAnswer,
    decide,
    resolve,
)
from worker.phones import Number, ParsedField

NUMBER = Number("+14155552671", kind="unknown", region="US", valid=True, possible=True)
PLAN = ProviderAnswer(
    "offline", "valid", "unknown", check_level="format", label="the numbering plan"
)
TWILIO = ProviderAnswer("twilio", "valid", "mobile", check_level="line_type", label="Twilio Lookup")
NUMVERIFY = ProviderAnswer(
    "numverify", "valid", "landline", check_level="line_type", label="NumVerify"
)
LIVE = ProviderAnswer("twilio", "valid", check_level="live", label="Twilio Lookup")
DEAD = replace(LIVE, verdict="unreachable", detail="is not in service")


def decided(
    *answers: ProviderAnswer, missing: str = "", current: str | None = None,
    e164: str | None = None, line_type: str | None = None, reason: str | None = None,
):  # fmt: skip
    known = NumberKnowledge(NUMBER, answers, missing)
    reading = ParsedField("number", (NUMBER,))
    field = FieldFacts("Phone", reading, (known,), current, e164, line_type)
    return decide(ContactFacts((field,), reason))


class TestWhoDecides:
    def test_who_looked_deepest(self) -> None:
        decision = decided(PLAN, TWILIO, DEAD)
        assert decision.fields[0].status == "unreachable"
        assert decision.reason == (
            "Phone: not in service (Twilio Lookup). Try another number or email."
        )

    def test_the_check_level_counts_more_than_the_order(self) -> None:
        assert resolve.winning((DEAD, NUMVERIFY)) is DEAD

    def test_among_equally_deep_ones_the_later_in_the_chain(self) -> None:
        bad = replace(NUMVERIFY, verdict="invalid", detail="is not a number that exists")
        assert decided(PLAN, TWILIO, bad).fields[0].status == "invalid"
        assert decided(PLAN, bad, TWILIO).fields[0].status == "valid"

    def test_unknown_decides_nothing(self) -> None:
        nothing = replace(LIVE, verdict="unknown")
        assert decided(PLAN, TWILIO, nothing).fields[0].status == "valid"

    def test_the_plan_is_overruled_by_a_provider_that_has_the_number(self) -> None:
        outside = replace(PLAN, verdict="invalid", detail="is one digit too long")
        assert decided(outside, TWILIO).fields[0].status == "valid"

    def test_the_kind_of_line_is_told_by_the_deepest_that_knows_it(self) -> None:
        assert decided(PLAN, TWILIO, LIVE).fields[0].line_type == "mobile"
        assert decided(PLAN, TWILIO, NUMVERIFY).fields[0].line_type == "landline"


class TestTheReason:
    def test_names_who_decided_and_who_says_otherwise(self) -> None:
        bad = replace(NUMVERIFY, verdict="invalid", detail="is not a number that exists")
        assert decided(PLAN, TWILIO, bad).reason == (
            "Phone: this number does not exist (NumVerify; Twilio Lookup says valid). "
            "Ask the contact for the right number."
        )
        assert decided(PLAN, bad, TWILIO).reason == (
            "Phone: valid according to Twilio Lookup, but NumVerify says invalid."
        )

    def test_that_the_plan_has_such_numbers_contradicts_nobody(self) -> None:
        bad = replace(NUMVERIFY, verdict="invalid", detail="is not a number that exists")
        assert decided(PLAN, bad).reason == (
            "Phone: this number does not exist (NumVerify). Ask the contact for the right number."
        )

    def test_is_plain_where_all_agree(self) -> None:
        assert decided(PLAN, TWILIO).reason == "Phone: valid number."


class TestAStepThatGaveNoAnswer:
    WHY = "today's budget is used up"

    def test_leaves_a_new_number_unverified_with_that_reason(self) -> None:
        decision = decided(PLAN, missing=self.WHY)
        assert decision.fields[0].status == "unverified"
        assert decision.reason == (
            f"Phone: not checked yet, because {self.WHY}. We will check it again."
        )
        assert decision.best_phone is None

    def test_changes_nothing_of_what_was_known(self) -> None:
        sentence = "Phone: valid number."
        decision = decided(
            PLAN,
            missing=self.WHY,
            current="valid",
            e164=NUMBER.e164,
            line_type="mobile",
            reason=sentence,
        )
        assert (decision.fields[0].status, decision.fields[0].line_type) == ("valid", "mobile")
        assert decision.reason == sentence

    def test_does_not_save_a_number_that_is_known_to_be_bad(self) -> None:
        outside = replace(PLAN, verdict="invalid", detail="is one digit too long")
        assert decided(outside, missing=self.WHY).fields[0].status == "invalid"

    def test_of_another_number_says_nothing(self) -> None:
        decision = decided(PLAN, missing=self.WHY, current="invalid", e164=NEW_YORK)
        assert decision.fields[0].status == "unverified"


VERDICTS = st.sampled_from(["valid", "invalid", "unreachable", "unknown"])
SAID = st.builds(
    ProviderAnswer,
    provider=st.sampled_from(["a", "b", "c"]),
    verdict=VERDICTS,
    check_level=st.sampled_from(["format", "line_type", "live", "reassigned"]),
)


class TestAlways:
    @given(st.lists(SAID, max_size=6))
    def test_the_decision_is_somebodys_word(self, answers: list[ProviderAnswer]) -> None:
        best = resolve.winning(answers)
        known = [answer for answer in answers if answer.verdict != "unknown"]
        assert (best is None) == (not known)
        assert best is None or best in known

    @given(st.lists(SAID, max_size=6))
    def test_no_answer_never_makes_a_number_invalid(self, answers: list[ProviderAnswer]) -> None:
        """Promise 6: only a provider's word does, never that there is none."""
        status = decided(*answers, missing="it did not answer").fields[0].status
        if status in ("invalid", "unreachable"):
            assert status in {answer.verdict for answer in answers}

    @given(st.lists(SAID, min_size=1, max_size=6))
    def test_dissent_is_of_those_who_said_otherwise(self, answers: list[ProviderAnswer]) -> None:
        best = resolve.winning(answers)
        for answer in resolve.conflicting(answers):
            assert best is not None
            assert answer.verdict not in (best.verdict, "unknown")
