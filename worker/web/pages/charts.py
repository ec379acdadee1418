"""Plots, each loaded by itself after its page stands, and the page of one segment."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from config.segments import By
from worker.context import Context
from worker.queries import charts
from worker.segments import isolation, queries
from worker.web.auth import Viewer
from worker.web.pages.loading import load_run
from worker.web.render import page

_CHARTS = {
    "statuses": charts.status_shares,
    "bad": charts.bad_by_week,
    "reports": charts.reports_by_week,
    "delays": charts.delays_by_week,
    "spend": charts.spend_by_day,
}


def router(ctx: Context) -> APIRouter:
    """Return the routes of plots and of a segment's page."""
    routes = APIRouter(include_in_schema=False)

    def drawn(request: Request, me: Viewer, chart: charts.Chart) -> Response:
        return page(request, "_chart.html", me, chart=chart)

    @routes.get("/charts/segment")
    def segment_chart(request: Request, me: Viewer, connector: str, by: By, value: str) -> Response:
        return drawn(request, me, charts.segment_by_week(ctx, connector[:40], by, value[:255]))

    @routes.get("/charts/origins")
    def origins(request: Request, me: Viewer) -> Response:
        return page(request, "_origins.html", me, parts=charts.number_origins(ctx))

    @routes.get("/charts/runs/{run_id}")
    def run_chart(request: Request, me: Viewer, run_id: str) -> Response:
        run = load_run(ctx, run_id)
        return page(request, "_chart.html", me, chart=charts.throughput(ctx, run.id), live=run)

    @routes.get("/charts/{name}")
    def chart(request: Request, me: Viewer, name: str) -> Response:
        if name not in _CHARTS:
            raise HTTPException(404, "There is no such chart.")
        return drawn(request, me, _CHARTS[name](ctx))

    @routes.get("/segments/of")
    def segment(request: Request, me: Viewer, connector: str, by: By, value: str) -> Response:
        """One segment: how it does now and did before, and what can be done with it."""
        details = queries.find_segment(ctx, by, connector[:40], value[:255])
        if details is None:
            raise HTTPException(404, f"No contact of {connector} has the {by} {value}.")
        isolated = next(
            (
                entry
                for entry in isolation.active(ctx, 10_000)
                if (entry.connector, entry.by, entry.value) == (connector, by, value)
            ),
            None,
        )
        return page(
            request, "segment.html", me, here="segments", segment=details, isolated=isolated,
            threshold=ctx.settings.segments.threshold,
        )  # fmt: skip

    return routes
