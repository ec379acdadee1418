"""Opening, following and ending runs. One run a connector at a time; dry runs beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.logging_setup import redact
from connectors.errors import ConnectorError
from connectors.records import NOTHING, Contact, Skip
from worker.context import Context, alive
from worker.store import lost_fields
from worker.store.bulk import chunks, upsert
from worker.store.tables import UtcDateTime, app_state, failures, pages, runs, watermarks
from worker.sync.read import removals, select
from worker.sync.read.change_detection import Settled
from worker.sync.runs.scope import Scope
from worker.verification import provider_status

# A record that keeps failing is tried by this many runs, then left to a person.
MOST_RETRIES = 10
_SECOND = timedelta(seconds=1)
# What a run was ended as that can be taken up where it stands.
RESUMABLE = ("failed", "stopped")


class RunActiveError(HygieneError):
    """The connector has a run under way."""

    http_status = 409

    def __init__(self, connector: str, run: Run | None) -> None:
        self.run_id = run.id if run is not None else "?"
        if run is not None and run.state == "paused":
            text = f"run {run.id} is paused; let it go on: hygiene runs resume {run.id}"
        else:
            text = f"run {self.run_id} is under way; follow it: hygiene runs show {self.run_id}"
        super().__init__(f"{connector}: {text}")


class RunOverError(ConnectorError):
    """What is to go on has come to its end."""

    http_status = 409

    def __init__(self, run: Run) -> None:
        super().__init__(f"run {run.id} is {run.state}: there is nothing to resume")


class NoSuchRunError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id}; list them: hygiene runs list")


@dataclass(frozen=True)
class Run:
    """A row of the runs table."""

    id: str
    connector: str
    kind: str
    scope: Scope
    state: str
    dry_run: bool
    force: bool
    opened_at: datetime
    finished_at: datetime | None
    began_at: datetime | None
    last_write_at: datetime | None
    reading: list[dict[str, Any]]
    read_all: bool
    reader_calls: dict[str, int]
    skip: Skip
    notes: list[str]
    error: str | None
    opened_by: str
    purpose: str

    @property
    def left(self) -> int:
        """About how many contacts the reader has still to read."""
        return sum(entry.get("left") or 0 for entry in self.reading if not entry["done"])

    @property
    def active(self) -> bool:
        return self.state == "running"

    @property
    def accepts_removals(self) -> bool:
        """Whether an operator has told it to carry out removals, also if they are many."""
        return any(removals.is_accepted(entry) for entry in self.reading)


@dataclass(frozen=True, slots=True)
class Stored:
    """A page that is kept with its run and not done. `read`: its contacts, where this process has
    just read them; it need not unpack them again then."""

    id: int
    size: int
    read: Sequence[Contact] | None = None


class Payload(msgspec.Struct):
    """A stored page as JSON. `contacts`: as they were read; None = to be fetched by their ids."""

    ids: list[str]
    contacts: list[Contact] | None


def _made(row: Any) -> Run:
    return Run(
        row.id,
        row.connector,
        row.kind,
        Scope.from_json(row.scope),
        row.state,
        row.dry_run,
        row.force,
        row.opened_at,
        row.finished_at,
        row.began_at,
        row.last_write_at,
        row.reading,
        row.read_all,
        row.reader_calls,
        _skip(row.skip),
        row.notes,
        row.error,
        row.opened_by,
        row.purpose,
    )


def load(ctx: Context, run_id: str) -> Run:
    """A run by its id, or by the beginning of it that is like no other."""
    if not run_id.isprintable():
        raise NoSuchRunError(ascii(run_id))
    with ctx.store.read() as connection:
        row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None and len(run_id) >= 4:
            like = connection.execute(
                sa.select(runs).where(runs.c.id.startswith(run_id, autoescape=True)).limit(2)
            ).all()
            row = like[0] if len(like) == 1 else None
    if row is None:
        raise NoSuchRunError(run_id)
    return _made(row)


def recent(
    ctx: Context,
    limit: int = 20,
    connector: str | None = None,
    reports: bool = False,
    state: str = "",
    before: datetime | None = None,
) -> list[Run]:
    """The latest runs, newest first; those that carry reports to a CRM are many, and left out
    unless `reports`. `before`: opened before that, to go on."""
    query = sa.select(runs).order_by(runs.c.opened_at.desc()).limit(limit)
    if state:
        query = query.where(runs.c.state == state)
    if before is not None:
        query = query.where(runs.c.opened_at < before)
    if not reports:
        query = query.where(runs.c.kind != "reports")
    if connector:
        query = query.where(runs.c.connector == connector)
    with ctx.store.read() as connection:
        return [_made(row) for row in connection.execute(query)]


def active(ctx: Context, active_key: str | None = None) -> list[Run]:
    """Runs under way; with `active_key` (a connector's name) the one that excludes others, which
    may be paused."""
    query = sa.select(runs).order_by(runs.c.opened_at)
    if active_key:
        query = query.where(runs.c.active_key == active_key)
    else:
        query = query.where(runs.c.state == "running")
    with ctx.store.read() as connection:
        return [_made(row) for row in connection.execute(query)]


def is_worked_on(ctx: Context, run_id: str) -> bool:
    """Whether some process that may be alive holds a lease of this run."""
    now = ctx.now()
    with ctx.store.read() as connection:
        run = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_until).where(runs.c.id == run_id)
        ).one()
        held = connection.execute(
            sa.select(pages.c.owner, pages.c.until).where(
                pages.c.run_id == run_id, pages.c.state == "stored", pages.c.owner.is_not(None)
            )
        ).all()
    return any(
        until is not None and until > now and owner != ctx.owner and alive(owner)
        for owner, until in [tuple(run), *map(tuple, held)]
    )


Opened = Callable[[Connection, str], None]


def open_run(
    ctx: Context,
    connector_name: str,
    scope: Scope,
    dry_run: bool = False,
    force: bool = False,
    kind: str = "",
    opened: Opened = lambda _connection, _run: None,
    by: str = "",
    purpose: str = "",
    accept_removals: bool = False,
) -> str:
    """Open a run and store its plan; raises `RunActiveError`, `ConnectorError`, `SchemaError`.

    `by`, `purpose`: who asked for it and why, "" for the schedule.
    `accept_removals`: of a full read, carry out what it has to remove
    (`worker.sync.read.removals`). Of each `kind` that is given one may be under way beside the
    connector's sync or rescan.
    `opened` is called in the same transaction.
    """
    before = ctx.calls(connector_name)
    connector = ctx.connector_for_run(connector_name)
    lost = ctx.fields[connector_name]
    members: Sequence[tuple[str, str]] | None = None
    if scope.kind == "ids":
        members = connector.locate(scope.values)
    elif scope.kind == "segment":  # asked before the database is: a CRM may take its time
        asked = connector.list_members(scope.key, scope.values[0])
        members = None if asked is None else list(asked)
    used = {kind: count - before.get(kind, 0) for kind, count in connector.calls.items()}
    provider_notes = provider_status.warnings(ctx.line, ctx.settings, ctx.store, ctx.now())
    now = ctx.now()
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    with ctx.store.write() as connection:
        skip = NOTHING
        reading: list[dict[str, Any]] = []
        if scope.streams:
            marks = _marks(connection, connector_name)
            late = _late(ctx, connector_name)
            if scope.kind == "changed" and connector.incremental and marks:
                skip = _seen_own_writes(connection, ctx, connector_name, marks)
            whole = lost_fields.find_objects_to_reread(connection, connector_name)
            for name in connector.objects:
                if name in lost.lost_objects:
                    continue
                mark = marks.get(name)
                changed = scope.kind == "changed" and name not in whole
                since = (mark - late).isoformat() if mark and changed else None
                reading.append(
                    {
                        "object": name,
                        "since": since,
                        "first": mark is None,
                        "cursor": None,
                        "done": False,
                    }
                )
            if accept_removals:
                removals.accept(connection, connector_name, reading)
        try:
            connection.execute(
                sa.insert(runs).values(
                    id=run_id,
                    connector=connector_name,
                    kind=kind or ("sync" if scope.streams else "rescan"),
                    scope=scope.as_json(),
                    state="running",
                    active_key=None if dry_run else _active_key(connector_name, kind),
                    dry_run=dry_run,
                    force=force,
                    opened_at=now,
                    reading=reading,
                    read_all=False,
                    reader_calls=used,
                    skip=_skip_as_json(skip),
                    notes=[*_findings(ctx, connector_name), *provider_notes],
                    opened_by=by[:120],
                    purpose=redact(purpose)[:255],
                )
            )
        except sa.exc.IntegrityError:
            connection.rollback()
            under_way = active(ctx, _active_key(connector_name, kind))
            raise RunActiveError(connector_name, next(iter(under_way), None)) from None
        opened(connection, run_id)
        if not scope.streams:
            picked = (
                select.picked(connection, ctx, connector_name, scope)
                if members is None
                else iter(members)
            )
            _store_ids(connection, run_id, picked, ctx, size=100)
            connection.execute(sa.update(runs).where(runs.c.id == run_id).values(read_all=True))
        elif connector.incremental:
            _store_ids(connection, run_id, _retries(connection, connector_name), ctx, size=100)
    return run_id


def _findings(ctx: Context, connector: str) -> Iterator[str]:
    """What is not as it should be with the CRM's fields; those that are lost are told apart."""
    lost = {(one.object, one.field) for one in ctx.fields[connector].lost}
    for finding in ctx.findings.get(connector, []):
        if (finding.object, finding.field) not in lost:
            yield str(finding)


def _active_key(connector: str, kind: str) -> str:
    return f"{connector}:{kind}" if kind == "reports" else connector


def _marks(connection: Connection, connector: str) -> dict[str, datetime]:
    rows = connection.execute(
        sa.select(watermarks.c.object, watermarks.c.position).where(
            watermarks.c.connector == connector
        )
    )
    return {row.object: row.position for row in rows}


def _seen_own_writes(
    connection: Connection, ctx: Context, connector: str, marks: dict[str, datetime]
) -> Skip:
    """Runs whose writes lie after the watermark and were read again by a later run already.

    Reading with an overlap brings our own writes back again and again until they are older than
    it. What a later, finished run has read needs no third look *yet*: such records are left out
    for the time being unless they changed since that run began, the watermark does not move past
    them meanwhile (see `finish_if_done`), and once the overlap is over a run reads them all once
    more. So what is committed late is never missed, and a run soon after another costs next to
    nothing.

    Where searches find changes late, a later run may not have seen an edit that was made before it
    began. There only what changed while the run wrote is left out, and only of one run, the one
    that wrote most: an edit after it is found as soon as it can be.
    """
    finished = (
        connection.execute(
            sa.select(runs)
            .where(
                runs.c.connector == connector,
                runs.c.state == "done",
                runs.c.dry_run.is_(False),
                runs.c.began_at.is_not(None),
            )
            .order_by(runs.c.opened_at.desc())
            .limit(50)
        )
        .mappings()
        .all()
    )
    late = _late(ctx, connector)
    oldest = min(marks.values()) - late
    settled = ctx.now() - ctx.settings.read_again(connector)
    seen = []
    for row in finished:
        wrote = row["last_write_at"]
        if wrote is None or wrote < oldest or wrote < settled:
            continue
        # One run at a time: a run that was opened after this one ended read after all its writes.
        if any(
            later["opened_at"] >= row["finished_at"]
            and Scope.from_json(later["scope"]).streams
            and row["id"] not in _skip(later["skip"]).runs
            for later in finished
        ):
            seen.append(row["id"])
    if not seen:
        return NOTHING
    if late:
        seen = [_wrote_most(connection, seen)]
    began = min(row["began_at"] for row in finished if row["id"] in seen)
    # A CRM's clock is known by the second: a write may be stamped almost one later than noted.
    reads = [row["began_at"] for row in finished if Scope.from_json(row["scope"]).streams]
    wrote_until = [row["last_write_at"] + _SECOND for row in finished if row["id"] in seen]
    until = max(wrote_until) if late else max(*reads, *wrote_until)
    return Skip(tuple(seen), until, began)


def _late(ctx: Context, connector: str) -> timedelta:
    """How much further back than a watermark changes are read, for what a CRM finds late."""
    return ctx.settings.read_again(connector) - ctx.settings.sync.overlap


def _wrote_most(connection: Connection, run_ids: Sequence[str]) -> str:
    written = sa.func.sum(pages.c.written)
    query = sa.select(pages.c.run_id).where(pages.c.run_id.in_(run_ids)).group_by(pages.c.run_id)
    most: str | None = connection.scalar(query.order_by(written.desc(), pages.c.run_id).limit(1))
    return most or run_ids[0]


def _skip(kept: dict[str, Any]) -> Skip:
    if not kept:
        return NOTHING
    since = datetime.fromisoformat(kept["since"]) if "since" in kept else NOTHING.since
    return Skip(tuple(kept["runs"]), datetime.fromisoformat(kept["until"]), since)


def _skip_as_json(skip: Skip) -> dict[str, Any]:
    if not skip.runs:
        return {}
    times = {"until": skip.until.isoformat(), "since": skip.since.isoformat()}
    return {"runs": skip.runs, **times}


def _retries(connection: Connection, connector: str) -> Iterator[tuple[str, str]]:
    query = sa.select(failures.c.object, failures.c.record_id).where(
        failures.c.connector == connector,
        failures.c.retry.is_(True),
        sa.or_(
            failures.c.attempts < MOST_RETRIES,
            failures.c.kind == "suppression_refused",  # until the CRM says that nobody may call
        ),
    )
    for row in connection.execute(query):
        yield row.object, row.record_id


def _store_ids(
    connection: Connection, run_id: str, records: Iterator[tuple[str, str]], ctx: Context, size: int
) -> None:
    by_object: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for name, record_id in list(records):
        if (name, record_id) not in seen:
            seen.add((name, record_id))
            by_object.setdefault(name, []).append(record_id)
    seq = next_seq(connection, run_id)
    for name, ids in by_object.items():
        for some in chunks(ids, size):
            store_page(connection, ctx, run_id, seq, name, list(some), None)
            seq += 1


def next_seq(connection: Connection, run_id: str) -> int:
    last = connection.scalar(sa.select(sa.func.max(pages.c.seq)).where(pages.c.run_id == run_id))
    return max(last or 0, 0) + 1  # halves of pages have numbers below 0


def store_page(
    connection: Connection,
    ctx: Context,
    run_id: str,
    seq: int,
    object_name: str,
    ids: list[str],
    read: Sequence[Contact] | None,
) -> int:
    """Keep a page with its run before it is handed on; `read` None = to be fetched by id."""
    result = connection.execute(
        sa.insert(pages).values(
            run_id=run_id,
            seq=seq,
            object=object_name,
            state="stored",
            stored_at=ctx.now(),
            attempts=0,
            payload=msgspec.json.encode(Payload(ids, None if read is None else list(read))),
            size=len(ids),
        )
    )
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def store_settled(
    connection: Connection, ctx: Context, run_id: str, object_name: str, settled: Settled
) -> None:
    """Keep what a page's settled and gone contacts add to the counts: a page that is done."""
    connection.execute(
        sa.insert(pages).values(
            run_id=run_id,
            seq=next_seq(connection, run_id),
            object=object_name,
            state="done",
            stored_at=ctx.now(),
            attempts=0,
            size=settled.read,
            read=settled.read,
            gone=settled.gone,
            counts=settled.counts(),
        )
    )


def open_pages(ctx: Context, run_id: str, only_idle: bool = False) -> list[Stored]:
    """Pages that are stored and not done, in order; `only_idle`: those that nobody works on."""
    query = (
        sa.select(pages.c.id, pages.c.size, pages.c.owner, pages.c.until)
        .where(pages.c.run_id == run_id, pages.c.state == "stored")
        .order_by(pages.c.seq)
    )
    now = ctx.now()
    with ctx.store.read() as connection:
        return [
            Stored(row.id, row.size)
            for row in connection.execute(query)
            if not only_idle
            or row.owner is None
            or row.until is None
            or row.until <= now
            or not alive(row.owner)
        ]


def last_full(ctx: Context, connector: str) -> datetime | None:
    """When the connector was last read through as a whole; None before the first time."""
    with ctx.store.read() as connection:
        last: datetime | None = connection.scalar(
            sa.select(sa.func.min(watermarks.c.full_at)).where(watermarks.c.connector == connector)
        )
    return last


def driven_elsewhere(ctx: Context, run_id: str) -> bool:
    """Whether another process holds the reader's lease, as `hygiene sync` does all along."""
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(runs.c.reader_owner, runs.c.reader_until).where(runs.c.id == run_id)
        ).one()
    return row.reader_until is not None and row.reader_until > ctx.now() and alive(row.reader_owner)


