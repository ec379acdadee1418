"""A contact's fields together: where the country is told by evidence, and how that is said."""

from __future__ import annotations

import pytest

from worker.phones import Whereabouts, read_contact, region_of

LOCAL = {"Phone": "030 901820"}


def phone(where: Whereabouts, **others: str) -> tuple[list[str], str, str]:
    reading = read_contact({**LOCAL, **others}, where)["Phone"]
    sure = reading.numbers[0].confidence if reading.numbers else ""
    return [number.e164 for number in reading.numbers], sure, reading.remark


class TestALocalNumber:
    def test_is_read_by_the_contacts_own_country(self) -> None:
        assert phone(Whereabouts(country="Deutschland")) == (["+4930901820"], "high", "")

    def test_by_its_state_where_the_country_is_missing(self) -> None:
        reading = read_contact({"Phone": "(415) 555-2671"}, Whereabouts(state="California"))
        assert [n.e164 for n in reading["Phone"].numbers] == ["+14155552671"]

    def test_by_its_other_number_and_says_so(self) -> None:
        numbers, sure, remark = phone(Whereabouts(), Mobile="+49 171 2345678")
        assert (numbers, sure) == (["+4930901820"], "low")
        assert remark == "is read as a number of Germany, like the contact's other number"

    def test_by_its_email_and_says_so(self) -> None:
        numbers, sure, remark = phone(Whereabouts(email="kim@example.de"))
        assert (numbers, sure) == (["+4930901820"], "low")
        assert "email" in remark

    def test_by_the_default_last(self) -> None:
        assert phone(Whereabouts(default="DE")) == (["+4930901820"], "medium", "")
        assert phone(Whereabouts(email="kim@example.de", default="US"))[0] == ["+4930901820"]

    @pytest.mark.parametrize("email", ["kim@example.io", "kim@example.com", "kim", "", "@", "x@."])
    def test_is_not_guessed_where_nothing_tells(self, email: str) -> None:
        reading = read_contact(LOCAL, Whereabouts(email=email))["Phone"]
        assert reading.outcome == "no_country"

    def test_numbers_of_two_countries_are_no_evidence(self) -> None:
        others = {"Mobile": "+49 171 2345678", "Other": "+33 1 42 68 53 00"}
        assert phone(Whereabouts(), **others)[0] == []


class TestCountryNames:
    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("Germny", "DE"), ("Untied States", "US"), ("Great Britian", "GB"),
            ("Korea, Republic of", "KR"), ("USA (East)", "US"), ("U.S.", "US"),
            ("Niger", "NE"), ("Nigeria", "NG"), ("Austria", "AT"), ("Australia", "AU"),
            ("Austrlia", None), ("x" * 1000, None), ("???", None),
        ],
    )  # fmt: skip
    def test_with_slips_but_never_between_two_countries(
        self, text: str, region: str | None
    ) -> None:
        assert region_of(text) == region
