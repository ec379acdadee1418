"""Stand-ins of the vendors whose webhooks we take: what they send, and how they sign it.

Written from the vendors' documents, which each class names, and never from our code. A vendor that
is listed in `worker.feedback.sources.vendor_registry` needs a case here: the suite in
`tests/worker/feedback/sources/test_vendor_conformance.py` fails without one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OURS = "+14155550100"


@dataclass(frozen=True)
class Sent:
    """A request: `fields` is its content before it is encoded."""

    path: str
    fields: Mapping[str, Any]
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self) -> Sent:
        if self.content_type == FORM:
            return replace(self, body=urlencode(self.fields).encode())
        return replace(self, body=json.dumps(self.fields).encode())


class VendorCase(ABC):
    """One vendor. A method that returns None is of something that it does not send.

    `proves_body`: whether its signature covers what it says. `tolerance`: how old a request may be,
    in seconds: as long as the vendor repeats one; None = its signature holds no time.
    """

    name: ClassVar[str]
    env: ClassVar[Mapping[str, str]]
    proves_body: ClassVar[bool] = True
    tolerance: ClassVar[float | None] = 300.0

    def text(self, number: str, text: str, key: str = "1") -> Sent | None:
        return None

    def failed(self, number: str, code: str, key: str = "1") -> Sent | None:
        return None

    def delivered(self, number: str, key: str = "1") -> Sent | None:
        return None

    def call(self, number: str, outcome: str, key: str = "1") -> Sent | None:
        return None

    dead: ClassVar[str] = ""  # a code that says that the number is out of service
    opted_out: ClassVar[str] = ""  # ... that the recipient has opted out
    harmless: ClassVar[str] = ""  # ... that says nothing about the number

    @abstractmethod
    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        """Return the request as it goes out at a time; `wrong`: signed by somebody else."""


def _bare(number: str) -> str:
    return number.removeprefix("+")


def _b64_hmac(key: str, text: bytes, digest: str = "sha256") -> str:
    return base64.b64encode(hmac.new(key.encode(), text, digest).digest()).decode()


class TwilioCase(VendorCase):
    """https://www.twilio.com/docs/usage/security: HMAC-SHA1 of the address and the sorted form."""

    name = "twilio"
    env: ClassVar[Mapping[str, str]] = {
        "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "twilio-token",
    }  # fmt: skip
    tolerance = None
    dead, opted_out, harmless = "30005", "21610", "30007"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        fields = {"MessageSid": "SM" + key * 32, "From": number, "To": OURS, "Body": text}
        return Sent("sms", fields, FORM)

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        return self._status(number, key, MessageStatus="undelivered", ErrorCode=code)

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._status(number, key, MessageStatus="delivered")

    def _status(self, number: str, key: str, **fields: str) -> Sent:
        return Sent("status", {"MessageSid": "SM" + key * 32, "To": number, **fields}, FORM)

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        text = url + "".join(f"{name}{sent.fields[name]}" for name in sorted(sent.fields))
        token = "other" if wrong else self.env["TWILIO_AUTH_TOKEN"]
        signature = _b64_hmac(token, text.encode(), "sha1")
        return replace(sent, headers={"X-Twilio-Signature": signature}).encoded()


class VonageCase(VendorCase):
    """https://developer.vonage.com/en/getting-started/concepts/webhooks: JWT and payload_hash."""

    name = "vonage"
    env: ClassVar[Mapping[str, str]] = {
        "VONAGE_SIGNATURE_SECRET": "vonage-secret-of-32-bytes-length"
    }
    tolerance = 25 * 3600.0
    dead, opted_out, harmless = "1190", "1240", "1210"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return Sent("sms", {
            "message_uuid": f"aaaaaaaa-bbbb-4ccc-8ddd-{key * 12}", "channel": "sms",
            "from": _bare(number), "to": _bare(OURS), "timestamp": "2026-11-24T12:00:00Z",
            "message_type": "text", "text": text,
        })  # fmt: skip

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        error = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": code}
        return self._status(number, key, status="rejected", error=error)

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._status(number, key, status="delivered")

    def _status(self, number: str, key: str, **fields: Any) -> Sent:
        return Sent("status", {
            "message_uuid": f"aaaaaaaa-bbbb-4ccc-8ddd-{key * 12}", "channel": "sms",
            "to": _bare(number), "from": _bare(OURS), **fields,
        })  # fmt: skip

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        sent = sent.encoded()
        secret = (
            "another-secret-of-32-bytes-length" if wrong else self.env["VONAGE_SIGNATURE_SECRET"]
        )
        claims = {
            "iat": int(at), "jti": "j", "iss": "Vonage", "api_key": "k",
            "payload_hash": hashlib.sha256(sent.body).hexdigest(),
        }  # fmt: skip
        token = jwt.encode(claims, secret, algorithm="HS256")
        return replace(sent, headers={"Authorization": f"Bearer {token}"})


