"""What a Salesforce org refuses, as one of the connector's errors, with what to do about it.

An org answers errors in four forms: a JSON list (`[{"errorCode", "message"}]`, the REST API), a
JSON object (`{"error", "error_description"}`, OAuth), plain text (`Bad_OAuth_Token`, the identity
service), and an HTML page (maintenance, a proxy in between). Each keeps its reason here.

Sources: REST API Developer Guide, "Status Codes and Error Responses"; OAuth 2.0 error codes in
Salesforce Help; SOAP API Developer Guide, "ExceptionCode" and "StatusCode", for the codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.errors import (
    AuthError,
    ConnectorError,
    NotFoundError,
    QuotaError,
    SchemaChangedError,
    UnavailableError,
)
from connectors.http import no_answer
from connectors.http.client import RetryableError
from connectors.http.error_text import one_line, plain
from connectors.http.statuses import GAVE_UP_WAITING, PROXY_LOGIN, is_passing, not_from, web_page

# Codes by which an org says that it runs no Bulk jobs for us now.
_NO_BULK = ("LIMIT_EXCEEDED", "FEATURENOTENABLED", "FEATURE_NOT_ENABLED", "INVALIDENTITY")
# Codes by which it says that a query is more than it will carry out: a smaller one may pass, or the
# other API. (Of a job they mean that the jobs of the day, or their storage, are used up.)
_TOO_LARGE = ("QUERY_TIMEOUT", "EXCEEDED_QUOTA", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED")
# Passing states of the org or of a row, whatever the HTTP status, which sources disagree on.
_PASSING = (
    "SERVER_UNAVAILABLE",
    "UNABLE_TO_LOCK_ROW",
    "REQUEST_RUNNING_TOO_LONG",
    "TOO_MANY_APEX_REQUESTS",
    "TEMPORARY_QUERY_MORE_FAILURE",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
)
_LAPSED = ("INVALID_QUERY_LOCATOR", "QUERY_LOCATOR_EXPIRED", "QUERY_LOCATOR_NOT_FOUND")
_SECURITY_POLICY = "TXN_SECURITY_"  # ..._NO_ACCESS, ..._METERING_ERROR, ..._RUNTIME_ERROR


class RefusedCallError(ConnectorError):
    """The org refused a call for what it says. `problem`: in its own words."""

    def __init__(self, text: str, problem: Problem) -> None:
        super().__init__(text)
        self.problem = problem


class CursorLapsedError(Exception):
    """A query's cursor is no longer there."""


class SessionExpiredError(Exception):
    """The org does not accept the session any more."""


class BulkUnavailableError(ConnectorError):
    """This org does no Bulk jobs for us (now): the REST API has to do."""


class JobStateError(ConnectorError):
    """A job is in another state than it should be for this."""


class LargeQueryError(ConnectorError):
    """A query is more than the org carries out at once: ask for less, or by the other API."""


class ApexLimitError(ConnectorError):
    """A trigger or flow of the org could not take so many records at once."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An org's own words: its code ("" where it gives none) and its text on one line."""

    code: str
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.code, self.text))) or "no reason given"


def problem_of(content: Any) -> Problem:
    """Read an error body, whatever its form.

    >>> problem_of([{"errorCode": "NOT_FOUND", "message": "The requested resource\\n is gone"}])
    Problem(code='NOT_FOUND', text='The requested resource is gone')
    >>> problem_of({"error": "invalid_grant", "error_description": "no run-as user"})
    Problem(code='invalid_grant', text='no run-as user')
    >>> problem_of("Bad_OAuth_Token")
    Problem(code='Bad_OAuth_Token', text='')
    >>> problem_of("<html><head><title>Down for&nbsp;maintenance</title></head></html>")
    Problem(code='', text='Down for maintenance')
    """
    first = content[0] if isinstance(content, list) and content else content
    if isinstance(first, dict):
        code = first.get("errorCode") or first.get("exceptionCode") or first.get("error") or ""
        text = (
            first.get("message")
            or first.get("exceptionMessage")
            or first.get("error_description")
            or ""
        )
        return Problem(one_line(code), one_line(text))
    text = plain(first)
    if re.fullmatch(r"[A-Za-z]+(?:_[A-Za-z]+)+", text):
        return Problem(text, "")
    return Problem("", text)


