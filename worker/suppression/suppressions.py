"""The suppression list: what follows from reports, imported lists, and lifting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from phonenumbers import PhoneNumberMatcher
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from connectors.csv_list.formula_guard import csv_line
from worker.context import Context
from worker.decisions.model import CALL_AND_TEXT, blocked
from worker.feedback import report_log
from worker.feedback.consent_state import (
    LIFT_KEY_PREFIX,
    LIFTED_BY,
    Rules,
    apply_lifts,
    channels_opened_by,
    rules_from_settings,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, SuppressionReason
from worker.store import outbox
from worker.store.array_param import any_of
from worker.store.bulk import chunks, insert, upsert
from worker.store.invalidation import invalidate
from worker.store.outbox import OutboxItem
from worker.store.pseudonyms import ERASED_PREFIX, Keys, number_aliases
from worker.store.tables import contact_numbers, feedback, suppressions

_SUPPRESSING = (
    FeedbackKind.OPT_OUT,
    FeedbackKind.COMPLAINT,
    FeedbackKind.ERASURE,
    FeedbackKind.WRONG_NUMBER,
)
_LIFTING = {kind for kinds in LIFTED_BY.values() for kind in kinds}
_MAX_LIST_NAME = 80  # of a list
_IMPORT_BATCH = 5000  # of a list that are stored in one transaction


class NoSuchSuppressionError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no suppression {number}; list them: hygiene suppressions list")


@dataclass(frozen=True, slots=True)
class Suppression:
    """A row of the list. `number`: E.164, or the hash of an erased one."""

    id: int
    number: str
    contact: str
    channels: str
    reason: str
    source: str
    evidence: str
    since: datetime
    lifted_at: datetime | None
    lifted_by: str
    lifted_why: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "number": None if self.number.startswith(ERASED_PREFIX) else self.number or None,
            "contact": None if self.contact.startswith(ERASED_PREFIX) else self.contact or None,
            "channels": self.channels.split(),
            "reason": self.reason,
            "source": self.source,
            "evidence": self.evidence,
            "since": self.since.isoformat(),
            "active": self.lifted_at is None,
            "lifted_at": self.lifted_at.isoformat() if self.lifted_at else None,
            "lifted_by": self.lifted_by or None,
            "lifted_why": self.lifted_why or None,
        }


def recompute(
    connection: Connection, reports: Sequence[Feedback], rules: Rules, keys: Keys
) -> None:
    """Bring the list in line with all reports about the numbers of these reports. For reports
    without a number: about their contacts and persons."""
    recompute_numbers(
        connection, {report.number for report in reports if report.number}, rules, keys
    )
    if nameless := [report for report in reports if not report.number]:
        _store_rows(connection, _without_number(connection, nameless), rules)


def recompute_numbers(
    connection: Connection, numbers: Collection[str], rules: Rules, keys: Keys
) -> None:
    """Bring the list in line with all reports about these numbers, also those from before their
    erasure."""
    names = number_aliases(keys, sorted(numbers), report_log.has_erasures(connection))
    by_number: dict[str, list[Feedback]] = {}
    for chunk in chunks(sorted(names)):
        query = sa.select(feedback).where(feedback.c.number.in_(chunk))
        for row in connection.execute(query):
            for number in names[row.number]:
                by_number.setdefault(number, []).append(report_log.report_from_row(row))
    for reports in by_number.values():
        _store_rows(connection, reports, rules)
    _apply_opt_ins_to_lists(connection, by_number, names, rules)


def _store_rows(connection: Connection, reports: Sequence[Feedback], rules: Rules) -> None:
    for chunk in chunks(list(_rows(reports, rules))):
        upsert(connection, suppressions, chunk, key=("key",))


def _without_number(connection: Connection, news: Sequence[Feedback]) -> list[Feedback]:
    """Return reports without a number about the contacts, or the persons, of these."""
    c = feedback.c
    by_id: dict[int, Feedback] = {}
    for column, values in (
        (c.contact, {report.contact for report in news if report.contact}),
        (c.person, {report.person for report in news if report.person}),
    ):
        query = sa.select(feedback).where(
            any_of(column, sorted(values)), column != sa.literal_column("''"), c.number == ""
        )
        by_id |= {row.id: report_log.report_from_row(row) for row in connection.execute(query)}
    return list(by_id.values())


def _rows(reports: Sequence[Feedback], rules: Rules) -> Iterator[dict[str, Any]]:
    """Return a row for each report that suppresses, given what else was said about the number. A
    report lifts for a contact, a person or everybody: only those that may lift are considered."""
    lifting: dict[str, list[Feedback]] = {}
    for report in reports:
        if report.kind in _LIFTING:
            about = {""} if report.scope == "number" else {report.contact, report.person}
            for name in about:
                lifting.setdefault(name, []).append(report)
    for report in reports:
        if report.kind in _SUPPRESSING:
            names = {"", report.contact, report.person}
            later = {one.id: one for name in names for one in lifting.get(name, ())}
            yield _row(report, list(later.values()), rules)


def _row(report: Feedback, reports: Sequence[Feedback], rules: Rules) -> dict[str, Any]:
    channels, lift = apply_lifts(report, reports, rules)
    return {
        "key": f"feedback:{report.id}",
        "number": report.number,
        # An opt-out or a wrong number that is about the number holds for whoever has it.
        "contact": "" if report.scope == "number" else report.contact,
        "person": "" if report.scope == "number" else report.person,
        "channels": " ".join(sorted(blocked(channels) or CALL_AND_TEXT)),
        "reason": report.kind,
        "source": report.source,
        "evidence": report.evidence,
        "since": report.at,
        "lifted_at": lift.at if lift else None,
        "lifted_by": lift.by[:120] if lift else "",
        "lifted_why": lift.reason[:255] if lift else "",
    }


def _apply_opt_ins_to_lists(
    connection: Connection,
    by_number: Mapping[str, Sequence[Feedback]],
    names: Mapping[str, Sequence[str]],
    rules: Rules,
) -> None:
    """Take numbers off the lists that they were on before an opt-in for the number as a whole, for
    its channels. `names`: as `number_aliases`."""
    c = suppressions.c
    for number, reports in by_number.items():
        opt_ins = sorted(filter(_is_about_number, reports), key=sort_key)
        if not opt_ins:
            continue
        listed = sa.select(suppressions).where(
            c.number.in_([name for name, of in names.items() if number in of]),
            c.reason == SuppressionReason.LIST,
            c.lifted_at.is_(None),
        )
        for row in connection.execute(listed).all():
            values = _after_opt_ins(row, opt_ins, rules)
            if values:
                connection.execute(sa.update(suppressions).where(c.id == row.id).values(**values))


def _is_about_number(report: Feedback) -> bool:
    # Not by whether it names a contact: what one person said names none once it was erased.
    return report.kind == FeedbackKind.OPT_IN and report.scope == "number"


def _after_opt_ins(row: Any, opt_ins: Sequence[Feedback], rules: Rules) -> dict[str, Any]:
    """Return the changes to a list's entry by later opt-ins; {} if there were none."""
    channels = frozenset(row.channels.split())
    for report in opt_ins:
        if report.at < row.since:
            continue
        channels -= channels_opened_by(report, False, rules)
        if not channels:
            return {
                "lifted_at": report.at,
                "lifted_by": report.source[:120],
                "lifted_why": report.evidence[:255],
            }
    still_closed = " ".join(sorted(channels))
    return {} if still_closed == row.channels else {"channels": still_closed}


