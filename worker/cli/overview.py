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
        figures = all_of_it(ctx)
    if as_json:
        console.print_json(figures)
        return
    table = console.table(
        "~CRM", "state", ">contacts", "!last run", "?changes read to", ">calls, 24 h",
        ">calls left",
    )  # fmt: skip
    console.rows(table, [
        (row["name"], _STATES.get(row["state"], row["state"]), f"{row['contacts'] or 0:,}",
         local_minute(row["run_at"]), local_minute(row["watermark"]), f"{row['calls_today']:,}",
         f"{row['quota']['remaining']:,}" if row["quota"] else "")
        for row in figures["connectors"]
    ])  # fmt: skip
    if figures["connectors"]:
        console.show_table(table)
    else:
        console.info("no CRM is connected yet: see the README, or try: hygiene demo")
    if figures["today"]:
        table = console.table("status", ">phone fields", ">since yesterday")
        console.rows(table, [
            (console.styled(row["status"]), f"{row['fields']:,}",
             "" if row["change"] is None else f"{row['change']:+,}")
            for row in figures["today"]
        ])  # fmt: skip
        console.show_table(table)
    if paused := figures["paused"]:
        why = f": {paused['reason']}" if paused["reason"] else ""
        since = local_minute(paused["since"])
        console.out.print(
            f"Everything is paused since {since} by {paused['by']}{why}; to resume: hygiene resume",
            markup=False,
        )
    lines = list(_needs(figures["needs"]))
    console.out.print("[bold]Needs attention[/bold]" if lines else "Nothing needs your attention.")
    for line in lines:
        console.out.print(f"  {line}", markup=False)


# The state in JSON -> the word for a person.
_STATES = {"well": "healthy", "new": "no run yet"}


def _needs(needs: dict[str, Any]) -> Any:
    for alert in needs["alerts"]:
        if alert["kind"] not in ("segment_isolated", "removals_held"):
            yield alert["text"]
    for removal in needs["removals"]:
        yield f"{removal['connector']}: {removal['reason']}"
    for row in needs["isolated"]:
        yield f"{row['connector']}: {row['by']}={row['value']} is isolated: {row['why']}"
    if needs["reviews"]:
        yield f"{needs['reviews']:,} replies to review: hygiene feedback reviews"
    for failure in needs["failures"]:
        yield (f"{failure['records']:,} records in {failure['connector']} were not written "
               f"({failure['kind'].replace('_', ' ')}): {failure['remedy']}")  # fmt: skip
    for row in needs["backfills"]:
        yield (f"{row['endpoint']} was never given the {row['suppressions']:,} suppressions that "
               "stood when it was added: "
               f"hygiene endpoints backfill {row['endpoint']}")  # fmt: skip
    for row in needs["untold"]:
        yield f"{row['connector']} has not confirmed {row['reports']:,} reports yet"
    for row in needs["former"]:
        name = row["connector"]
        yield (f"{name} is not connected, but we keep records or segments of it; if it is gone "
               f"for good: hygiene crm drop-records {name} --dry-run")  # fmt: skip


@click.command(cls=Command, examples=["hygiene spend --days 7"])
@click.option("--days", default=30, show_default=True, metavar="N", type=click.IntRange(1, 3660),
              help="How many days to look back.")  # fmt: skip
@json_option
def spend(days: int, as_json: bool) -> None:
    """Show what lookups cost, and the budget left.

    By provider and day, with each provider's state.
    """
    from worker.verification import spend_report

    with open_context(read_only=True) as ctx, ctx.store.read() as connection:
        settings = ctx.settings.verification
        report = spend_report.report(connection, ctx.providers, settings, ctx.now(), days)
    if as_json:
        console.print_json(report)
    else:
        show_spend(report)
