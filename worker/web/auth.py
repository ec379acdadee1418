"""Who is before the pages and the API, and whether they may do what they ask for.

Pages: a session after a login; or a password with each request (HTTP Basic, for scripts). Where no
password and no identity provider is set, the session begins with a one-time link that is printed on
a terminal: behind a proxy everybody looks as if they were on this machine, so nothing in a request
shows who is there. API: a bearer token. What changes something needs the token of its form, which
another site cannot know (CSRF).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)

from config.settings import Settings
from worker.access import devices, sessions, tokens, users
from worker.access.model import SCOPE_WORDS, Person
from worker.access.users import ThrottledError
from worker.access.ways_in import NO_PASSWORD, needs_link
from worker.context import Context
from worker.store.errors import StoreError
from worker.web.body import RawBody, form_of
from worker.web.hosts import host_of, known_hosts

COOKIE = "hygiene_session"
_basic = HTTPBasic(realm="Phone Hygiene", auto_error=False)
_bearer = HTTPBearer(auto_error=False, description="ADMIN_TOKEN, or a token made for it")


class LoginNeededError(Exception):
    """A person with a browser is led to the login page."""


def is_open(settings: Settings, ctx: Context) -> bool:
    """Whether nobody has a password: then a one-time link lets in, and nothing else does."""
    return needs_link(settings, ctx.store)


def require_viewer(
    request: Request, given: Annotated[HTTPBasicCredentials | None, Depends(_basic)]
) -> Person:
    """Whoever may look at the pages; raises 401, 403, 429 or `LoginNeededError`."""
    ctx: Context = request.app.state.ctx
    secret = request.cookies.get(COOKIE, "")
    by_link = is_open(request.app.state.settings, ctx)
    if by_link:
        require_own_name(request)
    person = sessions.of(ctx.store, secret, ctx.now()) if secret else None
    if person is not None:
        return person
    if by_link:
        raise HTTPException(403, NO_PASSWORD)
    if given is not None:
        known = check_password(request, given.username, given.password)
        if known is None and given.username != users.ADMIN:
            # The password of ADMIN_PASSWORD counts with any name, where there is no such person.
            known = check_password(request, users.ADMIN, given.password)
        if known is not None:
            return Person(known.name, known.role, _csrf(request, secret))
    if "text/html" in request.headers.get("accept", ""):
        raise LoginNeededError
    raise HTTPException(
        401, "The password is wrong or missing.", {"WWW-Authenticate": 'Basic realm="Hygiene"'}
    )


Viewer = Annotated[Person, Depends(require_viewer)]


def logged_in(request: Request) -> Person | None:
    """Whose session a request belongs to, if any: so that an error page has the menu."""
    ctx: Context = request.app.state.ctx
    secret = request.cookies.get(COOKIE, "")
    try:
        return sessions.of(ctx.store, secret, ctx.now()) if secret else None
    except (StoreError, sa.exc.SQLAlchemyError):
        return None  # the database may be what failed


def check_password(request: Request, name: str, password: str) -> Person | None:
    """Whoever has this name and password; raises 429 for who has guessed too often."""
    ctx: Context = request.app.state.ctx
    admin: str = request.app.state.settings.admin_password
    address = request.client.host if request.client else ""
    try:
        device = _known_device(request, name)
        return users.log_in(ctx.store, admin, name, password, address, ctx.now(), device)
    except ThrottledError as error:
        raise HTTPException(429, str(error), {"Retry-After": str(error.seconds)}) from None


def _known_device(request: Request, name: str) -> str:
    """The id of this browser, where this person has logged in with it before; "" elsewhere."""
    cookie = request.cookies.get(devices.cookie_name(name), "")
    if not cookie:
        return ""
    ctx: Context = request.app.state.ctx
    credential = users.credential(ctx.store, request.app.state.settings.admin_password, name)
    try:
        return devices.known(ctx.keys, cookie, name, credential, ctx.now())
    except StoreError:  # another SECRET_KEY than before: a browser like any other
        return ""


def remember_device(request: Request, response: Response, name: str) -> None:
    """From now on guessing at this name elsewhere does not lock this browser out."""
    ctx: Context = request.app.state.ctx
    credential = users.credential(ctx.store, request.app.state.settings.admin_password, name)
    try:
        cookie = devices.make(ctx.keys, name, credential, ctx.now())
    except StoreError:
        return
    response.set_cookie(
        devices.cookie_name(name), cookie, max_age=int(devices.LIFETIME.total_seconds()),
        httponly=True, samesite="lax", secure=_is_safe(request), path="/",
    )  # fmt: skip


Form = dict[str, str]


def require_admin(person: Person) -> None:
    """Raises 403 for whoever may only look."""
    if not person.may_act:
        raise HTTPException(403, "You can look at the pages but not change anything.")


def require_admin_form(request: Request, person: Viewer, body: RawBody) -> tuple[Person, Form]:
    """An admin and what their form says; raises 403 for others, and for forms of other sites."""
    require_admin(person)
    return require_viewer_form(request, person, body)


AdminForm = Annotated[tuple[Person, Form], Depends(require_admin_form)]


def require_viewer_form(request: Request, person: Viewer, body: RawBody) -> tuple[Person, Form]:
    """Whoever may look, and what their form says, where it changes nothing but takes calls of a
    CRM; raises 403 for forms of other sites."""
    form = dict(form_of(body))
    check_form(request, person, form)
    return person, form


def check_form(request: Request, person: Person, form: Form) -> None:
    """Check that a form came from our own page; raises 403."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    right = hmac.compare_digest(form.get("csrf", "").encode(), person.csrf.encode())
    if not right or site not in ("same-origin", "none"):
        raise HTTPException(403, "This form is too old. Go back, reload the page, and try again.")


