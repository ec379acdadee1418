"""The `hygiene` command. Each of its commands is loaded when it is called.

The modules of commands import at their top only what help and wrong usage need; what a command
works with it imports when it runs (https://click.palletsprojects.com/en/stable/complex/, "lazy
loading").

Exit codes: 0 done, 1 done with failures, 2 wrong usage or settings, 130 interrupted.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from config.version import PACKAGE
from worker.cli_base import Group

# Command -> module and function.
COMMANDS = {
    "sync": ("cli_sync", "sync"),
    "rescan": ("cli_sync", "rescan"),
    "runs": ("cli_sync", "runs_group"),
    "overview": ("cli_overview", "overview"),
    "segments": ("cli_segments", "segments"),
    "number": ("cli_sync", "number"),
    "contact": ("cli_overview", "contact"),
    "suppressions": ("cli_feedback", "suppressions"),
    "feedback": ("cli_feedback", "feedback"),
    "link": ("cli_feedback", "link"),
    "evidence": ("cli_feedback", "evidence"),
    "forget": ("cli_feedback", "forget"),
    "spend": ("cli_sync", "spend"),
    "clean": ("cli_clean", "clean"),
    "crm": ("cli_sync", "crm"),
    "users": ("cli_access", "users"),
    "tokens": ("cli_access", "tokens_group"),
    "audit": ("cli_access", "audit_command"),
    "settings": ("cli_overview", "settings"),
    "export": ("cli_sync", "export"),
    "doctor": ("cli_sync", "doctor"),
    "db": ("cli_sync", "db"),
    "web": ("cli_sync", "web"),
    "up": ("cli_sync", "up"),
    "demo": ("cli_sync", "demo"),
}


class Commands(Group):
    """Loads the module of a command when the command is asked for, or listed with its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        found: Any = getattr(import_module(f"worker.{module}"), name)
        return found if isinstance(found, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PACKAGE, prog_name="hygiene")
@click.option("-v", "--verbose", is_flag=True, help="Show log lines, not only warnings.")
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    """Keeps the phone numbers in a company's CRMs right.

    Connect a CRM by environment variables (see the README), create our fields with `hygiene crm
    setup`, then `hygiene sync`. `hygiene demo` shows it all without any CRM.

    Exit codes: 0 done; 1 done with failures, or not to the end; 2 wrong usage or settings; 130
    stopped by Ctrl-C or a signal: a run keeps its place and can be resumed.
    """
    ctx.obj = verbose
