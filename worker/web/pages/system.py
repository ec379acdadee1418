"""Spend, providers, settings, alerts, people, tokens and the log of what was done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from config import effective
from config.hints import hint
from worker.access import audit, tokens, users
from worker.access.model import ROLES, SCOPE_WORDS, SCOPES, AccessError, Person, Role
from worker.alerts import notifier
from worker.alerts.channels import channels
from worker.context import Context
from worker.ops import pausing
from worker.queries import audit_words
from worker.verification import spend_report
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.render import page

_DAYS, _LISTED = 30, 100
RowId = Annotated[int | None, Query(ge=0, le=2**62)]


def router(ctx: Context) -> APIRouter:
    """Return the routes of the pages of spend, providers, alerts, settings and access.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/spend")
    def spend(request: Request, me: Viewer) -> Response:
        with ctx.store.read() as connection:
            verification = ctx.settings.verification
            report = spend_report.report(connection, ctx.providers, verification, ctx.now(), _DAYS)
        return page(
            request,
            "spend.html",
            me,
            here="spend",
            spend=report,
            days=_DAYS,
            labels=ctx.providers.labels,
        )

    @routes.get("/providers")
    def providers(request: Request, me: Viewer) -> Response:
        with ctx.store.read() as connection:
            verification = ctx.settings.verification
            report = spend_report.report(connection, ctx.providers, verification, ctx.now(), _DAYS)
        states = {provider["name"]: provider for provider in report["providers"]}
        spent: dict[str, dict[str, float]] = {}
        for row in report["days"]:
            sums = spent.setdefault(row["provider"], {"lookups": 0, "lost": 0, "cost": 0.0})
            for name in sums:
                sums[name] += row[name]
        return page(
            request, "providers.html", me, here="spend", steps=ctx.providers.steps, states=states,
            spent=spent, left_out=ctx.providers.left_out, currency=report["currency"], days=_DAYS,
            tuning=verification.providers,
        )  # fmt: skip

    @routes.get("/settings")
    def settings(request: Request, me: Viewer) -> Response:
        shown = sorted(
            effective.describe(ctx.settings), key=lambda setting: setting.origin == "default"
        )
        path = ctx.settings.toml_path
        return page(
            request, "settings.html", me, here="settings", settings=shown, path=path, hint=hint
        )

    @routes.post("/pause")
    def pause_all(admin: AdminForm) -> Response:
        me, form = admin
        pausing.pause_all(ctx, me.name, reason_in(form))
        return RedirectResponse("/?done=paused", 303)

    @routes.post("/resume")
    def resume_all(admin: AdminForm) -> Response:
        me, _form = admin
        pausing.resume_all(ctx, me.name)
        return RedirectResponse("/?done=resumed", 303)

    @routes.get("/alerts")
    def alerts(request: Request, me: Viewer) -> Response:
        return page(
            request, "alerts.html", me, here="alerts", alerts=notifier.active(ctx),
            channels=channels(ctx.settings),
        )  # fmt: skip

    @routes.get("/audit")
    def log(request: Request, me: Viewer, before: RowId = None) -> Response:
        entries = audit.entries(ctx.store, before, _LISTED)
        next_before = entries[-1]["id"] if len(entries) == _LISTED else None
        worded = audit_words.in_words(ctx, entries)
        return page(request, "audit.html", me, here="access", entries=worded, more=next_before)

    # -- access ----------------------------------------------------------------------------

    def access_page(
        request: Request, me: Person, status: int = 200, secret: str = "", problem: str = ""
    ) -> Response:
        return page(
            request, "access.html", me, status, here="access", users=users.list_users(ctx.store),
            tokens=tokens.list_tokens(ctx.store), scopes=SCOPES, roles=ROLES, secret=secret,
            scope_words=SCOPE_WORDS, problem=problem, shortest=users.SHORTEST,
        )  # fmt: skip

    @routes.get("/access")
    def access(request: Request, me: Viewer) -> Response:
        return access_page(request, me)

    @routes.post("/access/tokens")
    def make_token(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        wanted = [scope for scope in SCOPES if form.get(f"scope-{scope}")]
        try:
            secret, token = tokens.make(ctx.store, form.get("name", ""), wanted, me.name, ctx.now())
        except AccessError as error:
            return access_page(request, me, 422, problem=str(error))
        audit.note(ctx.store, ctx.now(), me.name, "token.make", f"{token.id} {token.name}")
        return access_page(request, me, secret=secret)

    @routes.post("/access/tokens/{token_id}/revoke")
    def revoke(admin: AdminForm, token_id: int) -> Response:
        me, _form = admin
        if not tokens.revoke(ctx.store, token_id, ctx.now()):
            raise HTTPException(404, "There is no such active token.")
        audit.note(ctx.store, ctx.now(), me.name, "token.revoke", str(token_id))
        return RedirectResponse("/access?done=revoked", 303)

    @routes.post("/access/users")
    def put_user(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        role: Role = "admin" if form.get("role") == "admin" else "viewer"
        name = form.get("name", "").strip()
        try:
            users.upsert_user(ctx.store, name, form.get("password", ""), role, ctx.now())
        except AccessError as error:
            return access_page(request, me, 422, problem=str(error))
        audit.note(ctx.store, ctx.now(), me.name, "user.put", f"{name} ({role})")
        return RedirectResponse("/access?done=user", 303)

    @routes.post("/access/users/remove")
    def remove_user(admin: AdminForm) -> Response:
        me, form = admin
        name = form.get("name", "")
        if name == me.name:
            raise HTTPException(409, "You cannot remove yourself.")
        if not users.remove(ctx.store, name):
            raise HTTPException(404, "There is no user with this name.")
        audit.note(ctx.store, ctx.now(), me.name, "user.remove", name)
        return RedirectResponse("/access?done=removed", 303)

    return routes
