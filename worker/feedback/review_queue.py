"""The replies that wait for a person: in what order, what they decide, and how it is undone.

A revocation of consent must be honoured within ten business days, however it was worded (47 CFR
64.1200(a)(10)), so a reply that may be one must not wait for long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import clearings, former_fields, reply_model, report_log, review_holds
from worker.feedback.consent_state import REVIEW_KEY_PREFIX, rules_from_settings
from worker.feedback.field_notes import is_note, note_in
from worker.feedback.models import MAX_KEY, Feedback, FeedbackKind, ReviewDecision
from worker.feedback.replies import read_reply, router
from worker.feedback.unread_messages import words_of
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.fit_key import fit_key
from worker.store.pseudonyms import Keys
from worker.store.tables import feedback, reviews

HONOUR_WITHIN = 10  # business days
_OF_TEXTS = (ReviewDecision.OPT_OUT, ReviewDecision.OPT_IN)  # what a reply says of texts alone
_MAX_KEPT = 5_000  # likelihoods
_MAX_SCORED = 500  # open replies that are put in order; the oldest, where more wait


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many replies wait for a person, and since when the oldest does."""

    count: int
    oldest_id: int
    since: datetime


def open_reviews(ctx: Context, limit: int = 100) -> list[dict[str, Any]]:
    """Replies that wait for a person, those that are most likely requests first.

    `likelihood`: in percent. `honour_by`: the last day on which a revocation is honoured in time.
    `note_in`: the CRM in whose phone field the words stand; "" for a reply.
    """
    query = (
        sa.select(reviews)
        .where(reviews.c.decision == "")
        .order_by(reviews.c.id)
        .limit(max(limit, _MAX_SCORED))
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    model = reply_model.current(ctx)
    entries = [_entry(row, _LIKELIHOODS.of(row, model)) for row in rows]
    entries.sort(key=lambda entry: (-entry["likelihood"], entry["id"]))
    return entries[:limit]


class _Likelihoods:
    """What replies were read as when they were last listed; a reply does not change."""

    def __init__(self) -> None:
        self._model: router.Model | None = None
        self._kept: dict[tuple[int, int], int] = {}

    def of(self, row: Any, model: router.Model) -> int:
        if model is not self._model or len(self._kept) > _MAX_KEPT:
            self._model, self._kept = model, {}
        kept, key = self._kept, (row.id, hash(row.text))
        likelihood = kept.get(key)
        if likelihood is None:
            likelihood = kept[key] = read_reply(words_of(row.text), model).likelihood
        return likelihood


_LIKELIHOODS = _Likelihoods()


def _entry(row: Any, likelihood: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "text": row.text,
        "suggestion": row.suggestion or None,
        "evidence": row.evidence,
        "at": row.at.isoformat(),
        "likelihood": likelihood,
        "note_in": note_in(row.source),
        "honour_by": add_business_days(row.at, HONOUR_WITHIN).date().isoformat(),
    }


def add_business_days(start: datetime, days: int) -> datetime:
    """The time so many business days later; holidays count as business days, which is stricter.

    >>> add_business_days(datetime(2026, 11, 27), 10).date().isoformat()
    '2026-12-11'
    """
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def oldest_waiting(connection: Connection) -> Waiting | None:
    """The oldest reply that waits for a person, None where none does."""
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.min(reviews.c.id)).where(reviews.c.decision == "")
    ).one()
    if not row[0]:
        return None
    since = connection.scalar(sa.select(reviews.c.at).where(reviews.c.id == row[1]))
    return Waiting(row[0], row[1], cast(datetime, since))


def find_pending(connection: Connection, numbers: Collection[str]) -> set[str]:
    """Those of these numbers from which a reply waits that may be an opt-out: until a person has
    decided it, nobody should be contacted there. A reply that is taken for something else than an
    opt-out counts, too, as long as nobody has read it.

    A reply is kept under the number that it came from. A number is found as well that this one has
    become, by a change of the numbering plan, or because a field is read differently now.
    """
    asked: dict[str, set[str]] = {}  # what a reply may have come from -> which of these it is now
    for number in numbers:
        for form in equal_forms(number):
            asked.setdefault(form, set()).add(number)
    now_of = {form: set(names) for form, names in asked.items()}
    if former_fields.are_any(connection):
        for field in former_fields.read_now_as(connection, asked.keys()):
            names = {name for number in field.numbers for name in asked[number]}
            for former in field.former:
                for form in equal_forms(former):
                    now_of.setdefault(form, set()).update(names)
    query = sa.select(reviews.c.number).where(
        any_of(reviews.c.number, sorted(now_of)), reviews.c.decision == ""
    )
    return {name for number in connection.scalars(query.distinct()) for name in now_of[number]}


