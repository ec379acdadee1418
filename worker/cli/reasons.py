"""`hygiene crm reasons`: write a CRM's reasons in today's wording and the language that is set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from worker.cli.base import Command, json_option, stoppable
from worker.cli.common import connector_argument, open_context, user_name
from worker.cli.output import console

if TYPE_CHECKING:
    from worker.sync.pages.reword import Rewording


@click.command("reasons", cls=Command, examples=["hygiene crm reasons hubspot --dry-run"])
@connector_argument()
@click.option("--dry-run", is_flag=True, help="Write nothing; say how many would be rewritten.")
@json_option
def crm_reasons(connector: str, dry_run: bool, as_json: bool) -> None:
    """Rewrite the reasons in a CRM.

    They get the language that is set and the wording of this release. A sync rewrites a reason
    only along with something else, so a new language (reason_language) or wording spreads slowly;
    this command does it at once. It looks nothing up, and changes no status and no flag. Reasons
    that people have edited stay. Undo it with: hygiene runs undo RUN
    """
    from worker.access import audit
    from worker.sync.pages import reword

    with open_context(connector) as ctx:
        if not dry_run:
            audit.note(ctx.store, ctx.now(), user_name(), "reasons.rewrite", connector)
        again = f"hygiene crm reasons {connector} (what was already rewritten stays)"
        with stoppable(lambda: f"stopped; to continue: {again}"), console.progress() as bar:
            task = bar.add_task(f"rewriting {connector}", total=reword.count(ctx, connector))
            done = reword.reword(
                ctx, connector, dry_run, user_name(), lambda number: bar.advance(task, number)
            )
    if as_json:
        console.print_json(done.as_json())
    else:
        _show(done, dry_run)
    sys.exit(1 if done.failed else 0)


def _show(done: Rewording, dry_run: bool) -> None:
    verb = "would be rewritten" if dry_run else "rewritten"
    console.out.print(
        f"{done.connector}: {done.rewritten:,} of {done.looked_at:,} reasons {verb} "
        f"(language: {done.language})"
    )
    if done.examples:
        table = console.table("before", "after")
        console.rows(table, [(example["before"], example["after"]) for example in done.examples])
        console.show_table(table)
    if done.edited:
        console.info(f"{done.edited:,} left as people have edited them")
    if done.absent:
        console.info(f"{done.absent:,} not found in {done.connector}; the next sync looks for them")
    if done.unknown:
        console.info(
            f"{done.unknown:,} from an earlier release are not known yet; run first: hygiene sync "
            f"{done.connector} --full"
        )
    for record_id, message in done.failed.items():
        console.error(f"{record_id}: {message}")
    if done.rewritten and not dry_run:
        console.info(f"to undo it: hygiene runs undo {done.run}")
