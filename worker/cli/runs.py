"""`hygiene runs`: list, show, pause, resume, cancel and undo runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

import connectors
from config import stopping
from worker.cli.base import Group, json_option, stoppable
from worker.cli.choices import RunId
from worker.cli.common import open_context, user_name
from worker.cli.output import console
from worker.cli.output.runs import show_run, show_undone
from worker.cli.output.times import local_minute
from worker.cli.run_execution import execute_runs, has_failures, how_to_continue

if TYPE_CHECKING:
    from worker.context import Context


@click.group("runs", cls=Group, examples=["hygiene runs list"])
def runs_group() -> None:
    """List, show, pause, resume, cancel and undo runs."""


@runs_group.command("list", examples=["hygiene runs list --limit 5"])
@click.option("--limit", default=20, show_default=True, metavar="N", type=click.IntRange(1, 1000),
              help="How many runs to list.")  # fmt: skip
@click.option("--reports", is_flag=True, help="Include runs that deliver reports to a CRM.")
@json_option
def runs_list(limit: int, reports: bool, as_json: bool) -> None:
    """List the latest runs, newest first."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting

    with open_context(read_only=True) as ctx:
        recent = runs.recent(ctx, limit, reports=reports)
        results = [reporting.result(ctx, run.id) for run in recent]
    if as_json:
        console.print_json(results)
        return
    if not results:
        console.info("no runs yet; start one with: hygiene sync")
        return
    table = console.table(
        "!run", "connector", "~scope", "state", "?began", ">?read", ">changed", ">failed", ">?s",
    )  # fmt: skip
    console.rows(
        table,
        [
            (
                row["run"], row["connector"], row["scope"] + (" (dry)" if row["dry_run"] else ""),
                console.styled(row["outcome"]), local_minute(run.opened_at),
                f"{row['contacts']['read']:,}",
                f"{row['contacts']['changed']:,}", f"{row['contacts']['failed']:,}",
                f"{row['seconds']:.1f}",
            )
            for run, row in zip(recent, results, strict=True)
        ],
    )  # fmt: skip
    console.show_table(table)


@runs_group.command("show", examples=["hygiene runs show 20261128-064029-81e5c2"])
@click.argument("run", metavar="RUN", type=RunId())
@click.option("--writes", "most", default=10, show_default=True, metavar="N",
              type=click.IntRange(0),
              help="How many writes to list, with the values before and after.")  # fmt: skip
@json_option
def runs_show(run: str, most: int, as_json: bool) -> None:
    """Show what a run did: counts, failures by kind, and writes."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting

    with open_context(read_only=True) as ctx:
        report = reporting.run_report(ctx, runs.load(ctx, run).id, most)
        currency = ctx.settings.verification.budget.currency
    if as_json:
        console.print_json(report)
    else:
        show_run(report, currency)
    sys.exit(1 if has_failures(report) and report["state"] != "running" else 0)


@runs_group.command("resume", examples=["hygiene runs resume 20261128-064029-81e5c2"])
@click.argument("run", metavar="RUN", type=RunId())
@click.option("--queue", is_flag=True, help="Let the workers do it, and follow their progress.")
@json_option
def runs_resume(run: str, queue: bool, as_json: bool) -> None:
    """Continue a run that was paused, failed or lost its worker.

    It continues where it stopped.
    """
    from worker.sync.runs import lifecycle as runs

    with open_context() as ctx:
        standing = runs.load(ctx, run)
        connectors.check(standing.connector, ctx.settings)
        if standing.kind == "undo" and not queue:
            _execute_undo(ctx, lambda: runs.resume(ctx, standing.id).id, standing.dry_run, as_json)
        execute_runs(
            ctx,
            [standing.connector],
            lambda own, _name: runs.resume(own, standing.id).id,
            queue,
            as_json,
        )


@runs_group.command("pause", examples=["hygiene runs pause 20261128-064029-81e5c2"])
@click.argument("run", metavar="RUN", type=RunId())
@json_option
def runs_pause(run: str, as_json: bool) -> None:
    """Pause a run after the pages in progress.

    Continue it with `hygiene runs resume`.
    """
    from worker.access import audit
    from worker.sync.runs import control

    with open_context() as ctx:
        moved = control.pause(ctx, run, user_name()).id
        audit.note(ctx.store, ctx.now(), user_name(), "run.pause", moved)
    _print_state(moved, "paused", as_json)


@runs_group.command("cancel", examples=["hygiene runs cancel 20261128-064029-81e5c2"])
@click.argument("run", metavar="RUN", type=RunId())
@json_option
def runs_cancel(run: str, as_json: bool) -> None:
    """End a run where it is; its writes stay and can be undone."""
    from worker.access import audit
    from worker.sync.runs import control

    with open_context() as ctx:
        moved = control.cancel(ctx, run, user_name()).id
        audit.note(ctx.store, ctx.now(), user_name(), "run.cancel", moved)
    _print_state(moved, "cancelled", as_json)


def _print_state(run_id: str, state: str, as_json: bool) -> None:
    if as_json:
        console.print_json({"run": run_id, "state": state})
    else:
        console.out.print(f"run {run_id} is {state}")


@runs_group.command("undo", examples=["hygiene runs undo 20261128-064029-81e5c2 --dry-run"])
@click.argument("run", metavar="RUN", type=RunId())
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="Only the record with this id; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be restored.")
@json_option
def runs_undo(run: str, ids: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Undo a run's writes, field by field. Fields that somebody has changed since are kept, and
    so are fields that an active report requires (a STOP, a wrong number, an imported list)."""
    from worker.access import audit
    from worker.sync.runs import lifecycle as runs
    from worker.sync.undo import undo as undoing

    with open_context() as ctx:
        standing = runs.load(ctx, run)
        connectors.check(standing.connector, ctx.settings)
        if not dry_run:
            target = " ".join([standing.id, *ids])
            audit.note(ctx.store, ctx.now(), user_name(), "run.undo", target)
        _execute_undo(
            ctx, lambda: undoing.begin(ctx, standing.id, dry_run, user_name(), only=ids),
            dry_run, as_json,
        )  # fmt: skip


def _execute_undo(ctx: Context, begin: Callable[[], str], dry_run: bool, as_json: bool) -> None:
    """Carry out an undo and show the result."""
    from worker.sync.runs import lifecycle as runs
    from worker.sync.runs import report as reporting
    from worker.sync.runs.scope import undo_target
    from worker.sync.undo import undo as undoing

    begun: list[str] = []
    with stoppable(lambda: how_to_continue(ctx, begun, False)), console.progress() as bar:
        begun.append(begin())
        of, only = undo_target(runs.load(ctx, begun[0]).scope)
        total = len(only) or reporting.totals(ctx, of).written
        task = bar.add_task(f"undoing {of}", total=total)
        try:
            done = undoing.execute(ctx, begun[0], lambda number: bar.advance(task, number))
        except stopping.Stopped:
            runs.stop(ctx, begun[0])
            raise
    if as_json:
        console.print_json(done.as_json())
    else:
        show_undone(done, dry_run)
    sys.exit(1 if done.failed or done.not_visible else 0)
