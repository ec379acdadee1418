"""A number as somebody types it into a form: what is read, and which slip is told of."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.phones import facts
from worker.phones.typed_number import read_typed_number

READ = [
    ("415 555 2671", "US", "+14155552671"),
    ("(415) 555-2671 ext. 5", "US", "+14155552671"),
    ("+44 (0)20 7219 4272", "US", "+442072194272"),
    ("0044 7911 123456", "DE", "+447911123456"),
    ("020 7219 4272", "GB", "+442072194272"),
]
HINTED = [
    # What was typed, the form's country, the hint, and the number that may be meant.
    ("415 555 2671", None, "missing_country_code", ""),
    ("020 7219 4272", None, "missing_country_code", ""),
    ("447911123456", "US", "missing_plus", "+447911123456"),
    ("555 2671", "US", "missing_area_code", ""),
    ("415 555 267", "US", "missing_digit", ""),
    ("+33 1 23 45 67 8", None, "missing_digit", ""),
    ("9 12", "GB", "too_short", ""),
    ("415 555 26711", "US", "extra_digit", ""),
    ("415 555 2671 12 3", "US", "too_long", ""),
    ("+999 123 4567", "US", "no_such_country_code", ""),
    ("145 555 2671", "US", "no_such_area_code", "+14155552671"),
    ("687 555 2671", "US", "no_such_area_code", "+16785552671"),
    ("230 555 2671", "US", "no_such_area_code", ""),  # 320 and 203 exist: which one?
    ("141 555 2671", "US", "no_such_area_code", ""),
    ("080 555 2671", "US", "no_such_area_code", ""),  # 800 would be nobody's own
    ("345 555 2671", "US", "no_such_number", ""),  # an area code of the Cayman Islands
    ("415 155 2671", "US", "no_such_number", ""),
    ("415-555-2671 / 415-555-2672", "US", "several_numbers", ""),
    ("hello", "US", "not_a_number", ""),
    ("  ", "US", "not_a_number", ""),
    ("911", "US", "not_a_persons_number", ""),
    ("415 555 0123", "US", "not_a_persons_number", ""),
    ("091 44 2433 4434", "IN", "check_number", "+914424334434"),
]


@pytest.mark.parametrize(("typed", "region", "e164"), READ)
def test_a_number_that_exists_gets_no_hint(typed: str, region: str, e164: str) -> None:
    read = read_typed_number(typed, region)
    assert (read.number and read.number.e164, read.exists, read.hint) == (e164, True, None)


@pytest.mark.parametrize(("typed", "region", "code", "suggestion"), HINTED)
def test_a_slip_of_the_finger_is_named(
    typed: str, region: str | None, code: str, suggestion: str
) -> None:
    hint = read_typed_number(typed, region).hint
    assert hint is not None
    assert (hint.code, hint.suggestion) == (code, suggestion)


@given(st.text(string.digits + "+-() x/a", max_size=30), st.sampled_from([None, "US", "GB", "DE"]))
def test_a_suggestion_is_a_number_that_exists_made_of_the_typed_digits(
    typed: str, region: str | None
) -> None:
    read = read_typed_number(typed, region)
    if read.hint is not None and read.hint.suggestion:
        suggestion = read.hint.suggestion
        assert facts(suggestion).valid
        if read.hint.code != "check_number":  # the parser may know a new plan of an old number
            digits = sorted(re.sub(r"\D", "", typed))
            assert sorted(suggestion[1:]) in (digits, sorted([*digits, "1"]))
