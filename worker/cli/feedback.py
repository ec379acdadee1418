"""`hygiene` commands about reports: suppressions, feedback, links, evidence, erasure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from config import stopping
from worker.cli import output
from worker.cli.base import Command, Group, json_option, stops
from worker.cli.lists import layout_options
from worker.cli.parts import connector_argument, number_argument, opened_context
from worker.feedback.models import COLUMNS, Reading

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout
    from worker.context import Context
    from worker.feedback.sources import files as lists
    from worker.suppression import suppressions as suppress


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_REASONS = ["opt_out", "wrong_number", "complaint", "erasure", "list"]
_CHANNELS = click.Choice(["call", "text"])
later_option = click.option(
    "--later", is_flag=True, help="Store only; the workers tell the CRMs within seconds."
)


def deliver(ctx: Context) -> dict[str, Any]:
    """Apply what waits, and tell the CRMs now; what cannot be told now is for the workers."""
    from worker.suppression.apply_reports import apply_waiting
    from worker.sync.propagate import spread, waits

    apply_waiting(ctx)
    confirmed = {name: spread(ctx, name) for name in waits(ctx)}
    return {"confirmed": confirmed}


# -- suppressions --------------------------------------------------------------------------


@click.group("suppressions", cls=Group)
def suppressions() -> None:
    """Who is not to be contacted: list, add, lift, import, export."""


@suppressions.command("list")
@click.option("--number", default=None, metavar="E164", help="Of this number only.")
@click.option("--reason", default=None,
              type=click.Choice(_REASONS))  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Those that were lifted, too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def suppressions_list(
    number: str | None, reason: str | None, everything: bool, limit: int, as_json: bool
) -> None:
    """What stands, in the order in which it came."""
    from worker.suppression import suppressions as suppress

    with opened_context(only_looks=True) as ctx:
        e164 = number_argument(number, "--number") if number else None
        active = None if everything else True
        found = suppress.listed(ctx, e164, active, reason, limit=limit)
    if as_json:
        output.print_json([one.as_json() for one in found])
    elif not found:
        output.note("nothing is suppressed" if not (number or reason) else "none")
    else:
        made = output.table("id", "number", "channels", "why", "evidence", "since", "lifted")
        output.rows(made, [
            (str(one.id), one.as_json()["number"] or "(erased)", one.channels, one.reason,
             one.evidence, f"{one.since:%Y-%m-%d}",
             f"{one.lifted_at:%Y-%m-%d} by {one.lifted_by}" if one.lifted_at else "")
            for one in found
        ])  # fmt: skip
        output.show_table(made)


@suppressions.command("add")
@click.argument("number", metavar="NUMBER")
@click.option("--reason", default="opt_out", show_default=True,
              type=click.Choice(["opt_out", "wrong_number", "complaint"]))  # fmt: skip
@click.option("--channel", "channels", multiple=True, type=_CHANNELS, help="Both by default.")
@click.option("--evidence", default="added by an admin", show_default=True, metavar="TEXT",
              help="How you know: what compliance will ask for.")  # fmt: skip
@click.option("--contact", default=None, metavar="CONNECTOR:ID",
              help="For this person alone; by default for whoever holds the number.")  # fmt: skip
@later_option
@json_option
def suppressions_add(
    number: str, reason: Any, channels: tuple[str, ...], evidence: str, contact: str | None,
    later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Suppress a number, in every CRM."""
    from worker.feedback import intake as receive
    from worker.suppression import suppressions as suppress

    e164 = number_argument(number, "NUMBER")
    with opened_context() as ctx:
        who = receive.who_is(ctx, *_record(ctx, contact)) if contact else None
        chosen = " ".join(sorted(channels))
        made = suppress.add(ctx, e164, reason, chosen, evidence, "admin", who)
        told = {} if later else deliver(ctx)
    _show_change(made, told, as_json, "suppressed")


