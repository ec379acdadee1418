"""Whether an edited text still has the digits of a number that its field was read as."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import phonenumbers
import pytest

from worker.phones import parse_field
from worker.phones.retyped import has_digits_of

STYLES: tuple[Callable[[str], str], ...] = (
    lambda n: n,
    lambda n: f"({n[2:5]}) {n[5:8]}-{n[8:]}",
    lambda n: f"{n[2:5]}.{n[5:8]}.{n[8:]}",
    lambda n: f"tel:{n}",
    lambda n: f"{n[2:]}",
    lambda n: f"+1 {n[2:5]} {n[5:8]} {n[8:]} (office)",
)


def has(text: str, number: str, region: str, last: int | None = None) -> bool:
    return has_digits_of(text, number, parse_field(text, region).numbers, last)


class TestANumberThatWasRetyped:
    @pytest.mark.parametrize("style", STYLES)
    @pytest.mark.parametrize(
        "behind", ["", " ext. 12", " x2", " or 415-555-3005", "/3005", " 2019"]
    )
    def test_is_found_in_whatever_form(self, style: Callable[[str], str], behind: str) -> None:
        assert has(style("+14155553002") + behind, "+14155553002", "US")

    @pytest.mark.parametrize(("text", "number", "region"), [
        ("4301-7285  4301-0948", "+4343017285", "AR"),
        ("０４３０１ ７２８５", "+4343017285", "AR"),
        ("(415) 555-2671/2", "+14155552672", "US"),
        ("(415) 555-2671/-72", "+14155552672", "US"),
        ("415-555-2671 or 72", "+14155552672", "US"),
        ("2687 5140 - 41 - 42", "+85226875142", "HK"),
        ("020 7219 4272, 7219 4273", "+442072194273", "GB"),
        ("030 123456, Fax: 123457", "+4930123457", "DE"),
        ("(11) 3814-4100/99876-5432", "+5511998765432", "BR"),
        ("41555526714155552672", "+14155552671", "US"),
        ("030 123456 Durchwahl 12", "+493012345612", "DE"),
        ("06 698 12345", "+390669812345", "IT"),
    ])  # fmt: skip
    def test_is_found_though_it_is_not_read_now(self, text: str, number: str, region: str) -> None:
        assert has_digits_of(text, number, (), None)

    def test_is_found_in_the_form_of_a_former_plan(self) -> None:
        assert has("(11) 8123-4567", "+5511981234567", "US")

    def test_is_found_by_its_last_digits(self) -> None:
        assert has("555-3002", "+14155553002", "US", last=7)


class TestANumberThatWasReplaced:
    @pytest.mark.parametrize(
        "mark", [" ext. ", " x", " #", " Durchwahl ", ",", ";", " room ", " ("]
    )
    @pytest.mark.parametrize("digits", ["2", "12", "102", "3002", "23002"])
    @pytest.mark.parametrize("last", [None, 7])
    def test_is_not_found_with_digits_of_an_extension(
        self, mark: str, digits: str, last: int | None
    ) -> None:
        for style in STYLES:
            text = f"{style('+14155553005')}{mark}{digits}"
            assert not has(text, "+14155553002", "US", last), text

    @pytest.mark.parametrize(("text", "number", "region"), [
        ("415-555-3005 / 415-666-3002", "+14155553002", "US"),
        ("415-555-3005, 415-556-0002", "+14155553002", "US"),
        ("415-555-3005 (since 2 May 2022)", "+14155553002", "US"),
        ("030 1234567", "+4930123456", "DE"),
        ("030 123456-8", "+4930123458", "DE"),
        ("030 123456-2", "+4930123452", "DE"),
        ("415-555-3005 / 1234-66-3002", "+14155553002", "US"),
        ("+44 20 7219 4273 ext 2", "+442072194272", "GB"),
    ])  # fmt: skip
    def test_is_not_found_with_digits_of_other_numbers(
        self, text: str, number: str, region: str
    ) -> None:
        assert not has(text, number, region)

    def test_is_not_found_by_chance_in_a_neighbour_with_an_extension(self) -> None:
        rng = random.Random(7)
        for was, now in itertools.permutations(range(3000, 3012), 2):
            for style in STYLES:
                text = f"{style(f'+1415555{now}')} ext. {rng.randrange(1, 9999)}"
                assert not has(text, f"+1415555{was}", "US"), (was, text)


def test_numbers_of_all_countries_are_found_where_they_are_read() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number(region)
        if example is None:
            continue
        for form in (
            phonenumbers.PhoneNumberFormat.NATIONAL,
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        ):
            text = phonenumbers.format_number(example, form)
            for number in parse_field(text, region).numbers:
                assert has_digits_of(text, number.e164), text
