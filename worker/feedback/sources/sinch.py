"""Sinch: replies by SMS and what became of messages, of the SMS API and the Conversation API.

Both sign alike: `x-sinch-webhook-signature` is the base64 of an HMAC over
`BODY.NONCE.TIMESTAMP`, with `-nonce`, `-timestamp` (seconds since 1970, in UTC) and `-algorithm`
(HmacSHA256) in headers of their own
(https://developers.sinch.com/docs/conversation/callbacks#validating-callbacks). For the SMS API,
Sinch's support turns that on for a service plan (release notes of 2025-02-13), or HTTP Basic
instead (https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks/). HTTP Basic proves
who calls, not what is said: see `Proof.SENDER`.

Bodies of the SMS API: `mo_text`, `mo_media` (an MMS, also a text that a phone sends as one: its
`body` has `subject`, `message` and `media` with a `content_type` each), `mo_binary` (its `body` is
base64): sinch-sdk-java, `sms/models/v1/inbounds` and the bodies in its tests;
`delivery_report_sms`, `recipient_delivery_report_sms`
(https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports/); of the Conversation
API: `message`, `message_delivery_report`, `opt_out_notification` (the address above), and, where
Sinch takes personal data out, `message_redaction` instead of `message`. Numbers come without a plus
or with one.

What a message of the Conversation API may be: `text_message`, `media_message`,
`media_card_message` (with a `caption`), `choice_response_message` (the `postback_data` of a button,
not its label), `product_response_message`, `location_message`, `channel_specific_message` (the
answer to a form of WhatsApp, `nfm_reply`), `fallback_message` (what Sinch cannot read, with the
channel's `raw_message` where there is one): sinch-sdk-java, `ContactMessageInternal` and the bodies
in its tests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from config.settings import Settings
from worker.feedback.sources.delivery_codes import DeliveryFailure, FailureMeaning, look_up
from worker.feedback.sources.vendor import (
    DeliveryStatus,
    Event,
    ForgedWebhookError,
    InboundText,
    IncomingRequest,
    NotAPhoneNumberError,
    NotConfiguredError,
    OptOut,
    Proof,
    Vendor,
    joined_words,
    message_id,
    object_of,
    phone_number,
    read_each,
    require_recent,
    same,
    seconds_of,
    text_of,
    time_of,
    unread_media,
)

# The SMS API's own codes; those of the carriers' networks, which it passes on, are not listed
# there and say only that the message failed.
SMS_CODES: dict[str, tuple[FailureMeaning, str]] = {
    "402": ("message", "no route was found"),
    "403": ("message", "Sinch had a fault"),
    "404": ("message", "a temporary failure"),
    "405": ("sender", "a parameter of ours has no value for this number"),
    "406": ("message", "the message expired"),
    "407": ("message", "the message was cancelled"),
    "408": ("message", "the message was rejected"),
    "410": ("sender", "we have no sender for this number"),
    "411": ("message", "the message was too long"),
    "412": ("sender", "our account may not text this region"),
    "413": ("sender", "our account is blocked"),
}
# "Deleted by a remote SMSC. This may happen if the destination is an invalid MSISDN or opted out
# subscriber": it may be a refusal, so texts stop.
_DELETED: tuple[FailureMeaning, str] = (
    "no_text",
    "deleted by the carrier: the number is not valid, or has opted out",
)
REASONS: dict[str, tuple[FailureMeaning, str]] = {
    "RECIPIENT_NOT_REACHABLE": ("failing", "the recipient cannot be reached"),
    "RECIPIENT_NOT_OPTED_IN": ("no_text", "has not agreed to messages"),
    "OUTSIDE_ALLOWED_SENDING_WINDOW": ("sender", "outside of the window for free-form messages"),
    "RATE_LIMITED": ("sender", "our rate limit was exceeded"),
    "CHANNEL_BAD_CONFIGURATION": ("sender", "the channel is not set up rightly"),
    "DELIVERY_REJECTED_DUE_TO_POLICY": ("filtered", "against the channel's policy"),
}
_PHONE_CHANNELS = frozenset({"SMS", "MMS", "WHATSAPP", "RCS", "VIBERBM"})
_TEXTS = frozenset({"SMS", "MMS"})
_DIGESTS = {"hmacsha256": "sha256", "hmacsha384": "sha384", "hmacsha512": "sha512"}
_FAILED = ("failed", "rejected", "aborted", "expired", "deleted")
# Sinch repeats a callback for 22 hours and 45 minutes (its page on webhooks), and does not say
# whether it signs it again.
TOLERANCE = 25 * 3600.0
_SIGNATURE = "x-sinch-webhook-signature"


class Sinch(Vendor):
    name = "sinch"
    label = "Sinch"
    variable = "SINCH_WEBHOOK_SECRET"
    paths: ClassVar[Mapping[str, str]] = {
        "sms": "An inbound message, or what became of ours, from Sinch",
        "status": "What became of a message, or an inbound one, from Sinch",
    }

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        credentials = settings.sinch
        if credentials is None:
            raise NotConfiguredError(
                "SINCH_WEBHOOK_SECRET, or SINCH_CALLBACK_USERNAME and SINCH_CALLBACK_PASSWORD, is "
                "not set."
            )
        if credentials.webhook_secret:
            _require_hmac(credentials.webhook_secret, request)
            return Proof.BODY
        _require_login(credentials.callback_username, credentials.callback_password, request)
        return Proof.SENDER

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        body = request.json()
        match body.get("type"):
            case "mo_text" | "mo_media" | "mo_binary":
                return [_read_sms(body)]
            case "delivery_report_sms" | "delivery_report_mms":
                return _read_report(body)
            case "recipient_delivery_report_sms" | "recipient_delivery_report_mms":
                return [_status(body, body.get("recipient"), body)]
        for name in ("message", "message_redaction"):
            if isinstance(body.get(name), dict):
                return _read_message(body[name])
        if isinstance(body.get("message_delivery_report"), dict):
            return [_read_message_status(body["message_delivery_report"], body)]
        if isinstance(body.get("opt_out_notification"), dict):
            return _read_opt_out(body["opt_out_notification"])
        return []


def _require_hmac(secret: str, request: IncomingRequest) -> None:
    headers = request.headers
    timestamp = headers.get(f"{_SIGNATURE}-timestamp", "")
    nonce = headers.get(f"{_SIGNATURE}-nonce", "")
    digest = _DIGESTS.get(headers.get(f"{_SIGNATURE}-algorithm", "").lower())
    if digest is None:
        raise ForgedWebhookError("The signature is of a kind that we do not know.")
    signed = request.body + f".{nonce}.{timestamp}".encode()
    expected = base64.b64encode(hmac.digest(secret.encode(), signed, digest)).decode()
    if not same(headers.get(_SIGNATURE, ""), expected):
        raise ForgedWebhookError("The signature is not Sinch's.")
    require_recent(seconds_of(timestamp), request, TOLERANCE)


def _require_login(username: str, password: str, request: IncomingRequest) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        login = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        login = ""
    if scheme.lower() != "basic" or not same(login, f"{username}:{password}"):
        raise ForgedWebhookError("The user name or password is not Sinch's.")


def _read_sms(body: Mapping[str, Any]) -> InboundText:
    said: object = body.get("body")
    subject = unread = ""
    if body.get("type") == "mo_binary":
        said, unread = "", "a binary message"
    elif isinstance(said, dict):  # of an MMS
        media = said.get("media")
        entries = media if isinstance(media, list) else []
        types = [entry.get("content_type") for entry in entries if isinstance(entry, dict)]
        subject, said = text_of(said.get("subject")), text_of(said.get("message"))
        unread = unread_media(subject + said, types)
    return InboundText(
        _bare(body.get("from"), "from"),
        f"sinch:sms:{message_id(body.get('id'), 'id')}",
        "sinch sms",
        text_of(said),
        subject=subject,
        unread=unread,
    )


def _read_report(body: Mapping[str, Any]) -> Iterable[Event]:
    """Read a report about a batch. It names recipients only where it was asked for in full."""
    for status in body.get("statuses") if isinstance(body.get("statuses"), list) else ():  # type: ignore[union-attr]
        entry = object_of(status, "statuses")
        if entry.get("recipients") is not None:

            def read_one(recipient: object, entry: Mapping[str, Any] = entry) -> Event:
                return _status(entry, recipient, body)

            yield from read_each(entry["recipients"], "recipients", read_one)


def _status(entry: Mapping[str, Any], recipient: object, body: Mapping[str, Any]) -> DeliveryStatus:
    number = _bare(recipient, "recipient")
    state = text_of(entry.get("status")).lower()
    failure = None
    if state == "deleted":
        failure = DeliveryFailure(text_of(entry.get("code")), *_DELETED)
    elif state in _FAILED:
        failure = look_up(text_of(entry.get("code")), SMS_CODES)
    return DeliveryStatus(
        number,
        f"sinch:status:{message_id(body.get('batch_id'), 'batch_id')}:{number}",
        "sinch",
        state == "delivered",
        failure,
        time_of(body.get("operator_status_at")) or time_of(body.get("at")),
    )


def _read_message(message: Mapping[str, Any]) -> Iterable[Event]:
    """Read an inbound message of the Conversation API; one without text says only that somebody is
    there."""
    content = _part(message, "contact_message")
    said = joined_words(
        _part(content, "text_message").get("text"),
        _part(content, "media_card_message").get("caption"),
    )
    pressed = "" if said else _pressed(content)
    yield InboundText(
        _identity(message),
        f"sinch:sms:{message_id(message.get('id'), 'message.id')}",
        "sinch sms",
        said or pressed,
        partial=bool(pressed),
        unread="" if said else _unread(content),
    )


def _pressed(content: Mapping[str, Any]) -> str:
    """Return words that are ours, or that Sinch could not tell: what we have given a button as its
    data, the answer to a form, the raw form of a message."""
    choice = _part(content, "choice_response_message").get("postback_data")
    form = _part(_part(_part(content, "channel_specific_message"), "message"), "nfm_reply")
    return joined_words(
        text_of(choice).replace("_", " "),
        form.get("body"),
        form.get("response_json"),
        _part(content, "fallback_message").get("raw_message"),
    )


def _unread(content: Mapping[str, Any]) -> str:
    if isinstance(content.get("fallback_message"), dict):
        return "a message that Sinch cannot read"
    names = ("media_message", "media_card_message")
    has_media = any(isinstance(content.get(name), dict) for name in names)
    return "a picture or a file" if has_media else ""


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _read_message_status(report: Mapping[str, Any], body: Mapping[str, Any]) -> DeliveryStatus:
    state = text_of(report.get("status")).upper()
    reason = report.get("reason")
    failure = None
    if state == "FAILED":
        failure = look_up(text_of(reason.get("code")) if isinstance(reason, dict) else "", REASONS)
        if _channel(report) not in _TEXTS:
            failure = DeliveryFailure(failure.code, "channel", failure.description)
    number = _identity(report)
    return DeliveryStatus(
        number,
        f"sinch:status:{message_id(report.get('message_id'), 'message_id')}:{number}",
        "sinch",
        state in ("DELIVERED", "READ"),
        failure,
        time_of(body.get("event_time")),
    )


def _read_opt_out(notification: Mapping[str, Any]) -> Iterable[Event]:
    """Read a refusal that Sinch has registered. Its opt-in notifications lift nothing here."""
    if text_of(notification.get("status")).upper() == "OPT_OUT_FAILED":
        return
    channel = text_of(notification.get("channel")).upper()
    if channel not in _PHONE_CHANNELS:
        raise NotAPhoneNumberError("identity is an address of another kind")
    number = _bare(notification.get("identity"), "identity")
    request_id = message_id(notification.get("request_id"), "request_id")
    yield OptOut(
        number,
        f"sinch:opt_out:{request_id}",
        "sinch sms",
        "text",
        f"opted out at Sinch ({channel})",
    )


def _identity(entry: Mapping[str, Any]) -> str:
    identity = object_of(entry.get("channel_identity"), "channel_identity")
    if _channel(entry) not in _PHONE_CHANNELS:
        raise NotAPhoneNumberError("channel_identity is an address of another kind")
    return _bare(identity.get("identity"), "identity")


def _channel(entry: Mapping[str, Any]) -> str:
    identity = entry.get("channel_identity")
    return text_of(identity.get("channel")).upper() if isinstance(identity, dict) else ""


def _bare(value: object, name: str) -> str:
    return phone_number(value, name, bare=True)
