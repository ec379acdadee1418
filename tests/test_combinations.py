"""Which of a test's combinations run unless `--every-combination` is given."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from combinations import split

CRMS, DATABASES = ("salesforce", "hubspot"), ("sqlite", "postgresql")
SCREENS = ("desktop", "phone")


@dataclass(frozen=True)
class Case:
    nodeid: str


def run(name: str, *parameters: tuple[str, ...]) -> set[str]:
    """The parameters of those cases of a test that are run."""
    cases = [Case(f"{name}[{'-'.join(values)}]") for values in product(*parameters)]
    kept, left_out = split(cases)
    assert sorted(kept + left_out, key=cases.index) == cases
    return {case.nodeid.partition("[")[2].removesuffix("]") for case in kept}


def test_each_crm_and_each_database_takes_half_of_the_tests() -> None:
    kept = [run(f"tests/worker/web/test_api.py::test_{place}", CRMS) for place in range(200)]
    assert {len(cases) for cases in kept} == {1}
    assert 70 < sum(cases == {"hubspot"} for cases in kept) < 130


def test_every_other_parameter_is_tried() -> None:
    kept = run("tests/worker/web/test_api.py::test_a", CRMS, ("stop", "wrong"), DATABASES)
    assert {case.split("-")[1] for case in kept} == {"stop", "wrong"}
    assert len(kept) == 2


def test_what_only_one_of_the_two_has_is_tried() -> None:
    cases = [Case(f"tests/a.py::test_b[{name}]") for name in ("salesforce-x", "hubspot-y")]
    assert split(cases) == (cases, [])
    alone = [Case(f"tests/a.py::test_{place}[salesforce]") for place in range(20)]
    assert split(alone) == (alone, [])


def test_each_screen_is_tried_with_one_crm_each() -> None:
    kept = run("tests/connectors/test_a.py::test_b", CRMS, SCREENS)
    assert kept == {"salesforce-desktop", "hubspot-phone"}


def test_each_screen_takes_half_of_what_is_done_on_pages() -> None:
    kept = [run(f"tests/worker/web/test_a.py::test_{place}", SCREENS) for place in range(200)]
    assert {len(cases) for cases in kept} == {1}
    assert 70 < sum(cases == {"phone"} for cases in kept) < 130
    mixed = [run(f"tests/worker/web/test_a.py::test_{place}", CRMS, SCREENS) for place in range(20)]
    assert set.union(*mixed) == {"salesforce-desktop", "hubspot-phone"}
    assert {len(cases) for cases in mixed} == {1}


def test_what_is_about_the_screen_is_tried_on_both() -> None:
    assert run("tests/worker/web/test_confirm.py::test_a", SCREENS) == set(SCREENS)
    looks = [
        Case(f"tests/worker/web/test_a.py::test_b[{size}]") for size in ("1440-light", "390-dark")
    ]
    assert split(looks) == (looks, [])


@pytest.mark.parametrize("folder", ["connectors", "worker/store"])
def test_where_the_two_differ_both_are_tried(folder: str) -> None:
    assert run(f"tests/{folder}/test_a.py::test_b", CRMS) == set(CRMS)
    assert run(f"tests/{folder}/test_a.py::test_b", DATABASES) == set(DATABASES)


def test_without_parameters_a_test_is_run() -> None:
    assert split([Case("tests/a.py::test_b")]) == ([Case("tests/a.py::test_b")], [])
