"""The updates that reached the CRMs, and what late ones among them excuse.

Undos are checked against them (`chaos.after_undo`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chaos.crm_fields import STOP_ALL, is_true
from chaos.ground_truth import Key


@dataclass(frozen=True)
class CrmWrite:
    """An update that reached a CRM, by us or by a person."""

    key: Key
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    ours: bool
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        who = "ours" if self.ours else "a person"
        return f"{moment} {' '.join(self.key)} by {who}: {self.values}, before {self.before}"


def delivered_twice(writes: Iterable[CrmWrite], key: Key, flag: str) -> bool:
    """Return whether the same write of ours reached the CRM before and after a person cleared a
    flag, because a call was late. No CRM offers a write on condition that nothing has changed,
    so what the person did is overwritten, and nobody can tell."""
    sent: list[Mapping[str, Any]] = []
    cleared = False
    for write in writes:
        if write.key != key or flag not in write.values:
            continue
        if not write.ours:
            cleared = not is_true(write.values[flag])
        elif cleared and write.values in sent:
            return True
        else:
            sent.append(write.values)
    return False


def stop_came_late(writes: Iterable[CrmWrite], key: Key) -> bool:
    """Return whether a stop stands because a write of ours that sets it reached the CRM once
    more after a later write of ours had cleared it: a call was late. In doubt the stop stays
    (docs/feedback.md)."""
    flag = STOP_ALL[key.crm]
    sent: list[Mapping[str, Any]] = []
    cleared = is_late = False
    for write in writes:
        if write.key != key or flag not in write.values:
            continue
        if not is_true(write.values[flag]):
            cleared, is_late = write.ours, False
        elif write.ours:
            is_late = is_late or (cleared and write.values in sent)
            sent.append(write.values)
    return is_late
