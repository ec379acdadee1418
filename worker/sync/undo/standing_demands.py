"""Work out what reports in force demand of a record, whatever the providers say of its numbers.

An undo respects this: values that a run wrote because somebody must not be contacted are not put
back (promise 3), even if the run was a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.protocol import Connector
from connectors.records import Contact, Value
from worker.context import Context
from worker.decisions.diff import flags
from worker.decisions.model import Decision, FieldDecision
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.report_log import ReportSet
from worker.sync.pages import evaluator, fields, reports
from worker.sync.pages.fields import Prepared
from worker.sync.runs.model import Run

_STOPPING = ("do_not_contact", "wrong_number")


@dataclass(frozen=True, slots=True)
class Restore:
    """A record as it is, and the values that are to be put back into it."""

    contact: Contact
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes of one `Restore`. `allowed`: the values that may be put back. `missing`: the
    record lacks something that a report demands, now or once they are put back. `numbers`: those
    that were looked at."""

    allowed: Mapping[str, Value]
    missing: bool
    numbers: tuple[str, ...]


def check(
    ctx: Context, run: Run, connector: Connector, restores: Sequence[Restore]
) -> tuple[list[Demand], ReportSet]:
    """Remove from each restore what a report in force does not allow. Also returns the reports that
    this was decided from, so that the caller can see later whether there are more."""
    contacts = [restore.contact for restore in restores]
    object_name = contacts[0].object if contacts else ""
    remembered = fields.remember(ctx, run.connector, object_name, contacts)
    read = fields.reader(ctx, run.connector, remembered=remembered)
    now = [read(restore.contact) for restore in restores]
    then = [read(_with_phones(restore.contact, restore.values)) for restore in restores]
    with ctx.store.read() as connection:
        about = feedback_log.load_about_contacts(connection, [contact.identity for contact in now])
    loaded = reports.load_reports(ctx, run, [*now, *then], about, ())
    dialable = [
        _without_bad_numbers(ctx, loaded, restore.values, before, after)
        for restore, before, after in zip(restores, now, then, strict=True)
    ]
    final = [
        read(_with_phones(restore.contact, values))
        for restore, values in zip(restores, dialable, strict=True)
    ]
    decisions = evaluator.decide_by_reports(ctx, run, connector, final, loaded, remembered)
    return [
        _demand(ctx, loaded, restore, values, contact, decision, connector)
        for restore, values, contact, decision in zip(
            restores, dialable, final, decisions, strict=True
        )
    ], loaded


def _with_phones(contact: Contact, values: Mapping[str, Value]) -> Contact:
    """The contact with the phone fields that it would have."""
    phones = {
        name: str(values[f"phone/{name}"] or "") if f"phone/{name}" in values else text
        for name, text in contact.phones.items()
    }
    return contact if phones == contact.phones else replace(contact, phones=phones)


def _without_bad_numbers(
    ctx: Context, loaded: ReportSet, values: Mapping[str, Value], now: Prepared, then: Prepared
) -> dict[str, Value]:
    """Without phone fields that would get a number back which must not be dialed."""

    def brings_back(name: str) -> bool:
        return any(
            number.e164 not in now.numbers and _is_stopped(ctx, loaded, then, number.e164)
            for number in then.readings[name].numbers
        )

    return {
        key: value
        for key, value in values.items()
        if not (key.startswith("phone/") and brings_back(key.removeprefix("phone/")))
    }


def _is_stopped(ctx: Context, loaded: ReportSet, contact: Prepared, number: str) -> bool:
    consent = loaded.evaluate(number, contact.identity, rules_from_settings(ctx.settings))
    return bool(consent.wrong or consent.suppressed or consent.unreachable)


def _demand(
    ctx: Context,
    loaded: ReportSet,
    restore: Restore,
    values: Mapping[str, Value],
    contact: Prepared,
    decision: Decision,
    connector: Connector,
) -> Demand:
    writable = connector.writable(restore.contact.object)
    demanded = _demanded(decision, writable)
    stopped = {
        number.e164
        for name, reading in contact.readings.items()
        if f"status/{name}" in demanded
        for number in reading.numbers
    }
    allowed = {
        key: value
        for key, value in values.items()
        if not demanded.get(key) or value == demanded[key]
    }
    for key in ("best_phone", "proposed_phone"):
        number = allowed.get(key)
        if isinstance(number, str) and (
            number in stopped or _is_stopped(ctx, loaded, contact, number)
        ):
            del allowed[key]
    if demanded:
        allowed.pop("calling_hours", None)  # nobody is told to call whom a report stops
    if any(key in demanded and key not in allowed for key in values):
        allowed.pop("reason", None)  # it goes with what it explains
    after = {**restore.contact.current, **allowed}
    missing = any(after.get(key) != value for key, value in demanded.items() if key in writable)
    return Demand(allowed, missing, contact.numbers)


def _demanded(decision: Decision, writable: frozenset[str]) -> dict[str, Value]:
    """Map canonical key to value, for values that only a report can have led to."""
    values: dict[str, Value] = {key: True for key, on in flags(decision, writable).items() if on}
    for field in decision.fields:
        if field.status in _STOPPING or _unreachable_by_messages(field):
            values[f"status/{field.name}"] = field.status
    return values


def _unreachable_by_messages(field: FieldDecision) -> bool:
    """No provider was asked: a status that is not merely kept comes from messages that failed."""
    return field.status == "unreachable" and not field.unchanged
