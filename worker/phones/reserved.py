"""Numbers that regulators keep for films, books and tests: they exist in no directory.

The table is `data/reserved_ranges.csv`, a range a line, with the regulator's publication.
"""

from __future__ import annotations

import re
from functools import cache

from worker.phones.data import read_table


@cache
def _patterns() -> dict[int, re.Pattern[str]]:
    ranges: dict[int, list[str]] = {}
    for row in read_table("reserved_ranges"):
        ranges.setdefault(int(row["code"]), []).append(row["range"])
    return {
        code: re.compile("|".join(code_ranges), re.ASCII) for code, code_ranges in ranges.items()
    }


def is_reserved(country_code: int, national: int) -> bool:
    """Whether a number lies in a range kept for fiction and tests.

    >>> is_reserved(1, 4155550123), is_reserved(1, 4155552671)
    (True, False)
    """
    pattern = _patterns().get(country_code)
    return pattern is not None and pattern.fullmatch(str(national)) is not None
