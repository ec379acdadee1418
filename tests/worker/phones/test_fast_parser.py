"""The plans as we lay them out say of every number what libphonenumber says."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from re import _parser as _re_parser  # the tree of a pattern
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from worker.phones import fast_parser

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = [value for name, value in vars(PhoneNumberType).items() if name.isupper()]
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)

digits = st.text("0123456789", min_size=1, max_size=17)
marks = st.sampled_from(["", "", "", " ", "-", ".", "(", ") ", " - "])


@st.composite
def near_numbers(draw: st.DrawFn) -> tuple[str, str | None]:
    """What people type: an example of a plan in one of its forms, here and there a digit off."""
    region = draw(st.sampled_from(REGIONS))
    sample = phonenumbers.example_number_for_type(region, draw(st.sampled_from(KINDS)))
    if sample is None:
        sample = phonenumbers.example_number(region)
    assert sample is not None
    how = draw(
        st.sampled_from(
            [PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL]
        )
    )
    text = phonenumbers.format_number(sample, how)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text) - 1))
        text = text[:place] + draw(st.sampled_from([*"0123456789", ""])) + text[place + 1 :]
    prefix = draw(st.sampled_from(["", "", "", "0", "00", "011", "1", "+", "8", "810", "9"]))
    code = str(sample.country_code) if draw(st.booleans()) else ""
    reader = draw(st.sampled_from([region, region, None, draw(st.sampled_from(REGIONS))]))
    return (f"{prefix}{code}{text}" if draw(st.booleans()) else text), reader


@st.composite
def any_digits(draw: st.DrawFn) -> tuple[str, str | None]:
    parts = draw(st.lists(st.tuples(digits, marks), min_size=1, max_size=4))
    text = draw(st.sampled_from(["", "+", "00", "011", "0"])) + "".join(d + m for d, m in parts)
    return text, draw(st.one_of(st.none(), st.sampled_from(REGIONS)))


def by_library(text: str, region: str | None) -> tuple[int, str] | None:
    try:
        parsed = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    assert not parsed.extension
    return parsed.country_code or 0, phonenumbers.national_significant_number(parsed)


def same_reading(text: str, region: str | None) -> None:
    parsed = fast_parser.parse(text, region)
    if parsed is not None:
        assert parsed == by_library(text, region)


@pytest.mark.slow
@settings(max_examples=500)
@given(near_numbers())
@example(("+39 06 1234567", None))  # in Italy the zero stays
@example(("0 11 15 1234 5678", "AR"))  # a prefix that becomes another one
@example(("1-800-123", "US"))
@example(("001 44 20 7946 0000", "US"))
@example(("49 30 123456", "DE"))  # the country's own code, and no plus
def test_what_is_typed_is_read_as_the_library_reads_it(typed: tuple[str, str | None]) -> None:
    same_reading(*typed)


@pytest.mark.slow
@settings(max_examples=500)
@given(any_digits())
def test_any_digits_are_read_as_the_library_reads_them(typed: tuple[str, str | None]) -> None:
    same_reading(*typed)


@pytest.mark.parametrize("kind", KINDS)
def test_what_plans_print_as_examples_is_never_left_to_the_library(kind: int) -> None:
    for region in REGIONS:
        sample = phonenumbers.example_number_for_type(region, kind)
        if sample is None:
            continue
        for how in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL):
            text = phonenumbers.format_number(sample, how)
            national = phonenumbers.national_significant_number(sample)
            # A few of them are written with letters or a slash.
            if not set(text) - set("+0123456789 ().-"):
                assert fast_parser.parse(text, None) == (sample.country_code, national)


def same_facts(code: int, national: str) -> None:
    number = fast_parser.as_number(code, national)
    assert phonenumbers.national_significant_number(number) == national
    region, kind = fast_parser.region_and_type(code, national)
    assert region == (phonenumbers.region_code_for_number(number) or "")
    if region:
        assert kind == phonenumbers.number_type(number)
    assert (kind != PhoneNumberType.UNKNOWN) == phonenumbers.is_valid_number(number)


@pytest.mark.parametrize("region", REGIONS)
def test_every_kind_of_line_of_every_country_is_told(region: str) -> None:
    for kind in KINDS:
        sample = phonenumbers.example_number_for_type(region, kind)
        if sample is not None:
            national = phonenumbers.national_significant_number(sample)
            for text in (national, national[:-1], national + "0", "9" + national[1:]):
                same_facts(sample.country_code or 0, text)


@pytest.mark.slow
@settings(max_examples=1000)
@given(st.sampled_from(CODES), st.text("0123456789", min_size=2, max_size=17))
def test_any_number_is_judged_as_the_library_judges_it(code: int, national: str) -> None:
    same_facts(code, national)


@settings(max_examples=500)
@given(st.sampled_from((1, 7, 44, 47, 39, 61, 212, 262, 290, 358, 590, 599)),
       st.text("0123456789", min_size=8, max_size=11))  # fmt: skip
def test_countries_that_share_a_code_are_told_apart(code: int, national: str) -> None:
    same_facts(code, national)


@pytest.mark.parametrize(
    "text",
    ["call me", "+1 415 555 0123 x5", "415/555-0123", "12", "++14155550123", "", "٤١٥٥٥٥٠١٢٣"],
)
def test_what_is_not_typed_plainly_is_left_to_the_library(text: str) -> None:
    assert fast_parser.parse(text, "US") is None


PER_REGION = 100  # with 245 regions, 24,000 numbers and more


def _drawn_from(pattern: str, rng: random.Random) -> str:
    """A string that a pattern of the metadata matches, drawn at random."""
    return "".join(_pieces(_re_parser.parse(pattern), rng))


def _pieces(tree: Iterable[tuple[Any, Any]], rng: random.Random) -> Iterator[str]:
    for op, value in tree:
        name = str(op)
        if name == "LITERAL":
            yield chr(value)
        elif name == "IN":
            yield rng.choice([ch for ch in "0123456789" if _holds(value, ch)])
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = value
            for _ in range(rng.randint(least, min(most, least + 10))):
                yield from _pieces(inner, rng)
        elif name == "BRANCH":
            yield from _pieces(rng.choice(value[1]), rng)
        elif name == "SUBPATTERN":
            yield from _pieces(value[3], rng)
        else:
            raise AssertionError(f"{name} in a pattern of the metadata")


def _holds(items: Iterable[tuple[Any, Any]], ch: str) -> bool:
    for op, value in items:
        name = str(op)
        if name == "LITERAL" and value == ord(ch):
            return True
        if name == "RANGE" and value[0] <= ord(ch) <= value[1]:
            return True
        if name == "CATEGORY":  # \d
            return True
    return False


@pytest.mark.slow
def test_24_000_numbers_of_all_regions_are_read_and_judged_as_by_the_library() -> None:
    """Drawn from the patterns of the release that is installed, and every third a digit off."""
    rng, tried = random.Random(9), 0
    for region in REGIONS:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        assert metadata is not None
        kinds = (metadata.fixed_line, metadata.mobile, metadata.general_desc, metadata.toll_free)
        patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
        patterns = [pattern for pattern in patterns if pattern and pattern != "NA"]
        code = metadata.country_code or 0
        for place in range(PER_REGION):
            national = _drawn_from(patterns[place % len(patterns)], rng)
            if place % 3 == 2:
                cut = rng.randrange(len(national))
                digit = rng.choice([*"0123456789", ""])
                national = national[:cut] + digit + national[cut + 1 :]
            if len(national) < 2:
                continue
            same_reading(f"+{code} {national}", None)
            same_reading(f"{metadata.national_prefix or ''}{national}", region)
            same_facts(code, national)
            tried += 1
    assert tried > 24_000