# -- by hand -------------------------------------------------------------------------------


def add(
    ctx: Context,
    number: str,
    reason: SuppressionReason,
    channels: str,
    evidence: str,
    by: str,
    who: ContactIdentity | None = None,
) -> Suppression:
    """Suppress a number for everybody who holds it, or for one person alone.

    The queue tells the CRMs. A suppression that stands for the same reason and channels is not
    added twice, unless something has lifted it since, if only for one person: then the new one
    holds for that person too.

    `reason`: any but `list`, which is not given by hand.
    """
    now, keys, kind = ctx.now(), ctx.keys, FeedbackKind(reason)
    closed = channels or "call text"
    contact = who.key if who else ""
    same = [
        one
        for one in list_suppressions(ctx, number, reason=reason)
        if one.contact == contact and set(closed.split()) <= set(one.channels.split())
    ]
    if same:
        with ctx.store.read() as connection:
            lifted_last = report_log.last_lift(connection, kind, number, who, ctx.keys)
        for one in same:
            if lifted_last is None or lifted_last <= one.since:
                return one
    report = Feedback(
        key=f"by hand:{number}:{reason}:{closed}:{contact}:{now.isoformat()}"[:255],
        kind=kind,
        number=number,
        source=by,
        at=now,
        channels=channels,
        contact=contact,
        scope="person" if who else "number",
        person=who.person if who else "",
        evidence=evidence,
        received_at=now,
    )
    with ctx.store.write() as connection:
        report_log.store(connection, [report], now, keys)
        recompute(connection, [report], rules_from_settings(ctx.settings), keys)
        place = connection.scalar(sa.select(feedback.c.id).where(feedback.c.key == report.key))
        row = connection.execute(
            sa.select(suppressions).where(suppressions.c.key == f"feedback:{place}")
        ).one()
    return _suppression_from_row(row)


