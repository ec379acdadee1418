"""`hygiene` commands that show the whole: overview and spending."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.base import Command, json_option
from worker.cli.common import open_context
from worker.cli.output import console
from worker.cli.output.spend import show_spend
from worker.cli.output.times import local_minute


@click.command(cls=Command, examples=["hygiene overview"])
@json_option
def overview(as_json: bool) -> None:
    """Show CRMs, numbers, spending, and what needs attention."""
    from worker.queries.overview import overview as all_of_it
    from worker.segments import counters

    with open_context(read_only=True) as ctx:
        counters.count_if_needed(ctx)
        found = all_of_it(ctx)
    if as_json:
        console.print_json(found)
        return
    made = console.table(
        "CRM", "state", ">contacts", "last run", "?changes read to", ">API calls, 24 h",
        ">calls left",
    )  # fmt: skip
    console.rows(made, [
        (one["name"], _STATES.get(one["state"], one["state"]), f"{one['contacts'] or 0:,}",
         local_minute(one["run_at"]), local_minute(one["watermark"]), f"{one['calls_today']:,}",
         f"{one['quota']['remaining']:,}" if one["quota"] else "")
        for one in found["connectors"]
    ])  # fmt: skip
    if found["connectors"]:
        console.show_table(made)
    else:
        console.info("no CRM is connected yet: see the README, or try: hygiene demo")
    if found["today"]:
        made = console.table("status", ">phone fields", ">since yesterday")
        console.rows(made, [
            (console.styled(one["status"]), f"{one['fields']:,}",
             "" if one["change"] is None else f"{one['change']:+,}")
            for one in found["today"]
        ])  # fmt: skip
        console.show_table(made)
    lines = list(_needs(found["needs"]))
    console.out.print("[bold]Needs attention[/bold]" if lines else "Nothing needs your attention.")
    for line in lines:
        console.out.print(f"  {line}", markup=False)


# The state in JSON -> the word for a person.
_STATES = {"well": "healthy", "new": "no run yet"}


def _needs(needs: dict[str, Any]) -> Any:
    for one in needs["alerts"]:
        if one["kind"] not in ("segment_isolated", "removals_held"):
            yield one["text"]
    for one in needs["removals"]:
        yield f"{one['connector']}: {one['reason']}"
    for one in needs["isolated"]:
        yield f"{one['connector']}: {one['by']}={one['value']} is isolated: {one['why']}"
    if needs["reviews"]:
        yield f"{needs['reviews']:,} replies to review: hygiene feedback reviews"
    for one in needs["failures"]:
        yield (f"{one['records']:,} records in {one['connector']} were not written "
               f"({one['kind'].replace('_', ' ')}): {one['remedy']}")  # fmt: skip
    for one in needs["untold"]:
        yield f"{one['connector']} has not confirmed {one['reports']:,} reports yet"


@click.command(cls=Command, examples=["hygiene spend --days 7"])
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3660),
              help="How many days to look back.")  # fmt: skip
@json_option
def spend(days: int, as_json: bool) -> None:
    """Show what lookups cost, and the budget left.

    By provider and day, with each provider's state.
    """
    from worker.verification import spend_report

    with open_context(read_only=True) as ctx, ctx.store.read() as connection:
        settings = ctx.settings.verification
        found = spend_report.report(connection, ctx.providers, settings, ctx.now(), days)
    if as_json:
        console.print_json(found)
    else:
        show_spend(found)
