"""What people say about calls in the CRM: outcomes that mean wrong number, dead line, do not call.

Read incrementally, with an overlap; a call whose outcome is the same counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from config.feedback import Dispositions
from connectors.base import CallOutcome, ConnectorError
from worker.feedback import receive
from worker.feedback.model import Feedback, FeedbackKind, Grade, Reach
from worker.phones import facts
from worker.store.db import upsert
from worker.store.tables import polls
from worker.story import number_of
from worker.sync.context import Context

log = logging.getLogger(__name__)

# How far the first look goes back.
HISTORY = timedelta(days=90)
# How long a call with somebody whom we have not read yet is looked at again: a person who was added
# and called in the same minutes is in our index after the next sync.
_PATIENCE = timedelta(days=1)
_AT_ONCE = 200


def poll(ctx: Context, connector: str) -> int:
    """Read what was logged since the last time; returns how many new reports came of it.

    Raises `ConnectorError`; the place moves on only with what was stored.
    """
    opened = ctx.open(connector)
    now = ctx.now()
    with ctx.store.read() as connection:
        position = connection.scalar(
            sa.select(polls.c.position).where(polls.c.name == _name(connector))
        )
    found = opened.outcomes((position or now - HISTORY) - ctx.settings.sync.overlap)
    if found is None:
        return 0
    new, latest = 0, position
    unplaced: datetime | None = None  # when the first of those that have to wait was changed
    batch: list[Feedback] = []
    for outcome in found:
        batch += (of_this := list(reports(ctx, connector, outcome, now)))
        if not of_this and _may_be_placed_later(ctx, connector, outcome, now):
            unplaced = min(unplaced or outcome.modified, outcome.modified)
        latest = outcome.modified if latest is None else max(latest, outcome.modified)
        if len(batch) >= _AT_ONCE:
            new += receive.reports(ctx, batch)
            batch.clear()
    new += receive.reports(ctx, batch)
    if unplaced is not None and latest is not None:
        latest = min(latest, unplaced)
    if latest is None:
        # Nothing yet: by the CRM's clock, not ours.
        latest = opened.clock() or now
    with ctx.store.write() as connection:
        upsert(connection, polls, [{"name": _name(connector), "position": latest}])
    return new


def meaning(outcome: str, settings: Dispositions) -> tuple[FeedbackKind, Grade, str] | None:
    """What an outcome reports: kind, how bad, channels. None for one that says nothing of it.

    >>> meaning("Wrong Number", Dispositions())
    ('wrong_number', '', '')
    """
    plain = " ".join(outcome.casefold().replace("_", " ").replace("-", " ").split())
    results: tuple[tuple[tuple[str, ...], tuple[FeedbackKind, Grade, str]], ...] = (
        (settings.wrong_number, ("wrong_number", "", "")),
        (settings.disconnected, ("undeliverable", "dead", "")),
        (settings.do_not_call, ("opt_out", "", "call")),
    )
    for words, result in results:
        if plain in {word.casefold() for word in words}:
            return result
    return None


def reports(
    ctx: Context, connector: str, outcome: CallOutcome, now: datetime
) -> Iterator[Feedback]:
    """The feedback that a call's outcome is; one for each number that may have been called."""
    found = meaning(outcome.outcome, ctx.settings.feedback.dispositions)
    if found is None:
        return
    kind, grade, channels = found
    numbers: list[str] = []
    who = None
    if outcome.record_id:
        who = receive.who_is(ctx, connector, outcome.object, outcome.record_id)
        numbers = receive.of_contact(ctx, connector, outcome.object, outcome.record_id)
    called = number_of(outcome.number) if outcome.number else None
    if called and facts(called).possible:
        numbers = [called]  # the CRM says which one it was
    reach: Reach = "number" if len(numbers) == 1 and kind != "opt_out" else "person"
    for number in numbers:
        yield Feedback(
            key=f"call:{connector}:{outcome.id}:{outcome.outcome}:{number}"[:255],
            kind=kind,
            number=number,
            source=f"{connector} call",
            at=min(outcome.at, now),
            channels=channels,
            contact=who.key if who else "",
            reach=reach if who else "number",
            person=who.person if who else "",
            evidence=f"an agent logged “{outcome.outcome[:60]}” for a call",
            grade=grade,
            received_at=now,
        )


def _may_be_placed_later(ctx: Context, connector: str, outcome: CallOutcome, now: datetime) -> bool:
    """Whether an outcome says something of a person whom our index does not have yet."""
    if not outcome.record_id or now - outcome.modified > _PATIENCE:
        return False
    if meaning(outcome.outcome, ctx.settings.feedback.dispositions) is None:
        return False
    return not receive.is_known(ctx, connector, outcome.object, outcome.record_id)


def poll_all(ctx: Context) -> int:
    """Poll every CRM; one that is away does not keep the others."""
    new = 0
    for name in ctx.settings.active_connectors:
        try:
            new += poll(ctx, name)
        except ConnectorError as error:
            log.warning("%s: calls could not be read: %s", name, error)
    return new


def _name(connector: str) -> str:
    return f"calls:{connector}"