def resolve_review(ctx: Context, review_id: int, decision: ReviewDecision, by: str) -> bool:
    """A person's reading of a reply; what it means becomes a report. False: no such reply open."""
    return bool(resolve_reviews(ctx, [review_id], decision, by))


def resolve_reviews(
    ctx: Context, review_ids: Iterable[int], decision: ReviewDecision, by: str
) -> list[int]:
    """A person's reading of several replies alike; those that were open, all of them or none."""
    now, keys = ctx.now(), ctx.keys
    with ctx.store.write() as connection:
        rows = connection.execute(
            sa.select(reviews)
            .where(reviews.c.id.in_(list(dict.fromkeys(review_ids))), reviews.c.decision == "")
            .order_by(reviews.c.id)
        ).all()
        connection.execute(
            sa.update(reviews)
            .where(reviews.c.id.in_([row.id for row in rows]))
            .values(decision=decision, decided_at=now, decided_by=by)
        )
        if decision != ReviewDecision.NOTHING:
            reports = [_report(connection, row, decision, by, now, keys) for row in rows]
            rules = rules_from_settings(ctx.settings)
            reports = clearings.date_late_stops(connection, reports, rules, keys)
            report_log.store(connection, reports, now, keys)
        review_holds.deliver(ctx, connection, rows, now)
    return [row.id for row in rows]


def undo_reviews(ctx: Context, review_ids: Sequence[int], by: str) -> list[int]:
    """Put decided replies back into the queue; those that were decided and still have their text.

    It makes nobody contactable: an opt-out or a wrong number that was decided stands until an admin
    lifts it, a decided opt-in is answered by an opt-out until the reply is decided again, and a
    decided confirmation of a number that was wrong before by a wrong number.
    """
    now, keys = ctx.now(), ctx.keys
    with ctx.store.write() as connection:
        rows = connection.execute(
            sa.select(reviews)
            .where(
                reviews.c.id.in_(list(dict.fromkeys(review_ids))),
                reviews.c.decision != "",
                reviews.c.text != "",
            )
            .order_by(reviews.c.id)
        ).all()
        connection.execute(
            sa.update(reviews)
            .where(reviews.c.id.in_([row.id for row in rows]))
            .values(decision="", decided_at=None, decided_by="")
        )
        stops = [
            Feedback(
                key=f"review-undo:{row.key}:{now.isoformat()}",
                kind=FeedbackKind.OPT_OUT,
                number=row.number,
                source=row.source,
                at=now,
                channels="text",
                evidence=f"{by} took back an opt-in that was read in a reply",
                received_at=now,
            )
            for row in rows
            if row.decision == ReviewDecision.OPT_IN
        ]
        stops += [
            Feedback(
                key=f"review-undo:{row.key}:{now.isoformat()}",
                kind=FeedbackKind.WRONG_NUMBER,
                number=row.number,
                source=row.source,
                at=now,
                evidence=f"{by} took back a confirmation that was read in a reply",
                received_at=now,
            )
            for row in rows
            if row.decision == ReviewDecision.CONFIRMED and _was_wrong(connection, row.number, keys)
        ]
        report_log.store(connection, stops, now, keys)
        review_holds.deliver(ctx, connection, rows, now)
    return [row.id for row in rows]


def _was_wrong(connection: Connection, number: str, keys: Keys) -> bool:
    """Whether a confirmation may have lifted something from a number."""
    reports = report_log.load(connection, [number], keys).reports.get(number, ())
    return any(
        report.kind in (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED) for report in reports
    )


def _report(
    connection: Connection, row: Any, decision: ReviewDecision, by: str, now: datetime, keys: Keys
) -> Feedback:
    """The report of a decision. It is dated to the reply; where the reply was decided before, to
    now, so that an opt-in that was taken back can be decided again. It reached us with the reply,
    from when on it must be honoured. Who has cleared a flag since then cannot have known of it
    (`clearings`).
    """
    key = fit_key(f"{REVIEW_KEY_PREFIX}{row.key}", MAX_KEY - 10)  # and the number of the decision
    names = (key, *keys.erased_keys(key))
    before = connection.scalar(
        sa.select(sa.func.count()).where(
            sa.or_(feedback.c.key.in_(names), feedback.c.key.startswith(f"{key}:", autoescape=True))
        )
    )
    at = now if before else row.at
    return Feedback(
        key=f"{key}:{before}" if before else key,
        kind=FeedbackKind(decision),
        number=row.number,
        source=row.source,
        at=at,
        channels="text" if decision in _OF_TEXTS and not is_note(row.source) else "",
        evidence=f"a {'note in the CRM' if is_note(row.source) else 'reply'}, read by {by}",
        received_at=at,
    )
