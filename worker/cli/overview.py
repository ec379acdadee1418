"""`hygiene` commands that show the whole: overview, a record's story, the settings in force."""

from __future__ import annotations

from typing import Any

import click

from worker.cli import output
from worker.cli.base import Command, json_option
from worker.cli.parts import connector_argument, opened_context, read_settings


@click.command(cls=Command)
@json_option
def overview(as_json: bool) -> None:
    """How the CRMs, the numbers and the money stand, and what needs a person."""
    from worker.queries.overview import overview as all_of_it
    from worker.segments import counters

    with opened_context(only_looks=True) as ctx:
        counters.count_if_needed(ctx)
        found = all_of_it(ctx)
    if as_json:
        output.print_json(found)
        return
    made = output.table("crm", "state", ">contacts", "last run", "changes read", ">calls, a day",
                         ">calls left")  # fmt: skip
    output.rows(made, [
        (one["name"], one["state"], f"{one['contacts'] or 0:,}", _minute(one["run_at"]),
         _minute(one["watermark"]), f"{one['calls_today']:,}",
         f"{one['quota']['remaining']:,}" if one["quota"] else "")
        for one in found["connectors"]
    ])  # fmt: skip
    output.show_table(made)
    if found["today"]:
        made = output.table("status", ">phone fields", ">since the day before")
        output.rows(made, [
            (output.styled(one["status"]), f"{one['fields']:,}",
             "" if one["change"] is None else f"{one['change']:+,}")
            for one in found["today"]
        ])  # fmt: skip
        output.show_table(made)
    lines = list(_needs(found["needs"]))
    output.out.print("[bold]What needs a person[/bold]" if lines else "Nothing needs a person.")
    for line in lines:
        output.out.print(f"  {line}", markup=False)


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
    from connectors.errors import InvalidRequestError
    from worker.feedback import records
    from worker.queries import timeline

    with opened_context(connector, only_looks=True) as ctx:
        try:
            name, record = records.locate(ctx, connector, record)
            found = timeline.of_record(ctx, connector, name, record)
        except (InvalidRequestError, timeline.NoSuchRecordError) as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        output.print_json(found)
        return
    output.out.print(f"{connector} {found['object']} {record}: {found['reason'] or ''}",
                      markup=False)  # fmt: skip
    made = output.table("field", "number", "status")
    numbers = {one["field"]: one["number"] for one in found["numbers"]}
    output.rows(made, [
        (field, numbers.get(field, ""), output.styled(status))
        for field, status in found["statuses"].items()
    ])  # fmt: skip
    output.show_table(made)
    made = output.table("at", "run", "what", "fields")
    output.rows(made, [
        (one["at"][:16].replace("T", " "), one["run"], one["text"] or one["title"],
         ", ".join(one["after"])) for one in found["timeline"]
    ])  # fmt: skip
    output.show_table(made)


@click.command("settings", cls=Command)
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@json_option
def settings(changed: bool, as_json: bool) -> None:
    """What is in force, and where each value comes from; secrets are masked."""
    from config.effective import shown

    found = [one for one in shown(read_settings()) if not changed or one.origin != "default"]
    if as_json:
        output.print_json([{"name": o.name, "value": o.value, "origin": o.origin} for o in found])
        return
    made = output.table("setting", "value", "from")
    output.rows(made, [(one.name, one.value, one.origin) for one in found])
    output.show_table(made)
