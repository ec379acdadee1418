"""`hygiene` commands for operators: settings, checks, database, processes."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.text import Text

from worker.cli.base import Command, Group, json_option, stoppable
from worker.cli.common import (
    contact_argument,
    number_argument,
    open_context,
    read_settings,
    show_probe,
    user_name,
)
from worker.cli.output import console


@click.command(cls=Command, examples=["hygiene doctor", "hygiene doctor --probe"])
@click.option(
    "--probe",
    is_flag=True,
    help="Instead, test with your accounts what the lookup services' documents leave "
    "open; free of charge.",
)
@click.option("--paid", "number", metavar="NUMBER", default="",
              help="With --probe: also test what costs a lookup, with this number.")  # fmt: skip
@json_option
def doctor(probe: bool, number: str, as_json: bool) -> None:
    """Check settings, database, Redis and each CRM.

    Says how to fix what is wrong.
    """
    from worker.ops.doctor import examine
    from worker.ops.doctor import probe as probe_lookups
    from worker.store import pause

    if number and not probe:
        raise click.UsageError("--paid: only with --probe")
    if probe:
        asked = number_argument(number, "--paid") if number else ""
        if asked:
            with open_context(read_only=True) as ctx:
                pause.check(ctx.store)
        sys.exit(show_probe(probe_lookups(read_settings(), asked), as_json))
    with console.working("checking settings, database, Redis and CRMs"):
        checks = list(examine(read_settings()))
    if as_json:
        console.print_json([{"name": c.name, "verdict": c.verdict, "text": c.text} for c in checks])
    else:
        marks = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "problem": ("no", "red")}
        table = console.table("", "what", "=finding")
        console.rows(table, [(Text(*marks[c.verdict]), c.name, c.text) for c in checks])
        console.show_table(table)
    sys.exit(1 if any(check.verdict == "problem" for check in checks) else 0)


@click.group(cls=Group, examples=["hygiene db upgrade"])
def db() -> None:
    """Upgrade the database, or load an export into it."""


@db.command("upgrade", examples=["hygiene db upgrade"])
def db_upgrade() -> None:
    """Upgrade the tables for this version; safe to repeat."""
    from worker.store.engine import upgrade

    upgrade(read_settings().database_url)
    console.out.print("the database is up to date")


@db.command("load", examples=["hygiene db load export.zip"])
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def db_load(file: Path, as_json: bool) -> None:
    """Load an export (see hygiene export) into an empty database."""
    from worker.ops import export as exporting
    from worker.store.engine import open_store, upgrade

    settings = read_settings()
    upgrade(settings.database_url)
    store = open_store(settings.database_url)
    try:
        with console.working(f"loading {file.name}"):
            counts = exporting.load(store, file)
    finally:
        store.close()
    if as_json:
        console.print_json({"rows": counts})
    else:
        console.out.print(f"{sum(counts.values()):,} rows of {len(counts)} tables were loaded")


@click.command(
    cls=Command,
    examples=[
        "hygiene export export.zip",
        "hygiene export --number +14155550123 -o person.json",
        "hygiene export --parquet warehouse",
    ],
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--person", "email", default="", metavar="EMAIL",
              help="Instead, what we hold of the person with this email.")  # fmt: skip
@click.option("--number", default="", metavar="E164", help="... of those who have this number.")
@click.option("--contact", default="", metavar="CONNECTOR:ID", help="... of this contact.")
@click.option("-o", "--output", "target", default=None, metavar="OUT.json",
              type=click.Path(dir_okay=False, path_type=Path),
              help="Where to write what we hold of a person.")  # fmt: skip
@click.option("--with-secrets", is_flag=True,
              help="Include password hashes, token hashes and our own key.")  # fmt: skip
@click.option("--parquet", "directory", default=None, metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path),
              help="Instead, bring Parquet files for a warehouse up to date.")  # fmt: skip
@json_option
def export(  # a parameter for each of its options
    file: Path | None, email: str, number: str, contact: str, target: Path | None,
    with_secrets: bool, directory: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Export all our data, or what we hold of one person, to FILE.

    All data is a zip of JSON lines, a person's one JSON document.

    `hygiene db load` reads the zip. It holds numbers and the reports about them: protect it like
    the database. With --person, --number or --contact, write to OUT.json what we hold of that
    person, for them to read; the other half is hygiene forget. With --parquet, write what is new
    or changed in contacts, numbers, lookups and reports (docs/warehouse.md).
    """
    from worker.ops import export as exporting

    if directory is not None:
        if any((email, number, contact, file, target, with_secrets)):
            raise click.UsageError("--parquet: give DIR alone")
        _export_parquet(directory, as_json)
        return
    if any((email, number, contact)):
        if file is not None or target is None or with_secrets:
            raise click.UsageError("for one person, give -o OUT.json, and no FILE")
        _export_person(email, number, contact, target, as_json)
        return
    if file is None or target is not None:
        raise click.UsageError(
            "give FILE for all data, or one of --person, --number and --contact with -o"
        )
    with open_context() as ctx, console.working(f"exporting to {file.name}"):
        counts = exporting.export(ctx.store, file, ctx.now(), with_secrets)
    if as_json:
        console.print_json({"file": str(file), "rows": counts})
    else:
        console.out.print(f"{sum(counts.values()):,} rows of {len(counts)} tables: {file}")


