"""`hygiene replies`: what this installation learns from decided replies."""

from __future__ import annotations

import click

from worker.cli.base import Group, json_option
from worker.cli.common import open_context
from worker.cli.output import console


@click.group("replies", cls=Group, examples=["hygiene replies learn"])
def replies() -> None:
    """Train how replies are read."""


@replies.command("learn", examples=["hygiene replies learn", "hygiene replies learn --apply"])
@click.option("--apply", "apply", is_flag=True, help="Put what was learned to use.")
@json_option
def replies_learn(apply: bool, as_json: bool) -> None:
    """Train again with what people decided, and show what would change.

    Only which replies go to a person is learned, never what is flagged. Nothing changes without
    --apply. It takes about two minutes.
    """
    from worker.feedback import reply_learning, reply_model

    with open_context(read_only=True) as ctx:
        if unused := reply_model.why_unused(ctx):
            console.info(unused)
        with console.working("training, which takes about two minutes"):
            learned = reply_learning.learn_again(ctx)
        home = ctx.settings.home
    if apply:
        reply_learning.apply(learned, home)
    report = learned.report
    if as_json:
        console.print_json({**report, "applied": apply})
        return
    right = f"{report['routed_right_now']:,} now, {report['routed_right_then']:,} then"
    console.out.print(f"{report['decisions']:,} decided replies; routed rightly: {right}")
    for name, texts in report["examples"].items():
        for text in texts:
            console.out.print(f"{name.replace('_', ' ')}: {text[:120]}", markup=False)
    if lost := report["requests_no_longer_reviewed"]:
        console.error(f"{lost:,} requests would no longer be reviewed")
    console.info("it counts now" if apply else "nothing was changed; to use it, add --apply")
