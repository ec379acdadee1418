"""What commands of `hygiene` share that read a list: the options that say how it is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click


def layout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--encoding, --delimiter and --sheet; the command is given them as `layout`."""

    @click.option("--encoding", default="", metavar="NAME",
                  help="Of a list of text, such as cp1250; seen by default.")  # fmt: skip
    @click.option("--delimiter", default="", metavar="CHAR",
                  help="Of a list of text, such as ';' or tab; likewise.")  # fmt: skip
    @click.option("--sheet", default="", metavar="NAME",
                  help="Of an .xlsx workbook; the first by default.")  # fmt: skip
    @wraps(command)
    def with_layout(*args: Any, encoding: str, delimiter: str, sheet: str, **named: Any) -> Any:
        from connectors.csvtext import Layout, parse_delimiter

        mark = parse_delimiter(delimiter) if delimiter else ""
        return command(*args, layout=Layout(encoding, mark, sheet), **named)

    return with_layout
