"""Contacts that share a number as rows of a list: one for each contact of each group.

Whoever writes them to a file guards each cell (`connectors.csv_list.formula_guard`).
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.records import TypedContact
from worker.context import Context
from worker.duplicates import listing, names
from worker.duplicates.listing import ListedGroup
from worker.duplicates.merge_proposal import Record
from worker.duplicates.rules import Kind

COLUMNS = (
    "number", "kind", "rule", "evidence", "advice", "contacts", "people by email", "line type",
    "crm", "object", "id", "link", "stands against it", "proposal", "reason", "must have",
    "set first", "wrong numbers",
)  # fmt: skip
NAME_COLUMNS = ("name", "note")


def rows(
    ctx: Context, connector: str = "", kind: Kind | None = None, named: bool = False
) -> Iterator[list[str]]:
    """Yield the header and a row for each contact, group by group, the largest first. `named`: with
    names from the CRMs, by which the groups are compared."""
    yield [*COLUMNS, *(NAME_COLUMNS if named else ())]
    active = set(ctx.settings.active_connectors)
    for batch in listing.every_group(ctx, connector, kind):
        compared = names.Comparison(batch)
        if named:
            compared = names.compare(ctx, batch, listing.EXPORT_RECORDS)
        for group in compared.groups:
            for record in group.records:
                link = ""
                if record.connector in active:
                    link = ctx.open(record.connector).record_url(record.object, record.id)
                row = [*_of_group(group), *_of_record(group, record, link)]
                if named:
                    typed = compared.found.get(record.key)
                    problem = compared.problems.get(
                        record.connector, "not read: no longer in the CRM, or not visible"
                    )
                    row += _named(typed, problem)
                yield row


def _of_group(group: ListedGroup) -> list[str]:
    return [
        group.number, group.kind.value, group.rule,
        " ".join(text for _, _, text in group.evidence), group.advice,
        str(group.total), str(group.people), group.line,
    ]  # fmt: skip


def _of_record(group: ListedGroup, record: Record, link: str) -> list[str]:
    cells = [
        record.connector, record.object, record.id, link, " ".join(record.consent.flags),
    ]  # fmt: skip
    for proposal in group.proposals:
        wrong = " ".join(proposal.wrong)
        if record == proposal.keep:
            must, missing = " ".join(proposal.flags), " ".join(proposal.missing)
            return [*cells, "keep", proposal.reason, must, missing, wrong]
        if record in proposal.merge:
            into = f"merge into {proposal.keep.id}"
            return [*cells, into, "", " ".join(proposal.flags), "", wrong]
    if missing_here := group.elsewhere.get(record.key):
        wrong = " ".join(sorted(group.consent.wrong))
        return [*cells, "not merged", "", " ".join(group.consent.flags), " ".join(missing_here),
                wrong]  # fmt: skip
    return [*cells, "", "", "", "", ""]


def _named(typed: TypedContact | None, problem: str) -> list[str]:
    return [typed.name, ""] if typed else ["", problem]
