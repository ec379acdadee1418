"""Writes decided changes to the CRM in batches; what one record refuses never fails another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from connectors.base import Connector, FailureKind, Update, Value, WriteResult
from worker.decisions.changes import FLAGS

log = logging.getLogger(__name__)

# Seconds to wait before a locked record is tried again; then the next run tries.
LOCK_WAITS = (0.5, 2.0, 5.0)
# The CRM says which field it refuses: the rest of the record can still be written.
_FIELD_KINDS: frozenset[FailureKind] = frozenset(
    {"picklist_value", "unwritable_field", "too_long", "validation"}
)
# A rule refuses the record as it would be: with fewer of our values it may pass.
_RULE_KINDS: frozenset[FailureKind] = _FIELD_KINDS | {"required_property", "duplicate"}
# Worth another try by a later run.
RETRY_KINDS: frozenset[FailureKind] = frozenset({"locked", "approval", "security_policy", "other"})


class Outcome(Struct, frozen=True):
    """What became of one update: `written` values, and why the rest (or all) was not."""

    written: Mapping[str, Value] = field(default_factory=dict)
    kind: FailureKind | None = None
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.kind is None

    @property
    def gone(self) -> bool:
        return self.kind in ("gone", "merged")


class Written(NamedTuple):
    """What became of updates, by record id; `at`: the CRM's time then, None where none of them was
    written."""

    outcomes: dict[str, Outcome]
    at: datetime | None

    def and_then(self, outcomes: dict[str, Outcome], at: datetime | None) -> Written:
        latest = max(filter(None, (self.at, at)), default=None)
        return Written({**self.outcomes, **outcomes}, latest)


def write_all(
    connector: Connector,
    updates: Sequence[Update],
    keep_lease: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Written:
    """Write all updates (of one object); an outcome for each."""
    outcomes: dict[str, Outcome] = {}
    locked: list[Update] = []
    partial: list[tuple[Update, WriteResult]] = []

    def send(some: Sequence[Update]) -> None:
        for start in range(0, len(some), connector.write_size):
            keep_lease()
            batch = some[start : start + connector.write_size]
            for update, result in zip(batch, connector.write(batch, keep_lease), strict=True):
                if result.ok:
                    outcomes[update.id] = Outcome(update.values)
                    continue
                rest = update.without(result.fields) if result.rest else None
                written = rest.values if rest is not None else {}
                outcomes[update.id] = Outcome(written, result.kind, result.message)
                if result.rest:
                    continue
                if result.kind == "locked":
                    locked.append(update)
                elif result.kind in _FIELD_KINDS and result.fields:
                    partial.append((update, result))

    send(updates)
    for wait in LOCK_WAITS:
        if not locked:
            break
        log.info(
            "%s: %d records are locked; trying again in %.1f s", connector.name, len(locked), wait
        )
        sleep(wait)
        again, locked[:] = list(locked), []
        send(again)
    _without_refused_fields(send, partial, outcomes)
    _stops_alone(send, updates, outcomes)
    wrote = any(outcome.written for outcome in outcomes.values())
    return Written(outcomes, connector.clock() if wrote else None)


def _stops_alone(
    send: Callable[[Sequence[Update]], None],
    updates: Sequence[Update],
    outcomes: dict[str, Outcome],
) -> None:
    """Write the flags that keep somebody from being contacted by themselves, where a rule of the
    CRM refused the record with all that we had to say of it (promise 16)."""
    first: dict[str, Outcome] = {}
    alone: list[Update] = []
    for update in updates:
        outcome = outcomes[update.id]
        stops = {flag: True for flag in FLAGS if update.values.get(flag) is True}
        if outcome.kind in _RULE_KINDS and stops and not stops.keys() <= outcome.written.keys():
            if stops.keys() == update.values.keys():
                continue
            first[update.id] = outcome
            alone.append(replace(update, values=stops))
    if not alone:
        return
    send(alone)
    for record_id, refused in first.items():
        written = {**refused.written, **outcomes[record_id].written}
        outcomes[record_id] = Outcome(written, refused.kind, refused.message)


def _without_refused_fields(
    send: Callable[[Sequence[Update]], None],
    partial: list[tuple[Update, WriteResult]],
    outcomes: dict[str, Outcome],
) -> None:
    """Write the rest of records of which only some fields were refused; again, while the CRM
    goes on naming further fields, one at a time."""
    told: dict[str, Outcome] = {}
    while partial:
        again = []
        for update, result in partial:
            first = told.setdefault(update.id, outcomes[update.id])
            rest = update.without(result.fields)
            if rest is not None and rest.values.keys() != update.values.keys():
                again.append(rest)
            else:
                outcomes[update.id] = first
        partial.clear()
        send(again)
    for record_id, first in told.items():
        outcomes[record_id] = Outcome(outcomes[record_id].written, first.kind, first.message)
