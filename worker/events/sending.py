"""Send one event to an endpoint, signed by the Standard Webhooks specification.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
from standardwebhooks import Webhook

from config.events import EventSettings
from config.version import product_version
from connectors.http import in_time
from connectors.http.dates import http_date
from connectors.http.tls import tls_context
from worker.events import egress
from worker.events.egress import EgressRefusedError, Resolve
from worker.events.outgoing import Attempt

log = logging.getLogger(__name__)

GONE = 410  # the specification: the endpoint wants nothing more
ASKED_TO_WAIT = (429, 502, 503, 504)
# What a refusal usually means at the receiving end, and what to look at.
_MEANINGS = {
    400: "it could not read the event",
    401: "check the secret it verifies signatures with",
    403: "check the secret it verifies signatures with",
    404: "nothing receives events at this address",
    405: "nothing receives events at this address",
    413: "the event is too large",
    429: "it receives too many at once",
}
_FAULT = "an error on its side, which its log explains"  # 500 and above
_LONGEST_ASKED = timedelta(hours=1)
_CONNECT_SECONDS = 5.0


class Sender:
    """The connection to one endpoint, kept open between its events. Close it when done.

    One for each endpoint: its connections go to a checked address, and are kept by address, so
    two hosts behind one address must not share them.
    """

    def __init__(
        self,
        settings: EventSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: Resolve = egress.resolve,
    ) -> None:
        self._settings = settings
        self._now = now
        self._resolve = resolve
        seconds = settings.timeout.total_seconds()
        self._client = httpx2.Client(
            transport=in_time.transport(tls_context(trust_env=False), settings.connections),
            timeout=httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            follow_redirects=False,
            trust_env=False,  # no password of this machine is meant for them
        )

    def close(self) -> None:
        self._client.close()

    def send(self, url: str, uid: str, body: bytes, secrets: Sequence[str]) -> Attempt:
        """Send a message once; whatever happens is told, nothing is raised.

        `secrets`: each signs; the endpoint accepts one that it knows.
        """
        try:
            target = egress.check(url, self._settings.allow_addresses, self._resolve)
            headers = {
                "Host": target.host_header,
                "Content-Type": "application/json",
                "User-Agent": f"phone-hygiene/{product_version()}",
                **sign(uid, body, secrets, self._now()),
            }
            request = self._client.build_request(
                "POST", target.url, headers=headers, content=body,
                extensions={"sni_hostname": target.host},
            )  # fmt: skip
            # The answer's text is not read: it may be long, and nobody needs it.
            with in_time.whole_exchange(self._settings.timeout.total_seconds()):
                answer = self._client.send(request, stream=True)
                answer.close()
        except EgressRefusedError as error:
            return Attempt(None, str(error))
        except OSError as error:
            return Attempt(None, egress.no_address(error))
        except httpx2.TimeoutException:
            seconds = self._settings.timeout.total_seconds()
            return Attempt(None, f"no answer within {seconds:g} seconds")
        except httpx2.HTTPError as error:
            return Attempt(None, f"no connection ({type(error).__name__})")
        except (ValueError, httpx2.InvalidURL):
            return Attempt(None, "not an address")
        return _outcome(answer, self._now())


def sign(uid: str, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the three headers of a signed message."""
    signatures = [Webhook(secret).sign(uid, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _outcome(answer: httpx2.Response, now: datetime) -> Attempt:
    status = answer.status_code
    if 200 <= status < 300:
        return Attempt(status)
    if 300 <= status < 400:
        return Attempt(status, f"it redirects (status {status}), which is not followed")
    if status == GONE:
        return Attempt(status, "it wants nothing more (status 410)")
    wait = asked_wait(answer.headers.get("retry-after", ""), now)
    means = _MEANINGS.get(status, _FAULT if status >= 500 else "")
    text = f"it answered with status {status}" + (f" ({means})" if means else "")
    return Attempt(status, text, wait if status in ASKED_TO_WAIT else None)


def asked_wait(text: str, now: datetime) -> timedelta | None:
    """Read a Retry-After, in seconds or as a date (RFC 9110, 10.2.3); at most an hour counts."""
    if text.isascii() and text.isdigit() and len(text) < 9:
        wait = timedelta(seconds=int(text))
    else:
        at = http_date(text)
        if at is None:
            return None
        wait = at - now
    return min(max(wait, timedelta(seconds=1)), _LONGEST_ASKED)
