"""Store what any vendor's webhook reports, before we acknowledge it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import (
    intake,
    opt_out_questions,
    replies,
    reply_model,
    report_log,
    review_holds,
)
from worker.feedback.consent_state import LIFTED_BY
from worker.feedback.models import Feedback, FeedbackKind
from worker.feedback.replies import Reply, read_reply
from worker.feedback.replies.router import Model
from worker.feedback.sources import call_outcomes
from worker.feedback.sources.call_outcomes import OutcomeTable
from worker.feedback.sources.outcome_meanings import reports_of
from worker.feedback.sources.vendor import (
    DeliveryStatus,
    Disposition,
    Event,
    InboundText,
    KeyPress,
    OptOut,
    Proof,
    Unreadable,
)
from worker.feedback.unread_messages import with_description
from worker.store.bulk import upsert
from worker.store.pseudonyms import Keys
from worker.store.tables import reviews

_MAX_STORED_CHARACTERS = 10_000  # characters of a reply that a person is to read
_OF_ALL_CHANNELS = ("wrong_number", "complaint")
_OLDEST = timedelta(days=7)  # what a vendor dates further back than this, it dates wrongly
_LIFTING = frozenset(kind for kinds in LIFTED_BY.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a message comes to: reports, and (`needs_review`) a question for a person."""

    reports: tuple[Feedback, ...] = ()
    needs_review: Reply | None = None


def receive(ctx: Context, events: Iterable[Event], proof: Proof = Proof.BODY) -> int:
    """Store events; return how much of them is to be delivered: new reports, and holds.

    Of a request that is not proven word by word (`Proof.SENDER`), only what stops counts.
    """
    delivered = 0
    reports: list[Feedback] = []
    outcomes: list[Disposition] = []
    arrived: list[DeliveryStatus] = []
    for event in events:
        match event:
            case InboundText():
                delivered += _receive_text(ctx, event, proof)
            case DeliveryStatus():
                if event.delivered:
                    arrived.append(event)
                elif event.failure is not None:
                    now = ctx.now()
                    reports.append(failure_report(event, happened_at(event, now), now))
            case KeyPress():
                reports += _key_reports(ctx, event)
            case Disposition():
                outcomes.append(event)
            case OptOut():
                reports.append(_opt_out(event, ctx.now()))
            case Unreadable():
                pass
    _record_arrivals(ctx, arrived)
    reports += _disposition_reports(ctx, outcomes)
    if proof is Proof.SENDER:
        reports = [report for report in reports if report.kind not in _LIFTING]
    return delivered + intake.store_reports(ctx, reports)


# -- messages ----------------------------------------------------------------------------------


def parse_text(event: InboundText, now: datetime, model: Model | None = None) -> ParsedReply:
    """Return what a message means: the vendor's own reading of a keyword, or else ours."""
    if event.keyword in ("STOP", "START"):
        report = Feedback(
            event.key,
            FeedbackKind.OPT_OUT if event.keyword == "STOP" else FeedbackKind.OPT_IN,
            event.number,
            event.source,
            now,
            "text",
            evidence=f"replied {event.keyword}",
            received_at=now,
        )
        return ParsedReply((report,))
    if event.keyword == "HELP":
        return ParsedReply()
    reply = _read(event, model)
    reports = tuple(
        report_from_intent(intent, event.number, event.source, event.key, now)
        for intent in reply.intents
    )
    if event.unread and not reports:
        reply = replace(reply, needs_review=True)
    return ParsedReply(reports, reply if reply.needs_review else None)


def _read(event: InboundText, model: Model | None) -> Reply:
    """Read a message with its subject. A STOP below any subject is a STOP; what lifts something
    must be clear together with the subject."""
    if event.subject.strip():
        alone = read_reply(event.text, model)
        if alone.intents and not any(intent.kind in _LIFTING for intent in alone.intents):
            return alone
    return read_reply(event.words, model)


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


def _receive_text(ctx: Context, event: InboundText, proof: Proof) -> int:
    """Store a message. What would lift something, but is not proven or not whole, a person reads:
    no reply is lost without a word (promise 18)."""
    now, delivered = ctx.now(), 0
    may_lift = proof is Proof.BODY and not event.partial
    if may_lift and not event.keyword and (narrowed := _answer(ctx, event)) is not None:
        new = intake.store_reports(ctx, [narrowed])
        opt_out_questions.mark_answered(ctx, event.number)
        return new
    parsed = parse_text(event, now, reply_model.current(ctx))
    reports = [report for report in parsed.reports if may_lift or report.kind not in _LIFTING]
    doubtful = next((report for report in parsed.reports if report not in reports), None)
    suggestion = parsed.needs_review.suggestion if parsed.needs_review else None
    keys = ctx.keys
    with ctx.store.write() as connection:
        is_new = not _was_received_before(connection, event.key, parsed.reports, keys)
        if is_new:
            report_log.record_delivery(connection, event.number, now, now)  # who writes is there
        if doubtful is not None or parsed.needs_review is not None:
            kind = suggestion.kind if suggestion else str(doubtful.kind if doubtful else "")
            evidence = suggestion.evidence if suggestion else event.words
            delivered = _keep_for_review(ctx, connection, event, kind, evidence, is_new)
    new = intake.store_reports(ctx, reports)
    # A keyword that the vendor knows, it has confirmed itself; and by law one text may follow.
    if is_new and may_lift and not (event.keyword or event.app or parsed.needs_review):
        opt_out_questions.note(ctx, event.source.removesuffix(" sms"), reports)
    return new + delivered


