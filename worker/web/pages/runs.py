"""Runs: what they did and do, starting one, and what a person does to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from worker.access import audit
from worker.context import Context
from worker.sync.runs import control, forecast, lifecycle, removal_holds, report
from worker.sync.runs.model import NoSuchRunError, Run, RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo as undoing
from worker.web.auth import AdminForm, Form, Viewer
from worker.web.queue import Queue
from worker.web.render import page
from worker.web.scopes import ScopeError, scope_of

_LISTED = 50
Before = Annotated[datetime | None, Query()]


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of runs.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/runs", include_in_schema=False)

    def load(run_id: str) -> Run:
        try:
            return lifecycle.load(ctx, run_id)
        except NoSuchRunError:
            raise HTTPException(404, "There is no such run.") from None

    @routes.get("")
    def listed(
        request: Request, me: Viewer, connector: str = "", state: str = "", reports: bool = False,
        before: Before = None,
    ) -> Response:  # fmt: skip
        if before is not None and before.tzinfo is None:
            raise HTTPException(422, "before: give a time with its time zone")
        recent = lifecycle.recent(ctx, _LISTED + 1, connector[:40], reports, state[:10], before)
        more = recent[_LISTED - 1].opened_at.isoformat() if len(recent) > _LISTED else None
        return page(
            request, "runs.html", me, here="runs", runs=report.summaries(ctx, recent[:_LISTED]),
            more=more, connector=connector, state=state, reports=reports,
            connectors=ctx.settings.active_connectors,
        )  # fmt: skip

    # -- starting one --------------------------------------------------------------------

    @routes.get("/new")
    def start_form(
        request: Request, me: Viewer, connector: str = "", segment: str = ""
    ) -> Response:
        given = {"connector": connector, "kind": "segment" if segment else "changed"}
        key, _, value = segment.partition("=")
        return page(
            request, "run_new.html", me, here="runs", connectors=ctx.settings.active_connectors,
            given={**given, "key": key, "value": value}, problem="",
        )  # fmt: skip

    @routes.post("/confirm")
    def confirm(request: Request, admin: AdminForm) -> Response:
        """What it would look at, and what that may cost at most; or a dry run, which knows."""
        me, form = admin
        try:
            name, scope = _asked(ctx, form)
            if form.get("how") == "dry":
                return started(me.name, name, scope, form, dry_run=True)
            ahead = forecast.upper_bound(ctx, name, scope, form.get("force") == "on")
        except (ScopeError, ConnectorError, RunActiveError) as error:
            return page(
                request, "run_new.html", me, 422, here="runs", given=form, problem=str(error),
                connectors=ctx.settings.active_connectors,
            )  # fmt: skip
        return page(
            request, "run_confirm.html", me, here="runs", form=form, connector=name, scope=scope,
            ahead=ahead,
        )  # fmt: skip

    def started(who: str, name: str, scope: Scope, form: Form, dry_run: bool) -> Response:
        force = form.get("force") == "on"
        why = form.get("why", "").strip()
        run_id = lifecycle.open_run(
            ctx, name, scope, RunOptions(dry_run=dry_run, force=force, opened_by=who, purpose=why)
        )
        if not dry_run:
            audit.note(ctx.store, ctx.now(), who, "run.start", f"{run_id} {name}: {scope}", why)
        queue.go_on(run_id)
        return RedirectResponse(f"/runs/{run_id}", 303)

    @routes.post("")
    def start(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        try:
            if form.get("dry_run_of"):  # what a dry run has told is done for real
                told = load(form["dry_run_of"])
                form["force"] = "on" if told.force else ""
                return started(me.name, told.connector, told.scope, form, dry_run=False)
            name, scope = _asked(ctx, form)
            return started(me.name, name, scope, form, dry_run=False)
        except (ScopeError, ConnectorError, RunActiveError) as error:
            return page(request, "message.html", me, 409, here="runs", text=str(error))

    # -- looking at one --------------------------------------------------------------------

    @routes.get("/{run_id}")
    def detail(request: Request, me: Viewer, run_id: str) -> Response:
        run = load(run_id)
        found = report.run_report(ctx, run.id, most=20)
        found["sources"] = dict(sorted(found["sources"].items(), key=_badness))
        return page(
            request, "run.html", me, here="runs", run=found, opened=run.opened_at, scope=run.scope,
            by=run.opened_by, purpose=run.purpose, links=_links(ctx, found),
            progress=_progress(run, found), may_undo=_may_undo(run, found),
            held=held_by(run.id),
        )  # fmt: skip

    @routes.get("/{run_id}/progress")
    def progress(request: Request, me: Viewer, run_id: str) -> Response:
        """The part of the page that is renewed while a run goes on."""
        run = load(run_id)
        found = report.result(ctx, run.id)
        answer = page(request, "_progress.html", me, run=found, progress=_progress(run, found))
        if not run.active:
            answer.headers["HX-Refresh"] = "true"  # all of the page has changed
        return answer

    @routes.get("/{run_id}/writes")
    def writes(
        request: Request, me: Viewer, run_id: str, after: Annotated[int, Query(ge=0, le=2**62)] = 0
    ) -> Response:
        run = load(run_id)
        rows = report.writes_after(ctx, run.id, after, _LISTED)
        entries = [
            {"id": row.record_id, "object": row.object, "state": row.state, "before": row.before,
             "after": row.after, "message": row.message}
            for row in rows
        ]  # fmt: skip
        links = _links(ctx, {"connector": run.connector, "failures": [], "writes": entries})
        more = rows[-1].id if len(rows) == _LISTED else None
        return page(
            request, "writes.html", me, here="runs", run_id=run.id, writes=entries, links=links,
            more=more, connector=run.connector, dry_run=run.dry_run,
        )  # fmt: skip

    # -- doing something to one ------------------------------------------------------------

    def held_by(run_id: str) -> list[removal_holds.Hold]:
        """Removals that wait for a person since this run."""
        with ctx.store.read() as connection:
            return [hold for hold in removal_holds.load(connection) if hold.run_id == run_id]

    @routes.get("/{run_id}/accept-removals")
    def accept_form(request: Request, me: Viewer, run_id: str) -> Response:
        run = load(run_id)
        held = held_by(run.id)
        if not held:
            raise HTTPException(409, "This run no longer holds any removals.")
        return page(request, "run_removals.html", me, here="runs", run=run, held=held)

    @routes.post("/{run_id}/accept-removals")
    def accept_removals(request: Request, admin: AdminForm, run_id: str) -> Response:
        """Open a full read that carries out what was shown: what the latest one held."""
        me, form = admin
        run, why = load(run_id), form.get("why", "").strip()
        if not held_by(run.id):
            raise HTTPException(409, "This run no longer holds any removals. See the overview.")
        try:
            opened = lifecycle.open_run(
                ctx,
                run.connector,
                Scope("everything"),
                RunOptions(opened_by=me.name, purpose=why, accept_removals=True),
            )
        except (ConnectorError, RunActiveError) as error:
            return page(request, "message.html", me, 409, here="runs", text=str(error))
        target = f"{opened} {run.connector}"
        audit.note(ctx.store, ctx.now(), me.name, "removals.accept", target, why)
        queue.go_on(opened)
        return RedirectResponse(f"/runs/{opened}", 303)

    @routes.get("/{run_id}/undo")
    def undo_form(request: Request, me: Viewer, run_id: str) -> Response:
        run = load(run_id)
        found = report.result(ctx, run.id)
        if not _may_undo(run, found):
            raise HTTPException(
                409, "There is nothing to undo: the run wrote nothing, or is still running."
            )
        return page(
            request, "run_undo.html", me, here="runs", run=found, opened=run.opened_at,
            fields=report.fields_written(ctx, run.id),
        )  # fmt: skip

    @routes.post("/{run_id}/undo")
    def undo(admin: AdminForm, run_id: str) -> Response:
        me, form = admin
        run, why = load(run_id), form.get("why", "").strip()
        try:
            undo_id = undoing.begin(ctx, run.id, by=me.name, why=why)
        except (ConnectorError, RunActiveError) as error:
            raise HTTPException(409, str(error)) from None
        audit.note(ctx.store, ctx.now(), me.name, "run.undo", run.id, why)
        queue.undo(undo_id)
        return RedirectResponse(f"/runs/{undo_id}", 303)

    @routes.post("/{run_id}/{what}")
    def move(admin: AdminForm, run_id: str, what: str) -> Response:
        me, form = admin
        run = load(run_id)
        try:
            if what == "pause":
                control.pause(ctx, run.id, me.name)
            elif what == "cancel":
                control.cancel(ctx, run.id, me.name)
            elif what == "resume":
                lifecycle.resume(ctx, run.id)
                queue.undo(run.id) if run.kind == "undo" else queue.go_on(run.id)
            else:
                raise HTTPException(404, "There is no such page.")
        except (ConnectorError, RunActiveError) as error:
            raise HTTPException(409, str(error)) from None
        why = form.get("why", "").strip()
        audit.note(ctx.store, ctx.now(), me.name, f"run.{what}", run.id, why)
        return RedirectResponse(f"/runs/{run.id}", 303)

    return routes


def _asked(ctx: Context, form: Form) -> tuple[str, Scope]:
    name = form.get("connector", "")
    if name not in ctx.settings.active_connectors:
        raise ScopeError("Choose a connected CRM.")
    return name, scope_of(form)


def _may_undo(run: Run, found: dict[str, Any]) -> bool:
    ended = run.state in ("done", "failed", "stopped", "cancelled")
    return ended and not run.dry_run and found["contacts"]["written"] > 0


def _progress(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    """How far a run is: share, contacts a second, and seconds that are left; as far as is known."""
    read = found["contacts"]["read"]
    stored = found["pages"].get("contacts", read)
    whole = max(stored + run.remaining, read)
    seconds = found["seconds"]
    rate = read / seconds if seconds > 1 and read else 0.0
    return {
        "read": read,
        "of": whole,
        "share": read / whole if whole else 0.0,
        "rate": rate,
        "left": (whole - read) / rate if rate and run.active else None,
    }


def _badness(entry: tuple[str, dict[str, int]]) -> float:
    """The worst source first."""
    _, counts = entry
    return -counts["bad"] / counts["numbers"] if counts["numbers"] else 0.0


def _links(ctx: Context, found: dict[str, Any]) -> dict[str, str]:
    """Record id -> its page in the CRM, where the connector knows such a place."""
    records = [*found["failures"], *found["writes"]]
    name = found["connector"]
    if name not in ctx.settings.active_connectors:
        return {}
    url = ctx.open(name).record_url
    return {entry["id"]: url(entry["object"], entry["id"]) for entry in records}
