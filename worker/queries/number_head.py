"""What holds for a number now, in one line: the head of its page.

It is decided as a sync decides a contact that holds nothing but this number and about whom nobody
has said anything (`worker.decisions`), from the reports themselves. So it never lags behind the
story below it: a report counts as soon as it is stored, before the queue has applied it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from worker.context import Context
from worker.decisions import ContactFacts, FieldFacts, NumberKnowledge, ProviderAnswer, decide
from worker.decisions.model import blocked
from worker.feedback import report_log
from worker.feedback.consent_state import concerns, rules_from_settings, sort_key
from worker.feedback.models import ContactIdentity, FeedbackKind
from worker.feedback.report_log import ReportSet
from worker.phones import Number, ParsedField, facts
from worker.sync.pages.evaluator import delivery_failures
from worker.verification.answer_cache import history
from worker.verification.models import Verification

# Somebody of whom we know nothing: what was said of one person or record does not concern them.
ANYBODY = ContactIdentity("")
_STOPPING = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
_WRONG = (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED)


def load_reports(ctx: Context, connection: Connection, number: str) -> ReportSet:
    """Load all reports about a number, the lists and registries that it is on, and its holds."""
    with_holds = ctx.settings.feedback.hold_open_reviews
    return report_log.load(connection, [number], ctx.keys, with_holds, with_registries=True)


def counted_since(reports: ReportSet, number: str) -> list[str]:
    """Return from when each report counts, in the order in which they were made; without lists."""
    stored = [report for report in reports.about(number) if report.id]
    stored.sort(key=lambda report: (report.at, report.id))
    return [sort_key(report)[0].isoformat() for report in stored]


def head_of(ctx: Context, number: str, reports: ReportSet) -> dict[str, Any]:
    """Return what holds for whoever has the number.

    `status`: as a sync writes it. `reason`: why, a sentence in English. `channels`: those that are
    closed for everybody. `since`: when what decides it was reported or checked, None where only
    the numbering plan speaks. `exceptions`: how many reports are about one person or record alone,
    for whom it may be otherwise.
    """
    known = facts(number)
    rules = rules_from_settings(ctx.settings)
    consent = reports.evaluate(number, ANYBODY, rules)
    answers = _counting_answers(ctx, number)
    labels = ctx.providers.labels
    counting = tuple(
        ProviderAnswer(a.provider, a.verdict, a.line_type, a.detail, a.check_level,
                       labels.get(a.provider, ""))
        for a in answers
    )  # fmt: skip
    parsed = Number(number, "", known.kind, known.region, known.valid, known.possible)
    if not any(answer.check_level == "format" for answer in counting):
        verdict = "valid" if known.valid else "invalid"
        plan = ProviderAnswer("offline", verdict, known.kind, known.problem)  # type: ignore[arg-type]
        counting = (plan, *counting)
    knowledge = NumberKnowledge(
        parsed,
        (*counting, *delivery_failures(consent, answers)),
        "",
        consent.wrong,
        consent.suppressed,
        consent.suppressed_reason,
        consent.confirmed,
        consent.held,
        consent.listed,
    )
    field = FieldFacts("Phone", ParsedField("number", (parsed,)), (knowledge,))
    decision = decide(ContactFacts((field,)))
    status = decision.fields[0].status
    return {
        "status": status,
        "reason": decision.reason,
        "channels": sorted(blocked(consent.suppressed)),
        "since": _since(number, reports, answers, str(status), ctx),
        "exceptions": sum(
            not concerns(report, ANYBODY, rules=rules) for report in reports.about(number)
        ),
    }


def _counting_answers(ctx: Context, number: str) -> Sequence[Verification]:
    """Return the answers that count now, in the chain's order."""
    order = {step.name: place for place, step in enumerate(ctx.providers.steps)}
    counting = [answer for answer in history(ctx.store, number) if answer.expires_at > ctx.now()]
    return sorted(counting, key=lambda answer: order.get(answer.provider, -1))


def _since(
    number: str, reports: ReportSet, answers: Sequence[Verification], status: str, ctx: Context
) -> str | None:
    rules = rules_from_settings(ctx.settings)
    kinds: Mapping[str, tuple[FeedbackKind, ...]] = {
        "do_not_contact": _STOPPING,
        "wrong_number": _WRONG,
        "unreachable": (FeedbackKind.UNDELIVERABLE,),
    }
    wanted = kinds.get(status, ())
    times = [
        sort_key(report)[0]
        for report in reports.about(number)
        if report.kind in wanted and concerns(report, ANYBODY, rules=rules)
    ]
    if not times:
        times = [answer.at for answer in answers]
    return max(times).isoformat() if times else None
