"""What was dialled within a country before its plan changed, and people still type."""

from __future__ import annotations

import phonenumbers
import pytest

from worker.phones.field_parser import parse_field

# The Soviet Union's 8; Ukraine dialled a zero behind it.
SOVIET = {
    "UA": "80", "BY": "80", "UZ": "8", "KG": "80", "GE": "8", "AM": "80", "MD": "80", "LT": "8",
    "LV": "8", "TJ": "8", "AZ": "80", "RU": "8", "KZ": "8",
}  # fmt: skip


@pytest.mark.parametrize(("region", "trunk"), SOVIET.items())
@pytest.mark.parametrize("form", ["{trunk}{digits}", "{first}-{rest}", "{first} ({area}) {local}"])
def test_the_eight_is_dialled_before_the_area_code(region: str, trunk: str, form: str) -> None:
    mobile = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert mobile is not None
    digits = phonenumbers.national_significant_number(mobile)
    rest = trunk[1:] + digits
    text = form.format(
        trunk=trunk, digits=digits, first=trunk[:1], rest=rest, area=rest[:3], local=rest[3:]
    )
    (number,) = parse_field(text, region).numbers
    assert number.e164 == phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.E164)
    assert number.valid
    assert number.confidence in ("high", "medium")


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("01 222 123 4567", "MX", "+522221234567"),
        ("044 222 123 4567", "MX", "+522221234567"),
        ("0601 123 456", "CZ", "+420601123456"),
        ("0 22 123 45 67", "PL", "+48221234567"),
        ("80441234567", "UA", "+380441234567"),
        ("8(044)123-45-67", "UA", "+380441234567"),
        ("8-098-234-56-79", "UA", "+380982345679"),
    ],
)
def test_other_prefixes_of_former_plans(text: str, region: str, number: str) -> None:
    (read,) = parse_field(text, region).numbers
    assert (read.e164, read.valid) == (number, True)


def test_a_plus_before_two_zeros_is_no_prefix_of_another_carrier() -> None:
    """Colombia dials 00 and a carrier's digit abroad: 005, behind which 7 is Russia's code."""
    (read,) = parse_field("+00573011434541", "CO").numbers
    assert read.e164 == "+573011434541"


@pytest.mark.parametrize(
    ("text", "region"), [("045", "MX"), ("01", "MX"), ("044 ", "MX"), ("0", "PL"), ("8", "UA")]
)
def test_a_prefix_alone_is_no_number(text: str, region: str) -> None:
    assert parse_field(text, region).numbers == ()
