"""Load, open, resume and end runs. A connector has one run at a time; dry runs beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.logging_setup import redact
from connectors.protocol import Connector
from connectors.records import NO_OWN_WRITES, OwnWriteFilter
from worker.context import Context
from worker.store import lost_fields, pause
from worker.store.bulk import upsert
from worker.store.states import PageState, RunState
from worker.store.tables import RUNS_UNDER_WAY, UtcDateTime, failures, pages, runs, watermarks
from worker.sync.runs import crm_quota, own_writes, removal_holds, select, stored_pages
from worker.sync.runs.model import (
    RESUMABLE,
    NoSuchRunError,
    Run,
    RunActiveError,
    RunOptions,
    RunOverError,
)
from worker.sync.runs.reader_lease import has_live_lease
from worker.sync.runs.scope import Scope
from worker.verification import provider_status

# A record that keeps failing is tried by this many runs, then left to a person.
MAX_RETRIES = 10
_SHORTEST_PREFIX = 4  # characters of an id by which a run is still found
_RUN = sa.select(runs).where(runs.c.id == sa.bindparam("run_id"))

# -- loading -------------------------------------------------------------------------------


def load(ctx: Context, run_id: str) -> Run:
    """Load a run by its id or by an unambiguous prefix of it; raises `NoSuchRunError`."""
    if not run_id.isprintable():
        raise NoSuchRunError(ascii(run_id))
    with ctx.store.read() as connection:
        row = connection.execute(_RUN, {"run_id": run_id}).one_or_none()
        if row is None and len(run_id) >= _SHORTEST_PREFIX:
            matches = connection.execute(
                sa.select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)
            ).all()
            row = matches[0] if len(matches) == 1 else None
    if row is None:
        raise NoSuchRunError(run_id)
    return Run.from_row(row)


def may_go_on(ctx: Context, run_id: str) -> bool:
    """Whether a run is still active, and nothing is paused that it would do."""
    paused = pause.STORED.exists().label("paused")
    query = sa.select(runs.c.state, runs.c.dry_run, paused).where(runs.c.id == run_id)
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    return row is not None and row.state == RunState.RUNNING and (row.dry_run or not row.paused)


ALL_FAILED, FAILING = "all_failed", "failing"  # states to list runs by (`recent`)


def recent(
    ctx: Context,
    limit: int = 20,
    connector: str | None = None,
    reports: bool = False,
    state: str = "",
    before: datetime | None = None,
) -> list[Run]:
    """List the latest runs, newest first. Runs that carry reports to a CRM are many, and left out
    unless `reports`. `state`: also `ALL_FAILED`, runs that are done and whose records all failed,
    or `FAILING`, these and those that failed. `before`: opened before that, for the next page."""
    query = sa.select(runs).order_by(runs.c.opened_at.desc()).limit(limit)
    if state == ALL_FAILED:
        query = query.where(_all_failed())
    elif state == FAILING:
        query = query.where(sa.or_(runs.c.state == RunState.FAILED, _all_failed()))
    elif state:
        query = query.where(runs.c.state == state)
    if before is not None:
        query = query.where(runs.c.opened_at < before)
    if not reports:
        query = query.where(runs.c.kind != "reports")
    if connector:
        query = query.where(runs.c.connector == connector)
    with ctx.store.read() as connection:
        return [Run.from_row(row) for row in connection.execute(query)]


def _all_failed() -> sa.ColumnElement[bool]:
    """As `report.outcome` has it; only runs with a failure are added up."""
    c = pages.c
    any_failed = sa.select(sa.literal(1)).where(c.run_id == runs.c.id, c.failed > 0).limit(1)
    applied = sa.select(sa.func.sum(c.changed - c.failed)).where(c.run_id == runs.c.id)
    return sa.and_(
        runs.c.state == RunState.DONE,
        any_failed.scalar_subquery().is_not(None),
        sa.case((any_failed.scalar_subquery().is_not(None), applied.scalar_subquery() <= 0)),
    )


def active(ctx: Context, active_key: str | None = None) -> list[Run]:
    """List the runs under way. With `active_key` (a connector's name): the run that excludes
    others, which may be paused."""
    query = sa.select(runs)
    if active_key:
        query = query.where(runs.c.active_key == active_key)
    else:
        query = query.where(RUNS_UNDER_WAY, runs.c.state == RunState.RUNNING)
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    # Sorted here: SQLite would walk all runs by the index of that order.
    return [Run.from_row(row) for row in sorted(rows, key=lambda row: row.opened_at)]


def last_opened(ctx: Context, connector: str, kind: str, since: datetime) -> datetime | None:
    """Return when the last run of a kind was opened; None if not since then. Ids begin with that
    time, so that a few rows are read, however many runs there are."""
    query = sa.select(sa.func.max(runs.c.opened_at)).where(
        runs.c.id >= f"{since:%Y%m%d-%H%M%S}", runs.c.connector == connector, runs.c.kind == kind
    )
    with ctx.store.read() as connection:
        opened: datetime | None = connection.scalar(query)
    return opened


def last_full(ctx: Context, connector: str) -> datetime | None:
    """Return when the connector was last read through as a whole; None before the first time."""
    with ctx.store.read() as connection:
        last: datetime | None = connection.scalar(
            sa.select(sa.func.min(watermarks.c.full_at)).where(watermarks.c.connector == connector)
        )
    return last


# -- opening -------------------------------------------------------------------------------

OnOpened = Callable[[Connection, str], None]


def _nothing_more(_connection: Connection, _run_id: str) -> None:
    pass


def open_run(
    ctx: Context,
    connector_name: str,
    scope: Scope,
    options: RunOptions = RunOptions(),
    on_opened: OnOpened = _nothing_more,
) -> str:
    """Open a run, store its plan and return its id.

    1. Ask the CRM for its fields, and for the records of the scope where only it knows them. This
       comes before the transaction, because a CRM may take its time.
    2. Plan which objects the reader reads, from when on, and which of our own writes it leaves out.
    3. Store the run. The unique `active_key` refuses a second one of the connector.
    4. Call `on_opened` in the same transaction.
    5. Store pages of the records that are known by their ids already.

    Raises `RunActiveError`, `ConnectorError`, `SchemaError`; `PausedError`, unless it is a dry run.
    """
    if not options.dry_run:
        pause.check(ctx.store)
    calls_before = ctx.calls(connector_name)
    connector = ctx.connector_for_run(connector_name)
    members = _ask_for_members(connector, scope)
    calls = {kind: n - calls_before.get(kind, 0) for kind, n in connector.calls.items()}
    provider_notes = provider_status.warnings(ctx.providers, ctx.settings, ctx.store, ctx.now())
    now = ctx.now()
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    with ctx.store.write() as connection:
        ctx.require_account(connection, connector_name)
        plan = _plan_reading(connection, ctx, connector_name, connector, scope)
        if options.accept_removals:
            removal_holds.accept(connection, connector_name, plan.reading)
        row = {
            "id": run_id,
            "connector": connector_name,
            "opened_at": now,
            **_columns_of(scope, options),
            "active_key": None if options.dry_run else _active_key(connector_name, options.kind),
            "reading": plan.reading,
            "reader_calls": calls,
            "own_writes": own_writes.as_json(plan.own_writes),
            "notes": [*_schema_notes(ctx, connector_name), *provider_notes],
        }
        try:
            connection.execute(sa.insert(runs).values(**row))
        except sa.exc.IntegrityError:
            connection.rollback()
            raise _is_active(ctx, connector_name, options.kind) from None
        on_opened(connection, run_id)
        records: Iterable[tuple[str, str]] = ()
        if not scope.streams:
            records = members or ()
            if members is None:
                records = select.select(connection, ctx, connector_name, scope)
        elif connector.incremental:
            records = _records_to_retry(connection, connector_name)
        stored_pages.store_ids(connection, ctx, run_id, records)
    return run_id


def _columns_of(scope: Scope, options: RunOptions) -> dict[str, Any]:
    """Return the columns of a new run that follow from its scope and its options alone."""
    return {
        "kind": options.kind or ("sync" if scope.streams else "rescan"),
        "scope": scope.as_json(),
        "state": RunState.RUNNING,
        "dry_run": options.dry_run,
        "force": options.force,
        "read_all": not scope.streams,
        "opened_by": options.opened_by[:120],
        "purpose": redact(options.purpose)[:255],
    }


def _ask_for_members(connector: Connector, scope: Scope) -> Sequence[tuple[str, str]] | None:
    """Ask the CRM for the records of a scope, (object, record id) each; None where it is read
    through, or our index knows them."""
    if scope.kind == "ids":
        return connector.locate(scope.values)
    if scope.kind == "segment":
        members = connector.list_members(scope.key, scope.values[0])
        return None if members is None else list(members)
    return None


@dataclass(frozen=True, slots=True)
class _ReadingPlan:
    """`reading`: an entry for each object that the reader reads (see the table `runs`).
    `own_writes`: those of our own that it leaves out."""

    reading: list[dict[str, Any]]
    own_writes: OwnWriteFilter


def _plan_reading(
    connection: Connection, ctx: Context, connector_name: str, connector: Connector, scope: Scope
) -> _ReadingPlan:
    """Plan what the reader reads: nothing for a scope whose records are known by their ids."""
    if not scope.streams:
        return _ReadingPlan([], NO_OWN_WRITES)
    positions = _watermarks(connection, connector_name)
    own_write_filter = NO_OWN_WRITES
    if scope.kind == "changed" and connector.incremental and positions:
        own_write_filter = own_writes.already_read(connection, ctx, connector_name, positions)
    finds_late = own_writes.late_by(ctx, connector_name)
    to_read_whole = lost_fields.find_objects_to_reread(connection, connector_name)
    reading: list[dict[str, Any]] = []
    for name in connector.objects:
        if name in ctx.fields[connector_name].lost_objects:
            continue  # our user does not see the object any more
        position = positions.get(name)
        only_changes = position and scope.kind == "changed" and name not in to_read_whole
        since = (position - finds_late).isoformat() if position and only_changes else None
        reading.append(
            {
                "object": name,
                "since": since,
                "first": position is None,
                "cursor": None,
                "done": False,
            }
        )
    return _ReadingPlan(reading, own_write_filter)


def _schema_notes(ctx: Context, connector: str) -> Iterator[str]:
    """What is wrong with the CRM's fields. Fields that are lost are reported elsewhere."""
    lost = {(field.object, field.field) for field in ctx.fields[connector].lost}
    for finding in ctx.findings.get(connector, []):
        if (finding.object, finding.field) not in lost:
            yield str(finding)


def _active_key(connector: str, kind: str) -> str:
    return f"{connector}:{kind}" if kind == "reports" else connector


def _is_active(ctx: Context, connector: str, kind: str) -> RunActiveError:
    under_way = active(ctx, _active_key(connector, kind))
    return RunActiveError(connector, next(iter(under_way), None))


def _watermarks(connection: Connection, connector: str) -> dict[str, datetime]:
    rows = connection.execute(
        sa.select(watermarks.c.object, watermarks.c.position).where(
            watermarks.c.connector == connector
        )
    )
    return {row.object: row.position for row in rows}


def _records_to_retry(connection: Connection, connector: str) -> Iterator[tuple[str, str]]:
    query = sa.select(failures.c.object, failures.c.record_id).where(
        failures.c.connector == connector,
        failures.c.retry.is_(True),
        sa.or_(
            failures.c.attempts < MAX_RETRIES,
            failures.c.kind == "suppression_refused",  # until the CRM says that nobody may call
        ),
    )
    for row in connection.execute(query):
        yield row.object, row.record_id


# -- resuming ------------------------------------------------------------------------------


def find_resumable(
    ctx: Context, connector: str, full: bool = False, accept_removals: bool = False
) -> Run | None:
    """Return the connector's latest sync if it is to be resumed before another one begins: it is
    open and nobody works on it, or it failed or was stopped.

    `full`: a sync that had failed or was stopped must have been a full one. `accept_removals`: only
    one that accepts removals itself. An operator who accepts them must not have another run resumed
    instead.
    """
    query = (
        sa.select(runs)
        .where(runs.c.connector == connector, runs.c.dry_run.is_(False), runs.c.kind == "sync")
        .order_by(runs.c.opened_at.desc())
        .limit(1)
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None or row.state not in (RunState.RUNNING, *RESUMABLE):
        return None
    run = Run.from_row(row)
    if full and run.scope.kind != "everything" and not run.active:
        return None
    if accept_removals and not run.accepts_removals:
        return None
    return None if run.active and has_live_lease(ctx, run.id) else run


def resume(ctx: Context, run_id: str) -> Run:
    """Set a failed, stopped or paused run to running again, and return it. A run that is running
    though its worker died is returned as it is. Raises `RunActiveError`, `RunOverError`; and
    `PausedError`, unless it is a dry run."""
    run = load(ctx, run_id)
    if not run.dry_run:
        pause.check(ctx.store)
    if run.state == RunState.RUNNING:
        if has_live_lease(ctx, run.id):
            raise RunActiveError(run.connector, run)
        return run
    if run.state not in (RunState.PAUSED, *RESUMABLE) or run.kind == "reasons":
        raise RunOverError(run)  # `hygiene crm reasons` goes on by a run of its own
    with ctx.store.write() as connection:
        ctx.require_account(connection, run.connector)
        try:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run.id, runs.c.connector == run.connector)
                .values(
                    state=RunState.RUNNING,
                    active_key=None if run.dry_run else _active_key(run.connector, run.kind),
                    error=None,
                    finished_at=None,
                )
            )
        except sa.exc.IntegrityError:
            connection.rollback()
            raise _is_active(ctx, run.connector, run.kind) from None
    return load(ctx, run.id)


