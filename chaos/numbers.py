"""The numbers of a schedule, in pools, and the ways in which people type them.

Each kind of action keeps to the numbers of its own pool, so that its outcome is clear
(`chaos.model`). All are fictional: +1 415 555 xxxx.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from chaos.ground_truth import TypedPhone

COUNTRY = "United States"

POOLS = {
    "reopen": 1000, "plain": 2000, "stop": 3000, "wrong": 4000, "tick": 5000, "report": 6000,
    "clear": 7000,
    "final_checks": 8000,  # those of the checks at the end
    "capture": 9000,  # typed into a form, and nowhere else
    "ask": 0,  # of people who are asked whether it is theirs
}  # fmt: skip
SIZES = {
    "plain": 70, "stop": 12, "wrong": 12, "tick": 8, "report": 10, "clear": 6, "capture": 24,
    "reopen": 4,
}  # fmt: skip

_STYLES: tuple[Callable[[str], str], ...] = (
    lambda n: n,
    lambda n: f"({n[2:5]}) {n[5:8]}-{n[8:]}",
    lambda n: f"{n[2:5]}.{n[5:8]}.{n[8:]}",
    lambda n: f"+1 {n[2:5]}-{n[5:8]}-{n[8:]}",
    lambda n: f"tel:{n}",
    lambda n: f"{n[2:5]}-{n[5:8]}-{n[8:]} ext. 12",
)
_JUNK = ("415555", "n/a", "123", "ask reception")


def number_of(pool: str, place: int) -> str:
    return f"+1415555{POOLS[pool] + place:04d}"


def draw_number(pool: str, rng: random.Random) -> str:
    return number_of(pool, rng.randrange(SIZES[pool]))


def type_number(pool: str, place: int, rng: random.Random) -> TypedPhone:
    """Return a number of a pool as some person types it."""
    number = number_of(pool, place)
    return TypedPhone(rng.choice(_STYLES)(number), number)


def draw_phone(rng: random.Random) -> TypedPhone:
    """Return what some person types into a phone field; sometimes it is no number."""
    drawn = rng.random()
    if drawn < 0.08:
        return TypedPhone(rng.choice(_JUNK))
    pool = rng.choices(("plain", "stop", "wrong", "report"), (56, 16, 16, 12))[0]
    return type_number(pool, rng.randrange(SIZES[pool]), rng)
