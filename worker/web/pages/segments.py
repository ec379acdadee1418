"""Segments: how sources, campaigns, lists, countries and months do; those that are set apart."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from config.segments import SEGMENTS, By
from worker.access import audit
from worker.context import Context
from worker.segments import isolation, queries
from worker.segments.statistics import share
from worker.sync.runs import audits
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.encrypted_numbers import encrypt_number
from worker.web.queue import Queue
from worker.web.render import page

_LISTED = 200


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of segments."""
    routes = APIRouter(prefix="/segments", include_in_schema=False)

    @routes.get("")
    def listed(request: Request, me: Viewer, by: By = "source", connector: str = "") -> Response:
        rows = queries.list_segments(ctx, by, _LISTED, connector[:40])
        reach = next(
            (end for end in (0.1, 0.25, 0.5) if all(row["high"] <= end for row in rows)), 1.0
        )
        return page(
            request, "segments.html", me, here="segments", by=by, kinds=SEGMENTS, segments=rows,
            reach=reach, threshold=ctx.settings.segments.threshold, connector=connector,
            connectors=ctx.settings.active_connectors, apart=_standing(ctx),
        )  # fmt: skip

    @routes.get("/shared")
    def shared(request: Request, me: Viewer) -> Response:
        rows = queries.list_shared_numbers(ctx)
        for row in rows:
            row["path"] = f"/numbers/{encrypt_number(ctx.keys, row['number'])}"
        return page(
            request, "shared.html", me, here="segments", numbers=rows,
            least=ctx.settings.segments.placeholder_from,
        )  # fmt: skip

    @routes.get("/history")
    def history(request: Request, me: Viewer) -> Response:
        rows = [_with_shares(isolated) for isolated in isolation.history(ctx)]
        return page(request, "isolations.html", me, here="segments", isolations=rows)

    @routes.post("/isolate")
    def set_apart(admin: AdminForm) -> Response:
        me, form = admin
        by, value, name = form.get("by", ""), form.get("value", ""), form.get("connector", "")
        why = reason_in(form)
        isolated = isolation.isolate(ctx, name, by, value, why, who=me.name)
        if isolated is None:
            raise HTTPException(409, "The segment is already isolated.")
        audit.note(ctx.store, ctx.now(), me.name, "segment.isolate", f"{name} {by}={value}", why)
        for run_id in audits.next_audits(ctx):
            queue.go_on(run_id)
        return RedirectResponse(f"/segments?by={by}&done=isolated", 303)

    @routes.post("/{isolation_id}/release")
    def release(admin: AdminForm, isolation_id: int) -> Response:
        me, form = admin
        why = reason_in(form)
        released = isolation.release(ctx, isolation_id, me.name, why)
        target = f"{released.connector} {released.name}"
        audit.note(ctx.store, ctx.now(), me.name, "segment.release", target, why)
        for run_id in audits.next_audits(ctx):
            queue.go_on(run_id)
        return RedirectResponse(f"/segments?by={released.by}&done=released", 303)

    return routes


def _standing(ctx: Context) -> list[dict[str, object]]:
    return [_with_shares(isolated) for isolated in isolation.active(ctx)]


def _with_shares(isolated: isolation.Isolation) -> dict[str, object]:
    """With the share of bad phone fields before and after its audit."""
    row = isolated.as_json()
    for when in ("before", "after"):
        counts = row[when]
        row[f"{when}_share"] = share(counts["bad"], counts["numbers"]) if counts else None
    return row