def translate(
    status: int,
    content: Any,
    path: str = "",
    *,
    retry_after: float | None = None,
    location: str = "",
    calls_left: Callable[[], bool] = lambda: False,
    server: str = "",
) -> Exception:
    """The error that an answer of the org means.

    `path`: of the call, below /services/data/vNN.N/. `location`: of a redirect. `calls_left`:
    whether the org has told of calls that are left today, which decides where it names a limit and
    not which. `server`: who says to have answered.
    """
    if 300 < status < 400:
        return redirected(status, location)
    if status == PROXY_LOGIN:
        return ConnectorError(f"salesforce: {no_answer.PROXY_LOGIN}")
    if page := web_page({"Server": server}, content):
        reason = not_from("Salesforce's API", status, page)
        if is_passing(status):
            return RetryableError(reason, retry_after, status in GAVE_UP_WAITING)
        return UnavailableError(
            f"salesforce: {reason}; once that is fixed: hygiene sync salesforce"
        )
    problem = problem_of(content)
    code, text = problem.code, problem.text
    if code == "INVALID_SESSION_ID" or status == 401:
        return SessionExpiredError(str(problem))
    if code == "REQUEST_LIMIT_EXCEEDED":
        return _limit(text, retry_after, calls_left)
    if code in _NO_BULK or (code in _TOO_LARGE and path.startswith("jobs/")):
        return BulkUnavailableError(f"salesforce: {problem}")
    if code in _TOO_LARGE:
        return LargeQueryError(f"salesforce: {problem}")
    lacks = "No such column" in text or "is not supported" in text
    if code in ("INVALID_FIELD", "INVALID_TYPE") or (code == "API_ERROR" and lacks):
        return SchemaChangedError(f"salesforce: {text}")
    if code == "INVALIDJOBSTATE":
        return JobStateError(f"salesforce: {text}")
    if code in _LAPSED:
        return CursorLapsedError()
    if refusal := _not_allowed(problem):
        return refusal
    if "LimitException" in text:
        return ApexLimitError(f"salesforce: {problem}")
    if code in _PASSING or is_passing(status):
        return RetryableError(
            f"HTTP {status} {problem}" if code or text else f"HTTP {status}",
            retry_after,
            status in GAVE_UP_WAITING,
        )
    return _by_status(status, problem)


def _by_status(status: int, problem: Problem) -> ConnectorError:
    """The error of an answer whose code says nothing that we know."""
    if status == 404:
        return NotFoundError(f"salesforce: HTTP 404: {problem}")
    if status == 410:
        return ConnectorError(
            f"salesforce: this API version is retired ({problem}); set SALESFORCE_API_VERSION to a "
            "newer one, or leave it out"
        )
    if status == 403:
        return AuthError(f"salesforce: refused (HTTP 403): {problem}")
    text = f"salesforce: HTTP {status}: {problem}"
    return (
        RefusedCallError(text, problem) if status == 400 and problem.code else ConnectorError(text)
    )


def _not_allowed(problem: Problem) -> AuthError | None:
    """Refusals of our user as a whole, with what an admin does about each."""
    if problem.code.startswith(_SECURITY_POLICY):
        return AuthError(
            f"salesforce: a transaction security policy stops our user ({problem}); exempt the "
            "integration user: permission 'Exempt from Transaction Security', or Setup > "
            "Transaction Security Policies"
        )
    of_user = problem.code == "API_CURRENTLY_DISABLED" and "user" in problem.text.casefold()
    if problem.code == "API_DISABLED_FOR_ORG" or of_user:
        return AuthError(
            f"salesforce: {problem}; the org's edition needs API access, and our user the "
            "permission 'API Enabled'"
        )
    return None


def _limit(
    text: str, retry_after: float | None, calls_left: Callable[[], bool]
) -> RetryableError | QuotaError:
    """REQUEST_LIMIT_EXCEEDED says two things: too many long requests at once, which passes by
    itself, or the calls of the last 24 hours. The text tells which: "ConcurrentRequests (...)
    Limit exceeded.", "ConcurrentPerOrgLongTxn Limit exceeded.", "TotalRequests Limit exceeded."

    Sources: REST API Developer Guide, "Status Codes and Error Responses" (403); Salesforce
    Developer Limits and Allocations, "API Request Limits" (25 calls of 20 s and more at once). The
    messages are from public reports (SalesforceLabs/OrgCheck issues 181 and 432, mautic issue
    5006).
    """
    total = "total" in text.casefold()
    if "concurrent" in text.casefold() or (not total and calls_left()):
        reason = f"too many requests are under way in the org ({text})"
        return RetryableError(reason, retry_after, rejected=True)
    return QuotaError(
        "salesforce: the org's API calls for today are used up; the run goes on after the "
        "24-hour window has moved: hygiene runs resume RUN"
    )


def redirected(status: int, location: str) -> ConnectorError:
    """A redirect is never followed: it could lead anywhere with our session in its hands."""
    host = urlsplit(location).hostname
    where = f"to {host}" if host else "elsewhere, and does not say where"
    return ConnectorError(
        f"salesforce: HTTP {status}: the org's address has changed, it sends us {where}; if that "
        "is your My Domain, set SALESFORCE_LOGIN_URL (or SALESFORCE_INSTANCE_URL) to it"
    )
