"""Write opt-outs that stand, and their lifts, as consent records into the CRM, by setting.

Off by default (`connectors.salesforce.consent_records.write`). A consent record is about a person,
whom several records may name; it says OptOut as long as one of these is stopped. Nothing else
depends on it: what a CRM refuses is told, and costs nobody a flag. The steps:

1. `record`: with the results of a page, how the consent of each record is to stand, where that has
   changed, in one transaction. A report reaches here by the run that carries it to its records.
2. `send_waiting`: at the end of a run, and every few minutes, what waits. Rows are claimed first;
   a record of ours is looked for before one is made, so that none is made twice.

What counts is what somebody said: not registries, imported lists, failed messages, reviews, or the
CRM's own consent records; and of a number that many share, only what was said by that person: the
flags stop all of them, but a consent record says of somebody that they said so.

A lift writes OptIn only if the person agreed to calls and texts; after any other lift, the OptOut
ends (`EffectiveTo`). Either waits until our index has every record that names the person, and
nothing that we hold stands against one of them: what a run has not carried since writing was turned
on has no row here.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connectors import ConsentRecordSettings, SalesforceSettings
from config.logging_setup import redact
from connectors.consent_writes import ConsentChange, ConsentResult, ConsentStatus, ConsentWriter
from connectors.errors import ConnectorError
from worker.context import Context
from worker.decisions.model import CALL_AND_TEXT
from worker.feedback import report_log
from worker.feedback.consent_state import (
    HOLD_KEY_PREFIX,
    NO_HOLDERS,
    Rules,
    channels_of,
    concerns,
    is_about,
    is_by_text,
    is_consent,
    rules_from_settings,
    sort_key,
)
from worker.feedback.merged_records import STOPS
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, contact_key
from worker.feedback.report_log import ReportSet
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX
from worker.scrub import evidence
from worker.scrub.evidence import Evidence
from worker.store import locks, pause, setbacks
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.locks import Lock
from worker.store.tables import consent_writes, contact_numbers, feedback
from worker.sync.owner_tasks import count_calls

log = logging.getLogger(__name__)

CONSENT_KEY_PREFIX = "consent:"  # begins the keys of what consent records of CRMs said
_NOT_SAID = (HOLD_KEY_PREFIX, REGISTRY_KEY_PREFIX, "list:", CONSENT_KEY_PREFIX)
_BACKOFF_INITIAL, _BACKOFF_MAX = timedelta(minutes=5), timedelta(days=1)
_NO_PARTY_AGAIN = timedelta(days=1)  # a record may be linked to a person later
_WHAT = "write consent records"  # what is refused, as an operator is told


class State(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"  # a worker has it, until its lease ends
    WRITTEN = "written"
    NO_PARTY = "no_party"  # the record names no person; none is made
    REFUSED = "refused"  # tried again, less and less often


class Person(Protocol):
    """A contact as a page has prepared it."""

    @property
    def identity(self) -> ContactIdentity: ...
    @property
    def numbers(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """A contact as our index has it."""

    identity: ContactIdentity
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the consent of a record is to stand. `report_id`: of the stop that it rests on."""

    status: ConsentStatus
    at: datetime
    report_id: int = 0


def settings_of(ctx: Context, connector: str) -> ConsentRecordSettings | None:
    """Return the settings of a CRM's consent records; None where none are written."""
    section = ctx.settings.section(connector)
    if not isinstance(section, SalesforceSettings) or not section.consent_records.write:
        return None
    return section.consent_records


# -- what is wanted --------------------------------------------------------------------------


def plan(
    connection: Connection, ctx: Context, connector: str, object_name: str,
    people: Sequence[Person], reports: ReportSet,
) -> dict[str, Wanted]:  # fmt: skip
    """Return how the consent of records is to stand, by id, where that has changed."""
    if settings_of(ctx, connector) is None:
        return {}
    by_id = {person.identity.key.split("/", 2)[2]: person for person in people}
    c = consent_writes.c
    query = sa.select(consent_writes).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, list(by_id))
    )
    before = {row.record_id: row for row in connection.execute(query)}
    rules = rules_from_settings(ctx.settings)
    said = _with_holders(connection, _said(reports))
    changed: dict[str, Wanted] = {}
    for record_id, person in by_id.items():
        row = before.get(record_id)
        if (row is None and not said.reports) or (stop := _stop(person, said, rules)) is None:
            if row is not None and row.wanted == "opt_out":
                lift = _lift(connection, person, said, rules, row, ctx.now())
                changed |= {record_id: lift} if lift else {}
        elif row is None or row.wanted != "opt_out":
            changed[record_id] = Wanted("opt_out", stop.at, stop.id)
    return changed


