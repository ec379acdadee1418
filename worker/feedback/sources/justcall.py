"""JustCall: what agents log for calls, and contacts on its do-not-call lists.

`x-justcall-signature` is the HMAC-SHA256, in hex, of
`SECRET|ADDRESS|TYPE|TIMESTAMP`: the API secret, the webhook's own address as the body states it
(percent-encoded), the type of event, and `x-justcall-request-timestamp` ("2024-03-21 17:08:22", in
UTC: the example's request id, a ULID, holds the same second)
(https://developer.justcall.io/docs/dynamic-webhook-signatures). It covers no word of the event, so
it proves only who calls (`Proof.SENDER`); what comes here can only stop.

JustCall dates a signature by the event and does not document that a repetition gets a new one, so
one of up to 90 minutes counts. Whoever could reuse it within that time reads our TLS.

Events: https://developer.justcall.io/docs/call-events (`call.completed`, and `call.updated`, which
brings a disposition that is set later: `data.call_info.disposition`, `data.contact_number`) and
https://developer.justcall.io/docs/justcall-contact-events (`jc.contact_status_updated`:
`data.status` with `dnd`, `dnm`, `blacklist`).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from config.settings import Settings
from worker.feedback.sources.vendor import (
    Disposition,
    Event,
    ForgedWebhookError,
    IncomingRequest,
    NotConfiguredError,
    OptOut,
    Proof,
    Vendor,
    message_id,
    object_of,
    require_recent,
    same,
    seconds_of,
    spelt_number,
    text_of,
)

TOLERANCE = 90 * 60.0
# Which channels each of JustCall's lists closes; "" is both.
_LISTS = {"dnd": "", "blacklist": "", "dnm": "text"}


class JustCall(Vendor):
    name = "justcall"
    label = "JustCall"
    variable = "JUSTCALL_API_SECRET"
    paths: ClassVar[Mapping[str, str]] = {"call": "What an agent logged for a call, from JustCall"}

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        if settings.justcall is None:
            raise NotConfiguredError("JUSTCALL_API_SECRET is not set.")
        body, headers = request.json(), request.headers
        timestamp = headers.get("x-justcall-request-timestamp", "")
        secret, address = settings.justcall.api_secret, text_of(body.get("webhook_url"))
        text = f"{secret}|{quote(address, safe='')}|{text_of(body.get('type'))}|{timestamp}"
        expected = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
        if not same(headers.get("x-justcall-signature", "").lower(), expected):
            raise ForgedWebhookError("The signature is not JustCall's.")
        if not same(address, request.url):
            raise ForgedWebhookError("The signature is of another address than PUBLIC_URL.")
        require_recent(_seconds(timestamp), request, TOLERANCE)
        return Proof.SENDER

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        body = request.json()
        kind, data = text_of(body.get("type")), body.get("data")
        if "contact_status" in kind:
            return _read_lists(object_of(data, "data"))
        if not kind.removeprefix("jc.").startswith("call"):
            return []
        return _read_call(object_of(data, "data"))


def _seconds(timestamp: str) -> float:
    try:
        return datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return seconds_of(timestamp)


def _read_call(data: Mapping[str, Any]) -> Iterable[Event]:
    info = data.get("call_info")
    outcome = text_of(info.get("disposition")).strip() if isinstance(info, dict) else ""
    if not outcome:
        return
    number = spelt_number(text_of(data.get("contact_number")), "contact_number")
    call = message_id(data.get("id") or data.get("call_sid"), "id")
    yield Disposition(number, f"justcall:call:{call}:{outcome}", "justcall", outcome)


def _read_lists(data: Mapping[str, Any]) -> Iterable[Event]:
    """Read the lists that a contact is on. Being taken off one lifts nothing here."""
    status = object_of(data.get("status"), "status")
    number = spelt_number(text_of(data.get("contact_number")), "contact_number")
    contact = message_id(data.get("id"), "id")
    changed = text_of(data.get("status_updated_at"))[:32]
    for name, channels in _LISTS.items():
        if status.get(name) is True:
            key = f"justcall:contact:{contact}:{number}:{name}:{changed}"
            evidence = f"on JustCall's list “{name}”"
            yield OptOut(number, key, "justcall call", channels, evidence)
