"""Keep which numbers phone fields were read as before, and carry over the reports about them.

`worker.feedback.changed_readings` holds the rules. What stands when a reading changes is carried
over by the page that finds it out (`worker.sync.pages.changed_readings`), and what is said of the
former number later by whoever applies the report (`copies_of_late_reports`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import former_fields, report_log
from worker.feedback.changed_readings import ChangedField, carry_over
from worker.feedback.consent_state import READING_KEY_PREFIX, Rules
from worker.feedback.merged_records import report_hash
from worker.feedback.models import Feedback
from worker.feedback.report_log import ReportSet
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.pseudonyms import ERASED_PREFIX, Keys
from worker.store.tables import former_readings


def record(connection: Connection, fields: Iterable[ChangedField]) -> None:
    """Keep the former numbers of these fields."""
    rows = []
    for changed in fields:
        connector, object_name, record_id = changed.who.key.split("/", 2)
        rows += [
            {
                "connector": connector,
                "object": object_name,
                "record_id": record_id,
                "field": changed.field,
                "number": number,
                "until": changed.until,
            }
            for number in changed.former
        ]
    upsert(connection, former_readings, rows)


def load(
    connection: Connection, connector: str, object_name: str, ids: Collection[str]
) -> dict[tuple[str, str], list[str]]:
    """Return the former numbers of contacts, by record id and field."""
    f = former_readings.c
    query = sa.select(f.record_id, f.field, f.number).where(
        f.connector == connector, f.object == object_name, any_of(f.record_id, sorted(ids))
    )
    former: dict[tuple[str, str], list[str]] = {}
    for record_id, field, number in connection.execute(query):
        former.setdefault((record_id, field), []).append(number)
    return former


def forget(
    connection: Connection, connector: str, object_name: str, fields: Collection[tuple[str, str]]
) -> None:
    """Forget the former numbers of fields (record id, name) whose text a person has replaced."""
    f = former_readings.c
    for record_id, name in fields:
        connection.execute(
            sa.delete(former_readings).where(
                f.connector == connector, f.object == object_name,
                f.record_id == record_id, f.field == name,
            )
        )  # fmt: skip


def load_reports(connection: Connection, fields: Iterable[ChangedField], keys: Keys) -> ReportSet:
    """Return all that was reported about the former numbers of these fields."""
    numbers = sorted({number for changed in fields for number in changed.former})
    return report_log.load(connection, numbers, keys) if numbers else ReportSet()


def copies(
    fields: Iterable[ChangedField], reports: ReportSet, now: datetime, rules: Rules
) -> list[Feedback]:
    """Return the reports about the former numbers of fields, for their present ones."""
    by_key = {
        copy.key: copy
        for changed in fields
        for copy in carry_over(
            changed, reports.reports, now, rules, reports.holders, reports.last_delivered
        )
    }
    return list(by_key.values())


def conceal_erased(copied: Iterable[Feedback], reports: ReportSet, keys: Keys) -> list[Feedback]:
    """Return copies as they are to be stored.

    Of what was said before an erasure, only a keyed hash of the number is kept.
    """
    erased = {
        report_hash(report)
        for about in reports.reports.values()
        for report in about
        if report.number.startswith(ERASED_PREFIX)
    }
    return [
        _conceal(report, keys) if report_hash(report) in erased else report for report in copied
    ]


def _conceal(copy: Feedback, keys: Keys) -> Feedback:
    name = keys.erased_number(copy.number)
    return replace(copy, number=name, key=f"{READING_KEY_PREFIX}/{name}:{report_hash(copy)}")


def copies_of_late_reports(
    connection: Connection, numbers: Collection[str], now: datetime, rules: Rules, keys: Keys
) -> list[Feedback]:
    """Return what was said of these numbers, said of the present numbers of fields that were read
    as one of them before.

    Copies that are stored already are among them: storing them once more changes nothing.
    """
    if not former_fields.are_any(connection):
        return []
    forms = {form for number in numbers if number for form in equal_forms(number)}
    fields = former_fields.read_before_as(connection, forms)
    if not fields:
        return []
    about = load_reports(connection, fields, keys)
    former_fields.process_again(connection, fields, now)
    return conceal_erased(copies(fields, about, now, rules), about, keys)
