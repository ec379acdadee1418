"""What holds for any field: reading is stable, honest about digits, and keeps the order."""

from __future__ import annotations

import re

import phonenumbers
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from worker.phones import parse_field
from worker.phones.text import fictitious_reason

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def example(region: str, kind: int) -> str | None:
    number = phonenumbers.example_number_for_type(region, kind)
    return number and phonenumbers.format_number(number, PhoneNumberFormat.E164)


EXAMPLES = sorted(
    {e164 for region in REGIONS for kind in (0, 1, 3, 6) if (e164 := example(region, kind))}
)
numbers = st.sampled_from([e for e in EXAMPLES if parse_field(e).numbers[:1]])
valid = numbers.filter(lambda e164: parse_field(e164).numbers[0].valid)
digits_only = re.compile(r"\D")


def written(e164: str, how: int) -> str:
    return phonenumbers.format_number(phonenumbers.parse(e164), how)


@given(valid)
def test_reading_its_own_output_gives_itself(e164: str) -> None:
    assert [number.e164 for number in parse_field(e164).numbers] == [e164]


@given(valid)
def test_every_way_the_library_writes_a_number_is_read_back(e164: str) -> None:
    region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    for how in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966):
        assert [n.e164 for n in parse_field(written(e164, how)).numbers] == [e164]
    if region and region != "001":
        national = written(e164, PhoneNumberFormat.NATIONAL)
        if not fictitious_reason(digits_only.sub("", national), national):  # as some examples are
            assert e164 in [n.e164 for n in parse_field(national, region).numbers]


@given(valid, st.lists(st.sampled_from([" ", "-", ".", "\u00a0", "\u200b", "\u202f"]), max_size=6),
       st.data())  # fmt: skip
def test_spaces_and_punctuation_between_digits_change_nothing(
    e164: str, marks: list[str], data: st.DataObject
) -> None:
    text = e164
    for mark in marks:
        place = data.draw(st.integers(3, len(text) - 1))
        if text[place - 1].isdigit() and text[place].isdigit():
            text = text[:place] + mark + text[place:]
    assume(not text.endswith((".0", ".00")))  # which a spreadsheet has put behind a number
    assert [number.e164 for number in parse_field(text).numbers] == [e164]


@given(valid, valid, st.sampled_from([" / ", "; ", ", ", " or ", "\n", " | ", " & "]))
def test_two_numbers_come_in_the_order_they_were_typed(one: str, two: str, mark: str) -> None:
    if one == two:
        return
    text = f"{written(one, PhoneNumberFormat.INTERNATIONAL)}{mark}{two}"
    assert [number.e164 for number in parse_field(text).numbers] == [one, two]


@given(
    st.text(alphabet="+0123456789 ()-./,;", max_size=40), st.sampled_from(["US", "GB", "DE", None])
)
def test_no_digit_is_made_up(text: str, region: str | None) -> None:
    typed = digits_only.sub("", text)
    for number in parse_field(text, region).numbers:
        code = str(phonenumbers.parse(number.e164).country_code)
        national = number.e164[1 + len(code) :]
        if number.confidence == "high":
            assert national in typed or national in typed.replace("0", "", 1)
        assert len(national) <= len(typed) + 2


@given(valid, st.integers(1, 99_999))
def test_an_extension_never_becomes_part_of_the_number(e164: str, extension: int) -> None:
    for text in (f"{e164} x{extension}", f"{e164} ext. {extension}", f"{e164};ext={extension}"):
        (number,) = parse_field(text).numbers
        assert (number.e164, number.extension) == (e164, str(extension))
