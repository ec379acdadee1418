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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config import stopping
from worker.cli.choices import did_you_mean
from worker.cli.output import console


class _WithExamples(click.Command):
    """Ends the help with examples, which a test runs through the parser."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            title = "Example" if len(self.examples) == 1 else "Examples"
            with formatter.section(title):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(_WithExamples):
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


class Group(_WithExamples, click.Group):
    """Suggests the closest command for a wrong one."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        is_option = name.startswith("-")
        if not is_option and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            near = did_you_mean(name, self.list_commands(ctx))
            raise click.UsageError(f"No such command '{name}'.{near}", ctx)
        return super().resolve_command(ctx, args)


Group.group_class = Group


def report_usage_error(error: click.ClickException) -> None:
    """Say in one line what is wrong with the words of a command, and which help to read."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if type(error).__name__ == "NoArgsIsHelpError":  # not in click 8.1
        error.show()
        return
    where = f" See: {context.command_path} --help" if context is not None else ""
    text = " ".join(error.format_message().split())
    console.error(text + ("" if text.endswith((".", "?")) else ".") + where)


def _report_error(error: Exception) -> int:
    """Say what went wrong; the exit code (`config.errors`)."""
    from config import logging_setup as log
    from config.errors import HygieneError

    if isinstance(error, HygieneError):
        console.error(*str(error).splitlines())
        return error.exit_code
    # Only who has loaded the database raises any of these.
    from worker.store.machine_faults import trouble

    fault = trouble(error)
    console.error(log.redact(fault.line) if fault is not None else _unexpected(error))
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
