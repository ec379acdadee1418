"""`hygiene` commands about sources, campaigns and lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.segment_keys import SEGMENTS
from worker.cli.base import Group, json_option
from worker.cli.choices import Choice, Segment
from worker.cli.common import connector_argument, open_context, user_name
from worker.cli.lists import FILE, layout_options
from worker.cli.output import console
from worker.cli.output.times import local_day

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout
    from worker.segments import isolation as isolate


@click.group(
    "segments",
    cls=Group,
    invoke_without_command=True,
    examples=["hygiene segments --by campaign --limit 10"],
)
@click.option("--by", default="source", show_default=True, type=Choice(SEGMENTS),
              help="What to group contacts by.")  # fmt: skip
@click.option("--limit", default=50, show_default=True, metavar="N",
              type=click.IntRange(1, 100_000), help="How many segments to list.")  # fmt: skip
@json_option
@click.pass_context
def segments(click_ctx: click.Context, by: Any, limit: int, as_json: bool) -> None:
    """Show the share of bad numbers, worst segments first.

    By source, campaign, list, country or month.
    """
    if click_ctx.invoked_subcommand is not None:
        return
    from worker.segments import counters as counting
    from worker.segments import queries as listing

    with open_context(read_only=True) as ctx:
        counting.count_if_needed(ctx)
        listed = listing.list_segments(ctx, by, limit)
    if as_json:
        console.print_json(listed)
        return
    if not listed:
        console.info(f"no contact has a {by} yet; run a sync first")
        return
    table = console.table(
        f"~{by}", "connector", ">contacts", ">fields", ">bad", ">share", ">?95% interval",
        ">opt-outs", ">?complaints", "",
    )  # fmt: skip
    console.rows(table, [
        (row["value"], row["connector"], f"{row['contacts']:,}", f"{row['numbers']:,}",
         f"{row['bad']:,}", f"{row['rate']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}",
         f"{row['reports'].get('opt_out', 0):,}", f"{row['reports'].get('complaint', 0):,}",
         "isolated" if row["isolated"] else "")
        for row in listed
    ])  # fmt: skip
    console.show_table(table)


@segments.command("isolated", examples=["hygiene segments isolated"])
@json_option
def isolated(as_json: bool) -> None:
    """List isolated segments.

    Shows their share of bad numbers before and after the audit.
    """
    from worker.segments import isolation as isolate

    with open_context(read_only=True) as ctx:
        isolations = [isolation.as_json() for isolation in isolate.history(ctx)]
    if as_json:
        console.print_json(isolations)
    elif not isolations:
        console.info("no segment has been isolated yet")
    else:
        table = console.table(
            ">id", "connector", "segment", "since", "~why", ">bad before", ">bad after", "?",
        )  # fmt: skip
        console.rows(table, [
            (str(row["id"]), row["connector"], f"{row['by']}={row['value']}",
             local_day(row["since"]), row["why"], _share(row["before"]), _share(row["after"]),
             f"released {local_day(row['released_at'])}" if row["released_at"] else "")
            for row in isolations
        ])  # fmt: skip
        console.show_table(table)


def _share(counts: dict[str, Any] | None) -> str:
    if not counts or not counts["numbers"]:
        return ""
    return f"{counts['bad'] / counts['numbers']:.1%}"


@segments.command(
    "isolate",
    examples=['hygiene segments isolate salesforce "source=Purchased List" --reason "bought"'],
)
@connector_argument()
@click.argument("segment", metavar="KEY=VALUE", type=Segment(SEGMENTS))
@click.option("--reason", required=True, help="The reason, which is kept.")
@json_option
def isolate_one(connector: str, segment: str, reason: str, as_json: bool) -> None:
    """Isolate a segment by hand; the workers audit it."""
    from worker.segments import isolation as isolate
    from worker.segments.isolation import NoSuchSegmentError

    key, _, value = segment.partition("=")
    with open_context() as ctx:
        try:
            isolation = isolate.isolate(ctx, connector, key, value, reason, who=user_name())
        except NoSuchSegmentError as error:
            raise click.UsageError(str(error)) from None
    if isolation is None:
        console.error(f"{segment} is already isolated")
        sys.exit(1)
    _show(isolation, as_json, "isolated")


@segments.command("release", examples=['hygiene segments release 3 --reason "list was cleaned"'])
@click.argument("isolation", metavar="ID", type=int)
@click.option("--reason", required=True, help="The reason, which is kept.")
@json_option
def release(isolation: int, reason: str, as_json: bool) -> None:
    """Release an isolated segment."""
    from worker.segments import isolation as isolate
    from worker.segments.isolation import NoSuchSegmentError

    with open_context() as ctx:
        try:
            released = isolate.release(ctx, isolation, user_name(), reason)
        except NoSuchSegmentError as error:
            raise click.UsageError(str(error)) from None
    _show(released, as_json, "released")


def _show(isolation: isolate.Isolation, as_json: bool, what: str) -> None:
    if as_json:
        console.print_json(isolation.as_json())
    else:
        console.out.print(f"{isolation.connector} {isolation.name} is {what}")


@segments.command("shared", examples=["hygiene segments shared"])
@click.option("--limit", default=50, show_default=True, metavar="N", type=click.IntRange(1, 1000),
              help="How many numbers to list.")  # fmt: skip
@json_option
def shared(limit: int, as_json: bool) -> None:
    """List numbers that many contacts share.

    For example placeholders and switchboards.
    """
    from worker.segments import counters as counting
    from worker.segments import queries as listing

    with open_context(read_only=True) as ctx:
        counting.count_if_needed(ctx)
        numbers = listing.list_shared_numbers(ctx, limit)
    if as_json:
        console.print_json(numbers)
    elif not numbers:
        console.info("no number is shared by suspiciously many contacts")
    else:
        table = console.table("number", ">contacts", ">people")
        console.rows(table, [(row["number"], f"{row['holders']:,}", f"{row['persons']:,}")
                            for row in numbers])  # fmt: skip
        console.show_table(table)


@segments.command("outcomes", examples=["hygiene segments outcomes campaigns.csv"])
@click.argument("file", metavar="FILE.csv", type=FILE)
@layout_options
@json_option
def import_outcomes(file: Path, layout: Layout, as_json: bool) -> None:
    """Import the outcomes of campaigns from a CSV file.

    Its columns: campaign, day, sent, delivered, undelivered, replies.
    """
    from connectors.csv_list.errors import ListError
    from worker.segments import campaign_outcomes

    with open_context() as ctx:
        try:
            kept = campaign_outcomes.keep(
                ctx, campaign_outcomes.from_file(file, layout, console.info)
            )
        except campaign_outcomes.OutcomeError as error:
            raise ListError(f"{file}: {error}; nothing was imported") from error
    if as_json:
        console.print_json({"kept": kept})
    else:
        console.out.print(f"{kept:,} days of campaigns stored")


@segments.command(
    "remove-outcomes", examples=['hygiene segments remove-outcomes "Spring" --reason "test"']
)
@click.argument("campaign", metavar="CAMPAIGN")
@click.option("--reason", required=True, help="The reason, which is kept.")
@json_option
def remove_outcomes(campaign: str, reason: str, as_json: bool) -> None:
    """Remove the outcomes that were imported of a campaign."""
    from worker.access import audit
    from worker.segments import campaign_outcomes

    with open_context() as ctx:
        try:
            removed = campaign_outcomes.remove(ctx, campaign)
        except campaign_outcomes.OutcomeError as error:
            raise click.UsageError(str(error)) from None
        audit.note(ctx.store, ctx.now(), user_name(), "campaign.remove_outcomes", campaign, reason)
    if as_json:
        console.print_json({"removed": removed})
    else:
        console.out.print(f"{removed:,} days of {campaign} removed")
