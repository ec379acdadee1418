"""The `hygiene` command. Each of its commands is loaded when it is called.

The modules of commands import at their top only what help and wrong usage need; what a command
works with it imports when it runs (https://click.palletsprojects.com/en/stable/complex/, "lazy
loading").

Exit codes: 0 done, 1 done with failures, 2 wrong usage or settings, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from config.version import product_version
from worker.cli.base import Group, report_usage_error
from worker.cli.output import console

# Command -> module and function.
COMMANDS = {
    "sync": ("sync", "sync"),
    "rescan": ("sync", "rescan"),
    "runs": ("runs", "runs_group"),
    "overview": ("overview", "overview"),
    "digest": ("digest", "digest"),
    "segments": ("segments", "segments"),
    "duplicates": ("duplicates", "duplicates"),
    "number": ("numbers", "number"),
    "contact": ("numbers", "contact"),
    "suppressions": ("suppressions", "suppressions"),
    "endpoints": ("endpoints", "endpoints"),
    "capture-keys": ("capture_keys", "capture_keys"),
    "registries": ("registries", "registries"),
    "scrub": ("scrub", "scrub"),
    "ask": ("asking", "ask"),
    "feedback": ("feedback", "feedback"),
    "replies": ("replies", "replies"),
    "explain": ("explain", "explain"),
    "link": ("numbers", "link"),
    "evidence": ("numbers", "evidence"),
    "forget": ("numbers", "forget"),
    "spend": ("overview", "spend"),
    "clean": ("clean", "clean"),
    "crm": ("crm", "crm"),
    "users": ("access", "users"),
    "tokens": ("access", "tokens_group"),
    "audit": ("access", "audit_command"),
    "settings": ("ops", "settings"),
    "export": ("ops", "export"),
    "doctor": ("ops", "doctor"),
    "pause": ("pausing", "pause"),
    "resume": ("pausing", "resume"),
    "db": ("ops", "db"),
    "stream": ("stream", "stream"),
    "web": ("ops", "web"),
    "up": ("ops", "up"),
    "demo": ("ops", "demo"),
}


class Commands(Group):
    """Loads the module of a command when the command is asked for, or listed with its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: Any = getattr(import_module(f"worker.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _mistakes_in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _mistakes_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _mistakes_in_one_line() -> Iterator[None]:
    """End the process after a mistake in the words of a command, with one line instead of the
    three that click prints."""
    try:
        yield
    except click.ClickException as error:
        report_usage_error(error)
        sys.exit(error.exit_code)
    except click.Abort:
        console.info("nothing was done")
        sys.exit(1)


def _show_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    """Show the version like `click.version_option`, which needs the product installed, also if it
    is not."""
    if asked and not ctx.resilient_parsing:
        click.echo(f"hygiene, version {product_version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    examples=["hygiene demo", "hygiene sync --dry-run"],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True,
              callback=_show_version, help="Show the version and exit.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Show all log lines, not only warnings.")
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    """Keep the phone numbers in your CRMs correct.

    To start, set a CRM's environment variables (see the README), create our fields with `hygiene
    crm setup`, then run `hygiene sync`. `hygiene demo` shows everything without a CRM.

    Exit codes: 0 done; 1 done with failures, or not finished; 2 wrong usage or settings; 130
    stopped by Ctrl-C or a signal. A stopped run keeps its place and can be resumed.
    """
    ctx.obj = verbose
