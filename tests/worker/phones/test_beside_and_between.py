"""What stands beside a number or between two, in marks and scripts of any kind, changes neither.

The numbers are libphonenumber's examples of all regions; each text is compared with what the
library says of the number alone.
"""

from __future__ import annotations

import unicodedata

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat

from worker.phones import parse_field

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
_SHORTEST = 8  # digits of a number that is told from a room and a year
ZEROS = [chr(code) for code in range(0x20000) if unicodedata.decimal(chr(code), None) == 0]


def examples() -> list[PhoneNumber]:
    numbers = [
        phonenumbers.example_number_for_type(region, kind)
        for region in REGIONS
        for kind in range(11)
    ]
    return [
        number
        for number in numbers
        if number is not None
        and phonenumbers.is_valid_number(number)
        and len(e164(number)) > _SHORTEST
        and valid(e164(number)) == [e164(number)]
    ]


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def international(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def valid(text: str, region: str | None = None) -> list[str]:
    return [number.e164 for number in parse_field(text, region).numbers if number.valid]


def for_sure(text: str, region: str | None = None) -> list[str]:
    numbers = parse_field(text, region).numbers
    return [n.e164 for n in numbers if n.valid and n.confidence != "low"]


numbers = st.deferred(lambda: st.sampled_from(examples()))
regions = st.sampled_from([None, *REGIONS])

BESIDE = [
    "{} 31/12/2024", "2024-12-31 {}", "{} 2024-12-31T23:59:59Z", "{} 9:00-17:00", "{} 50%",
    "{} 52.520008, 13.404954", "{} \u20ac1.200,50", "{} $1,200.50", "{} 192.168.10.1",
    "{} https://example.com/12345678", "{} www.example.com/12345678", "kim2@example.com {}",
    "{} IBAN DE89370400440532013000", "Order 1234567 {}", "{} 4111 1111 1111 1111", "{} Room 214",
    "tel:{}", "WhatsApp: {}", "callto:{}", "TEL;TYPE=CELL:{}", '["{}"]', '{{"phone": "{}"}}',
    "[{}](https://example.com)", "<b>{}</b>", "{}<br>", "\u2068{}\u2069", "\u202b{}\u202c",
]  # fmt: skip
INVISIBLE = ["\u00ad", "\u034f", "\u061c", "\u180e", "\u200b", "\u200e", "\u2060", "\ufe0f"]
BETWEEN = [
    " / ",
    " or ",
    " oder ",
    " ou ",
    " lub ",
    "\n",
    "\t",
    "  ",
    " \u2022 ",
    " + ",
    "; ",
    "<br>",
]


@pytest.mark.parametrize("frame", BESIDE)
@given(numbers, regions)
def test_what_stands_beside_a_number_neither_hides_nor_changes_it(
    frame: str, number: PhoneNumber, region: str | None
) -> None:
    assert valid(frame.format(international(number)), region) == [e164(number)]


@given(numbers, st.sampled_from(INVISIBLE), st.data())
def test_what_is_not_seen_is_not_read(number: PhoneNumber, mark: str, data: st.DataObject) -> None:
    text = international(number)
    place = data.draw(st.integers(0, len(text)))
    assert valid(text[:place] + mark + text[place:]) == [e164(number)]


@given(numbers, st.sampled_from(ZEROS), st.sampled_from(["+", "\uff0b", "\ufe62"]))
def test_digits_of_all_scripts_are_digits(number: PhoneNumber, zero: str, plus: str) -> None:
    text = "".join(
        chr(ord(zero) + int(char)) if char.isdigit() else plus if char == "+" else char
        for char in international(number)
    )
    assert valid(text) == [e164(number)]


@pytest.mark.parametrize("mark", BETWEEN)
@given(numbers, numbers)
def test_two_numbers_are_two_whatever_stands_between(
    mark: str, first: PhoneNumber, second: PhoneNumber
) -> None:
    if e164(first) != e164(second):
        text = f"{international(first)}{mark}{international(second)}"
        assert valid(text) == [e164(first), e164(second)]


LINKS = [
    "https://wa.me/{}", "wa.me/{}?text=Hi", "https://api.whatsapp.com/send?phone={}",
    "whatsapp://send?phone={}", "whatsapp://send?text=Hi&phone={}", "viber://chat?number={}",
    "WhatsApp: https://wa.me/{}",
]  # fmt: skip
LINKS_WITH_PLUS = [
    "https://wa.me/+{}", "https://t.me/+{}", "https://signal.me/#p/+{}", "skype:+{}?call",
    "viber://chat?number=%2B{}", "whatsapp://send?phone=%2B{}", "%2B{}", "\\u002b{}",
]  # fmt: skip


@pytest.mark.parametrize("link", [*LINKS, *LINKS_WITH_PLUS])
@given(numbers, regions)
def test_a_link_to_a_chat_holds_an_international_number(
    link: str, number: PhoneNumber, region: str | None
) -> None:
    text = link.format(e164(number).removeprefix("+"))
    assert valid(text, region) == [e164(number)]
    if link in LINKS_WITH_PLUS:
        assert for_sure(text, region) == [e164(number)]


class TestOneByOne:
    @pytest.mark.parametrize(
        ("text", "region", "expected"),
        [
            # words behind a number that is whole are not spelt on its keys
            ("0906 1234 ext 45", "NL", ["+319061234"]),
            ("0800 12345 Room 12", "RS", ["+38180012345"]),
            ("1-800-FLOWERS", "US", ["+18003569377"]),
            # two of Russia's with a space between them; the 8 belongs to the second
            ("8 (495) 123-45-67 8 (495) 123-45-68", "RU", ["+74951234567", "+74951234568"]),
            ("1 (415) 555-2671 1 (415) 555-2672", "US", ["+14155552671", "+14155552672"]),
            ("+91 11 4728 9900 (30 lines)", "IN", ["+911147289900"]),
            ("(900) 212-3456 + (473) 269-1234", "GD", ["+19002123456", "+14732691234"]),
            ("+49 30 901820\t0171 2345678", "DE", ["+4930901820", "+491712345678"]),
            ("+1 415 \u00b7 555 \u00b7 2671", "US", ["+14155552671"]),
            ("+48  74 64 13 400", "PL", ["+48746413400"]),
            # numbers with dots in them are no places on the map
            ("030.901820, 030.901821", "DE", ["+4930901820", "+4930901821"]),
            ("6123 4567 6123 4568", "SG", ["+6561234567", "+6561234568"]),
            ("31 Dec 2024 10:30 +352 628 123 456", "LU", ["+352628123456"]),
            ("4\ufe0f\u20e31\ufe0f\u20e35\ufe0f\u20e3 555 2671", "US", ["+14155552671"]),
        ],
    )
    def test_is_read(self, text: str, region: str, expected: list[str]) -> None:
        assert valid(text, region) == expected

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("20241231 +385 60 01 234", "HR"),  # a day, or a number of Split
            ("+380 900 212 345 2x", "UA"),
            ("468123456", "SE"),  # of Stockholm with its country code, or of Lund
            ("https://wa.me/51912345678", "BR"),  # of Peru, or of the contact's country
        ],
    )
    def test_is_weak_evidence(self, text: str, region: str) -> None:
        confidences = [n.confidence for n in parse_field(text, region).numbers if n.valid]
        assert "low" in confidences
