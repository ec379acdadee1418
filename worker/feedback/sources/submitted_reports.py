"""Check reports that other systems submit, and turn them into feedback.

They come from dialers and other tools (`POST /api/feedback`) and from files (`hygiene feedback
import`). `Report` is what such a report may say; `to_feedback` makes one `Feedback` for each number
that it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

import connectors
from config import connections
from worker.context import Context
from worker.feedback import intake, records, report_log
from worker.feedback.consent_state import LIFTED_BY
from worker.feedback.merged_records import STOPS
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, Severity
from worker.feedback.sources.delivery_codes import DeliveryFailure, parse_error_code
from worker.phones import facts
from worker.phones.single_number import number_of


def _is_text(text: str) -> str:
    """Return whether a text can be stored: PostgreSQL takes no NUL, and no encoding takes half a
    character."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("it holds characters that are not text")
    return text


_LIFTING = (FeedbackKind.OPT_IN, FeedbackKind.CONFIRMED)  # the kinds that lift a stop


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_is_text)]
Short = Annotated[Text, StringConstraints(max_length=200)]


def _as_channels(value: Any) -> Any:
    """Parse one channel, several, or "all", into a list of channels; [] is all of them."""
    several = [value] if isinstance(value, str) else value
    if isinstance(several, list) and "all" in several:
        return []
    return several


def _as_text(value: Any) -> Any:
    """Turn a code that comes as a number into text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Channels = Annotated[list[Literal["call", "text"]], BeforeValidator(_as_channels)]


class InvalidReportError(ValueError):
    """A report that cannot be accepted. The text says why, and names no number."""


def _as_crm(name: str) -> str:
    """Return the name of a connector whose records other systems know: any but a list on disk."""
    if connections.is_file(name):
        raise ValueError("other systems do not know the rows of a list")
    return connectors.checked_name(name)


class ContactRef(BaseModel):
    """A record of a connected CRM."""

    model_config = ConfigDict(extra="forbid")

    connector: Annotated[str, AfterValidator(_as_crm)]
    id: Short = Field(min_length=1)
    object: Short = ""


class Report(BaseModel):
    """A report that another system or a person submits.

    `number`: in any spelling with its country code. With `contact`, the report is about that
    person's use of the number. At least one of the two is needed. `key`: the sender's own id of the
    report, by which it counts once, on a contact whatever numbers that has by then.

    Without a key, the same content counts once: once a day, and an opt-in or a confirmation once
    for ever, so that a retry does not lift what was said in between. Another opt-in needs a key of
    its own, or `at`. A repeated stop counts again if something has lifted it since.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FeedbackKind
    number: Short = ""
    contact: ContactRef | None = None
    channels: Channels = []
    at: AwareDatetime | None = None
    source: Annotated[Text, StringConstraints(max_length=36)] = "api"
    evidence: Annotated[Text, StringConstraints(max_length=500)] = ""
    key: Annotated[Text, StringConstraints(max_length=120)] = ""
    new_number: Short = ""
    code: Annotated[Short, BeforeValidator(_as_text)] = Field(
        "",
        description="of an undeliverable: Twilio's error code. One that says that the recipient "
        "opted out (21610 and others, docs/feedback.md) makes it an opt-out.",
    )


def to_feedback(ctx: Context, report: Report, region: str | None = None) -> list[Feedback]:
    """Return the reports that one submitted report makes, one for each number that it is about.
    Raises `InvalidReportError`, and `ConnectorError` where a named record cannot be placed."""
    now, code = ctx.now(), _read_code(report)
    who, of_contact = _find_contact(ctx, report.contact) if report.contact else (None, [])
    numbers = _numbers_meant(report, of_contact, code.kind, region)
    new = _number(report.new_number, "new_number", region) if report.new_number else ""
    if report.kind == FeedbackKind.CORRECTED:
        _check_correction(new, who)
    at = min(report.at.astimezone(UTC), now) if report.at else now
    key = report.key or _content_hash(report, now)
    # A STOP comes from a handset: it is about the number, whoever the report names. Where only a
    # contact with several numbers is named, nobody knows which of them it came from.
    one_number = bool(report.number) or (len(numbers) == 1 and numbers != [""])
    about_number = who is None or (code.by_text and one_number)
    reports = [
        Feedback(
            key=f"api:{key}:{number}{code.key_suffix}",
            kind=code.kind,
            number=number,
            source=code.source,
            at=at,
            channels=" ".join(sorted(code.channels)),
            contact=who.key if who else "",
            scope="number" if about_number else "person",
            person=who.person if who else "",
            evidence=code.evidence,
            severity=code.severity,
            new_number=new,
            received_at=now,
        )
        for number in numbers
    ]
    by_key = bool(report.key) or code.kind in _LIFTING
    if report.contact is not None and not report.number and by_key:
        return _key_by_contact(
            ctx, reports, f"api:{key}:{_contact_hash(report.contact)}{code.key_suffix}"
        )
    if not report.key and not report.at and code.kind in LIFTED_BY:
        return _rekey_after_lift(ctx, reports, who)
    return reports


