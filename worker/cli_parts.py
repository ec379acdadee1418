"""What commands of `hygiene` share that work with the database: settings, context, arguments."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

import connectors
from config import log
from config.settings import Settings, load
from worker.store.db import ready
from worker.story import number_of
from worker.sync.context import Context


@contextmanager
def opened_context(needs_connector: str | None = None) -> Iterator[Context]:
    settings = read_settings()
    if needs_connector is not None:
        connectors.check(needs_connector, settings)
    ready(settings.database_url)
    ctx = Context.create(settings)
    try:
        yield ctx
    finally:
        ctx.close()


def read_settings() -> Settings:
    settings = load()
    verbose = click.get_current_context().find_root().obj
    level = settings.log.level if verbose else "warning"
    log.set_up(settings.log.model_copy(update={"level": level}))
    return settings


def user_name() -> str:
    """Who is at the terminal, for the log of what was done."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container without a user of that number
        return "command line"


def connector_argument(**options: Any) -> Callable[..., Any]:
    return click.argument(
        "connector", metavar="CONNECTOR", type=click.Choice(list(connectors.REGISTRY)), **options
    )


def number_argument(text: str, where: str) -> str:
    number = number_of(text)
    if number is None:
        raise click.UsageError(
            f"{where}: write one number with its country code, like +14155550123"
        )
    return number
