"""What the `hygiene` command shows in a terminal: progress, tables, plain error lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
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

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

STYLES = {
    "valid": "green", "invalid": "red", "unreachable": "yellow", "wrong_number": "red",
    "do_not_contact": "magenta", "unverified": "yellow", "done": "green", "failed": "red",
    "running": "cyan", "cancelled": "yellow", "parked": "red",
}  # fmt: skip


def print_json(document: Any) -> None:
    """One JSON document on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def complain(*lines: str) -> None:
    for line in lines:
        err.print(Text("error: ", style="bold red") + Text(line))


def note(line: str) -> None:
    err.print(Text(line, style="dim"))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:,.0f}/s", style="cyan")


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar with rate and time left, on stderr; quiet where stderr is not a terminal."""
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
    return Text(status or "–", style=STYLES.get(status or "", "dim"))


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left",
                        header_style="bold", overflow="fold")  # fmt: skip
    return made


def _count(number: int) -> str:
    return f"{number:,}"


def show_result(result: Mapping[str, Any]) -> None:
    """A run's outcome in a few lines."""
    counts = result["contacts"]
    dry = " (dry run: nothing was written)" if result["dry_run"] else ""
    line = Text.assemble(
        (result["connector"], "bold"), f"  run {result['run']}  ", styled(result["state"]),
        f"  in {result['seconds']:.1f} s{dry}",
    )  # fmt: skip
    out.print(line)
    would = "would change" if result["dry_run"] else "changed"
    parts = [f"{_count(counts['read'])} contacts read", f"{_count(counts['changed'])} {would}"]
    if not result["dry_run"]:
        parts.append(f"{_count(counts['written'])} written")
    if counts["failed"]:
        parts.append(f"[red]{_count(counts['failed'])} failed[/red]")
    if counts["gone"]:
        parts.append(f"{_count(counts['gone'])} gone meanwhile")
    out.print("  " + ", ".join(parts))
    if result["fields"]:
        statuses = sorted(result["fields"].items(), key=lambda entry: -entry[1])
        listed = Text("  phone fields: ")
        for place, (status, number) in enumerate(statuses):
            listed.append(", " if place else "")
            listed.append(f"{_count(number)} ").append_text(styled(status))
        out.print(listed)
    calls = result["api_calls"]
    out.print(
        f"  API calls: {calls['read']} read, {calls['write']} write, {calls['other']} other"
    )
    for name, lookup in result["lookups"].items():
        if lookup["asked"] or lookup["reused"]:
            cost = f", cost {lookup['cost']:.2f}" if lookup["cost"] else ""
            failed = f", {lookup['failed']} without an answer" if lookup["failed"] else ""
            out.print(
                f"  {name}: {_count(lookup['asked'])} asked, "
                f"{_count(lookup['reused'])} known already{failed}{cost}"
            )
    for line_ in result["notes"]:
        out.print(Text(f"  note: {line_}", style="yellow"))
    if result["error"]:
        out.print(Text(f"  {result['error']}", style="red"))


def rows(made: Table, entries: Sequence[Sequence[Any]]) -> Table:
    for entry in entries:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in entry))
    return made
