"""Write decided changes to the CRM in batches; a refused record never fails another one.

What keeps somebody from being contacted never depends on what a CRM may refuse (promise 16). If the
CRM refuses a record, it is written again with less, down to the flags alone:

1. without the fields that the CRM names;
2. without rewritten phone fields, which its rules are about most often;
3. the flags that stop contact, by themselves; then the statuses that say the same;
4. each of those that are still missing, alone.

Every refusal is reported. What could not even be written alone is reported as the worst kind
(`suppression_refused`), which every later run tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from config import stopping
from connectors.http import unanswered
from connectors.protocol import Connector
from connectors.records import FailureKind, Update, Value, WriteResult
from worker.decisions.diff import FLAGS

log = logging.getLogger(__name__)

# Seconds to wait before a locked record is tried again; then the next run tries.
LOCK_WAITS = (0.5, 2.0, 5.0)
# Worth another try by a later run.
RETRY_KINDS: frozenset[FailureKind] = frozenset(
    {"locked", "approval", "security_policy", "suppression_refused", "other"}
)
# Writing less of the record makes no difference to these.
_WHOLE_KINDS: frozenset[FailureKind] = frozenset({"locked", "gone", "merged"})
_STOP_STATUSES = ("do_not_contact", "wrong_number")


class Outcome(Struct, frozen=True):
    """What became of one update: the values `written`, and why the rest (or all) was not.

    `sent_again`: an earlier try got no answer, and may be carried out late.
    """

    written: Mapping[str, Value] = field(default_factory=dict)
    kind: FailureKind | None = None
    message: str = ""
    sent_again: bool = False

    @property
    def ok(self) -> bool:
        return self.kind is None

    @property
    def gone(self) -> bool:
        return self.kind in ("gone", "merged")


class Written(NamedTuple):
    """What became of updates, by record id. `at`: the CRM's time then; None if none was written."""

    outcomes: dict[str, Outcome]
    at: datetime | None

    def merge(self, outcomes: dict[str, Outcome], at: datetime | None) -> Written:
        latest = max(filter(None, (self.at, at)), default=None)
        return Written({**self.outcomes, **outcomes}, latest)


def write_all(
    connector: Connector,
    updates: Sequence[Update],
    keep_lease: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = stopping.sleep,
) -> Written:
    """Write all updates (of one object); an outcome for each. Raises `Stopped` between calls."""
    sender = _Sender(connector, keep_lease, sleep)
    outcomes: dict[str, Outcome] = {}
    trying = list(updates)
    while trying:
        following = []
        for update, result in sender.send(trying):
            first = outcomes.get(update.id)
            outcome = _outcome(update, result)
            outcomes[update.id] = outcome if first is None else _joined(first, outcome)
            if (less := _less(update, result)) is not None:
                following.append(less)
        trying = following
    _write_stops(sender, updates, outcomes)
    for record_id in sender.sent_again:
        outcomes[record_id] = replace(outcomes[record_id], sent_again=True)
    wrote = any(outcome.written for outcome in outcomes.values())
    return Written(outcomes, connector.clock() if wrote else None)


class _Sender:
    """Sends updates in batches, and those of locked records again after a while.

    `sent_again`: ids of records whose update was sent again because no answer had come.
    """

    def __init__(
        self, connector: Connector, keep_lease: Callable[[], None], sleep: Callable[[float], None]
    ) -> None:
        self.connector = connector
        self.sent_again: set[str] = set()
        self._keep_lease = keep_lease
        self._sleep = sleep

    def send(self, updates: Sequence[Update]) -> list[tuple[Update, WriteResult]]:
        """Yield each update with what became of it."""
        results = self._send(updates)
        for wait in LOCK_WAITS:
            locked = [update for update in updates if results[update.id].kind == "locked"]
            if not locked:
                break
            name = self.connector.name
            log.info("%s: %d records are locked; trying again in %.1f s", name, len(locked), wait)
            self._sleep(wait)
            results |= self._send(locked)
        return [(update, results[update.id]) for update in updates]

    def _send(self, updates: Sequence[Update]) -> dict[str, WriteResult]:
        size = self.connector.write_size
        results: dict[str, WriteResult] = {}
        for start in range(0, len(updates), size):
            stopping.check()
            self._keep_lease()
            batch = updates[start : start + size]
            with unanswered.watch() as watched:
                written = self.connector.write(batch, self._keep_lease)
            if watched.seen:
                self.sent_again.update(update.id for update in batch)
            results |= {update.id: result for update, result in zip(batch, written, strict=True)}
        return results


