"""Write to a terminal: progress, tables, plain error lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text


def _console(stderr: bool = False) -> Console:
    """Return a console that never cuts or breaks lines for a pipe or a file; a terminal wraps them
    itself."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


out, err = _console(), _console(stderr=True)


STYLES = {
    "valid": "green",
    "invalid": "red",
    "unreachable": "yellow",
    "wrong_number": "red",
    "do_not_contact": "magenta",
    "unverified": "yellow",
    "done": "green",
    "done_with_failures": "yellow",
    "all_failed": "red",
    "stopped": "yellow",
    "failed": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "parked": "red",
}

_WORDS = {"done_with_failures": "done with failures", "all_failed": "all records failed"}


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def error(*lines: str) -> None:
    for line in lines:
        err.print(Text("error: ", style="bold red") + Text(line))


def info(line: str) -> None:
    err.print(Text(line, style="dim"))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:,.0f}/s", style="cyan")


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a bar with rate and remaining time on stderr, unless stderr is not a terminal."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
    with bar:
        yield bar


def move(bar: Progress, task: TaskID, done: float, total: float | None = None) -> None:
    bar.update(task, completed=done, total=total)


def styled(status: str | None) -> Text:
    text = _WORDS.get(status or "", status)
    return Text(text or "–", style=STYLES.get(status or "", "dim"))


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for column in columns:
        right = column.startswith(">")
        made.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            header_style="bold",
            overflow="fold",
        )
    return made


def show_table(made: Table) -> None:
    out.print(made, soft_wrap=False)


def rows(made: Table, entries: Sequence[Sequence[Any]]) -> Table:
    for entry in entries:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in entry))
    return made
