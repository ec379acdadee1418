"""What is no phone number neither hides the number beside it nor is read as one.

The numbers are those of parliaments, ministries and governments.
"""

from __future__ import annotations

import pytest

from worker.phones import parse_field

# An example of each kind of plan: open ones, in which nearly any digits are a number, and closed
# ones, with and without a prefix.
NUMBERS = [
    ("DE", "030 901820", "+4930901820"),
    ("AT", "01 401100", "+431401100"),
    ("FI", "09 16001", "+358916001"),
    ("GB", "020 7219 4272", "+442072194272"),
    ("US", "(202) 456-1414", "+12024561414"),
    ("FR", "01 40 63 60 00", "+33140636000"),
    ("PL", "22 694 55 55", "+48226945555"),
]
IDS = [
    "0d9a6f3e-51c2-4f7a-9b1e-7c3d2a8846f0",
    "{0D9A6F3E-51C2-4F7A-9B1E-7C3D2A8846F0}",
    "64b7f0c2e1a94d5583aa10fe",
    "02:42:ac:11:00:02",
    "fe80:0:0:0:42:acff:fe11:2",
    "4012 8888 8888 1881",
    "4012888888881881",
    "DE75512108001245126199",
    "FR76 3000 6000 0112 3456 7890 189",
    "kim.1984+77@example.com",
    "ATU38516405",
    "CASE-004417",
    "SO2023/118",
    "7C-22104B",
]
OTHERS = ["07/26", "2026-02-11", "11.02.2026", "02/11/2026 14:05", "35 %", "2.480,50 EUR"]


def read(text: str, region: str) -> list[tuple[str, str]]:
    return [(n.e164, n.confidence) for n in parse_field(text, region).numbers if n.valid]


@pytest.mark.parametrize(("region", "number", "e164"), NUMBERS)
@pytest.mark.parametrize("frame", ["{aside} {number}", "{number} {aside}", "{number} ({aside})"])
@pytest.mark.parametrize("aside", IDS)
def test_an_id_hides_no_number(aside: str, frame: str, region: str, number: str, e164: str) -> None:
    ((found, confidence),) = read(frame.format(aside=aside, number=number), region)
    assert found == e164
    assert confidence != "low" or region in ("AT", "FI")  # short, as if it were cut off


@pytest.mark.parametrize(("region", "number", "e164"), [n for n in NUMBERS if n[0] not in "ATFI"])
@pytest.mark.parametrize("frame", ["{aside} {number}", "{number} {aside}", "{number}; {aside}"])
@pytest.mark.parametrize("aside", OTHERS)
def test_a_day_or_an_amount_hides_no_number(
    aside: str, frame: str, region: str, number: str, e164: str
) -> None:
    assert [found for found, _ in read(frame.format(aside=aside, number=number), region)] == [e164]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("030 901820 07/26", "DE"),  # the last digits of two others, or a month
        ("030 901820 4.1.2", "DE"),
        ("07/26 01 40110", "AT"),
    ],
)
def test_what_may_belong_to_the_number_makes_it_unsure(text: str, region: str) -> None:
    assert [confidence for _, confidence in read(text, region)] == ["low"]


@pytest.mark.parametrize(
    ("text", "region", "e164s"),
    [
        ("+687 20.12.34", "NC", ["+687201234"]),
        ("06.05.24 33 12", "FR", ["+33605243312"]),
        ("01 40 63 60 10/12", "FR", ["+33140636010", "+33140636012"]),
        ("0475/12.34.56", "BE", ["+32475123456"]),
    ],
)
def test_marks_within_a_number_are_no_day(text: str, region: str, e164s: list[str]) -> None:
    assert [found for found, _ in read(text, region)] == e164s


@pytest.mark.parametrize("text", ["030 90182O", "030 901 8T20", "0171-XXX-4567", "030 12345 6OO"])
def test_a_slip_of_the_finger_is_no_id(text: str) -> None:
    assert read(text, "DE") == []


