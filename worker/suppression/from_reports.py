"""Work out the suppressions that follow from reports.

They are derived again from all reports about a number whenever one of them is applied, so neither
their order nor their repetition matters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import CALL_AND_TEXT, blocked
from worker.feedback import report_log
from worker.feedback.consent_state import (
    LIFTED_BY,
    NO_HOLDERS,
    Holders,
    Rules,
    apply_lifts,
    channels_opened_by,
    concerns,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, SuppressionReason
from worker.feedback.report_rows import report_from_row
from worker.store.array_param import any_of
from worker.store.bulk import chunks, upsert
from worker.store.pseudonyms import Keys, number_aliases
from worker.store.tables import feedback, suppressions

# Kinds of reports that suppress, and those that lift what others suppress.
_SUPPRESSING = (
    FeedbackKind.OPT_OUT,
    FeedbackKind.COMPLAINT,
    FeedbackKind.ERASURE,
    FeedbackKind.WRONG_NUMBER,
)
_LIFTING = {kind for kinds in LIFTED_BY.values() for kind in kinds}
_EVERYBODY = ContactIdentity("")


def recompute(
    connection: Connection, reports: Sequence[Feedback], rules: Rules, keys: Keys
) -> None:
    """Bring the list in line with all reports about the numbers of these reports. For reports
    without a number: about their contacts and persons."""
    recompute_numbers(
        connection, {report.number for report in reports if report.number}, rules, keys
    )
    if nameless := [report for report in reports if not report.number]:
        _store_rows(connection, _without_number(connection, nameless), NO_HOLDERS, rules)


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
                by_number.setdefault(number, []).append(report_from_row(row))
    lifted_by_one = [number for number, said in by_number.items() if any(map(_by_one, said))]
    holders = report_log.load_holders(connection, lifted_by_one)
    for number, reports in by_number.items():
        _store_rows(connection, reports, holders.get(number, NO_HOLDERS), rules)
    _apply_opt_ins_to_lists(connection, by_number, holders, names, rules)


def _by_one(report: Feedback) -> bool:
    """Return whether one person's report may lift what holds for others with the number."""
    return report.kind in _LIFTING and report.scope == "number" and bool(report.contact)


def _store_rows(
    connection: Connection, reports: Sequence[Feedback], holders: Holders, rules: Rules
) -> None:
    for chunk in chunks(list(suppressing_rows(reports, holders, rules))):
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
        by_id |= {row.id: report_from_row(row) for row in connection.execute(query)}
    return list(by_id.values())


def suppressing_rows(
    reports: Sequence[Feedback], holders: Holders, rules: Rules
) -> Iterator[dict[str, Any]]:
    """Return a row for each report that suppresses, given what else was said about the number, and
    who has it. Only what concerns those for whom the row stands may lift it: of a number that many
    share, one who opts in does so for nobody else."""
    lifting: dict[str, list[Feedback]] = {}
    for report in reports:
        if report.kind in _LIFTING:
            about = {""} if report.scope == "number" else {report.contact, report.person}
            for name in about:
                lifting.setdefault(name, []).append(report)
    for report in reports:
        if report.kind in _SUPPRESSING:
            names = {"", report.contact, report.person}
            later = {lift.id: lift for name in names for lift in lifting.get(name, ())}
            yield _row(report, _that_concern(report, later.values(), holders, rules), rules)


def _that_concern(
    suppressing: Feedback, lifts: Iterable[Feedback], holders: Holders, rules: Rules
) -> list[Feedback]:
    who = ContactIdentity(suppressing.contact, suppressing.person)
    if suppressing.scope == "number":
        who = _EVERYBODY
    return [lift for lift in lifts if lift.scope != "number" or concerns(lift, who, holders, rules)]


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
    holders: Mapping[str, Holders],
    names: Mapping[str, Sequence[str]],
    rules: Rules,
) -> None:
    """Take numbers off the lists that they were on before an opt-in for the number as a whole, for
    its channels. `names`: as `number_aliases`, `holders`: of numbers with such an opt-in."""
    c = suppressions.c
    for number, reports in by_number.items():
        holders_of = holders.get(number, NO_HOLDERS)
        said = [report for report in reports if _is_about_number(report)]
        opt_ins = [report for report in said if concerns(report, _EVERYBODY, holders_of, rules)]
        if not opt_ins:
            continue
        listed = sa.select(suppressions).where(
            c.number.in_([name for name, of in names.items() if number in of]),
            c.reason == SuppressionReason.LIST,
            c.lifted_at.is_(None),
        )
        for row in connection.execute(listed).all():
            values = _after_opt_ins(row, sorted(opt_ins, key=sort_key), rules)
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
