"""Kinds of marks, labels and digits of another sort beside numbers, over countries.

Expected numbers are libphonenumber's own examples (`phonenumbers.example_number_for_type`), written
as systems and people write them.
"""

from __future__ import annotations

import phonenumbers
import pytest

from worker.phones import parse_field

COUNTRIES = ["AE", "AU", "BR", "CH", "CN", "DE", "FR", "GB", "ID", "IN", "IT", "JP", "KR", "LU",
             "MX", "NL", "PL", "RU", "SB", "SE", "SO", "TR", "UA", "ZA"]  # fmt: skip
WRITTEN = {
    "a link with an escaped plus": "tel:%2B{digits}",
    "tabs": "{tabs}",
    "blanks of HTML": "{nbsp}",
    "opening hours": "{plain} 9-17",
    "a number sign behind a label": "Ph#: {plain}",
    "a number sign set apart": "Cell # {plain}",
    "what is dialled in America": "+011 {code} {rest}",
    "a country's code": "KR {plain}",
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("region", COUNTRIES)
def test_a_number_is_read_however_it_is_written(region: str, way: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    plain = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    code, rest = plain[1:].split(" ", 1)
    text = WRITTEN[way].format(
        digits=e164[1:], plain=plain, code=code, rest=rest,
        tabs=plain.replace(" ", "\t"), nbsp=plain.replace(" ", "&nbsp;"),
    )  # fmt: skip
    field = parse_field(text, region)
    assert [number.e164 for number in field.numbers if number.valid] == [e164]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("Zoom ID 323 5536 6387", "EE"), ("Zoom 716 2687 3797", "MA"),
        ("VAT GB 334 4707 20", "TJ"), ("Aadhaar 2867 5564 8500", "SV"),
        ("781 684 291 EUR", "LU"), ("DUNS 38-587-1377", "VU"), ("KvK 57473704", "CU"),
        ("Contract 667318917", "GN"), ("IMEI 877649368553026", "DE"),
        ("11.444.777/0001-61", "NZ"), ("529.982.247-25", "ET"),  # with their check digits
        ("75:3D:29:29:43:88", "FI"), ("5643809c-1234-4967-9621-307923576041", "MG"),
        ("facebook.com/profile.php?id=995458555993943", "DE"),
    ],
)  # fmt: skip
def test_the_digits_of_other_things_are_no_number(text: str, region: str) -> None:
    assert not any(number.valid for number in parse_field(text, region).numbers)


class TestAWordForAnotherNumber:
    """A tax number, an account or a register: its digits may be a phone number of some country."""

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("GB 123 4567 82 VAT", "MY"), ("22345678 CVR", "DK"), ("22345678 (CVR)", "DK"),
            ("226174800 NIP", "PL"), ("226174800 REGON, Kim", "PL"), ("2127365000 NPI", "US"),
            ("212345678 NIF", "PT"), ("912345678 (CIF)", "ES"), ("82345678 UEN", "SG"),
            ("0299999991 ABN", "AU"), ("22345678 KvK", "CU"), ("22345678 VAT No.", "NO"),
            ("9261234567 ИНН", "RU"), ("912345678 RUT", "CL"), ("2127365000 NPI / Kim", "US"),
        ],
    )  # fmt: skip
    def test_says_so_behind_the_digits_too(self, text: str, region: str) -> None:
        assert not any(number.valid for number in parse_field(text, region).numbers)

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("Kontonummer: 030901820", "DE"), ("kontonummer 22345678", "NO"),
            ("compte 0142616140", "FR"), ("N° de compte : 0142616140", "FR"),
            ("rekening 0201234567", "NL"), ("Rekeningnr. 0201234567", "NL"),
            ("conta bancária: 212345678", "PT"), ("minha conta é 212345678", "PT"),
            ("My account is 22345678", "DK"), ("My card number is 22345678", "DK"),
            ("Credit card 22345678", "DK"), ("Kreditkarte: 030901820", "DE"),
            ("tilinumero 0912345678", "FI"), ("číslo účtu 224972166", "CZ"),
            ("рахунок 0442806301", "UA"), ("口座番号 0334045211", "JP"), ("账号 01065322881", "CN"),
            ("Your order is 22345678", "DK"), ("rachunek: 226174800", "PL"),
        ],
    )  # fmt: skip
    def test_says_so_before_them_in_many_languages(self, text: str, region: str) -> None:
        assert not any(number.valid for number in parse_field(text, region).numbers)

    @pytest.mark.parametrize(
        ("text", "region", "e164"),
        [
            ("22 617 48 00 NIP: 5260250274", "PL", "+48226174800"),  # it announces what follows
            ("22 617 48 00, NIP 526-025-02-74", "PL", "+48226174800"),
            ("+48 22 617 48 00 NIP", "PL", "+48226174800"),  # a plus begins a phone number
            ("Tel. 020 7219 4272 VAT", "GB", "+442072194272"),
            ("020 7219 4272 (accounts)", "GB", "+442072194272"),  # a department
            ("22 617 48 00 nip", "PL", "+48226174800"),
            ("CVR 22345678, 33 15 20 00", "DK", "+4533152000"),
        ],
    )
    def test_belongs_to_its_own_digits_alone(self, text: str, region: str, e164: str) -> None:
        found = [number.e164 for number in parse_field(text, region).numbers if number.valid]
        assert found == [e164]


@pytest.mark.parametrize(
    ("text", "region"), [("1980-1985", "IQ"), ("1997 - 2002", "SA"), ("114.243.191.159", "KN")]
)
def test_what_may_be_years_or_an_address_is_weak_evidence(text: str, region: str) -> None:
    (number,) = parse_field(text, region).numbers
    assert number.confidence == "low"


