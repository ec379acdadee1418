"""Make every call to a provider: rate limit, time-outs, retries, errors in one form.

A call that was certainly not carried out (no connection, a 429, a 5xx) is tried again, with growing
waits and as long as Retry-After says. A paid call whose answer was lost on its way may have been
charged: it is not sent a second time, and counts as lost.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests

from config.settings import Http
from config.tracing import span
from config.verification import ProviderTuning
from connectors.http.client import RetryableError, retry_after, retrying
from connectors.http.deadline import Adapter, whole_call
from connectors.http.lenient_json import clean, decode
from connectors.http.no_answer import is_late, never_sent, tls_problem
from connectors.http.pacing import Pace
from connectors.http.statuses import NOT_CARRIED_OUT, PROXY_LOGIN, web_page
from worker.verification import rate_limit as pacing
from worker.verification.errors import (
    AmbiguousResultError,
    CredentialsRejectedError,
    UnavailableError,
)

log = logging.getLogger(__name__)

# Statuses that pass by themselves. The last two do not say whether a lookup was carried out.
_LATER = NOT_CARRIED_OUT - {406, 420} | {499, 520}
_MOST_BYTES = 64 * 1024 * 1024  # of an answer; a result file of 250,000 numbers has about 30 MB


@dataclass(frozen=True, slots=True)
class Response:
    """A response that arrived complete. `data`: its JSON, None if it has none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any


class ProviderClient:
    """A connection to a provider: one pool of connections, kept open and shared by its calls."""

    def __init__(
        self, name: str, base_url: str, tuning: ProviderTuning, pace: Pace, http: Http
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.calls: Counter[int] = Counter()  # by status; 0 = none
        self._tuning = tuning
        self._pace = pace
        self._http = http.model_copy(update={"attempts": tuning.attempts})
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the machine's by surprise
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, Adapter(pool_maxsize=tuning.at_once + 2))

    def call(
        self,
        method: str,
        path: str,
        lookups: int = 1,
        paid: bool = True,
        judge: Callable[[Response], None] = lambda _reply: None,
        **options: Any,
    ) -> Response:
        """Make a call and return its response, whatever its status but those that mean "later".

        `lookups`: how many it makes, for the pace; 0 = it need not wait. `paid`: whether it costs
        something once it was carried out. `judge`: raises what the provider says in a way of its
        own. `options`: as for `requests.request`. Raises `UnavailableError` or
        `AmbiguousResultError`.
        """
        url = path if path.startswith(("http://", "https://")) else self.base_url + path

        def once() -> Response:
            if lookups:
                pacing.wait(self._pace, self.name, self._tuning.per_second, lookups)
            with (
                span("lookup.call", provider=self.name, lookups=lookups),
                whole_call(self._http.call_timeout),
            ):
                reply = self._once(method, url, paid, options)
            judge(reply)
            _slow_down(reply, paid)
            return reply

        try:
            return retrying(self.name, self._http)(once)
        except RetryableError as error:
            raise UnavailableError(error.reason) from error

    def _once(self, method: str, url: str, paid: bool, options: Mapping[str, Any]) -> Response:
        timeout = (self._tuning.connect_timeout, self._tuning.read_timeout)
        lost = AmbiguousResultError if paid else RetryableError
        try:
            with self._session.request(
                method, url, timeout=timeout, stream=True, allow_redirects=False, **options
            ) as response:
                self.calls[response.status_code] += 1
                if response.is_redirect:  # requests has read it already, to look where it leads
                    body = response.content[: _MOST_BYTES + 1]
                else:
                    body = response.raw.read(_MOST_BYTES + 1, decode_content=True)
        except requests.exceptions.ConnectTimeout as error:
            raise RetryableError("did not answer in time") from error
        except requests.exceptions.ConnectionError as error:
            self.calls[0] += 1
            raise _no_answer(error, lost) from error
        except requests.exceptions.Timeout as error:
            self.calls[0] += 1
            raise lost("did not answer in time") from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise lost("broke the connection") from error
        except Exception as error:  # urllib3's own, of a body that broke off
            late = "did not answer in time"
            raise lost(
                late if is_late(error) else "broke off in the middle of its answer"
            ) from error
        declared = response.headers.get("Content-Length")
        if len(body) > _MOST_BYTES:
            raise lost("sent far too large an answer")
        as_sent = response.headers.get("Content-Encoding") is None
        if declared and declared.isdigit() and as_sent and len(body) < int(declared):
            raise lost("broke off in the middle of its answer")
        return Response(response.status_code, response.headers, body, _json(body))

    def close(self) -> None:
        self._session.close()


