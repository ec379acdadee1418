"""Show what a look through a CRM's schema found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from connectors.schema_scan import ScannedField, ScannedObject
from worker.cli.output import console


def scan_json(found: Sequence[ScannedObject], toml: str, calls: int) -> dict[str, Any]:
    return {
        "objects": [
            {
                "object": of.object,
                "records": of.records,
                "fields": [
                    {
                        "name": field.name, "label": field.label, "filled": field.filled,
                        "watched": field.watched, "proposed": field.proposed,
                        "left_aside": field.left_aside,
                    }
                    for field in of.fields
                ],
            }
            for of in found
            if not of.problem
        ],
        "problems": [
            {"object": of.object, "problem": of.problem} for of in found if of.problem
        ],
        "toml": toml,
        "api_calls": calls,
    }  # fmt: skip


def show_scan(connector: str, found: Sequence[ScannedObject], toml: str, calls: int) -> None:
    """Print the fields as a table, what could not be read, and settings to paste."""
    table = console.table("!field", "~label", ">records with one", "=state")
    rows = [
        (f"{of.object}.{field.name}", field.label, _filled(field, of), _state(field))
        for of in found
        for field in of.fields
    ]
    if rows:
        console.rows(table, rows)
        console.show_table(table)
    else:
        console.out.print(f"{connector}: no phone fields were found")
    for of in found:
        if of.problem:
            console.out.print(Text(f"{of.object}: {of.problem}", style="yellow"))
    if toml:
        console.info("to watch the proposed fields, put this into the TOML file; then run: "
                     f"hygiene crm setup {connector}")  # fmt: skip
        console.out.print(Text(toml))
    console.info(f"{calls} API calls")


def _filled(field: ScannedField, of: ScannedObject) -> str:
    if field.filled is None:
        return "?"
    return f"{field.filled:,}" + (f" of {of.records:,}" if of.records is not None else "")


def _state(field: ScannedField) -> str:
    if field.watched:
        return "watched"
    return field.left_aside or ("proposed" if field.proposed else "empty: not proposed")
