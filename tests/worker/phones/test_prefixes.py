"""What stands before a number: a prefix that other countries dial, a country code typed twice; and
slashes within one.

Each of these can be read in more than one way. The groups in which a number was typed decide; where
they tell nothing, the confidence is low.
"""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from worker.phones import parse_field

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
Read = list[tuple[str, str]]


def read(text: str, region: str | None) -> Read:
    numbers = parse_field(text, region).numbers
    return [(number.e164, number.confidence) for number in numbers if number.valid]


def example(region: str) -> tuple[str, str]:
    """Country code and national number of a number, a mobile one where there is any."""
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    number = number or phonenumbers.example_number(region)
    national = phonenumbers.national_significant_number(number)
    return str(number.country_code), national


class TestAPrefixOfAnotherCountry:
    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            # The Seychelles dialled 01: 011 248 looks like 01 1 248, of Michigan
            ("011 248 432 1234", "SC", [("+2484321234", "medium")]),
            ("011-248-4321234", "SC", [("+2484321234", "medium")]),
            ("0112484321234", "SC", [("+2484321234", "medium")]),
            ("0011 248 432 1234", "SC", [("+2484321234", "medium")]),
            ("00112484321234", "SC", [("+2484321234", "low")]),
            # Australia's 0011, and North America's 1 behind 00
            ("0011 267 240 4645", "BW", [("+2672404645", "medium")]),
            ("00112672404645", "BW", [("+2672404645", "low")]),
            ("0011 267 240 4645", "DE", [("+2672404645", "medium")]),
            ("00112672404645", "DE", [("+12672404645", "low")]),
            ("0011 61 2 3456 7890", "US", [("+61234567890", "high")]),
            # Carriers' prefixes that begin with 00
            ("0044 20 7219 4272", "SG", [("+442072194272", "high")]),
            ("00 44 127 426 1875", "SG", [("+441274261875", "medium")]),
            ("00441274261875", "SG", [("+441274261875", "low")]),
            ("00554738763839", "BR", [("+554738763839", "medium")]),
            ("00 55 47 3876 3839", "BR", [("+554738763839", "medium")]),
            ("00 57 351 535 6099", "CO", [("+573515356099", "medium")]),
            # As it is dialled in the country itself
            ("001 415 555 2671", "SG", [("+14155552671", "high")]),
            ("0011 44 20 7219 4272", "AU", [("+442072194272", "high")]),
            # 810 was dialled in the Soviet Union; Germany's plan knows nearly any digits
            ("810 49 30 901820", "DE", [("+4930901820", "medium")]),
        ],
    )
    def test_is_told_by_the_groups(self, text: str, region: str, expected: Read) -> None:
        assert read(text, region) == expected

    @pytest.mark.parametrize(
        ("text", "region", "e164"),
        [
            ("011 390 2857", "IT", "+390113902857"),  # Turin
            ("011 3811 022", "RS", "+381113811022"),  # Belgrade
            ("011 278 1880", "ZA", "+27112781880"),  # Johannesburg
            ("011 4930 9018", "IN", "+911149309018"),  # Delhi
            ("0114 234 5678", "GB", "+441142345678"),  # Sheffield
            ("010 4412 7426", "CN", "+861044127426"),  # Beijing
        ],
    )
    def test_is_no_area_code_of_the_own_country(self, text: str, region: str, e164: str) -> None:
        assert read(text, region) == [(e164, "high")]

    @pytest.mark.parametrize("prefix", ["00", "011", "0011"])
    @pytest.mark.parametrize("region", REGIONS)
    def test_before_the_own_country_code_never_gives_another_number_for_sure(
        self, region: str, prefix: str
    ) -> None:
        code, national = example(region)
        text = f"{prefix} {code} {national}"
        assert {e164 for e164, confidence in read(text, region) if confidence != "low"} <= {
            f"+{code}{national}"
        }

    @pytest.mark.parametrize("region", ["FI", "CI", "CD", "SO", "GA", "LB", "IT"])
    @pytest.mark.parametrize("text", ["010 44 127 4261875", "010 1 209 656 6087"])
    def test_is_not_the_first_of_two_numbers(self, region: str, text: str) -> None:
        """Japan dials 010."""
        assert len(read(text, region)) < 2


class TestAPlusBeforeANationalNumber:
    """Some people type a plus and leave the country code out: the digits may be another country's
    number then. Where they stand in the groups of the own country, nobody can tell."""

    @pytest.mark.parametrize(
        ("text", "region", "e164"),
        [
            ("+647-937-1234", "US", "+6479371234"),  # of Ontario, or of New Zealand
            ("+(647) 937-1234", "CA", "+6479371234"),
            ("+604.736.5000", "CA", "+6047365000"),
            ("+495 363-03-66", "RU", "+4953630366"),  # of Moscow, or of Germany
            ("+(495) 363-03-66", "RU", "+4953630366"),
            ("+(9) 834 9695", "NZ", "+98349695"),  # of Auckland, or of Iran
            ("+(6) 90 23 46 07", "CM", "+690234607"),
            ("+506-634-4676", "CA", "+50626344676"),  # of New Brunswick, or of Costa Rica once
            ("+495 363-03-66, +495 363-03-67", "RU", "+4953630366"),
        ],
    )
    def test_is_weak_evidence(self, text: str, region: str, e164: str) -> None:
        found = read(text, region)
        assert found[0] == (e164, "low")
        assert all(confidence == "low" for _, confidence in found)

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("+64 7 937 1234", "US"),  # the code is a group of its own
            ("+64 79371234", "US"),
            ("+6479371234", "US"),
            ("+647 937 1234", "NZ"),
            ("+647 937 1234", "AU"),
            ("+49 536 30366", "RU"),
            ("+4953630366", "RU"),
            ("+4930 901820", "US"),
            ("+1 647 937 1234", "US"),
        ],
    )
    def test_is_not_seen_in_other_groups(self, text: str, region: str) -> None:
        assert [confidence for _, confidence in read(text, region)] == ["high"]


