"""Runs: the list of them, and what one did and does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from worker.context import Context
from worker.store.states import RunState
from worker.sync.runs import lifecycle, report
from worker.sync.runs.model import Run
from worker.sync.runs.scope import undo_target
from worker.web.auth import Viewer
from worker.web.pages import run_actions, run_start
from worker.web.pages.loading import load_holds, load_run, may_undo
from worker.web.queue import Queue
from worker.web.render import page

_LISTED = 50
Before = Annotated[datetime | None, Query()]


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of runs."""
    routes = APIRouter()
    routes.include_router(run_start.router(ctx, queue))
    routes.include_router(_reading(ctx))
    routes.include_router(run_actions.router(ctx, queue))
    return routes


def _reading(ctx: Context) -> APIRouter:
    """Return the routes of the list and of one run.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/runs", include_in_schema=False)

    @routes.get("")
    def listed(
        request: Request, me: Viewer, connector: str = "", state: str = "", reports: bool = False,
        before: Before = None,
    ) -> Response:  # fmt: skip
        if before is not None and before.tzinfo is None:
            raise HTTPException(422, "before: give a time with its time zone")
        wanted = lifecycle.FAILING if state == RunState.FAILED else state[:10]
        recent = lifecycle.recent(ctx, _LISTED + 1, connector[:40], reports, wanted, before)
        next_before = recent[_LISTED - 1].opened_at.isoformat() if len(recent) > _LISTED else None
        return page(
            request, "runs.html", me, here="runs", runs=report.summaries(ctx, recent[:_LISTED]),
            more=next_before, connector=connector, state=state, reports=reports,
            connectors=ctx.settings.active_connectors,
        )  # fmt: skip

    @routes.get("/{run_id}")
    def detail(request: Request, me: Viewer, run_id: str) -> Response:
        run = load_run(ctx, run_id)
        shown = report.run_report(ctx, run.id, most=20)
        shown["sources"] = dict(sorted(shown["sources"].items(), key=_badness))
        held = load_holds(ctx, run.id)
        told = {hold.reason for hold in held}  # each with its button, rather than twice
        shown["notes"] = [note for note in shown["notes"] if note not in told]
        return page(
            request, "run.html", me, here="runs", run=shown, opened=run.opened_at, scope=run.scope,
            by=run.opened_by, purpose=run.purpose, links=_links(ctx, shown),
            progress=_progress(run, shown), may_undo=may_undo(run, shown),
            undone=undo_target(run.scope) if run.kind == "undo" else None,
            held=held, scope_filter=_scope_filter(run),
            currency=ctx.settings.verification.budget.currency, labels=ctx.providers.labels,
        )  # fmt: skip

    @routes.get("/{run_id}/progress")
    def progress(request: Request, me: Viewer, run_id: str) -> Response:
        """The part of the page that is renewed while a run goes on."""
        run = load_run(ctx, run_id)
        result = report.result(ctx, run.id)
        answer = page(request, "_progress.html", me, run=result, progress=_progress(run, result))
        if not run.active:
            answer.headers["HX-Refresh"] = "true"  # all of the page has changed
        return answer

    @routes.get("/{run_id}/writes")
    def writes(
        request: Request, me: Viewer, run_id: str, after: Annotated[int, Query(ge=0, le=2**62)] = 0
    ) -> Response:
        run = load_run(ctx, run_id)
        rows = report.writes_after(ctx, run.id, after, _LISTED)
        entries = [
            {"id": row.record_id, "object": row.object, "state": row.state, "before": row.before,
             "after": row.after, "message": row.message}
            for row in rows
        ]  # fmt: skip
        links = _links(ctx, {"connector": run.connector, "failures": [], "writes": entries})
        next_before = rows[-1].id if len(rows) == _LISTED else None
        return page(
            request, "writes.html", me, here="runs", run_id=run.id, writes=entries, links=links,
            more=next_before, connector=run.connector, dry_run=run.dry_run,
            may_undo=bool(rows) and may_undo(run, report.result(ctx, run.id)),
        )  # fmt: skip

    return routes


def _progress(run: Run, result: Mapping[str, Any]) -> dict[str, Any]:
    """How far a run is: share, contacts a second, and seconds that are left; as far as is known."""
    read = result["contacts"]["read"]
    stored = result["pages"].get("contacts", read)
    whole = max(stored + run.remaining, read)
    seconds = result["seconds"]
    rate = read / seconds if seconds > 1 and read else 0.0
    return {
        "read": read,
        "of": whole,
        "share": read / whole if whole else 0.0,
        "rate": rate,
        "left": (whole - read) / rate if rate and run.active else None,
    }


def _scope_filter(run: Run) -> dict[str, str]:
    """Which contacts a run has looked at, as a filter of the list of contacts; none where only its
    writes tell. A dry run changes nothing that the list could show."""
    if run.scope.kind == "everything":
        return {"connector": run.connector}
    if run.scope.kind == "segment":
        return {"connector": run.connector, "by": run.scope.key, "value": run.scope.values[0]}
    return {}


def _badness(entry: tuple[str, dict[str, int]]) -> float:
    """The worst source first."""
    _, counts = entry
    return -counts["bad"] / counts["numbers"] if counts["numbers"] else 0.0


def _links(ctx: Context, shown: Mapping[str, Any]) -> dict[str, str]:
    """Record id -> its page in the CRM, where the connector knows such a place."""
    records = [*shown["failures"], *shown["writes"]]
    name = shown["connector"]
    if name not in ctx.settings.active_connectors:
        return {}
    url = ctx.open(name).record_url
    return {entry["id"]: url(entry["object"], entry["id"]) for entry in records}
