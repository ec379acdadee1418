"""How everything stands, on one page: the CRMs, the numbers, the money, and what needs a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from worker.alerts import notifier
from worker.context import Context
from worker.events import backfill
from worker.queries import waiting
from worker.queries.failure_help import REMEDIES
from worker.segments import isolation, queries
from worker.segments.reported import distinct_values
from worker.store import pause
from worker.store.tables import contacts, daily_counts, reviews, runs, watermarks
from worker.sync.runs import crm_quota, removal_holds, report
from worker.sync.runs import lifecycle as run_store
from worker.verification import spend_report

_FAILING = ("failed", "all_failed")


def overview(ctx: Context) -> dict[str, Any]:
    """All of it, in a handful of queries whatever the size."""
    now = ctx.now()
    trend = queries.trend(ctx)
    with ctx.store.read() as connection:
        settings = ctx.settings.verification
        spend = spend_report.report(connection, ctx.providers, settings, now, 2)
        reviews_open = connection.scalar(
            sa.select(sa.func.count()).select_from(reviews).where(reviews.c.decision == "")
        )
        failed = waiting.failures_by_kind(connection)
        untold = waiting.reports_by_connector(connection, sorted(ctx.settings.active_connectors))
        holds = removal_holds.load(connection)
        paused = pause.load(connection)
    return {
        "paused": paused.as_json() if paused else None,
        "connectors": _connectors(ctx),
        "trend": trend,
        "today": _today(trend),
        "spend": spend,
        "needs": {
            "reviews": reviews_open or 0,
            "failures": [
                {"connector": name, "kind": kind, "records": count,
                 "remedy": REMEDIES.get(kind, REMEDIES["other"])}
                for name, kind, count in sorted(failed, key=lambda row: -row[2])
            ],
            "untold": [
                {"connector": name, "reports": count, "since": since.isoformat()}
                for name, count, since in untold
            ],
            "removals": [hold.as_json() for hold in holds],
            "backfills": [
                {"endpoint": endpoint.name, "kind": endpoint.kind, "suppressions": number}
                for endpoint, number in backfill.never_backfilled(ctx)
            ],
            "isolated": [isolated.as_json() for isolated in isolation.active(ctx, 20)],
            "former": [{"connector": name} for name in _former(ctx)],
            "alerts": notifier.active(ctx, 20),
        },
        "runs": report.summaries(ctx, run_store.recent(ctx, 5)),
    }  # fmt: skip


def _connectors(ctx: Context) -> list[dict[str, Any]]:
    now = ctx.now()
    entries = []
    with ctx.store.read() as connection:
        marks = connection.execute(
            sa.select(watermarks.c.connector, sa.func.min(watermarks.c.position)).group_by(
                watermarks.c.connector
            )
        ).all()
        positions = {row.connector: row[1] for row in marks}
        latest = {
            row.connector: row
            for row in connection.execute(
                sa.select(daily_counts)
                .where(daily_counts.c.day >= f"{now - timedelta(days=7):%Y-%m-%d}")
                .order_by(daily_counts.c.day)
            )
        }
    for name in ctx.settings.active_connectors:
        last = run_store.recent(ctx, 1, name)
        position, counted = positions.get(name), latest.get(name)
        # A watermark lies behind the last read by what is read again, and a run takes its time.
        behind = 3 * ctx.settings.sync_of(name).every + ctx.settings.read_again(name)
        late = position is not None and now - position > behind
        failed = any(summary["outcome"] in _FAILING for summary in report.summaries(ctx, last))
        entries.append(
            {
                "name": name,
                "state": "failing" if failed else "late" if late else "well" if last else "new",
                "run": last[0].id if last else None,
                "run_state": last[0].state if last else None,
                "run_at": last[0].opened_at.isoformat() if last else None,
                "error": last[0].error if last else None,
                "watermark": position.isoformat() if position else None,
                "contacts": counted.contacts if counted else None,
                "statuses": dict(counted.statuses) if counted else {},
                "calls_today": _calls_today(ctx, name),
                "quota": crm_quota.last_reported(ctx, name),
            }
        )
    return entries


def _former(ctx: Context) -> list[str]:
    """Return connections that are not connected, and whose records or isolated segments we keep."""
    with ctx.store.read() as connection:
        held = {*distinct_values(connection, contacts.c.connector)}
        held.update(isolation.connectors_with_active(connection))
    return sorted(held.difference(ctx.settings.active_connectors))


def _calls_today(ctx: Context, connector: str) -> int:
    """API calls of the runs that were opened in the last day, and those for people who looked at
    pages."""
    since = ctx.now() - timedelta(days=1)
    query = sa.select(runs.c.id).where(runs.c.connector == connector, runs.c.opened_at > since)
    with ctx.store.read() as connection:
        ids = list(connection.scalars(query.order_by(runs.c.opened_at.desc()).limit(500)))
    return report.calls_of(ctx, ids) + crm_quota.calls_outside_runs(ctx, connector)


def _today(trend: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each status now, and what it was the day before."""
    if not trend:
        return []
    now, before = trend[-1]["statuses"], trend[-2]["statuses"] if len(trend) > 1 else None
    return [
        {"status": status, "fields": now.get(status, 0),
         "change": None if before is None else now.get(status, 0) - before.get(status, 0)}
        for status in sorted({*now, *(before or {})}, key=lambda name: -now.get(name, 0))
    ]  # fmt: skip
