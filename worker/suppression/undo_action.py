"""Take back the opt-outs that one action on a selection of contacts stored, and nothing else.

An action leaves the range of its reports in `app_state`, and its mark in their keys. Each of its
suppressions is lifted as an admin lifts one by hand, but dated right behind the report that it
takes back, so that whatever was said since counts. A lift opens what was closed before it, whoever
said so: where that would take away somebody else's word, nothing is lifted.
"""

from __future__ import annotations

import operator
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from worker.context import Context
from worker.decisions.model import Channel
from worker.events import suppression_changes
from worker.feedback import report_log, review_holds
from worker.feedback.consent_state import (
    ACTION_KEY_PREFIX,
    LIFT_KEY_PREFIX,
    UNDO_MARK,
    Rules,
    rules_from_settings,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, contact_key
from worker.feedback.report_log import ReportSet
from worker.feedback.report_rows import report_from_row
from worker.store import locks
from worker.store.bulk import chunks, upsert
from worker.store.fit_key import fit_key
from worker.store.locks import Lock
from worker.store.pseudonyms import Keys
from worker.store.tables import app_state, contacts, feedback
from worker.suppression import from_reports

_WITHOUT_MARK = 200  # characters of a key, which leave room for a mark
_NAME = "action on contacts: "  # of `app_state`, with the action's mark
_KEPT_FOR = timedelta(days=30)
_AT_ONCE = 200  # reports in one transaction


class NothingToUndoError(HygieneError):
    """There is no such action, or no more."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__("There is nothing left to undo: the action is unknown, or undone already.")


@dataclass(frozen=True, slots=True)
class Action:
    """What an action added: reports whose keys begin with its `mark`, and whose rows lie between
    `first` and `last`."""

    mark: str
    first: int
    last: int

    @property
    def prefix(self) -> str:
        return f"{ACTION_KEY_PREFIX}{self.mark}:"


@dataclass(frozen=True, slots=True)
class UndoneAction:
    """Contacts: `lifted`, and `kept` as they are, since somebody else's word stands as well."""

    lifted: int
    kept: int


def new_mark() -> str:
    return secrets.token_hex(8)


def key(mark: str, report: Feedback) -> Feedback:
    """Return a report that carries the mark of an action in its key."""
    return replace(report, key=f"{ACTION_KEY_PREFIX}{mark}:{without_mark(report.key)}")


def without_mark(key: str) -> str:
    """Return what stands behind the mark in the key of a report, whichever action takes it over."""
    return fit_key(key, _WITHOUT_MARK)


def begin(ctx: Context, mark: str) -> None:
    """Remember where the reports of an action begin, before any of them is stored; and forget
    actions that are too old to be undone."""
    now = ctx.now()
    with ctx.store.write() as connection:
        for row in connection.execute(sa.select(app_state).where(_is_action())).all():
            if now - datetime.fromisoformat(orjson.loads(row.value)["at"]) > _KEPT_FOR:
                connection.execute(sa.delete(app_state).where(app_state.c.name == row.name))
        first = connection.scalar(sa.select(sa.func.max(feedback.c.id))) or 0
        value = {"at": now.isoformat(), "first": first}
        upsert(
            connection, app_state, [{"name": _NAME + mark, "value": orjson.dumps(value).decode()}]
        )


def can_undo(ctx: Context, mark: str) -> bool:
    with ctx.store.read() as connection:
        return _load(connection, mark) is not None


def undo(ctx: Context, mark: str, by: str, why: str) -> UndoneAction:
    """Lift what an action added, once. Raises `NothingToUndoError`."""
    rules, keys = rules_from_settings(ctx.settings), ctx.keys
    with ctx.store.read() as connection:
        action = _load(connection, mark)
        if action is None:
            raise NothingToUndoError
        reports = _reports(connection, action)
    of_contacts: dict[tuple[str, str], list[Feedback]] = {}
    for report in reports:
        of_contacts.setdefault((report.contact, report.person), []).append(report)
    lifted = kept = 0
    for batch in chunks([*of_contacts.values()], _AT_ONCE):
        with ctx.store.write() as connection:
            locks.acquire(connection, Lock.DATING_REPORTS)
            lifts: list[Feedback] = []
            for added in batch:
                mine = [_lift(report, ctx.now(), by, why) for report in added]
                safe, free = _weigh(connection, action, added, mine, rules, keys)
                lifts += mine if safe else []
                lifted, kept = lifted + free, kept + (not free)
            report_log.store(connection, lifts, ctx.now(), keys)
            stored = [report for added in batch for report in added]
            from_reports.recompute(connection, [*stored, *lifts], rules, keys)
            suppression_changes.announce(connection, keys, ctx.now())
    with ctx.store.write() as connection:
        connection.execute(sa.delete(app_state).where(app_state.c.name == _NAME + mark))
    return UndoneAction(lifted, kept)


def _is_action() -> sa.ColumnElement[bool]:
    return app_state.c.name.startswith(_NAME, autoescape=True)


def _load(connection: Connection, mark: str) -> Action | None:
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_NAME}{mark}"[:80])
    stored = connection.scalar(query)
    if stored is None:
        return None
    last = connection.scalar(sa.select(sa.func.max(feedback.c.id))) or 0
    return Action(mark, orjson.loads(stored)["first"], last)


