"""Logging in to Salesforce: a ready session, client credentials, or JWT bearer.

simple-salesforce can log in only at `https://{domain}.salesforce.com`, while a My Domain or the
sandbox may live elsewhere; the token endpoint itself is one small request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from config.credentials import SalesforceCredentials
from connectors.errors import AuthError, ConnectorError, UnavailableError
from connectors.http import no_answer
from connectors.http.client import RetryableError, retry_after
from connectors.http.deadline import Adapter
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.statuses import MISDIRECTED, PROXY_LOGIN, is_passing, not_from, web_page
from connectors.salesforce.errors import problem_of, redirected

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Login:
    """A session. `identity`: the URL that names our user, "" where the org gave none."""

    instance_url: str
    access_token: str
    identity: str = ""


class _Session(requests.Session):
    """Adds what simple-salesforce lacks: a time-out on every call, and headers of the last answer
    that its errors do not carry."""

    last_retry_after: str | None = None
    last_location: str | None = None
    last_server: str | None = None

    def __init__(self, timeout: tuple[float, float]) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Adapter())
        self.timeout = timeout

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        # A redirect could lead anywhere, with our secret or our records in its hands.
        kept = {"timeout": self.timeout, "allow_redirects": False}
        return super().request(*args, **{**kept, **kwargs})


class _LoopbackAdapter(Adapter):
    """Speaks plain http where simple-salesforce insists on https; mounted for one loopback host."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        if request.url:
            request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def http_session(
    credentials: SalesforceCredentials, timeout: tuple[float, float]
) -> requests.Session:
    """A session that keeps connections open, and reaches a loopback stand-in by plain http."""
    session = _Session(timeout)

    def note(response: requests.Response, *_args: Any, **_more: Any) -> None:
        session.last_retry_after = response.headers.get("Retry-After")
        session.last_location = response.headers.get("Location")
        session.last_server = response.headers.get("Server")

    session.hooks["response"].append(note)
    for url in (credentials.instance_url, credentials.login_url):
        _mount(session, url)
    return session


