"""Show what `hygiene clean` found in a list."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from worker.cli.output.console import err, out, rows, show_table, styled, table


def show_summary(summary: Any, target: Any, to_stderr: bool = False) -> None:
    """Show what `clean` found; on stderr if the list itself goes to standard output."""
    to = err if to_stderr else out
    to.print(f"{_rows(summary.rows)} -> {'standard output' if to_stderr else target}")
    columns = ", ".join(summary.phone_columns)
    country = f"; country from {summary.country_column}" if summary.country_column else ""
    to.print(Text(f"  phone columns: {columns}{country}", style="dim"))
    statuses = table("status", ">fields")
    rows(statuses, [(styled(s), f"{n:,}") for s, n in summary.fields.most_common()])
    if summary.fields:
        show_table(statuses, to)
    if summary.padded:
        have = "has" if summary.padded == 1 else "have"
        to.print(f"{_rows(summary.padded)} {have} fewer cells than the header; the rest is empty")
    if summary.broken:
        are = "is malformed and was" if summary.broken == 1 else "are malformed and were"
        to.print(Text(f"{_rows(summary.broken)} {are} copied unchanged:", "red"))
        for entry in summary.broken_rows:
            to.print(Text(f"  line {entry['line']}: {entry['problem']}"))
        if summary.broken > len(summary.broken_rows):
            to.print(f"  ... and {summary.broken - len(summary.broken_rows):,} more")


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