class VonageSmsCase(VendorCase):
    """https://developer.vonage.com/en/concepts/guides/signing-messages: `sig` of the SMS API."""

    name = "vonage"
    env: ClassVar[Mapping[str, str]] = VonageCase.env
    tolerance = 25 * 3600.0
    dead, opted_out, harmless = "3", "9", "6"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return Sent("sms", {
            "msisdn": _bare(number), "to": _bare(OURS), "messageId": f"0C00000{key}",
            "type": "text", "text": text, "keyword": text.split(" ")[0].upper(),
            "message-timestamp": "2026-11-24 12:00:00",
        }, FORM)  # fmt: skip

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        return self._status(number, key, {"status": "failed", "err-code": code})

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._status(number, key, {"status": "delivered", "err-code": "0"})

    def _status(self, number: str, key: str, fields: Mapping[str, str]) -> Sent:
        about = {"msisdn": _bare(number), "to": _bare(OURS), "messageId": f"0C00000{key}"}
        return Sent("status", {**about, **fields}, FORM)

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        fields = {**sent.fields, "timestamp": str(int(at)), "nonce": "a-nonce"}
        text = "".join(
            f"&{name}={str(fields[name]).replace('&', '_').replace('=', '_')}"
            for name in sorted(fields)
        )
        secret = "other" if wrong else self.env["VONAGE_SIGNATURE_SECRET"]
        sig = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest().upper()
        return replace(sent, fields={**fields, "sig": sig}).encoded()


_TELNYX, _OTHER = Ed25519PrivateKey.from_private_bytes(b"t" * 32), Ed25519PrivateKey.generate()
_TELNYX_PUBLIC = base64.b64encode(
    _TELNYX.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()


class TelnyxCase(VendorCase):
    """https://developers.telnyx.com/docs/development/sdk/python/webhooks: Ed25519."""

    name = "telnyx"
    env: ClassVar[Mapping[str, str]] = {"TELNYX_PUBLIC_KEY": _TELNYX_PUBLIC}
    dead, opted_out, harmless = "", "40300", "40002"  # no code says that a number is dead

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return self._event("sms", "message.received", {
            "direction": "inbound", "errors": [], "from": {"phone_number": number, "carrier": "X"},
            "id": f"7ee4241c-f127-47e5-9c34-{key * 12}", "to": [{"phone_number": OURS}],
            "text": text, "type": "SMS", "autoresponse_type": None,
        })  # fmt: skip

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        errors = [{"code": code, "title": "t", "detail": "d"}]
        return self._final(number, key, "delivery_failed", errors)

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._final(number, key, "delivered", [])

    def _final(self, number: str, key: str, status: str, errors: list[Any]) -> Sent:
        return self._event("status", "message.finalized", {
            "id": f"834f3d53-8a3c-4aa0-a733-{key * 12}", "errors": errors,
            "to": [{"phone_number": number, "status": status}], "from": {"phone_number": OURS},
        })  # fmt: skip

    def _event(self, path: str, kind: str, payload: Mapping[str, Any]) -> Sent:
        data = {"event_type": kind, "id": "e", "record_type": "event", "payload": payload}
        return Sent(path, {"data": data, "meta": {"attempt": 1}})

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        sent = sent.encoded()
        key, stamp = _OTHER if wrong else _TELNYX, str(int(at))
        signature = base64.b64encode(key.sign(f"{stamp}|".encode() + sent.body)).decode()
        headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp}
        return replace(sent, headers=headers)


