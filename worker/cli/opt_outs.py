"""`hygiene crm opt-outs`: take over opt-outs that a CRM holds in checkboxes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.cli.base import Command, json_option
from worker.cli.common import connector_argument, open_context, user_name
from worker.cli.output import console
from worker.cli.propagation import later_option, propagate_now

if TYPE_CHECKING:
    from worker.suppression.crm_opt_outs import OptOuts

_CHANNELS = ("call", "text", "any")


@click.command("opt-outs", cls=Command, examples=[
    "hygiene crm opt-outs salesforce",
    "hygiene crm opt-outs hubspot --field never_text=text --apply",
])  # fmt: skip
@connector_argument()
@click.option("--field", "named", multiple=True, metavar="NAME[=CHANNEL]",
              help="Read this checkbox too; it blocks call, text or any (default).")  # fmt: skip
@click.option("--apply", is_flag=True, help="Store the opt-outs; by default only count them.")
@later_option
@json_option
def crm_opt_outs(
    connector: str, named: tuple[str, ...], apply: bool, later: bool, as_json: bool
) -> None:
    """Take over opt-outs that a CRM holds, as Do Not Call.

    Reads Salesforce's DoNotCall and the checkboxes of connectors.NAME.opt_out_fields. Only counts,
    unless you give --apply. Then each ticked record becomes an opt-out of that person, with the
    checkbox as evidence; all of them are one import, which can be undone as a whole.
    """
    from worker.suppression import crm_opt_outs as opt_outs

    with open_context(connector) as ctx:
        fields = opt_outs.fields_to_read(ctx, connector, dict(map(_named, named)))
        with console.progress() as bar:
            task = bar.add_task(f"reading {connector}", total=None)
            done = opt_outs.take_over(
                ctx, connector, fields, user_name(), apply,
                lambda records: bar.advance(task, records),
            )  # fmt: skip
        propagated = propagate_now(ctx) if apply and not later else {}
    if as_json:
        console.print_json({**done.as_json(), **propagated})
    else:
        _show(done, apply)


def _named(text: str) -> tuple[str, str]:
    name, equals, channel = text.partition("=")
    if not name or (equals and channel not in _CHANNELS):
        raise click.UsageError(
            f"--field: write NAME or NAME=CHANNEL, one of {', '.join(_CHANNELS)}"
        )
    return name, channel or "any"


def _show(done: OptOuts, apply: bool) -> None:
    table = console.table("object", "checkbox", "blocks", ">ticked", ">new", "~")
    console.rows(table, [
        (row.object, row.field, row.channels, f"{row.ticked:,}", f"{row.new:,}", row.missing)
        for row in done.fields
    ])  # fmt: skip
    console.show_table(table)
    unknown = sum(row.not_in_index for row in done.fields)
    if unknown:
        console.info(
            f"{unknown:,} of the new records are not in our index yet, so their numbers are not "
            f"known: run hygiene sync {done.connector} first, or this command again after it"
        )
    console.info(f"{done.api_calls:,} API calls")
    if not apply:
        console.info("nothing was stored; to store them: add --apply")
    elif done.batch:
        console.out.print(f"{done.stored:,} opt-outs stored")
        console.info(f"to undo the whole import: hygiene suppressions undo-import {done.batch}")
    else:
        console.out.print("nothing is new")
