"""Options that describe a list, shared by the commands of `hygiene` that read one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click


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