def _find_contact(ctx: Context, contact: ContactRef) -> tuple[ContactIdentity, list[str]]:
    """Return who a named contact is, and the numbers that we know of it."""
    name, object_name, record_id = contact.connector, contact.object, contact.id
    if name not in ctx.settings.active_connectors:
        raise InvalidReportError(f"{name} is not connected")
    ctx.check_account(name)  # an id of the other account would mean somebody else
    if not object_name:
        object_name, record_id = records.locate_record(ctx, name, record_id)
    who = intake.find_identity(ctx, name, object_name, record_id)
    return who, intake.numbers_of_contact(ctx, name, object_name, record_id)


def _numbers_meant(
    report: Report, of_contact: list[str], kind: FeedbackKind, region: str | None
) -> list[str]:
    """Return the numbers that a report is about: the named one, else all of the contact."""
    if report.number:
        return [_number(report.number, "number", region)]
    if report.contact is None:
        raise InvalidReportError("number: missing; give it, or contact")
    if of_contact:
        return of_contact
    if kind in STOPS:
        return [""]  # it holds for the contact and the person, whatever number they get
    raise InvalidReportError("contact: we know no number of it")


def _check_correction(new: str, who: ContactIdentity | None) -> None:
    if not new:
        raise InvalidReportError("new_number: missing; a correction is from one number to another")
    if who is None:
        raise InvalidReportError("contact: missing; a correction is about one person's number")


def must_flush_before(report: Report, batch: Sequence[Feedback]) -> bool:
    """Return whether a batch must be stored before this report is read: only what was stored tells
    a stop without a key from a repetition (`_rekey_after_lift`)."""
    lifts = any(earlier.kind in _LIFTING for earlier in batch)
    return lifts and not report.key and report.kind in LIFTED_BY


def _key_by_contact(ctx: Context, reports: Sequence[Feedback], key: str) -> list[Feedback]:
    """Return one report for each number, under a key that names none of them: all numbers in the
    first request count, and none that the contact has got by the time of a retry."""
    with ctx.store.read() as connection:
        # Under its number is how an earlier release kept it.
        known = report_log.find_known_keys(
            connection, [key, *(report.key for report in reports)], ctx.keys
        )
    if key in known:
        return [replace(reports[0], key=key)]
    if known:
        return [report for report in reports if report.key in known]
    return [
        replace(report, key=f"{key}:{place}" if place else key)
        for place, report in enumerate(reports)
    ]


def _rekey_after_lift(
    ctx: Context, reports: Sequence[Feedback], who: ContactIdentity | None
) -> list[Feedback]:
    """Let a stop that is known by its hash count again if something has lifted it since."""
    rekeyed = []
    with ctx.store.read() as connection:
        known = report_log.find_known_keys(connection, [report.key for report in reports], ctx.keys)
        for report in reports:
            since = known.get(report.key)
            if since is not None:
                at = report_log.last_lift(connection, report.kind, report.number, who, ctx.keys)
                if at is not None and at > since:
                    report = replace(report, key=f"{report.key}:after {at.isoformat()}")
            rekeyed.append(report)
    return rekeyed


@dataclass(frozen=True, slots=True)
class _ReadReport:
    """What a report means once its error code is read.

    `by_text`: the recipient answered a text, so that the policy about a STOP by text applies
    (`consent_state.is_by_text` decides by the source). `key_suffix`: makes the key differ from the
    one under which the same report was stored as undeliverable, so that it counts when it is sent
    again.
    """

    kind: FeedbackKind
    source: str
    channels: frozenset[str]
    evidence: str
    severity: Severity = ""
    by_text: bool = False
    key_suffix: str = ""


def _read_code(report: Report) -> _ReadReport:
    source, channels = report.source or "api", frozenset[str](report.channels)
    if report.kind != FeedbackKind.UNDELIVERABLE:
        return _ReadReport(report.kind, source, channels, report.evidence)
    failure = parse_error_code(report.code)
    evidence = report.evidence or (failure.evidence if failure.code else "")
    if failure.is_opt_out:
        by_text = source if source.endswith("sms") else f"{source} sms"
        return _ReadReport(
            FeedbackKind.OPT_OUT, by_text, channels | {"text"}, evidence,
            by_text=True, key_suffix=":opt_out",
        )  # fmt: skip
    return _ReadReport(FeedbackKind.UNDELIVERABLE, source, channels, evidence, _severity(failure))


def _severity(failure: DeliveryFailure) -> Severity:
    """Return the severity by its code; without a code, the next message may get through."""
    return failure.severity if failure.code else "failing"


def _number(text: str, where: str, region: str | None) -> str:
    number = number_of(text, region)
    if number is None or not facts(number).possible:
        raise InvalidReportError(
            f"{where}: write one number with its country code, like +14155550123"
        )
    return number


def _content_hash(report: Report, now: datetime) -> str:
    day = "" if report.at or report.kind in _LIFTING else f"{now:%Y-%m-%d}"
    content = report.model_dump_json(exclude={"key"}) + day
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _contact_hash(contact: ContactRef) -> str:
    """Hash a record's key, the same for both spellings of a Salesforce id (15 and 18
    characters)."""
    is_salesforce = connections.kind_of(contact.connector) == "salesforce"
    record_id = contact.id[:15] if is_salesforce else contact.id
    content = f"{contact.connector}/{record_id}"
    return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
