"""Twilio: replies by SMS, the status of messages, keys pressed in a call.

Twilio signs its requests in three ways, and all of them are checked:

- forms, with the auth token (SHA-1), over the address and the sorted parameters
  (https://www.twilio.com/docs/usage/security);
- JSON, likewise, over the address alone, which holds the hash of the body
  (https://www.twilio.com/docs/usage/webhooks/webhooks-security);
- either, with a key that a Webhook Rule of the account names
  (https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys, a public beta).

Parameters: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status; of a call
(`Direction`, `Digits`): https://www.twilio.com/docs/voice/twiml/gather and
https://www.twilio.com/docs/voice/twiml#request-parameters. Studio's widget *TwiML Redirect* sends
the same (https://www.twilio.com/docs/studio/widget-library/http-request: "Returning custom TwiML
from a Make HTTP Request widget isn't supported. Use the TwiML Redirect widget instead."). Error
codes: `delivery_codes`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from config.settings import Settings
from worker.feedback.sources.delivery_codes import parse_error_code
from worker.feedback.sources.vendor import (
    KEYWORDS,
    Answer,
    DeliveryStatus,
    Event,
    ForgedWebhookError,
    InboundText,
    IncomingRequest,
    KeyPress,
    NotAPhoneNumberError,
    NotConfiguredError,
    Proof,
    Vendor,
    joined_words,
    message_id,
    phone_number,
    unread_media,
)

# The apps by which Twilio reaches a phone number; addresses of others name no number.
_PHONE_CHANNELS = frozenset({"", "sms", "whatsapp", "rcs"})
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response{}'


class Twilio(Vendor):
    name = "twilio"
    label = "Twilio"
    variable = "TWILIO_AUTH_TOKEN"
    paths: ClassVar[Mapping[str, str]] = {
        "sms": "An inbound message, from Twilio",
        "status": "What became of a message, from Twilio",
        "voice": "Keys that somebody pressed in a call, from Twilio",
    }

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        keys, digest = _keys(settings, request)
        given = request.headers.get("x-twilio-signature", "")
        # A signature does not cover JSON itself, but the hash of it in the address.
        signed = [] if request.is_json else request.form()
        if not any(is_twilio(key, request.url, signed, given, digest) for key in keys):
            raise ForgedWebhookError("The signature is not Twilio's.")
        if request.is_json and not is_body_of(request.url, request.body):
            raise ForgedWebhookError("The body is not the one that Twilio signed (bodySHA256).")
        return Proof.BODY

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        form = request.parameters()
        if path == "voice":
            return [read_keys(form)]
        return [read_sms(form) if path == "sms" else read_status(form)]

    def is_configured(self, settings: Settings) -> bool:
        credentials = settings.twilio  # which may hold an API key for lookups alone
        return credentials is not None and bool(credentials.auth_token or credentials.shared_keys)

    def answer(self, path: str, events: Iterable[Event], settings: Settings) -> Answer:
        if path == "status":
            return Answer()
        return Answer(200, _confirmation(events, settings), "text/xml")


def read_sms(form: Mapping[str, str]) -> InboundText:
    """Read an inbound message. Raises `MalformedWebhookError`.

    A button that somebody pressed in WhatsApp or RCS comes with `ButtonText`, a choice from a list
    with `ListTitle`: https://www.twilio.com/docs/messaging/guides/webhook-request.
    """
    pressed = joined_words(form.get("ButtonText"), form.get("ListTitle"))
    words = form.get("Body", "") if form.get("Body", "").strip() else pressed
    return InboundText(
        _number(form, "From"),
        f"twilio:sms:{_id(form, 'MessageSid', 'SmsSid', 'SmsMessageSid')}",
        "twilio sms",
        words,
        KEYWORDS.get(form.get("OptOutType", "").upper(), ""),
        partial=bool(pressed),
        app=form.get("From", "").strip().rpartition(":")[0].lower(),
        unread=unread_media(words, _media_types(form)),
    )


def _media_types(form: Mapping[str, str]) -> list[str]:
    """Return the types of the attachments; one without a type counts as well."""
    count = form.get("NumMedia", "0")
    number = int(count) if re.fullmatch(r"[0-9]{1,3}", count, re.ASCII) else 0
    return [form.get(f"MediaContentType{index}", "") for index in range(number)]


def read_status(form: Mapping[str, str]) -> DeliveryStatus:
    """Read a status callback. States on the way mean nothing. Raises `MalformedWebhookError`."""
    number = _number(form, "To")
    state = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    at = _carrier_time(form.get("RawDlrDoneDate", ""))
    delivered, failed = state in ("delivered", "read"), state in ("undelivered", "failed")
    if not failed:
        return DeliveryStatus(number, "", "twilio", delivered, at=at)
    return DeliveryStatus(
        number,
        f"twilio:status:{_id(form, 'MessageSid', 'SmsSid', 'SmsMessageSid')}",
        "twilio",
        failure=parse_error_code(form.get("ErrorCode", "")),
        at=at,
    )


def read_keys(form: Mapping[str, str]) -> KeyPress:
    """Read the keys that somebody pressed in a call: who called us, or whom we called. Raises
    `MalformedWebhookError`."""
    person = "From" if form.get("Direction", "").lower() == "inbound" else "To"
    return KeyPress(
        _number(form, person),
        f"twilio:call:{_id(form, 'CallSid')}:keys",
        "twilio call",
        form.get("Digits", "").strip()[:32],
    )


def _confirmation(events: Iterable[Event], settings: Settings) -> str:
    """Return TwiML: what is said to a person who opted out by a key, and nothing otherwise."""
    keys = settings.feedback.opt_out_keys
    if any(isinstance(event, KeyPress) and event.digits in keys for event in events):
        say = f"<Say>{escape(settings.feedback.opt_out_keys_answer)}</Say>"
        return _TWIML.format(f">{say}<Hangup/></Response>")
    return _TWIML.format("/>")


def _keys(settings: Settings, request: IncomingRequest) -> tuple[tuple[str, ...], str]:
    """What may have signed this: the auth token, or the shared key that a Webhook Rule names."""
    credentials = settings.twilio
    rule = request.headers.get("x-twilio-webhooks-signature-settings")
    if rule is None:
        if credentials is None or not credentials.auth_token:
            raise NotConfiguredError("TWILIO_AUTH_TOKEN is not set.")
        return (credentials.auth_token,), "sha1"
    if credentials is None or not credentials.shared_keys:
        raise NotConfiguredError("TWILIO_WEBHOOK_SHARED_KEY is not set.")
    digest = twilio_digest(rule)
    if not digest:
        raise ForgedWebhookError("The signature is of a kind that we do not know.")
    return credentials.shared_keys, digest


def _number(form: Mapping[str, str], name: str) -> str:
    """Return a party's number; WhatsApp and RCS put their name before it."""
    app, _, text = form.get(name, "").strip().rpartition(":")
    if app.lower() not in _PHONE_CHANNELS:
        raise NotAPhoneNumberError(f"{name} is an address of another kind ({app[:20]})")
    return phone_number(text, name)


