"""Access tokens of HubSpot: one that was given, or those that OAuth gives for half an hour each.

By OAuth an app is installed in several accounts, each with a refresh token of its own. All
processes share the access token, and one of them renews it (`TokenStore`). HubSpot may answer with
a new refresh token: that one counts from then on.

Sources: HubSpot's "Manage OAuth access tokens with the 2026-03 API" (POST /oauth/2026-03/token with
the parameters in a form; v1 ends on 16 February 2027) and its changelog "New OAuth v3 API Endpoints
and Standardized Error Responses" (`error` and `error_description` beside `status`, `message`).
https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import orjson
import urllib3

from config.credentials import HubSpotCredentials
from config.redaction import register_secrets
from connectors.errors import AuthError, ConnectorError
from connectors.http.client import RetryableError, retry_after
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.statuses import is_passing

TOKEN_PATH: Final = "/oauth/2026-03/token"
EARLY: Final = timedelta(minutes=2)  # before it expires a token is renewed
_LONGEST = 300  # characters of an error's text


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_at`: of the access token, by our clock."""

    access_token: str
    refresh_token: str
    expires_at: datetime

    def is_good(self, now: datetime) -> bool:
        return now < self.expires_at - EARLY


class TokenStore(Protocol):
    """Where tokens are kept between calls, and between processes."""

    def load(self) -> Tokens | None:
        """Return what was stored last; None where there is nothing, or for another refresh
        token."""

    def renew(self, stale: str, fetch: Callable[[Tokens | None], Tokens]) -> Tokens:
        """Return tokens whose access token is not `stale`: those that another thread or process has
        stored, or else what `fetch` gets. One at a time does so. Raises what `fetch` raises."""


class ProcessTokens:
    """Keeps tokens in this object alone, where there is no database."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        return self._tokens

    def renew(self, stale: str, fetch: Callable[[Tokens | None], Tokens]) -> Tokens:
        with self._lock:
            if self._tokens is None or self._tokens.access_token == stale:
                self._tokens = fetch(self._tokens)
            return self._tokens


class AccessToken:
    """The token that calls are made with. `store` may be replaced before the first call."""

    def __init__(
        self,
        credentials: HubSpotCredentials,
        send: Callable[[str, bytes], urllib3.BaseHTTPResponse],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`send`: makes a POST of a form to an address, tried once."""
        self._credentials = credentials
        self._send = send
        self._now = now
        self._tokens: Tokens | None = None
        self.store: TokenStore = ProcessTokens()

    @property
    def can_be_renewed(self) -> bool:
        return not self._credentials.access_token

    def current(self) -> str:
        """Return a token that is good for some minutes; raises `ConnectorError`s, and
        `RetryableError`."""
        if not self.can_be_renewed:
            return self._credentials.access_token
        if self._tokens is None or not self._tokens.is_good(self._now()):
            self._tokens = self.store.load()
        if self._tokens is None or not self._tokens.is_good(self._now()):
            stale = self._tokens.access_token if self._tokens else ""
            self._tokens = self.store.renew(stale, self._fetch)
        register_secrets([self._tokens.access_token])
        return self._tokens.access_token

    def replace(self, refused: str) -> None:
        """Get another token than one that HubSpot has refused."""
        self._tokens = self.store.renew(refused, self._fetch)

    def _fetch(self, before: Tokens | None) -> Tokens:
        refresh_token = before.refresh_token if before else self._credentials.refresh_token
        form = {
            "grant_type": "refresh_token",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "refresh_token": refresh_token,
        }
        began = self._now()
        address = f"{self._credentials.api_url}{TOKEN_PATH}"
        try:
            answer = self._send(address, urlencode(form).encode())
            raw = answer.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise explain("hubspot", error, self._credentials.api_url) from error
        body = _body(raw)
        if is_passing(answer.status):
            after = retry_after(answer.headers.get("Retry-After"))
            raise RetryableError(
                f"HTTP {answer.status} at the token endpoint", after, rejected=True
            )
        if answer.status != 200:
            raise _refused(answer.status, body)
        access, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(access, str) or not access or not isinstance(seconds, int):
            raise ConnectorError("hubspot: the token endpoint's answer has an unknown form")
        renewed = str(body.get("refresh_token") or refresh_token)
        register_secrets([access, renewed])
        return Tokens(access, renewed, began + timedelta(seconds=seconds))


def _body(raw: bytes) -> dict[str, Any]:
    try:
        body = decode(raw) if raw else {}
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(status: int, body: dict[str, Any]) -> AuthError:
    """Say why there is no token, and what to do. Both forms of the error are read."""
    text = body.get("error_description") or body.get("message") or f"HTTP {status}"
    what = " ".join(str(text).split())[:_LONGEST]
    code = str(body.get("error") or body.get("status") or "")
    if code in ("invalid_client", "BAD_CLIENT_ID", "BAD_CLIENT_SECRET"):
        advice = "check HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET"
    else:
        advice = (
            "if the app was uninstalled, install it in the account again and set "
            "HUBSPOT_REFRESH_TOKEN to its new refresh token"
        )
    return AuthError(f"hubspot: no access token: {what}; {advice}")