ViewerForm = Annotated[tuple[Person, Form], Depends(require_viewer_form)]


def reason_in(form: Form) -> str:
    """Why somebody does something, as their form says; raises 422 where it says nothing."""
    why = form.get("why", "").strip()[:255]
    if len(why) < 3:
        raise HTTPException(
            422, "Give a reason of at least three characters. It is kept in the audit log."
        )
    return why


def require_own_name(request: Request) -> None:
    """Raises 403 for a page elsewhere whose name leads to this machine (DNS rebinding)."""
    settings: Settings = request.app.state.settings
    if host_of(request.headers) not in known_hosts(settings.public_url):
        raise HTTPException(403, NO_PASSWORD)


def _csrf(request: Request, secret: str) -> str:
    """For who has no session: a cookie of their own, which their forms must fit."""
    if not secret:
        secret = request.state.new_cookie = secrets.token_urlsafe(32)
    return sessions.csrf_of(secret)


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """Hand a session to a browser: not to scripts, not to other sites, and not in the clear."""
    safe = _is_safe(request)
    response.set_cookie(COOKIE, secret, httponly=True, samesite="lax", secure=safe, path="/")


def _is_safe(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return request.url.scheme == "https" or settings.public_url.startswith("https://")


# -- the API -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls the API, and the scopes of their token.

    `id`: tells tokens of one name apart. It is never used again for another token."""

    name: str
    scopes: tuple[str, ...]
    id: str

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


def require_scope(scope: str) -> Callable[..., str]:
    """A dependency: the name of a caller whose token has this scope; raises 401 or 403."""
    check = require_caller(scope)

    def name(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> str:
        return check(request, given).name

    return name


def require_caller(*scopes: str) -> Callable[..., Caller]:
    """A dependency: a caller whose token has one of these scopes; raises 401 or 403."""

    def check(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        return caller_of(request, given.credentials if given is not None else "", *scopes)

    return check


def caller_of(request: Request, shown: str, *scopes: str) -> Caller:
    """Whoever shows this token, if it has one of these scopes; raises 401 or 403."""
    ctx: Context = request.app.state.ctx
    admin: str = request.app.state.settings.admin_token
    if admin and hmac.compare_digest(shown.encode(), admin.encode()):
        return Caller("ADMIN_TOKEN", ("admin",), "ADMIN_TOKEN")
    token = tokens.of(ctx.store, shown, ctx.now()) if shown else None
    if token is not None:
        if not any(map(token.allows, scopes)):
            needed = " or ".join(f"“{SCOPE_WORDS[scope]}” ({scope})" for scope in scopes)
            raise HTTPException(
                403, f"The token lacks the scope {needed}. An admin can make one under Access."
            )
        return Caller(f"token {token.name}", token.scopes, str(token.id))
    if not admin and not tokens.list_tokens(ctx.store):
        raise HTTPException(403, "The API is closed: set ADMIN_TOKEN, or make a token.")
    raise HTTPException(401, "The token is wrong or missing.", {"WWW-Authenticate": "Bearer"})
