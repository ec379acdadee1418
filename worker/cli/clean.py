"""`hygiene clean`: a list on disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from config import stopping
from worker.cli.base import Command, json_option, stoppable
from worker.cli.lists import layout_options
from worker.cli.output import console
from worker.cli.output.lists import show_summary

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout


@click.command(cls=Command, examples=["hygiene clean contacts.csv -o checked.csv --country US"])
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", required=True, metavar="OUT",
              type=click.Path(path_type=Path),
              help="The new list: a workbook if the name ends in .xlsx, else text; - is "
              "standard output.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@click.option(
    "--country", default="", help="Country of numbers without a country code, such as US."
)
@click.option("--phone-column", "phones", multiple=True, metavar="NAME",
              help="Name or position (from 1) of a phone column; repeatable.")  # fmt: skip
@click.option("--country-column", default="", metavar="NAME",
              help="Name or position of the country column.")  # fmt: skip
@click.option("--no-header", is_flag=True, help="The first row is a contact, not column names.")
@layout_options
@json_option
def clean(  # a parameter for each of its options
    source: Path, target: Path, force: bool, country: str, phones: tuple[str, ...],
    country_column: str, no_header: bool, layout: Layout, as_json: bool,
) -> None:  # fmt: skip
    """Check a list on disk and add columns with the results.

    The rows stay as they are. Needs no CRM and no server.

    FILE is CSV in any encoding, or an .xlsx workbook; - is standard input.
    """
    from dataclasses import replace

    from worker.lists.clean import CleanOptions
    from worker.lists.clean import clean as clean_list
    from worker.lists.files import STANDARD

    if as_json and target == STANDARD:
        raise click.UsageError("--json and -o - would both write to standard output; name a file")
    rows = "; the list written so far is incomplete" if target == STANDARD else ""
    again = f"stopped{rows or '; nothing was written'}: run it again"
    with stoppable(lambda: again), console.progress() as bar:
        is_text = source.is_file() and source.suffix.lower() != ".xlsx"
        task = bar.add_task(
            f"checking {source.name}", total=source.stat().st_size if is_text else None
        )

        def progress(length: int) -> None:
            bar.advance(task, length)
            stopping.check()

        options = CleanOptions(
            phones, country_column, country, replace(layout, header=not no_header), force
        )
        summary = clean_list(source, target, options, progress)
    for line in summary.notes:
        console.info(line)
    if as_json:
        console.print_json({"input": str(source), "output": str(target), **summary.as_json()})
    else:
        show_summary(summary, target, to_stderr=target == STANDARD)
    sys.exit(1 if summary.broken else 0)
