"""Telnyx: replies by SMS, and what became of messages.

Telnyx signs `TIMESTAMP|BODY` with Ed25519: `telnyx-signature-ed25519` (base64) and
`telnyx-timestamp` (seconds since 1970), to be checked with the account's public key
(https://developers.telnyx.com/docs/development/sdk/python/webhooks; form of the text:
telnyx-python, `lib/webhook_verification.py`).

Events: https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks
(`message.received`, `message.finalized`, `data.payload`). Telnyx reads STOP, START and HELP itself
and says so in `autoresponse_type`
(https://developers.telnyx.com/docs/messaging/messages/advanced-opt-in-out).

A message has `text`, an MMS also `subject` and `media` with a `content_type` each
(https://developers.telnyx.com/api-reference/callbacks/inbound-message). RCS has its message as an
object in `body`, in the form of Google's RCS API written in snake case
(https://developers.telnyx.com/docs/messaging/messages/receiving-rcs-webhooks): `text`,
`suggestion_response` (a button: `text`, `postback_data`), `user_file`
(https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/UserMessage).
That a reply of RCS stands in `body` itself is not confirmed by an example.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.settings import Settings
from worker.feedback.sources.delivery_codes import FailureMeaning, look_up
from worker.feedback.sources.vendor import (
    KEYWORDS,
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
    object_of,
    phone_number,
    read_each,
    require_recent,
    seconds_of,
    text_of,
    time_of,
    unread_media,
)

# https://developers.telnyx.com/docs/messaging/messages/error-codes
CODES: dict[str, tuple[FailureMeaning, str]] = {
    "40001": ("no_text", "a landline, or a number that gets no texts"),
    "40002": ("filtered", "blocked as spam for now"),
    "40003": ("filtered", "blocked as spam"),
    "40004": ("message", "rejected by the recipient's carrier"),
    "40005": ("message", "the message expired"),
    "40006": ("message", "the recipient's carrier did not answer"),
    "40008": ("message", "the carrier did not accept it"),
    "40009": ("message", "the content was rejected"),
    "40010": ("sender", "our number is not registered for A2P 10DLC"),
    "40011": ("sender", "our rate limit was exceeded"),
    "40012": ("message", "the destination is not valid"),
    "40013": ("sender", "our number is not valid"),
    "40014": ("message", "the message expired in the queue"),
    "40015": ("filtered", "blocked as spam by Telnyx"),
    "40100": ("sender", "our number cannot send texts"),
    "40300": ("opt_out", "opted out by a reply such as STOP"),
    "40301": ("message", "the number takes no message of this kind"),
    "40305": ("sender", "our number is not valid"),
    "40310": ("message", "the destination is not valid"),
}
_FAILED = ("sending_failed", "delivery_failed")


class Telnyx(Vendor):
    name = "telnyx"
    label = "Telnyx"
    variable = "TELNYX_PUBLIC_KEY"
    paths: ClassVar[Mapping[str, str]] = {
        "sms": "An inbound message, or what became of ours, from Telnyx",
        "status": "What became of a message, or an inbound one, from Telnyx",
    }

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        if settings.telnyx is None:
            raise NotConfiguredError("TELNYX_PUBLIC_KEY is not set.")
        timestamp = request.headers.get("telnyx-timestamp", "")
        try:
            signature = base64.b64decode(
                request.headers.get("telnyx-signature-ed25519", ""), validate=True
            )
            key = base64.b64decode(settings.telnyx.public_key)
            Ed25519PublicKey.from_public_bytes(key).verify(
                signature, timestamp.encode() + b"|" + request.body
            )
        except (InvalidSignature, binascii.Error, ValueError):
            raise ForgedWebhookError("The signature is not Telnyx's.") from None
        require_recent(seconds_of(timestamp), request)
        return Proof.BODY

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        data = object_of(request.json().get("data"), "data")
        payload = object_of(data.get("payload"), "data.payload")
        kind = data.get("event_type")
        if kind == "message.received":
            return [_read_text(payload)]
        if kind == "message.finalized":
            return _read_statuses(payload)
        return []


def _read_text(payload: Mapping[str, Any]) -> InboundText:
    sender = object_of(payload.get("from"), "from")
    body = payload.get("body")
    body = body if isinstance(body, dict) else {}
    button = body.get("suggestion_response")
    subject = text_of(payload.get("subject"))
    words = joined_words(payload.get("text"), body.get("text"))
    pressed = ""
    if isinstance(button, dict):
        pressed = joined_words(button.get("text"), button.get("postback_data"))
    return InboundText(
        phone_number(sender.get("phone_number"), "from"),
        f"telnyx:sms:{message_id(payload.get('id'), 'id')}",
        "telnyx sms",
        words or pressed,
        KEYWORDS.get(text_of(payload.get("autoresponse_type")).upper(), ""),
        partial=bool(pressed),
        subject=subject,
        unread=unread_media(subject + words + pressed, _media_types(payload, body)),
    )


def _media_types(payload: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    media = payload.get("media")
    entries = media if isinstance(media, list) else []
    types = [text_of(entry.get("content_type")) for entry in entries if isinstance(entry, dict)]
    return [*types, ""] if body.get("user_file") else types


def _read_statuses(payload: Mapping[str, Any]) -> Iterable[Event]:
    """Read the status of each recipient. The errors are of the message: where it went to several,
    nobody can tell whose they are, and a failure says nothing about a number."""
    recipients = payload.get("to")
    alone = isinstance(recipients, list) and len(recipients) == 1
    code = _first_code(payload.get("errors")) if alone else ""
    message = message_id(payload.get("id"), "id")
    at = time_of(payload.get("completed_at"))

    def read_one(entry: object) -> DeliveryStatus:
        recipient = object_of(entry, "to")
        number = phone_number(recipient.get("phone_number"), "to")
        state = recipient.get("status")
        failure = look_up(code, CODES) if state in _FAILED else None
        key = f"telnyx:status:{message}:{number}"
        return DeliveryStatus(number, key, "telnyx", state == "delivered", failure, at)

    return read_each(recipients, "to", read_one)


def _first_code(errors: object) -> str:
    """Return the code that means most: an opt-out before anything else."""
    entries = errors if isinstance(errors, list) else []
    codes = [text_of(entry.get("code")) for entry in entries if isinstance(entry, dict)]
    known = sorted(codes, key=lambda code: not look_up(code, CODES).is_opt_out)
    return known[0] if known else ""
