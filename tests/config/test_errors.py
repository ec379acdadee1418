"""The tree of errors: drawn as it is, and complete."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from config import errors
from config.errors import HygieneError

LINE = re.compile(
    r"    (?P<indent>[│├└─ ]*)(?P<name>\w+Error) *(?:exit )?(?P<exit>[12])? *"
    r"(?:HTTP )?(?P<http>\d{3})? *(?P<module>[\w.]+)?"
)
DRAWN = [match for match in map(LINE.fullmatch, (errors.__doc__ or "").splitlines()) if match]


def _drawn() -> dict[str, tuple[str, int, int]]:
    """Name -> parent, exit code and status, as the docstring draws them."""
    classes: dict[str, tuple[str, int, int]] = {}
    above: list[tuple[int, str]] = []
    for match in DRAWN:
        depth = len(match["indent"])
        above = [entry for entry in above if entry[0] < depth]
        parent = above[-1][1] if above else ""
        _, exit_code, status = classes.get(parent, ("", 0, 0))
        classes[match["name"]] = (
            parent, int(match["exit"] or exit_code), int(match["http"] or status),
        )  # fmt: skip
        above.append((depth, match["name"]))
    return classes


def _classes() -> dict[str, type[HygieneError]]:
    """All of them but those of one connector or provider, by name."""
    for match in DRAWN:
        if match["module"]:
            import_module(match["module"])
    return {error.__name__: error for error in HygieneError.__subclasses__()}


@pytest.mark.parametrize("match", [m for m in DRAWN if m["module"]], ids=lambda m: m["name"])
def test_stands_where_it_is_drawn_and_answers_as_drawn(match: re.Match[str]) -> None:
    error = getattr(import_module(match["module"]), match["name"])
    parent, exit_code, status = _drawn()[match["name"]]
    assert parent in [base.__name__ for base in error.__bases__]
    assert (error.exit_code, error.http_status) == (exit_code, status)


def test_those_without_a_module_stand_with_the_one_above() -> None:
    connector_errors = import_module("connectors.errors")
    for match in DRAWN:
        if match["name"] == "HygieneError" or match["module"]:
            continue
        error = getattr(connector_errors, match["name"])
        assert (error.exit_code, error.http_status) == _drawn()[match["name"]][1:], match["name"]


def test_no_child_of_the_root_is_missing_from_the_tree() -> None:
    assert _classes().keys() <= _drawn().keys()