def _export_parquet(directory: Path, as_json: bool) -> None:
    from worker.access import audit
    from worker.ops.warehouse.export import export as export_parquet
    from worker.ops.warehouse.exported_to import ACTION

    def how_to_continue() -> str:
        return f"stopped; hygiene export --parquet {directory} continues"

    with open_context() as ctx, stoppable(how_to_continue):
        with console.working(f"exporting to {directory.name}"):
            summary = export_parquet(ctx.store, ctx.keys, directory, ctx.now())
        audit.note(ctx.store, ctx.now(), user_name(), ACTION, str(directory.resolve()))
    if as_json:
        console.print_json({"directory": str(directory), **summary.as_json()})
        return
    table = console.table("dataset", "rows", "new or changed", "deleted", "files")
    console.rows(table, [
        (name, f"{c.rows:,}", f"{c.written:,}", f"{c.deleted:,}", f"{c.files:,}")
        for name, c in summary.datasets.items()
    ])  # fmt: skip
    console.show_table(table)
    console.out.print(f"export {summary.export}: {directory}")


def _export_person(email: str, number: str, contact: str, target: Path, as_json: bool) -> None:
    from worker.access import audit
    from worker.ops import person_export
    from worker.ops.export import write_private

    if sum(map(bool, (email, number, contact))) > 1:
        raise click.UsageError("give one of --person, --number and --contact")
    with open_context() as ctx:
        if number:
            e164 = number_argument(number, "--number")
            person, named = person_export.person_by_number(ctx, e164), audit.masked(e164)
        elif contact:
            holder = contact_argument(ctx, contact)
            person, named = person_export.person_by_record(ctx, holder), contact
        else:
            if "@" not in email:
                raise click.UsageError("--person: write an email address")
            person, named = person_export.person_by_email(ctx, email), "by email"
        document = person_export.export(ctx, person)
        write_private(target, document)
        audit.note(ctx.store, ctx.now(), user_name(), "person.export", named)
    counts = {section["table"]: len(section["rows"]) for section in document["held"]}
    if as_json:
        console.print_json({"file": str(target), "rows": counts})
        return
    console.out.print(f"{sum(counts.values()):,} rows of {len(counts)} tables: {target}")
    if len(document["records"]) > 1:
        console.info(
            f"{len(document['records'])} records are in it; make sure that they are all the same "
            "person's before you hand it over"
        )


@click.command(cls=Command, examples=["hygiene web --host 127.0.0.1"])
@click.option("--host", default=None, help="Address to listen on. By default 127.0.0.1, which only "
              "this machine reaches; all once ADMIN_PASSWORD is set, or PORT and people "
              "can log in.")  # fmt: skip
def web(host: str | None) -> None:
    """Run the web process: pages, health checks and API, on PORT."""
    from worker.cli.terminal import print_login_link
    from worker.web.port import check_port
    from worker.web.serve import serve

    check_port(read_settings().port)
    with open_context() as ctx:
        print_login_link(ctx, user_name())
    serve(ctx.settings, host)


@click.command(cls=Command, examples=["hygiene up"])
def up() -> None:
    """Run web, workers and beat on this machine.

    Redis and database are embedded by default.
    """
    from worker.cli.supervisor import run_all
    from worker.cli.terminal import print_login_link
    from worker.web.port import check_port

    check_port(read_settings().port)
    with open_context() as ctx:
        print_login_link(ctx, user_name())
    sys.exit(run_all(ctx.settings))


@click.command(cls=Command, examples=["hygiene demo", "hygiene demo --once --contacts 60"])
@click.option("--contacts", default=2000, show_default=True, metavar="N",
              type=click.IntRange(1, 1_000_000),
              help="Contacts in each of the two CRMs.")  # fmt: skip
@click.option("--once", is_flag=True, help="Stop after the first sync.")
def demo(contacts: int, once: bool) -> None:
    """Try it out with sandbox CRMs and a real worker.

    Runs a first sync. Redis and database are embedded.
    """
    _require_stand_ins()
    from worker.cli.demo import run_demo

    sys.exit(run_demo(contacts, once))


def _require_stand_ins() -> None:
    """Raise `SettingsError` if the extra `demo` was not installed."""
    from importlib.util import find_spec

    from config.settings import SettingsError
    from config.version import PACKAGE

    if any(find_spec(name) is None for name in ("sandbox", "aiohttp", "sortedcontainers")):
        raise SettingsError(
            f'the demo needs its extra: pip install "{PACKAGE}[demo]" (in a checkout: make demo)'
        )


@click.command("settings", cls=Command, examples=["hygiene settings --changed"])
@click.option("--changed", is_flag=True, help="Only settings that differ from the default.")
@json_option
def settings(changed: bool, as_json: bool) -> None:
    """Show the settings in effect, and where each value is from.

    Secrets are masked.
    """
    from config.effective import describe

    all_settings = describe(read_settings())
    chosen = [setting for setting in all_settings if not changed or setting.origin != "default"]
    if as_json:
        console.print_json([{"name": o.name, "value": o.value, "origin": o.origin} for o in chosen])
        return
    for setting in chosen:  # a table would cut the values: names are long
        line = Text.assemble((setting.name, "bold"), f" = {setting.value}")
        line.append(f"  ({setting.origin})", style="dim")
        console.out.print(line, soft_wrap=False, overflow="fold")