def _said(reports: ReportSet) -> ReportSet:
    """Leave what somebody said about being contacted."""
    kinds = (*STOPS, FeedbackKind.OPT_IN)
    kept = {
        number: [r for r in about if r.kind in kinds and not r.key.startswith(_NOT_SAID)]
        for number, about in reports.reports.items()
    }
    return dataclasses.replace(
        reports, reports={number: about for number, about in kept.items() if about}
    )


def _with_holders(connection: Connection, said: ReportSet) -> ReportSet:
    """Add who holds the numbers. A page looks that up only of reports that depend on it: no opt-out
    does, as its flag is set on everybody who has the number."""
    missing = [number for number in said.reports if number and number not in said.holders]
    if not missing:
        return said
    holders = {**said.holders, **report_log.load_holders(connection, missing)}
    return dataclasses.replace(said, holders=holders)


def _about(person: Person, said: ReportSet, rules: Rules) -> Iterable[tuple[str, Feedback]]:
    """Yield what concerns a person. Who holds a number that many share did not say what was said
    of it."""
    who = person.identity
    former = said.numbers_by_contact.get(who.key, ())
    for number in dict.fromkeys((*person.numbers, *former)):
        own = number in person.numbers and not _is_shared(number, said, rules)
        for report in said.about(number):
            if is_about(report, who) or (own and concerns(report, who)):
                yield number, report


def _is_shared(number: str, said: ReportSet, rules: Rules) -> bool:
    """Return whether many persons share a number: what was said of it may be none of theirs."""
    return said.holders.get(number, NO_HOLDERS).person_count >= rules.shared_from


def _stop(person: Person, said: ReportSet, rules: Rules) -> Feedback | None:
    """Return the last stop against a person, if anything that they said still closes a channel."""
    mine = list(_about(person, said, rules))
    stops = [report for _number, report in mine if report.kind in STOPS]
    if not stops:
        return None
    who = person.identity
    closed = any(said.evaluate(number, who, rules).suppressed for number, _report in mine)
    if not closed and who.key in said.numbers_by_contact:
        closed = bool(said.evaluate_contact(who, rules).suppressed)
    return max(stops, key=sort_key) if closed else None


def _lift(
    connection: Connection, person: Person, said: ReportSet, rules: Rules, row: Any, now: datetime
) -> Wanted | None:
    """Return what has ended an opt-out that we wrote. None if nothing did: a number that stands on
    the record no longer takes nobody's word back."""
    opt_ins = [report for _number, report in _about(person, said, rules)
               if report.kind == FeedbackKind.OPT_IN and report.at >= row.since]  # fmt: skip
    if not opt_ins:
        query = sa.select(feedback.c.id).where(feedback.c.id == row.report_id)
        if row.report_id and connection.scalar(query) is None:  # it was taken back
            return Wanted("ended", now)
        return None
    last = max(opt_ins, key=sort_key)
    agreed = is_consent(last) and not is_by_text(last)
    if agreed and channels_of(last, rules) >= CALL_AND_TEXT:
        return Wanted("opt_in", last.at, last.id)
    return Wanted("ended", max(last.at, row.since), last.id)


def record(
    connection: Connection, ctx: Context, run_id: str, connector: str, object_name: str,
    people: Sequence[Person], reports: ReportSet,
) -> None:  # fmt: skip
    """Keep what a page has changed, to be written at the end of the run."""
    now = ctx.now()
    changed = plan(connection, ctx, connector, object_name, people, reports)
    rows = [
        {
            "connector": connector, "object": object_name, "record_id": record_id,
            "wanted": wanted.status, "since": wanted.at, "report_id": wanted.report_id,
            "state": State.WAITING, "run_id": run_id, "attempts": 0, "retry_at": now,
            "message": "", "at": now,
        }
        for record_id, wanted in changed.items()
    ]  # fmt: skip
    # What was written before, and for whom, stays known (`feedback.sources.consent_records`).
    upsert(connection, consent_writes, rows, key=("connector", "object", "record_id"))


