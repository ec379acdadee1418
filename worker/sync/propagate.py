"""Carry reports to every record of a CRM that holds the number, until the CRM has confirmed.

Records that the CRM reports as changed, and re-checks that somebody asked for, are processed in the
same way.

The records come from our own index: no CRM is searched. Runs of this kind go beside the others, one
a connector at a time. What they write follows from all reports in force, not from one, so neither
order nor repetition matters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from config import stopping
from connectors.errors import ConnectorError
from worker.context import Context
from worker.feedback import rechecks
from worker.store import changed_records, outbox, pause
from worker.store.states import RunState
from worker.sync import workflow_callbacks
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, reader_lease
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope, ScopeKind

log = logging.getLogger(__name__)

KIND = "reports"
_AT_ONCE = 1000  # deliveries, or records, that one run takes
# Seconds between the beginnings of two runs. A run costs 25 ms of a processor for each CRM, however
# few reports it carries: at 50 replies a second, runs without a pause took more than two cores.
_RUNS_APART = 0.2


class WorkSource(Protocol):
    """A table of work that waits for a run: `outbox`, `changed_records`, `rechecks`."""

    def claimable(
        self, connection: Connection, connector: str, now: datetime, limit: int
    ) -> dict[Any, str]: ...
    def claimed(self, connection: Connection, connector: str) -> tuple[str, datetime] | None: ...
    def claim(self, connection: Connection, ids: Sequence[Any], run_id: str) -> None: ...
    def postpone(self, connection: Connection, run_id: str, why: str, now: datetime, /) -> None: ...
    def complete(
        self, connection: Connection, connector: str, run_id: str, now: datetime
    ) -> int: ...


# In this order: what somebody reported comes before what somebody wants to know. Thousands of
# changed records may wait (a load into the CRM).
_SOURCES: tuple[tuple[WorkSource, ScopeKind], ...] = (
    (outbox, "numbers"), (changed_records, "ids"), (rechecks, "ids"),
)  # fmt: skip


def propagate(ctx: Context, connector: str, after_run: Callable[[], None] = lambda: None) -> int:
    """Do all work that is due at a CRM; return how much was confirmed.

    `after_run`: called after each run. While records keep changing there is always another one, and
    what people ticked in the last one must not wait for the end.

    Returns early where another worker is doing it, everything is paused, or the CRM is away: then
    the rest is postponed (`postpone`), and keeps its run. After each run the sources are asked
    again from the first one on, so that reports which come meanwhile go before records.
    """
    confirmed = 0
    if pause.is_on(ctx.store):
        return confirmed
    while (following := _next_work(ctx, connector)) is not None:
        work, run_id = following
        try:
            run_to_completion(ctx, run_id, pages_at_once=1)
        except pause.PausedError:
            return confirmed  # its run stays open: what is on its way waits with it
        except ConnectorError as error:
            log.warning("%s: reports wait: %s", connector, error)
            with ctx.store.write() as connection:
                work.postpone(connection, run_id, str(error), ctx.now())
            return confirmed
        with ctx.store.write() as connection:
            confirmed += work.complete(connection, connector, run_id, ctx.now())
        after_run()
    workflow_callbacks.complete(ctx, connector)
    return confirmed


def _next_work(ctx: Context, connector: str) -> tuple[WorkSource, str] | None:
    _wait_after_last_run(ctx, connector)
    if (orphaned := _orphaned_run(ctx, connector)) is not None:
        return _SOURCES[0][0], orphaned
    for work, kind in _SOURCES:
        if (run_id := _next_run(ctx, connector, work, kind)) is not None:
            return work, run_id
    return None


def pending_connectors(ctx: Context) -> list[str]:
    """Return the connectors at which work is due; none while everything is paused."""
    if pause.is_on(ctx.store):
        return []
    now = ctx.now()
    with ctx.store.read() as connection:
        return [
            name
            for name in ctx.settings.active_connectors
            if any(
                ((begun := work.claimed(connection, name)) is not None and begun[1] <= now)
                or work.claimable(connection, name, now, 1)
                for work, _ in _SOURCES
            )
            or rechecks.callbacks_due(connection, name, now, 1)
            or _orphaned_run(ctx, name) is not None
        ]


def is_under_way(ctx: Context, connector: str) -> bool:
    """Return whether another live process is carrying reports to a CRM. What is committed before
    this returns True needs nobody else: at the end of its run that process looks again."""
    return any(
        reader_lease.has_live_lease(ctx, run.id)
        for run in lifecycle.active(ctx, f"{connector}:{KIND}")
    )


def _orphaned_run(ctx: Context, connector: str) -> str | None:
    """Return a run whose worker died and that no work belongs to any more.

    What it had to deliver was requeued since. It must be brought to its end, or no other run of the
    connector could begin.
    """
    for run in lifecycle.active(ctx, f"{connector}:{KIND}"):
        with ctx.store.read() as connection:
            waited_for = any(
                (begun := work.claimed(connection, connector)) is not None and begun[0] == run.id
                for work, _ in _SOURCES
            )
        if not waited_for and not reader_lease.has_live_lease(ctx, run.id):
            return run.id
    return None


def _next_run(ctx: Context, connector: str, work: WorkSource, kind: ScopeKind) -> str | None:
    """Return the run to go on with, or a new one for the work that is due; None if there is none.

    Raises nothing where the connector's schema cannot be read: the work waits.
    """
    now = ctx.now()
    with ctx.store.read() as connection:
        begun = work.claimed(connection, connector)
        due = {} if begun else work.claimable(connection, connector, now, _AT_ONCE)
    try:
        if begun is not None:
            run_id, at = begun
            if at > now:
                return None
            # "done": its worker died before it was settled.
            done = lifecycle.load(ctx, run_id).state == RunState.DONE
            return run_id if done else lifecycle.resume(ctx, run_id).id
        if not due:
            return None
        return lifecycle.open_run(
            ctx,
            connector,
            Scope(kind, tuple(dict.fromkeys(due.values()))),
            RunOptions(kind=KIND),
            on_opened=lambda connection, run_id: work.claim(connection, list(due), run_id),
        )
    except (RunActiveError, pause.PausedError):
        return None
    except ConnectorError as error:
        log.warning("%s: reports wait: %s", connector, error)  # its schema could not be had
        return None


def _wait_after_last_run(ctx: Context, connector: str) -> None:
    """Wait where work is due and a run began just now: what comes meanwhile goes along, and a
    report before records."""
    if (pause_left := _RUNS_APART - _since_last_run(ctx, connector)) <= 0:
        return
    now = ctx.now()
    with ctx.store.read() as connection:
        is_due = any(work.claimable(connection, connector, now, 1) for work, _ in _SOURCES)
    if is_due:
        stopping.sleep(pause_left)


def _since_last_run(ctx: Context, connector: str) -> float:
    """Return the seconds since the last run of this kind began, by whatever process; a minute if
    there was none since."""
    now = ctx.now()
    began = lifecycle.last_opened(ctx, connector, KIND, since=now - timedelta(minutes=1))
    return max(0.0, (now - began).total_seconds()) if began is not None else 60.0
