"""The one door to a Salesforce org: session, retries, limits and errors of each call.

simple-salesforce makes the calls. What it raises, and what the org answers, becomes one of the
connector's errors here, with a line that says what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError as ClientError
from simple_salesforce.util import exception_handler

from config.settings import Http, SalesforceCredentials
from connectors.base import (
    AuthError,
    ConnectorError,
    NotThereError,
    Purpose,
    QuotaError,
    SchemaChangedError,
)
from connectors.calls import Calls, CrmClock, TryAgainError, reason, retry_after
from connectors.quota import DAY, Left, Limits, Quota
from connectors.salesforce_auth import Login, http_session, log_in
from connectors.salesforce_bulk import BulkUnavailableError, JobStateError

# "api-usage=18/5000; per-app-api-usage=17/250(appName=...)": the calls of the last 24 hours.
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)
_NO_BULK = ("LIMIT_EXCEEDED", "FEATURENOTENABLED", "FEATURE_NOT_ENABLED", "INVALIDENTITY")


class CursorLapsedError(Exception):
    """A query's cursor is no longer there."""


class _SessionExpiredError(Exception):
    pass


class _Client(Salesforce):  # type: ignore[misc]  # which has no types
    """Decodes answers three times as fast as the client by itself, which is a third of a read."""

    def parse_result_to_json(self, result: requests.Response) -> Any:
        return orjson.loads(result.content)


class Door:
    def __init__(self, credentials: SalesforceCredentials, http: Http, quota: Quota) -> None:
        self._credentials = credentials
        self._calls = Calls("salesforce", http, quota)
        self._http = http_session(credentials, self._calls.timeout)
        self._http.hooks["response"].append(self._note_headers)
        self._client: Salesforce | None = None
        self.clock = CrmClock()

    @property
    def counts(self) -> Mapping[Purpose, int]:
        return self._calls.counts

    def close(self) -> None:
        self._http.close()

    def _note_headers(self, response: requests.Response, *_args: Any, **_more: Any) -> None:
        self._calls.note(limits(response.headers.get("Sforce-Limit-Info", "")))
        self.clock.note(response.headers.get("Date"))

    def _session(self) -> Salesforce:
        if self._client is None:
            login: Login = self._calls.make("other", lambda: log_in(self._credentials, self._http))
            self._client = _Client(
                instance_url=login.instance_url,
                session_id=login.access_token,
                version=self._credentials.api_version,
                session=self._http,
            )
        return self._client

    def call(
        self,
        purpose: Purpose,
        path: str,
        method: str = "GET",
        *,
        oauth: bool = False,
        take: Callable[[requests.Response], Any] | None = None,
        **more: Any,
    ) -> Any:
        """One call below /services/data/vNN.N/ (or /services/oauth2/), with our retries.

        `take`: what is made of an answer that is not JSON, while it comes in.
        """

        def once() -> Any:
            client = self._client
            assert client is not None
            try:
                if take is not None:
                    return _take(client, path, method, take, **more)
                send = client.oauth2 if oauth else client.restful
                return send(path, method=method, **more)
            except ClientError as error:
                raise self._translate(error) from error
            except json.JSONDecodeError as error:
                raise TryAgainError("an answer was not JSON") from error
            except requests.exceptions.SSLError as error:
                raise ConnectorError(
                    f"salesforce: the certificate is not trusted: {error}"
                ) from error
            except requests.exceptions.RequestException as error:
                late = isinstance(error, requests.exceptions.Timeout)
                raise TryAgainError(reason(error, late, client.sf_instance)) from error

        self._session()
        try:
            return self._calls.make(purpose, once)
        except _SessionExpiredError:
            self._client = None
            if self._credentials.access_token:
                raise AuthError(
                    "salesforce: the session has expired and SALESFORCE_ACCESS_TOKEN cannot renew "
                    "it; set SALESFORCE_LOGIN_URL and SALESFORCE_CLIENT_ID instead (README)"
                ) from None
            self._session()
            try:
                return self._calls.make(purpose, once)
            except _SessionExpiredError as error:
                raise AuthError(
                    "salesforce: a fresh session is refused too; does the connected app have the "
                    "'api' scope, and the user 'API Enabled'?"
                ) from error

    def _translate(self, error: ClientError) -> Exception:
        content = error.content
        first = content[0] if isinstance(content, list) and content else {}
        code = first.get("errorCode", "") if isinstance(first, dict) else ""
        message = first.get("message", "") if isinstance(first, dict) else str(content)[:200]
        text = " ".join(str(message).split())
        if code == "INVALID_SESSION_ID" or error.status == 401:
            return _SessionExpiredError()
        if code == "REQUEST_LIMIT_EXCEEDED":
            return QuotaError(
                "salesforce: the org's API calls for today are used up; the run goes on after the "
                "24-hour window has moved: hygiene runs resume RUN"
            )
        lacks = "No such column" in text or "is not supported" in text
        if code in ("INVALID_FIELD", "INVALID_TYPE") or (code == "API_ERROR" and lacks):
            return SchemaChangedError(f"salesforce: {text}")
        if code in _NO_BULK:
            return BulkUnavailableError(f"salesforce: {code}: {text}")
        if code == "INVALIDJOBSTATE":
            return JobStateError(f"salesforce: {text}")
        if error.status == 404:
            return NotThereError(f"salesforce: HTTP 404 {code}: {text}")
        if code == "INVALID_QUERY_LOCATOR":
            return CursorLapsedError()
        if error.status == 429 or error.status >= 500 or code == "SERVER_UNAVAILABLE":
            # simple-salesforce keeps no headers; the hook below noted Retry-After.
            return TryAgainError(f"HTTP {error.status} {code}".strip(), self._retry_after())
        if error.status == 403:
            return AuthError(f"salesforce: refused ({code}): {text}")
        return ConnectorError(f"salesforce: HTTP {error.status} {code}: {text}")

    def _retry_after(self) -> float | None:
        return retry_after(getattr(self._http, "last_retry_after", None))


def limits(header: str) -> Limits:
    """The org's limit from a `Sforce-Limit-Info` header, or the app's own where that is nearer.

    Source: REST API Developer Guide, "Limit Info Header".
    """
    found = [
        Left(max(0, int(limit) - int(used)), int(limit), DAY)
        for used, limit in _USAGE.findall(header)
        if int(limit)
    ]
    return Limits(day=min(found, key=lambda one: one.share, default=None))


def _take(
    client: Salesforce,
    path: str,
    method: str,
    take: Callable[[requests.Response], Any],
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Any:
    """A call whose answer is no JSON: simple-salesforce's address and session, read as it comes."""
    with client.session.request(
        method,
        client.base_url + path,
        headers={**client.headers, **(headers or {})},
        stream=True,
        **more,
    ) as response:
        if response.status_code >= 300:
            exception_handler(response, name=path)
        return take(response)
