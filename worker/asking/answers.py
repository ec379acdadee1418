"""Count what recipients said: on their page, or by replying to the text.

The reports are stored as all others are, and stand for what follows from them. Here they are only
matched with the messages, by number: those of the last while are looked at again each time, since
on PostgreSQL a smaller id may be committed after a larger one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.asking.links import record_answer
from worker.asking.model import ASKED, Answer
from worker.context import Context
from worker.feedback.models import RECIPIENT_PAGE, FeedbackKind
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import app_state, ask_messages, feedback

ANSWER_OF = {
    FeedbackKind.CONFIRMED: Answer.CONFIRMED,
    FeedbackKind.CORRECTED: Answer.CORRECTED,
    FeedbackKind.WRONG_NUMBER: Answer.NOT_ME,
    FeedbackKind.OPT_OUT: Answer.STOPPED,
    FeedbackKind.COMPLAINT: Answer.STOPPED,
    FeedbackKind.ERASURE: Answer.STOPPED,
}
_CURSOR = "ask answers"  # of `app_state`: the last report that was matched
_AGAIN = 1000  # reports before it that are looked at once more
_AT_ONCE = 5000


def collect(ctx: Context) -> int:
    """Match new reports with the messages that they answer; how many answers that makes."""
    f, count = feedback.c, 0
    with ctx.store.read() as connection:
        last = int(
            connection.scalar(sa.select(app_state.c.value).where(app_state.c.name == _CURSOR)) or 0
        )
        query = (
            sa.select(f.id, f.kind, f.number, f.source, f.at, f.received_at)
            .where(f.id > max(0, last - _AGAIN), f.kind.in_(list(ANSWER_OF)))
            .order_by(f.id)
            .limit(_AT_ONCE)
        )
        reports = [row for row in connection.execute(query) if _is_from_person(row.source)]
        newest = connection.scalar(sa.select(sa.func.max(f.id))) or 0
        matched = _matched(connection, reports, ctx)
    last_seen = reports[-1].id if len(reports) >= _AT_ONCE else newest
    if last_seen != last or matched:
        with ctx.store.write() as connection:
            for message, answer, at in matched:
                record_answer(connection, message, answer, at)
                count += 1
            upsert(connection, app_state, [{"name": _CURSOR, "value": str(last_seen)}])
    return count


def _is_from_person(source: str) -> bool:
    return source == RECIPIENT_PAGE or source.endswith("sms")


def _matched(
    connection: sa.engine.Connection, reports: list[Any], ctx: Context
) -> list[tuple[int, Answer, datetime]]:
    """Return (message, answer, when) for reports that came while a message could be answered."""
    m = ask_messages.c
    forms = {form for report in reports for form in equal_forms(report.number)}
    query = sa.select(m.id, m.number, m.claimed_at, m.answered_at).where(
        any_of(m.number, sorted(forms)), m.state.in_(ASKED)
    )
    by_number: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        for form in equal_forms(row.number):
            by_number.setdefault(form, []).append(row)
    found = []
    for report in reports:
        for row in by_number.get(report.number, ()):
            in_time = row.claimed_at <= report.at < row.claimed_at + ctx.settings.asking.wait_for
            if in_time and (row.answered_at is None or row.answered_at < report.at):
                found.append((row.id, ANSWER_OF[report.kind], report.at))
    return found
