"""Read what people say about calls in the CRM: outcomes such as wrong number or do not call.

Calls are read incrementally, with an overlap; a call whose outcome has not changed counts once. An
outcome without a name or a meaning is noted, and its calls are read from the CRM again once it has
one (`worker.feedback.sources.call_outcomes`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.errors import ConnectorError
from connectors.protocol import Connector
from connectors.records import CallOutcome
from worker.context import Context
from worker.feedback import intake
from worker.feedback.merged_records import STOPS
from worker.feedback.models import Feedback, FeedbackKind, Scope
from worker.feedback.sources import call_outcomes, outcome_meanings
from worker.feedback.sources.call_outcomes import OutcomeTable
from worker.phones import facts
from worker.phones.single_number import number_of
from worker.store import setbacks
from worker.store.bulk import upsert
from worker.store.tables import poll_cursors

log = logging.getLogger(__name__)

# How far the first look goes back.
HISTORY = timedelta(days=90)
# How long a call with somebody whom we have not read yet is looked at again: a person who was added
# and called in the same minutes is in our index after the next sync.
_RETRY_UNKNOWN_FOR = timedelta(days=1)
_BATCH_SIZE = 200
_READ_CALLS = "read what was logged of calls"  # what is refused, as an operator is told
_READ_EARLIER_CALLS = "read the earlier calls of an outcome"


def poll(ctx: Context, connector: str) -> int:
    """Read what was logged since the last time; returns how many new reports came of it.

    1. Ask for the names of outcomes, where calls hold ids of them.
    2. Read the calls since the last place, less an overlap; store reports, count outcomes.
    3. Move the place on, to when the read began at the latest: calls are read by their ids, and one
       that was changed meanwhile may have been passed.
    4. Read the earlier calls of outcomes that have got a name or another meaning. One that fails
       holds up neither the others nor the place; it is tried again by the next poll.

    Raises `ConnectorError`; the place moves on only with what was stored.
    """
    opened = ctx.open_own(connector)
    now = ctx.now()
    started = time.monotonic()
    names = opened.outcome_names()
    with ctx.store.read() as connection:
        position = connection.scalar(
            sa.select(poll_cursors.c.position).where(poll_cursors.c.name == _cursor_name(connector))
        )
        rows = call_outcomes.load(connection, connector)
    seen = OutcomeTable(connector, {row.outcome: row for row in rows})
    calls = opened.call_outcomes((position or now - HISTORY) - ctx.settings.read_again(connector))
    if calls is None:
        return 0
    took = _CallReader(ctx, connector, now, seen, started)
    new = took.read(opened, calls)
    latest = max(filter(None, (position, took.latest)), default=None)
    if latest is not None:
        latest = min(filter(None, (latest, took.began, took.unplaced)))
    else:
        # Nothing yet: by the CRM's clock, not ours.
        latest = opened.clock() or now
    seen.rename(names.names)
    seen.add_expected(names.names, ctx.settings.feedback.dispositions, now - HISTORY)
    with ctx.store.write() as connection:
        ctx.require_account(connection, connector)
        upsert(connection, poll_cursors, [{"name": _cursor_name(connector), "position": latest}])
        seen.save(connection)
        call_outcomes.record_problem(connection, connector, names.problem)
    _log_waiting(ctx, connector, seen)
    return new + _read_earlier_calls(ctx, connector, opened, seen, now)


class _CallReader:
    """Turns calls into reports and counts as they are read."""

    def __init__(
        self, ctx: Context, connector: str, now: datetime, seen: OutcomeTable | None, started: float
    ) -> None:
        self._ctx = ctx
        self._connector = connector
        self._now = now
        self._seen = seen
        self._started = started
        self.latest: datetime | None = None  # change of a call
        self.began: datetime | None = None  # by the CRM's clock
        self.unplaced: datetime | None = None  # first change of those that have to wait

    def read(self, opened: Connector, calls: Iterable[CallOutcome], again: bool = False) -> int:
        """Store what calls report; how many reports are new. `again`: their outcome meant something
        else before."""
        ctx, now, new = self._ctx, self._now, 0
        batch: list[Feedback] = []
        for call in calls:
            if self.began is None:
                spent = timedelta(seconds=time.monotonic() - self._started + 1)
                self.began = (opened.clock() or ctx.now()) - spent
            if self._seen is not None:
                self._seen.count(call, _counts_as(ctx, call))
            batch += (of_this := list(reports_from_call(ctx, self._connector, call, now, again)))
            if not of_this and _may_be_placed_later(ctx, self._connector, call, now):
                self.unplaced = min(self.unplaced or call.modified, call.modified)
            self.latest = max(self.latest or call.modified, call.modified)
            if len(batch) >= _BATCH_SIZE:
                new += self._store(batch)
                batch.clear()
        return new + self._store(batch)

    def _store(self, batch: Sequence[Feedback]) -> int:
        if batch:  # the account may have been changed while the calls were read
            self._ctx.open_own(self._connector)
        return intake.store_reports(self._ctx, batch)


def _counts_as(ctx: Context, call: CallOutcome) -> str:
    settings = ctx.settings.feedback.dispositions
    return outcome_meanings.counts_as(settings, call.outcome, call.key)


def _read_earlier_calls(
    ctx: Context, connector: str, opened: Connector, seen: OutcomeTable, now: datetime
) -> int:
    """Read the earlier calls of outcomes that count as something else than they did."""
    new, refused = 0, False
    for row in list(seen.rows.values()):
        counts_as = row.reports_as(ctx.settings.feedback.dispositions)
        if counts_as == row.counted_as:
            continue
        if counts_as:
            reading = _CallReader(ctx, connector, now, None, time.monotonic())
            try:
                calls = opened.call_outcomes(row.first_at, only=row.outcome) or ()
                new += reading.read(opened, calls, again=bool(row.counted_as))
            except ConnectorError as error:
                log.warning("%s: calls of “%s” wait: %s", connector, row.name, error)
                setbacks.note(ctx.store, connector, _READ_EARLIER_CALLS, error, now)
                refused = True
                continue
            if reading.unplaced is not None:
                continue  # somebody of them is in our index after the next sync
        seen.set_counted_as(row.outcome, counts_as)
        with ctx.store.write() as connection:
            seen.save(connection)
    if not refused:
        setbacks.clear(ctx.store, connector, _READ_EARLIER_CALLS)
    return new


def _log_waiting(ctx: Context, connector: str, seen: OutcomeTable) -> None:
    if waiting := call_outcomes.find_unnamed(ctx, connector):
        log.warning("%s: %s", connector, waiting.text)
    if seen.uncounted:
        log.warning(
            "%s: %d calls have outcomes beyond the %d that are kept; these are not listed",
            connector, seen.uncounted, call_outcomes.MAX_OUTCOMES,
        )  # fmt: skip


def reports_from_call(
    ctx: Context, connector: str, outcome: CallOutcome, now: datetime, again: bool = False
) -> Iterator[Feedback]:
    """Yield the reports that a call's outcome makes, for each number that may have been called.
    `again`: the outcome meant something else before, so what it means now is another report."""
    reported = outcome_meanings.reports_of(
        ctx.settings.feedback.dispositions, outcome.outcome, outcome.outcome_id
    )
    if not reported:
        return
    numbers: list[str] = []
    who = None
    if outcome.record_id:
        who = intake.find_identity(ctx, connector, outcome.object, outcome.record_id)
        numbers = intake.numbers_of_contact(ctx, connector, outcome.object, outcome.record_id)
    called = number_of(outcome.number) if outcome.number else None
    if called and facts(called).possible:
        numbers = [called]  # the CRM says which one it was
    place = (connector, outcome.object, outcome.record_id)
    indexed = not numbers and who is not None and intake.is_in_index(ctx, *place)
    for kind, severity, channels in reported:
        # Without a number, an opt-out holds for the contact and the person, whatever they get.
        about = [""] if indexed and kind in STOPS else numbers
        suffix = f":{kind}" if again or kind != reported[0].kind else ""
        scope: Scope = "number" if len(about) == 1 and kind != FeedbackKind.OPT_OUT else "person"
        for number in about:
            yield Feedback(
                key=f"call:{connector}:{outcome.id}:{outcome.outcome}:{number}{suffix}",
                kind=kind,
                number=number,
                source=f"{connector} call",
                at=min(outcome.at, now),
                channels=channels,
                contact=who.key if who else "",
                scope=scope if who else "number",
                person=who.person if who else "",
                evidence=f"an agent logged “{outcome.outcome[:60]}” for a call",
                severity=severity,
                received_at=now,
            )


def _may_be_placed_later(ctx: Context, connector: str, outcome: CallOutcome, now: datetime) -> bool:
    """Return whether an outcome is about a person whom our index does not have yet."""
    if not outcome.record_id or now - outcome.modified > _RETRY_UNKNOWN_FOR:
        return False
    if not outcome_meanings.reports_of(
        ctx.settings.feedback.dispositions, outcome.outcome, outcome.outcome_id
    ):
        return False
    return not intake.is_in_index(ctx, connector, outcome.object, outcome.record_id)


def poll_all(ctx: Context) -> int:
    """Poll every CRM. One that is away does not hold up the others."""
    return sum(ctx.for_each(ctx.settings.active_connectors, _poll_one))


def _poll_one(ctx: Context, name: str) -> int:
    try:
        new = poll(ctx, name)
    except ConnectorError as error:
        log.warning("%s: calls could not be read: %s", name, error)
        setbacks.note(ctx.store, name, _READ_CALLS, error, ctx.now())
        return 0
    setbacks.clear(ctx.store, name, _READ_CALLS)
    return new


def forget_place(connection: Connection, connector: str) -> None:
    """Forget how far calls were read: the next look goes back as far as the first one."""
    p = poll_cursors.c
    connection.execute(sa.delete(poll_cursors).where(p.name == _cursor_name(connector)))


def _cursor_name(connector: str) -> str:
    return f"calls:{connector}"
