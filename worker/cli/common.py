"""Shared by commands that work with the database: settings, context, arguments."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import connectors
from config import connections
from worker.cli.choices import Choice, did_you_mean
from worker.cli.output import console

if TYPE_CHECKING:
    from config.settings import Settings
    from connectors.records import ProbeResult
    from worker.context import Context

    _ParamType = click.ParamType[str]
else:
    _ParamType = click.ParamType  # no generic class in older versions


@contextmanager
def open_context(
    needs_connector: str | None = None, *, read_only: bool = False
) -> Iterator[Context]:
    """Yield the context of a command. With `read_only`, no home is created (`home.looked_at`)."""
    from worker.context import Context
    from worker.ops import home
    from worker.store import engine

    settings = read_settings()
    if needs_connector is not None:
        connectors.check(needs_connector, settings)
    with home.looked_at(settings) if read_only else nullcontext(settings) as chosen:
        if read_only and chosen is not settings:
            console.info(f"there is no data yet; {home.about_new(settings)}")
            engine.ensure_schema(chosen.database_url)
        else:
            prepare_home(chosen)
        ctx = Context.create(chosen)
        try:
            yield ctx
        finally:
            ctx.close()


def prepare_home(settings: Settings) -> None:
    """Make the database ready; if the home is new, say so."""
    from worker.ops import home
    from worker.store.engine import ensure_schema

    if home.is_new(settings):
        console.info(home.about_new(settings))
    ensure_schema(settings.database_url)
    home.remember(settings.home)


def read_settings() -> Settings:
    from config import logging_setup
    from config.settings import load

    settings = load()
    verbose = click.get_current_context().find_root().obj
    level = settings.log.level if verbose else "warning"
    logging_setup.set_up(settings.log.model_copy(update={"level": level}))
    return settings


def user_name() -> str:
    """Return who is at the terminal, for the audit log."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container without a user of that number
        return "command line"


class ConnectorName(_ParamType):
    """The name of a connector. The available ones are listed when a command is called, not when its
    help is printed."""

    name = "connector"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        names = connectors.names()
        if value not in names and connections.is_well_formed(value):
            read_settings()  # raises what is wrong with the file that may declare it
        return Choice(names).convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return Choice(connectors.names()).shell_complete(ctx, param, incomplete)


def connector_argument(**options: Any) -> Callable[..., Any]:
    return click.argument(
        "connector", **{"metavar": "CONNECTOR", "type": ConnectorName(), **options}
    )


def number_argument(text: str, where: str) -> str:
    from worker.phones.single_number import number_of

    number = number_of(text)
    if number is None:
        raise click.UsageError(
            f"{where}: give one number with its country code, such as +14155550123"
        )
    return number


def show_probe(results: Iterable[ProbeResult], as_json: bool) -> int:
    """Make the checks of a probe and show what they settled; returns the exit code."""
    with console.progress() as bar:
        task = bar.add_task("asking", total=None)
        shown = []
        for result in results:
            shown.append(result)
            bar.advance(task)
    if as_json:
        console.print_json([asdict(result) for result in shown])
    elif not shown:
        console.out.print("no lookup service is connected, so there is nothing to test")
    else:
        table = console.table("fact", "verdict", "=what we rely on", "=seen")
        console.rows(table, [(r.fact, r.verdict, r.statement, r.seen) for r in shown])
        console.show_table(table)
    return 1 if any(result.verdict == "refuted" for result in shown) else 0


def contact_argument(ctx: Context, text: str) -> tuple[str, str, str]:
    """Return connector, object and id of what --contact names. Of a connection that is not
    connected any more, what our index knows can be named: it may have to be forgotten. So can a
    record of a former account, with its object, as reports name it: hubspot@1:contacts/12345."""
    from worker.feedback import records

    name, colon, record_id = text.partition(":")
    if not colon or not record_id or name not in ctx.settings.active_connectors:
        object_name, slash, former_id = record_id.partition("/")
        if connections.is_former(name) and slash and former_id:
            return name, object_name, former_id
        if record_id and (known := records.in_index_alone(ctx, name, record_id)) is not None:
            return name, *known
        near = did_you_mean(name, ctx.settings.active_connectors) if colon else ""
        raise click.UsageError(f"--contact: write CONNECTOR:ID, such as hubspot:12345.{near}")
    return name, *records.locate_record(ctx, name, record_id)
