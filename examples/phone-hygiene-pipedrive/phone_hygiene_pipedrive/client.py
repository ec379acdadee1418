"""Pipedrive's API v2 over HTTP: one session, limits, retries, and errors in our vocabulary.

Facts, with their sources (pipedrive.readme.io and developers.pipedrive.com unless said otherwise):

- An API token goes in the header `x-api-token` (API reference, OpenAPI document of v2), an access
  token by OAuth in `Authorization: Bearer` ("OAuth authorization").
- Each call costs tokens of a daily budget that the whole company shares; when it is used up, each
  call gets 429 until midnight by the server's clock ("Rate limiting").
- `x-ratelimit-limit`, `-remaining` and `-reset` (seconds) tell of a window of two seconds
  ("Rate limiting").
- `x-daily-ratelimit-token-limit` and `-remaining` tell of the budget. They are not in the documents
  and may be missing (staff in Pipedrive's developer community, 12 January 2026); `crm probe` looks.
- Who goes on after 429 is blocked with 403 and a web page of Cloudflare's ("Rate limiting").
- Errors: `{"success": false, "error": "...", "code": "..."}`; statuses in "HTTP status codes".
- A value that v2 refuses is 400, and its text names the field by its key:
  "Validation failed: KEY: Parameter 'KEY' is not allowed for this request", with the code
  ERR_SCHEMA_VALIDATION_FAILED (pipedrive/client-nodejs issue 651).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import requests

from config.settings import Http
from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError
from connectors.http.client import Calls, ContradictionError, CrmClock, RetryableError, retry_after
from connectors.http.deadline import session
from connectors.http.error_text import one_line, plain
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.rate_limits import DAY, Limits, Quota, parse_remaining
from connectors.http.statuses import GAVE_UP_WAITING, is_passing, not_from, web_page
from connectors.records import Purpose
from phone_hygiene_pipedrive.oauth import shared_token
from phone_hygiene_pipedrive.settings import PipedriveSettings

NAME: Final = "pipedrive"
_WINDOW: Final = 2.0  # seconds
_TOO_MANY: Final = 429

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Query = Mapping[str, str | int]
Check = Callable[[Any], None]


class RefusedError(ConnectorError):
    """Pipedrive refuses a request for what it says (400, 403, 422). `status`, `reason`: its own."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"pipedrive: HTTP {status}: {reason}")
        self.status = status
        self.reason = reason


