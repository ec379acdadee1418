"""Former names of settings in the TOML file: each still works, and is deprecated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Where a setting is (`*`: any table, or each of a list of tables), by its former name -> its name.
FORMER_NAMES = {
    "connectors.*.reserve": "api_reserve",
    "connectors.*.objects.*.value": "contact_value",
    "connectors.*.objects.*.consented": "consent_date",
    "http.first_wait": "backoff_initial",
    "http.longest_wait": "backoff_max",
    "verification.spread": "ttl_jitter",
    "verification.ask_again_after": "retry_after",
    "verification.breaker_rest": "breaker_cooldown",
    "verification.steps.*.depth": "check_level",
}


def use_current_names(raw: dict[str, Any]) -> list[str]:
    """Rename, in place, settings of a TOML document that have a former name.

    Returns a line for each that is given under both names.

    >>> document = {"http": {"first_wait": 1.0}, "verification": {"steps": [{"depth": "live"}]}}
    >>> use_current_names(document)
    []
    >>> document
    {'http': {'backoff_initial': 1.0}, 'verification': {'steps': [{'check_level': 'live'}]}}
    >>> use_current_names({"http": {"first_wait": 1.0, "backoff_initial": 2.0}})
    ['http.first_wait: the former name of backoff_initial, which is set too; remove one of them']
    """
    problems = []
    for path, current in FORMER_NAMES.items():
        *parents, former = path.split(".")
        for where, table in _tables(raw, parents, ""):
            if former not in table:
                continue
            if current in table:
                problems.append(
                    f"{where}{former}: the former name of {current}, which is set too; "
                    "remove one of them"
                )
            table[current] = table.pop(former)
    return problems


def find_former_names(raw: dict[str, Any]) -> list[str]:
    """Return a line for each setting of a TOML document that is given under a former name.

    >>> find_former_names({"http": {"first_wait": 1.0}})
    ['http.first_wait is deprecated: use backoff_initial']
    """
    lines = []
    for path, current in FORMER_NAMES.items():
        *parents, former = path.split(".")
        for where, table in _tables(raw, parents, ""):
            if former in table:
                lines.append(f"{where}{former} is deprecated: use {current}")
    return lines


def _tables(node: Any, path: list[str], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables at a path, each with its place as an error message names it."""
    if not path:
        if isinstance(node, dict):
            yield where, node
        return
    step, rest = path[0], path[1:]
    if isinstance(node, dict):
        for key in node if step == "*" else [step]:
            yield from _tables(node.get(key), rest, f"{where}{key}.")
    elif isinstance(node, list) and step == "*":
        for place, entry in enumerate(node):
            yield from _tables(entry, rest, f"{where}{place}.")
