"""The one door to a Salesforce org: session, retries, limits and errors of each call.

simple-salesforce makes the calls. What it raises, and what the org answers, becomes one of the
connector's errors (`connectors.salesforce.errors`), with a line that says what to do.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
import urllib3
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError as ClientError
from simple_salesforce.util import exception_handler

from config.credentials import SalesforceCredentials
from config.settings import Http
from connectors.errors import AuthError, ConnectorError
from connectors.http.client import Calls, CrmClock, RetryableError, retry_after
from connectors.http.consistency import Check
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.pacing import Remaining
from connectors.http.rate_limits import DAY, Limits, Quota
from connectors.http.statuses import MISDIRECTED, not_from, web_page
from connectors.records import Purpose
from connectors.salesforce.auth import Login, http_session, log_in
from connectors.salesforce.errors import SessionExpiredError, translate
from connectors.salesforce.pubsub.feed import Session as StreamingSession

# "api-usage=18/5000; per-app-api-usage=17/250(appName=...)": the calls of the last 24 hours.
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)
_ORG_ID = re.compile(r"/id/(00D\w{12,15})/", re.ASCII)
_USER_ID = re.compile(r"/id/00D\w{12,15}/(005\w{12,15})(?:[/?]|$)", re.ASCII)

# A PATCH of a Lead, Case or Account by REST runs the org's active assignment rules unless this is
# said, and so hands the record to another owner or territory. Triggers and flows reach further
# objects than the one that is written, so each writing call says it.
# Source: REST API Developer Guide, "Assignment Rule Header": default TRUE, "created or updated
# Accounts, Cases, or Leads", also by the DML of triggers. Not confirmed for collections.
_KEEP_OWNERS = {"Sforce-Auto-Assign": "FALSE"}
_CANNOT_RENEW = (
    "salesforce: the session has expired and SALESFORCE_ACCESS_TOKEN cannot renew it; set "
    "SALESFORCE_LOGIN_URL and SALESFORCE_CLIENT_ID instead (README)"
)


class _Client(Salesforce):  # type: ignore[misc]  # which has no types
    """Decodes answers three times as fast as the client by itself, which is a third of a read."""

    def parse_result_to_json(self, result: requests.Response) -> Any:
        try:
            return decode(result.content)
        except json.JSONDecodeError:
            if page := web_page(result.headers, result.content):
                raise RetryableError(not_from("Salesforce", result.status_code, page)) from None
            raise


class Client:
    """Calls of one connector to one org; may be used by several threads."""

    def __init__(
        self,
        credentials: SalesforceCredentials,
        http: Http,
        quota: Quota,
        write_headers: Mapping[str, str] | None = None,
    ) -> None:
        """`write_headers`: sent with each call that is no GET, beside the one that keeps owners."""
        self._credentials = credentials
        self._quota = quota
        self._calls = Calls(quota.name, http, quota)
        self._http = http_session(credentials, self._calls.timeout)
        self._http.hooks["response"].append(self._note_headers)
        self._write_headers = {**_KEEP_OWNERS, **(write_headers or {})}
        self._login_lock = threading.Lock()
        self._client: Salesforce | None = None
        self._identity = ""
        self._resources_identity = ""
        self._instance_url = ""
        self.clock = CrmClock(quota)

    @property
    def counts(self) -> Counter[Purpose]:
        return self._calls.counts

    def close(self) -> None:
        self._http.close()

    def _note_headers(self, response: requests.Response, *_args: Any, **_more: Any) -> None:
        self._calls.note(limits(response.headers.get("Sforce-Limit-Info", "")))
        self.clock.note(response.headers.get("Date"))

    def _session(self, expired: Salesforce | None = None) -> Salesforce:
        """The session that all threads use. `expired`: one that the org refused; the first thread
        to say so logs in, the others go on with what it got."""
        with self._login_lock:
            if self._client is None or self._client is expired:
                login: Login = self._calls.execute(
                    "other", lambda: log_in(self._credentials, self._http)
                )
                self._identity = login.identity
                self._instance_url = login.instance_url
                self._client = _Client(
                    instance_url=login.instance_url,
                    session_id=login.access_token,
                    version=self._credentials.api_version,
                    session=self._http,
                )
            return self._client

    @property
    def identity(self) -> str:
        """The URL that the login gave for our user; "" for a session that was given."""
        self._session()
        return self._identity

    def response(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """One call, tried once, and its answer whatever its status: for what asks how the org
        answers. `path`: as in `call`, or from the root where it begins with a slash."""
        client = self._session()
        base = f"https://{client.sf_instance}" if path.startswith("/") else client.base_url
        headers = {**client.headers, **(kwargs.pop("headers", None) or {})}
        if method != "GET":
            headers = {**self._write_headers, **headers}
        with self._calls.deadline():
            return self._http.request(method, base + path, headers=headers, **kwargs)

    def user_id(self) -> str:
        """The id of the user that we are logged in as.

        It stands in the `id` URL that a login answers with (OAuth 2.0 "Identity URLs"). A session
        that was given instead of a login has none: the list of resources names it as `identity`,
        as Salesforce's own client jsforce reads it (`Connection.identity`). Neither needs more
        than the scope `api`; `services/oauth2/userinfo` would need `openid` or `id`.
        """
        self._session()
        for identity in self._identities():
            if match := _USER_ID.search(identity):
                return match.group(1)
        raise ConnectorError(
            "salesforce: the org does not say which user we are; log in with "
            "SALESFORCE_LOGIN_URL and SALESFORCE_CLIENT_ID instead of a session"
        )

    def _identities(self) -> Iterator[str]:
        """Yield the `id` URL of the login, then that of the list of resources, which is a call."""
        yield self._identity
        if not self._resources_identity:
            answer = self.call("other", "")
            self._resources_identity = (
                str(answer.get("identity", "")) if isinstance(answer, dict) else ""
            )
        yield self._resources_identity

    def streaming_session(self, refused: str = "") -> StreamingSession:
        """Return what calls of the Pub/Sub API are made with. `refused`: an access token that it
        does not take any more; a fresh one is got then.

        Raises `AuthError` where the session cannot be renewed.
        """
        current = self._session()
        if refused and current.session_id == refused:
            if self._credentials.access_token:
                raise AuthError(_CANNOT_RENEW)
            current = self._session(expired=current)
        org = self.org_id()
        return StreamingSession(current.session_id, self._instance_url, org, self.user_id())

    def org_id(self) -> str:
        """The id of the org that we are logged in to (from where `user_id` has the user's)."""
        self._session()
        for identity in self._identities():
            if match := _ORG_ID.search(identity):
                return match.group(1)
        raise ConnectorError("salesforce: the org does not say which id it has")

    def call(
        self,
        purpose: Purpose,
        path: str,
        method: str = "GET",
        *,
        take: Callable[[requests.Response], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
        keep_reserve: bool = False,
        **kwargs: Any,
    ) -> Any:
        """One call below /services/data/vNN.N/, with our retries.

        `take`: what is made of an answer that is not JSON, while it comes in. `check`: raises
        `ContradictionError` for one that is not to be believed. `keep_reserve`: see
        `connectors.http.client.Calls.execute`.
        """
        if method != "GET":
            headers = {**self._write_headers, **(headers or {})}

        def attempt(client: Salesforce) -> Any:
            try:
                if take is not None:
                    return _take(client, path, method, take, headers, **kwargs)
                answer = client.restful(path, method=method, headers=headers or {}, **kwargs)
                if check is not None:
                    check(answer)
                return answer
            except ClientError as error:
                raise self._translate(error, path) from error
            except json.JSONDecodeError as error:
                raise RetryableError("an answer was not JSON") from error
            except (OSError, urllib3.exceptions.HTTPError) as error:  # those of requests as well
                raise explain("salesforce", error, client.sf_instance) from error

        client = self._session()
        try:
            return self._calls.execute(purpose, lambda: attempt(client), keep_reserve=keep_reserve)
        except SessionExpiredError:
            if self._credentials.access_token:
                raise AuthError(_CANNOT_RENEW) from None
            renewed = self._session(expired=client)
            try:
                return self._calls.execute(
                    purpose, lambda: attempt(renewed), keep_reserve=keep_reserve
                )
            except SessionExpiredError as error:
                raise AuthError(
                    f"salesforce: a fresh session is refused too ({error}); does the app have the "
                    "scope 'Manage user data via APIs (api)', and the user 'API Enabled'?"
                ) from error

    def _translate(self, error: ClientError, path: str) -> Exception:
        if error.status == MISDIRECTED:
            self._http.close()  # what is open leads to the wrong place
        # simple-salesforce keeps no headers: the session noted those of the last answer.
        return translate(
            error.status,
            error.content,
            path,
            retry_after=retry_after(getattr(self._http, "last_retry_after", None)),
            location=getattr(self._http, "last_location", "") or "",
            calls_left=self._calls_left,
            server=getattr(self._http, "last_server", "") or "",
        )

    def _calls_left(self) -> bool:
        """Whether the org last said that calls are left today."""
        today = self._quota.today
        return today is not None and today.remaining > 0


def limits(header: str) -> Limits:
    """The org's limit from a `Sforce-Limit-Info` header, or the app's own where that is nearer.

    Source: REST API Developer Guide, "Limit Info Header".
    """
    daily = [
        Remaining(max(0, int(limit) - int(used)), int(limit), DAY)
        for used, limit in _USAGE.findall(header)
        if int(limit)
    ]
    return Limits(day=min(daily, key=lambda limit: limit.share, default=None))


def _take(
    client: Salesforce,
    path: str,
    method: str,
    take: Callable[[requests.Response], Any],
    headers: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Any:
    """A call whose answer is no JSON: simple-salesforce's address and session, read as it comes."""
    with client.session.request(
        method,
        client.base_url + path,
        headers={**client.headers, **(headers or {})},
        stream=True,
        **kwargs,
    ) as response:
        if response.status_code >= 300:
            exception_handler(response, name=path)
        return take(response)