# -- writing ---------------------------------------------------------------------------------


def send_due(ctx: Context) -> None:
    """Write what waits for every CRM: what could not be written at the end of its run."""
    for name in ctx.settings.active_connectors:
        send_waiting(ctx, name)


def send_waiting(ctx: Context, connector_name: str) -> None:
    """Write what waits for a CRM. What cannot be written now is tried again."""
    if settings_of(ctx, connector_name) is None or pause.is_on(ctx.store):
        return
    if not _any_due(ctx, connector_name):
        return
    refused = ""
    claimed: Sequence[Any] = ()
    try:
        connector = ctx.connector(connector_name)
        writer = connector.consent_writer()
        while writer is not None and (claimed := _claim(ctx, connector_name, writer.batch_size)):
            if not (claimed := _without_shared(ctx, connector_name, claimed)):
                continue
            before = dict(connector.calls)
            try:
                refused = _send(ctx, connector_name, writer, claimed) or refused
            finally:
                count_calls(ctx, claimed[0].run_id, before, connector.calls)
    except ConnectorError as error:
        log.warning("%s: consent records wait: %s", connector_name, error)
        _give_back(ctx, claimed)
        setbacks.note(ctx.store, connector_name, _WHAT, error, ctx.now())
        return
    if refused:
        log.warning("%s: a consent record was refused: %s", connector_name, refused)
        setbacks.note(ctx.store, connector_name, _WHAT, ConnectorError(refused), ctx.now())
    else:
        setbacks.clear(ctx.store, connector_name, _WHAT)


def _any_due(ctx: Context, connector: str) -> bool:
    with ctx.store.read() as connection:
        query = sa.select(consent_writes.c.id).where(*_due(connector, ctx.now())).limit(1)
        return connection.scalar(query) is not None


def _due(connector: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    c = consent_writes.c
    waits = sa.and_(c.state.not_in((State.SENDING, State.WRITTEN)), c.retry_at <= now)
    orphaned = sa.and_(c.state == State.SENDING, c.lease_expires_at <= now)
    return c.connector == connector, sa.or_(waits, orphaned)


def _claim(ctx: Context, connector: str, size: int) -> Sequence[Any]:
    """Claim some rows, unless another worker is at it: two would make two records of a person."""
    c, now = consent_writes.c, ctx.now()
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.CLAIMING_CONSENTS)
        others = sa.select(c.id).where(
            c.connector == connector, c.state == State.SENDING, c.lease_expires_at > now
        )
        if connection.scalar(others.limit(1)) is not None:
            return ()
        query = sa.select(consent_writes).where(*_due(connector, now)).order_by(c.id).limit(size)
        rows = connection.execute(query).all()
        values = {"state": State.SENDING, "lease_expires_at": ctx.lease()}
        chosen = any_of(c.id, [row.id for row in rows])
        connection.execute(sa.update(consent_writes).where(chosen).values(**values))
        return rows