def _answer(ctx: Context, event: InboundText) -> Feedback | None:
    if not ctx.settings.asking.clarify_opt_outs:
        return None
    return opt_out_questions.answer(ctx, event.number, event.key, event.source, event.text)


def _keep_for_review(
    ctx: Context, connection: Connection, event: InboundText, kind: str, evidence: str, is_new: bool
) -> int:
    now = ctx.now()
    row = {
        "key": event.key,
        "number": event.number,
        "source": event.source,
        "text": with_description(_readable_text(event.words), event.unread),
        "suggestion": kind,
        "evidence": evidence[:255] if kind else "",
        "at": now,
        "decision": "",
        "decided_by": "",
    }
    upsert(connection, reviews, [row], ignore=True, key=("key",))
    if not is_new:
        return 0
    stored = connection.execute(reviews.select().where(reviews.c.key == event.key))
    return review_holds.deliver(ctx, connection, stored, now)


def _readable_text(body: str) -> str:
    """Return a reply as somebody reads it: all of it, or both ends of one that is longer than a
    letter."""
    text = body.replace("\x00", "")
    if len(text) <= _MAX_STORED_CHARACTERS:
        return text
    left_out = len(text) - _MAX_STORED_CHARACTERS
    half = _MAX_STORED_CHARACTERS // 2
    return f"{text[:half]} [… {left_out:,} characters are left out …] {text[-half:]}"


def _was_received_before(
    connection: Connection, key: str, reports: Iterable[Feedback], keys: Keys
) -> bool:
    """Return whether a message was received before; it may have been erased since."""
    names = {
        name
        for given in (key, *(report.key for report in reports))
        for name in (given, *keys.erased_keys(given))
    }
    return intake.any_key_stored(connection, names)


def _record_arrivals(ctx: Context, events: list[DeliveryStatus]) -> None:
    """Store which messages arrived: many at once, where a vendor reports about a whole batch."""
    if not events:
        return
    now = ctx.now()
    with ctx.store.write() as connection:
        for event in events:
            report_log.record_delivery(connection, event.number, happened_at(event, now), now)


def happened_at(event: DeliveryStatus, now: datetime) -> datetime:
    """Return when the vendor says that it happened, if that can be; otherwise now."""
    return event.at if event.at is not None and now - _OLDEST < event.at <= now else now


def failure_report(event: DeliveryStatus, at: datetime, now: datetime) -> Feedback:
    """Return a failed message as a report: a refusal, or that the number was not reached."""
    failure = event.failure
    assert failure is not None
    if failure.is_opt_out:
        return Feedback(
            event.key, FeedbackKind.OPT_OUT, event.number, f"{event.vendor} sms", at, "text",
            evidence=failure.evidence, received_at=now,
        )  # fmt: skip
    return Feedback(
        event.key,
        FeedbackKind.UNDELIVERABLE,
        event.number,
        event.vendor,
        at,
        evidence=failure.evidence,
        severity=failure.severity,
        received_at=now,
    )


# -- calls -------------------------------------------------------------------------------------


def _key_reports(ctx: Context, event: KeyPress) -> list[Feedback]:
    """Return the opt-out of a person who pressed the key for it: of calls alone, which is what they
    were asked about."""
    if not is_opt_out_key(ctx, event.digits):
        return []
    now = ctx.now()
    return [
        Feedback(
            event.key, FeedbackKind.OPT_OUT, event.number, event.source, now, "call",
            evidence=f"pressed {event.digits[:8]} during a call", received_at=now,
        )
    ]  # fmt: skip


def is_opt_out_key(ctx: Context, digits: str) -> bool:
    """Return whether these keys are the ones for not being called again."""
    return digits in ctx.settings.feedback.opt_out_keys


def _opt_out(event: OptOut, now: datetime) -> Feedback:
    return Feedback(
        event.key, FeedbackKind.OPT_OUT, event.number, event.source, now, event.channels,
        evidence=event.evidence, received_at=now,
    )  # fmt: skip


def _disposition_reports(ctx: Context, events: list[Disposition]) -> list[Feedback]:
    """Return what agents logged as reports, and count every outcome where those of the CRMs are
    counted: one without a meaning is listed by `hygiene feedback outcomes`."""
    now = ctx.now()
    settings = ctx.settings.feedback.dispositions
    reports = [
        Feedback(
            key=event.key if place == 0 else f"{event.key}:{kind}",
            kind=kind,
            number=event.number,
            source=f"{event.vendor} call",
            at=min(event.at or now, now),
            channels=channels,
            evidence=f"an agent logged “{event.outcome[:60]}” for a call",
            severity=severity,
            received_at=now,
        )
        for event in events
        for place, (kind, severity, channels) in enumerate(reports_of(settings, event.outcome))
    ]
    _count_outcomes(ctx, events, now)
    return reports


def _count_outcomes(ctx: Context, events: list[Disposition], now: datetime) -> None:
    by_vendor: dict[str, list[Disposition]] = {}
    for event in events:
        by_vendor.setdefault(event.vendor, []).append(event)
    for vendor, those in by_vendor.items():
        with ctx.store.write() as connection:
            rows = {row.outcome: row for row in call_outcomes.load(connection, vendor)}
            table = OutcomeTable(vendor, rows)
            for event in those:
                table.note(event.outcome, now)
            table.save(connection)