def _outcome(update: Update, result: WriteResult) -> Outcome:
    if result.ok:
        return Outcome(update.values)
    rest = update.without(result.fields) if result.rest else None
    return Outcome(rest.values if rest is not None else {}, result.kind, result.message)


def _joined(first: Outcome, second: Outcome) -> Outcome:
    """Return what was written in two tries, and why the first was refused."""
    return Outcome({**first.written, **second.written}, first.kind, first.message)


def _less(update: Update, result: WriteResult) -> Update | None:
    """Return what of a refused update the CRM may accept; None if there is nothing less."""
    if result.ok or result.rest or result.kind in _WHOLE_KINDS:
        return None
    rewrites = [key for key in update.values if key.startswith("phone/")]
    for left_out in (result.fields, rewrites):
        if not update.values.keys().isdisjoint(left_out):
            return update.without(left_out)
    return None


# -- what keeps somebody from being contacted ------------------------------------------------


def _flags(values: Mapping[str, Value]) -> dict[str, Value]:
    return {flag: True for flag in FLAGS if values.get(flag) is True}


def _statuses(values: Mapping[str, Value]) -> dict[str, Value]:
    return {
        key: value
        for key, value in values.items()
        if key.startswith("status/") and value in _STOP_STATUSES
    }


def _write_stops(sender: _Sender, updates: Sequence[Update], outcomes: dict[str, Outcome]) -> None:
    """Write separately what keeps somebody from being contacted, if the CRM refused it with the
    rest of the record. What it refuses even then is reported as the worst kind."""
    refused = [
        update
        for update in updates
        if not outcomes[update.id].ok and outcomes[update.id].kind not in _WHOLE_KINDS
    ]
    if not refused:
        return

    def missing(update: Update) -> dict[str, Value]:
        stops = {**_flags(update.values), **_statuses(update.values)}
        written = outcomes[update.id].written
        return {key: value for key, value in stops.items() if key not in written}

    def attempt(part_of: Callable[[dict[str, Value]], dict[str, Value]]) -> None:
        parts = [(update, part_of(missing(update))) for update in refused]
        tries = [replace(update, values=part) for update, part in parts if part]
        for update, result in sender.send(tries) if tries else ():
            first = outcomes[update.id]
            outcomes[update.id] = _joined(first, _outcome(update, result))

    attempt(_flags)
    attempt(_statuses)
    for key in dict.fromkeys(key for update in refused for key in missing(update)):
        attempt(lambda values, key=key: {k: v for k, v in values.items() if k == key})  # type: ignore[misc]
    for update in refused:
        carriers = _carriers(sender.connector.writable(update.object), update.values)
        if lacking := [key for key in missing(update) if key in carriers]:
            outcome = outcomes[update.id]
            text = f"not even {', '.join(lacking)} could be written: {outcome.message}"
            outcomes[update.id] = Outcome(outcome.written, "suppression_refused", text)


def _carriers(writable: Set[str], values: Mapping[str, Value]) -> Set[str]:
    """Return the fields that show people that somebody is not to be contacted: the flags, or the
    statuses if the CRM has none of these."""
    return {*FLAGS} if not writable.isdisjoint(FLAGS) else {*_statuses(values)}
