"""Login and logout: by name and password, by OpenID Connect, or by a one-time link.

Opening a link logs in. Programs that fetch addresses before a person does (a browser that loads
ahead, a chat that shows a preview) must neither use the link up nor get a session. A program that
identifies itself as one of those gets a page with a button instead; the button sends a form.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.middleware.sessions import SessionMiddleware

from config.settings import Settings
from worker.access import audit, login_links, sessions, users
from worker.access.model import Person, Role
from worker.access.ways_in import NO_PASSWORD
from worker.context import Context
from worker.web.auth import (
    COOKIE,
    check_password,
    give_cookie,
    is_open,
    remember_device,
    require_own_name,
)
from worker.web.body import RawBody, form_of
from worker.web.hosts import LOOPBACK_HOSTS, host_of
from worker.web.redirects import safe_path
from worker.web.render import page

log = logging.getLogger(__name__)
_LONGEST_NAME = 120  # characters
_PATIENCE = 30.0  # seconds for an answer of the identity provider, in all

_USED_UP = (
    "This login link no longer works. It has been used, or is older than ten minutes. Make another "
    "one in a terminal on this machine: hygiene users login-link"
)
# Words in the names by which programs call themselves that show what a link leads to.
_PREVIEWS = ("bot", "crawl", "spider", "preview", "externalhit", "whatsapp", "slack", "embed")

Begin = Callable[[Request, Person, str], Response]


def router(ctx: Context) -> APIRouter:
    """Return the routes of logging in and out.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(include_in_schema=False)
    settings = ctx.settings

    def begin(request: Request, person: Person, to: str) -> Response:
        secret = sessions.begin(ctx.store, person, ctx.now(), request.cookies.get(COOKIE, ""))
        audit.note(ctx.store, ctx.now(), person.name, "login", person.role)
        response = RedirectResponse(safe_path(to), 303)
        give_cookie(request, response, secret)
        return response

    def form(
        request: Request, status: int = 200, problem: str = "", to: str = "/", name: str = ""
    ) -> Response:
        named = users.has_users(ctx.store)
        by_password = bool(settings.admin_password) or named
        return page(
            request, "login.html", None, status, problem=problem, to=safe_path(to), named=named,
            by_password=by_password, oidc=settings.oidc is not None, typed_name=name,
        )  # fmt: skip

    @routes.get("/login")
    def show(request: Request, to: str = "/") -> Response:
        if not is_open(settings, ctx):
            return form(request, to=to)
        if sessions.of(ctx.store, request.cookies.get(COOKIE, ""), ctx.now()) is not None:
            return RedirectResponse("/", 303)
        raise HTTPException(403, NO_PASSWORD)

    @routes.get("/login/link")
    def open_link(request: Request, token: str = "") -> Response:
        if not _is_opened_by_a_person(request.headers):
            return page(request, "login_link.html", None, token=token[: login_links.LONGEST])
        return use_link(request, token)

    @routes.post("/login/link")
    def press_button(request: Request, body: RawBody) -> Response:
        return use_link(request, dict(form_of(body)).get("token", ""))

    def use_link(request: Request, token: str) -> Response:
        if not is_open(settings, ctx):
            raise HTTPException(403, "People log in with a password here. Login links are off.")
        require_own_name(request)
        secret = login_links.use(ctx.store, token, ctx.now(), request.cookies.get(COOKIE, ""))
        if secret is None:
            log.warning("a login link was refused: it was used before, or is too old")
            raise HTTPException(403, _USED_UP)
        audit.note(ctx.store, ctx.now(), login_links.PERSON.name, "login", "by link")
        response = RedirectResponse("/", 303)
        give_cookie(request, response, secret)
        return response

    @routes.post("/login")
    def log_in(request: Request, body: RawBody) -> Response:
        given = dict(form_of(body))
        if is_open(settings, ctx):
            raise HTTPException(403, NO_PASSWORD)
        typed = given.get("name", "").strip()[:_LONGEST_NAME]
        name = typed or users.ADMIN
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "Log in on this page, not from another site.")
        try:
            person = check_password(request, name, given.get("password", "")[:1000])
        except HTTPException as error:
            return form(request, error.status_code, str(error.detail), given.get("to", "/"), typed)
        if person is None:
            log.warning("a login was refused")
            return form(request, 401, "Wrong name or password.", given.get("to", "/"), typed)
        response = begin(request, person, given.get("to", "/"))
        remember_device(request, response, person.name)
        return response

    @routes.post("/logout")
    def log_out(request: Request) -> Response:
        # To be logged out by another site harms nobody; the cookie is not sent from there anyway.
        sessions.end(ctx.store, request.cookies.get(COOKIE, ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    if settings.oidc is not None:
        _add_oidc(routes, settings, begin, form)
    return routes


def _is_opened_by_a_person(headers: Headers) -> bool:
    """As far as headers say: https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header
    and https://www.w3.org/TR/fetch-metadata/ for browsers; previews name themselves."""
    if any(headers.get(name) for name in ("sec-purpose", "purpose", "x-purpose", "x-moz")):
        return False
    if headers.get("sec-fetch-mode", "navigate") != "navigate":
        return False
    if headers.get("sec-fetch-dest", "document") != "document":
        return False
    agent = headers.get("user-agent", "").casefold()
    return not any(word in agent for word in _PREVIEWS)


def _add_oidc(
    routes: APIRouter, settings: Settings, begin: Begin, form: Callable[..., Response]
) -> None:
    # Loaded where it is set up alone.
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.starlette_client import OAuth
    from httpx2 import HTTPError
    from joserfc.errors import JoseError  # what authlib checks tokens with

    from connectors.http.tls import tls_context

    refusals = (OAuthError, JoseError, HTTPError, ValueError, KeyError, TimeoutError)
    assert settings.oidc is not None
    oauth = OAuth()
    oauth.register(
        "idp",
        server_metadata_url=f"{settings.oidc.issuer}/.well-known/openid-configuration",
        client_id=settings.oidc.client_id,
        client_secret=settings.oidc.client_secret,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "verify": tls_context(trust_env=True),  # authlib makes a client for each request
        },
    )

    def away(request: Request, error: Exception) -> Response:
        log.warning("the identity provider: %s", type(error).__name__)
        return form(request, 502, "The identity provider did not let you in.")

    @routes.get("/oidc/login")
    async def start(request: Request, to: str = "/") -> Response:
        if not settings.public_url and host_of(request.headers) not in LOOPBACK_HOSTS:
            # The identity provider sends people back to an address that nobody else may choose.
            raise HTTPException(403, "Set PUBLIC_URL to log in by the identity provider.")
        request.session["to"] = safe_path(to)
        back = f"{settings.public_url or str(request.base_url).rstrip('/')}/oidc/callback"
        try:
            async with asyncio.timeout(_PATIENCE):
                answer: Response = await oauth.idp.authorize_redirect(request, back)
        except refusals as error:
            return away(request, error)
        return answer

    @routes.get("/oidc/callback")
    async def callback(request: Request) -> Response:
        try:
            async with asyncio.timeout(_PATIENCE):
                token = await oauth.idp.authorize_access_token(request)
        except refusals as error:
            return away(request, error)
        claims = token.get("userinfo") or {}
        email = str(claims.get("email") or "").casefold()
        role = role_of(settings, email) if claims.get("email_verified") is True else None
        if role is None:
            return form(request, 403, "You are known, but may not see these pages.")
        return begin(request, Person(email, role), request.session.pop("to", "/"))


def role_of(settings: Settings, email: str) -> Role | None:
    """What somebody with a verified email may do; None for nothing."""
    lists: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("admin", settings.access.oidc_admins), ("viewer", settings.access.oidc_viewers),
    )  # fmt: skip
    for role, wanted in lists:
        for entry in wanted:
            text = entry.casefold()
            if email and (email == text or (text.startswith("@") and email.endswith(text))):
                return role
    return None


def keep_state(app: FastAPI, ctx: Context) -> None:
    """What is kept between a person's way to the identity provider and back: in a signed cookie."""
    safe = ctx.settings.public_url.startswith("https://")
    app.add_middleware(
        SessionMiddleware, secret_key=ctx.keys.signing_keys()[-1], session_cookie="hygiene_oidc",
        max_age=600, same_site="lax", https_only=safe,
    )  # fmt: skip
