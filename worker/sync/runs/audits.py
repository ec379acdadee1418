"""Audits of isolated segments: one run for each, and what it came to."""

from __future__ import annotations

import logging
from collections.abc import Collection

import sqlalchemy as sa

from connectors.errors import ConnectorError
from worker.context import Context
from worker.segments.isolation import (
    AUDIT,
    Isolation,
    NoSuchSegmentError,
    active,
    as_isolation,
    counts_of,
    flags_contacts,
)
from worker.store import setbacks
from worker.store.states import RunState
from worker.store.tables import isolations, runs
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RESUMABLE, RunActiveError, RunOptions
from worker.sync.runs.scope import Scope

log = logging.getLogger(__name__)


_AUDIT = "begin an audit"  # as an operator is told


def next_audits(ctx: Context) -> list[str]:
    """Open a run for each segment that waits for its audit, one a connector at a time; keep what
    ended audits have come to. Returns the runs that were opened."""
    _record_outcomes(ctx)
    opened = []
    busy: set[str] = set()
    for isolation in reversed(active(ctx, 10_000)):
        if isolation.connector not in ctx.settings.active_connectors:
            continue  # it waits until the connection is back, or its records are dropped
        # Without audits a run is needed all the same where contacts are to be flagged.
        wanted = ctx.settings.segments.audit or flags_contacts(ctx, isolation.connector)
        if not wanted or isolation.run_id is not None or isolation.connector in busy:
            continue
        run_id = _open_run(ctx, isolation, f"audit of {isolation.name}")
        busy.add(isolation.connector)
        if run_id is not None:
            _note_run(ctx, isolation.id, run_id)
            opened.append(run_id)
    for isolation in _to_unflag(ctx, busy):
        run_id = _open_run(ctx, isolation, f"{isolation.name} is no longer isolated")
        if run_id is not None:
            _note_run(ctx, isolation.id, run_id)
            opened.append(run_id)
    return opened


def _to_unflag(ctx: Context, busy: Collection[str]) -> list[Isolation]:
    """One a connector of those that were released and whose contacts still carry the flag."""
    c = isolations.c
    query = sa.select(isolations).where(c.released_at.is_not(None)).order_by(c.id.desc()).limit(200)
    by_connector: dict[str, Isolation] = {}
    with ctx.store.read() as connection:
        for isolation in map(as_isolation, connection.execute(query)):
            name = isolation.connector
            connected = name in ctx.settings.active_connectors
            if name in busy or not connected or not flags_contacts(ctx, name):
                continue
            last = connection.execute(
                sa.select(runs.c.opened_at, runs.c.state).where(
                    runs.c.id == (isolation.run_id or "")
                )
            ).one_or_none()
            released = isolation.released_at
            if last is None or last.state in RESUMABLE or (released and last.opened_at < released):
                by_connector.setdefault(isolation.connector, isolation)
    return list(by_connector.values())


def _open_run(ctx: Context, isolation: Isolation, purpose: str) -> str | None:
    try:
        scope = Scope("segment", (isolation.value,), key=isolation.by)
        run_id = lifecycle.open_run(
            ctx, isolation.connector, scope, RunOptions(opened_by=AUDIT, purpose=purpose)
        )
    except RunActiveError:
        return None  # at the next look
    except ConnectorError as error:
        log.warning("audit of %s: %s", isolation.name, error)
        setbacks.note(ctx.store, isolation.connector, _AUDIT, error, ctx.now())
        return None
    setbacks.clear(ctx.store, isolation.connector, _AUDIT)
    return run_id


def _note_run(ctx: Context, isolation_id: int, run_id: str | None) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(isolations).where(isolations.c.id == isolation_id).values(run_id=run_id)
        )


def _record_outcomes(ctx: Context) -> None:
    """After an audit's run has ended and all was counted again."""
    for isolation in active(ctx, 10_000):
        if isolation.run_id is None or isolation.audited_at is not None:
            continue
        run = lifecycle.load(ctx, isolation.run_id)
        if run.state in RESUMABLE:  # the CRM was away: it is tried again
            _note_run(ctx, isolation.id, None)
        if run.state not in (RunState.DONE, RunState.CANCELLED):
            continue
        try:
            after = counts_of(ctx, isolation.connector, isolation.by, isolation.value)
        except NoSuchSegmentError:
            after = {"contacts": 0, "numbers": 0, "bad": 0, "statuses": {}, "reports": {}}
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(isolations)
                .where(isolations.c.id == isolation.id)
                .values(after=dict(after), audited_at=ctx.now())
            )
