"""Which combinations of a CRM, a database and a screen are tried.

A connector knows nothing of the database, and neither of a screen: a test runs with every one of
each, and only with `--every-combination` with each of one and each of the other.

What stands above the connectors and the tables is the same code for both CRMs and both databases,
and there are thousands of tests of it: each of these runs with one of the two, chosen by its name,
so that either takes half of them. Where the two differ (`_BOTH`), a test runs with both.

So are the pages: one HTML for both screens, told apart by the style sheet. What somebody does on a
page is tried on one screen, chosen likewise. How pages look is checked on both: each page by
`test_pages.py`, and each state that a test looks at by `assert_well_made`, at both widths.

`make test ARGS=--every-combination` runs everything, as the nightly workflow does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol, TypeVar
from zlib import crc32

_CRMS_AND_DATABASES = (frozenset({"salesforce", "sqlite"}), frozenset({"hubspot", "postgresql"}))
_SCREENS = (frozenset({"desktop", "1440", "1280"}), frozenset({"phone", "390"}))
_SIDES = tuple(mine | screen for mine, screen in zip(_CRMS_AND_DATABASES, _SCREENS, strict=True))
_PAIRS = tuple(
    frozenset(pair)
    for pair in (
        ("salesforce", "hubspot"), ("sqlite", "postgresql"),
        ("desktop", "phone"), ("1440", "390"), ("1280", "390"),
    )
)  # fmt: skip
# The calls of each CRM, the SQL of each database, and the promises.
_BOTH = (
    "tests/connectors/",
    "tests/worker/store/",
    "tests/worker/sync/stream/test_state.py",
    "tests/worker/sync/test_promises.py",
    "tests/worker/sync/propagate/",
)
# Pages that mostly phones open, and a test of nothing but a page's form.
_BOTH_SCREENS = (
    "tests/worker/web/test_confirm.py",
    "tests/worker/web/test_reviews_page.py::test_the_page_is_accessible_and_fits",
)


class Case(Protocol):
    """A test with its parameters, as pytest names it."""

    @property
    def nodeid(self) -> str: ...


Of = TypeVar("Of", bound=Case)


def split(items: Sequence[Of]) -> tuple[list[Of], list[Of]]:
    """Return what is to be run, and what is left out."""
    kept: list[Of] = []
    for name, group in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        kept += _needed(name, list(group))
    chosen = {case.nodeid for case in kept}
    return kept, [case for case in items if case.nodeid not in chosen]


def _needed(name: str, cases: list[Of]) -> list[Of]:
    """Return the fewest cases of a test that try each of its other parameters."""
    pure = [case for case in cases if not _is_mixed(case)]
    if _values(pure) != _values(cases):
        pure = cases
    if name.startswith(_BOTH):
        return pure
    one, other = _CRMS_AND_DATABASES if name.startswith(_BOTH_SCREENS) else _SIDES
    if not any(pair <= _values(pure) for pair in _PAIRS):
        return pure
    left_out = (one, other)[crc32(name.encode()) % 2]
    half = [case for case in pure if not _values([case]) & left_out]
    return half if _values(half) - one - other == _values(pure) - one - other else pure


def _is_mixed(case: Case) -> bool:
    values = _values([case])
    return all(values & side for side in _SIDES)


def _values(cases: Sequence[Case]) -> set[str]:
    """Return the parameters of cases, as their names have them."""
    names = [case.nodeid.partition("[")[2].removesuffix("]") for case in cases]
    return {value for name in names for value in name.split("-")}