def _without_shared(ctx: Context, connector: str, rows: Sequence[Any]) -> Sequence[Any]:
    """Leave out, and forget, opt-outs that were never written and rest on a number that many share:
    when their page was read, our index may not have had the others who hold it."""
    records = [
        (row.object, row.record_id) for row in rows if row.wanted == "opt_out" and not row.written
    ]
    if not records:
        return rows
    rules = rules_from_settings(ctx.settings)
    with ctx.store.snapshot() as connection:
        numbers = _numbers(connection, connector, records)
        keys = {contact_key(connector, *record) for record in records}
        distinct = sorted({number for of in numbers.values() for number in of})
        known = evidence.load_in(ctx, connection, distinct, keys, rules)
        said = _with_holders(connection, _said(known.reports))
    reports = {report.id: number for number, of in said.reports.items() for report in of}

    def is_somebody_elses(row: Any) -> bool:
        who = known.known_contacts.get(contact_key(connector, row.object, row.record_id))
        if who is None or not _is_shared(reports.get(row.report_id, ""), said, rules):
            return False
        person = _Known(who, tuple(numbers.get((row.object, row.record_id), ())))
        return _stop(person, said, rules) is None

    unwritten = [row for row in rows if (row.object, row.record_id) in set(records)]
    forgotten = {row.id for row in unwritten if is_somebody_elses(row)}
    if forgotten:
        c = consent_writes.c
        ours = (any_of(c.id, sorted(forgotten)), c.state == State.SENDING, c.wanted == "opt_out")
        with ctx.store.write() as connection:
            connection.execute(sa.delete(consent_writes).where(*ours))
    return [row for row in rows if row.id not in forgotten]


def _send(ctx: Context, connector: str, writer: ConsentWriter, rows: Sequence[Any]) -> str:
    """Write what was claimed; return why something was refused, "" if nothing was."""
    parties: dict[tuple[str, str], str] = {}
    for object_name in sorted({row.object for row in rows}):
        ids = [row.record_id for row in rows if row.object == object_name]
        for record_id, party in writer.parties(object_name, ids).items():
            parties[object_name, record_id] = party
    changes = _changes(ctx, connector, writer, rows, parties)
    results = writer.write(list(changes.values())) if changes else []
    of_party = dict(zip(changes, results, strict=True))
    refused = ""
    with ctx.store.write() as connection:
        for row in rows:
            party = parties.get((row.object, row.record_id), "")
            result = of_party.get(party)
            if result is not None and result.state == "unknown":
                continue  # it is looked for when its lease has ended
            values = _settled(row, party, changes.get(party), result, ctx.now())
            c = consent_writes.c
            # One that has come to mean something else meanwhile waits again.
            ours = (c.id == row.id, c.state == State.SENDING, c.wanted == row.wanted)
            connection.execute(sa.update(consent_writes).where(*ours).values(**values))
            refused = refused or values.get("message", "")
    return refused


def _changes(
    ctx: Context, connector: str, writer: ConsentWriter, rows: Sequence[Any],
    parties: Mapping[tuple[str, str], str],
) -> dict[str, ConsentChange]:  # fmt: skip
    """Return how the consent of each person is to stand: closed while one of their records is.

    Left out are persons whose opt-out was lifted on one record, and may stand on another.
    """
    if not parties:
        return {}
    holders = writer.records_of(sorted(set(parties.values())))
    c = consent_writes.c
    ids = sorted({record_id for records in holders.values() for _name, record_id in records})
    query = sa.select(c.object, c.record_id, c.since).where(
        c.connector == connector, c.wanted == "opt_out", any_of(c.record_id, ids)
    )
    with ctx.store.read() as connection:
        closed = {(row.object, row.record_id): row.since for row in connection.execute(query)}
    lifted: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        party = parties.get((row.object, row.record_id))
        if row.wanted != "opt_out" and party and closed.keys().isdisjoint(holders.get(party, ())):
            records = lifted.setdefault(party, set(holders.get(party, ())))
            records.add((row.object, row.record_id))
    doubtful = _doubtful(ctx, connector, lifted)
    if doubtful:
        log.info(
            "%s: the consent of %s waits: other records of them are stopped or were not read yet "
            "(hygiene sync %s --full reads all)",
            connector, f"{len(doubtful)} persons" if len(doubtful) > 1 else "a person", connector,
        )  # fmt: skip
    changes: dict[str, ConsentChange] = {}
    for row in sorted(rows, key=lambda row: cast(datetime, row.since)):
        party = parties.get((row.object, row.record_id))
        if party is None:
            continue
        since = [closed[record] for record in holders.get(party, ()) if record in closed]
        if row.wanted == "opt_out":
            since.append(row.since)
        if since:
            changes[party] = ConsentChange(party, "opt_out", min(since))
        elif party not in doubtful:
            changes[party] = ConsentChange(party, row.wanted, row.since)
    return changes


