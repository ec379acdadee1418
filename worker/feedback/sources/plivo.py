"""Plivo: replies by SMS, and what became of messages.

Two versions of signature come along, each with the auth token of the account that owns the number
(`X-Plivo-Signature-V2`, `-V3`) and with that of the main account (`-Ma-V2`, `-Ma-V3`), and a nonce:

- V3 covers the address, its query and the form: plivo-python, `plivo/utils/signature_v3.py`, and
  https://docs.plivo.com/docs/voice/xml/request/validation. Several, separated by a comma, may come.
- V2 covers the address without its query, and the nonce, but no word of the form:
  https://docs.plivo.com/docs/messaging/concepts/signature-validation. It counts where no V3 comes,
  and proves only who calls (`Proof.SENDER`).

Neither holds a time, so a request counts once for ever, by its id. Form fields of a message:
https://plivo.com/docs/messaging/api/message/handling-incoming. `Text` holds the words of an SMS,
whose parts Plivo has joined; **`Body` those of an MMS or a WhatsApp message**; `Media0` or `Media1`
and so on address the attachments, without their types; `MessageIntent` is `optout` for a standard
keyword; `ContentType` (WhatsApp) is `text`, `media`, `button` or `unknown`. `Status`, `ErrorCode`:
https://plivo.com/docs/messaging/troubleshooting/error-codes. Numbers come without a plus.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from config.settings import Settings
from worker.feedback.sources.delivery_codes import FailureMeaning, look_up
from worker.feedback.sources.vendor import (
    DeliveryStatus,
    Event,
    ForgedWebhookError,
    InboundText,
    IncomingRequest,
    NotConfiguredError,
    Proof,
    Vendor,
    joined_words,
    message_id,
    phone_number,
    same,
    unread_media,
)

_MEDIA = re.compile(r"Media[0-9]{1,3}", re.ASCII)
CODES: dict[str, tuple[FailureMeaning, str]] = {
    "10": ("message", "the message is not valid"),
    "20": ("message", "a network error"),
    "30": ("filtered", "blocked as spam"),
    "40": ("sender", "our number is not valid"),
    "50": ("no_text", "not valid, not enabled for texts, or a landline"),
    "60": ("message", "sent in a loop"),
    "70": ("dead", "the number is permanently unavailable"),
    "80": ("failing", "the number is unavailable for now"),
    "90": ("message", "no route was found"),
    "100": ("message", "the carrier's network takes no such message"),
    "110": ("message", "the message was too long"),
    "200": ("opt_out", "opted out by a reply such as STOP"),
    "201": ("sender", "our toll-free number cannot text Canada"),
    "300": ("message", "the message was not sent"),
    "420": ("message", "the message expired"),
    "900": ("sender", "our account has no credit"),
    "910": ("sender", "our account is disabled"),
}


class Plivo(Vendor):
    name = "plivo"
    label = "Plivo"
    variable = "PLIVO_AUTH_TOKEN"
    paths: ClassVar[Mapping[str, str]] = {
        "sms": "An inbound message, from Plivo",
        "status": "What became of a message, from Plivo",
    }

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        if settings.plivo is None:
            raise NotConfiguredError("PLIVO_AUTH_TOKEN is not set.")
        token, headers = settings.plivo.auth_token, request.headers
        if given := _given(headers, "v3"):
            expected = _signature_v3(
                token, request.url, request.form(), headers.get("x-plivo-signature-v3-nonce", "")
            )
            proof = Proof.BODY
        else:
            given = _given(headers, "v2")
            expected = _signature_v2(
                token, request.url, headers.get("x-plivo-signature-v2-nonce", "")
            )
            proof = Proof.SENDER
        if not any(same(one, expected) for one in given):
            raise ForgedWebhookError("The signature is not Plivo's.")
        return proof

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        form = request.parameters()
        return [_read_text(form) if path == "sms" else _read_status(form)]


def _given(headers: Mapping[str, str], version: str) -> list[str]:
    names = (f"x-plivo-signature-{version}", f"x-plivo-signature-ma-{version}")
    lists = (headers.get(name, "").split(",") for name in names)
    return [signature.strip() for found in lists for signature in found if signature.strip()]


def _signature_v3(token: str, url: str, form: Sequence[tuple[str, str]], nonce: str) -> str:
    parts = urlsplit(url)
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    query = "&".join(
        f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))
    )
    if query or form:
        base += f"?{query}"
    if query and form:
        base += "."
    base += "".join(f"{name}{value}" for name, value in sorted(form))
    return _hmac(token, f"{base}.{nonce}")


def _signature_v2(token: str, url: str, nonce: str) -> str:
    parts = urlsplit(url)
    return _hmac(token, urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")) + nonce)


def _hmac(token: str, text: str) -> str:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha256")).decode()


def _read_text(form: Mapping[str, str]) -> InboundText:
    """Read an inbound message. Only the refusal that Plivo recognised counts as such: what it takes
    for an opt-in ("YES") is read like any other words."""
    words = joined_words(form.get("Text"), form.get("Body"))
    content = form.get("ContentType", "").strip().lower()
    return InboundText(
        phone_number(form.get("From"), "From", bare=True),
        f"plivo:sms:{message_id(form.get('MessageUUID'), 'MessageUUID')}",
        "plivo sms",
        words,
        "STOP" if form.get("MessageIntent", "").strip().lower() == "optout" else "",
        partial=content == "button",
        unread=_unread(form, words, content),
    )


def _unread(form: Mapping[str, str], words: str, content: str) -> str:
    if content == "unknown":
        return "a message of a kind that Plivo does not know"
    attachments = any(_MEDIA.fullmatch(name) and url.strip() for name, url in form.items())
    types = [form.get("MimeType", "")] if attachments or content == "media" else []
    return unread_media(words, types)


def _read_status(form: Mapping[str, str]) -> DeliveryStatus:
    state = form.get("Status", "").lower()
    failed = state in ("failed", "undelivered", "rejected")
    return DeliveryStatus(
        phone_number(form.get("To"), "To", bare=True),
        f"plivo:status:{message_id(form.get('MessageUUID'), 'MessageUUID')}",
        "plivo",
        state in ("delivered", "read"),
        look_up(form.get("ErrorCode", "").strip(), CODES) if failed else None,
    )
