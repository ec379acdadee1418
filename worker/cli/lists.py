"""Shared by commands that read a list: its argument, its layout, refused rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli.output import console

if TYPE_CHECKING:
    from worker.feedback.sources import files as lists

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def layout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --encoding, --delimiter and --sheet; the command receives them as `layout`."""

    @click.option("--encoding", default="", metavar="NAME",
                  help="Encoding of a text list, such as cp1250; detected by default.")  # fmt: skip
    @click.option("--delimiter", default="", metavar="CHAR",
                  help="Its delimiter, such as ';' or tab; detected by default.")  # fmt: skip
    @click.option("--sheet", default="", metavar="NAME",
                  help="Sheet of an .xlsx workbook; by default the first visible one.")  # fmt: skip
    @wraps(command)
    def with_layout(*args: Any, encoding: str, delimiter: str, sheet: str, **named: Any) -> Any:
        from connectors.csv_list.parser import Layout, parse_delimiter

        mark = parse_delimiter(delimiter) if delimiter else ""
        return command(*args, layout=Layout(encoding, mark, sheet), **named)

    return with_layout


def show_refused(bad: lists.Refusals) -> None:
    """Say why rows were refused: the first of them, and how many more there are."""
    for line in bad.first:
        console.error(line)
    if bad.count > len(bad.first):
        console.error(f"... and {bad.count - len(bad.first):,} more; see --refused")