# -- ending --------------------------------------------------------------------------------


def fail(ctx: Context, run_id: str, error: str) -> None:
    """End a run that cannot be continued. Its pages and its cursor are kept for `resume`."""
    _interrupt(ctx, run_id, RunState.FAILED, error[:2000])


def stop(ctx: Context, run_id: str) -> None:
    """End a run whose process a person has stopped. Its pages and its cursor are kept: the next
    sync resumes it, or `resume` does; workers do not by themselves."""
    _interrupt(ctx, run_id, RunState.STOPPED, None)


def _interrupt(ctx: Context, run_id: str, state: str, error: str | None) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.state == RunState.RUNNING)
            .values(
                state=state,
                active_key=None,
                error=error,
                finished_at=ctx.now(),
                reader_owner=None,
                reader_lease_expires_at=None,
            )
        )


def finish_if_done(ctx: Context, run_id: str) -> bool:
    """End a run when the reader and all pages are done; then, and only then, move watermarks.
    Returns whether the run is done."""
    with ctx.store.read() as connection:  # most pages are not the last: no write lock for them
        run, complete = _load_and_check(connection, run_id)
    if not complete:
        return run.state == RunState.DONE
    with ctx.store.write() as connection:
        run, complete = _load_and_check(connection, run_id)
        if not complete:
            return run.state == RunState.DONE
        crm_quota.record(ctx, connection, run.connector)
        last_write = connection.scalar(
            sa.select(sa.func.max(pages.c.wrote_at)).where(pages.c.run_id == run_id)
        )
        ended = connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.state == RunState.RUNNING)
            .values(
                state=RunState.DONE,
                active_key=None,
                finished_at=ctx.now(),
                last_write_at=sa.func.coalesce(
                    sa.literal(last_write, UtcDateTime), runs.c.last_write_at
                ),
                error=None,
            )
        )
        if ended.rowcount != 1:
            return load(ctx, run_id).state == RunState.DONE
        if run.scope.streams and not run.dry_run:
            _move_watermarks(ctx, connection, run)
    return True


