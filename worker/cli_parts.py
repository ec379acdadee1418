"""What all commands of `hygiene` share: how they end, where their settings come from."""

from __future__ import annotations

import getpass
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import connectors
from config import log
from config.settings import Settings, SettingsError, load
from connectors.base import AuthError, ConnectorError, SchemaError
from connectors.csvtext import ListError
from worker import console
from worker.embedded import RedisError
from worker.store.db import StoreError, ready
from worker.story import number_of
from worker.sync.context import Context
from worker.sync.runs import NoSuchRunError, RunActiveError

_USAGE = (SettingsError, ListError, StoreError, NoSuchRunError, AuthError, SchemaError, RedisError)


class Command(click.Command):
    """A command that ends with a plain line and an exit code, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _USAGE as error:
            console.complain(*str(error).splitlines())
            sys.exit(2)
        except (ConnectorError, RunActiveError) as error:
            console.complain(str(error))
            sys.exit(1)
        except KeyboardInterrupt:
            console.note("stopped; what was begun goes on with: hygiene sync, or hygiene up")
            sys.exit(130)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            console.complain(_unexpected(error))
            sys.exit(1)


class Group(click.Group):
    command_class = Command


Group.group_class = Group


def _unexpected(error: Exception) -> str:
    path = Path(os.environ.get("HYGIENE_HOME") or ".hygiene") / "error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n")
            file.write(log.redact(traceback.format_exc()) + "\n")
    except OSError:
        return log.redact(f"{type(error).__name__}: {error}")
    return log.redact(
        f"{type(error).__name__}: {error} (a fault of ours: details are in {path}; "
        "hygiene doctor checks this machine)"
    )


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
    )(command)


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
