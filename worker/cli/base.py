"""End every command of `hygiene` with a plain line and an exit code, never with a traceback.

A signal (Ctrl-C, SIGTERM) ends it with exit code 130. What carries work out in order is run inside
`stoppable`, where a signal lets what is under way end first.

Loads little: what a command needs is loaded with the command.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config import stopping
from worker.cli.output import console


class Command(click.Command):
    """Exit code 2: wrong usage or settings, nothing was done; 1: not done, or not to the end; 130:
    interrupted. `stopped`: the line that is printed then."""

    stopped = "stopped; run the command again to continue"

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with stopping.by_interrupt():
                return super().invoke(ctx)
        except (KeyboardInterrupt, stopping.Stopped):
            console.info(self.stopped)
            sys.exit(stopping.CODE)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            sys.exit(_report_error(error))


@contextmanager
def stoppable(how_to_continue: Callable[[], str]) -> Iterator[None]:
    """Wrap the work of a command: a signal ends it cleanly, with exit code 130 and the line that
    `how_to_continue` returns."""
    try:
        with stopping.gracefully(how_to_continue):
            yield
    except (KeyboardInterrupt, stopping.Stopped):
        console.info(how_to_continue())
        sys.exit(stopping.CODE)


class Group(click.Group):
    command_class = Command


Group.group_class = Group


def _report_error(error: Exception) -> int:
    """Say what went wrong; the exit code (`config.errors`)."""
    from config import logging_setup as log
    from config.errors import HygieneError

    if isinstance(error, HygieneError):
        console.error(*str(error).splitlines())
        return error.exit_code
    # Only who has loaded the database raises any of these.
    from worker.store.machine_faults import trouble

    found = trouble(error)
    console.error(log.redact(found.line) if found is not None else _unexpected(error))
    return 1


def _unexpected(error: Exception) -> str:
    from config import logging_setup as log

    home = Path(os.environ.get("HYGIENE_HOME") or ".hygiene")
    path = home / "error.log"
    try:
        if not home.is_dir():  # a home is not made for an error
            path = Path(tempfile.mkstemp(prefix="hygiene-error-", suffix=".log")[1])
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n")
            file.write(log.redact(traceback.format_exc()) + "\n")
    except OSError:
        return log.redact(f"{type(error).__name__}: {error}")
    return log.redact(
        f"{type(error).__name__}: {error} (an internal error: details are in {path}; "
        "hygiene doctor checks this machine)"
    )


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
    )(command)
