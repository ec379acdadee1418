"""`hygiene pause` and `hygiene resume`: the switch for everything that writes or sends."""

from __future__ import annotations

import click

from worker.cli.base import Command, json_option
from worker.cli.common import open_context, user_name
from worker.cli.output import console


@click.command(cls=Command, examples=['hygiene pause --reason "wrong list imported"'])
@click.option("--reason", default="", metavar="TEXT", help="Why, for everybody who sees the pause.")
@json_option
def pause(reason: str, as_json: bool) -> None:
    """Pause everything that writes or sends, until you resume it.

    Nothing is written to a CRM, no lookup is paid for, no event, digest or other alert is sent, and
    no run starts. Runs in progress stop after their current page. Reports are still received, and
    count for our own suppressions at once. Dry runs still work.
    """
    from worker.ops.pausing import pause_all

    with open_context() as ctx:
        begun = pause_all(ctx, user_name(), reason)
    if as_json:
        console.print_json({"paused": begun.as_json()})
    else:
        console.out.print(f"{begun.text}; to resume: hygiene resume", soft_wrap=True)


@click.command(cls=Command, examples=["hygiene resume"])
@json_option
def resume(as_json: bool) -> None:
    """Resume what was paused; the workers continue within a minute."""
    from worker.ops.pausing import resume_all

    with open_context() as ctx:
        ended = resume_all(ctx, user_name())
    if as_json:
        console.print_json({"paused": None, "ended": ended.as_json() if ended else None})
    elif ended is None:
        console.info("nothing was paused")
    else:
        console.out.print("resumed; the workers continue with what waited", soft_wrap=True)
