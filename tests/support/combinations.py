"""Which combinations of a CRM, a database and a screen are tried.

A connector knows nothing of the database, and neither of a screen: a test runs with every one of
each, and only with `--every-combination` with each of one and each of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pytest

_OF_SALESFORCE = frozenset({"salesforce", "sqlite", "desktop", "1440", "1280"})
_OF_HUBSPOT = frozenset({"hubspot", "postgresql", "phone", "390"})


def split(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return what is to be run, and what is left out."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for _name, group in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        cases = list(group)
        needed = [case for case in cases if not _is_mixed(case)]
        if _values(needed) != _values(cases):
            needed = cases
        kept += needed
        left_out += [case for case in cases if case not in needed]
    return kept, left_out


def _is_mixed(case: pytest.Item) -> bool:
    values = _values([case])
    return bool(values & _OF_SALESFORCE) and bool(values & _OF_HUBSPOT)


def _values(cases: Sequence[pytest.Item]) -> set[str]:
    """Return the parameters of cases, as their names have them."""
    names = [case.nodeid.partition("[")[2].removesuffix("]") for case in cases]
    return {value for name in names for value in name.split("-")}
