"""Ask campaigns: what each has sent and heard; plan one, start it, pause it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from worker.access import audit
from worker.access.model import Person
from worker.asking import campaigns
from worker.asking.campaigns import Plan
from worker.asking.model import SEGMENT_KEYS, AskingError, Campaign, NoSuchCampaignError
from worker.asking.requests import Typed, read
from worker.context import Context
from worker.web.auth import AdminForm, Viewer
from worker.web.render import page

_CHANGES = {"pause": campaigns.pause, "resume": campaigns.resume, "stop": campaigns.stop}
_DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped"}


def router(ctx: Context) -> APIRouter:
    """Return the routes of the pages of ask campaigns.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/ask", include_in_schema=False)
    currency = ctx.settings.verification.budget.currency

    def shown(listed: list[Campaign]) -> list[dict[str, Any]]:
        done = campaigns.progress(ctx, [campaign.id for campaign in listed])
        return [
            {**campaigns.as_json(each, done[each.id], currency), "reasons": done[each.id].reasons}
            for each in listed
        ]

    def find(name: str) -> Campaign:
        try:
            return campaigns.find(ctx, name)
        except NoSuchCampaignError:
            raise HTTPException(404, "There is no such campaign.") from None

    def list_page(
        request: Request, me: Person, status: int = 200, problem: str = "",
        typed: Typed = Typed(""), planned: Plan | None = None,
    ) -> Response:  # fmt: skip
        return page(
            request, "ask.html", me, status, here="ask", problems=problem.splitlines(),
            entries=shown(campaigns.list_campaigns(ctx)), typed=typed, form=asdict(typed),
            planned=planned.as_json(currency) if planned else None, keys=SEGMENT_KEYS,
            connectors=ctx.settings.active_connectors, currency=currency,
            missing=[] if problem else campaigns.missing_settings(ctx.settings),
        )  # fmt: skip

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        return list_page(request, me)

    @routes.post("/plan")
    def plan(request: Request, admin: AdminForm) -> Response:
        """A dry run: how many would be asked, and what it costs. Nothing is stored."""
        me, form = admin
        typed = Typed.from_form(form)
        try:
            planned = campaigns.plan(ctx, read(typed))
        except AskingError as error:
            return list_page(request, me, 422, str(error), typed)
        return list_page(request, me, typed=typed, planned=planned)

    @routes.post("")
    def start(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        typed = Typed.from_form(form)
        try:
            campaign = campaigns.start(ctx, read(typed), me.name)
        except AskingError as error:
            return list_page(request, me, 422, str(error), typed)
        basis = campaign.basis or "recorded consent"
        audit.note(ctx.store, ctx.now(), me.name, "ask.start", campaign.name, basis)
        return RedirectResponse(f"/ask/{campaign.name}?done=ask-started", 303)

    @routes.get("/{name}")
    def one(request: Request, me: Viewer, name: str) -> Response:
        campaign = find(name)
        [entry] = shown([campaign])
        return page(
            request,
            "ask_campaign.html",
            me,
            here="ask",
            campaign=entry,
            wait_days=ctx.settings.asking.wait_for.days,
        )

    @routes.post("/{name}/{action}")
    def change(request: Request, admin: AdminForm, name: str, action: str) -> Response:
        me, _form = admin
        campaign = find(name)
        if action not in _CHANGES:
            return RedirectResponse(f"/ask/{campaign.name}", 303)
        try:
            _CHANGES[action](ctx, campaign.name)
        except AskingError as error:
            return list_page(request, me, 409, str(error))
        audit.note(ctx.store, ctx.now(), me.name, f"ask.{action}", campaign.name)
        return RedirectResponse(f"/ask/{campaign.name}?done=ask-{_DONE[action]}", 303)

    return routes
