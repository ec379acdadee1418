"""The first page: how everything stands, or the first steps where no sync has been finished yet."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from worker.context import Context
from worker.queries import first_steps
from worker.queries.overview import overview
from worker.web.auth import Viewer
from worker.web.render import page


def router(ctx: Context) -> APIRouter:
    """Return the routes of the first page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def home(request: Request, me: Viewer) -> Response:
        figures = overview(ctx)
        steps = [] if first_steps.is_dismissed(ctx) else first_steps.steps(ctx)
        if first_steps.are_done(steps):
            steps = []
        to_do = sum(step.state in ("to_do", "failed") for step in steps)
        return page(
            request, "overview.html", me, here="overview",
            first_steps=steps, steps_left=to_do, first=not first_steps.has_synced(ctx), **figures,
        )  # fmt: skip

    return routes
