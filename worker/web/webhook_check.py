"""Test whether webhooks reach us: send a signed request to our PUBLIC_URL, as the service would.

What is sent means nothing (a message that is only queued, an empty list of changes), so nothing is
stored. A request with a wrong signature goes first: whoever accepts that is not us. Only PUBLIC_URL
is called, which the operator has set; redirects are not followed, nothing of an answer is shown,
and the answers are waited for no longer than `_DEADLINE` seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import requests
from hubspot.utils.signature import Signature

from config import connections
from connectors.http.deadline import Adapter, whole_call
from worker.context import Context
from worker.feedback.sources.twilio import twilio_signature
from worker.queries.first_steps import CheckResult, record_webhook_check

log = logging.getLogger(__name__)

_TIMEOUT = 5.0  # seconds for a connection, and for an answer
_DEADLINE = 12.0
# Kept for fiction (North American Numbering Plan, 555-0100 to 555-0199).
_QUEUED = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "queued", "To": "+12025550100"}
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class _Message:
    """What a service sends. `sign` returns its headers, made with a secret."""

    path: str
    body: str
    content_type: str
    sign: Callable[[str, str], Mapping[str, str]]


def _signed_by_twilio(secret: str, url: str) -> Mapping[str, str]:
    return {"X-Twilio-Signature": twilio_signature(secret, url, list(_QUEUED.items()))}


def _signed_by_hubspot(secret: str, url: str) -> Mapping[str, str]:
    timestamp = str(int(time.time() * 1000))
    signature = Signature.get_signature(secret, "[]", "v3", url, "POST", timestamp)
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp}


_MESSAGES: Mapping[str, _Message] = {
    "twilio": _Message("/webhooks/twilio/status", urlencode(_QUEUED), _FORM, _signed_by_twilio),
    "hubspot": _Message("/webhooks/hubspot", "[]", "application/json", _signed_by_hubspot),
}


def check_webhooks(ctx: Context, service: str) -> CheckResult:
    """Test the webhooks of a service (twilio, or a connection to HubSpot), and keep the result.
    Raises `KeyError` for a service whose secret or whose PUBLIC_URL is not set."""
    secret = webhook_secrets(ctx)[service]
    if not (secret and ctx.settings.public_url):
        raise KeyError(service)
    message = _MESSAGES[connections.kind_of(service)]
    error = _try(ctx.settings.public_url, secret, message)
    result = CheckResult(ctx.now(), error=error)
    record_webhook_check(ctx, service, result)
    return result


def webhook_secrets(ctx: Context) -> dict[str, str]:
    settings = ctx.settings
    return {
        "twilio": settings.twilio.auth_token if settings.twilio else "",
        "hubspot": settings.hubspot.client_secret if settings.hubspot else "",
        **{
            name: credentials.client_secret
            for name in settings.of_kind("hubspot")
            if name != "hubspot" and (credentials := settings.hubspot_of(name))
        },
    }


def _try(public_url: str, secret: str, message: _Message) -> str:
    """Return what is wrong and what to do, or ""."""
    try:
        with whole_call(_DEADLINE):
            refused = _send(public_url, f"not {secret}", message)
            taken = _send(public_url, secret, message) if refused == 403 else 0
    except requests.exceptions.SSLError:
        return (
            "The certificate of PUBLIC_URL is not valid: renew it, or set the name that it is for."
        )
    except requests.exceptions.Timeout:
        return f"PUBLIC_URL did not answer within {_TIMEOUT:g} seconds. {_FROM_INSIDE}"
    except (requests.RequestException, ValueError) as error:
        log.warning("PUBLIC_URL cannot be reached: %s", type(error).__name__)
        return (
            f"PUBLIC_URL cannot be reached: check its name, its port and the proxy. {_FROM_INSIDE}"
        )
    if 200 <= refused < 300:
        return (
            "Something else answers at PUBLIC_URL: it took a wrong signature. Point PUBLIC_URL, or "
            "the proxy behind it, at this installation."
        )
    if refused != 403:
        return _explain(refused)
    return "" if 200 <= taken < 300 else _explain(taken)


_FROM_INSIDE = (
    "Some networks cannot reach their own public address from inside: then try it from elsewhere."
)


def _explain(status: int) -> str:
    if 300 <= status < 400:
        return (
            f"PUBLIC_URL redirects (status {status}), and webhooks follow no redirect. Set it to "
            "the address that answers, with https:// and without a slash at the end."
        )
    if status == 403:
        return (
            "The signature was refused. PUBLIC_URL must be exactly the address that the service "
            "calls, and a proxy must pass the request on as it is. After a change of the secret, "
            "restart the web process."
        )
    if status in (404, 405):
        return (
            f"No webhook is there (status {status}). Make your proxy forward paths that begin with "
            "/webhooks/."
        )
    if status == 503:
        return "The web process has no secret, or is not ready. Set it there as well, and restart."
    return f"PUBLIC_URL answered with status {status}. Look into the logs of the proxy and of ours."


def _send(public_url: str, secret: str, message: _Message) -> int:
    """Send a message to our own address; return the status of the answer, whose text is not
    read."""
    url = f"{public_url}{message.path}"
    headers = {"Content-Type": message.content_type, **message.sign(secret, url)}
    with requests.Session() as session:
        session.trust_env = False  # neither a proxy for outside addresses nor a stored password
        session.mount("http://", Adapter())
        session.mount("https://", Adapter())
        answer = session.post(
            url, data=message.body, headers=headers, timeout=_TIMEOUT, stream=True,
            allow_redirects=False,
        )  # fmt: skip
        with answer:
            return answer.status_code
