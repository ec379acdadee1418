"""A schedule: what people do and what goes wrong, and when, all drawn from one seed.

The same seed gives the same schedule. Which process is at which line when a fault strikes is up to
the machine: a seed that failed once may need a few tries to fail again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

ACTIVE = 6.0  # seconds in which things happen
Flavour = Literal["plain", "budget", "quota", "hosts", "deploy"]
_FLAVOURS: tuple[tuple[Flavour, int], ...] = (
    ("plain", 50), ("hosts", 25), ("budget", 10), ("quota", 10), ("deploy", 5),
)  # fmt: skip

# What goes wrong, and how often it is drawn.
FAULTS: dict[str, int] = {
    "kill_worker": 8, "kill_child": 4, "kill_beat": 2, "kill_web": 3, "kill_all": 2,
    "freeze_worker": 4, "kill_before_write": 5, "kill_after_write": 7, "kill_at_lookup": 4,
    "kill_at_read": 3, "stop_worker": 2, "stop_group": 3, "second_beat": 2,
    "stop_command": 4, "malformed": 4,
    "redis_flush": 5, "redis_restart": 3, "redis_pause": 3,
    "pg_cut": 4, "pg_restart": 3, "pg_crash": 2, "pg_full": 2, "pg_lock": 3, "pg_deadlock": 3,
    "crm_status": 6, "crm_drop": 3, "crm_drop_after": 4, "crm_truncate": 3, "crm_late": 4,
    "crm_page": 3, "crm_reorder": 3, "crm_repeat": 3, "crm_session": 3, "crm_away": 2,
    "lookup_status": 4, "lookup_drop_after": 3, "lookup_late": 3, "lookup_page": 3,
    "lookup_key": 2,
    "crm_drips": 3,
}  # fmt: skip

PEOPLE: dict[str, int] = {
    "edit": 14, "create": 6, "delete": 2, "late": 3, "stop": 7, "start": 3, "wrong": 5,
    "tick": 3, "clear": 3, "tell": 4, "replay": 6, "forge": 2, "dry": 1, "suppress": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    at: float  # seconds from the start
    kind: str
    seed: int  # of its own dice


@dataclass(frozen=True)
class Schedule:
    seed: int
    flavour: Flavour
    workers: int
    skews: tuple[float, ...]  # of each worker's clock, seconds
    crm_skew: float
    people: tuple[Event, ...]
    faults: tuple[Event, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def make(seed: int, flavour: Flavour | None = None, fault: str = "") -> Schedule:
    """`fault`: all that strike are of this kind, and they are many."""
    dice = random.Random(seed)
    names, weights = zip(*_FLAVOURS, strict=True)
    drawn = dice.choices(names, weights)[0]
    chosen = flavour or drawn
    workers = dice.choice((2, 3))
    apart = chosen == "hosts"
    count = 10 if fault else dice.randint(3, 7)
    kinds = {fault: 1} if fault else FAULTS
    if chosen == "deploy":  # the version before knows no deadline for a whole call
        kinds = {kind: weight for kind, weight in kinds.items() if kind != "crm_drips"}
    return Schedule(
        seed=seed,
        flavour=chosen,
        workers=workers,
        skews=tuple(dice.uniform(-0.8, 0.8) if apart else 0.0 for _ in range(workers)),
        crm_skew=dice.choice((0.0, 0.0, 0.0, -40.0, 25.0)),
        people=_events(dice, PEOPLE, dice.randint(40, 60), 0.3),
        faults=_events(dice, kinds, count, 0.6),
    )


def _events(
    dice: random.Random, kinds: dict[str, int], count: int, first: float
) -> tuple[Event, ...]:
    drawn = dice.choices(list(kinds), list(kinds.values()), k=count)
    moments = sorted(dice.uniform(first, ACTIVE) for _ in drawn)
    return tuple(
        Event(at, kind, dice.randrange(2**32)) for at, kind in zip(moments, drawn, strict=True)
    )
