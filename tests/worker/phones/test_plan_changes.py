"""Renumberings: the table itself, and what is made of it."""

from __future__ import annotations

import re
from datetime import date

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.phones.field_parser import parse_field
from worker.phones.plan_changes import (
    PlanChange,
    codes_with_forms,
    equal_forms,
    is_earlier_form,
    plan_changes,
    renumbered,
    renumbered_apart,
    renumbered_forms,
)

CHANGES = plan_changes()
NEW_PLAN = "its plan has changed since"
CODES = {"PK": 92, "AL": 355, "US": 1, "BR": 55}
_OLD = re.compile(r"(?:[0-9]+|\([^()]+\))+")
_NEW = re.compile(r"(?:[0-9]+|\\[1-9])+")


def is_valid(code: int, national: str) -> bool:
    zeros = len(national) - len(national.lstrip("0"))
    return phonenumbers.is_valid_number(
        phonenumbers.PhoneNumber(
            country_code=code,
            national_number=int(national),
            italian_leading_zero=zeros > 0 or None,
            number_of_leading_zeros=zeros if zeros > 1 else None,
        )
    )


def named(change: PlanChange) -> str:
    return f"+{change.code} {change.old}"


class TestTable:
    @pytest.mark.parametrize("change", CHANGES, ids=named)
    def test_each_change_has_a_kind_and_a_date(self, change: PlanChange) -> None:
        assert change.kind in ("mobile", "fixed", "all")
        assert change.applies in ("unknown", "link", "variant", "apart")
        assert date(1980, 1, 1) < date.fromisoformat(change.effective) <= date.today()

    @pytest.mark.parametrize("change", CHANGES, ids=named)
    def test_each_rule_can_be_read_backwards(self, change: PlanChange) -> None:
        assert _OLD.fullmatch(change.old)
        assert _NEW.fullmatch(change.new)
        groups = re.compile(change.old).groups
        assert sorted(re.findall(r"\\([1-9])", change.new)) == [
            str(number) for number in range(1, groups + 1)
        ]

    @pytest.mark.parametrize("change", CHANGES, ids=named)
    def test_the_examples_are_true(self, change: PlanChange) -> None:
        assert is_valid(change.new_code, change.new_example)
        old = f"+{change.code}{change.old_example}"
        if change.applies == "apart":
            length = len(change.old_example) - change.old.index("(")
            assert is_valid(change.code, change.old_example), "then a plain rule would do"
            assert renumbered_apart(old, {length}) == f"+{change.new_code}{change.new_example}"
            assert renumbered_apart(old, {length - 1, length + 1}) is None
            assert old not in equal_forms(f"+{change.new_code}{change.new_example}")
            return
        assert equal_forms(old)[0] == f"+{change.new_code}{change.new_example}"
        today = renumbered(change.code, change.old_example)
        if change.applies in ("link", "variant"):
            assert is_valid(change.code, change.old_example), "then a plain rule would do"
            assert today is None
        else:
            assert not is_valid(change.code, change.old_example)
            assert today == (change.new_code, change.new_example)


@st.composite
def old_numbers(draw: st.DrawFn) -> tuple[PlanChange, str]:
    change = draw(st.sampled_from(CHANGES))
    return change, draw(st.from_regex(re.compile(change.old, re.ASCII), fullmatch=True))


class TestRenumbered:
    @given(old_numbers())
    @settings(max_examples=400, deadline=None)
    def test_only_what_no_plan_knows_becomes_what_one_knows(
        self, case: tuple[PlanChange, str]
    ) -> None:
        change, national = case
        today = renumbered(change.code, national)
        if today is not None:
            assert not is_valid(change.code, national)
            assert is_valid(*today)

    @given(old_numbers())
    @settings(max_examples=400, deadline=None)
    def test_no_two_rules_disagree(self, case: tuple[PlanChange, str]) -> None:
        """What one rule makes a number of today, no other makes another number."""
        change, national = case
        pattern, template = change.forward()
        match = re.fullmatch(pattern, national, re.ASCII)
        if match is None or is_valid(change.code, national):
            return
        new = template.format(*match.groups())
        if is_valid(change.new_code, new):
            assert renumbered(change.code, national) in ((change.new_code, new), None)
            others = {
                (other.new_code, other.forward()[1].format(*other_match.groups()))
                for other in CHANGES
                if other.code == change.code
                and (other_match := re.fullmatch(other.forward()[0], national, re.ASCII))
                is not None
            }
            assert {number for number in others if is_valid(*number)} == {(change.new_code, new)}

    @pytest.mark.parametrize(
        ("code", "national"), [(1, "4155552671"), (52, "5512345678"), (999, "12345678")]
    )
    def test_other_numbers_stay(self, code: int, national: str) -> None:
        assert renumbered(code, national) is None


