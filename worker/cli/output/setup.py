"""Show what `hygiene crm setup` did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from worker.cli.output.console import out


def show_steps(steps: Sequence[Any]) -> None:
    """Show what `crm setup` did: what is new or failed line by line, the rest as a number."""
    styles = {
        "created": "green", "changed": "green", "failed": "red", "offered": "cyan",
        "not checked": "yellow",
    }  # fmt: skip
    there = sum(step.done == "already there" for step in steps)
    for step in steps:
        if step.done != "already there":
            note_ = f"  {step.note}" if step.note else ""
            out.print(Text.assemble((step.done, styles[step.done]), f"  {step.what}{note_}"))
    if there:
        out.print(f"{there} of {len(steps)} steps were already done")
