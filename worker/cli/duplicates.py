"""`hygiene duplicates`: contacts that share a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli.base import Command, json_option
from worker.cli.choices import Choice
from worker.cli.common import ConnectorName, open_context
from worker.cli.output import console

if TYPE_CHECKING:
    from worker.duplicates.listing import ListedGroup

# As worker.duplicates.rules.Kind: its module is not loaded for the help.
_KINDS = ("same_person", "family", "switchboard", "placeholder", "unclear")


@click.command(
    "duplicates",
    cls=Command,
    examples=[
        "hygiene duplicates --kind same_person",
        "hygiene duplicates --connector hubspot --names --limit 10",
        "hygiene duplicates --kind placeholder -o placeholders.xlsx",
    ],
)
@click.option("--connector", type=ConnectorName(), metavar="CONNECTOR",
              help="Only numbers that a contact of this connector has.")  # fmt: skip
@click.option("--kind", type=Choice(_KINDS), help="Only groups of this kind.")
@click.option("--names", "with_names", is_flag=True,
              help="Read the names of what is listed from the CRMs, and compare them. Takes API "
              "calls; names are neither shown nor stored.")  # fmt: skip
@click.option("--limit", default=50, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="How many numbers to list.")  # fmt: skip
@click.option("-o", "--output", "target", metavar="OUT",
              type=click.Path(path_type=Path, allow_dash=True),
              help="Write all to this new file, a row for each contact: a workbook if the name "
              "ends in .xlsx, else CSV; - is standard output. With names if --names is "
              "given.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@json_option
def duplicates(
    connector: str | None, kind: str | None, with_names: bool, limit: int, target: Path | None,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    """List contacts that share a number, and why, by rules.

    Most contacts first. Found in our own index: no CRM is asked, except with --names. Nothing is
    merged: a proposal says which record a person may keep, and what it must carry first.
    """
    from worker.duplicates import export, grouping, listing, names
    from worker.duplicates.rules import Kind

    wanted = Kind(kind) if kind else None
    if target is not None:
        from worker.lists import files

        files.check_target(files.STANDARD, target, force)
    with open_context(read_only=True) as ctx:
        with console.working("looking for shared numbers"):
            grouping.count_if_needed(ctx)
        if target is not None:
            _export(export.rows(ctx, connector or "", wanted, with_names), target, force, as_json)
            return
        groups = listing.list_groups(ctx, connector or "", wanted, size=limit).groups
        problems: dict[str, str] = {}
        calls: dict[str, int] = {}
        if with_names:
            compared = names.compare(ctx, groups)
            groups, problems, calls = compared.groups, compared.problems, compared.calls
    for name, problem in problems.items():
        console.error(f"{name}: names were not read. {problem}")
    if calls:
        made = ", ".join(f"{number} to {name}" for name, number in calls.items())
        console.info(f"API calls for names: {made}")
    if as_json:
        console.print_json([group.as_json() for group in groups])
    elif not groups:
        console.info("no number is shared by two contacts" + _of(connector, kind))
    else:
        _show(groups)


def _export(rows: Iterator[list[str]], target: Path, force: bool, as_json: bool) -> None:
    """Write rows to a file that only its owner can read, each cell guarded."""
    from connectors.csv_list.formula_guard import csv_line, formula_safe
    from connectors.csv_list.workbook import WorkbookWriter
    from worker.lists import files

    number = -1  # the header is none of the contacts
    with files.written_whole(target, force) as part:
        part.touch(0o600)
        if target.suffix.lower() == ".xlsx":
            book = WorkbookWriter("Duplicates")
            for row in rows:
                book.row(map(formula_safe, row))
                number += 1
            book.save(part)
        else:
            with part.open("w", encoding="utf-8-sig", newline="") as file:
                for row in rows:
                    file.write(csv_line(row))
                    number += 1
    if target == files.STANDARD:
        return
    if as_json:
        console.print_json({"file": str(target), "contacts": number})
    else:
        console.info(f"{number:,} contacts written to {target}")


def _of(connector: str | None, kind: str | None) -> str:
    parts = [f"of {connector}"] if connector else []
    parts += [f"as {kind}"] if kind else []
    return f" ({', '.join(parts)})" if parts else ""


def _show(groups: Sequence[ListedGroup]) -> None:
    table = console.table("!number", ">contacts", "kind", "~?CRMs", "=evidence", "=proposal")
    console.rows(table, [
        (group.number, f"{group.total:,}", group.kind.value.replace("_", " "),
         " ".join(group.connectors), " ".join(text for _, _, text in group.evidence),
         "; ".join([*map(_proposal, group.proposals), *_elsewhere(group)]))
        for group in groups
    ])  # fmt: skip
    console.show_table(table)


def _elsewhere(group: ListedGroup) -> list[str]:
    return [f"set {', '.join(flags)} on {key} too" for key, flags in group.elsewhere.items()]


def _proposal(proposal: Any) -> str:
    text = f"keep {proposal.keep.key}: {proposal.reason}"
    if proposal.missing:
        text += f"; set {', '.join(proposal.missing)} on it before you merge"
    return text
