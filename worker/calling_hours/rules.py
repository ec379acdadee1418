"""Rules of calling hours: the data file `rules.toml`, and what an operator adds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

# Minutes since midnight, from and until; 1440 is the end of the day.
Span = tuple[int, int]
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a week in which calls may be made, by local time. `holidays`: also on public
    holidays."""

    mon_fri: tuple[Span, ...]
    sat: tuple[Span, ...]
    sun: tuple[Span, ...]
    holidays: bool = True

    def of(self, day: date) -> tuple[Span, ...]:
        """Return the hours of a day that is no public holiday."""
        return {5: self.sat, 6: self.sun}.get(day.weekday(), self.mon_fri)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of `rules.toml`. `state` "": of the whole country; `country` "": of any."""

    name: str
    hours: Hours
    country: str = ""
    state: str = ""
    law: str = ""
    source: str = ""
    read: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True, eq=False)  # one object for all: known by its identity
class Rules:
    """All that is known: the rules, the cautious default, and where states lie.

    `zones`: IANA zones by country and state; `names`: codes of states by country and name in small
    letters; `area_codes`: the state of each area code of the US. `own`: an operator's own hours,
    which come on top of every rule.
    """

    rules: tuple[Rule, ...]
    default: Rule
    looked_up: date
    zones: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    area_codes: Mapping[str, str] = field(default_factory=dict)
    own: Rule | None = None

    def state_code(self, country: str, state: str) -> str:
        """Return the code of a state in any spelling, "" for none that is known.

        >>> load_rules().state_code("US", " new york "), load_rules().state_code("US", "fl")
        ('NY', 'FL')
        """
        text = " ".join(state.split())
        if text.upper() in self.zones.get(country, {}):
            return text.upper()
        return self.names.get(country, {}).get(text.casefold(), "")

    def of(self, country: str, states: Iterable[str]) -> list[Rule]:
        """Return the rules that hold in a country for somebody in one of these states, or in any of
        them: all are to be kept."""
        found = [
            rule
            for rule in self.rules
            if rule.country == country and (not rule.state or rule.state in set(states))
        ]
        return found or [self.default]


def parse_hours(texts: Iterable[str]) -> tuple[Span, ...]:
    """Read "08:00-21:00". Raises `ValueError`.

    >>> parse_hours(["10:00-13:00", "14:00-24:00"])
    ((600, 780), (840, 1440))
    """
    spans = []
    for text in texts:
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r}: write hours like 09:00-18:00")
        start = int(match[1]) * 60 + int(match[2])
        end = int(match[3]) * 60 + int(match[4])
        if not start < end <= _DAY:
            raise ValueError(f"{text!r}: the end is not after the beginning")
        spans.append((start, end))
    return tuple(sorted(spans))


@cache
def load_rules() -> Rules:
    """Return the rules that come with this release."""
    text = resources.files("worker.calling_hours").joinpath("rules.toml").read_text("utf-8")
    document = tomllib.loads(text)
    return Rules(
        tuple(_rule(entry) for entry in document["rules"]),
        _rule(document["default"]),
        document["looked_up"],
        {
            country: {state: tuple(zones) for state, zones in states.items()}
            for country, states in document["zones"].items()
        },
        {
            country: {name.casefold(): code for name, code in names.items()}
            for country, names in document["names"].items()
        },
        {area: state for state, areas in document["area_codes"]["US"].items() for area in areas},
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    hours = Hours(
        parse_hours(entry["mon_fri"]),
        parse_hours(entry["sat"]),
        parse_hours(entry["sun"]),
        holidays=entry.get("holidays") != "none",
    )
    names = ("country", "state", "law", "source", "read", "since")
    return Rule(entry["name"], hours, **{name: entry.get(name, "") for name in names})