@suppressions.command("lift")
@click.argument("suppression", metavar="ID", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept.")
@later_option
@json_option
def suppressions_lift(suppression: int, reason: str, later: bool, as_json: bool) -> None:
    """Lift a suppression, with a reason, in every CRM."""
    from worker.suppression import suppressions as suppress

    if len(reason.strip()) < 3:
        raise click.UsageError("--reason: say why it is lifted")
    with opened_context() as ctx:
        try:
            lifted = suppress.lift(ctx, suppression, "admin", reason.strip())
        except suppress.NoSuchSuppressionError as error:
            raise click.UsageError(str(error)) from None
        told = {} if later else deliver(ctx)
    _show_change(lifted, told, as_json, "lifted")


@suppressions.command("import")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option("--name", default="", metavar="NAME", help="What the list is called; its file's name "
              "by default. Importing it again adds what is new.")  # fmt: skip
@click.option(
    "--column",
    default="",
    metavar="NAME",
    help="Name or position of the column that holds the numbers.",
)
@click.option("--country", default="", help="Of numbers without a country code, as US.")
@click.option("--channel", "channels", multiple=True, type=_CHANNELS, help="Both by default.")
@click.option("--refused", default=None, type=click.Path(path_type=Path), metavar="OUT.csv",
              help="Keep rows that cannot be used here, with the reason.")  # fmt: skip
@layout_options
@later_option
@json_option
def suppressions_import(
    file: Path, name: str, column: str, country: str, channels: tuple[str, ...],
    refused: Path | None, layout: Layout, later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import a do-not-contact list: one number a line, or a table. Millions are fine."""
    from worker.feedback.sources import files as lists
    from worker.suppression import suppressions as suppress

    with opened_context() as ctx, lists.refusals(refused) as bad:
        with output.progress() as bar:
            task = bar.add_task(f"importing {file.name}", total=file.stat().st_size)
            numbers = lists.numbers_of(
                file, column, country, bad, lambda size: bar.advance(task, size), layout
            )
            chosen = " ".join(sorted(channels)) or "call text"
            done = suppress.import_list(ctx, numbers, name or file.stem, chosen)
        told = {} if later else deliver(ctx)
    found = {"added": done.added, "known": done.known, "refused": bad.count, "held": done.held,
             **told}  # fmt: skip
    for doubt in bad.notes:
        output.note(doubt)
    if as_json:
        output.print_json(found)
    else:
        output.out.print(
            f"{done.added:,} added, {done.known:,} were on it already, {bad.count:,} refused; "
            f"{done.held:,} of the new ones are held by contacts"
        )
        _show_refused(bad)
    sys.exit(1 if bad.count else 0)


@suppressions.command("export")
@click.option("-o", "--output", "target", default=None, type=click.Path(path_type=Path),
              metavar="OUT.csv", help="Standard output by default.")  # fmt: skip
@click.option("--channel", default=None, type=_CHANNELS, help="Only what is not to be used by it.")
def suppressions_export(target: Path | None, channel: str | None) -> None:
    """All that stands, as CSV, for dialers and other tools."""
    from connectors.csv_list.errors import ListError
    from worker.suppression import suppressions as suppress

    with opened_context() as ctx:
        if target is None:
            for line in suppress.export(ctx, channel):
                click.echo(line, nl=False)
            return
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.writelines(suppress.export(ctx, channel))
            part.replace(target)
        except OSError as error:
            raise ListError(f"{target} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
    output.note(f"written to {target}")


def _show_change(one: suppress.Suppression, told: dict[str, Any], as_json: bool, what: str) -> None:
    if as_json:
        output.print_json({**one.as_json(), **told})
        return
    number = one.as_json()["number"] or "(erased)"
    output.out.print(f"{number} {what} for {one.channels.replace(' ', ' and ')} (id {one.id})")
    for name, count in told.get("confirmed", {}).items():
        output.note(f"  {name}: {'confirmed' if count else 'waits; the workers go on with it'}")


def _show_refused(bad: lists.Refusals) -> None:
    for line in bad.first:
        output.complain(line)
    if bad.count > len(bad.first):
        output.complain(f"... and {bad.count - len(bad.first):,} more; see --refused")


# -- feedback ------------------------------------------------------------------------------


@click.group("feedback", cls=Group)
def feedback() -> None:
    """Reports from outside: import them, decide what replies mean."""


@feedback.command("import")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS",
              help=f"Which column is which; ours: {', '.join(COLUMNS)}.")  # fmt: skip
@click.option("--kind", default="", metavar="KIND", help="Of all rows: opt_out, wrong_number, ...")
@click.option("--source", default="", metavar="TEXT", help="Of all rows: where they come from.")
@click.option("--country", default="", help="Of numbers without a country code, as US.")
@click.option("--refused", default=None, type=click.Path(path_type=Path), metavar="OUT.csv",
              help="Keep rows that cannot be used here, with the reason.")  # fmt: skip
@layout_options
@later_option
@json_option
def feedback_import(
    file: Path, columns: tuple[str, ...], kind: str, source: str, country: str,
    refused: Path | None, layout: Layout, later: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import reports from a CSV file; a row that was imported before counts once."""
    from worker.feedback import intake as receive
    from worker.feedback.sources import files as lists
    from worker.feedback.sources import submitted
    from worker.feedback.sources.submitted import RefusedError
    from worker.phones import region_of

    mapping = dict(_pair(text) for text in columns)
    fixed = {name: value for name, value in (("kind", kind), ("source", source)) if value}
    region = region_of(country) if country else None
    stored = known = 0
    again = (
        f"stopped: {file.name} was not read to its end; run the command again (reports that are "
        "already in count only once)"
    )
    with opened_context() as ctx, lists.refusals(refused) as bad, stops(lambda: again):
        batch: list[Any] = []

        def keep() -> tuple[int, int]:
            new = receive.reports(ctx, batch)
            old = len(batch) - new
            batch.clear()
            return new, old

        for line, raw, report in lists.reports_of(file, mapping, fixed, bad, layout):
            if submitted.must_store_first(report, batch):
                new, old = keep()
                stored, known = stored + new, known + old
            try:
                batch += submitted.as_feedback(ctx, report, region)
            except RefusedError as error:
                bad.add(line, raw, str(error))
            if len(batch) >= 400:
                new, old = keep()
                stored, known = stored + new, known + old
                stopping.check()
        new, old = keep()
        stored, known = stored + new, known + old
        told = {} if later else deliver(ctx)
    for doubt in bad.notes:
        output.note(doubt)
    if as_json:
        output.print_json({"stored": stored, "known": known, "refused": bad.count, **told})
    else:
        output.out.print(f"{stored:,} stored, {known:,} known already, {bad.count:,} refused")
        _show_refused(bad)
    sys.exit(1 if bad.count else 0)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or ours not in COLUMNS:
        raise click.UsageError(
            f"--column: write OURS=THEIRS, where OURS is one of {', '.join(COLUMNS)}"
        )
    return ours, theirs


@feedback.command("reviews")
@json_option
def feedback_reviews(as_json: bool) -> None:
    """Replies that nobody but a person should read a meaning into."""
    from worker.feedback import intake as receive

    with opened_context(only_looks=True) as ctx:
        waiting = receive.open_reviews(ctx)
    if as_json:
        output.print_json(waiting)
    elif not waiting:
        output.note("no reply waits")
    else:
        made = output.table("id", "reply", "perhaps", "at")
        output.rows(made, [
            (str(one["id"]), one["text"][:100], one["suggestion"] or "", one["at"][:16])
            for one in waiting
        ])  # fmt: skip
        output.show_table(made)
        output.note("say what one means with: hygiene feedback decide ID MEANING")


@feedback.command("decide")
@click.argument("review", metavar="ID", type=int)
@click.argument("meaning", type=click.Choice(get_args(Reading)))
@later_option
def feedback_decide(review: int, meaning: Reading, later: bool) -> None:
    """Say what a reply means."""
    from worker.feedback import intake as receive

    with opened_context() as ctx:
        if not receive.decide(ctx, review, meaning, "admin"):
            raise click.UsageError(f"no reply {review} waits; see: hygiene feedback reviews")
        if not later:
            deliver(ctx)
    output.note(f"{review}: {meaning.replace('_', ' ')}")


@feedback.command("outcomes")
@click.option("--all", "everything", is_flag=True, help="Also those whose meaning is known.")
@json_option
def feedback_outcomes(everything: bool, as_json: bool) -> None:
    """Outcomes of calls that report nothing yet: say what they mean in feedback.dispositions.

    Calls that were logged with one before count as well, once it has a meaning.
    """
    from worker.feedback.sources import call_outcomes

    with opened_context(only_looks=True) as ctx:
        dispositions = ctx.settings.feedback.dispositions
        with ctx.store.read() as connection:
            found = call_outcomes.load(connection)
            problems = {
                name: problem
                for name in ctx.settings.active_connectors
                if (problem := call_outcomes.problem(connection, name))
            }
    shown = [
        (one, meaning)
        for one in found
        if one.calls
        and ((meaning := one.meaning(dispositions)) == "" or everything)
        and one.connector in ctx.settings.active_connectors
    ]
    if as_json:
        output.print_json([
            {"connector": one.connector, "outcome": one.outcome, "name": one.name or None,
             "meaning": meaning or None, "calls": one.calls,
             "first_at": one.first_at.isoformat(), "last_at": one.last_at.isoformat()}
            for one, meaning in shown
        ])  # fmt: skip
        return
    if shown:
        made = output.table("CRM", "outcome", ">calls", "last", "means")
        output.rows(made, [
            (one.connector, one.name or f"{one.outcome} (name not known)", f"{one.calls:,}",
             f"{one.last_at:%Y-%m-%d}", meaning.replace("_", " ") or "nothing yet")
            for one, meaning in shown
        ])  # fmt: skip
        output.show_table(made)
        output.note("say what one means, by its name or its id, in [feedback.dispositions]")
    else:
        output.note("every outcome that was seen has a meaning")
    for name, problem in problems.items():
        output.note(f"{name}: names of outcomes could not be read: {problem}")


# -- one number, one person ----------------------------------------------------------------


@click.command("link", cls=Command)
@connector_argument()
@click.argument("record_id", metavar="ID")
@click.option("--number", default=None, metavar="E164", help="If the contact has several.")
@json_option
def link(connector: str, record_id: str, number: str | None, as_json: bool) -> None:
    """A link to the page on which a contact confirms, corrects or withdraws a number."""
    from config.settings import SettingsError
    from worker.feedback import intake as receive
    from worker.feedback import records
    from worker.suppression import confirm_links

    with opened_context(connector) as ctx:
        if not ctx.settings.public_url:
            raise SettingsError("PUBLIC_URL: missing; links begin with it")
        object_name, record_id = records.locate(ctx, connector, record_id)
        held = receive.of_contact(ctx, connector, object_name, record_id)
        wanted = number_argument(number, "--number") if number else next(iter(held), None)
        if wanted is None or wanted not in held:
            raise click.UsageError(
                f"{connector} {record_id}: it has no such number as far as we know; sync it first"
                if held or number
                else f"{connector} {record_id}: no number of it is known; sync it first"
            )
        key = f"{connector}/{object_name}/{record_id}"
        lifetime = ctx.settings.feedback.link_lifetime
        token = confirm_links.make(ctx.keys, key, wanted, ctx.now(), lifetime)
        address = confirm_links.address(ctx.settings.public_url, token)
        expires = confirm_links.read(ctx.keys, token, ctx.now()).expires
    if as_json:
        output.print_json({"link": address, "expires": expires.isoformat()})
    else:
        output.out.print(address)
        output.note(f"good until {expires:%d %b %Y}")


@click.command("evidence", cls=Command)
@click.argument("number", metavar="NUMBER")
@json_option
def evidence(number: str, as_json: bool) -> None:
    """What was reported of a number, how, and when each CRM confirmed it."""
    from worker.suppression import evidence as evidence_of

    e164 = number_argument(number, "NUMBER")
    with opened_context(only_looks=True) as ctx:
        found = evidence_of.of_number(ctx, e164)
    if as_json:
        output.print_json(found)
    else:
        output.show_evidence(found)


@click.command("forget", cls=Command)
@click.option("--number", default=None, metavar="E164", help="A number, and whoever holds it.")
@click.option("--contact", "contact", default=None, metavar="CONNECTOR:ID", help="One contact.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(number: str | None, contact: str | None, yes: bool, as_json: bool) -> None:
    """Erase what is personal (GDPR). What stands against a number stays, as a keyed hash.

    Erase the contact in the CRM first: what is there is read again.
    """
    from worker.suppression import erasure as forgetting

    if bool(number) == bool(contact):
        raise click.UsageError("give --number or --contact")
    with opened_context() as ctx:
        if number:
            e164 = number_argument(number, "--number")
            what = "this number and the contacts that hold it"
        else:
            name, object_name, record_id = _record(ctx, contact or "")
            what = f"{name} {record_id}"
        if not yes and not as_json:
            click.confirm(f"Erase {what} here, for good?", abort=True)
        if number:
            done = forgetting.forget_number(ctx, e164, "admin")
        else:
            done = forgetting.forget_contact(ctx, name, object_name, record_id, "admin")
    if as_json:
        output.print_json(done.as_json())
        return
    counts = ", ".join(
        f"{count:,} {what.removesuffix('s') if count == 1 else what}"
        for what, count in done.as_json().items()
        if count
    )
    output.out.print(f"erased: {counts or 'nothing was known'}")


def _record(ctx: Context, text: str) -> tuple[str, str, str]:
    """Connector, object and id of what --contact names."""
    from worker.feedback import records

    name, colon, record_id = text.partition(":")
    if not colon or not record_id or name not in ctx.settings.active_connectors:
        raise click.UsageError("--contact: write CONNECTOR:ID, such as hubspot:12345")
    return name, *records.locate(ctx, name, record_id)
