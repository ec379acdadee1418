"""What `hygiene clean` costs against a bare loop: `python -m bench.clean --rows N`.

A list of N rows with one phone column, as people type them. Bare: `csv` in and out, and parse,
is_valid_number, number_type and format_number of `phonenumbers` once for each distinct value. Ours:
the command itself, in a process of its own like the bare loop; CPU with all its processes.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import phonenumbers

from bench.results import record
from sandbox.population import people

_DISTINCT = 200_000  # people; a longer list repeats their numbers with other names


def write_list(path: Path, rows: int) -> None:
    phones = [(p.country, p.phones[0] or p.phones[1]) for p in people(5, min(rows, _DISTINCT))]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "Name", "Country", "Phone"])
        for number in range(rows):
            country, phone = phones[number % len(phones)]
            writer.writerow([number, f"Person {number}", country, phone])


def baseline(source: Path, target: Path) -> None:
    seen: dict[str, list[str]] = {}
    with (
        source.open(newline="", encoding="utf-8") as lines,
        target.open("w", newline="", encoding="utf-8") as out,
    ):
        reader, writer = csv.reader(lines), csv.writer(out)
        writer.writerow([*next(reader), "status", "e164", "type"])
        for row in reader:
            text = row[3]
            if text not in seen:
                seen[text] = _checked(text)
            writer.writerow(row + seen[text])


def _checked(text: str) -> list[str]:
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return ["invalid" if text else "", "", ""]
    valid = phonenumbers.is_valid_number(number)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return ["valid" if valid else "invalid", e164, str(phonenumbers.number_type(number))]


def measure_command(*command: str) -> tuple[float, float, int]:
    """Run a command; return its CPU and wall seconds, and the peak memory (MB) of a process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - started, after.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.clean", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--baseline", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.baseline:
        baseline(*args.baseline)
        return
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "list.csv", Path(folder) / "out.csv"
        write_list(source, args.rows)
        # The smaller process first: what is measured of memory is the most of any so far.
        low = measure_command("bench.clean", "--baseline", str(source), str(target))
        high = measure_command("worker", "clean", str(source), "-o", str(target), "--force",
                        "--country", "US")  # fmt: skip
        lines = sum(1 for _ in target.open(encoding="utf-8"))
    assert lines == args.rows + 1
    print(f"{os.cpu_count()} cores, {args.rows:,} rows")
    for name, (cpu, wall, memory) in (("bare loop", low), ("hygiene clean", high)):
        print(f"{name:14} {cpu / args.rows * 1e6:6.1f} us CPU a row, {wall:6.1f} s, {memory} MB, "
              f"{cpu / wall:.2f} cores")  # fmt: skip
        limit = "reading each distinct number once"
        record("clean", name, cpu / args.rows * 1e6, "µs of CPU a row", limit)
    print(f"ratio {high[0] / low[0]:.2f} of CPU, {low[1] / high[1]:.2f} times as fast")


if __name__ == "__main__":
    main()
