"""A schedule: what actors do and what goes wrong, and when, all drawn from one seed.

The same seed gives the same schedule. The machine decides which process is at which line when a
fault strikes: a seed that failed once may need a few tries to fail again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

ACTIVE = 6.0  # seconds in which actors act and faults strike
Flavour = Literal["plain", "orgs", "budget", "quota", "hosts", "deploy", "stream", "asking"]
_FLAVOURS: tuple[tuple[Flavour, int], ...] = (
    ("plain", 40), ("orgs", 10), ("hosts", 25), ("budget", 10), ("quota", 10), ("deploy", 5),
    ("stream", 10), ("asking", 10),
)  # fmt: skip
FLAVOURS = tuple(flavour for flavour, _weight in _FLAVOURS)

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
    "crm_drips": 3, "endpoint_away": 4, "endpoint_drop": 4,
}  # fmt: skip

# What else goes wrong where changes in Salesforce come as events.
STREAM_FAULTS: dict[str, int] = {
    "kill_stream": 25, "second_stream": 10, "stream_cut": 12, "stream_lost": 15, "stream_gap": 10,
    "stream_overflow": 10, "stream_away": 10,
}  # fmt: skip

# What else goes wrong where customers are asked, by text and by email.
ASK_FAULTS: dict[str, int] = {
    "kill_at_text": 25, "kill_before_text": 10, "text_status": 10, "text_drop_after": 10,
    "kill_at_mail": 25, "kill_before_mail": 10, "mail_status": 15, "mail_lost": 15,
    "mail_late": 8, "mail_away": 8, "mail_login": 6,
}  # fmt: skip

ACTIONS: dict[str, int] = {
    "edit": 14, "create": 6, "delete": 2, "late": 3, "stop": 7, "start": 3, "wrong": 5,
    "tick": 3, "clear": 3, "report": 4, "replay": 6, "forge": 2, "dry": 1, "suppress": 1,
    "verify": 5, "capture": 5, "reopen": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    at: float  # seconds from the start
    kind: str
    seed: int  # of its own random numbers


@dataclass(frozen=True)
class Schedule:
    seed: int
    flavour: Flavour
    workers: int
    skews: tuple[float, ...]  # of each worker's clock, seconds
    crm_skew: float
    actions: tuple[Event, ...]
    faults: tuple[Event, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def make(seed: int, flavour: Flavour | None = None, fault: str = "") -> Schedule:
    """Draw a schedule. With `fault`, all faults are of this kind, and there are ten."""
    rng = random.Random(seed)
    names, weights = zip(*_FLAVOURS, strict=True)
    drawn = rng.choices(names, weights)[0]
    chosen = flavour or drawn
    workers = rng.choice((2, 3))
    separate_hosts = chosen == "hosts"
    count = 10 if fault else rng.randint(3, 7)
    kinds = {fault: 1} if fault else FAULTS
    if chosen == "deploy":  # the version before knows no deadline for a whole call, and no events
        unknown = ("crm_drips", "endpoint_away", "endpoint_drop")
        kinds = {kind: weight for kind, weight in kinds.items() if kind not in unknown}
    if chosen == "stream" and not fault:
        kinds = kinds | STREAM_FAULTS
    if chosen == "asking" and not fault:
        kinds = kinds | ASK_FAULTS
    return Schedule(
        seed=seed,
        flavour=chosen,
        workers=workers,
        skews=tuple(rng.uniform(-0.8, 0.8) if separate_hosts else 0.0 for _ in range(workers)),
        crm_skew=rng.choice((0.0, 0.0, 0.0, -40.0, 25.0)),
        actions=_events(rng, _actions(chosen), rng.randint(40, 60), 0.3),
        faults=_events(rng, kinds, count, 0.6),
    )


def _actions(flavour: Flavour) -> dict[str, int]:
    """Return what people do, and how often. The version before mends a clearing less well."""
    left_out = ("reopen",) if flavour == "deploy" else ()
    return {kind: weight for kind, weight in ACTIONS.items() if kind not in left_out}


def _events(
    rng: random.Random, kinds: dict[str, int], count: int, first: float
) -> tuple[Event, ...]:
    drawn = rng.choices(list(kinds), list(kinds.values()), k=count)
    moments = sorted(rng.uniform(first, ACTIVE) for _ in drawn)
    return tuple(
        Event(at, kind, rng.randrange(2**32)) for at, kind in zip(moments, drawn, strict=True)
    )
