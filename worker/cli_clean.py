"""`hygiene clean`: a list on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from config import stopping
from worker import console
from worker.cli_base import Command, json_option, stops


@click.command(cls=Command)
@click.argument("source", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", required=True, metavar="OUT.csv",
              type=click.Path(path_type=Path), help="The new list.")  # fmt: skip
@click.option("--country", default="", help="Country of numbers without a country code, as US.")
@click.option("--phone-column", "phones", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--country-column", default="", metavar="NAME")
@json_option
def clean(
    source: Path, target: Path, country: str, phones: tuple[str, ...], country_column: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Check a list on disk: the same rows, with columns added. Needs no CRM and no server."""
    from worker.clean import clean as clean_list

    with stops(lambda: "stopped; nothing was written: run it again"), console.progress() as bar:
        size = source.stat().st_size if source.is_file() else None
        task = bar.add_task(f"checking {source.name}", total=size)

        def progress(length: int) -> None:
            bar.advance(task, length)
            stopping.check()

        summary = clean_list(
            source, target, phones, country_column, country,
            progress,
        )  # fmt: skip
    if as_json:
        console.print_json({"input": str(source), "output": str(target), **summary.as_json()})
    else:
        console.show_summary(summary, target)
    sys.exit(1 if summary.broken else 0)