def test_digits_beside_a_word_are_left_out_with_less_confidence() -> None:
    for text in ("Room 214 415-555-2671", "415-555-2671 2nd floor"):
        (number,) = parse_field(text, "US").numbers
        assert (number.e164, number.confidence) == ("+14155552671", "medium")
    for text in ("030 901820 10115 Berlin", "10115 Berlin, 030 901820 10115 Berlin"):
        (number,) = parse_field(text, "DE").numbers  # Germany's plan knows the longer one, too
        assert (number.e164, number.confidence) == ("+4930901820", "medium")
    (number,) = parse_field("+49 30 901820 10115 Berlin", "DE").numbers
    assert number.confidence == "low"


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("Cep: 0532 123 45 67", "TR", "+905321234567"),  # a mobile, and Brazil's postcode
        ("ID: +62 21 8350 8470", "ID", "+622183508470"),
        ("02.212.333.19", "SK", "+421221233319"),  # no amount begins with a zero
        ("22.123.45.67", "PL", "+48221234567"),
        ("21.22.34.56", "DK", "+4521223456"),
        ("0082 (0) 10-2000-0065", "KR", "+821020000065"),  # not Egypt by a carrier's prefix, 008
    ],
)
def test_what_looks_like_something_else_is_a_number(text: str, region: str, e164: str) -> None:
    (number,) = parse_field(text, region).numbers
    assert (number.e164, number.valid, number.confidence != "low") == (e164, True, True)


def test_a_short_number_with_a_spreadsheets_decimal_has_no_digit_more() -> None:
    (number,) = parse_field("7299.0", "TK").numbers
    assert number.e164 == "+6907299"


@pytest.mark.parametrize(
    "sign",
    ["ext.:", "Ext -", "(ext)", "/(ext)", "extn.:", "Nebenst.", "App.:", "anx.", "rml", "toest.",
     "anknyt", "internt", "iç hat", "mell.", "nội bộ", "внутрішній", "доб.:", "内线", "تحويله",
     "then press"],
)  # fmt: skip
def test_an_extension_has_many_words_and_marks(sign: str) -> None:
    (number,) = parse_field(f"+44 20 7219 4272 {sign} 4512", "GB").numbers
    assert (number.e164, number.extension) == ("+442072194272", "4512")


class TestAWordWithoutASpace:
    @pytest.mark.parametrize(
        ("text", "region", "e164s"),
        [
            ("030 901820FAX030 901821", "DE", ["+4930901820", "+4930901821"]),
            ("Tel030 901820Fax030 901821", "DE", ["+4930901820", "+4930901821"]),
            ("212-736-5000office212-736-5001", "US", ["+12127365000", "+12127365001"]),
            ("+852 2841-2323Emergency: +852 2523-9011", "HK", ["+85228412323", "+85225239011"]),
            ("020 7219 4272Reception", "GB", ["+442072194272"]),
            ("01 42 61 61 40Standard 01 42 61 61 41", "FR", ["+33142616140", "+33142616141"]),
            ("212-736-5000Main Office", "US", ["+12127365000"]),
            ("030 901820 10115Berlin", "DE", ["+4930901820"]),
        ],
    )
    def test_hides_no_number(self, text: str, region: str, e164s: list[str]) -> None:
        field = parse_field(text, region)
        assert [number.e164 for number in field.numbers if number.valid] == e164s

    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("212-736-500Main", "US"), ("212-736-5000ABCD", "US"), ("212736500OHome", "US"),
            ("030 901820Zentrale", "DE"),  # its plan knows any length
            ("(081)  342-86221d", "IT"),  # "d" may stand for a digit
            ("Ticket2127365000", "US"), ("1234567Rev", "NL"),
        ],
    )  # fmt: skip
    def test_makes_a_number_of_nothing_else(self, text: str, region: str) -> None:
        numbers = parse_field(text, region).numbers
        assert not any(number.valid and number.confidence != "low" for number in numbers)


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("(86-21) 52402321*110", "CN", "+862152402321"),
        ("02152402321*8001", "CN", "+862152402321"),
        ("(02)2311-3731*225#", "TW", "+886223113731"),
        ("03-3404-5211*123", "JP", "+81334045211"),
        ("212-736-5000*123", "US", "+12127365000"),
        ("86-21-52402321*110", "CN", "+862152402321"),
    ],
)
def test_an_asterisk_stands_before_an_extension(text: str, region: str, e164: str) -> None:
    (number,) = parse_field(text, region).numbers
    extension = text.rpartition("*")[2].rstrip("#")
    assert (number.e164, number.extension) == (e164, extension)


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("030*901820", "DE", "+4930901820"), ("212*736*5000", "US", "+12127365000"),
        ("06*12*34*56*78", "FR", "+33612345678"), ("0171*2345678", "DE", "+491712345678"),
    ],
)  # fmt: skip
def test_an_asterisk_may_stand_between_groups(text: str, region: str, e164: str) -> None:
    (number,) = parse_field(text, region).numbers
    assert (number.e164, number.extension) == (e164, "")


def test_a_plus_between_blanks_joins_two_numbers_of_a_country() -> None:
    field = parse_field("010 1234 5368 + 131 2345 6738", "CN")
    assert [number.e164 for number in field.numbers] == ["+861012345368", "+8613123456738"]
    field = parse_field("030 901820 + 44 20 7219 4272", "DE")
    assert "+442072194272" in [number.e164 for number in field.numbers if number.valid]
