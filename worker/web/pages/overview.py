"""The first page: how everything stands."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from worker.context import Context
from worker.queries.overview import overview
from worker.web.auth import Viewer
from worker.web.render import page


def router(ctx: Context) -> APIRouter:
    """Return the routes of the first page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def home(request: Request, me: Viewer) -> Response:
        return page(request, "overview.html", me, here="overview", **overview(ctx))

    return routes
