"""Reports from dialers, other tools and lists: what they may say, checked, as feedback."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from worker.feedback import receive, records
from worker.feedback.model import Feedback, Grade
from worker.feedback.twilio import CODES, GRADES
from worker.phones import facts
from worker.story import number_of
from worker.sync.context import Context

Kind = Literal[
    "opt_out", "opt_in", "wrong_number", "confirmed", "corrected", "undeliverable", "complaint",
    "erasure",
]  # fmt: skip


def _is_text(text: str) -> str:
    """PostgreSQL takes no NUL, and nothing takes half a character."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("it holds characters that are no text")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_is_text)]
Short = Annotated[Text, StringConstraints(max_length=200)]


def _as_channels(given: Any) -> Any:
    """One channel, several, or "all": a list of those that are meant; [] is all of them."""
    several = [given] if isinstance(given, str) else given
    if isinstance(several, list) and "all" in several:
        return []
    return several


Channels = Annotated[list[Literal["call", "text"]], BeforeValidator(_as_channels)]


class RefusedError(ValueError):
    """A report that cannot be taken; the text says why, and names no number."""


class ContactRef(BaseModel):
    """A record of a connected CRM."""

    model_config = ConfigDict(extra="forbid")

    connector: Literal["salesforce", "hubspot"]
    id: Short = Field(min_length=1)
    object: Short = ""


class Report(BaseModel):
    """One report. `number` in any spelling with its country code; it, or `contact`, or both: then
    it is about that person's use of the number. `key`: the sender's own id of the report, by which
    it counts once; without one, the same content on the same day does."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    number: Short = ""
    contact: ContactRef | None = None
    channels: Channels = []
    at: AwareDatetime | None = None
    source: Annotated[Text, StringConstraints(max_length=36)] = "api"
    evidence: Annotated[Text, StringConstraints(max_length=500)] = ""
    key: Annotated[Text, StringConstraints(max_length=120)] = ""
    new_number: Short = ""
    code: Short = Field("", description="of an undeliverable: Twilio's error code")


def as_feedback(ctx: Context, report: Report, region: str | None = None) -> list[Feedback]:
    """What a report comes to: one for each number that it is about; raises `RefusedError`."""
    now = ctx.now()
    who = None
    if report.contact is not None:
        name, record_id = report.contact.connector, report.contact.id
        if name not in ctx.settings.active_connectors:
            raise RefusedError(f"{name} is not connected")
        object_name = report.contact.object
        if not object_name:
            object_name, record_id = records.locate(ctx, name, record_id)
        who = receive.who_is(ctx, name, object_name, record_id)
        numbers = receive.of_contact(ctx, name, object_name, record_id)
    if report.number:
        numbers = [_number(report.number, "number", region)]
    elif who is None:
        raise RefusedError("number: missing; give it, or contact")
    elif not numbers:
        raise RefusedError("contact: no number of it is known")
    new = _number(report.new_number, "new_number", region) if report.new_number else ""
    if report.kind == "corrected" and not new:
        raise RefusedError("new_number: missing; a correction is from one number to another")
    if report.kind == "corrected" and who is None:
        raise RefusedError("contact: missing; a correction is about one person's number")
    at = min(report.at.astimezone(UTC), now) if report.at else now
    return [
        Feedback(
            key=f"api:{report.key or _print(report, now)}:{number}"[:255],
            kind=report.kind,
            number=number,
            source=report.source or "api",
            at=at,
            channels=" ".join(sorted(set(report.channels))),
            contact=who.key if who else "",
            reach="person" if who else "number",
            person=who.person if who else "",
            evidence=report.evidence,
            grade=_grade(report),
            new_number=new,
            received_at=now,
        )
        for number in numbers
    ]


def _grade(report: Report) -> Grade:
    """How bad a failed message is: by its code, else as one that may get through next time."""
    if report.kind != "undeliverable":
        return ""
    if not report.code:
        return "failing"
    meaning, _ = CODES.get(report.code, ("message", ""))
    return GRADES.get(meaning, "")


def _number(text: str, where: str, region: str | None) -> str:
    number = number_of(text, region)
    if number is None or not facts(number).possible:
        raise RefusedError(f"{where}: write one number with its country code, like +14155550123")
    return number


def _print(report: Report, now: datetime) -> str:
    content = report.model_dump_json(exclude={"key"}) + ("" if report.at else f"{now:%Y-%m-%d}")
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