def _slow_down(reply: Response, paid: bool) -> None:
    """Raise what a status that means "later" says."""
    if reply.status not in _LATER:
        return
    busy = "asks us to slow down" if reply.status == 429 else "has a fault"
    message = f"{busy} (HTTP {reply.status})"
    if paid and reply.status not in NOT_CARRIED_OUT:
        raise AmbiguousResultError(message)
    raise RetryableError(message, retry_after(reply.headers.get("Retry-After")))


def raise_for_intermediary(reply: Response) -> None:
    """Raise for the web page of a proxy or a firewall: it says nothing of our key or a number."""
    if reply.status == PROXY_LOGIN:
        raise UnavailableError("is behind a proxy that requires a login (HTTP 407)")
    if reply.status >= 400 and (page := web_page(reply.headers, reply.body)):
        raise UnavailableError(f"was not reached: HTTP {reply.status} with {page}")


def json_object(reply: Response, paid: bool = True) -> dict[str, Any]:
    """Return the JSON object of a successful answer; raise if it has another form."""
    if isinstance(reply.data, dict):
        return reply.data
    problem = "gave an answer that cannot be read"
    raise AmbiguousResultError(problem) if paid else UnavailableError(problem)


def raise_for_status_code(reply: Response, message: str = "") -> None:
    """Raise what a status of 401, 403 or of another kind than 2xx means."""
    raise_for_intermediary(reply)
    if reply.status in (401, 403):
        raise CredentialsRejectedError(f"does not accept our key{_quoted(message)}")
    if not 200 <= reply.status < 300:
        raise UnavailableError(f"answered HTTP {reply.status}{_quoted(message)}")


def text(value: object, most: int = 120) -> str:
    """Return a provider's own words, if they are words: shortened, on one line."""
    return clean(" ".join(str(value).split())[:most]) if isinstance(value, (str, int)) else ""


def with_path(url: str, path: str) -> str:
    """Return a base URL; one without a path gets the path of the true service.

    >>> with_path("http://127.0.0.1:9000", "/v1"), with_path("https://api.example.com/v2", "/v1")
    ('http://127.0.0.1:9000/v1', 'https://api.example.com/v2')
    """
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + path


def _quoted(message: str) -> str:
    return f': "{message}"' if message else ""


def _json(body: bytes) -> Any:
    try:
        return decode(body)
    except ValueError:
        return None


def _no_answer(
    error: requests.exceptions.ConnectionError,
    lost: type[AmbiguousResultError] | type[RetryableError],
) -> Exception:
    """Return the error that a call without an answer means. Only what broke before it was sent was
    certainly not carried out."""
    tls = tls_problem(error)
    if tls is not None and tls[0] == "untrusted":
        return UnavailableError(f"has a certificate that is not trusted ({tls[1]})")
    if tls is not None and tls[0] == "none":
        return UnavailableError(f"speaks no TLS at its address ({tls[1]}); is the URL right?")
    if never_sent(error):
        text = "broke the TLS handshake" if tls else "nothing answers at its address"
        return RetryableError(text)
    return lost("did not answer in time" if is_late(error) else "broke the connection")


F = TypeVar("F", bound=Callable[..., Any])
_MISREAD = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)


def guards_response(method: F) -> F:
    """Make a provider's method that reads answers treat an answer of an unexpected form as lost: it
    may have been charged, and never says anything about a number."""

    @functools.wraps(method)
    def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except _MISREAD as error:
            log.exception("%s: an answer could not be read", self.name)
            raise AmbiguousResultError("gave an answer that cannot be read") from error

    return cast(F, reading)
