"""What Twilio tells us: replies by SMS, and what became of messages.

Parameters: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status; error codes:
https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from worker.feedback import replies
from worker.feedback.model import Feedback, Grade
from worker.feedback.replies import Reply, read_reply
from worker.phones import facts

SOURCE = "twilio sms"
# What an error code says: the number is out of service; it may be, if that goes on; it takes no
# texts; its owner opted out; the carrier took us for spam; only that this message failed.
Meaning = Literal["dead", "failing", "no_text", "opt_out", "filtered", "message"]
CODES: dict[str, tuple[Meaning, str]] = {
    "21211": ("dead", "the number is not valid"),
    "21217": ("dead", "the number is not valid"),
    "30005": ("dead", "unknown destination: the number may no longer exist"),
    "30003": ("failing", "the handset cannot be reached"),
    "21614": ("no_text", "the number is not a mobile number"),
    "21635": ("no_text", "the number is a landline"),
    "30006": ("no_text", "a landline, or a carrier that cannot be reached"),
    "21610": ("opt_out", "Twilio has an opt-out from this number"),
    "30004": ("filtered", "the message was blocked"),
    "30007": ("filtered", "the message was filtered"),
    "30032": ("filtered", "our toll-free number is not verified"),
    "30034": ("filtered", "our number is not registered"),
    "21408": ("message", "our account may not send to this region"),
    "21612": ("message", "not reachable from the number that we sent from"),
    "30001": ("message", "the queue was full"),
    "30002": ("message", "our account is suspended"),
    "30008": ("message", "an unknown error"),
    "30009": ("message", "a part of the message was lost"),
    "30010": ("message", "the message was too dear"),
    "30011": ("message", "the number takes no MMS"),
    "30017": ("message", "the carrier's network was congested"),
    "30019": ("message", "the message was too large"),
    "30022": ("message", "our rate limit was exceeded"),
    "30023": ("message", "our daily limit was exceeded"),
    "30036": ("message", "the message expired"),
    "30410": ("message", "the carrier did not answer in time"),
}
GRADES: dict[Meaning, Grade] = {"dead": "dead", "failing": "failing", "no_text": "no_text"}


class UnreadableError(ValueError):
    """A webhook's parameters are not what Twilio sends."""


class NobodysError(ValueError):
    """A message from a short code or a name: no number that a contact could have."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an SMS from a number comes to: reports, or (`doubtful`) a question for a person."""

    number: str
    key: str
    reports: tuple[Feedback, ...] = ()
    doubtful: Reply | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: it arrived (`reached`), or a report that it did not."""

    number: str
    report: Feedback | None = None
    reached: bool = False
    at: datetime | None = None


def sms(form: Mapping[str, str], now: datetime) -> Heard:
    """An inbound message; raises `UnreadableError`."""
    number = _number(form, "From")
    key = f"twilio:sms:{_id(form)}"
    kind = form.get("OptOutType", "").upper()
    if kind in ("STOP", "START"):
        report = Feedback(
            key,
            "opt_out" if kind == "STOP" else "opt_in",
            number,
            SOURCE,
            now,
            "text",
            evidence=f"replied {kind}",
            received_at=now,
        )
        return Heard(number, key, (report,))
    if kind == "HELP":
        return Heard(number, key)
    reply = read_reply(form.get("Body", ""))
    if reply.doubtful:
        return Heard(number, key, doubtful=reply)
    return Heard(number, key, tuple(said(one, number, SOURCE, key, now) for one in reply.meanings))


def said(meaning: replies.Meaning, number: str, source: str, key: str, now: datetime) -> Feedback:
    """What was said clearly, as a report. Of its words only those that matter are kept."""
    return Feedback(
        f"{key}:{meaning.kind}",
        meaning.kind,
        number,
        source,
        now,
        "" if meaning.kind == "wrong_number" else " ".join(sorted(meaning.channels)),
        evidence=f"replied “{meaning.evidence}”",
        received_at=now,
    )


def status(form: Mapping[str, str], now: datetime) -> Outcome:
    """A status callback; raises `UnreadableError`. States on the way say nothing."""
    number = _number(form, "To")
    state = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    at = _carriers_time(form.get("RawDlrDoneDate", ""), now)
    if state in ("delivered", "read"):
        return Outcome(number, reached=True, at=at)
    if state not in ("undelivered", "failed"):
        return Outcome(number)
    code = form.get("ErrorCode", "").strip()
    meaning, words = CODES.get(code, ("message", "no reason that we know"))
    key = f"twilio:status:{_id(form)}"
    if meaning == "opt_out":
        return Outcome(
            number,
            Feedback(key, "opt_out", number, SOURCE, at, "text", evidence=words, received_at=now),
        )
    evidence = f"message failed: {words}" + (f" ({code})" if code else "")
    return Outcome(
        number,
        Feedback(
            key,
            "undeliverable",
            number,
            "twilio",
            at,
            evidence=evidence,
            grade=GRADES.get(meaning, ""),
            received_at=now,
        ),
    )


def _number(form: Mapping[str, str], name: str) -> str:
    """A party's number; WhatsApp and RCS put their name before it."""
    text = form.get(name, "").strip().rpartition(":")[2]
    if text and not text.startswith("+") and len(text) < 12:
        raise NobodysError(f"{name} is a short code or a name")
    if not text.startswith("+") or not text[1:].isdigit() or not facts(text).possible:
        raise UnreadableError(f"{name} is not a phone number")
    return text


def _id(form: Mapping[str, str]) -> str:
    found = form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid") or ""
    if not (found.isalnum() and 10 <= len(found) <= 64):
        raise UnreadableError("MessageSid is missing")
    return found


def _carriers_time(text: str, now: datetime) -> datetime:
    """When the carrier says that it was done (YYMMDDhhmm, in UTC), where that can be."""
    try:
        at = datetime.strptime(text, "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return now
    return at if now - timedelta(days=7) < at <= now else now
