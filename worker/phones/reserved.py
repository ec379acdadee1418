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
    61: r"[2378](?:5550|7010)\d{4}|491570(?:006|110|15[6-9]|313|737)|491571(?:266|491|804)"
    r"|1800160401|18009757\d\d",
    49: r"3023125\d{3}|6990009\d{3}|4066969\d{3}|2214710\d{3}|8999998\d{3}"
    r"|15228817386|15228895456|15254599371|17139200\d\d|1729925904|1729968532|1729973185"
    r"|1729973186|1729980752|1749091317|1749464308|176040690\d\d",
    33: r"(?:19900|26191|35301|46571|53649|63998)\d{4}",
    46: r"3139006\d\d|4062804\d\d|8465004\d\d|9803192\d\d|7017406\d\d",
    353: r"2091\d{5}",
}
_PATTERNS = {code: re.compile(pattern) for code, pattern in _RANGES.items()}


def is_reserved(country_code: int, national: int) -> bool:
    """Whether a number lies in a range kept for fiction and tests.

    >>> is_reserved(1, 4155550123), is_reserved(1, 4155552671)
    (True, False)
    """
    pattern = _PATTERNS.get(country_code)
    return pattern is not None and pattern.fullmatch(str(national)) is not None
