"""`hygiene feedback`: import reports, decide what replies mean, list call outcomes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config import stopping
from worker.cli.base import Group, json_option, stoppable
from worker.cli.choices import Choice
from worker.cli.common import open_context, user_name
from worker.cli.lists import FILE, layout_options, show_refused
from worker.cli.output import console
from worker.cli.output.times import local_day
from worker.cli.propagation import later_option, propagate_now
from worker.feedback.models import REPORT_COLUMNS, ReviewDecision

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout


@click.group("feedback", cls=Group, examples=["hygiene feedback reviews"])
def feedback() -> None:
    """Import reports, and decide what unclear replies mean."""


@feedback.command(
    "import", examples=["hygiene feedback import reports.csv --column number=Phone --kind opt_out"]
)
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS",
              help=f"Map a column; OURS is one of: {', '.join(REPORT_COLUMNS)}.")  # fmt: skip
@click.option(
    "--kind", default="", metavar="KIND", help="Kind of all rows: opt_out, wrong_number, ..."
)
@click.option("--source", default="", metavar="TEXT", help="Source of all rows.")
@click.option(
    "--country", default="", help="Country of numbers without a country code, such as US."
)
@click.option("--refused", default=None, type=click.Path(path_type=Path), metavar="OUT.csv",
              help="Write refused rows to this file, with the reason.")  # fmt: skip
@layout_options
@later_option
@json_option
def feedback_import(  # a parameter for each of its options
    file: Path, columns: tuple[str, ...], kind: str, source: str, country: str,
    refused: Path | None, layout: Layout, later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import reports from a CSV file.

    A row that is imported twice counts once. The whole import can be undone:
    hygiene suppressions undo-import ID.
    """
    from worker.feedback import intake as receive
    from worker.feedback.sources import files as lists
    from worker.feedback.sources import submitted_reports
    from worker.feedback.sources.submitted_reports import InvalidReportError
    from worker.phones import region_of
    from worker.suppression import import_batches, undo_action

    mapping = dict(_pair(text) for text in columns)
    fixed = {name: value for name, value in (("kind", kind), ("source", source)) if value}
    region = region_of(country) if country else None
    stored = known = 0
    mark = undo_action.new_mark()
    again = (
        f"stopped: {file.name} was not read to its end; run the command again (reports that are "
        "already in count only once), or undo what was read: hygiene suppressions undo-import "
        f"{mark} --reason ..."
    )
    with (
        open_context() as ctx,
        lists.open_refusals(refused) as bad,
        stoppable(lambda: again),
        console.working(f"importing {file.name}"),
    ):
        batch: list[Any] = []
        import_batches.begin(ctx, mark, "reports", file.name, user_name())

        def keep() -> tuple[int, int]:
            new = receive.store_reports(ctx, batch, mark)
            old = len(batch) - new
            batch.clear()
            import_batches.count(ctx, mark, stored + new)
            return new, old

        for line, raw, report in lists.read_reports(file, mapping, fixed, bad, layout):
            if submitted_reports.must_flush_before(report, batch):
                new, old = keep()
                stored, known = stored + new, known + old
            try:
                batch += submitted_reports.to_feedback(ctx, report, region)
            except InvalidReportError as error:
                bad.add(line, raw, str(error))
            if len(batch) >= 400:
                new, old = keep()
                stored, known = stored + new, known + old
                stopping.check()
        new, old = keep()
        stored, known = stored + new, known + old
        propagated = {} if later else propagate_now(ctx)
    for doubt in bad.notes:
        console.info(doubt)
    if as_json:
        result = {"import": mark, "stored": stored, "known": known, "refused": bad.count}
        console.print_json({**result, **propagated})
    else:
        console.out.print(f"{stored:,} stored, {known:,} already known, {bad.count:,} refused")
        show_refused(bad)
        console.info(f"to undo the whole import: hygiene suppressions undo-import {mark}")
    sys.exit(1 if bad.count else 0)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or ours not in REPORT_COLUMNS:
        raise click.UsageError(
            f"--column: write OURS=THEIRS, where OURS is one of {', '.join(REPORT_COLUMNS)}"
        )
    return ours, theirs


@feedback.command("reviews", examples=["hygiene feedback reviews"])
@json_option
def feedback_reviews(as_json: bool) -> None:
    """List replies that a person must review."""
    from worker.feedback import review_queue

    with open_context(read_only=True) as ctx:
        waiting = review_queue.open_reviews(ctx)
    if as_json:
        console.print_json(waiting)
    elif not waiting:
        console.info("no replies to review")
    else:
        table = console.table(">id", "~reply", "suggestion", "?because of", ">likely", "honour by")
        console.rows(table, [
            (str(review["id"]), review["text"], (review["suggestion"] or "").replace("_", " "),
             review["evidence"], f"{review['likelihood']}%", review["honour_by"])
            for review in waiting
        ])  # fmt: skip
        console.show_table(table)
        console.info("decide what replies mean: hygiene feedback decide ID... MEANING")