def lift(ctx: Context, suppression_id: int, by: str, why: str) -> Suppression:
    """Lift a suppression by an admin's decision, which is stored as a report of its own.

    An entry of a list is lifted without a report: the list was wrong about the number, and nobody
    has said that they want to be contacted. Their own opt-out stands. The same list imported again
    does not bring the entry back.
    """
    now, keys = ctx.now(), ctx.keys
    query = sa.select(suppressions).where(suppressions.c.id == suppression_id)
    with ctx.store.read() as connection:
        suppression = connection.execute(query).one_or_none()
        if suppression is None:
            raise NoSuchSuppressionError(suppression_id)
        number = _find_held_number(ctx, connection, suppression.number)
    with ctx.store.write() as connection:
        row = connection.execute(query).one()
        if row.lifted_at is None and row.reason == SuppressionReason.LIST:
            _lift_list_entry(ctx, connection, row, number, by, why)
        elif row.lifted_at is None:
            report = Feedback(
                key=f"{LIFT_KEY_PREFIX}{row.key}:{now.isoformat()}",
                kind=FeedbackKind.CONFIRMED
                if row.reason == SuppressionReason.WRONG_NUMBER
                else FeedbackKind.OPT_IN,
                number=number,
                source=by,
                at=now,
                contact=row.contact,
                scope="person" if row.contact else "number",
                person=row.person,
                evidence=why,
                received_at=now,
            )
            report_log.store(connection, [report], now, keys)
            recompute(connection, [report], rules_from_settings(ctx.settings), keys)
        row = connection.execute(query).one()
    return _suppression_from_row(row)


def _lift_list_entry(
    ctx: Context, connection: Connection, row: Any, number: str, by: str, why: str
) -> None:
    """Lift an entry of a list, and nothing else that stands against the number."""
    now = ctx.now()
    connection.execute(
        sa.update(suppressions)
        .where(suppressions.c.id == row.id)
        .values(lifted_at=now, lifted_by=by[:120], lifted_why=why[:255])
    )
    invalidate(connection, [number])
    outbox.enqueue(connection, [OutboxItem(f"lift:{row.id}", number, _crms(ctx), now)], now)


def _crms(ctx: Context) -> tuple[str, ...]:
    """Return the CRMs to be told; a list on disk learns of it in its next run."""
    return tuple(name for name in ctx.settings.active_connectors if name != "csv")


def _find_held_number(ctx: Context, connection: Connection, kept_as: str) -> str:
    """Return the number of an erased one that some contact holds again: its record must be told.
    Only trying all numbers finds it."""
    if not kept_as.startswith(ERASED_PREFIX):
        return kept_as
    query = sa.select(contact_numbers.c.number).distinct()
    indexed = connection.execution_options(yield_per=10_000).scalars(query)
    return next((n for n in indexed if kept_as in number_aliases(ctx.keys, [n], True)), kept_as)


def list_suppressions(
    ctx: Context,
    number: str | None = None,
    active: bool | None = True,
    reason: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Suppression]:
    """Return a part of the list, in the order of ids."""
    c = suppressions.c
    query = sa.select(suppressions).where(c.id > after).order_by(c.id).limit(limit)
    if active is not None:
        query = query.where(c.lifted_at.is_(None) if active else c.lifted_at.is_not(None))
    if reason:
        query = query.where(c.reason == reason)
    with ctx.store.read() as connection:
        if number is not None:
            names = number_aliases(ctx.keys, [number], report_log.has_erasures(connection))
            query = query.where(c.number.in_(list(names)))
        return [_suppression_from_row(row) for row in connection.execute(query)]


