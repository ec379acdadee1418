"""The precedence table of the design, and what is written for a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from constants import NOW, NUMBER
from hypothesis import given
from hypothesis import strategies as st

from worker.decisions import (
    ContactFacts,
    FieldFacts,
    NumberKnowledge,
    ProviderAnswer,
    WritePolicy,
    changes,
    decide,
)
from worker.phones import Number, ParsedField

VALID, INVALID = (
    ProviderAnswer("offline", "valid", "mobile"),
    ProviderAnswer("offline", "invalid", detail="is too short"),
)
UNKNOWN = ProviderAnswer("live", "unknown")
UNREACHABLE = ProviderAnswer("live", "unreachable", detail="has been disconnected")
BOTH, CALL = frozenset({"call", "text"}), frozenset({"call"})


def number(e164: str = "+442072193000", valid: bool = True) -> Number:
    return Number(e164, "", "mobile", "GB", valid, True)


def known(*answers: ProviderAnswer, e164: str = "+442072193000", **fields: Any) -> NumberKnowledge:
    return NumberKnowledge(number(e164), answers, **fields)


def field(*numbers: NumberKnowledge, name: str = "Phone", **fields: Any) -> FieldFacts:
    outcome = "number" if numbers else fields.pop("outcome", "empty")
    reading = ParsedField(
        outcome, tuple(n.number for n in numbers), reason=fields.pop("reason", "")
    )
    return FieldFacts(name, reading, numbers, **fields)


def status(*numbers: NumberKnowledge, **fields: Any) -> str | None:
    return decide(ContactFacts((field(*numbers, **fields),))).fields[0].status


class TestPrecedence:
    def test_empty_before_all(self) -> None:
        assert status() is None

    @pytest.mark.parametrize("wrong", ["", "reaches somebody else"])
    @pytest.mark.parametrize("answers", [(), (VALID,), (INVALID,), (UNREACHABLE,)])
    def test_do_not_contact_before_wrong_number(
        self, wrong: str, answers: tuple[ProviderAnswer, ...]
    ) -> None:
        assert status(known(*answers, suppressed=BOTH, wrong=wrong)) == "do_not_contact"

    @pytest.mark.parametrize("answers", [(), (VALID,), (INVALID,), (UNREACHABLE,)])
    def test_wrong_number_before_invalid(self, answers: tuple[ProviderAnswer, ...]) -> None:
        assert status(known(*answers, wrong="reaches somebody else")) == "wrong_number"

    def test_invalid_before_unreachable(self) -> None:
        assert status(known(VALID, UNREACHABLE, INVALID)) == "invalid"

    def test_unreachable_before_valid(self) -> None:
        assert status(known(VALID, UNREACHABLE)) == "unreachable"

    def test_unverified_before_valid_but_only_where_nothing_is_known(self) -> None:
        assert status(known()) == "unverified"
        assert status(known(VALID, ProviderAnswer("other", "unknown"))) == "valid"

    def test_a_field_with_something_else_in_it_is_invalid(self) -> None:
        assert status(outcome="invalid", reason="holds words, not a number") == "invalid"

    def test_a_local_number_without_a_country_is_unverified(self) -> None:
        assert status(outcome="no_country", reason="is a local number") == "unverified"


class TestANumberThatIsReadWithLowConfidence:
    """Promise 15: that it exists does not make it this person's."""

    def weak(self, *answers: ProviderAnswer, **fields: Any) -> NumberKnowledge:
        read = Number("+442072193000", "", "landline", "GB", True, True, "low")
        return NumberKnowledge(read, answers, **fields)

    @pytest.mark.parametrize("answers", [(), (VALID,), (UNKNOWN,)])
    def test_is_unverified_however_good_it_is(self, answers: tuple[ProviderAnswer, ...]) -> None:
        assert status(self.weak(*answers)) == "unverified"

    def test_is_never_the_best_phone(self) -> None:
        assert decide(ContactFacts((field(self.weak(VALID)),))).best_phone is None

    def test_counts_once_the_person_has_confirmed_it(self) -> None:
        assert status(self.weak(VALID, confirmed=True)) == "valid"

    def test_is_as_bad_as_any_other_where_somebody_says_so(self) -> None:
        assert status(self.weak(UNREACHABLE)) == "unreachable"
        assert status(self.weak(VALID, suppressed=BOTH)) == "do_not_contact"