class Client:
    """The only place from which Pipedrive is called."""

    def __init__(self, settings: PipedriveSettings, http: Http, quota: Quota) -> None:
        self._calls = Calls(NAME, http, quota)
        self.clock = CrmClock(quota)
        self.url = settings.url
        self._session = session()
        self._session.headers["Accept"] = "application/json"
        self._access = shared_token(settings) if settings.is_oauth else None
        if self._access is None:
            self._session.headers["x-api-token"] = settings.api_token

    @property
    def counts(self) -> Counter[Purpose]:
        return self._calls.counts

    def close(self) -> None:
        self._session.close()

    def get(
        self,
        purpose: Purpose,
        path: str,
        query: Query | None = None,
        check: Check | None = None,
        keep_reserve: bool = False,
    ) -> Any:
        return self._request(purpose, "GET", path, query, check=check, keep_reserve=keep_reserve)

    def post(self, purpose: Purpose, path: str, body: Any) -> Any:
        return self._request(purpose, "POST", path, body=body)

    def patch(self, purpose: Purpose, path: str, body: Any) -> Any:
        return self._request(purpose, "PATCH", path, body=body)

    def delete(self, purpose: Purpose, path: str) -> Any:
        return self._request(purpose, "DELETE", path)

    def headers(self, path: str) -> Mapping[str, str]:
        """The headers of an answer, for `probe`."""

        def once() -> Mapping[str, str]:
            response = self._send("GET", path, None, None)
            self._read(response)
            return response.headers

        return self._calls.execute("other", once)

    def _request(
        self,
        purpose: Purpose,
        method: Method,
        path: str,
        query: Query | None = None,
        body: Any = None,
        check: Check | None = None,
        keep_reserve: bool = False,
    ) -> Any:
        """An answer as decoded. Raises `RefusedError`, `NotFoundError` and `connectors.errors`."""

        def once() -> Any:
            response = self._send(method, path, query, body)
            answer = self._read(response)
            if answer.get("success") is not True or "data" not in answer:
                raise ContradictionError("an answer with HTTP 200 does not say that it succeeded")
            if check is not None:
                check(answer)
            return answer

        return self._calls.execute(purpose, once, keep_reserve=keep_reserve)

    def _send(self, method: Method, path: str, query: Query | None, body: Any) -> requests.Response:
        if self._access is None:
            return self._send_with(method, path, query, body, {})
        timeout = self._calls.timeout
        token = self._access.current(timeout)
        response = self._send_with(method, path, query, body, _bearer(token))
        if response.status_code == 401:  # ended before its time, or by another process's
            token = self._access.replace(token, timeout)
            response = self._send_with(method, path, query, body, _bearer(token))
        return response

    def _send_with(
        self, method: Method, path: str, query: Query | None, body: Any, headers: Mapping[str, str]
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                f"{self.url}/api/v2/{path}",
                params=dict(query) if query else None,
                json=body,
                headers=dict(headers),
                timeout=self._calls.timeout,
                allow_redirects=False,  # requests would carry our token to wherever it leads
            )
        except (requests.RequestException, OSError) as error:
            raise explain(NAME, error, self.url) from error
        self._calls.note(limits(response.headers))
        self.clock.note(response.headers.get("Date"))
        return response

    def _read(self, response: requests.Response) -> dict[str, Any]:
        page = web_page(response.headers, response.content)
        if page:  # also Cloudflare's 403: it says nothing of our token or of a record
            raise RetryableError(
                not_from("Pipedrive", response.status_code, page),
                unanswered=response.status_code in GAVE_UP_WAITING,
            )
        try:
            answer = decode(response.content)
        except ValueError as error:
            answer = None
            if response.status_code < 300:
                raise RetryableError("an answer was not JSON") from error
        if response.status_code < 300 and isinstance(answer, dict):
            return answer
        raise refusal(response.status_code, response.headers, answer, response.content)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refusal(status: int, headers: Mapping[str, str], answer: Any, raw: bytes) -> Exception:
    """What an answer that is none of 2xx means."""
    said = answer.get("error") if isinstance(answer, dict) else None
    reason = one_line(said) if said else plain(raw) or "no reason given"
    if status == _TOO_MANY:
        day = limits(headers).day
        if day is not None and day.remaining == 0:
            return QuotaError(
                "pipedrive: today's token budget is used up, for all of the company's integrations;"
                " it is renewed at midnight by Pipedrive's clock. Then: hygiene runs resume RUN"
            )
        reset = headers.get("Retry-After") or headers.get("x-ratelimit-reset")
        return RetryableError("too many calls", after=retry_after(reset))
    if is_passing(status):
        return RetryableError(f"HTTP {status}: {reason}", unanswered=status in GAVE_UP_WAITING)
    if status == 401:
        return AuthError(
            f"pipedrive: the token is refused ({reason}); set PIPEDRIVE_API_TOKEN, or install the "
            "app by OAuth again"
        )
    if status == 402:
        return AuthError(
            f"pipedrive: the company's account is not open ({reason}); see its subscription"
        )
    if status in (404, 410):
        return NotFoundError(f"pipedrive: HTTP {status}: {reason}")
    if status in (400, 403, 422):
        return RefusedError(status, reason)
    return ConnectorError(f"pipedrive: HTTP {status}: {reason}; is connectors.pipedrive.url right?")


def limits(headers: Mapping[str, str]) -> Limits:
    """What an answer's headers say of the day's budget of tokens and of the window of calls."""
    day = "x-daily-ratelimit-token-"
    return Limits(
        parse_remaining(headers.get(f"{day}remaining"), headers.get(f"{day}limit"), DAY),
        parse_remaining(
            headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-limit"), _WINDOW
        ),
    )
