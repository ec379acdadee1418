"""`hygiene suppressions`: list, add, lift, import and export suppressions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli.base import Group, json_option
from worker.cli.choices import Choice
from worker.cli.common import contact_argument, number_argument, open_context, user_name
from worker.cli.lists import FILE, layout_options, show_refused
from worker.cli.output import console
from worker.cli.output.times import local_day, local_minute
from worker.cli.propagation import later_option, propagate_now
from worker.feedback.models import SuppressionReason

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout
    from worker.suppression import suppressions as suppress


_REASONS = [reason.value for reason in SuppressionReason]


_CHANNELS = Choice(["call", "text"])


@click.group("suppressions", cls=Group, examples=["hygiene suppressions list"])
def suppressions() -> None:
    """List, add, lift, import and export suppressions.

    A suppression says who must not be contacted, and why.
    """


@suppressions.command("list", examples=["hygiene suppressions list --reason opt_out"])
@click.option("--number", default=None, metavar="E164", help="Only this number.")
@click.option("--reason", default=None, type=Choice(_REASONS),
              help="Only suppressions for this reason.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Include lifted suppressions.")
@click.option("--limit", default=100, show_default=True, metavar="N",
              type=click.IntRange(1, 100_000), help="How many suppressions to list.")  # fmt: skip
@json_option
def suppressions_list(
    number: str | None, reason: str | None, everything: bool, limit: int, as_json: bool
) -> None:
    """List active suppressions, oldest first."""
    from worker.suppression import suppressions as suppress

    with open_context(read_only=True) as ctx:
        e164 = number_argument(number, "--number") if number else None
        active = None if everything else True
        listed = suppress.list_suppressions(ctx, e164, active, reason, limit=limit)
    if as_json:
        console.print_json([suppression.as_json() for suppression in listed])
    elif not listed:
        console.info("nothing is suppressed" if not (number or reason) else "no such suppression")
    else:
        table = console.table(">id", "number", "channels", "why", "~evidence", "since", "?lifted")
        console.rows(table, [
            (str(row.id), row.as_json()["number"] or "(erased)", row.channels, row.reason,
             row.evidence, local_day(row.since),
             f"{local_day(row.lifted_at)} by {row.lifted_by}" if row.lifted_at else "")
            for row in listed
        ])  # fmt: skip
        console.show_table(table)


@suppressions.command(
    "add", examples=['hygiene suppressions add +14155550123 --evidence "asked by letter"']
)
@click.argument("number", metavar="NUMBER")
@click.option("--reason", default="opt_out", show_default=True,
              type=Choice(["opt_out", "wrong_number", "complaint"]),
              help="Why the number must not be contacted.")  # fmt: skip
@click.option("--channel", "channels", multiple=True, type=_CHANNELS,
              help="Only this channel; both by default.")  # fmt: skip
@click.option("--evidence", default="added by an admin", show_default=True, metavar="TEXT",
              help="How you know this; compliance will ask for it.")  # fmt: skip
@click.option("--contact", default=None, metavar="CONNECTOR:ID",
              help="Only for this person; by default for everybody with the number.")  # fmt: skip
@later_option
@json_option
def suppressions_add(
    number: str, reason: Any, channels: tuple[str, ...], evidence: str, contact: str | None,
    later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Suppress a number in every CRM."""
    from worker.feedback import intake as receive
    from worker.suppression import suppressions as suppress

    e164 = number_argument(number, "NUMBER")
    with open_context() as ctx:
        who = receive.find_identity(ctx, *contact_argument(ctx, contact)) if contact else None
        chosen = " ".join(sorted(channels))
        added = suppress.add(ctx, e164, reason, chosen, evidence, "admin", who)
        propagated = {} if later else propagate_now(ctx)
    _show_change(added, propagated, as_json, "suppressed")


