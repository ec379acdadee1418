"""The web application: is it alive, is it ready, and what do the runs do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from config.settings import Settings
from worker import embedded
from worker.feedback import evidence
from worker.store.db import StoreError, is_current
from worker.story import number_of
from worker.sync import runs
from worker.sync.context import Context
from worker.sync.runs import NoSuchRunError
from worker.verification import spending
from worker.web import api, confirm, webhooks
from worker.web.body import RawBody, form_of
from worker.web.guard import admin_only
from worker.web.notify import Notify, tell_the_queue

_HERE = Path(__file__).parent
_RUNS_SHOWN, _DAYS_SHOWN = 50, 30
_pages = Jinja2Templates(_HERE / "templates")
_SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def make_app(settings: Settings, notify: Notify = tell_the_queue) -> FastAPI:
    """`notify` is called when a report was stored: what stands in the tables is to be done."""
    ctx = Context.create(settings)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        ctx.close()

    app = FastAPI(title="Phone Hygiene", lifespan=life, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.ctx = ctx
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")

    @app.middleware("http")
    async def safe(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        for name, value in _SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        """The process is there; nothing more is asked."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> JSONResponse:
        """Database and Redis answer, and the tables have the right form."""
        found = {"database": _database(settings), "redis": _redis(settings)}
        ready = all(state == "ok" for state in found.values())
        return JSONResponse(found, 200 if ready else 503)

    app.include_router(webhooks.router(ctx, notify))
    app.include_router(api.router(ctx, notify))
    app.include_router(confirm.router(ctx, notify))
    guarded = [Depends(admin_only)]

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/runs")

    @app.get("/runs", dependencies=guarded, include_in_schema=False)
    def run_list(request: Request) -> HTMLResponse:
        listed = [runs.result(ctx, run.id) for run in runs.recent(ctx, _RUNS_SHOWN)]
        opened = {run.id: run.opened_at for run in runs.recent(ctx, _RUNS_SHOWN)}
        return _pages.TemplateResponse(request, "runs.html", {"runs": listed, "opened": opened})

    @app.get("/runs/{run_id}", dependencies=guarded, include_in_schema=False)
    def run_detail(request: Request, run_id: str) -> HTMLResponse:
        try:
            run = runs.load(ctx, run_id)
        except NoSuchRunError:
            raise HTTPException(404, "There is no such run.") from None
        found = runs.account(ctx, run.id, most=50)
        found["sources"] = dict(sorted(found["sources"].items(), key=_badness))
        values = {"run": found, "opened": run.opened_at, "links": _links(ctx, found)}
        return _pages.TemplateResponse(request, "run.html", values)

    @app.get("/spend", dependencies=guarded, include_in_schema=False)
    def spend(request: Request) -> HTMLResponse:
        with ctx.store.read() as connection:
            verification = settings.verification
            found = spending.report(connection, ctx.line, verification, ctx.now(), _DAYS_SHOWN)
        return _pages.TemplateResponse(request, "spend.html", {"spend": found, "days": _DAYS_SHOWN})

    @app.get("/evidence", dependencies=guarded, include_in_schema=False)
    def evidence_form(request: Request) -> HTMLResponse:
        return _pages.TemplateResponse(request, "evidence.html", {})

    @app.post("/evidence", dependencies=guarded, include_in_schema=False)
    def evidence_of(request: Request, body: RawBody) -> HTMLResponse:
        """The number comes in the body, so that it stands in no address and no log."""
        typed = dict(form_of(body)).get("number", "")[:60]
        number = number_of(typed)
        if number is None:
            problem = "Write one number with its country code, like +14155550123."
            values = {"typed": typed, "problem": problem}
            return _pages.TemplateResponse(request, "evidence.html", values, status_code=400)
        found = evidence.of_number(ctx, number)
        return _pages.TemplateResponse(request, "evidence.html", {"typed": typed, "found": found})

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(("/api/", "/webhooks/")):
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        return _pages.TemplateResponse(
            request,
            "message.html",
            {"text": error.detail},
            status_code=error.status_code,
            headers=error.headers,
        )

    @app.exception_handler(RequestValidationError)
    async def wrong(_request: Request, error: RequestValidationError) -> JSONResponse:
        """Where it is wrong and how, without what was sent: that may be somebody's number."""
        found = [
            f"{'.'.join(str(part) for part in one['loc'] if part != 'body')}: {one['msg']}"
            for one in error.errors()
        ]
        return JSONResponse({"error": "; ".join(found[:20])}, 422)

    return app


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


def _database(settings: Settings) -> str:
    try:
        return "ok" if is_current(settings.database_url) else "run: hygiene db upgrade"
    except (StoreError, sa.exc.SQLAlchemyError):
        return "does not answer"


def _redis(settings: Settings) -> str:
    url = settings.redis_url or embedded.url(settings.home)
    try:
        embedded.client(url).ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"
