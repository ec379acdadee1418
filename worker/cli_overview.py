"""`hygiene` commands that show the whole: overview, a record's story, the settings in force."""

from __future__ import annotations

from typing import Any

import click

from worker import console
from worker.cli_base import Command, json_option
from worker.cli_parts import connector_argument, opened_context, read_settings


@click.command(cls=Command)
@json_option
def overview(as_json: bool) -> None:
    """How the CRMs, the numbers and the money stand, and what needs a person."""
    from worker.overview import overview as all_of_it
    from worker.segments import count

    with opened_context(only_looks=True) as ctx:
        count.count_if_needed(ctx)
        found = all_of_it(ctx)
    if as_json:
        console.print_json(found)
        return
    made = console.table("crm", "state", ">contacts", "last run", "changes read", ">calls, a day",
                         ">calls left")  # fmt: skip
    console.rows(made, [
        (one["name"], one["state"], f"{one['contacts'] or 0:,}", _minute(one["run_at"]),
         _minute(one["watermark"]), f"{one['calls_today']:,}",
         f"{one['quota']['remaining']:,}" if one["quota"] else "")
        for one in found["connectors"]
    ])  # fmt: skip
    console.show_table(made)
    if found["today"]:
        made = console.table("status", ">phone fields", ">since the day before")
        console.rows(made, [
            (console.styled(one["status"]), f"{one['fields']:,}",
             "" if one["change"] is None else f"{one['change']:+,}")
            for one in found["today"]
        ])  # fmt: skip
        console.show_table(made)
    lines = list(_needs(found["needs"]))
    console.out.print("[bold]What needs a person[/bold]" if lines else "Nothing needs a person.")
    for line in lines:
        console.out.print(f"  {line}", markup=False)


def _minute(at: str | None) -> str:
    return at[:16].replace("T", " ") if at else "never"


def _needs(needs: dict[str, Any]) -> Any:
    for one in needs["alerts"]:
        if one["kind"] not in ("segment_isolated", "removals_held"):
            yield one["text"]
    for one in needs["removals"]:
        yield f"{one['connector']}: {one['reason']}"
    for one in needs["isolated"]:
        yield f"{one['connector']}: {one['by']}={one['value']} is set apart: {one['why']}"
    if needs["reviews"]:
        yield f"{needs['reviews']:,} replies to read: hygiene feedback reviews"
    for one in needs["failures"]:
        yield (f"{one['records']:,} records in {one['connector']} were not written "
               f"({one['kind'].replace('_', ' ')}): {one['remedy']}")  # fmt: skip
    for one in needs["untold"]:
        yield f"{one['connector']} has still to be told of {one['reports']:,} reports"


@click.command("contact", cls=Command)
@connector_argument()
@click.argument("record", metavar="ID")
@json_option
def contact(connector: str, record: str, as_json: bool) -> None:
    """A record as our index has it, and what was written to it."""
    from connectors.base import UnfitError
    from worker import timeline
    from worker.feedback import records

    with opened_context(connector, only_looks=True) as ctx:
        try:
            name, record = records.locate(ctx, connector, record)
            found = timeline.of_record(ctx, connector, name, record)
        except (UnfitError, timeline.NoSuchRecordError) as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        console.print_json(found)
        return
    console.out.print(f"{connector} {found['object']} {record}: {found['reason'] or ''}",
                      markup=False)  # fmt: skip
    made = console.table("field", "number", "status")
    numbers = {one["field"]: one["number"] for one in found["numbers"]}
    console.rows(made, [
        (field, numbers.get(field, ""), console.styled(status))
        for field, status in found["statuses"].items()
    ])  # fmt: skip
    console.show_table(made)
    made = console.table("at", "run", "what", "fields")
    console.rows(made, [
        (one["at"][:16].replace("T", " "), one["run"], one["text"] or one["title"],
         ", ".join(one["after"])) for one in found["timeline"]
    ])  # fmt: skip
    console.show_table(made)


@click.command("settings", cls=Command)
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@json_option
def settings(changed: bool, as_json: bool) -> None:
    """What is in force, and where each value comes from; secrets are masked."""
    from config.shown import shown

    found = [one for one in shown(read_settings()) if not changed or one.origin != "default"]
    if as_json:
        console.print_json([{"name": o.name, "value": o.value, "origin": o.origin} for o in found])
        return
    made = console.table("setting", "value", "from")
    console.rows(made, [(one.name, one.value, one.origin) for one in found])
    console.show_table(made)
