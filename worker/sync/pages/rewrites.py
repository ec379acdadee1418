"""Spread over days what a release rewrites because it reads phone fields differently.

A new release may read thousands of fields in another way at once. `sync.reading_changes_per_day`
limits how many contacts are rewritten on a day for that alone; the others get a later day each.
What stops contact never waits, and neither does a person's edit or a re-check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Value
from worker.context import Context
from worker.decisions import Decision
from worker.decisions.diff import FLAGS
from worker.store import locks
from worker.store.bulk import upsert
from worker.store.locks import Lock
from worker.store.tables import reading_rewrites
from worker.sync.pages.evaluator import Evaluation
from worker.sync.pages.fields import Prepared
from worker.sync.pages.steps import Rewrites, VerifiedPage
from worker.sync.reading_state import ReadingState
from worker.verification.models import Verification

_DAY = timedelta(days=1)
# Ours, of the contact as a whole, that follow from its fields.
_DERIVED = {"reason", "best_phone", "checked_at", "run", "confirm_link", "proposed_phone",
            "calling_hours"}  # fmt: skip


def plan(page: VerifiedPage, evaluations: Sequence[Evaluation]) -> Rewrites:
    """Choose which updates of a page have to wait, and what is recorded of its contacts.

    A dry run lets none wait: it says what changes in all.
    """
    states = page.prepared.changed_readings.states
    if not states:
        return Rewrites()
    today = page.work.ctx.now().astimezone(UTC).date()
    final: dict[str, ReadingState] = {}
    waiting: dict[str, date | None] = {}
    for prepared, evaluation in zip(page.prepared.contacts, evaluations, strict=True):
        record_id = prepared.contact.id
        if (state := states.get(record_id)) is None:
            continue
        state = _without_paid(state, prepared, page.verified.answers)
        day = state.rewrite_on
        if not may_wait(evaluation.decision, evaluation.changes, state):
            state = state.settled()
        elif day is None or day > today:
            waiting[record_id] = day
        else:
            state = state.settled()
        final[record_id] = state
    days = {} if page.work.run.dry_run or not waiting else _assign(page.work.ctx, waiting, today)
    for record_id in waiting:
        state = final[record_id]
        later = days.get(record_id, today)
        final[record_id] = replace(state, rewrite_on=later) if later > today else state.settled()
    return Rewrites({key: day for key, day in days.items() if day > today}, final)


def may_wait(decision: Decision, changes: Mapping[str, Value], state: ReadingState) -> bool:
    """Tell whether an update follows from changed readings alone, and stops nothing."""
    if any(getattr(decision, flag) for flag in FLAGS) or not changes:
        return False
    for key in changes:
        kind, _, name = key.partition("/")
        if name:
            if name not in state.fields or not state.fields[name].waits:
                return False
        elif kind not in _DERIVED:
            return False
    return True


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _without_paid(
    state: ReadingState, prepared: Prepared, answers: Mapping[str, Sequence[Verification]]
) -> ReadingState:
    """Take the mark from numbers about which a provider has answered: somebody paid for them."""
    fields = dict(state.fields)
    for name, field in state.fields.items():
        if not field.unpaid or name not in prepared.readings:
            continue
        numbers = prepared.readings[name].numbers
        unpaid = "".join(
            place
            for place in field.unpaid
            if all(
                answer.check_level == "format"
                for answer in answers.get(numbers[int(place)].e164, ())
            )
        )
        fields[name] = replace(field, unpaid=unpaid)
    return replace(state, fields=fields)


def _assign(ctx: Context, waiting: Mapping[str, date | None], today: date) -> dict[str, date]:
    """Give each of these contacts a day with room; one that has a day keeps it unless today has."""
    limit = ctx.settings.sync.reading_changes_per_day
    c = reading_rewrites.c
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.PLANNING_REWRITES)
        connection.execute(sa.delete(reading_rewrites).where(c.day < today.isoformat()))
        counts = _counts(connection)
        before = dict(counts)
        days: dict[str, date] = {}
        day = today
        for record_id, reserved in waiting.items():
            if reserved is not None and counts.get(today, 0) >= limit:
                days[record_id] = reserved
                continue
            while counts.get(day, 0) >= limit:
                day += _DAY
            days[record_id] = day
            counts[day] = counts.get(day, 0) + 1
        rows = [
            {"day": day.isoformat(), "contacts": count}
            for day, count in counts.items()
            if before.get(day) != count
        ]
        upsert(connection, reading_rewrites, rows)
    return days


def _counts(connection: Connection) -> dict[date, int]:
    rows = connection.execute(sa.select(reading_rewrites))
    return {date.fromisoformat(row.day): row.contacts for row in rows}


def without(
    ids: Collection[str], evaluations: Sequence[Evaluation], prepared: Sequence[Prepared]
) -> list[Evaluation]:
    """Return the evaluations with the updates of these contacts left out."""
    return [
        evaluation._replace(changes={}) if prepared_contact.contact.id in ids else evaluation
        for prepared_contact, evaluation in zip(prepared, evaluations, strict=True)
    ]