class TestOldNumbersInAField:
    """How sure a number of a former plan is, where the contact is elsewhere."""

    @given(old_numbers(), st.sampled_from(["+", "00"]), st.sampled_from(["PK", "AL", "US", "BR"]))
    @settings(max_examples=400, deadline=None)
    def test_is_of_another_country_for_sure_only_behind_a_code_of_its_own(
        self, case: tuple[PlanChange, str], prefix: str, region: str
    ) -> None:
        change, national = case
        for text in (f"{prefix}{change.code}{national}", f"{prefix}{change.code} {national}"):
            for number in parse_field(text, region).numbers:
                if number.basis == NEW_PLAN and change.code != CODES[region]:
                    assert number.confidence == ("medium" if " " in text else "low"), text

    @pytest.mark.parametrize(
        ("text", "region", "confidence"),
        [
            ("+35157123456", "AL", "low"),
            ("0030012345673", "PK", "low"),
            ("+351 57 123456", "AL", "medium"),
            ("+35157123456", "PT", "medium"),
            ("+35157123456", None, "medium"),
            ("+20 12 0002841", "US", "medium"),
        ],
    )
    def test_is_told_by_the_contact_or_by_the_groups(
        self, text: str, region: str | None, confidence: str
    ) -> None:
        (number,) = parse_field(text, region).numbers
        assert (number.basis, number.confidence) == (NEW_PLAN, confidence)


class TestEqualForms:
    @given(old_numbers())
    @settings(max_examples=400, deadline=None)
    def test_old_and_new_are_found_from_each_other(self, case: tuple[PlanChange, str]) -> None:
        change, national = case
        today = renumbered(change.code, national)
        old = f"+{change.code}{national}"
        if today is None or len(old) > 16:
            return
        new = f"+{today[0]}{today[1]}"
        assert equal_forms(old)[0] == equal_forms(new)[0] == new
        assert set(equal_forms(old)) == set(equal_forms(new)) >= {old, new}

    def test_an_old_form_that_is_still_called_valid_is_linked(self) -> None:
        assert equal_forms("+24106031234") == ("+24166031234", "+24106031234", "+2416031234")
        assert set(equal_forms("+24166031234")) == set(equal_forms("+24106031234"))
        assert equal_forms("+82112001234") == ("+821052001234", "+82112001234")

    @pytest.mark.parametrize(
        ("with_nine", "without"),
        [("+5491123456789", "+541123456789"), ("+5492944123456", "+542944123456")],
    )
    def test_an_argentine_line_has_two_of_today(self, with_nine: str, without: str) -> None:
        for form in (with_nine, without):
            assert equal_forms(form) == (with_nine, without)
            assert renumbered_forms(form) == (form,)
            assert renumbered(54, form[3:]) is None

    @pytest.mark.parametrize(
        "text", ["+548001234567", "+546001234567", "+54911234567", "+5412345678", "+54999123456789"]
    )
    def test_what_is_no_argentine_line_of_ten_digits_is_alone(self, text: str) -> None:
        assert equal_forms(text) == (text,)

    @given(old_numbers())
    @settings(max_examples=200, deadline=None)
    def test_forms_that_a_change_made_equal_are_among_them(
        self, case: tuple[PlanChange, str]
    ) -> None:
        change, national = case
        number = f"+{change.code}{national}"
        assert {number} <= {*renumbered_forms(number)} <= {*equal_forms(number)}
        assert change.applies == "variant" or renumbered_forms(number) == equal_forms(number)

    @given(old_numbers())
    @settings(max_examples=200, deadline=None)
    def test_all_but_the_first_are_earlier_forms(self, case: tuple[PlanChange, str]) -> None:
        change, national = case
        first, *others = equal_forms(f"+{change.code}{national}")
        assert not is_earlier_form(first)
        assert all(is_earlier_form(form) for form in others)
        assert not others or change.code in codes_with_forms()

    @pytest.mark.parametrize(
        "text", ["+14155552671", "", "+", "12", "+abc", "+１４１５５５５２６７１"]
    )
    def test_anything_else_is_alone(self, text: str) -> None:
        assert equal_forms(text) == (text,)
        assert not is_earlier_form(text)