class TestAMinusBeforeANumber:
    """A dash, or a plus for which the key was not found."""

    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            ("-49 521 557666", "DE", [("+49521557666", "medium")]),
            ("- 49 521 557666", "DE", [("+49521557666", "medium")]),
            ("-(49) 521 557666", "DE", [("+49521557666", "medium")]),
            ("-43 1 5125835", "AT", [("+4315125835", "medium")]),
            ("-030 901820", "DE", [("+4930901820", "high")]),
            ("-415-555-2671", "US", [("+14155552671", "high")]),
        ],
    )
    def test_changes_nothing(self, text: str, region: str, expected: Read) -> None:
        assert read(text, region) == expected == read(text.lstrip("- "), region)


class TestACountryCodeTypedTwice:
    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            ("+6262 21 1234567", "ID", [("+62211234567", "medium")]),
            ("+62 62 21 1234567", "ID", [("+62211234567", "medium")]),
            ("+67 67 715123", "TO", [("+6767715123", "high")]),  # 67 is no country code
            ("+62 (62) 21 1234567", "ID", [("+62211234567", "medium")]),
            ("+62+62211234567", "ID", [("+62211234567", "medium")]),
            ("006262 21 1234567", "ID", [("+62211234567", "medium")]),
            ("+4444 20 7219 4272", "GB", [("+442072194272", "medium")]),
            ("004949 30 901820", "DE", [("+4930901820", "medium")]),
            ("4949 30 901820", "DE", [("+4930901820", "medium")]),
            ("+1 1 415 555 2671", "US", [("+14155552671", "high")]),
        ],
    )
    def test_is_told_by_the_groups(self, text: str, region: str, expected: Read) -> None:
        assert read(text, region) == expected

    @pytest.mark.parametrize("start", ["+{0} {0}", "+{0}{0}", "+{0} ({0})", "00{0} {0}", "{0} {0}"])
    @pytest.mark.parametrize(
        ("region", "code", "national"),
        [
            ("DE", "49", "7531 880"),
            ("AT", "43", "5572 305"),
            ("FI", "358", "9 1609"),
            ("AX", "358", "18 5252"),
            ("IT", "39", "06 6982"),
        ],
    )
    def test_is_told_by_the_groups_before_a_short_landline(
        self, start: str, region: str, code: str, national: str
    ) -> None:
        e164 = f"+{code}{national.replace(' ', '')}"
        assert read(f"{start.format(code)} {national}", region) == [(e164, "medium")]

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("+46 46 814 39 70", "SE"),  # Lund
            ("+46 (46) 814 39 70", "SE"),
            ("+46468143970", "SE"),
            ("+4646 814 39 70", "SE"),
            ("+48 48 331 99 39", "PL"),  # Radom
            ("+55 55 3220 8000", "BR"),  # Santa Maria
            ("+27 27 213 1011", "ZA"),
            ("+49 4941 123456", "DE"),  # Aurich
            ("+494941123456", "DE"),
            ("04941 123456", "DE"),
            ("+49 4921 318", "DE"),  # Emden
            ("+49 4921 31 80", "DE"),
            ("+358 3583 33 81", "FI"),
            ("+53 5349 74 01", "CU"),
            ("+62 622 123456", "ID"),  # Pematangsiantar
            ("+62622123456", "ID"),
        ],
    )
    def test_is_no_area_code_that_looks_like_it(self, text: str, region: str) -> None:
        ((e164, confidence),) = read(text, region)
        digits = "".join(char for char in text if char.isdigit())
        assert e164.endswith(digits.lstrip("0"))
        assert confidence == "high"

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("+6262218661526", "ID"),
            ("006262218661526", "ID"),
            ("+38338328212975", "XK"),
            ("00656588051462", "SG"),
            ("00666621806986", "TH"),
        ],
    )
    def test_is_weak_evidence_without_groups(self, text: str, region: str) -> None:
        assert [confidence for _, confidence in read(text, region)] == ["low"]


class TestASlash:
    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            # 2123 alone is the number of a service
            ("2123/1231", "UY", [("+59821231231", "medium")]),
            ("2123 / 1231", "UY", [("+59821231231", "medium")]),
            ("+598 2123/1231", "UY", [("+59821231231", "medium")]),
            ("2712/3456", "LU", [("+35227123456", "medium")]),
            ("2123/1231", "DK", [("+4521231231", "high")]),
            ("2123 4567/1231", "UY", [("+59821234567", "high"), ("+59821231231", "medium")]),
            ("020 7219 4272/73", "GB", [("+442072194272", "high"), ("+442072194273", "medium")]),
        ],
    )
    def test_within_a_number_is_told_from_one_between_two(
        self, text: str, region: str, expected: Read
    ) -> None:
        assert read(text, region) == expected

    def test_before_an_extension_of_a_short_number_adds_no_digits(self) -> None:
        assert read("425991/4321", "LU")[0][0] == "+352425991"
