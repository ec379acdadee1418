"""Show what `hygiene clean` found in a list."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from worker.cli.output.console import err, out, rows, show_table, styled, table


def show_summary(summary: Any, target: Any, to_stderr: bool = False) -> None:
    """Show what `clean` found; on stderr if the list itself goes to standard output."""
    to = err if to_stderr else out
    to.print(f"{summary.rows:,} rows -> {target}")
    columns = ", ".join(summary.phone_columns)
    country = f"; country from {summary.country_column}" if summary.country_column else ""
    to.print(Text(f"  phone columns: {columns}{country}", style="dim"))
    statuses = table("status", ">fields")
    rows(statuses, [(styled(s), f"{n:,}") for s, n in summary.fields.most_common()])
    if summary.fields:
        show_table(statuses, to)
    if summary.broken:
        to.print(Text(f"{summary.broken:,} rows are malformed and were copied unchanged:", "red"))
        for entry in summary.broken_rows:
            to.print(Text(f"  line {entry['line']}: {entry['problem']}"))
        if summary.broken > len(summary.broken_rows):
            to.print(f"  ... and {summary.broken - len(summary.broken_rows):,} more")