def _doubtful(
    ctx: Context, connector: str, records: Mapping[str, Collection[tuple[str, str]]]
) -> set[str]:
    """Return those of these persons who may be stopped on one of their records: (object, id).

    What we hold decides. A record that our index does not have may hold any number.
    """
    keys = {
        contact_key(connector, *record): record for of in records.values() for record in of
    }  # fmt: skip
    if not keys:
        return set()
    rules = rules_from_settings(ctx.settings)
    with ctx.store.snapshot() as connection:
        numbers = _numbers(connection, connector, list(keys.values()))
        distinct = sorted({number for of in numbers.values() for number in of})
        known = evidence.load_in(ctx, connection, distinct, keys, rules)
    said = _said(known.reports)
    clear = {
        record
        for key, record in keys.items()
        if (who := known.known_contacts.get(key)) is not None
        and not _is_stopped(who, numbers.get(record, ()), said, known, rules)
    }
    return {party for party, of in records.items() if not clear.issuperset(of)}


def _is_stopped(
    who: ContactIdentity, numbers: Sequence[str], said: ReportSet, known: Evidence, rules: Rules
) -> bool:
    """Return whether anything that somebody said stands against a contact, or a reply that may mean
    so waits for review. A number that many share is no exception here."""
    former = said.numbers_by_contact.get(who.key, ())
    return (
        who.key in known.held_contacts
        or bool(said.evaluate_contact(who, rules).suppressed)
        or any(said.evaluate(each, who, rules).suppressed for each in (*numbers, *former))
        or any(known.reports.evaluate(each, who, rules).held for each in numbers)
    )


def _numbers(
    connection: Connection, connector: str, records: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """Return the numbers that our index has for records, (object, id) each."""
    n = contact_numbers.c
    query = sa.select(n.object, n.record_id, n.number).where(
        n.connector == connector, any_of(n.record_id, sorted({each for _name, each in records}))
    )
    numbers: dict[tuple[str, str], list[str]] = {}
    for object_name, record_id, number in connection.execute(query):
        numbers.setdefault((object_name, record_id), []).append(number)
    return numbers


def _settled(
    row: Any, party: str, change: ConsentChange | None, result: ConsentResult | None, now: datetime
) -> dict[str, Any]:
    """Return what becomes of a row that was claimed."""
    if result is None or change is None:
        if party:  # of a doubtful person (`_changes`)
            return {
                "state": State.WAITING, "attempts": row.attempts + 1, "message": "",
                "retry_at": now + _backoff(row), "party": party,
            }  # fmt: skip
        return {"state": State.NO_PARTY, "retry_at": now + _NO_PARTY_AGAIN, "party": ""}
    if result.state == "refused":
        return {
            "state": State.REFUSED, "attempts": row.attempts + 1, "retry_at": now + _backoff(row),
            "party": party, "message": redact(result.message)[:255] or "no reason given",
        }  # fmt: skip
    return {
        "state": State.WRITTEN, "party": party, "consent_id": result.consent_id[:40],
        "written": change.status, "message": "", "attempts": 0, "lease_expires_at": None,
    }  # fmt: skip


def _backoff(row: Any) -> timedelta:
    doublings = int(min(row.attempts, 12))
    return min(_BACKOFF_INITIAL * (1 << doublings), _BACKOFF_MAX)


def _give_back(ctx: Context, rows: Sequence[Any]) -> None:
    """Let another look for what was being written: its answer did not come."""
    c = consent_writes.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(consent_writes)
            .where(any_of(c.id, [row.id for row in rows]), c.state == State.SENDING)
            .values(lease_expires_at=ctx.now())
        )


def counts_of(ctx: Context, run_id: str) -> dict[str, int]:
    """Return how many consents a run has asked for last, by what became of them."""
    c = consent_writes.c
    query = sa.select(c.state, sa.func.count()).where(c.run_id == run_id).group_by(c.state)
    with ctx.store.read() as connection:
        found = {row[0]: row[1] for row in connection.execute(query)}
    waiting = found.pop(State.SENDING, 0) + found.get(State.WAITING, 0)
    return {**found, **({State.WAITING.value: waiting} if waiting else {})}
