"""Write the table of docs/performance.md from `bench/results.json`: `python -m bench.report`.

The block between the two markers is this script's: no figure in it is typed by hand.
"""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path
from textwrap import fill

from bench import results
from bench.results import Figure, Results

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN = "<!-- written by python -m bench.report -->"
END = "<!-- end of what python -m bench.report writes -->"


def value(figure: Figure) -> str:
    """A figure with three digits, or all before the point.

    >>> value(Figure("b", "n", 1234.5, "calls", "l")), value(Figure("b", "n", 0.2861, "x", "l"))
    ('1,234', '0.286')
    """
    number = figure.value
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2 if abs(number) >= 1 else 3
    text = f"{number:,.{digits}f}"
    return text if figure.value != int(figure.value) else f"{int(figure.value):,}"


def block(found: Results) -> str:
    """The text between the markers."""
    m = found.machine
    lines = [
        f"{found.at[:10]}, commit `{m.commit}`, {found.seconds / 60:.0f} minutes in one run.",
        *(["", fill(f"**{found.note}**", 100)] if found.note else []),
        "",
        f"- {m.cpu}, {m.cores} cores, {m.memory_gb:g} GB, {m.system}",
        f"- Python {m.python}, SQLite {m.sqlite}, PostgreSQL {m.postgresql}",
        f"- load of the machine before the start: {m.load:g}",
        "",
        "| bench | figure | | unit | what limits it |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for bench, figures in groupby(found.figures, key=lambda figure: figure.bench):
        for place, figure in enumerate(figures):
            name = f"`{bench}`" if place == 0 else ""
            row = (name, figure.name, value(figure), figure.unit, figure.limit)
            lines.append(f"| {' | '.join(row)} |")
    if found.skipped:
        lines += ["", "Not measured in this run:", ""]
        lines += [f"- {name}: {why}" for name, why in found.skipped.items()]
    return "\n".join(lines)


def with_block(document: str, text: str) -> str:
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the markers are missing: put {BEGIN} and {END} into the document")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=results.RESULTS)
    args = parser.parse_args()
    document = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(with_block(document, block(results.read(args.results))), "utf-8")
    print(f"{DOCUMENT.name} is up to date")


if __name__ == "__main__":
    main()
