"""What a person does to a run: accept its removals, undo, pause, cancel and resume it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from connectors.plain_words import describe
from worker.access import audit
from worker.context import Context
from worker.sync.runs import control, lifecycle, report
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo as undoing
from worker.web.auth import AdminForm, Viewer
from worker.web.pages.loading import load_holds, load_run, may_undo
from worker.web.queue import Queue
from worker.web.render import page


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of these actions. The last one takes any word after the run's id.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/runs", include_in_schema=False)

    @routes.get("/{run_id}/accept-removals")
    def accept_form(request: Request, me: Viewer, run_id: str) -> Response:
        run = load_run(ctx, run_id)
        holds = load_holds(ctx, run.id)
        if not holds:
            raise HTTPException(409, "This run no longer holds any removals.")
        return page(request, "run_removals.html", me, here="runs", run=run, held=holds)

    @routes.post("/{run_id}/accept-removals")
    def accept_removals(request: Request, admin: AdminForm, run_id: str) -> Response:
        """Open a full read that carries out what was shown: what the latest one held."""
        me, form = admin
        run, why = load_run(ctx, run_id), form.get("why", "").strip()
        if not load_holds(ctx, run.id):
            raise HTTPException(409, "This run no longer holds any removals. See the overview.")
        try:
            opened = lifecycle.open_run(
                ctx,
                run.connector,
                Scope("everything"),
                RunOptions(opened_by=me.name, purpose=why, accept_removals=True),
            )
        except (ConnectorError, RunActiveError) as error:
            return page(
                request, "message.html", me, 409, here="runs", text=describe(error, run.connector)
            )
        target = f"{opened} {run.connector}"
        audit.note(ctx.store, ctx.now(), me.name, "removals.accept", target, why)
        queue.go_on(opened)
        return RedirectResponse(f"/runs/{opened}", 303)

    @routes.get("/{run_id}/undo")
    def undo_form(
        request: Request, me: Viewer, run_id: str,
        record: Annotated[str, Query(alias="id", max_length=80)] = "",
    ) -> Response:  # fmt: skip
        run = load_run(ctx, run_id)
        result = report.result(ctx, run.id)
        if not may_undo(run, result):
            raise HTTPException(
                409, "There is nothing to undo: the run wrote nothing, or is still running."
            )
        return page(
            request, "run_undo.html", me, here="runs", run=result, opened=run.opened_at,
            fields={} if record else report.fields_written(ctx, run.id), record=record,
        )  # fmt: skip

    @routes.post("/{run_id}/undo")
    def undo(admin: AdminForm, run_id: str) -> Response:
        me, form = admin
        run, why = load_run(ctx, run_id), form.get("why", "").strip()
        only = [record] if (record := form.get("id", "").strip()) else []
        try:
            undo_id = undoing.begin(ctx, run.id, by=me.name, why=why, only=only)
        except (ConnectorError, RunActiveError) as error:
            raise HTTPException(409, describe(error, run.connector)) from None
        audit.note(ctx.store, ctx.now(), me.name, "run.undo", " ".join([run.id, *only]), why)
        queue.undo(undo_id)
        return RedirectResponse(f"/runs/{undo_id}", 303)

    @routes.post("/{run_id}/{action}")
    def move(admin: AdminForm, run_id: str, action: str) -> Response:
        me, form = admin
        run = load_run(ctx, run_id)
        try:
            if action == "pause":
                control.pause(ctx, run.id, me.name)
            elif action == "cancel":
                control.cancel(ctx, run.id, me.name)
            elif action == "resume":
                lifecycle.resume(ctx, run.id)
                queue.undo(run.id) if run.kind == "undo" else queue.go_on(run.id)
            else:
                raise HTTPException(404, "There is no such page.")
        except (ConnectorError, RunActiveError) as error:
            raise HTTPException(409, describe(error, run.connector)) from None
        why = form.get("why", "").strip()
        audit.note(ctx.store, ctx.now(), me.name, f"run.{action}", run.id, why)
        return RedirectResponse(f"/runs/{run.id}", 303)

    return routes
