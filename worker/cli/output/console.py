"""Write to a terminal: progress, tables, plain error lines.

A terminal gets colours, a moving status line, sentences wrapped between words, and tables cut to
its width. A pipe or a file gets plain lines with their full text. `NO_COLOR` and `TERM=dumb` turn
colours off (https://no-color.org).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
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

_PIPE_WIDTH = 100_000  # columns; a line in a pipe is never cut or broken
_LEAST_WIDTH, _READABLE = 8, 16  # characters that a cut column keeps, and keeps if it can
_GAP = 2  # between two columns of a table


class WrappingConsole(Console):
    """Wraps a line between its words on a terminal, never within one: a link or an id that is
    longer than a line stays whole, to be copied. `soft_wrap=True` leaves a line as it is."""

    def print(self, *objects: Any, **options: Any) -> None:
        text = objects[0] if len(objects) == 1 else None
        if self.is_terminal and isinstance(text, str | Text) and "soft_wrap" not in options:
            if isinstance(text, str):
                text = self.render_str(text, markup=options.get("markup"))
            objects = (_wrapped(text, self.width),)
        super().print(*objects, **options)


def _wrapped(text: Text, width: int) -> Text:
    """Break lines before words that do not fit; what follows is indented like its line."""
    broken = []
    for line in text.split("\n", allow_blank=True):
        indent = len(line.plain) - len(line.plain.lstrip())
        offsets, column = [], 0
        for match in re.finditer(r"^\s*\S+\s*|\S+\s*", line.plain):
            if column > indent and column + cell_len(match[0].rstrip()) > width:
                offsets.append(match.start())
                column = indent
            column += cell_len(match[0])
        first, *others = line.divide(offsets)
        broken += [first, *(Text(" " * indent) + other for other in others)]
    for line in broken[:-1]:
        line.rstrip()
    return Text("\n").join(broken)


def _console(stderr: bool = False) -> Console:
    """Return a console that never cuts or breaks lines for a pipe or a file."""
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream is not None and stream.isatty()
    plain = not is_terminal or bool(os.environ.get("NO_COLOR"))
    plain = plain or os.environ.get("TERM") in ("dumb", "unknown")
    return WrappingConsole(
        stderr=stderr,
        highlight=False,
        soft_wrap=True,
        width=None if is_terminal else _PIPE_WIDTH,
        color_system=None if plain else "auto",
        force_terminal=is_terminal,  # FORCE_COLOR colours no pipe
    )


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
        disable=not _can_redraw(),
        transient=True,
    )
    with bar:
        yield bar


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a moving line on stderr while something of unknown length goes on; nothing in a pipe."""
    if not _can_redraw():
        yield
        return
    with err.status(text):
        yield


def _can_redraw() -> bool:
    return err.is_terminal and not err.is_dumb_terminal


def move(bar: Progress, task: TaskID, done: float, total: float | None = None) -> None:
    bar.update(task, completed=done, total=total)


def styled(status: str | None) -> Text:
    text = _WORDS.get(status or "", status)
    return Text(text or "–", style=STYLES.get(status or "", "dim"))


class FittedTable(Table):
    """A table that `show_table` fits to the terminal. Columns by their place: `cut` are cut first,
    `spare` are left out before others are cut, `whole` are never cut."""

    cut: list[int]
    spare: list[int]
    whole: list[int]


def table(*columns: str) -> FittedTable:
    """Return an empty table. Marks before a column's name say how it is shown.

    `>`: aligned right, for numbers. `~`: cut first where the terminal is narrow. `?`: left out
    where even that is not enough. `=`: prose that says what to do, so it is wrapped, never cut.
    `!`: never cut, such as an id that somebody copies.
    """
    fitted = FittedTable(pad_edge=False, box=None, padding=(0, _GAP, 0, 0))
    fitted.cut = [place for place, column in enumerate(columns) if "~" in column[:2]]
    fitted.spare = [place for place, column in enumerate(columns) if "?" in column[:2]]
    fitted.whole = [place for place, column in enumerate(columns) if "!" in column[:2]]
    for column in columns:
        fitted.add_column(
            column.lstrip(">~?=!"),
            justify="right" if ">" in column[:2] else "left",
            header_style="bold",
            overflow="fold" if "=" in column[:2] else "ellipsis",
            no_wrap="=" not in column[:2],
        )
    return fitted


def show_table(fitted: FittedTable, to: Console | None = None) -> None:
    """Print a table, one line for each row. A terminal narrower than the table gets cut columns,
    which end in an ellipsis; a pipe gets the full text."""
    console = to or out
    if console.is_terminal:
        _fit(fitted, console.width)
    console.print(fitted, soft_wrap=False)


def _fit(fitted: FittedTable, room: int) -> None:
    """Set the widths of columns so that the table is no wider than `room`."""
    widths = [
        max(
            cell_len(part.plain if isinstance(part, Text) else str(part))
            for part in (column.header, *column.cells)
        )
        for column in fitted.columns
    ]
    # rich makes room for a column of nothing, and cuts others for it
    hidden = {place for place, width in enumerate(widths) if not width}

    def excess(cut_to: int) -> int:
        shown = [
            min(width, cut_to) if place in fitted.cut else width
            for place, width in enumerate(widths)
            if place not in hidden
        ]
        return sum(shown) + _GAP * len(shown) - room  # rich counts one after the last

    for place in reversed(fitted.spare):
        if excess(_READABLE) > 0:
            hidden.add(place)
    wrapped = [place for place, column in enumerate(fitted.columns) if not column.no_wrap]
    others = [
        place
        for place, column in enumerate(fitted.columns)
        if column.justify == "left" and place not in fitted.whole
    ]
    others.sort(key=lambda place: -widths[place])
    least = dict.fromkeys(fitted.cut, _READABLE) | dict.fromkeys(wrapped, 2 * _READABLE)
    for places in ([*fitted.cut, *wrapped], fitted.cut, others):
        for place in places:
            floor = least.pop(place, _LEAST_WIDTH)
            if place not in hidden and (over := excess(10**6)) > 0:
                widths[place] = min(widths[place], max(floor, widths[place] - over))
    for place, width in enumerate(widths):
        fitted.columns[place].width = width
    fitted.columns = [column for place, column in enumerate(fitted.columns) if place not in hidden]
    for place, column in enumerate(fitted.columns):  # rich tells the last column by this number
        column._index = place


def rows(fitted: FittedTable, entries: Sequence[Sequence[Any]]) -> FittedTable:
    for entry in entries:
        fitted.add_row(*(_cell(value) for value in entry))
    return fitted


def _cell(value: Any) -> Text:
    """Return a value as one line of text."""
    return value if isinstance(value, Text) else Text(" ".join(str(value).splitlines()))
