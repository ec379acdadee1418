"""The web application: health, webhooks, the API, the recipient's page, the admin's pages."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from config.errors import HygieneError
from config.logging_setup import about
from config.settings import Settings
from config.tracing import span
from config.version import product_version
from connectors.plain_words import describe
from worker.capture.captures import Captures
from worker.context import Context
from worker.store import embedded_redis, heartbeat
from worker.store.engine import is_current
from worker.store.errors import StoreError
from worker.web import api, capture_script, login, metrics, webhooks
from worker.web.auth import LoginNeededError, give_cookie, logged_in
from worker.web.confirm import routes as confirm_routes
from worker.web.failures import Failures
from worker.web.hosts import KnownHosts, known_hosts
from worker.web.hubspot import app as hubspot_app
from worker.web.hubspot.portal import Portals
from worker.web.limits import Limits
from worker.web.pages import (
    asking,
    capture_keys,
    charts,
    contacts,
    docs,
    duplicates,
    endpoints,
    numbers,
    overview,
    registries,
    runs,
    search,
    segments,
    setup,
    suppressions,
    system,
)
from worker.web.queue import Queue, Workers
from worker.web.redirects import safe_path, without_slash
from worker.web.render import page

_HERE = Path(__file__).parent
_SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_HEADLINE = 60  # characters that are read at a glance
_CACHED = "public, max-age=3600"  # what is under /static


def make_app(settings: Settings, queue: Queue | None = None) -> FastAPI:
    """Return the web application. `queue`: how the workers are told; another one in tests.

    Long, because it puts the parts together in the one order that counts: what is added last sees
    a request first.
    """
    ctx = Context.create(settings)
    workers = queue or Workers()
    captures = Captures(ctx)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        captures.close()
        ctx.close()

    app = FastAPI(
        title="Phone Hygiene",
        version=product_version(),
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.ctx = ctx
    app.state.captures = captures
    # Compressed here and nowhere else: beside secrets, the length of an answer would tell of them.
    files = StaticFiles(directory=_HERE / "static")
    app.mount("/static", GZipMiddleware(files, compresslevel=6), name="static")
    app.add_middleware(Failures)
    if settings.oidc is not None:
        login.keep_state(app, ctx)
    if settings.public_url:
        app.add_middleware(KnownHosts, hosts=known_hosts(settings.public_url))

    @app.middleware("http")
    async def safe(request: Request, call_next: Any) -> Any:
        trace = _trace_of(request)
        with about(trace=trace), span("request", method=request.method):
            response = await call_next(request)
        response.headers["X-Request-ID"] = trace
        if request.url.path.startswith("/static/"):
            response.headers["Cache-Control"] = _CACHED
        for name, value in _SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
        if secret := getattr(request.state, "new_cookie", ""):
            give_cookie(request, response, secret)
        return response

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        """The process is there; nothing more is asked."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> JSONResponse:
        """Whether this process can do its work: database and Redis answer, and the tables have the
        right form. `queue` says whether the others do theirs: webhooks are taken all the same."""
        states = {"database": _database(settings), "redis": _redis(settings)}
        ready = all(state == "ok" for state in states.values())
        states["queue"] = _queue(ctx) if states["database"] == "ok" else "not known"
        return JSONResponse(states, 200 if ready else 503)

    app.add_middleware(Limits)
    app.include_router(metrics.router(ctx))
    portals = Portals(ctx)
    app.include_router(webhooks.router(ctx, workers.reports, portals))
    app.include_router(hubspot_app.router(ctx, workers.reports, portals))
    app.include_router(api.router(ctx, workers, captures))
    app.include_router(capture_script.router())
    app.include_router(confirm_routes.router(ctx, workers.reports))
    app.include_router(login.router(ctx))
    app.include_router(overview.router(ctx))
    app.include_router(runs.router(ctx, workers))
    app.include_router(contacts.router(ctx, workers))
    app.include_router(search.router(ctx))
    app.include_router(numbers.router(ctx, workers))
    app.include_router(charts.router(ctx))
    app.include_router(segments.router(ctx, workers))
    app.include_router(duplicates.router(ctx))
    app.include_router(suppressions.router(ctx, workers))
    app.include_router(registries.router(ctx, workers))
    app.include_router(endpoints.router(ctx, workers))
    app.include_router(capture_keys.router(ctx))
    app.include_router(asking.router(ctx))
    app.include_router(system.router(ctx))
    app.include_router(setup.router(ctx))
    app.include_router(docs.router(app))

    @app.exception_handler(LoginNeededError)
    async def log_in_first(request: Request, _error: LoginNeededError) -> Response:
        to = safe_path(request.scope["path"]) if request.method == "GET" else "/"
        return RedirectResponse(f"/login?to={quote(to)}", 303)

    @app.exception_handler(404)
    async def not_there(request: Request, error: HTTPException) -> Response:
        to = without_slash(request)
        return RedirectResponse(to, 307) if to else await refused(request, error)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(("/api/", "/webhooks/")):
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        text, detail = _headline(error.detail)
        if (error.status_code, text) == (404, "Not Found"):  # no route has this address
            text, detail = "Page not found", "The address may be old or mistyped."
        answer = page(
            request, "message.html", logged_in(request), error.status_code, text=text,
            detail=detail, onward=_onward(request.url.path),
        )  # fmt: skip
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(HygieneError)
    async def failed(request: Request, error: HygieneError) -> Response:
        if error.http_status == 500:  # nothing that the sender can do anything about: `Failures`
            raise error
        text = str(error)
        if not request.url.path.startswith(("/api/", "/webhooks/")):  # a program reads the quote
            named = text.partition(":")[0]
            text = describe(error, named if named in settings.active_connectors else "The CRM")
        return await refused(request, HTTPException(error.http_status, text))

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        """Where it is wrong and how, without what was sent: that may be somebody's number."""
        problems = [
            f"{'.'.join(str(part) for part in detail['loc'] if part != 'body')}: {detail['msg']}"
            for detail in error.errors()
        ]
        text = "; ".join(problems[:20])
        if request.url.path.startswith(("/api/", "/webhooks/")):
            return JSONResponse({"error": text}, 422)
        return page(
            request, "message.html", logged_in(request), 422, detail=text,
            text="Part of the address or form is missing or not valid",
            onward=_onward(request.url.path),
        )  # fmt: skip

    return app