class TestSeveralNumbersInAField:
    def test_a_suppressed_one_marks_the_field(self) -> None:
        assert status(known(VALID), known(VALID, e164=NUMBER, suppressed=BOTH)) == (
            "do_not_contact"
        )

    def test_a_wrong_one_marks_the_field(self) -> None:
        assert status(known(VALID), known(VALID, e164=NUMBER, wrong="x")) == "wrong_number"

    def test_else_the_best_one_stands_for_it(self) -> None:
        decision = decide(ContactFacts((field(known(INVALID), known(VALID, e164=NUMBER)),))).fields[
            0
        ]
        assert (decision.status, decision.e164) == ("valid", NUMBER)


class TestFlags:
    def test_calls_alone_may_be_refused(self) -> None:
        decision = decide(ContactFacts((field(known(VALID, suppressed=CALL)),)))
        assert (decision.do_not_call, decision.do_not_text, decision.do_not_contact) == (
            True, False, False,
        )  # fmt: skip
        assert decision.fields[0].status == "valid"

    def test_the_best_phone_is_a_valid_one_that_the_person_confirmed_if_any(self) -> None:
        first, second = known(VALID), known(VALID, e164=NUMBER, confirmed=True)
        decision = decide(ContactFacts((field(first), field(second, name="MobilePhone"))))
        assert decision.best_phone == NUMBER

    def test_there_is_no_best_phone_where_none_is_valid(self) -> None:
        assert decide(ContactFacts((field(known(INVALID)),))).best_phone is None


class TestAProviderWithoutAnswer:
    """Promise 6: it never makes a number invalid."""

    @pytest.mark.parametrize("current", ["valid", "invalid", "unreachable"])
    def test_a_status_stays_as_it_was(self, current: str) -> None:
        assert status(known(), current_status=current, current_e164="+442072193000") == current

    @pytest.mark.parametrize("current", ["valid", "unreachable"])
    def test_but_not_that_of_another_number(self, current: str) -> None:
        assert status(known(), current_status=current, current_e164=NUMBER) == "unverified"

    @given(st.lists(st.sampled_from(["valid", "unknown"]), max_size=4))
    def test_no_combination_without_a_verdict_against_it_makes_it_invalid(
        self, verdicts: list[Any]
    ) -> None:
        answers = tuple(ProviderAnswer("p", verdict) for verdict in verdicts)
        assert status(known(*answers)) in ("valid", "unverified")


EVERYTHING = frozenset(
    {
        "status/Phone", "e164/Phone", "line_type/Phone", "wrong_number", "do_not_contact",
        "do_not_call", "do_not_text", "best_phone", "reason", "recheck", "checked_at", "run",
        "phone/Phone",
    }
)  # fmt: skip


def differing(
    current: dict[str, Any], raw: str = "+44 20 7219 3000", **policy: Any
) -> dict[str, Any]:
    facts = (field(known(VALID)),)
    return changes(
        decide(ContactFacts(facts)), facts, {"Phone": raw}, current, EVERYTHING,
        WritePolicy(now=NOW, run="r2", **policy),
    )  # fmt: skip


class TestChanges:
    def test_what_was_written_once_is_not_written_again(self) -> None:
        written = differing({})
        assert written["status/Phone"] == "valid"
        assert written["run"] == "r2"
        assert differing(written) == {}

    def test_false_and_nothing_are_the_same(self) -> None:
        assert "wrong_number" not in differing({})

    def test_the_time_of_the_check_goes_along_with_another_change_or_when_it_is_old(self) -> None:
        current = {**differing({}), "checked_at": "2026-11-01T00:00:00Z"}
        assert differing(current) == {}
        assert set(differing(current, checked_at_refresh=timedelta(days=7))) == {
            "checked_at",
            "run",
        }

    def test_a_phone_is_rewritten_only_when_asked(self) -> None:
        assert "phone/Phone" not in differing({})
        assert differing({}, normalize=True)["phone/Phone"] == "+442072193000"

    def test_fields_that_the_crm_lacks_are_left_out(self) -> None:
        facts = (field(known(VALID)),)
        differences = changes(
            decide(ContactFacts(facts)), facts, {"Phone": "x"}, {}, frozenset({"status/Phone"}),
            WritePolicy(now=NOW),
        )  # fmt: skip
        assert differences == {"status/Phone": "valid"}
