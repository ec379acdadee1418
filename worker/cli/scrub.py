"""`hygiene scrub`: may these numbers be called or texted now?"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from config import temporary
from worker.cli.base import Command, json_option
from worker.cli.choices import Choice
from worker.cli.common import open_context, user_name
from worker.cli.lists import layout_options
from worker.cli.output import console

if TYPE_CHECKING:
    from connectors.csv_list.parser import Layout
    from worker.context import Context
    from worker.scrub.files import ListedNumbers
    from worker.scrub.scrub import Scrub

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)


@click.command(
    "scrub", cls=Command,
    examples=[
        "hygiene scrub campaign.csv --channel call --country US -o checked.csv",
        "hygiene scrub campaign.csv --country US --check scrub_0123456789abcdef",
    ],
)  # fmt: skip
@click.argument("file", type=_FILE, metavar="FILE|-")
@click.option("-o", "--output", "target", default=None, type=click.Path(path_type=Path),
              metavar="OUT.csv", help="Write the list with the answers to this file.")  # fmt: skip
@click.option("--channel", default="call", show_default=True, type=Choice(["call", "text"]),
              help="What the numbers are for.")  # fmt: skip
@click.option("--column", default="", metavar="NAME",
              help="Name or position of the column that holds the numbers.")  # fmt: skip
@click.option("--country", default="",
              help="Country of numbers without a country code, such as US.")  # fmt: skip
@click.option("--country-column", default="", metavar="NAME",
              help="The column that holds the country of each row.")  # fmt: skip
@click.option(
    "--check",
    "certificate",
    default=None,
    metavar="CERTIFICATE",
    help="Only say whether this is the list of a certificate, and what was answered.",
)
@layout_options
@json_option
def scrub(  # a parameter for each of its options
    file: Path, target: Path | None, channel: Any, column: str, country: str, country_column: str,
    certificate: str | None, layout: Layout, as_json: bool,
) -> None:  # fmt: skip
    """Check which numbers may be called or texted now.

    For each number of a list, says whether it may be contacted, if not why and since when, and
    how long the answer may be used.

    It costs nothing and calls no outside service. A certificate of what was asked and
    answered is kept.
    """
    from worker.phones import region_of
    from worker.scrub.files import Columns, ListedNumbers

    region = region_of(country) if country else ""
    if region is None:
        raise click.UsageError(f"--country: {country!r} is not a known country; write US or DE")
    columns = Columns(column, country_column, region)
    with _readable(file) as path, open_context() as ctx:
        listed = ListedNumbers(path, channel, columns, layout, console.info)
        if certificate is not None:
            _check(ctx, listed, certificate, as_json)
            return
        with _written(target) as out:
            _scrub(ctx, listed, channel, out, as_json)


def _scrub(
    ctx: Context, listed: ListedNumbers, channel: str, out: IO[str] | None, as_json: bool
) -> None:
    from worker.scrub.hours import calling_hours
    from worker.scrub.scrub import Scrub

    run = Scrub(ctx, user_name(), channel, calling_hours(ctx))
    streams_json = as_json and out is None
    if streams_json:
        click.echo('{"results": [', nl=False)
    _write_answers(run, listed, out, streams_json)
    summary = {
        "certificate": run.certify(),
        "channel": channel,
        "numbers": run.tally.numbers,
        **run.tally.counts,
        "registries": list(run.tally.registries.values()),
    }
    if streams_json:
        click.echo("], " + json.dumps(summary)[1:])
    elif as_json:
        console.print_json(summary)
    else:
        _show(summary)


def _write_answers(
    run: Scrub, listed: ListedNumbers, out: IO[str] | None, streams_json: bool
) -> None:
    """Write the answers as they come: to the file, or else to standard output."""
    from collections import deque

    from worker.scrub.files import answer_line, header_line
    from worker.scrub.model import Question

    rows: deque[Any] = deque()  # of the questions that are not answered yet

    def questions() -> Iterator[Question]:
        for cells, question in listed:
            rows.append(cells)
            yield question

    def write(line: str) -> None:
        if out is None:
            click.echo(line, nl=False)
        else:
            out.write(line)

    begun = False
    for answer in run.answer(questions()):
        cells = rows.popleft()
        if streams_json:
            click.echo((", " if begun else "") + json.dumps(answer.as_json()), nl=False)
        else:
            if not begun:
                write(header_line(listed.header))
            write(answer_line(cells, listed.header, answer))
        begun = True
    if not begun and not streams_json:
        write(header_line(listed.header))


def _check(ctx: Context, listed: ListedNumbers, certificate: str, as_json: bool) -> None:
    from worker.scrub import certificates
    from worker.scrub.scrub import is_list_of

    same = is_list_of(ctx, certificate, listed.questions())
    found = certificates.load(ctx, certificate)
    if as_json:
        console.print_json({"same_list": same, "certificate": found})
    else:
        answer = "this is the list of" if same else "this is not the list of"
        console.out.print(f"{answer} {certificate}")
        console.out.print(
            f"{found['numbers']:,} numbers for {found['who']} on {found['at']}: "
            f"{found['counts']['allowed']:,} allowed, {found['counts']['denied']:,} denied"
        )
        for reason, count in found["counts"]["reasons"].items():
            console.out.print(f"  {reason}: {count:,}")
        if not found["authentic"]:
            console.error("the certificate was changed after it was issued")
    sys.exit(0 if same and found["authentic"] else 1)


def _show(summary: dict[str, Any]) -> None:
    console.info(
        f"{summary['numbers']:,} numbers: {summary['allowed']:,} allowed, "
        f"{summary['denied']:,} denied for {summary['channel']}; "
        f"certificate {summary['certificate']}"
    )
    for reason, count in summary["reasons"].items():
        console.info(f"  {reason}: {count:,}")
    for registry in summary["registries"]:
        if registry["stale"]:
            console.error(f"registry {registry['name']} is stale; import a newer file")


@contextmanager
def _readable(file: Path) -> Iterator[Path]:
    """Yield the file; standard input as a temporary one, since its form is looked at first."""
    if str(file) != "-":
        yield file
        return
    with temporary.folder() as folder:
        path = folder / "standard input"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path


@contextmanager
def _written(target: Path | None) -> Iterator[IO[str] | None]:
    """Yield a file that takes the place of `target` once it is whole; None for no target."""
    from connectors.csv_list.errors import ListError

    if target is None:
        yield None
        return
    part = target.with_name(target.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise ListError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
