"""HubSpot's API over HTTP: one connection pool, the paths of one dated version, limits, retries.

HubSpot names the versions of its API by date and ends those with numbers (v4 on 30 March 2027, v1
to v3 in September 2027: HubSpot's changelog, 15 September 2026). The client package still builds
the numbered paths, but its request method takes any path. Its model objects cost ten times what
decoding the JSON costs, so bodies are read raw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
import urllib3
from hubspot import HubSpot

from config.credentials import HubSpotCredentials
from config.settings import Http
from connectors.errors import ConnectorError
from connectors.http.client import Calls, CrmClock, RetryableError
from connectors.http.consistency import Check, counted
from connectors.http.deadline import keep_deadlines
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.rate_limits import DAY, Limits, Quota, parse_remaining
from connectors.http.statuses import MISDIRECTED, not_from, web_page
from connectors.hubspot.errors import translate
from connectors.hubspot.tokens import AccessToken
from connectors.records import Purpose

OBJECT: Final = "contacts"  # the object whose lists, calls and people are read
# The one list of call outcomes that all accounts have; no dated version offers it (2027-03-beta
# does, to chosen apps alone). Source: HubSpot's guide "Calling extensions", dispositions.
DISPOSITIONS: Final = "/calling/v1/dispositions"
TOKEN_INFO: Final = "/oauth/v2/private-apps/get/access-token-info"

# Seconds of a rate limit's interval that can be: HubSpot documents ten, and one for some apps.
_LONGEST_INTERVAL = 60.0
_UNAUTHORIZED = 401
_SEARCHES = ("searches", 1 / 4)  # five a second are allowed: one is left to others


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came. `body`: decoded, None where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Query = Mapping[str, str | int | bool | list[str]]


class Paths:
    """Paths of one dated version, as HubSpot's OpenAPI documents of 2026-09 have them.

    >>> Paths("2026-09").objects("contacts", "search")
    '/crm/objects/2026-09/contacts/search'
    """

    def __init__(self, version: str) -> None:
        self.version = version

    def objects(self, *rest: str) -> str:
        return self._of("crm/objects", *rest)

    def properties(self, *rest: str) -> str:
        return self._of("crm/properties", *rest)

    def schemas(self, *rest: str) -> str:
        return self._of("crm-object-schemas", "schemas", *rest)

    def lists(self, *rest: str) -> str:
        return self._of("crm/lists", *rest)

    def associations(self, *rest: str) -> str:
        return self._of("crm/associations", *rest)

    def limits(self, *rest: str) -> str:
        return self._of("crm/limits", *rest)

    def account(self, *rest: str) -> str:
        return self._of("account-info", *rest)

    def communication_preferences(self, *rest: str) -> str:
        return self._of("communication-preferences", *rest)

    def workflow_callbacks(self, *rest: str) -> str:
        return self._of("automation/actions/callbacks", *rest)

    def _of(self, area: str, *rest: str) -> str:
        return "/".join((f"/{area}/{self.version}", *rest))


class Client:
    """The only place from which HubSpot is called."""

    def __init__(self, credentials: HubSpotCredentials, http: Http, quota: Quota) -> None:
        self._calls = Calls(quota.name, http, quota)
        self.clock = CrmClock(quota)
        self.host = credentials.api_url
        self.paths = Paths(credentials.api_version)
        package = HubSpot(
            access_token=credentials.access_token,
            host=credentials.api_url,
            retry=urllib3.Retry(total=0, redirect=0),  # our own retries count each attempt
        )
        # Every access to package.crm... makes a connection pool: this one is kept, for all paths.
        self._api = package.crm.contacts.basic_api.api_client
        keep_deadlines(self._api.rest_client.pool_manager)
        self.tokens = AccessToken(credentials, self._send_form)

    @property
    def token(self) -> str:
        """The access token that calls are made with now."""
        return self.tokens.current()

    def _send_form(self, url: str, form: bytes) -> urllib3.BaseHTTPResponse:
        connect, read = self._calls.timeout
        kept: urllib3.BaseHTTPResponse = self._api.rest_client.pool_manager.request(
            "POST",
            url,
            body=form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=urllib3.Timeout(connect=connect, read=read),
            retries=urllib3.Retry(total=0, redirect=0),
        )
        return kept

    @property
    def counts(self) -> Counter[Purpose]:
        return self._calls.counts

    def close(self) -> None:
        self._api.close()

    def get(
        self, purpose: Purpose, path: str, query: Query | None = None, check: Check | None = None
    ) -> Any:
        return self.request(purpose, "GET", path, query, check=check)

    def post(
        self,
        purpose: Purpose,
        path: str,
        body: Any,
        query: Query | None = None,
        check: Check | None = None,
        keep_reserve: bool = False,
    ) -> Any:
        return self.request(
            purpose, "POST", path, query, body, check=check, keep_reserve=keep_reserve
        )

    def search(
        self,
        purpose: Purpose,
        object_name: str,
        body: Mapping[str, Any],
        check: Check | None = None,
        keep_reserve: bool = False,
    ) -> Any:
        """Searches have a limit of their own, of which no answer tells."""
        path = self.paths.objects(object_name, "search")

        def counts(answer: Any) -> None:
            counted(answer, object_name)
            if check is not None:
                check(answer)

        return self.request(
            purpose, "POST", path, None, body, _SEARCHES, counts, keep_reserve=keep_reserve
        )

    def request(
        self,
        purpose: Purpose,
        method: Method,
        path: str,
        query: Query | None = None,
        body: Any = None,
        bucket: tuple[str, float] | None = None,
        check: Check | None = None,
        keep_reserve: bool = False,
    ) -> Any:
        """The decoded body of an answer, None where it has none. Raises `ConnectorError`s, and
        `RefusedValuesError` for a write that is refused for what it says.

        `bucket`: of calls with a limit of their own, its name and the seconds between two.
        `check`: raises `ContradictionError` for an answer that is not to be believed.
        `keep_reserve`: see `connectors.http.client.Calls.execute`. Many parameters, since this is
        the one place through which all kinds of calls go.
        """

        def once() -> Any:
            answer = self._once(method, path, query, body)
            if check is not None:
                check(answer)
            return answer

        return self._calls.execute(purpose, once, bucket, keep_reserve)

    def response(
        self, method: Method, path: str, query: Query | None = None, body: Any = None
    ) -> Answer:
        """One call and its answer, whatever its status; tried again as any other call is."""
        line = _SEARCHES if path.endswith("/search") else None
        return self._calls.execute("other", lambda: self._answer(method, path, query, body), line)

    def _answer(self, method: Method, path: str, query: Query | None, body: Any) -> Answer:
        try:
            response = self._call(method, path, query, body)
            status, headers, raw = response.status, response.headers, response.data
        except (ConnectorError, RetryableError):
            raise  # there is no token
        except Exception as error:
            refusal = self._refusal(error)
            if isinstance(refusal, RetryableError) or getattr(error, "status", None) is None:
                raise refusal from error
            status, raw = error.status, error.body  # type: ignore[attr-defined]
            headers = getattr(error, "headers", None) or {}
        else:
            self._calls.note(limits(headers))
        try:
            return Answer(status, headers, decode(raw) if raw else None)
        except orjson.JSONDecodeError:
            return Answer(status, headers, None)

    def _call(self, method: Method, path: str, query: Query | None, body: Any) -> Any:
        token = self.tokens.current()
        try:
            return self._call_with(token, method, path, query, body)
        except Exception as error:
            if getattr(error, "status", None) != _UNAUTHORIZED or not self.tokens.can_be_renewed:
                raise
        self.tokens.replace(token)  # it was revoked, or HubSpot's clock is ahead
        return self._call_with(self.tokens.current(), method, path, query, body)

    def _call_with(
        self, token: str, method: Method, path: str, query: Query | None, body: Any
    ) -> Any:
        self._api.configuration.access_token = token
        return self._api.call_api(
            path,
            method,
            query_params=_pairs(query),
            header_params={"Accept": "application/json"},
            body=body,
            auth_settings=["oauth2"],
            response_types_map={},
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=self._calls.timeout,
        )

    def _once(self, method: Method, path: str, query: Query | None, body: Any) -> Any:
        try:
            response = self._call(method, path, query, body)
            raw = response.data
        except (ConnectorError, RetryableError):
            raise  # there is no token
        except Exception as error:
            raise self._refusal(error) from error
        self._calls.note(limits(response.headers))
        self.clock.note(response.headers.get("Date"))
        try:
            return decode(raw) if raw else None
        except orjson.JSONDecodeError as error:
            page = web_page(response.headers, raw)
            problem = (
                not_from("HubSpot", response.status, page) if page else "an answer was not JSON"
            )
            raise RetryableError(problem) from error

    def _refusal(self, error: Exception) -> Exception:
        """The package has one ApiException class for each of its API packages, and fails itself
        where an error's body is no UTF-8."""
        if isinstance(error, (urllib3.exceptions.HTTPError, OSError)):
            return explain("hubspot", error, self.host)
        raw = getattr(error, "body", b"")
        if isinstance(error, UnicodeDecodeError) and error.__context__ is not None:
            error, raw = error.__context__, error.object  # type: ignore[assignment]
        status = getattr(error, "status", None)
        if status is None:
            return error
        if not status:  # how the package tells of TLS
            return explain("hubspot", error, self.host)
        if status == MISDIRECTED:
            self._api.rest_client.pool_manager.clear()
        headers = getattr(error, "headers", None) or {}
        self._calls.note(limits(headers))
        by_oauth = self.tokens.can_be_renewed
        token = "HUBSPOT_REFRESH_TOKEN" if by_oauth else "HUBSPOT_ACCESS_TOKEN"
        return translate(status, raw, headers, self.paths.version, token)


def _pairs(query: Query | None) -> list[tuple[str, str]]:
    """As HubSpot's documents have them: a list once for each value, booleans in small letters."""
    pairs: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        for part in value if isinstance(value, list) else [value]:
            pairs.append((name, str(part).lower() if isinstance(part, bool) else str(part)))
    return pairs


def limits(headers: Mapping[str, str]) -> Limits:
    """The account's limits. Searches tell none, and answers to OAuth none of the day.

    Source: HubSpot's API usage guidelines, "Rate limit headers".
    """
    prefix = "X-HubSpot-RateLimit-"
    interval = headers.get(f"{prefix}Interval-Milliseconds") or ""
    seconds = int(interval) / 1000 if interval.isdecimal() and len(interval) < 9 else 10.0
    if seconds > _LONGEST_INTERVAL:
        seconds = 10.0
    return Limits(
        parse_remaining(
            headers.get(f"{prefix}Daily-Remaining"), headers.get(f"{prefix}Daily"), DAY
        ),
        parse_remaining(headers.get(f"{prefix}Remaining"), headers.get(f"{prefix}Max"), seconds),
    )
