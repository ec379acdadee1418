"""A contact's fields together: where the country is told by evidence, and how that is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import country_code_for_region

from worker.phones import ContactLocation, parse_contact, region_of
from worker.phones.countries import regions_of

LOCAL = {"Phone": "030 901820"}
COUNTRIES = [("DE", "Germany"), ("FR", "France"), ("US", "United States"), ("CA", "Canada"),
             ("IT", "Italy"), ("GB", "United Kingdom"), ("PL", "Polska")]  # fmt: skip


def dials_alike(first: str, other: str) -> bool:
    return country_code_for_region(first) == country_code_for_region(other)


def phone(where: ContactLocation, **others: str) -> tuple[list[str], str, str]:
    reading = parse_contact({**LOCAL, **others}, where)["Phone"]
    sure = reading.numbers[0].confidence if reading.numbers else ""
    return [number.e164 for number in reading.numbers], sure, reading.remark


class TestALocalNumber:
    def test_is_read_by_the_contacts_own_country(self) -> None:
        assert phone(ContactLocation(country="Deutschland")) == (["+4930901820"], "high", "")

    def test_by_its_state_where_the_country_is_missing(self) -> None:
        reading = parse_contact({"Phone": "(415) 555-2671"}, ContactLocation(state="California"))
        assert [n.e164 for n in reading["Phone"].numbers] == ["+14155552671"]

    def test_by_its_other_number_and_says_so(self) -> None:
        numbers, sure, remark = phone(ContactLocation(), Mobile="+49 171 2345678")
        assert (numbers, sure) == (["+4930901820"], "medium")
        assert remark == "is read as a number of Germany, like the contact's other number"

    def test_by_its_email_and_says_so(self) -> None:
        numbers, sure, remark = phone(ContactLocation(email="kim@example.de"))
        assert (numbers, sure) == (["+4930901820"], "medium")
        assert "email" in remark

    def test_by_the_default_last(self) -> None:
        assert phone(ContactLocation(default="DE")) == (["+4930901820"], "medium", "")
        assert phone(ContactLocation(email="kim@example.de", default="US"))[0] == ["+4930901820"]

    @pytest.mark.parametrize("email", ["kim@example.io", "kim@example.com", "kim", "", "@", "x@."])
    def test_is_not_guessed_where_nothing_tells(self, email: str) -> None:
        reading = parse_contact(LOCAL, ContactLocation(email=email))["Phone"]
        assert reading.outcome == "no_country"

    def test_numbers_of_two_countries_are_no_evidence(self) -> None:
        others = {"Mobile": "+49 171 2345678", "Other": "+33 1 42 68 53 00"}
        assert phone(ContactLocation(), **others)[0] == []


class TestANumberOfAnotherCountry:
    """Digits without a plus that the contact's own country does not know."""

    @pytest.mark.parametrize("text", ["442072193000", "44 20 7219 3000"])
    @pytest.mark.parametrize(
        "spoken_for", [{"email": "kim@example.co.uk"}, {"website": "https://example.co.uk/contact"}]
    )
    def test_is_read_with_low_confidence_where_the_contact_speaks_for_it(
        self, text: str, spoken_for: dict[str, str]
    ) -> None:
        where = ContactLocation(country="France", **spoken_for)
        (number,) = parse_contact({"Phone": text}, where)["Phone"].numbers
        assert (number.e164, number.confidence) == ("+442072193000", "low")

    def test_or_where_its_other_number_does(self) -> None:
        phones = {"Phone": "44 20 7219 3000", "Mobile": "+44 20 7219 4272"}
        reading = parse_contact(phones, ContactLocation(country="France"))["Phone"]
        assert [number.confidence for number in reading.numbers] == ["low"]
        assert "the United Kingdom" in reading.remark

    @pytest.mark.parametrize(
        ("text", "country"),
        [
            ("442072193000", "France"), ("4301-7285  4301-0948", "Argentina"),
            ("491512345678", "United States"), ("0171 2345678", "United States"),
            ("(8-10-245) 25-1036", "Guinea-Bissau"), ("33142685300", "Spain"),
        ],
    )  # fmt: skip
    def test_is_not_guessed_otherwise(self, text: str, country: str) -> None:
        reading = parse_contact({"Phone": text}, ContactLocation(country=country))["Phone"]
        assert reading.outcome == "invalid"
        assert reading.reason

    def test_a_slip_of_the_finger_is_none_of_them(self) -> None:
        where = ContactLocation(country="United States", email="kim@example.fr")
        reading = parse_contact({"Phone": "415 555 267"}, where)["Phone"]
        assert not any(number.valid for number in reading.numbers)

    def test_without_a_country_the_default_comes_before_a_plus_that_may_be_missing(self) -> None:
        reading = parse_contact({"Phone": "13522701411"}, ContactLocation(default="CN"))["Phone"]
        assert [number.e164 for number in reading.numbers] == ["+8613522701411"]