def fail(ctx: Context, run_id: str, error: str) -> None:
    """End a run that cannot go on; its pages and its place are kept for `resume`."""
    _set_aside(ctx, run_id, "failed", error[:2000])


def stop(ctx: Context, run_id: str) -> None:
    """Note that a person has stopped the process that carried the run out. Its pages and its place
    are kept: the next sync takes it up, or `resume`; workers do not by themselves."""
    _set_aside(ctx, run_id, "stopped", None)


def _set_aside(ctx: Context, run_id: str, state: str, error: str | None) -> None:
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.state == "running")
            .values(
                state=state,
                active_key=None,
                error=error,
                finished_at=ctx.now(),
                reader_owner=None,
                reader_until=None,
            )
        )


def to_take_up(
    ctx: Context, connector: str, full: bool = False, accept_removals: bool = False
) -> Run | None:
    """A sync that stands open and that nobody works on, or that failed or was stopped last: it
    goes on first.

    With `accept_removals` only one that accepts them itself: an operator who accepts removals must
    not have another run resumed instead.
    """
    query = (
        sa.select(runs)
        .where(runs.c.connector == connector, runs.c.dry_run.is_(False), runs.c.kind == "sync")
        .order_by(runs.c.opened_at.desc())
        .limit(1)
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None or row.state not in ("running", *RESUMABLE):
        return None
    run = _made(row)
    if full and run.scope.kind != "everything" and not run.active:
        return None
    if accept_removals and not run.accepts_removals:
        return None
    return None if run.active and is_worked_on(ctx, run.id) else run


def reopen(ctx: Context, run_id: str) -> Run:
    """Make a failed or stopped run, or one whose worker died, run again; raises `RunActiveError`,
    or `RunOverError`."""
    run = load(ctx, run_id)
    if run.state == "running":
        if is_worked_on(ctx, run.id):
            raise RunActiveError(run.connector, run)
        return run
    if run.state not in ("paused", *RESUMABLE):
        raise RunOverError(run)
    with ctx.store.write() as connection:
        try:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run.id)
                .values(
                    state="running",
                    active_key=None if run.dry_run else _active_key(run.connector, run.kind),
                    error=None,
                    finished_at=None,
                )
            )
        except sa.exc.IntegrityError:
            connection.rollback()
            under_way = active(ctx, _active_key(run.connector, run.kind))
            raise RunActiveError(run.connector, next(iter(under_way), None)) from None
    return load(ctx, run.id)


