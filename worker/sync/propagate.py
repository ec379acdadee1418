"""Writes what was reported to a CRM, to every record that holds the number, until it is confirmed;
and looks at once at records that the CRM says were changed.

The holders come from our own index: no CRM is searched. Runs of this kind go beside the others,
one a connector at a time; what they write follows from what stands then, not from one report, so
neither the order nor a repetition matters.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from connectors.errors import ConnectorError
from worker.context import Context
from worker.feedback import rechecks
from worker.store import changed_records, outbox
from worker.sync import workflow_callbacks
from worker.sync.pages.runner import drive
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope, ScopeKind

log = logging.getLogger(__name__)

KIND = "reports"
_AT_ONCE = 1000  # deliveries, or records, that one run takes


class WorkSource(Protocol):
    """What waits for a run: `worker.store.outbox`, `changed_records`, `rechecks`."""

    def claimable(
        self, connection: Connection, connector: str, now: datetime, limit: int
    ) -> dict[Any, str]: ...
    def claimed(self, connection: Connection, connector: str) -> tuple[str, datetime] | None: ...
    def claim(self, connection: Connection, ids: Sequence[Any], run_id: str) -> None: ...
    def postpone(self, connection: Connection, run_id: str, why: str, now: datetime, /) -> None: ...
    def complete(
        self, connection: Connection, connector: str, run_id: str, now: datetime
    ) -> int: ...


# In this order: what somebody said goes before what somebody wants to know.
_WORK: tuple[tuple[WorkSource, ScopeKind], ...] = (
    (outbox, "numbers"), (changed_records, "ids"), (rechecks, "ids"),
)  # fmt: skip


def spread(ctx: Context, connector: str) -> int:
    """Do all that is due at a CRM; returns how much was confirmed.

    Returns early when another worker is at it, or when the CRM is away: then what is left waits
    for its time (`postpone`), and keeps its run. Reports go before records: after each run they are
    looked for again, since thousands of records may wait (a load that a CRM tells of).
    """
    confirmed = 0
    while (following := _following(ctx, connector)) is not None:
        work, run_id = following
        try:
            drive(ctx, run_id, pages_at_once=1)
        except ConnectorError as error:
            log.warning("%s: reports wait: %s", connector, error)
            with ctx.store.write() as connection:
                work.postpone(connection, run_id, str(error), ctx.now())
            return confirmed
        with ctx.store.write() as connection:
            confirmed += work.complete(connection, connector, run_id, ctx.now())
    workflow_callbacks.complete(ctx, connector)
    return confirmed


def _following(ctx: Context, connector: str) -> tuple[WorkSource, str] | None:
    for work, kind in _WORK:
        if (run_id := _next_run(ctx, connector, work, kind)) is not None:
            return work, run_id
    return None


def waits(ctx: Context) -> list[str]:
    """Connectors at which something is due."""
    now = ctx.now()
    with ctx.store.read() as connection:
        return [
            name
            for name in ctx.settings.active_connectors
            if any(
                ((begun := work.claimed(connection, name)) is not None and begun[1] <= now)
                or work.claimable(connection, name, now, 1)
                for work, _ in _WORK
            )
            or rechecks.callbacks_due(connection, name, now, 1)
            or _orphan(ctx, name) is not None
        ]


def _orphan(ctx: Context, connector: str) -> str | None:
    """A run that nobody works on, and that nothing waits for any more: what it had to deliver was
    opened anew since, its worker died. It is brought to its end, or no other one could begin."""
    for run in lifecycle.active(ctx, f"{connector}:{KIND}"):
        with ctx.store.read() as connection:
            waited_for = any(
                (begun := work.claimed(connection, connector)) is not None and begun[0] == run.id
                for work, _ in _WORK
            )
        if not waited_for and not lifecycle.is_worked_on(ctx, run.id):
            return run.id
    return None


def _next_run(ctx: Context, connector: str, work: WorkSource, kind: ScopeKind) -> str | None:
    """The run that was begun and has something left, or a new one for what is due."""
    now = ctx.now()
    if (orphan := _orphan(ctx, connector)) is not None:
        return orphan
    with ctx.store.read() as connection:
        begun = work.claimed(connection, connector)
        due = {} if begun else work.claimable(connection, connector, now, _AT_ONCE)
    try:
        if begun is not None:
            run_id, at = begun
            if at > now:
                return None
            # "done": its worker died before it was settled.
            done = lifecycle.load(ctx, run_id).state == "done"
            return run_id if done else lifecycle.reopen(ctx, run_id).id
        if not due:
            return None
        return lifecycle.open_run(
            ctx,
            connector,
            Scope(kind, tuple(dict.fromkeys(due.values()))),
            kind=KIND,
            opened=lambda connection, run_id: work.claim(connection, list(due), run_id),
        )
    except lifecycle.RunActiveError:
        return None
    except ConnectorError as error:
        log.warning("%s: reports wait: %s", connector, error)  # its schema could not be had
        return None
