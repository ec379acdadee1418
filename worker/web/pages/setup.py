"""Getting started: the first steps of an installation, and the button that tests a connection."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from worker.access import audit
from worker.context import Context
from worker.ops.connection_check import check_connection
from worker.queries import first_steps
from worker.web.auth import AdminForm, Viewer
from worker.web.render import page
from worker.web.webhook_check import check_webhooks


def router(ctx: Context) -> APIRouter:
    """Return the routes of the first steps."""
    routes = APIRouter(prefix="/setup", include_in_schema=False)

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        return page(
            request, "setup.html", me, here="settings", steps=first_steps.steps(ctx),
            dismissed=first_steps.is_dismissed(ctx),
        )  # fmt: skip

    @routes.post("/check/{connector}")
    def check(request: Request, admin: AdminForm, connector: str) -> Response:
        """Test a connection; the list comes back with what it brought."""
        me, _form = admin
        if connector not in ctx.settings.active_connectors:
            raise HTTPException(404, f"{connector} is not connected.")
        check_connection(ctx, connector)
        audit.note(ctx.store, ctx.now(), me.name, "setup.check", connector)
        if "hx-request" not in request.headers:
            return RedirectResponse("/setup", 303)
        return page(request, "_steps.html", me, steps=first_steps.steps(ctx))

    @routes.post("/check-webhooks/{service}")
    def check_one_webhook(request: Request, admin: AdminForm, service: str) -> Response:
        """Send a signed request to our own PUBLIC_URL; the list comes back with what it brought."""
        me, _form = admin
        try:
            check_webhooks(ctx, service)
        except KeyError:
            raise HTTPException(404, f"The webhooks of {service} are not set up.") from None
        audit.note(ctx.store, ctx.now(), me.name, "setup.check_webhooks", service)
        if "hx-request" not in request.headers:
            return RedirectResponse("/setup", 303)
        return page(request, "_steps.html", me, steps=first_steps.steps(ctx))

    @routes.post("/dismiss")
    def dismiss(admin: AdminForm) -> Response:
        me, _form = admin
        first_steps.dismiss(ctx)
        audit.note(ctx.store, ctx.now(), me.name, "setup.dismiss", "")
        return RedirectResponse("/", 303)

    @routes.post("/reopen")
    def reopen(admin: AdminForm) -> Response:
        me, _form = admin
        first_steps.dismiss(ctx, False)
        audit.note(ctx.store, ctx.now(), me.name, "setup.reopen", "")
        return RedirectResponse("/", 303)

    return routes