def _reports(connection: Connection, action: Action) -> list[Feedback]:
    c = feedback.c
    query = (
        sa.select(feedback)
        .where(
            c.id > action.first, c.id <= action.last, c.kind == FeedbackKind.OPT_OUT,
            c.key.startswith(action.prefix, autoescape=True),
        )
        .order_by(c.id)
    )  # fmt: skip
    return [report_from_row(row) for row in connection.execute(query)]


def _weigh(
    connection: Connection, action: Action, added: Sequence[Feedback], lifts: Sequence[Feedback],
    rules: Rules, keys: Keys,
) -> tuple[bool, bool]:  # fmt: skip
    """Return whether lifts take nothing away that somebody else has said, and whether nothing
    stands then any more. `added`: what the action said of one contact.

    What was said after the lifts may hide what they open, until it is lifted itself. So nothing may
    be opened by the state at their time either.
    """
    numbers = [report.number for report in added if report.number]
    loaded = report_log.load(connection, numbers, keys, with_holds=True)
    people = _records_of(connection, added[0])
    about = report_log.load_about_contacts(connection, people)
    for _, hold in review_holds.load_about_contacts(connection, people):
        about.setdefault(hold.contact, []).append(hold)
    safe = free = True
    for who in people:  # a lift holds for each record of the person
        whole = about.get(who.key, [])
        everything = {**loaded.reports, "": whole}
        others = _without(everything, action)
        with_lifts = {
            number: [*number_reports, *(lift for lift in lifts if number in ("", lift.number))]
            for number, number_reports in everything.items()
        }
        after = _state(loaded, with_lifts, who, numbers, rules)
        then = max(lift.at for lift in lifts)
        for before, closed_after in (
            (_state(loaded, others, who, numbers, rules), after),
            (
                _state(loaded, _until(then, others), who, numbers, rules),
                _state(loaded, _until(then, with_lifts), who, numbers, rules),
            ),
        ):
            safe = safe and all(map(operator.le, before, closed_after))
        free = free and not any(after)
    return safe, safe and free


def _until(then: datetime, reports: Mapping[str, Sequence[Feedback]]) -> dict[str, list[Feedback]]:
    return {
        number: [report for report in number_reports if sort_key(report)[0] <= then]
        for number, number_reports in reports.items()
    }


def _without(
    reports: Mapping[str, Sequence[Feedback]], action: Action
) -> dict[str, list[Feedback]]:
    return {
        number: [report for report in number_reports if not report.key.startswith(action.prefix)]
        for number, number_reports in reports.items()
    }


def _state(
    loaded: ReportSet, reports: dict[str, list[Feedback]], who: ContactIdentity,
    numbers: Sequence[str], rules: Rules,
) -> list[frozenset[Channel]]:  # fmt: skip
    """Return the channels that are closed for a contact as a whole, and by each number."""
    given = replace(loaded, reports=reports, numbers_by_contact={who.key: [""]})
    by_number = (given.evaluate(number, who, rules).suppressed for number in numbers)
    return [given.evaluate_contact(who, rules).suppressed, *by_number]


def _records_of(connection: Connection, report: Feedback) -> list[ContactIdentity]:
    """Return the contact of a report, and the other records of the same person."""
    c = contacts.c
    records = {report.contact: ContactIdentity(report.contact, report.person)}
    if report.person:
        query = sa.select(c.connector, c.object, c.record_id).where(
            c.person == report.person, c.person != sa.literal_column("''")
        )
        for row in connection.execute(query):
            name = contact_key(row.connector, row.object, row.record_id)
            records[name] = ContactIdentity(name, report.person)
    return list(records.values())


def _lift(report: Feedback, now: datetime, by: str, why: str) -> Feedback:
    return Feedback(
        key=f"{LIFT_KEY_PREFIX}feedback:{report.id}:{UNDO_MARK}:{now.isoformat()}",
        kind=FeedbackKind.OPT_IN,
        number=report.number,
        source=by,
        at=report.at + timedelta(microseconds=1),
        contact=report.contact,
        scope="person",
        person=report.person,
        evidence=why,
        received_at=now,
    )
