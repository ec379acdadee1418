"""What runs did: their counts and results, what they wrote, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.store.bulk import chunks
from worker.store.lost_fields import lost_during
from worker.store.states import PageState, RunState, WriteState
from worker.store.tables import pages, runs, writes
from worker.sync import consent_writes, owner_tasks
from worker.sync.runs import removal_holds
from worker.sync.runs.lifecycle import load
from worker.sync.runs.model import Run
from worker.sync.runs.scope import undo_target
from worker.verification import spend_report


@dataclass(frozen=True)
class Totals:
    """What a run has done so far, summed over its pages."""

    pages: int
    pages_done: int
    parked: int
    retries: int
    size: int
    read: int
    changed: int
    written: int
    failed: int
    gone: int
    not_visible: int = 0


def totals(ctx: Context, run_id: str) -> Totals:
    c = pages.c
    query = sa.select(
        sa.func.count(),
        *(
            sa.func.coalesce(sa.func.sum(value), 0)
            for value in (
                sa.case((c.state != PageState.STORED, 1), else_=0),
                sa.case((c.state == PageState.PARKED, 1), else_=0),
                sa.case((c.attempts > 1, c.attempts - 1), else_=0),
                c.size,
                c.read,
                c.changed,
                c.written,
                c.failed,
                c.gone,
                c.not_visible,
            )
        ),
    ).where(c.run_id == run_id)
    with ctx.store.read() as connection:
        return Totals(*map(int, connection.execute(query).one()))


def summaries(ctx: Context, listed: Sequence[Run]) -> list[dict[str, Any]]:
    """Runs with their counts, for lists: two queries however many they are."""
    c, w = pages.c, writes.c
    ids = [run.id for run in listed]
    names = ("read", "changed", "written", "failed", "gone")
    summed = (
        sa.select(c.run_id, *(sa.func.coalesce(sa.func.sum(c[name]), 0) for name in names))
        .where(c.run_id.in_(ids))
        .group_by(c.run_id)
    )
    undone = [run.id for run in listed if run.kind == "undo"]
    restored = (
        sa.select(w.run_id, sa.func.count())
        .where(w.run_id.in_(undone), w.state == WriteState.DONE)
        .group_by(w.run_id)
    )
    with ctx.store.read() as connection:
        sums = {row[0]: dict(zip(names, map(int, row[1:]), strict=True))
                for row in connection.execute(summed)}  # fmt: skip
        for run_id, count in connection.execute(restored) if undone else ():
            sums[run_id] = {**dict.fromkeys(names, 0), "written": count, "changed": count}
    return [
        {
            "run": run.id,
            "connector": run.connector,
            "kind": run.kind,
            "scope": str(run.scope) if run.kind != "undo" else _undo_in_words(run),
            "state": run.state,
            "outcome": outcome(run.state, sums.get(run.id) or {}),
            "dry_run": run.dry_run,
            "opened_at": run.opened_at.isoformat(),
            "opened_by": run.opened_by,
            "purpose": run.purpose,
            "error": run.error,
            "contacts": sums.get(run.id) or dict.fromkeys(names, 0),
            "seconds": round(
                max(0.0, ((run.finished_at or ctx.now()) - run.opened_at).total_seconds()), 1
            ),
        }
        for run in listed
    ]


def _undo_in_words(run: Run) -> str:
    undone, records = undo_target(run.scope)
    limit = f", {len(records)} record{'' if len(records) == 1 else 's'}" if records else ""
    return f"undo of {undone}{limit}"


def outcome(state: str, contacts: Mapping[str, int]) -> str:
    """How a run is to be called, by its state and its counts: one whose records failed is done and
    yet not well.

    >>> outcome("done", {"changed": 9, "failed": 0}), outcome("done", {"changed": 9, "failed": 2})
    ('done', 'done_with_failures')
    >>> outcome("done", {"changed": 9, "failed": 9})
    'all_failed'
    """
    failed = contacts.get("failed", 0)
    if state != RunState.DONE or not failed:
        return state
    return "all_failed" if failed >= contacts.get("changed", 0) else "done_with_failures"


def calls_of(ctx: Context, run_ids: Sequence[str]) -> int:
    """API calls that these runs have made."""
    total = 0
    with ctx.store.read() as connection:
        for chunk in chunks(run_ids):
            for calls in connection.scalars(
                sa.select(runs.c.reader_calls).where(runs.c.id.in_(chunk))
            ):
                total += sum(calls.values())
            for counts in connection.scalars(
                sa.select(pages.c.counts).where(
                    pages.c.run_id.in_(chunk), pages.c.counts.is_not(None)
                )
            ):
                total += sum((counts or {}).get("api", {}).values())
    return total


def _undone(ctx: Context, run_id: str) -> Totals:
    """An undo has no pages: what it did is told by its writes."""
    query = (
        sa.select(writes.c.state, sa.func.count())
        .where(writes.c.run_id == run_id)
        .group_by(writes.c.state)
    )
    with ctx.store.read() as connection:
        count = {row.state: row[1] for row in connection.execute(query)}
    done, failed = count.get("done", 0), count.get("failed", 0)
    read = sum(count.values())
    return Totals(0, 0, 0, 0, read, read, done + failed, done, failed, 0)


def add_up(ctx: Context, run: Run) -> dict[str, Any]:
    """The counts that pages keep as JSON, summed: statuses, lookups, API calls, sources, records
    that a quiet first sync spares, fields that are read differently."""
    fields: Counter[str] = Counter()
    api: Counter[str] = Counter(run.reader_calls)
    lookups: dict[str, dict[str, Any]] = {
        step.name: {"asked": 0, "reused": 0, "failed": 0, "cost": Decimal(0)}
        for step in ctx.providers.steps
    }
    sources: dict[str, Counter[str]] = {}
    spared = tasks = consents = 0
    readings: Counter[str] = Counter()
    query = sa.select(pages.c.counts).where(pages.c.run_id == run.id, pages.c.counts.is_not(None))
    with ctx.store.read() as connection:
        for counts in connection.scalars(query):
            if not counts:
                continue
            fields.update(counts["fields"])
            spared += counts.get("spared", 0)
            tasks += counts.get("owner_tasks", 0)
            consents += counts.get("consent_writes", 0)
            readings.update(counts.get("readings", {}))
            api.update(counts["api"])
            for name, numbers in counts["lookups"].items():
                sums = lookups.setdefault(
                    name, {"asked": 0, "reused": 0, "failed": 0, "cost": Decimal(0)}
                )
                for key in ("asked", "reused", "failed"):
                    sums[key] += numbers[key]
                sums["cost"] += Decimal(numbers["cost"])
            for source, numbers in counts["sources"].items():
                sources.setdefault(source, Counter()).update(numbers)
    for sums in lookups.values():
        sums["cost"] = float(sums["cost"])
    return {
        "fields": dict(fields),
        "lookups": lookups,
        "api_calls": {kind: api[kind] for kind in ("read", "write", "other")},
        "sources": {name: dict(numbers) for name, numbers in sources.items()},
        "spared": spared,
        "tasks": tasks,
        "consents": consents,
        "readings": {key: readings[key] for key in ("contacts", "fields", "numbers", "waiting")},
    }


def result(ctx: Context, run_id: str) -> dict[str, Any]:
    """What `sync --json` says of a run (the contract of the design)."""
    run = load(ctx, run_id)
    sums = totals(ctx, run.id) if run.kind != "undo" else _undone(ctx, run.id)
    added = add_up(ctx, run)
    sources, spared, tasks, consents = (
        added.pop(name) for name in ("sources", "spared", "tasks", "consents")
    )
    if run.dry_run:
        # Spared records were counted as changed where the setting is off, and not where it is on.
        quiet = ctx.settings.policy.quiet_first_sync
        added["would_write"] = {
            "loud": sums.changed + (spared if quiet else 0),
            "quiet": sums.changed - (0 if quiet else spared),
        }
        with ctx.store.read() as connection:
            settings = ctx.settings.verification
            ahead = spend_report.forecast(
                connection, ctx.providers, settings, ctx.now(), added["lookups"]
            )
        added["forecast"] = ahead.as_json()
    end = run.finished_at or ctx.now()
    undoing = run.kind == "undo"
    lost = [] if undoing else lost_during(ctx.store, run.connector, run.opened_at, end)
    return {
        "run": run.id,
        "connector": run.connector,
        "state": run.state,
        "outcome": outcome(run.state, {"changed": sums.changed, "failed": sums.failed}),
        "dry_run": run.dry_run,
        "kind": run.kind,
        "scope": run.scope.kind,
        "contacts": {
            "read": sums.read,
            "changed": sums.changed,
            "written": sums.written,
            "failed": sums.failed,
            "unchanged": sums.read - sums.changed,
            "gone": sums.gone,
        },
        "not_visible": sums.not_visible,
        "owner_tasks": {"asked": tasks} if run.dry_run else owner_tasks.counts_of(ctx, run.id),
        "consent_writes": (
            {"asked": consents} if run.dry_run else consent_writes.counts_of(ctx, run.id)
        ),
        "removals": removal_holds.summarize(run.reading),
        **added,
        "sources": sources,
        "pages": {
            "stored": sums.pages,
            "contacts": sums.size,
            "done": sums.pages_done,
            "parked": sums.parked,
            "retries": sums.retries,
        },
        "hidden_fields": [lost_field.as_json() for lost_field in lost],
        "notes": [*(lost_field.text(run.connector) for lost_field in lost), *run.notes],
        "error": run.error,
        "seconds": round(max(0.0, (end - run.opened_at).total_seconds()), 3),
    }


def run_report(ctx: Context, run_id: str, most: int = 10) -> dict[str, Any]:
    """A run's result together with what failed, by kind, and its latest writes."""
    failed = [
        {
            "object": row.object,
            "id": row.record_id,
            "kind": row.kind or "other",
            "message": row.message,
            "written": row.after if row.before.keys() == row.after.keys() else {},
        }
        for row in writes_of(ctx, run_id, (WriteState.FAILED,))
    ]
    query = sa.select(pages).where(pages.c.run_id == run_id, pages.c.state == PageState.PARKED)
    with ctx.store.read() as connection:
        parked = [
            {"object": row.object, "page": row.seq, "contacts": row.size, "message": row.error}
            for row in connection.execute(query)
        ]
    return {
        **result(ctx, run_id),
        "failures_by_kind": dict(Counter(entry["kind"] for entry in failed)),
        "failures": failed,
        "parked_pages": parked,
        "writes": [
            {
                "object": row.object,
                "id": row.record_id,
                "state": row.state,
                "before": row.before,
                "after": row.after,
            }
            for row in writes_of(
                ctx, run_id, (WriteState.DONE, WriteState.FORECAST, WriteState.PENDING), most
            )
        ],
    }


def writes_of(
    ctx: Context, run_id: str, states: Sequence[str] = (), limit: int | None = None
) -> list[Any]:
    query = sa.select(writes).where(writes.c.run_id == run_id).order_by(writes.c.id)
    if states:
        query = query.where(writes.c.state.in_(states))
    with ctx.store.read() as connection:
        return list(connection.execute(query.limit(limit)).all())


def writes_after(ctx: Context, run_id: str, after: int, limit: int) -> list[Any]:
    """A run's writes in their order, behind one of them."""
    c = writes.c
    query = sa.select(writes).where(c.run_id == run_id, c.id > after).order_by(c.id).limit(limit)
    with ctx.store.read() as connection:
        return list(connection.execute(query).all())


def fields_written(ctx: Context, run_id: str, most: int = 20_000) -> dict[str, int]:
    """Which fields a run has written, and how often; of so many writes at most."""
    query = (
        sa.select(writes.c.after)
        .where(writes.c.run_id == run_id, writes.c.state == WriteState.DONE)
        .limit(most)
    )
    counts: Counter[str] = Counter()
    with ctx.store.read() as connection:
        for after in connection.scalars(query):
            counts.update((after or {}).keys())
    return dict(counts.most_common())