class SinchCase(VendorCase):
    """The SMS API. Signature: https://developers.sinch.com/docs/conversation/callbacks."""

    name = "sinch"
    env: ClassVar[Mapping[str, str]] = {"SINCH_WEBHOOK_SECRET": "sinch-secret"}
    tolerance = 25 * 3600.0
    dead, opted_out, harmless = "", "", "408"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return Sent("sms", {
            "type": "mo_text", "id": f"OzQ5UqIOdoY{key}", "from": _bare(number), "to": _bare(OURS),
            "body": text, "received_at": "2026-11-24T12:00:00.000Z",
        })  # fmt: skip

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        return self._status(number, key, "Failed", int(code))

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._status(number, key, "Delivered", 0)

    def _status(self, number: str, key: str, status: str, code: int) -> Sent:
        return Sent("status", {
            "type": "recipient_delivery_report_sms", "batch_id": f"01W4FFL35P{key}",
            "recipient": _bare(number), "code": code, "status": status,
            "at": "2026-11-24T11:00:00.000Z",
        })  # fmt: skip

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        sent = sent.encoded()
        nonce, stamp = "01FJA8B4A7BM43YGWSG9GBV067", str(int(at))
        secret = "other" if wrong else self.env["SINCH_WEBHOOK_SECRET"]
        name = "x-sinch-webhook-signature"
        return replace(sent, headers={
            name: _b64_hmac(secret, sent.body + f".{nonce}.{stamp}".encode()),
            f"{name}-nonce": nonce, f"{name}-timestamp": stamp, f"{name}-algorithm": "HmacSHA256",
        })  # fmt: skip


class SinchLoginCase(SinchCase):
    """https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks/: HTTP Basic."""

    env: ClassVar[Mapping[str, str]] = {
        "SINCH_CALLBACK_USERNAME": "sinch", "SINCH_CALLBACK_PASSWORD": "sinch-password",
    }  # fmt: skip
    proves_body = False
    tolerance = None

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        password = "other" if wrong else self.env["SINCH_CALLBACK_PASSWORD"]
        login = base64.b64encode(f"sinch:{password}".encode()).decode()
        return replace(sent.encoded(), headers={"Authorization": f"Basic {login}"})


class SinchConversationCase(SinchCase):
    """The Conversation API: https://developers.sinch.com/docs/conversation/callbacks."""

    dead, opted_out, harmless = "", "", "CHANNEL_FAILURE"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        message = {
            "id": f"01EQ8235TD19N21XQTH12B145{key}", "direction": "TO_APP",
            "contact_message": {"text_message": {"text": text}},
            "channel_identity": {"channel": "SMS", "identity": _bare(number), "app_id": ""},
        }  # fmt: skip
        return Sent("sms", {"app_id": "a", "project_id": "p", "message": message})

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        return self._report(number, key, status="FAILED", reason={"code": code, "description": "d"})

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._report(number, key, status="DELIVERED")

    def _report(self, number: str, key: str, **fields: Any) -> Sent:
        identity = {"channel": "SMS", "identity": _bare(number), "app_id": ""}
        report = {
            "message_id": f"01EQBF0BT63J7S1FEKJZ{key}",
            "channel_identity": identity,
            **fields,
        }
        return Sent("status", {"app_id": "a", "message_delivery_report": report})


class SinchMmsCase(SinchCase):
    """An MMS of the SMS API: sinch-sdk-java, `sms/v1/inbounds/InboundMediaDto.json`."""

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        media = [{"url": "https://example.com/1", "content_type": "image/png", "status": "Uploaded",
                  "code": 0}]  # fmt: skip
        return Sent("sms", {
            "type": "mo_media", "id": f"01FC66621XXXXX119Z8PMV1QP{key}", "from": number,
            "to": _bare(OURS), "received_at": "2026-11-24T12:00:00Z",
            "body": {"subject": None, "message": text, "media": media},
        })  # fmt: skip


class PlivoCase(VendorCase):
    """V3: plivo-python, plivo/utils/signature_v3.py; fields:
    https://plivo.com/docs/messaging/use-cases/receive-sms."""

    name = "plivo"
    env: ClassVar[Mapping[str, str]] = {"PLIVO_AUTH_TOKEN": "plivo-token"}
    tolerance = None
    dead, opted_out, harmless = "70", "200", "30"

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return Sent("sms", {
            "From": _bare(number), "To": _bare(OURS), "Type": "sms", "Text": text,
            "MessageUUID": f"5b40a428-bfc7-11e6-8a2e-{key * 12}",
        }, FORM)  # fmt: skip

    def failed(self, number: str, code: str, key: str = "1") -> Sent:
        return self._status(number, key, Status="undelivered", ErrorCode=code)

    def delivered(self, number: str, key: str = "1") -> Sent:
        return self._status(number, key, Status="delivered")

    def _status(self, number: str, key: str, **fields: str) -> Sent:
        about = {"To": _bare(number), "MessageUUID": f"5b40a428-bfc7-11e6-8a2e-{key * 12}"}
        return Sent("status", {**about, **fields}, FORM)

    def _token(self, wrong: bool) -> str:
        return "other" if wrong else self.env["PLIVO_AUTH_TOKEN"]

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        form = "".join(f"{name}{sent.fields[name]}" for name in sorted(sent.fields))
        text = f"{url}{'?' if form else ''}{form}.05429567804466091622"
        return replace(sent, headers={
            "X-Plivo-Signature-Ma-V3": _b64_hmac(self._token(wrong), text.encode()),
            "X-Plivo-Signature-V3-Nonce": "05429567804466091622",
        }).encoded()  # fmt: skip