def _mount(session: requests.Session, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        session.mount(f"https://{parts.netloc}", _LoopbackAdapter())


def log_in(credentials: SalesforceCredentials, session: requests.Session) -> Login:
    """Get a session token; raises `AuthError` with what to do, or `RetryableError`."""
    if credentials.access_token:
        return Login(credentials.instance_url, credentials.access_token)
    form = {"grant_type": "client_credentials", "client_id": credentials.client_id}
    if credentials.client_secret:
        form["client_secret"] = credentials.client_secret
    else:
        form = {"grant_type": JWT_GRANT, "assertion": _assertion(credentials)}
    url = f"{credentials.login_url}/services/oauth2/token"
    try:
        answer = session.post(url, data=form)
    except OSError as error:
        address = f"SALESFORCE_LOGIN_URL {credentials.login_url}"
        raise explain("salesforce", error, address) from error
    page = web_page(answer.headers, answer.content)
    reason = not_from("Salesforce", answer.status_code, page) if page else ""
    if answer.status_code == MISDIRECTED:
        session.close()
    if is_passing(answer.status_code) or (page and answer.status_code == 200):
        raise RetryableError(
            f"login: {reason}" if page else f"HTTP {answer.status_code} at login",
            retry_after(answer.headers.get("Retry-After")),
        )
    if answer.status_code == PROXY_LOGIN:
        raise ConnectorError(f"salesforce: {no_answer.PROXY_LOGIN}")
    if page and not 300 <= answer.status_code < 400:
        raise UnavailableError(
            f"salesforce: login: {reason}; if SALESFORCE_LOGIN_URL is right, "
            "check what is between us and Salesforce"
        )
    body = _body(answer)
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise _refused(answer, body, credentials)
    instance = str(body.get("instance_url") or credentials.login_url).rstrip("/")
    if not _may_be_an_instance(instance, credentials.login_url):
        raise AuthError(
            "salesforce: the login gave an address that is not safe to use (no https); "
            "check SALESFORCE_LOGIN_URL"
        )
    _mount(session, instance)
    return Login(instance, body["access_token"], str(body.get("id") or ""))


def _body(answer: requests.Response) -> Any:
    try:
        return decode(answer.content)
    except ValueError:
        return answer.text


def _refused(
    answer: requests.Response, body: Any, credentials: SalesforceCredentials
) -> ConnectorError:
    """Why a login gave no session, and what to do about it."""
    if 300 <= answer.status_code < 400:
        return redirected(answer.status_code, answer.headers.get("Location", ""))
    problem = problem_of(body)
    what = problem.text or problem.code or f"HTTP {answer.status_code}, not a token"
    advice = _advice(problem.code, what, bool(credentials.client_secret))
    return AuthError(f"salesforce: login refused: {what}. {advice}")


def _may_be_an_instance(url: str, login_url: str) -> bool:
    """https alone, and this machine only for a login that is on it: a stand-in."""
    parts, login = urlsplit(url), urlsplit(login_url)
    here = ("127.0.0.1", "localhost", "::1")
    if parts.hostname in here:
        return login.hostname in here
    return parts.scheme == "https" and bool(parts.hostname) and not parts.username


def _advice(error: str, text: str, by_secret: bool) -> str:
    """What to do about an OAuth error. `by_secret`: of the client credentials flow.

    Sources: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration"
    (the run-as user), "OAuth 2.0 JWT Bearer Flow" and "OAuth Error Codes"; that a missing run-as
    user is told as `invalid_grant` is from public reports.
    """
    if error == "invalid_grant" and by_secret:
        return (
            "Most often no run-as user is set: open the app's policies in Setup > External Client "
            "App Manager (or Manage Connected Apps), turn on the client credentials flow there "
            "and choose the integration user in 'Run As'; that user must be active"
        )
    if error == "invalid_grant" and "audience" in text.casefold():
        return "Check SALESFORCE_LOGIN_URL: a sandbox logs in at its own My Domain address"
    return {
        "invalid_client_id": "Check SALESFORCE_CLIENT_ID; a new app takes some minutes to be known",
        "invalid_client": "Check SALESFORCE_CLIENT_SECRET",
        "invalid_grant": "Check SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY_FILE, and that the "
        "app pre-authorises this user ('Admin approved users are pre-authorized', and a "
        "permission set of the user assigned to the app)",
        "invalid_app_access": "Give the integration user access to the app: assign the app to its "
        "profile or permission set",
        "inactive_user": "Activate the user in Setup > Users",
        "inactive_org": "The org is locked or closed: ask Salesforce",
        "unsupported_grant_type": "Turn on the flow in the app's OAuth settings",
        "invalid_scope": "Give the app the scope 'Manage user data via APIs (api)'",
        "invalid_request": "Check that SALESFORCE_LOGIN_URL is the My Domain address of the org",
    }.get(error, "Check SALESFORCE_LOGIN_URL: it is the My Domain address of the org")


def _assertion(credentials: SalesforceCredentials) -> str:
    try:
        key = Path(credentials.private_key_file).read_text(encoding="ascii")
        # Salesforce wants its own login address as audience and refuses a life over 3 minutes.
        audience = credentials.login_url
        if "my.salesforce.com" in audience:
            # Scratch orgs log in where sandboxes do (Salesforce Help, "My Domain URL Formats").
            sandbox = ".sandbox." in audience or ".scratch." in audience
            audience = "https://test.salesforce.com" if sandbox else "https://login.salesforce.com"
        claims = {
            "iss": credentials.client_id,
            "sub": credentials.username,
            "aud": audience,
            "exp": int(time.time()) + 180,
        }
        return jwt.encode(claims, key, algorithm="RS256")
    except (OSError, ValueError, jwt.InvalidKeyError) as error:
        raise AuthError(
            f"SALESFORCE_PRIVATE_KEY_FILE: not a PEM private key that can sign: {error}"
        ) from error
