"""`hygiene digest`: what happened in a week."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from worker.cli.base import Command, json_option
from worker.cli.common import open_context
from worker.cli.output import console

if TYPE_CHECKING:
    from worker.alerts.message import Message
    from worker.alerts.weeks import Week
    from worker.context import Context


@click.command(cls=Command, examples=["hygiene digest", "hygiene digest --week 2026-W47 --json"])
@click.option(
    "--week",
    "text",
    metavar="WEEK",
    default="",
    help="An ISO week such as 2026-W47; by default the last one that is over.",
)
@click.option("--send", is_flag=True, help="Also send it to the channels that have not had it.")
@json_option
def digest(text: str, send: bool, as_json: bool) -> None:
    """Show what changed in a week, and what it cost.

    Also what went bad, and what needs a person. Beat sends it once a week.
    """
    from worker.alerts import weeks
    from worker.alerts.formats.plain import plain
    from worker.queries.digest import weekly
    from worker.queries.digest_message import compose
    from worker.segments import counters
    from worker.store import pause

    try:
        asked = weeks.parse(text) if text else None
    except ValueError as error:
        raise click.UsageError(f"--week: {error}") from None
    with open_context(read_only=not send) as ctx:
        if send:
            pause.check(ctx.store)
        counters.count_if_needed(ctx)
        week = asked or weeks.last_whole(ctx.now(), ctx.settings.alerts.digest.tz)
        try:
            figures = weekly(ctx, week)
        except ValueError as error:
            raise click.UsageError(f"--week: {error}") from None
        message = compose(figures, ctx.settings)
        if as_json:
            console.print_json(figures.as_json())
        else:
            console.out.print(f"{message.title}\n\n{plain(message)}", markup=False, end="")
        if send and not _send(ctx, week, message):
            sys.exit(1)


def _send(ctx: Context, week: Week, message: Message) -> bool:
    """Send the digest, and say on stderr to whom; whether every channel has it."""
    from worker.alerts import digest as sending
    from worker.alerts.channels import digest_route

    channels = digest_route(ctx.settings)
    if not channels:
        raise click.UsageError(
            "--send: the digest goes nowhere; set alerts.digest.channels, or SMTP_URL and "
            "alerts.email_to (and leave alerts.digest.enabled on)"
        )
    before = sending.had_it(ctx, week, channels)
    deliveries = sending.send(ctx, message, week, channels)
    for channel, delivery in deliveries.items():
        if channel in before:
            console.info(f"{channel} has had {week} before; it was not sent again")
        elif delivery.sent:
            console.info(f"sent to {channel}")
        else:
            console.error(delivery.error or f"{channel} is left alone for now; it comes later")
    return all(delivery.sent for delivery in deliveries.values())
