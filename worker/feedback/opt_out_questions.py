"""The one question after an opt-out by text, of which somebody may say that it meant texts alone.

By policy a STOP by text closes calls too (`policy.opt_out_text_stops_calls`). By setting
(`asking.clarify_opt_outs`, off by default), whoever opts out by text is sent one text that confirms
it, and that says with which word to reply if calls may go on. Nothing waits for that: all is closed
from the opt-out on, and stays so without a reply.

The rule: 47 CFR 64.1200(a)(12) (https://www.ecfr.gov/current/title-47/section-64.1200, added by
89 FR 15756; its words stand in docs/asking.md). One text may confirm a revocation. It holds no
marketing, is the only message after the revocation, and is presumed to be covered if it is sent
within five minutes. It may ask somebody who consented to several categories of texts whether all
were meant; without a clarification, all must cease. That a question about calls is covered is not
confirmed, which is one reason why this is off by default.

Here an opt-out is noted, and an answer read; `worker.asking.clarifying` sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.decisions.model import CALL_AND_TEXT
from worker.feedback.consent_state import channels_of, rules_from_settings
from worker.feedback.models import Feedback, FeedbackKind
from worker.feedback.report_log import has_erasures
from worker.phones import facts
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.pseudonyms import Keys, number_aliases
from worker.store.tables import feedback, opt_out_questions, suppressions

WITHIN = timedelta(minutes=5)  # from the opt-out to the text
ANSWER_WITHIN = timedelta(days=1)  # later, the word may be about something else
COUNTRIES = ("US", "PR", "VI", "GU", "AS", "MP")  # where the rule is law
# The word of an answer, by language; the text is in the country's language, an answer in any.
WORDS = {"en": "CALLS", "es": "LLAMADAS"}
_NO_LETTERS = re.compile(r"[\W_]+")


class State(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"  # it may have been sent
    REFUSED = "refused"
    WITHHELD = "withheld"  # another suppression applies, or it came too late
    ANSWERED = "answered"  # calls may go on


def note(ctx: Context, vendor: str, reports: Sequence[Feedback]) -> None:
    """Note an opt-out by text of which the person may be asked, once for a number, ever.

    `vendor`: whose text it was. `reports`: all that the text said. Only what Twilio delivered can
    be asked about, and only if it is an opt-out and nothing else.
    """
    if not ctx.settings.asking.clarify_opt_outs or vendor != "twilio" or len(reports) != 1:
        return
    [report] = reports
    rules = rules_from_settings(ctx.settings)
    is_text = report.channels == "text" and report.kind == FeedbackKind.OPT_OUT
    closes_both = channels_of(report, rules) >= CALL_AND_TEXT
    if not (is_text and closes_both) or facts(report.number).region not in COUNTRIES:
        return
    row = {
        "number": report.number, "report_key": report.key, "state": State.WAITING,
        "opted_out_at": ctx.now(), "owner": None, "claimed_at": None, "vendor_id": "",
        "answered_at": None,
    }  # fmt: skip
    with ctx.store.write() as connection:
        upsert(connection, opt_out_questions, [row], ignore=True, key=("number",))


def answer(ctx: Context, number: str, key: str, source: str, text: str) -> Feedback | None:
    """Return what a text says that answers the question: calls may go on. None if it is no answer,
    or if anything else than the opt-out that was asked about stands against the number.

    Store it, then call `mark_answered`. A text that comes twice says the same twice.
    """
    if _NO_LETTERS.sub("", text).upper() not in WORDS.values():
        return None
    q, f, now, keys = opt_out_questions.c, feedback.c, ctx.now(), ctx.keys
    report = Feedback(
        key=f"{key}:calls", kind=FeedbackKind.OPT_IN, number=number, source=source,
        at=now, channels="call", received_at=now,
        evidence="replied that the opt-out was about texts alone",
    )  # fmt: skip
    asked = sa.select(opt_out_questions).where(
        q.number == number, q.state.in_((State.SENT, State.UNCERTAIN, State.ANSWERED)),
        q.claimed_at >= now - ANSWER_WITHIN,
    )  # fmt: skip
    with ctx.store.read() as connection:
        row = connection.execute(asked).one_or_none()
        if row is None:
            return None
        if connection.scalar(sa.select(f.id).where(f.key == report.key)) is not None:
            return report
        stands = stands_otherwise(connection, keys, number, row.report_key)
        return None if stands or row.state == State.ANSWERED else report


def mark_answered(ctx: Context, number: str) -> None:
    q = opt_out_questions.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(opt_out_questions)
            .where(q.number == number, q.state != State.ANSWERED)
            .values(state=State.ANSWERED, answered_at=ctx.now())
        )


def stands_otherwise(connection: Connection, keys: Keys, number: str, report_key: str) -> bool:
    """Return whether anything but this opt-out stands against a number, or has been said since: an
    earlier refusal of calls must not fall with it, and nobody is texted who has complained."""
    names = [
        name
        for form in equal_forms(number)
        for name in number_aliases(keys, [form], has_erasures(connection))
    ]
    f, s = feedback.c, suppressions.c
    report = connection.execute(
        sa.select(f.id, f.at).where(f.key == report_key)
    ).one_or_none()  # fmt: skip
    if report is None:
        return True  # it was erased, or taken back
    others = sa.select(s.id).where(
        any_of(s.number, names), s.lifted_at.is_(None), s.key != f"feedback:{report.id}"
    )
    later = sa.select(f.id).where(
        any_of(f.number, names), f.id != report.id, f.at >= report.at,
        f.kind != FeedbackKind.UNDELIVERABLE,
    )  # fmt: skip
    unapplied = sa.select(f.id).where(
        any_of(f.number, names), f.id != report.id, f.applied_at.is_(None),
        f.kind != FeedbackKind.UNDELIVERABLE,
    )  # fmt: skip
    return any(
        connection.scalar(query.limit(1)) is not None for query in (others, later, unapplied)
    )