def _load_and_check(connection: Connection, run_id: str) -> tuple[Run, bool]:
    """Load a run, and whether all of it is read and done."""
    run = Run.from_row(connection.execute(_RUN, {"run_id": run_id}).one())
    if not run.active or not run.read_all:
        return run, False
    pending = sa.select(pages.c.id).where(
        pages.c.run_id == run_id, pages.c.state == PageState.STORED
    )
    return run, connection.execute(pending.limit(1)).first() is None


def _move_watermarks(ctx: Context, connection: Connection, run: Run) -> None:
    """Move the watermark of each object that was read to where the reader began, less the
    overlap."""
    began = _read_up_to(run)
    if began is None:
        return
    position = began - ctx.settings.sync.overlap
    entries = [entry for entry in run.reading if not entry.get("hidden")]
    # A first sync has no watermark to start from: it reads everything too.
    read_whole = [entry["object"] for entry in entries if not entry["since"]]
    lost_fields.record_reread(connection, run.connector, read_whole, run.opened_at)
    # A run that leaves out our own writes must not move a watermark back.
    positions = _watermarks(connection, run.connector) if run.own_writes.runs else {}
    for entry in entries:
        name = entry["object"]
        if name in positions and positions[name] >= position:
            continue
        row = {
            "connector": run.connector, "object": name, "position": position, "run_id": run.id,
        }  # fmt: skip
        if name in read_whole:
            row["full_at"] = ctx.now()
        upsert(connection, watermarks, [row])


def _read_up_to(run: Run) -> datetime | None:
    """Return from when on a later run has to read, by the CRM's clock: when this one began, or the
    first of the runs whose writes it left out. None if that is not known: the watermark
    stays."""
    if run.began_at is None or not run.own_writes.runs:
        return run.began_at
    return (
        None
        if run.own_writes.since == NO_OWN_WRITES.since
        else min(run.began_at, run.own_writes.since)
    )
