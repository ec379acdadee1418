"""What holds for any field: reading is stable, honest about digits, and keeps the order."""

from __future__ import annotations

import random
import re

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat
from phonenumbers.phonemetadata import PhoneMetadata

from worker.phones import Number, parse_field
from worker.phones.reserved import is_reserved
from worker.phones.text import fictitious_reason

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def example(region: str, kind: int) -> str | None:
    number = phonenumbers.example_number_for_type(region, kind)
    return number and phonenumbers.format_number(number, PhoneNumberFormat.E164)


EXAMPLES = sorted(
    {e164 for region in REGIONS for kind in (0, 1, 3, 6) if (e164 := example(region, kind))}
)
numbers = st.deferred(  # they are read when the first test needs them
    lambda: st.sampled_from([e for e in EXAMPLES if parse_field(e).numbers[:1]])
)
valid = numbers.filter(lambda e164: parse_field(e164).numbers[0].valid)
digits_only = re.compile(r"\D")
AMOUNT_BEHIND = re.compile(r"\s[\d\u200b]{1,5}(?:\.[\d\u200b\s]+)+\Z")


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
    assume(not AMOUNT_BEHIND.search(text))  # "+504 8002 1234 5.67": read, with low confidence
    assert [number.e164 for number in parse_field(text).numbers] == [e164]


@given(valid, valid, st.sampled_from([" / ", "; ", ", ", " or ", "\n", " | ", " & "]))
def test_two_numbers_come_in_the_order_they_were_typed(first: str, second: str, mark: str) -> None:
    if first == second:
        return
    text = f"{written(first, PhoneNumberFormat.INTERNATIONAL)}{mark}{second}"
    assert [number.e164 for number in parse_field(text).numbers] == [first, second]


MARKS = " ()-./,;:|&\n#*"
typed = st.text(alphabet="+0123456789" + MARKS + "xXoOa", max_size=45)
regions = st.sampled_from([None, *REGIONS])


def stands_in(digits: str, text: str) -> bool:
    """Whether these digits stand in a text, in this order."""
    rest = iter(text)
    return all(digit in rest for digit in digits)


def supplied_by_the_plan(number: Number) -> str:
    """What a numbering plan puts before a local number by itself: the one area code of an island,
    the 9 of an Argentine mobile."""
    metadata = PhoneMetadata.metadata_for_region(number.region or "", None)
    rule = metadata.national_prefix_transform_rule if metadata is not None else None
    return "".join(re.findall(r"\d+", re.sub(r"[$\\\\]g?<?\d>?", "", rule or "")))


@given(typed, regions)
def test_each_number_is_made_of_digits_that_stand_in_the_text_in_that_order(
    text: str, region: str | None
) -> None:
    for number in parse_field(text, region).numbers:
        if number.basis == "its plan has changed since":
            continue
        code = str(phonenumbers.parse(number.e164).country_code)
        national = number.e164[1 + len(code) :]
        supplied = supplied_by_the_plan(number)
        assert stands_in(national, text) or (
            supplied and stands_in(national.replace(supplied, "", 1), text)
        )


@given(
    st.sampled_from(["+", "00", "+ ", "(+"]),
    st.integers(1, 999),
    st.text(alphabet="0123456789 ", min_size=5, max_size=22),
    regions,
)
def test_nothing_international_is_cut(plus: str, code: int, rest: str, region: str | None) -> None:
    text = " ".join(f"{plus}{code} {rest}".split())  # two spaces may stand between two numbers
    numbers = [number for number in parse_field(text, region).numbers if number.valid]
    assert len(numbers) <= 1
    for number in numbers:
        assert number.e164[-4:] == digits_only.sub("", text)[-4:]


def test_random_numbers_of_all_regions_are_read_as_the_library_reads_them() -> None:
    rng = random.Random(24_000)
    for _ in range(24_000):
        region = rng.choice(REGIONS)
        lengths = PhoneMetadata.metadata_for_region(region, None).general_desc.possible_length
        digits = "".join(rng.choices("0123456789", k=rng.choice(lengths)))
        text = digits if rng.random() < 0.5 else f"+{country_code(region)}{digits}"
        number = library_reads(text, region)
        read = [
            parsed
            for parsed in parse_field(text, region).numbers
            if parsed.valid and not parsed.basis
        ]
        if fictitious_reason(digits_only.sub("", text), text) or text.startswith("00"):
            continue  # 00 is dialled in more countries than have it
        assert [parsed.e164 for parsed in read] == ([number] if number else []), (text, region)


def country_code(region: str) -> int:
    return phonenumbers.country_code_for_region(region)


def library_reads(text: str, region: str) -> str:
    """The library's E.164 of a number; "" where it is not valid, kept for films and tests, or too
    long for E.164, which some of the library's patterns overlook."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if is_reserved(number.country_code, number.national_number):
        return ""
    valid = phonenumbers.is_valid_number(number)
    text = phonenumbers.format_number(number, PhoneNumberFormat.E164) if valid else ""
    return text if len(text) <= 1 + 15 else ""


@pytest.mark.parametrize("word", ["XXXX", "xxxx", "OOOO", "dgfs", "lOOl", "26O1", "____", "****"])
@given(st.sampled_from(REGIONS), st.text("0123456789", min_size=3, max_size=9))
def test_letters_and_masks_are_no_digits(word: str, region: str, digits: str) -> None:
    for text in (f"{digits}{word}", f"{digits}-{word}", f"+{country_code(region)} {digits}{word}"):
        assert not any(number.valid for number in parse_field(text, region).numbers)


@given(valid, st.integers(1, 99_999))
def test_an_extension_never_becomes_part_of_the_number(e164: str, extension: int) -> None:
    for text in (f"{e164} x{extension}", f"{e164} ext. {extension}", f"{e164};ext={extension}"):
        (number,) = parse_field(text).numbers
        assert (number.e164, number.extension) == (e164, str(extension))