@feedback.command("decide", examples=["hygiene feedback decide 12 13 opt_out"])
@click.argument("review_ids", metavar="ID...", type=int, nargs=-1, required=True)
@click.argument(
    "meaning", metavar="MEANING", type=Choice([decision.value for decision in ReviewDecision])
)
@later_option
def feedback_decide(review_ids: tuple[int, ...], meaning: str, later: bool) -> None:
    """Decide what replies mean.

    MEANING holds for all of them, and is one of: opt_out, opt_in, wrong_number, complaint,
    corrected, confirmed, nothing.
    """
    from worker.feedback import review_queue

    with open_context() as ctx:
        decided = review_queue.resolve_reviews(ctx, review_ids, ReviewDecision(meaning), "admin")
        if decided and not later:
            propagate_now(ctx)
    for review_id in decided:
        console.info(f"{review_id}: {meaning.replace('_', ' ')}")
    _complain_about_others(review_ids, decided, "to review; see: hygiene feedback reviews")


@feedback.command("undo", examples=["hygiene feedback undo 12"])
@click.argument("review_ids", metavar="ID...", type=int, nargs=-1, required=True)
@later_option
def feedback_undo(review_ids: tuple[int, ...], later: bool) -> None:
    """Put decided replies back into the queue.

    Makes nobody contactable: an opt-out or wrong number that was decided stands until it is lifted
    (hygiene suppressions lift), and an opt-in is answered by an opt-out.
    """
    from worker.feedback import review_queue

    with open_context() as ctx:
        reopened = review_queue.undo_reviews(ctx, review_ids, "admin")
        if reopened and not later:
            propagate_now(ctx)
    for review_id in reopened:
        console.info(f"{review_id}: waits for review again")
    _complain_about_others(review_ids, reopened, "that was decided and still has its text")


def _complain_about_others(asked: tuple[int, ...], done: list[int], which: str) -> None:
    others = [review_id for review_id in dict.fromkeys(asked) if review_id not in done]
    if others and not done:
        named = ", ".join(map(str, others))
        raise click.UsageError(f"there is no reply {named} {which}")
    for other in others:
        console.error(f"there is no reply {other} {which}")
    if others:
        sys.exit(1)


def _unknown(suggested: str) -> str:
    return f"nothing yet; maybe {suggested.replace('_', ' ')}" if suggested else "nothing yet"


@feedback.command("outcomes", examples=["hygiene feedback outcomes --all"])
@click.option("--all", "everything", is_flag=True, help="Include outcomes that have a meaning.")
@json_option
def feedback_outcomes(everything: bool, as_json: bool) -> None:
    """List call outcomes without a meaning.

    Give them one in feedback.dispositions. Once an outcome has a meaning, earlier calls with it
    count too.
    """
    from worker.feedback.sources import call_outcomes

    with open_context(read_only=True) as ctx:
        dispositions = ctx.settings.feedback.dispositions
        with ctx.store.read() as connection:
            outcomes = call_outcomes.load(connection)
            problems = {
                name: problem
                for name in ctx.settings.active_connectors
                if (problem := call_outcomes.load_problem(connection, name))
            }
    shown = [
        (outcome, ", ".join(meanings))
        for outcome in outcomes
        if outcome.calls
        and (not (meanings := outcome.meanings(dispositions)) or everything)
        and outcome.connector in ctx.settings.active_connectors
    ]
    if as_json:
        console.print_json([
            {"connector": row.connector, "outcome": row.outcome, "name": row.name or None,
             "meaning": meaning or None, "calls": row.calls,
             "suggested": row.suggested(dispositions) or None,
             "first_at": row.first_at.isoformat(), "last_at": row.last_at.isoformat()}
            for row, meaning in shown
        ])  # fmt: skip
        return
    if shown:
        table = console.table("CRM", "~outcome", ">calls", "last", "means")
        console.rows(table, [
            (row.connector, row.name or f"{row.outcome} (unknown name)", f"{row.calls:,}",
             local_day(row.last_at),
             meaning.replace("_", " ") or _unknown(row.suggested(dispositions)))
            for row, meaning in shown
        ])  # fmt: skip
        console.show_table(table)
        console.info("give an outcome a meaning, by its name or id, in [feedback.dispositions]")
    else:
        console.info("every outcome seen so far has a meaning")
    for name, problem in problems.items():
        console.info(f"{name}: could not read the names of outcomes: {problem}")