def _is_over(connection: Connection, run_id: str) -> tuple[Run, bool]:
    """A run, and whether nothing of it is left to do."""
    run = _made(connection.execute(sa.select(runs).where(runs.c.id == run_id)).one())
    if not run.active or not run.read_all:
        return run, False
    stored = sa.select(pages.c.id).where(pages.c.run_id == run_id, pages.c.state == "stored")
    return run, connection.execute(stored.limit(1)).first() is None


def finish_if_done(ctx: Context, run_id: str) -> bool:
    """End a run when the reader and all pages are done; then, and only then, move watermarks."""
    with ctx.store.read() as connection:  # most pages are not the last: they wait for nobody
        run, over = _is_over(connection, run_id)
    if not over:
        return run.state == "done"
    with ctx.store.write() as connection:
        run, over = _is_over(connection, run_id)
        if not over:
            return run.state == "done"
        _keep_quota(ctx, connection, run.connector)
        wrote = connection.scalar(
            sa.select(sa.func.max(pages.c.wrote_at)).where(pages.c.run_id == run_id)
        )
        ended = connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.state == "running")
            .values(
                state="done",
                active_key=None,
                finished_at=ctx.now(),
                last_write_at=sa.func.coalesce(
                    sa.literal(wrote, UtcDateTime), runs.c.last_write_at
                ),
                error=None,
            )
        )
        if ended.rowcount != 1:
            return load(ctx, run_id).state == "done"
        if run.scope.streams and not run.dry_run and (began := _read_from(run)) is not None:
            position = began - ctx.settings.sync.overlap
            read = [entry for entry in run.reading if not entry.get("hidden")]
            whole = [entry["object"] for entry in read if not entry["since"]]
            lost_fields.record_reread(connection, run.connector, whole, run.opened_at)
            marks = _marks(connection, run.connector) if run.skip.runs else {}
            # A first sync has no watermark to start from: it reads everything too.
            for entry in read:
                if entry["object"] in marks and marks[entry["object"]] >= position:
                    continue
                mark = {
                    "connector": run.connector,
                    "object": entry["object"],
                    "position": position,
                    "run_id": run_id,
                }
                if not entry["since"]:
                    mark["full_at"] = ctx.now()
                upsert(connection, watermarks, [mark])
    return True


def _read_from(run: Run) -> datetime | None:
    """From when on a later run has to read, by the CRM's clock: when this one began, or the first
    of the runs whose writes it left out. None where that is not known: the watermark stays."""
    if run.began_at is None or not run.skip.runs:
        return run.began_at
    return None if run.skip.since == NOTHING.since else min(run.began_at, run.skip.since)


_QUOTA = "quota: "


def _keep_quota(ctx: Context, connection: Connection, connector: str) -> None:
    """What the CRM last said of the day's calls, for whoever looks at the overview."""
    quota = ctx.quotas.get(connector)
    if quota is not None and (left := quota.today) is not None:
        said = {"remaining": left.remaining, "limit": left.limit, "at": ctx.now().isoformat()}
        row = {"name": f"{_QUOTA}{connector}", "value": orjson.dumps(said).decode()}
        upsert(connection, app_state, [row])


def quota_of(ctx: Context, connector: str) -> dict[str, Any] | None:
    """The day's API calls of a CRM as it last said at the end of a run: remaining, limit, at."""
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_QUOTA}{connector}")
    with ctx.store.read() as connection:
        held = connection.scalar(query)
    return orjson.loads(held) if held else None