@suppressions.command(
    "lift", examples=['hygiene suppressions lift 17 --reason "opted in again by email"']
)
@click.argument("suppression", metavar="ID", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="The reason, which is kept.")
@later_option
@json_option
def suppressions_lift(suppression: int, reason: str, later: bool, as_json: bool) -> None:
    """Lift a suppression in every CRM, with a reason."""
    from worker.suppression import suppressions as suppress

    if len(reason.strip()) < 3:
        raise click.UsageError("--reason: give a reason of at least three characters")
    with open_context() as ctx:
        try:
            lifted = suppress.lift(ctx, suppression, "admin", reason.strip())
        except suppress.NoSuchSuppressionError as error:
            raise click.UsageError(str(error)) from None
        propagated = {} if later else propagate_now(ctx)
    _show_change(lifted, propagated, as_json, "lifted")


@suppressions.command(
    "import", examples=["hygiene suppressions import do-not-call.csv --column phone --country US"]
)
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--name", default="", metavar="NAME", help="The name of the list; by default the "
              "name of the file. Importing it again adds only new entries.")  # fmt: skip
@click.option(
    "--column",
    default="",
    metavar="NAME",
    help="Name or position of the column that holds the numbers.",
)
@click.option(
    "--country", default="", help="Country of numbers without a country code, such as US."
)
@click.option("--channel", "channels", multiple=True, type=_CHANNELS,
              help="Only this channel; both by default.")  # fmt: skip
@click.option("--refused", default=None, type=click.Path(path_type=Path), metavar="OUT.csv",
              help="Write refused rows to this file, with the reason.")  # fmt: skip
