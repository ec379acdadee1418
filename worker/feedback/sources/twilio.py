"""Parse what Twilio sends us: replies by SMS, and the status of messages.

Parameters: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status; error codes:
`delivery_codes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.feedback import replies
from worker.feedback.models import Feedback, FeedbackKind
from worker.feedback.replies import Reply, read_reply
from worker.feedback.replies.router import Model
from worker.feedback.sources.delivery_codes import parse_error_code
from worker.phones import facts, folded_digits

SOURCE = "twilio sms"
# The apps by which Twilio reaches a phone number; addresses of others name no number.
_PHONE_CHANNELS = frozenset({"", "sms", "whatsapp", "rcs"})
_OF_ALL_CHANNELS = ("wrong_number", "complaint")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
# https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id: at most 11 characters.
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")


class MalformedWebhookError(ValueError):
    """A webhook's parameters are not what Twilio sends."""


class NotAPhoneNumberError(ValueError):
    """A message from a short code or a name: no number that a contact could have."""


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What an SMS from a number comes to: reports, and (`needs_review`) a question for a person."""

    number: str
    key: str
    reports: tuple[Feedback, ...] = ()
    needs_review: Reply | None = None


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What became of a message: it arrived (`delivered`), or a report that it did not."""

    number: str
    report: Feedback | None = None
    delivered: bool = False
    at: datetime | None = None


def parse_reply(form: Mapping[str, str], now: datetime, model: Model | None = None) -> ParsedReply:
    """Parse an inbound message. Raises `MalformedWebhookError`."""
    number = _number(form, "From")
    key = f"twilio:sms:{_message_id(form)}"
    kind = form.get("OptOutType", "").upper()
    if kind in ("STOP", "START"):
        report = Feedback(
            key,
            FeedbackKind.OPT_OUT if kind == "STOP" else FeedbackKind.OPT_IN,
            number,
            SOURCE,
            now,
            "text",
            evidence=f"replied {kind}",
            received_at=now,
        )
        return ParsedReply(number, key, (report,))
    if kind == "HELP":
        return ParsedReply(number, key)
    reply = read_reply(form.get("Body", ""), model)
    reports = tuple(
        report_from_intent(intent, number, SOURCE, key, now) for intent in reply.intents
    )
    return ParsedReply(number, key, reports, reply if reply.needs_review else None)


def report_from_intent(
    intent: replies.Intent, number: str, source: str, key: str, now: datetime
) -> Feedback:
    """Return a clear intent as a report. Only the words that matter are kept."""
    return Feedback(
        f"{key}:{intent.kind}",
        FeedbackKind(intent.kind),
        number,
        source,
        now,
        "" if intent.kind in _OF_ALL_CHANNELS else " ".join(sorted(intent.channels)),
        evidence=f"replied “{intent.evidence}”",
        received_at=now,
    )


def parse_status(form: Mapping[str, str], now: datetime) -> MessageStatus:
    """Parse a status callback. States on the way mean nothing. Raises `MalformedWebhookError`."""
    number = _number(form, "To")
    state = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    at = _carrier_time(form.get("RawDlrDoneDate", ""), now)
    if state in ("delivered", "read"):
        return MessageStatus(number, delivered=True, at=at)
    if state not in ("undelivered", "failed"):
        return MessageStatus(number)
    failure = parse_error_code(form.get("ErrorCode", ""))
    key = f"twilio:status:{_message_id(form)}"
    if failure.is_opt_out:
        return MessageStatus(
            number,
            Feedback(
                key, FeedbackKind.OPT_OUT, number, SOURCE, at, "text",
                evidence=failure.evidence, received_at=now,
            ),
        )  # fmt: skip
    return MessageStatus(
        number,
        Feedback(
            key,
            FeedbackKind.UNDELIVERABLE,
            number,
            "twilio",
            at,
            evidence=failure.evidence,
            severity=failure.severity,
            received_at=now,
        ),
    )


def _number(form: Mapping[str, str], name: str) -> str:
    """Return a party's number in E.164; WhatsApp and RCS put their name before it.

    Digits of another script are folded to 0-9, so that no opt-out is lost and nothing else is ever
    stored. Raises `NotAPhoneNumberError` for an address that is not a number, otherwise
    `MalformedWebhookError`.
    """
    app, _, text = form.get(name, "").strip().rpartition(":")
    if app.lower() not in _PHONE_CHANNELS:
        raise NotAPhoneNumberError(f"{name} is an address of another kind ({app[:20]})")
    text = folded_digits(text)
    if _SHORT_CODE.fullmatch(text) or _SENDER_NAME.fullmatch(text):
        raise NotAPhoneNumberError(f"{name} is a short code or a name")
    if not _E164.fullmatch(text) or not facts(text).possible:
        raise MalformedWebhookError(f"{name} is not a phone number")
    return text


def _message_id(form: Mapping[str, str]) -> str:
    message_id = form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid") or ""
    if not (message_id.isascii() and message_id.isalnum() and 10 <= len(message_id) <= 64):
        raise MalformedWebhookError("MessageSid is missing")
    return message_id


def _carrier_time(text: str, now: datetime) -> datetime:
    """Parse when the carrier says that it was done (YYMMDDhhmm, in UTC), if that is possible."""
    try:
        at = datetime.strptime(text, "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return now
    return at if now - timedelta(days=7) < at <= now else now
