"""Send the one text that confirms an opt-out by text, and asks whether calls may go on.

By setting, off by default; the rule and its source stand in `worker.feedback.opt_out_questions`.
Claim, send, record: from the claim on it counts as sent, so whatever process dies, and wherever,
nobody gets a second one. After five minutes nothing is sent.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import stopping
from worker.asking.senders import open_sender
from worker.asking.senders.base import Message, Result, Sender, Taken
from worker.asking.texts import language_of_country
from worker.context import Context
from worker.feedback import intake
from worker.feedback.opt_out_questions import WITHIN, WORDS, State, stands_otherwise
from worker.feedback.sources.incoming import failure_report
from worker.feedback.sources.vendor import DeliveryStatus
from worker.leases import is_alive
from worker.phones import facts
from worker.store import locks, pause
from worker.store.locks import Lock
from worker.store.tables import opt_out_questions

log = logging.getLogger(__name__)

_TO_SEND = timedelta(seconds=35)  # as long as a call may take: it is over within the five minutes
_LONGEST_SENDING = timedelta(minutes=10)
_AT_ONCE = 100
# What is said: that nothing more comes, and how to keep calls. No marketing, and no link.
TEXTS = {
    "en": "{company}: you are opted out. We will neither call nor text you. If you meant texts "
    "only, reply {word}. No reply is needed.",
    "es": "{company}: se ha dado de baja. No le llamaremos ni le enviaremos mensajes. Si solo se "
    "refería a los mensajes, responda {word}. No es necesario responder.",
}


def send_due(ctx: Context) -> int:
    """Send what may still be sent; return how many texts were claimed."""
    if not ctx.settings.asking.clarify_opt_outs:
        return 0
    _settle_old(ctx)
    q, now = opt_out_questions.c, ctx.now()
    query = sa.select(opt_out_questions).where(
        q.state == State.WAITING, q.opted_out_at > now - WITHIN
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query.order_by(q.opted_out_at).limit(_AT_ONCE)).all()
    if not rows or pause.is_on(ctx.store):
        return 0
    sent = 0
    with closing(open_sender("text", ctx.settings)) as sender:
        if problem := sender.problem(ctx.settings):
            log.warning("nobody is asked what an opt-out was meant for: %s", problem)
            return 0
        for row in rows:
            if stopping.requested():
                break
            sent += _ask(ctx, row.number, sender)
    return sent


def text_of(ctx: Context, number: str) -> str:
    language = language_of_country(facts(number).region, ctx.settings.asking.languages)
    chosen = language if language in TEXTS else "en"
    company = ctx.settings.feedback.company
    return TEXTS[chosen].format(company=company, word=WORDS[chosen])


def _ask(ctx: Context, number: str, sender: Sender) -> bool:
    claimed = _claim(ctx, number)
    if claimed is None:
        return False
    left = claimed.opted_out_at + WITHIN - ctx.now()
    message = Message(
        identity=f"opt-out-{claimed.report_key}", to=number, text=text_of(ctx, number),
        valid_for=max(left, timedelta(seconds=1)),
    )  # fmt: skip
    result = sender.send(message)
    if result.failure is not None:  # an opt-out at the vendor is one with us
        now = ctx.now()
        key = f"{sender.vendor}:clarify:{claimed.report_key}"
        event = DeliveryStatus(number, key, sender.vendor, failure=result.failure)
        intake.store_reports(ctx, [failure_report(event, now, now)])
    _settle(ctx, number, result)
    if result.problem:
        log.warning("the question after an opt-out: %s", result.problem)
    return True


def _claim(ctx: Context, number: str) -> Any:
    """Claim a question if it may be sent now; None if not. Holds the lock under which stops are
    stored, so what is said meanwhile is either seen here or comes after the claim."""
    q, now, keys = opt_out_questions.c, ctx.now(), ctx.keys
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.CLAIMING_QUESTIONS)
        locks.acquire(connection, Lock.DATING_REPORTS)
        its_row = sa.select(opt_out_questions).where(q.number == number, q.state == State.WAITING)
        row = connection.execute(its_row.with_for_update()).one_or_none()
        if row is None or pause.load(connection) is not None:
            return None
        too_late = now + _TO_SEND > row.opted_out_at + WITHIN
        if too_late or stands_otherwise(connection, keys, number, row.report_key):
            _change(connection, number, state=State.WITHHELD)
            return None
        _change(connection, number, state=State.SENDING, owner=ctx.owner, claimed_at=now)
        return row


def _settle(ctx: Context, number: str, result: Result) -> None:
    with ctx.store.write() as connection:
        if result.taken is Taken.NOT_SENT:  # surely not: tried again, while there is time
            _change(connection, number, state=State.WAITING, owner=None, claimed_at=None)
        else:
            _change(connection, number, state=State(result.taken.value), owner=None,
                    vendor_id=result.vendor_id[:64])  # fmt: skip


def _settle_old(ctx: Context) -> None:
    """Give up what came too late, and take for sent what a worker died over."""
    q, now = opt_out_questions.c, ctx.now()
    late = sa.and_(q.state == State.WAITING, q.opted_out_at <= now - WITHIN)
    being_sent = sa.select(q.number, q.owner, q.claimed_at).where(q.state == State.SENDING)
    with ctx.store.read() as connection:
        some_late = connection.scalar(sa.select(q.number).where(late).limit(1)) is not None
        orphaned = [row.number for row in connection.execute(being_sent) if _is_orphaned(row, now)]
    if not some_late and not orphaned:
        return
    with ctx.store.write() as connection:
        connection.execute(sa.update(opt_out_questions).where(late).values(state=State.WITHHELD))
        for number in orphaned:
            _change(connection, number, state=State.UNCERTAIN, owner=None)


def _is_orphaned(row: Any, now: datetime) -> bool:
    return not is_alive(row.owner) or row.claimed_at < now - _LONGEST_SENDING


def _change(connection: Connection, number: str, **values: Any) -> None:
    its_row = opt_out_questions.c.number == number
    connection.execute(sa.update(opt_out_questions).where(its_row).values(**values))