@layout_options
@later_option
@json_option
def suppressions_import(  # a parameter for each of its options
    file: Path, name: str, column: str, country: str, channels: tuple[str, ...],
    refused: Path | None, layout: Layout, later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import a do-not-contact list.

    One number per line, or a table. Millions of rows are fine.
    """
    from worker.feedback.sources import files as lists
    from worker.suppression import imported_lists

    with open_context() as ctx, lists.open_refusals(refused) as bad:
        with console.progress() as bar:
            task = bar.add_task(f"importing {file.name}", total=file.stat().st_size)
            numbers = lists.read_numbers(
                file, column, country, bad, lambda size: bar.advance(task, size), layout
            )
            chosen = " ".join(sorted(channels)) or "call text"
            done = imported_lists.import_list(
                ctx, numbers, name or file.stem, chosen, by=user_name()
            )
        propagated = {} if later else propagate_now(ctx)
    result = {
        "import": done.batch, "added": done.added, "known": done.known, "refused": bad.count,
        "held": done.held, **propagated,
    }  # fmt: skip
    for doubt in bad.notes:
        console.info(doubt)
    if as_json:
        console.print_json(result)
    else:
        console.out.print(
            f"{done.added:,} added, {done.known:,} already on the list, {bad.count:,} refused; "
            f"{done.held:,} of the new numbers belong to contacts"
        )
        show_refused(bad)
        console.info(f"to undo the whole import: hygiene suppressions undo-import {done.batch}")
    sys.exit(1 if bad.count else 0)


@suppressions.command("imports", examples=["hygiene suppressions imports"])
@json_option
def suppressions_imports(as_json: bool) -> None:
    """List what was imported or taken over, latest first.

    That is lists, opt-outs that a CRM held, and files of reports.
    """
    from worker.suppression import import_batches

    with open_context(read_only=True) as ctx:
        listed = import_batches.list_imports(ctx)
    if as_json:
        console.print_json([batch.as_json() for batch in listed])
    elif not listed:
        console.info("nothing was imported")
    else:
        table = console.table("id", "what", "name", ">stored", "at", "~by", "?undone")
        console.rows(table, [
            (row.id, row.kind.replace("_", " "), row.name, f"{row.stored:,}", local_minute(row.at),
             row.by, local_minute(row.undone_at) if row.undone_at else "")
            for row in listed
        ])  # fmt: skip
        console.show_table(table)


@suppressions.command(
    "undo-import", examples=['hygiene suppressions undo-import 4f1c --reason "the wrong list"']
)
@click.argument("batch", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the audit log.")
@later_option
@json_option
def suppressions_undo_import(batch: str, reason: str, later: bool, as_json: bool) -> None:
    """Undo one import as a whole.

    Undoing a list lifts only its own entries, and nothing for people who are suppressed for another
    reason too. Undoing a file of reports takes back those that nobody else has sent as well.
    """
    from worker.suppression import import_batches

    with open_context() as ctx:
        done = import_batches.undo(ctx, batch, user_name(), reason)
        propagated = {} if later else propagate_now(ctx)
    if as_json:
        console.print_json({**done.as_json(), **propagated})
        return
    lifted = "taken back" if done.kind == "reports" else "lifted"
    console.out.print(
        f"{done.lifted:,} {lifted}, {done.kept:,} kept because other reports still apply"
    )


@suppressions.command(
    "export", examples=["hygiene suppressions export --channel call -o do-not-call.csv"]
)
@click.option("-o", "--output", "target", default=None, type=click.Path(path_type=Path),
              metavar="OUT.csv", help="Standard output by default.")  # fmt: skip
@click.option("--channel", default=None, type=_CHANNELS, help="Only suppressions of this channel.")
def suppressions_export(target: Path | None, channel: str | None) -> None:
    """Export active suppressions as CSV, for other tools."""
    from connectors.csv_list.errors import ListError
    from worker.suppression import suppressions as suppress

    with open_context() as ctx:
        if target is None:
            for line in suppress.export_csv(ctx, channel):
                click.echo(line, nl=False)
            return
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.writelines(suppress.export_csv(ctx, channel))
            part.replace(target)
        except OSError as error:
            raise ListError(f"{target} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
    console.info(f"written to {target}")


@suppressions.command("changes", examples=["hygiene suppressions changes --since 4711 --json"])
@click.option("--since", "cursor", default="", metavar="CURSOR",
              help="Only changes after this one; by default from the oldest kept.")  # fmt: skip
@click.option("--limit", default=100, show_default=True, metavar="N",
              type=click.IntRange(1, 100_000), help="How many changes to list.")  # fmt: skip
@json_option
def suppressions_changes(cursor: str, limit: int, as_json: bool) -> None:
    """List changes of suppressions, oldest first.

    The last line says how to continue from there. Changes are kept for at least a year.
    """
    from worker.events import feed

    with open_context(read_only=True) as ctx:
        try:
            changes, last = feed.read_some(ctx, cursor, limit)
        except (feed.CursorError, feed.ExpiredCursorError) as error:
            raise click.UsageError(f"--since: {error}") from None
    listed = [feed.change_as_json(stored) for stored in changes]
    if as_json:
        console.print_json({"changes": listed, "next": last})
        return
    if not listed:
        console.info("nothing has changed since")
    else:
        table = console.table(">cursor", "!at", "what", "!number", "channels", "why")
        console.rows(table, [
            (change["cursor"], local_minute(stored.at), change["type"].removeprefix("number."),
             change["number"] or change["contact"] or "(erased)", " ".join(change["channels"]),
             change["reason"])
            for stored, change in zip(changes, listed, strict=True)
        ])  # fmt: skip
        console.show_table(table)
    console.info(f"to continue: hygiene suppressions changes --since {last}")


def _show_change(
    suppression: suppress.Suppression, propagated: dict[str, Any], as_json: bool, what: str
) -> None:
    if as_json:
        console.print_json({**suppression.as_json(), **propagated})
        return
    number = suppression.as_json()["number"] or "(erased)"
    console.out.print(
        f"{number} {what} for {suppression.channels.replace(' ', ' and ')} (id {suppression.id})"
    )
    for name, count in propagated.get("confirmed", {}).items():
        console.info(
            f"  {name}: {'confirmed' if count else 'waiting; the workers will deliver it'}"
        )