class PlivoMmsCase(PlivoCase):
    """An MMS has its words in `Body`:
    https://plivo.com/docs/messaging/api/message/handling-incoming."""

    def text(self, number: str, text: str, key: str = "1") -> Sent:
        return Sent("sms", {
            "From": _bare(number), "To": _bare(OURS), "Type": "mms", "Body": text,
            "MediaCount": "1", "Media0": "https://example.com/1", "Units": "1",
            "MessageUUID": f"5b40a428-bfc7-11e6-8a2e-{key * 12}",
        }, FORM)  # fmt: skip


class PlivoV2Case(PlivoCase):
    """https://docs.plivo.com/docs/messaging/concepts/signature-validation."""

    proves_body = False

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        text = f"{url}05429567804466091622"
        return replace(sent, headers={
            "X-Plivo-Signature-V2": _b64_hmac(self._token(wrong), text.encode()),
            "X-Plivo-Signature-V2-Nonce": "05429567804466091622",
        }).encoded()  # fmt: skip


class JustCallCase(VendorCase):
    """https://developer.justcall.io/docs/dynamic-webhook-signatures and .../call-events."""

    name = "justcall"
    env: ClassVar[Mapping[str, str]] = {"JUSTCALL_API_SECRET": "justcall-secret"}
    proves_body = False
    tolerance = 90 * 60.0

    def call(self, number: str, outcome: str, key: str = "1") -> Sent:
        return Sent("call", {
            "request_id": "01HSGZRD0PHRCCHM46JRCRYMC4", "url_id": "u", "type": "call.updated",
            "data": {
                "id": int(key), "call_sid": f"CA{key}", "contact_number": _bare(number),
                "justcall_number": _bare(OURS), "tags": [],
                "call_info": {"direction": "Outgoing", "type": "answered", "disposition": outcome},
            },
        })  # fmt: skip

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        secret = "other" if wrong else self.env["JUSTCALL_API_SECRET"]
        stamp = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
        sent = replace(sent, fields={**sent.fields, "webhook_url": url})
        text = f"{secret}|{quote(url, safe='')}|{sent.fields.get('type', '')}|{stamp}"
        return replace(sent, headers={
            "x-justcall-signature": hmac.new(secret.encode(), text.encode(), "sha256").hexdigest(),
            "x-justcall-signature-version": "v1", "x-justcall-request-timestamp": stamp,
        }).encoded()  # fmt: skip


class AircallCase(VendorCase):
    """https://developer.aircall.io/docs/setup-webhooks: a token in the body, no signature."""

    name = "aircall"
    env: ClassVar[Mapping[str, str]] = {"AIRCALL_WEBHOOK_TOKEN": "aircall-token"}
    proves_body = False
    tolerance = None

    def call(self, number: str, outcome: str, key: str = "1") -> Sent:
        spelt = f"{number[:2]} {number[2:5]}-{number[5:8]}-{number[8:]}"  # "+1 800-123-4567"
        data = {"id": int(key), "direction": "outbound", "raw_digits": spelt,
                "started_at": 1732622895, "tags": [{"id": 1, "name": outcome}]}  # fmt: skip
        return Sent(
            "call", {"resource": "call", "event": "call.tagged", "timestamp": 1, "data": data}
        )

    def sign(self, sent: Sent, url: str, at: float, wrong: bool = False) -> Sent:
        token = "other" if wrong else self.env["AIRCALL_WEBHOOK_TOKEN"]
        return replace(sent, fields={**sent.fields, "token": token}).encoded()


CASES: tuple[VendorCase, ...] = (
    TwilioCase(), VonageCase(), VonageSmsCase(), TelnyxCase(), SinchCase(), SinchLoginCase(),
    SinchConversationCase(), SinchMmsCase(), PlivoCase(), PlivoMmsCase(), PlivoV2Case(),
    JustCallCase(), AircallCase(),
)  # fmt: skip
