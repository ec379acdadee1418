"""What a run says of the removals that a full read finds, and those that wait for a person.

`worker.sync.read.removals` decides about them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.tables import removal_holds

ReadingEntry = dict[str, Any]  # what a run keeps of an object that it reads: see the table `runs`


class RemovalState(StrEnum):
    """What became of the removals of an object."""

    CHECKING = "checking"
    REMOVED = "removed"
    HELD = "held"
    WOULD_REMOVE = "would_remove"  # of a dry run
    WOULD_HOLD = "would_hold"

    @property
    def decided(self) -> bool:
        return self is not RemovalState.CHECKING


@dataclass(frozen=True, slots=True)
class Hold:
    """Removals that wait for a person: see the table."""

    connector: str
    object: str
    run_id: str
    records: int
    indexed: int
    max_removals: int
    reason: str
    examples: Sequence[str]
    since: datetime
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "connector": self.connector,
            "object": self.object,
            "run": self.run_id,
            "records": self.records,
            "indexed": self.indexed,
            "limit": self.max_removals,
            "reason": self.reason,
            "examples": list(self.examples),
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
        }


def load(connection: Connection, connector: str | None = None) -> list[Hold]:
    """Return what is held now, of one CRM or of all."""
    c = removal_holds.c
    query = sa.select(removal_holds).order_by(c.connector, c.object)
    if connector:
        query = query.where(c.connector == connector)
    return [Hold(**row._mapping) for row in connection.execute(query)]


def summarize(reading: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what a run says of the removals of each object that had any; `records`: how many."""
    return [
        {
            "object": entry["object"],
            "state": removals["state"],
            "records": removals["records"],
            "indexed": removals["indexed"],
            "limit": removals["limit"],
            "accepted": is_accepted(entry),
            "reason": removals.get("reason", ""),
        }
        for entry in reading
        if (removals := entry.get("removals"))
    ]


def accept(connection: Connection, connector: str, reading: Sequence[ReadingEntry]) -> None:
    """Note in a run that is being opened which removals it accepts."""
    limits = {hold.object: hold.records for hold in load(connection, connector)}
    for entry in reading:
        if limits and entry["object"] not in limits:
            continue  # the operator was shown something else
        entry["accept_removals"] = {"up_to": limits.get(entry["object"])}


def is_accepted(entry: Mapping[str, Any]) -> bool:
    """Return whether an operator has told the run to carry out this object's removals."""
    return "accept_removals" in entry
