"""Make calls to a vendor: time-outs, limits of size, and errors in one form.

Nothing is retried here: an event that was not carried out is tried again by its delivery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import orjson

from config.redaction import redact_secrets
from config.version import product_version
from connectors.http import in_time
from connectors.http.tls import tls_context
from worker.events.sending import asked_wait
from worker.events.systems.base import CredentialsRefusedError, NotNowError, RefusedError

_MOST_BYTES = 1024 * 1024  # of an answer
_CONNECT_SECONDS = 5.0
_PASSES = (408, 425, 429)  # pass by themselves, as every 5xx does
# The address is not there: that is about the set-up or the version of the API, and not a number.
_NO_ADDRESS = (404, 405, 410)
_NUMBER = re.compile(r"\+?\d[\d ().-]{4,}\d")
_MOST_WORDS = 120  # characters of a vendor's own words


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. `data`: its JSON; None if it has none."""

    status: int
    data: Any

    def object(self) -> dict[str, Any]:
        """Return its JSON object. Raises `NotNowError` for anything else: whether the vendor did
        what it was asked is not known."""
        if isinstance(self.data, dict):
            return self.data
        raise NotNowError("gave an answer that cannot be read", self.status)


class VendorClient:
    """The connection to one address of a vendor, kept open between calls. Close it when done."""

    def __init__(self, url: str, timeout: timedelta, now: Callable[[], datetime]) -> None:
        """`url`: the base address, to which the paths of calls are appended."""
        seconds = timeout.total_seconds()
        self._url, self._seconds, self._now = url.rstrip("/"), seconds, now
        self._client = httpx2.Client(
            transport=in_time.transport(tls_context(trust_env=False)),
            timeout=httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            follow_redirects=False,
            trust_env=False,  # no password of this machine is meant for them
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        """Make a call once. `options`: as for `httpx2.Client.build_request` (`json`, `data`,
        `params`), and `auth`. Raises `VendorError` for every status but 2xx."""
        auth = options.pop("auth", None)
        sent = {
            "User-Agent": f"phone-hygiene/{product_version()}",
            "Accept-Encoding": "identity",  # what is packed has no size that can be limited
            **(headers or {}),
        }
        try:
            request = self._client.build_request(method, self._url + path, headers=sent, **options)
            with in_time.whole_exchange(self._seconds):
                response = self._client.send(request, stream=True, auth=auth)
                try:
                    body = _read(response)
                finally:
                    response.close()
        except httpx2.TimeoutException as error:
            raise NotNowError(f"gave no answer within {self._seconds:g} seconds") from error
        except (httpx2.HTTPError, OSError) as error:
            raise NotNowError(f"was not reached ({type(error).__name__})") from error
        return self._judged(response, _json(body))

    def _judged(self, response: httpx2.Response, data: Any) -> Answer:
        status = response.status_code
        words = _words(data)
        told = f"status {status}" + (f": {words}" if words else "")
        if 200 <= status < 300:
            if isinstance(data, dict) and (data.get("errors") or data.get("error")):
                raise NotNowError(f"answered with an error ({told})", status)
            return Answer(status, data)
        if status in (401, 403):
            raise CredentialsRefusedError(told, status)
        if status in _PASSES or status >= 500:
            what = "asks us to slow down" if status == 429 else "has a fault"
            wait = asked_wait(response.headers.get("retry-after", ""), self._now())
            raise NotNowError(f"{what} ({told})", status, wait)
        if status in _NO_ADDRESS:
            raise NotNowError(f"does not know this address ({told})", status)
        if status < 400:
            raise NotNowError(f"redirects ({told}), which is not followed", status)
        if not isinstance(data, dict):  # of a proxy or a firewall, say: not about the number
            raise NotNowError(f"answered with {told}", status)
        raise RefusedError(f"refused it ({told})", status)


def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    for part in response.iter_raw():  # as it came: a few bytes may be packed gigabytes
        body += part
        if len(body) > _MOST_BYTES:
            raise NotNowError("sent far too large an answer", response.status_code)
    return bytes(body)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _words(data: Any) -> str:
    """Return what a vendor says of an error: where it usually stands, without secrets and
    numbers."""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    places = [one for one in (first, data.get("error")) if isinstance(one, dict)]
    for place in (*places, data):
        for name in ("detail", "message", "generalMessage", "error_description", "title", "error"):
            if isinstance(text := place.get(name), str) and text:
                return clean(text)
    return ""


def clean(text: object) -> str:
    """Return a vendor's words on one line: shortened, without secrets and phone numbers.

    >>> clean("The number +1 415-555-0123 is no good")
    'The number … is no good'
    """
    line = " ".join(str(text).split())
    return redact_secrets(_NUMBER.sub("…", line))[:_MOST_WORDS]
