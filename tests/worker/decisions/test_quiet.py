"""Which records a quiet first sync leaves alone: those with nothing wrong, that hold nothing."""

from __future__ import annotations

from typing import Any

import pytest
from constants import NUMBER
from hypothesis import given
from hypothesis import strategies as st

from worker.decisions.model import Decision, FieldDecision
from worker.decisions.quiet import STOPPING_OR_BAD, is_clean, is_left_untouched

GOOD = ("valid", "unverified", None)
FLAGS = ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")


def decision(*statuses: Any, **overrides: Any) -> Decision:
    fields = tuple(FieldDecision(f"Phone{n}", status) for n, status in enumerate(statuses))
    values: dict[str, Any] = {**dict.fromkeys(FLAGS, False), "best_phone": None, "reason": None}
    return Decision(fields, **{**values, **overrides})


class TestACleanRecord:
    @given(st.lists(st.sampled_from(GOOD), max_size=4))
    def test_has_good_numbers_or_none(self, statuses: list[Any]) -> None:
        assert is_clean(decision(*statuses))

    @given(st.lists(st.sampled_from(GOOD), max_size=3), st.sampled_from(sorted(STOPPING_OR_BAD)))
    def test_has_no_bad_one_among_them(self, statuses: list[Any], bad: Any) -> None:
        assert not is_clean(decision(*statuses, bad))

    @pytest.mark.parametrize("flag", FLAGS)
    def test_has_no_flag(self, flag: str) -> None:
        assert not is_clean(decision("valid", **{flag: True}))

    def test_has_nothing_proposed(self) -> None:
        assert not is_clean(decision("valid", proposed_phone=NUMBER))


class TestIsSpared:
    def test_while_it_holds_nothing_of_ours(self) -> None:
        nothing = {"status/Phone": None, "wrong_number": False, "reason": ""}
        assert is_left_untouched(decision("valid"), nothing)

    @pytest.mark.parametrize(
        "current",
        [
            {"status/Phone": "valid"}, {"status/Phone": "do_not_contact"}, {"recheck": True},
            {"wrong_number": True}, {"run": "r1"}, {"reason": "x"}, {"best_phone": "+1"},
        ],
    )  # fmt: skip
    def test_but_not_where_something_stands_that_may_be_untrue(self, current: Any) -> None:
        assert not is_left_untouched(decision("valid"), current)

    def test_nor_where_more_is_to_be_written_than_a_link(self) -> None:
        assert is_left_untouched(decision("valid"), {}, ["confirm_link"])
        assert not is_left_untouched(decision("valid"), {}, ["isolated"])
        assert not is_left_untouched(decision("valid"), {}, ["phone/Phone"])
