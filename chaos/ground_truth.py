"""What people did while faults struck: all that the model knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Key(NamedTuple):
    """A record of a CRM."""

    crm: str
    object: str
    id: str


@dataclass(frozen=True)
class TypedPhone:
    """What a person typed into a phone field, and which number is meant; None: no number at all."""

    text: str
    number: str | None = None


EMPTY = TypedPhone("")
# "stop" and "start" are texts; "refuse" and "agree" were said in another way.
StatementKind = Literal["stop", "start", "refuse", "agree", "wrong", "confirmed"]


@dataclass(frozen=True)
class Statement:
    """What somebody said about a number. The latest by `at` counts. `of`: the one record whose
    person is meant; None: whoever has the number."""

    kind: StatementKind
    at: float
    of: Key | None = None


@dataclass
class GroundTruth:
    """What people did: all that the model knows."""

    typed: dict[Key, dict[str, TypedPhone]] = field(default_factory=dict)
    held: dict[str, set[Key]] = field(default_factory=dict)  # number -> who has ever had it
    deleted: set[Key] = field(default_factory=set)
    statements: dict[str, list[Statement]] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)  # that were acknowledged
    forged: int = 0
    forged_accepted: int = 0
    last_change: float = 0.0  # by time.time()

    def type_in(self, key: Key, phones: Mapping[str, TypedPhone]) -> None:
        """Set fields of a record to what somebody typed into them; the others stay."""
        self.typed[key] = {**self.typed.get(key, {}), **phones}
        for phone in phones.values():
            if phone.number:
                self.held.setdefault(phone.number, set()).add(key)

    def record(self, number: str, kind: StatementKind, at: float, of: Key | None = None) -> None:
        self.statements.setdefault(number, []).append(Statement(kind, at, of))

    def kinds_of(self, number: str) -> list[StatementKind]:
        """Return what was said about a number, in the order in which it was recorded."""
        return [statement.kind for statement in self.statements.get(number, ())]

    def holders(self, number: str) -> list[Key]:
        """Return the records that have a number in a field now, sorted."""
        return sorted(
            key
            for key, typed in self.typed.items()
            if any(phone.number == number for phone in typed.values())
        )

    def note_change(self) -> None:
        """Note that something changed just now, so that a later sync must have seen it."""
        self.last_change = time.time()
