"""Vonage: replies by SMS and what became of messages, of the Messages API and the older SMS API.

**Messages API**: each request has a JWT in `Authorization: Bearer`, signed with the signature
secret (always SHA-256), whose claim `payload_hash` is the SHA-256 of the body:
https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks and
https://developer.nexmo.com/messages/concepts/signed-webhooks ("comparing a SHA-256 hash of the
payload to the payload_hash field found in the JWT claims"). Its claim `iat` dates it.

**SMS API**: once Vonage's support has turned signing on for the account, the parameters hold `sig`,
`nonce` and `timestamp`. The text is each parameter but `sig`, sorted, as `&name=value`, with `&`
and `=` in values written as `_`; the method is the account's: an HMAC, or the older MD5 of text and
secret (https://developer.vonage.com/en/concepts/guides/signing-messages). Set the account to POST.

Fields: https://developer.vonage.com/messaging/sms/guides/inbound-sms (`msisdn`, `text`,
`messageId`, `concat`), https://developer.vonage.com/messaging/sms/guides/delivery-receipts
(`status`, `err-code`), https://developer.vonage.com/en/api/messages-olympus (`message_uuid`,
`channel`, `from`, `status`, `error`). Numbers come without a plus.

Words of a message of the Messages API: `text`; the `caption` of an `image`, `video` or `file` and
of each entry of `content`, which an MMS with several attachments has; `button.text`, `reply.title`;
`reaction.emoji` (vonage-java-sdk 9, `messages/InboundMessage.java`, `mms/Content.java`,
`Button.java`, `whatsapp/Reply.java`, and its test of recorded messages). The kinds of messages of
each channel: `messages/Channel.java` there. Of WhatsApp, `from` may be an id of a user instead of a
number; `whatsapp.sender.wa_id` is the number where Meta shows it (`whatsapp/WhatsappUser.java`). A
`binary` message of the SMS API has `data` and `udh` instead of `text` (`sms/MessageEvent.java`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import jwt

from config.credentials import VonageCredentials
from config.settings import Settings
from worker.feedback.sources.delivery_codes import DeliveryFailure, FailureMeaning, look_up
from worker.feedback.sources.vendor import (
    DeliveryStatus,
    Event,
    ForgedWebhookError,
    InboundText,
    IncomingRequest,
    MalformedWebhookError,
    NotAPhoneNumberError,
    NotConfiguredError,
    Proof,
    Vendor,
    joined_words,
    message_id,
    phone_number,
    require_recent,
    same,
    seconds_of,
    text_of,
    time_of,
)
from worker.phones import folded_digits

# https://api.support.vonage.com/hc/en-us/articles/204014733 and the older reference of Nexmo, which
# says of 9: "the user has already sent a STOP opt-out message".
SMS_CODES: dict[str, tuple[FailureMeaning, str]] = {
    "2": ("failing", "the handset was unavailable"),
    "3": ("dead", "the number is no longer active"),
    "4": ("no_text", "messages to this number are barred by its user"),
    "5": ("message", "a problem with the number's portability"),
    "6": ("filtered", "blocked by the carrier's spam filter"),
    "7": ("message", "the handset was busy"),
    "8": ("message", "a network error"),
    "9": ("opt_out", "asked not to receive our messages"),
    "10": ("message", "an error in the message"),
    "11": ("sender", "Vonage has no route"),
    "12": ("message", "no route to the number was found"),
    "13": ("message", "age-restricted content"),
    "14": ("no_text", "the number's plan takes no texts, or is suspended"),
    "15": ("message", "the recipient's prepaid account has no credit"),
    "16": ("sender", "our quota is exceeded"),
}
# https://developer.vonage.com/en/api-errors/messages
MESSAGE_CODES: dict[str, tuple[FailureMeaning, str]] = {
    "1000": ("sender", "too many messages at once"),
    "1050": ("no_text", "the number is barred: it may not receive messages"),
    "1060": ("sender", "our account is barred"),
    "1070": ("sender", "our account has no credit"),
    "1120": ("sender", "our sender ID is not allowed there"),
    "1160": ("sender", "the number is not in our list of allowed ones"),
    "1180": ("failing", "the handset was unavailable"),
    "1190": ("dead", "the number is no longer active"),
    "1210": ("filtered", "blocked by the carrier's spam filter"),
    "1220": ("message", "the handset was busy"),
    "1230": ("message", "a network error"),
    "1240": ("opt_out", "opted out by a reply such as STOP"),
    "1241": ("sender", "too many messages to this number"),
    "1280": ("no_text", "the number's plan takes no texts, or is suspended"),
    "1300": ("channel", "not reachable in this app"),
    "1310": ("channel", "the device cannot receive it"),
    "1340": ("sender", "outside of the window for free-form messages"),
}
# Vonage repeats a request for 24 hours until it is accepted (its guide on inbound SMS), and does
# not say whether it signs it again.
TOLERANCE = 25 * 3600.0
_PHONE_CHANNELS = frozenset({"sms", "mms", "whatsapp", "rcs", "viber_service"})
_TEXTS = frozenset({"sms", "mms"})
# What a message may be of that we cannot read, and what it is called then. A place or an order has
# no words.
_UNREAD = {
    "image": "a picture", "video": "a video", "audio": "a voice message", "sticker": "a sticker",
    "file": "a file", "vcard": "a contact card", "contact": "a contact card",
    "unsupported": "a message of a kind that Vonage does not know",
}  # fmt: skip
_WITH_CAPTION = ("image", "video", "audio", "file", "vcard")
_HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}


class Vonage(Vendor):
    name = "vonage"
    label = "Vonage"
    variable = "VONAGE_SIGNATURE_SECRET"
    paths: ClassVar[Mapping[str, str]] = {
        "sms": "An inbound message, from Vonage",
        "status": "What became of a message, from Vonage",
    }

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        credentials = settings.vonage
        if credentials is None:
            raise NotConfiguredError("VONAGE_SIGNATURE_SECRET is not set.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            _require_token(credentials.signature_secret, token.strip(), request)
        else:
            _require_sig(credentials, request)
        return Proof.BODY

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        fields = request.json() if request.is_json else dict(request.parameters())
        is_new = "message_uuid" in fields
        if path == "sms":
            return [_read_message(fields) if is_new else _read_sms(fields)]
        return [_read_message_status(fields) if is_new else _read_receipt(fields)]


def _require_token(secret: str, token: str, request: IncomingRequest) -> None:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=TOLERANCE,
            options={"require": ["iat", "payload_hash"], "verify_aud": False, "verify_iat": False},
        )
        issued = float(claims["iat"])
    except (jwt.PyJWTError, TypeError, ValueError):
        raise ForgedWebhookError("The signature is not Vonage's.") from None
    require_recent(issued, request, TOLERANCE)
    if not same(str(claims["payload_hash"]).lower(), hashlib.sha256(request.body).hexdigest()):
        raise ForgedWebhookError("The body is not the one that Vonage signed (payload_hash).")


def _require_sig(credentials: VonageCredentials, request: IncomingRequest) -> None:
    parameters = _signed_parameters(request)
    given = parameters.pop("sig", "")
    if not given:
        raise ForgedWebhookError("The request is not signed.")
    text = "".join(
        f"&{name}={value.replace('&', '_').replace('=', '_')}"
        for name, value in sorted(parameters.items())
    )
    secret, method = credentials.signature_secret, credentials.signature_method
    if method == "md5hash":
        expected = hashlib.md5(f"{text}{secret}".encode()).hexdigest()
    else:
        expected = hmac.new(secret.encode(), text.encode(), _HASHES[method]).hexdigest()
    if not same(given.lower(), expected):
        raise ForgedWebhookError("The signature is not Vonage's.")
    require_recent(seconds_of(parameters.get("timestamp", "")), request, TOLERANCE)


def _signed_parameters(request: IncomingRequest) -> dict[str, str]:
    if not request.is_json:
        return dict(request.form())
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in request.json().items()
    }


def _read_message(fields: Mapping[str, Any]) -> InboundText:
    """Read an inbound message of the Messages API: its text, the words of a button that somebody
    pressed, and those below pictures."""
    button, reply = _object(fields, "button"), _object(fields, "reply")
    pressed = joined_words(button.get("text"), reply.get("title"))
    content = fields.get("content")
    attached = content if isinstance(content, list) else []
    captions = [_object(fields, kind).get("caption") for kind in _WITH_CAPTION]
    captions += [entry.get("caption") for entry in attached if isinstance(entry, dict)]
    emoji = _object(fields, "reaction").get("emoji")
    said = joined_words(fields.get("text"), *captions, emoji)
    kinds = [entry.get("type") for entry in attached if isinstance(entry, dict)]
    return InboundText(
        _party(fields),
        f"vonage:sms:{message_id(fields.get('message_uuid'), 'message_uuid')}",
        "vonage sms",
        said or pressed,
        partial=bool(pressed),
        unread="" if said or pressed else _unread(fields, kinds),
    )


def _unread(fields: Mapping[str, Any], attached: Iterable[object]) -> str:
    kinds = [text_of(kind).lower() for kind in (fields.get("message_type"), *attached)]
    named = [kind for kind in _UNREAD if kind in kinds or isinstance(fields.get(kind), dict)]
    return _UNREAD[named[0]] if named else ""


def _read_sms(fields: Mapping[str, Any]) -> InboundText:
    """Read an inbound message of the SMS API. Each part of a long one comes alone."""
    words = joined_words(fields.get("text"))
    return InboundText(
        phone_number(fields.get("msisdn"), "msisdn", bare=True),
        f"vonage:sms:{message_id(fields.get('messageId'), 'messageId')}",
        "vonage sms",
        words,
        partial=str(fields.get("concat", "")).lower() == "true",
        unread="" if words or not text_of(fields.get("data")) else "a binary message",
    )


def _read_message_status(fields: Mapping[str, Any]) -> DeliveryStatus:
    state = str(fields.get("status", "")).lower()
    error = fields.get("error")
    code = _error_code(error) if isinstance(error, dict) else ""
    failure = look_up(code, MESSAGE_CODES) if state in ("rejected", "undeliverable") else None
    channel = str(fields.get("channel") or "sms").lower()
    if failure is not None and channel not in _TEXTS and not failure.is_opt_out:
        # Who has no WhatsApp, or was not reached there, has a phone all the same.
        failure = DeliveryFailure(failure.code, "channel", failure.description)
    return DeliveryStatus(
        _party(fields, "to"),
        f"vonage:status:{message_id(fields.get('message_uuid'), 'message_uuid')}",
        "vonage",
        state in ("delivered", "read"),
        failure,
        time_of(fields.get("timestamp")),
    )


def _read_receipt(fields: Mapping[str, Any]) -> DeliveryStatus:
    """Read a delivery receipt of the SMS API: `msisdn` is whom we wrote to."""
    state = str(fields.get("status", "")).lower()
    failed = state in ("failed", "rejected", "expired")
    code = text_of(fields.get("err-code"))
    return DeliveryStatus(
        phone_number(fields.get("msisdn"), "msisdn", bare=True),
        f"vonage:status:{message_id(fields.get('messageId'), 'messageId')}",
        "vonage",
        state == "delivered",
        look_up(code, SMS_CODES) if failed else None,
        time_of(fields.get("message-timestamp")),
    )


def _party(fields: Mapping[str, Any], name: str = "from") -> str:
    channel = str(fields.get("channel") or "sms").lower()
    if channel not in _PHONE_CHANNELS:
        raise NotAPhoneNumberError(f"{name} is an address of another kind ({channel[:20]})")
    party = fields.get(name)
    if isinstance(party, dict):  # as version 0.1 of the API has it
        party = party.get("number")
    if channel == "whatsapp" and name == "from" and not _is_bare(party):
        party = _object(_object(fields, "whatsapp"), "sender").get("wa_id")
        if party is None and isinstance(fields.get("from"), str):
            raise NotAPhoneNumberError(f"{name} is a user of WhatsApp whose number is not shown")
    if not isinstance(party, str):
        raise MalformedWebhookError(f"{name} is missing")
    return phone_number(party, name, bare=True)


def _is_bare(value: object) -> bool:
    return isinstance(value, str) and folded_digits(value.strip()).lstrip("+").isdecimal()


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _error_code(error: Mapping[str, Any]) -> str:
    """Read the code out of "https://developer.vonage.com/api-errors/messages#1240"."""
    return text_of(error.get("type")).rpartition("#")[2] or text_of(error.get("title"))