class TestACountryAndItsCode:
    """A CRM may hold both, and they may contradict each other: "NAME (CODE)"."""

    @pytest.mark.parametrize("country", ["Germany (DE)", "Germny (de)", "DE", "Atlantis (DE)"])
    def test_that_agree_are_one_country(self, country: str) -> None:
        assert phone(ContactLocation(country=country))[:2] == (["+4930901820"], "high")

    def test_that_contradict_each_other_are_none(self) -> None:
        where = ContactLocation(country="Germany (FR)")
        assert parse_contact(LOCAL, where)["Phone"].outcome == "no_country"
        assert phone(ContactLocation(country="Germany (FR)", default="DE"))[0] == []

    def test_are_settled_by_evidence_for_one_of_them_alone(self) -> None:
        both = "Germany (FR)"
        numbers, sure, _ = phone(ContactLocation(country=both, email="kim@example.de"))
        assert (numbers, sure) == (["+4930901820"], "low")
        assert phone(ContactLocation(country=both), Mobile="+49 171 2345678")[0] == ["+4930901820"]
        assert phone(ContactLocation(country=both, email="kim@example.it"))[0] == []
        assert phone(ContactLocation(country=both, state="Texas"))[0] == []

    def test_are_settled_by_the_state(self) -> None:
        reading = parse_contact(
            {"Phone": "(415) 555-2671"}, ContactLocation(country="Mexico (US)", state="California")
        )
        assert [n.e164 for n in reading["Phone"].numbers] == ["+14155552671"]

    def test_that_dial_alike_need_no_settling(self) -> None:
        reading = parse_contact({"Phone": "020 7219 3000"}, ContactLocation(country="Jersey (GB)"))
        assert [n.e164 for n in reading["Phone"].numbers] == ["+442072193000"]

    @given(st.sampled_from(COUNTRIES), st.sampled_from(COUNTRIES))
    def test_no_number_is_read_by_a_country_that_only_one_of_them_names(
        self, name: tuple[str, str], code: tuple[str, str]
    ) -> None:
        where = ContactLocation(country=f"{name[1]} ({code[0]})", default="US")
        numbers = phone(where)[0]
        assert not numbers or name[0] == code[0] or dials_alike(name[0], code[0])


class TestCountryNames:
    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("Germny", "DE"), ("Untied States", "US"), ("Great Britian", "GB"),
            ("Korea, Republic of", "KR"), ("USA (East)", "US"), ("U.S.", "US"),
            ("FRANCE METROPOLITAINE", "FR"), ("+49", "DE"), ("0049", "DE"), ("(+44)", "GB"),
            ("Russian Federation", "RU"), ("Korea, Democratic People's Republic of", "KP"),
            ("Congo, The Democratic Republic of the", "CD"), ("Congo", "CG"), ("Macao", "MO"),
            ("Virgin Islands, U.S.", "VI"), ("Taiwan, Province of China", "TW"),
            ("China, Taiwan", "TW"), ("Ireland, Northern", "GB"), ("P.R. China", "CN"),
            ("Niger", "NE"), ("Nigeria", "NG"), ("Austria", "AT"), ("Australia", "AU"),
            ("Austrlia", None), ("x" * 1000, None), ("???", None),
        ],
    )  # fmt: skip
    def test_with_slips_but_never_between_two_countries(
        self, text: str, region: str | None
    ) -> None:
        assert region_of(text) == region

    @pytest.mark.parametrize(
        ("text", "regions"),
        [
            ("DE - Germany", ("DE",)), ("Germany - DE", ("DE",)), ("GBR - United Kingdom", ("GB",)),
            ("GB/United Kingdom", ("GB",)), ("Germany (+49)", ("DE",)),
            ("US - Germany", ("US", "DE")), ("Guinea-Bissau", ("GW",)), ("Timor-Leste", ("TL",)),
            ("Atlantis - XX", ()),
        ],
    )  # fmt: skip
    def test_with_a_code_beside_them(self, text: str, regions: tuple[str, ...]) -> None:
        assert regions_of(text) == regions