def test_what_stands_beside_the_number_stays_in_the_note() -> None:
    parsed = parse_field("Kim 030 901820 CASE-004417 (07/26)", "DE")
    assert parsed.note == "Kim, CASE-004417 (07/26"


class TestDigitsOfAnId:
    @pytest.mark.parametrize(
        "text",
        [
            "{id} / {number}",
            "{number} / {id}",
            "{number}; {id}",
            "{id}, {number}",
            "{id} {number}",
            "{number} {id}",
        ],
    )
    @pytest.mark.parametrize("digits", ["1700418822", "4500771204", "1612137600"])
    @pytest.mark.parametrize(
        ("region", "number", "e164"), [n for n in NUMBERS if n[0] in ("DE", "AT", "FI", "GB", "FR")]
    )
    def test_are_no_number_for_sure(
        self, text: str, digits: str, region: str, number: str, e164: str
    ) -> None:
        found = dict(read(text.format(id=digits, number=number), region))
        assert all(c == "low" for other, c in found.items() if other != e164)
        if region not in ("AT", "FI"):  # short numbers are left aside there
            assert e164 in found

    @pytest.mark.parametrize(
        ("text", "region", "e164"),
        [
            ("Order no. 7781002 (202) 456-1414", "US", "+12024561414"),
            ("SIREN 732 829 320 01 40 63 60 00", "FR", "+33140636000"),
            ("VAT 123 4567 82 020 7219 4272", "GB", "+442072194272"),
            ("PO 4500098765 030 901820", "DE", "+4930901820"),
            ("0010023456 030 901820", "DE", "+4930901820"),
            ("+4930901820 1700000000", "DE", "+4930901820"),
            ("+49 30 901820 1700000000", "DE", "+4930901820"),
            ("+44 (0)20 7219 4272 1612345678", "GB", "+442072194272"),
            ("+1 212-736-5000 4500012345", "US", "+12127365000"),
            ("+33 1 42 61 61 40 732829320", "FR", "+33142616140"),
        ],
    )
    def test_hide_no_number(self, text: str, region: str, e164: str) -> None:
        assert [found for found, _ in read(text, region)] == [e164]

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("Zoom ID 323 5536 6387", "EE"),
            ("+49 30 901820 17000000", "DE"),  # digits too many are a slip
            ("+44 20 7219 42 7216123456", "GB"),  # 7216123456 is no id: the number is not whole
            ("IBAN DE89 3704 0044 0532 0130 01", "DE"),
        ],
    )
    def test_are_not_cut_into_a_number(self, text: str, region: str) -> None:
        assert read(text, region) == []

    @pytest.mark.parametrize(
        ("text", "region"),
        [("022 23456789 / 9820012345", "IN"), ("010-65321921 / 13812345678", "CN")],
    )
    def test_are_told_from_a_mobile_that_people_write_without_a_prefix(
        self, text: str, region: str
    ) -> None:
        assert [confidence for _, confidence in read(text, region)] == ["high", "high"]

    def test_never_make_a_number_longer_than_e164(self) -> None:
        assert read("030 901820 12345678", "DE") != [("+493090182012345678", "high")]


@pytest.mark.parametrize(
    ("region", "first", "second"),
    [
        ("SH", "22470", "22345"),
        ("NU", "4017", "4321"),
        ("FK", "27222", "51234"),
        ("CK", "29606", "55123"),
        ("FO", "351500", "211010"),
        ("GL", "345000", "551234"),
        ("NF", "322244", "323999"),
        ("NC", "272829", "751234"),
    ],
)
@pytest.mark.parametrize("between", [" / ", "; ", ", ", " ", ";", " or ", "\n", " Ann, "])
def test_two_short_numbers_of_an_island_are_two(
    region: str, first: str, second: str, between: str
) -> None:
    code = parse_field(first, region).numbers[0].e164.removesuffix(first)
    numbers = [f"{code}{first}", f"{code}{second}"]
    assert [found for found, _ in read(f"{first}{between}{second}", region)] == numbers
    if between != " ":
        whole = f"{code} {first}{between}{second}"
        assert [found for found, _ in read(whole, region)] == numbers