def _id(form: Mapping[str, str], *names: str) -> str:
    return message_id(next((form[name] for name in names if form.get(name)), ""), names[0])


def _carrier_time(text: str) -> datetime | None:
    """Parse when the carrier says that it was done (YYMMDDhhmm, in UTC)."""
    try:
        return datetime.strptime(text, "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


# -- signatures --------------------------------------------------------------------------------


def twilio_signature(
    token: str, url: str, form: Sequence[tuple[str, str]], digest: str = "sha1"
) -> str:
    """What Twilio signs a form with (https://www.twilio.com/docs/usage/security).

    >>> twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", [
    ...     ("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"),
    ...     ("From", "+12349013030"), ("To", "+18005551212")])
    '0/KCTR6DLpKmkAf8muzZqo1nDgQ='
    """
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), digest)).decode()


def is_twilio(
    token: str, url: str, form: Sequence[tuple[str, str]], given: str, digest: str = "sha1"
) -> bool:
    """Whether Twilio signed this; it may or may not have written out the port."""
    return any(
        hmac.compare_digest(twilio_signature(token, address, form, digest).encode(), given.encode())
        for address in _with_and_without_port(url)
    )


def twilio_digest(settings: str) -> str:
    """The hash that `X-Twilio-Webhooks-Signature-Settings` names; "" for one that we do not know.

    Twilio sends that header where a Webhook Rule of the account has a request signed with a shared
    key. Only key and hash differ: the signature stands in `X-Twilio-Signature`, over the same text.
    https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys (a public beta); form of the
    header: twilio-node, examples/WebhookSignatureValidation.md.

    >>> twilio_digest("key=CR123,algorithm=HMAC_SHA256"), twilio_digest("key=CR123")
    ('sha256', '')
    """
    pairs = (part.strip().partition("=") for part in settings.split(","))
    named = {name.strip().lower(): value.strip().upper() for name, _, value in pairs}
    return _DIGESTS.get(named.get("algorithm", ""), "")


def is_body_of(url: str, body: bytes) -> bool:
    """Whether `bodySHA256` in a signed address is the hash of this body.

    Twilio's signature of a request with JSON covers the address alone, which therefore holds the
    body's hash in hex (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
    """
    given = parse_qs(urlsplit(url).query).get("bodySHA256", [])
    actual = hashlib.sha256(body).hexdigest()
    return len(given) == 1 and hmac.compare_digest(given[0].lower().encode(), actual.encode())


def _with_and_without_port(url: str) -> tuple[str, ...]:
    """An address as Twilio may have written it: its servers differ in whether they keep the port,
    so its own libraries try both (twilio-python, `RequestValidator`)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an odd Host header
        return (url,)
    bare = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc.rstrip(":")
    usual = 443 if parts.scheme == "https" else 80
    ported = f"{bare}:{port or usual}"
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, ported))
