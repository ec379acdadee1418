"""Short forms behind a number: what its digits may replace, and what they never do.

The parser's first examples are in `test_fields.py`.
"""

from __future__ import annotations

import pytest

from worker.phones import parse_field


def read(text: str, region: str) -> list[str]:
    return [number.e164 for number in parse_field(text, region).numbers if number.valid]


class TestAnAreaCode:
    @pytest.mark.parametrize(
        ("text", "region", "e164s"),
        [
            ("30 901820 / 7781002", "DE", ["+4930901820", "+49307781002"]),
            ("030 901820 / 7781002", "DE", ["+4930901820", "+49307781002"]),
            ("030/901820 / 7781002", "DE", ["+4930901820", "+49307781002"]),
            ("+49 30 901820 / 7781002", "DE", ["+4930901820", "+49307781002"]),
            ("06 687525 / 6875252", "IT", ["+3906687525", "+39066875252"]),
            ("0511 3924-0 / 392411", "DE", ["+4951139240"]),
            ("020 7219 4272 / 72194273", "GB", ["+442072194272", "+442072194273"]),
            ("0221 123456 / 654321", "DE", ["+49221123456", "+49221654321"]),
        ],
    )
    def test_is_never_cut(self, text: str, region: str, e164s: list[str]) -> None:
        assert read(text, region) == e164s


class TestANumberOfAFormerPlan:
    """Its digits are replaced as they were typed, not as the plan has them today."""

    @pytest.mark.parametrize(
        ("text", "region", "e164s"),
        [
            ("(505) 265-0035/883-0915", "NI", ["+50522650035", "+50588830915"]),
            (
                "(505) 265-0035/1681/883-0915",
                "NI",
                ["+50522650035", "+50522651681", "+50588830915"],
            ),
            ("+505 265 0035, 883 0915", "NI", ["+50522650035", "+50588830915"]),
            ("(506) 295-6875/383-1904", "CR", ["+50622956875", "+50683831904"]),
            ("(562) 425-9230/31/334-5103", "CL", ["+56224259230", "+56224259231", "+56223345103"]),
            ("(221) 823-1492/638-1014", "SN", ["+221338231492"]),  # which operator, nobody knows
            (
                "(225) 2022-2341/2021-4756/3452",
                "CI",
                ["+2252720222341", "+2252720214756", "+2252720213452"],
            ),
            ("236-6613/6310", "HN", ["+50422366613", "+50422366310"]),
        ],
    )
    def test_gives_numbers_of_today(self, text: str, region: str, e164s: list[str]) -> None:
        assert read(text, region) == e164s
