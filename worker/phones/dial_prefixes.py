"""What people dial before a country code when they call abroad: 00, 011, 8~10, 0011, 010, ...

The table is `data/dial_prefixes.csv`: a prefix, the regions it is dialled from, and the source.
"""

from __future__ import annotations

from functools import cache

from worker.phones.data import read_table

# What stands before numbers everywhere, by the many countries that dial it.
_EVERYWHERE = frozenset({"00", "011", "0011", "810"})


@cache
def dial_prefixes(region: str | None) -> tuple[str, ...]:
    """Return the international prefixes of a region (ISO 3166), the longest first.

    Without a region: those that are widely used, whoever typed them.

    >>> dial_prefixes("US"), dial_prefixes("RU"), dial_prefixes("JP")
    (('011',), ('810',), ('010',))
    >>> dial_prefixes(None)
    ('0011', '011', '810', '00')
    """
    prefixes = [
        row["prefix"]
        for row in read_table("dial_prefixes")
        if (region in row["regions"].split() if region else row["prefix"] in _EVERYWHERE)
    ]
    return tuple(sorted(set(prefixes), key=lambda prefix: (-len(prefix), prefix)))