def _suppression_from_row(row: Any) -> Suppression:
    return Suppression(
        row.id, row.number, row.contact, row.channels, row.reason, row.source, row.evidence,
        row.since, row.lifted_at, row.lifted_by, row.lifted_why,
    )  # fmt: skip


# -- lists ---------------------------------------------------------------------------------


@dataclass
class ImportResult:
    """What became of a list: new entries, those that were on it already, and refused lines."""

    added: int = 0
    known: int = 0
    refused: int = 0
    held: int = 0  # of the new ones, those that some contact holds


def import_list(
    ctx: Context, numbers: Iterable[str], name: str, channels: str = "call text", evidence: str = ""
) -> ImportResult:
    """Put numbers (E.164) on the list `name`, streaming; to repeat it adds nothing, and does not
    bring back an entry that was lifted.

    Whoever holds one of them is flagged by the queue; contacts that come later by their sync.
    """
    name = _mask_numbers(name)[:_MAX_LIST_NAME]
    done = ImportResult()
    now, keys = ctx.now(), ctx.keys
    stream = iter(numbers)
    words = evidence or f"on the list {name}"
    while batch := list(dict.fromkeys(islice(stream, _IMPORT_BATCH))):
        with ctx.store.write() as connection:
            names = number_aliases(keys, batch, report_log.has_erasures(connection))
            listed_as = {_list_key(name, kept_as): of for kept_as, of in names.items()}
            known: set[str] = set()
            for chunk in chunks(list(listed_as)):
                listed = sa.select(suppressions.c.key).where(suppressions.c.key.in_(chunk))
                known.update(*(listed_as[key] for key in connection.scalars(listed)))
            new = [number for number in batch if number not in known]
            rows = [
                {
                    "key": _list_key(name, number),
                    "number": number,
                    "contact": "",
                    "person": "",
                    "channels": channels,
                    "reason": SuppressionReason.LIST,
                    "source": name,
                    "evidence": words,
                    "since": now,
                    "lifted_by": "",
                    "lifted_why": "",
                }
                for number in new
            ]
            insert(connection, suppressions, rows)
            in_index = outbox.held_by_anybody(connection, new)
            invalidate(connection, in_index)
            crms = _crms(ctx)
            orders = [OutboxItem(_list_key(name, number), number, crms, now) for number in in_index]
            outbox.enqueue(connection, orders, now)
        done.added += len(new)
        done.known += len(batch) - len(new)
        done.held += len(in_index)
    return done


def _mask_numbers(name: str) -> str:
    """Return a list's name without phone numbers, which an erasure could not take out
    of every row."""
    for match in reversed(list(PhoneNumberMatcher(name, "US"))):
        name = f"{name[: match.start]}(number){name[match.end :]}"
    return name


def _list_key(name: str, number: str) -> str:
    return f"list:{name}:{number}"


def export_csv(ctx: Context, channel: str | None = None) -> Iterator[str]:
    """Yield CSV lines of all suppressions in force, for dialers and other tools. Erased numbers are
    left out: only their hashes are known."""
    yield csv_line(["number", "channels", "reason", "contact", "source", "since"])
    after = 0
    while part := list_suppressions(ctx, active=True, after=after, limit=2000):
        after = part[-1].id
        for one in part:
            if (
                not one.number
                or one.number.startswith(ERASED_PREFIX)
                or (channel and channel not in one.channels.split())
            ):
                continue
            yield csv_line(
                [one.number, one.channels, one.reason, one.contact, one.source,
                 one.since.isoformat()]
            )  # fmt: skip


def erase_number(connection: Connection, number: str, keys: Keys) -> None:
    """Keep what stands against a number, but no longer the number itself."""
    erased = keys.erased_number(number)
    rows = connection.execute(sa.select(suppressions).where(suppressions.c.number == number)).all()
    for row in rows:
        values = {"number": erased, "contact": "", "evidence": "erased on request"}
        if row.reason == SuppressionReason.LIST:  # its key names the number
            values["key"] = _list_key(row.source, erased)
        connection.execute(
            sa.update(suppressions).where(suppressions.c.id == row.id).values(**values)
        )
    report_log.record_erasure(connection, keys)
