"""Numbers that regulators keep for films, books and tests: they exist in no directory.

Sources: NANPA (555-0100 to 555-0199 of every area), Ofcom (numbers for drama use), ACMA (fictitious
numbers), Bundesnetzagentur (Drama-Nummern, Mitteilung 148/2021), ARCEP (numéros pour les œuvres
audiovisuelles), PTS (nummer för böcker och filmer), ComReg (numbers for drama).
"""

from __future__ import annotations

import re

_RANGES = {
    1: r"\d{3}55501\d\d",
    44: r"1632960\d{3}|2079460\d{3}|(?:11[3-8]|1[2-6]1)4960\d{3}|1914980\d{3}|2896496\d{3}"
    r"|2920180\d{3}|3069990\d{3}|7700900\d{3}|8081570\d{3}|9098790\d{3}",
    61: r"[2378](?:5550|7010)\d{4}|4915701(?:10|5[6-9])|49157[01]\d{4}|1800160401|18009757\d\d",
    49: r"3023125\d{3}|6990009\d{3}|4066969\d{3}|2214710\d{3}|8999998\d{3}|15228817386"
    r"|15228895456|15228817386|1713920\d{4}|1729925904|176040690\d{2}",
    33: r"19900\d{4}|26191\d{4}|35301\d{4}|46571\d{4}|53649\d{4}|63998\d{4}",
    46: r"3139006\d{2}|4062804\d{2}|8465004\d{2}|98031920\d|9803192\d{2}|7017406\d{2}",
    353: r"2091\d{4}",
}
_PATTERNS = {code: re.compile(pattern) for code, pattern in _RANGES.items()}


def is_reserved(country_code: int, national: int) -> bool:
    """Whether a number lies in a range kept for fiction and tests.

    >>> is_reserved(1, 4155550123), is_reserved(1, 4155552671)
    (True, False)
    """
    pattern = _PATTERNS.get(country_code)
    return pattern is not None and pattern.fullmatch(str(national)) is not None
