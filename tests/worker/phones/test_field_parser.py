"""Reading phone fields: real ones, and whatever else a field may hold."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.phones import parse_field, region_of


def numbers(text: str, region: str | None = None) -> list[str]:
    return [number.e164 for number in parse_field(text, region).numbers]


class TestRealFields:
    def test_it_finds_what_an_independent_implementation_found(
        self, shared: Callable[[str], Path]
    ) -> None:
        wrong = []
        with shared("data/phone_fields.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            expected = json.loads(row["expected_e164"])
            read = numbers(row["raw"], row["country"])
            if sorted(read) != sorted(expected):
                wrong.append((row["raw"], expected, read))
        assert len(rows) > 300
        assert wrong == []


class TestATelLink:
    def test_says_what_is_wrong_as_without_the_link(self) -> None:
        for number in ("+4288018478", "+44207219427"):
            assert parse_field(f"tel:{number}").reason == parse_field(number).reason != ""


class TestWhatSpreadsheetsLeave:
    @pytest.mark.parametrize("mark", ["'", "\u2019", "\xa0", "\u200b"])
    def test_a_mark_before_a_plain_number_changes_nothing(self, mark: str) -> None:
        for text, region in (("+14155552671", None), ("030 2270", "DE"), ("030 2270", None)):
            assert parse_field(mark + text, region) == parse_field(text, region)

    @pytest.mark.parametrize(
        "text",
        [
            "14155552671.00", "14155552671.0", "14155552671,00", "+14155552671.00",
            "4155552671.0", "(415) 555-2671.00", "415-555-2671.0", "1.4155552671E+10",
            "1,4155552671E+10", "1.4155552671e10", "14,155,552,671", "14,155,552,671.00",
            "14.155.552.671,00", "14 155 552 671,00", "14'155'552'671", "4,155,552,671",
            "'14155552671", "\u201914155552671", '="+14155552671"', "=+14155552671",
            "'=\"+14155552671\"", '="4155552671"', '=T("4155552671")', '"+14155552671"',
        ],
    )  # fmt: skip
    def test_is_read_as_the_number_that_was_typed(self, text: str) -> None:
        assert numbers(text, "US") == ["+14155552671"]

    @pytest.mark.parametrize(
        "text",
        ["1.41555E+10", "1.4E10", "1E+10", "1,41555E+10", "4.15555E+09", "1.41555526715E+10",
         "+1.4155552E+10", "1.4E+100", "-1.4E+10"],
    )  # fmt: skip
    def test_digits_that_are_lost_are_not_made_up(self, text: str) -> None:
        reading = parse_field(text, "US")
        assert (reading.outcome, reading.numbers) == ("invalid", ())
        assert "digits are lost" in reading.reason

    @pytest.mark.parametrize("text", ["4155552671.5", "41555526.71", "12,345,678.90"])
    def test_an_amount_is_no_phone(self, text: str) -> None:
        reading = parse_field(text, "US")
        assert (reading.outcome, reading.numbers) == ("invalid", ())
        assert "decimals" in reading.reason

    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            ("01.42.68.53.00", "FR", "+33142685300"),
            ("+33 1.42.68.53.00", None, "+33142685300"),
            ("+49 30 901820.0", None, "+4930901820"),
            ("415.555.2671", "US", "+14155552671"),
        ],
    )
    def test_dots_that_are_part_of_the_number_stay_so(
        self, text: str, region: str | None, expected: str
    ) -> None:
        assert numbers(text, region) == [expected]


class TestOneNumber:
    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            ("+1 (415) 555-2671", None, "+14155552671"),
            ("415.555.2671", "US", "+14155552671"),
            ("0044 20 7219 3000", "DE", "+442072193000"),
            ("011 44 20 7219 3000", "US", "+442072193000"),
            ("+44 (0)20 7219 3000", None, "+442072193000"),
            ("442072193000", "GB", "+442072193000"),
            ("tel:+442072193000", None, "+442072193000"),
            ("'02072193000", "GB", "+442072193000"),
            ("\u202a+44\u00a020\u00a07219\u00a03000\u202c", None, "+442072193000"),
            ("４１５-５５５-２６７１", "US", "+14155552671"),
        ],
    )
    def test_in_many_spellings(self, text: str, region: str | None, expected: str) -> None:
        assert numbers(text, region) == [expected]

    @pytest.mark.parametrize(
        ("text", "extension"),
        [("+442072193000 x12", "12"), ("+442072193000 ext. 4", "4"), ("+442072193000,,33", "33")],
    )
    def test_with_its_extension_beside_it(self, text: str, extension: str) -> None:
        (number,) = parse_field(text).numbers
        assert (number.e164, number.extension) == ("+442072193000", extension)

    def test_with_what_was_written_beside_it_as_a_note(self) -> None:
        reading = parse_field("+442072193000 / ask for Kim")
        assert [n.e164 for n in reading.numbers] == ["+442072193000"]
        assert "Kim" in reading.note


class TestSeveralNumbers:
    @pytest.mark.parametrize("mark", [" / ", "; ", ", ", " or ", "\n", " | "])
    def test_are_told_apart(self, mark: str) -> None:
        text = f"+44 20 7219 3000{mark}+1 415 555 2671"
        assert numbers(text) == ["+442072193000", "+14155552671"]


class TestNoNumber:
    @pytest.mark.parametrize("text", ["n/a", "none", "-", "TBD", "unknown", "ask reception", "123"])
    def test_a_placeholder_or_words_are_invalid_with_a_reason(self, text: str) -> None:
        reading = parse_field(text, "US")
        assert reading.outcome == "invalid"
        assert reading.reason
        assert not reading.numbers

    @pytest.mark.parametrize("text", ["", "   ", "\u200b", "\u00a0"])
    def test_an_empty_field_is_empty(self, text: str) -> None:
        assert parse_field(text).outcome == "empty"

    def test_a_local_number_without_a_country_is_not_guessed(self) -> None:
        assert parse_field("020 7219 3000").outcome == "no_country"

    def test_excel_damage_is_told(self) -> None:
        assert parse_field("4.15555E+09", "US").outcome == "invalid"


class TestHostileInput:
    @given(st.text(max_size=400), st.sampled_from([None, "US", "GB", "DE", "BR", "IN"]))
    def test_any_text_gives_a_result_and_never_an_exception(
        self, text: str, region: str | None
    ) -> None:
        reading = parse_field(text, region)
        assert bool(reading.numbers) == (reading.outcome == "number")
        for number in reading.numbers:
            assert number.e164.startswith("+")
            assert number.e164[1:].isascii()
            assert number.e164[1:].isdigit()

    @given(st.text(alphabet="+0123456789 ()-./;x", max_size=60))
    def test_what_it_reads_it_reads_again_the_same(self, text: str) -> None:
        for number in parse_field(text, "US").numbers:
            if number.valid:
                assert numbers(number.e164) == [number.e164]

    @pytest.mark.parametrize("text", ["1" * 1_000_000, "+" * 100_000, "( " * 100_000, "\ud800 12"])
    @pytest.mark.timeout(5)
    def test_a_huge_field_is_read_in_bounded_time(self, text: str) -> None:
        parse_field(text, "US")


class TestCountries:
    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("US", "US"), ("usa", "US"), ("United States of America", "US"), ("Deutschland", "DE"),
            ("UK", "GB"), ("England", "GB"), ("España", "ES"), ("polska", "PL"), ("DEU", "DE"),
            ("Україна", "UA"), ("Atlantis", None), ("", None),
        ],
    )  # fmt: skip
    def test_in_the_spellings_that_people_use(self, text: str, region: str | None) -> None:
        assert region_of(text) == region
