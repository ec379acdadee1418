"""Starting a run: the form, what it may cost, and the start itself."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from connectors.plain_words import describe
from worker.access import audit
from worker.context import Context
from worker.queries.search import SegmentMatch, near_segments
from worker.sync.runs import forecast, lifecycle
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.web.auth import AdminForm, Form, Viewer
from worker.web.pages.loading import load_run
from worker.web.queue import Queue
from worker.web.render import page
from worker.web.scopes import ScopeError, scope_of


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes that start a run. /runs/new comes before /runs/{run_id}.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/runs", include_in_schema=False)

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
            name, scope = _connector_and_scope(ctx, form)
            dry_run = form.get("how") == "dry"
            ahead = forecast.upper_bound(ctx, name, scope, form.get("force") == "on")
            nothing = ahead["records"] == 0 and scope.kind != "everything"
            if dry_run and (not nothing or form.get("anyway")):
                return open_run(me.name, name, scope, form, dry_run=True)
        except (ScopeError, ConnectorError, RunActiveError) as error:
            problem = describe(error, form.get("connector", ""))
            return page(
                request, "run_new.html", me, 422, here="runs", given=form, problem=problem,
                connectors=ctx.settings.active_connectors,
            )  # fmt: skip
        return page(
            request, "run_confirm.html", me, here="runs", form=form, connector=name, scope=scope,
            ahead=ahead, nothing=nothing, dry_run=dry_run,
            near=_near(ctx, name, scope) if nothing else (),
        )  # fmt: skip

    def open_run(who: str, name: str, scope: Scope, form: Form, dry_run: bool) -> Response:
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
                dry_run = load_run(ctx, form["dry_run_of"])
                form["force"] = "on" if dry_run.force else ""
                return open_run(me.name, dry_run.connector, dry_run.scope, form, dry_run=False)
            name, scope = _connector_and_scope(ctx, form)
            return open_run(me.name, name, scope, form, dry_run=False)
        except (ScopeError, ConnectorError, RunActiveError) as error:
            return page(
                request,
                "message.html",
                me,
                409,
                here="runs",
                text=describe(error, form.get("connector", "")),
            )

    return routes


def _connector_and_scope(ctx: Context, form: Form) -> tuple[str, Scope]:
    name = form.get("connector", "")
    if name not in ctx.settings.active_connectors:
        raise ScopeError("Choose a connected CRM.")
    return name, scope_of(form)


def _near(ctx: Context, connector: str, scope: Scope) -> Sequence[SegmentMatch]:
    """Segments with a like name: the one that was meant is often among them."""
    if scope.kind != "segment":
        return ()
    return near_segments(ctx, scope.values[0], connector, scope.key)
