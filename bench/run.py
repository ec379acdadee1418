"""All benches in one run, on one machine, in under 20 minutes: `make bench`.

Each bench is a process of its own, at a size that fits. The figures go to `bench/results.json`,
with what limits each and the facts of the machine; `python -m bench.report` writes the table of
docs/performance.md from it. A bench for which there is no time left is skipped, and says so.

`--note TEXT` stands above the table: "trial" where the machine was not quiet. `--scale 0.1` makes
each bench a tenth as large, to see that all of them work.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bench import results
from bench.results import Results

SECONDS = 19 * 60.0
# In this order; with what makes each short enough.
BENCHES: tuple[tuple[str, ...], ...] = (
    ("sync", "--contacts", "20000"),
    ("peers", "--contacts", "10000"),
    ("phones",),
    ("clean",),
    ("lookups",),
    ("warehouse", "--contacts", "200000"),
    ("limits", "--contacts", "40000"),
    ("workers", "--contacts", "8000"),
    ("reports", "--contacts", "4000", "--reports", "200", "--outage", "10", "--busy"),
    ("suppressions", "--entries", "200000", "--contacts", "5000", "--times", "1"),
    ("pages", "--contacts", "100000", "--years", "0.5", "--rounds", "2"),
)


_SIZES = ("--contacts", "--entries", "--reports")


def scaled(arguments: Sequence[str], scale: float) -> list[str]:
    """Arguments with each size multiplied.

    >>> scaled(["--contacts", "4000", "--times", "1"], 0.1)
    ['--contacts', '400', '--times', '1']
    """
    return [
        str(int(int(word) * scale)) if place and arguments[place - 1] in _SIZES else word
        for place, word in enumerate(arguments)
    ]


def run_one(name: str, arguments: Sequence[str], recorded: Path, seconds: float) -> str:
    """Run a bench; returns why it has no figures, or not all: "" if it has."""
    if seconds <= 0:
        return "the time was up before it began"
    process = subprocess.Popen(
        [sys.executable, "-m", f"bench.{name}", *arguments],
        env={**os.environ, "BENCH_RESULTS": str(recorded)}, start_new_session=True,
    )  # fmt: skip
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return "the time was up while it ran"
    except KeyboardInterrupt:
        _end(process)
        raise
    return "" if code == 0 else f"it ended with exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a bench and what it has started, which is in its process group."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--only", action="append", metavar="BENCH", help="may be repeated")
    parser.add_argument("--note", default="", help="stands above the table")
    parser.add_argument("--scale", type=float, default=1.0, help="of each size")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("-o", "--output", type=Path, default=results.RESULTS)
    args = parser.parse_args()
    machine, started = results.machine(), time.monotonic()
    at, skipped = datetime.now(UTC), {}
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "figures"
        for name, *sizes in BENCHES:
            if args.only and name not in args.only:
                continue
            arguments = scaled(sizes, args.scale)
            print(f"\n== {name} {' '.join(arguments)}", flush=True)
            left = args.seconds - (time.monotonic() - started)
            if why := run_one(name, arguments, recorded, left):
                skipped[name] = why
                print(f"{name}: {why}", flush=True)
        figures = results.recorded(recorded)
    skipped |= {figure.name: figure.limit for figure in figures if figure.unit == "skipped"}
    measured = [figure for figure in figures if figure.unit != "skipped"]
    seconds = round(time.monotonic() - started, 1)
    results.write(
        args.output,
        Results(at.isoformat(timespec="seconds"), args.note, machine, seconds, measured, skipped),
    )
    print(f"\n{len(measured)} figures in {seconds:.0f} s: {args.output}")


if __name__ == "__main__":
    main()