# Where an error page leads on to: the page that lists what was looked for.
_ONWARD = {
    "runs": "runs", "contacts": "contacts", "numbers": "search", "segments": "segments",
    "duplicates": "duplicates", "endpoints": "endpoints", "registries": "registries",
    "capture-keys": "capture keys", "ask": "campaigns", "suppressions": "suppressions",
    "reviews": "reviews",
}  # fmt: skip


def _onward(path: str) -> tuple[str, str] | None:
    """Return the list that a page belongs to, if it is not that list itself.

    >>> _onward("/runs/20261128"), _onward("/contacts"), _onward("/unheard/of")
    (('/runs', 'runs'), ('/contacts', 'contacts'), None)
    """
    part = path.split("/")[1]
    return (f"/{part}", _ONWARD[part]) if part in _ONWARD else None


def _trace_of(request: Request) -> str:
    """What log lines tell a request by: the proxy's id of it, where that is one; else our own."""
    given = request.headers.get("x-request-id", "")
    known = 8 <= len(given) <= 64 and given.replace("-", "").isalnum() and given.isascii()
    return given if known and not given.isdigit() else uuid.uuid4().hex


def _database(settings: Settings) -> str:
    try:
        return "ok" if is_current(settings.database_url) else "run: hygiene db upgrade"
    except (StoreError, sa.exc.SQLAlchemyError):
        return "does not answer"


def _queue(ctx: Context) -> str:
    try:
        return heartbeat.describe(ctx.store, ctx.now())
    except sa.exc.SQLAlchemyError:
        return "not known"


def _redis(settings: Settings) -> str:
    url = settings.redis_url or embedded_redis.url(settings.home)
    try:
        embedded_redis.client(url).ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"


def _headline(text: str) -> tuple[str, str]:
    """Return what an error page says in large, and the rest in small.

    >>> _headline("This link no longer works. Make another one.")
    ('This link no longer works', 'Make another one.')
    >>> _headline("there is no such run")
    ('There is no such run', '')
    """
    first, _, rest = text.strip().partition(". ")
    if not rest and len(first) > _HEADLINE:
        first, rest = "That did not work", first
    return _sentence(first).rstrip("."), _sentence(rest)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
