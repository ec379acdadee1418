"""What a long suppression list costs: `python -m bench.suppressions --entries N --contacts M`.

Imports N numbers by the command, and reports time and peak memory. Then it syncs all M contacts of
each CRM, with and without the list, by turns, and reports the ratio of CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.results import record
from bench.sync import stand_ins
from config.settings import load
from worker.store.engine import upgrade


def measure_command(env: dict[str, str], *args: str) -> tuple[float, float, float]:
    """Run a command; return its seconds, its CPU seconds, and its peak memory in MB."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", *args], env={**os.environ, **env},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, args
    seconds = time.monotonic() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.suppressions", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "list.txt"
        with listed.open("w", encoding="ascii") as file:
            for n in range(args.entries):
                file.write(f"+1{201 + n // 7_000_000 * 10}{2_000_000 + n % 7_000_000:07d}\n")
        homes = {name: Path(folder) / name for name in ("with", "without")}
        base = {name: {"HYGIENE_HOME": str(home), "DATABASE_URL": f"sqlite:///{home}/hygiene.db"}
                for name, home in homes.items()}  # fmt: skip
        for name in homes:
            homes[name].mkdir()
            upgrade(load(base[name]).database_url)
        seconds, cpu, peak = measure_command(
            base["with"], "suppressions", "import", str(listed), "--later"
        )
        size = (homes["with"] / "hygiene.db").stat().st_size / 2**20
        print(
            f"{args.entries:,} numbers imported in {seconds:.0f} s (CPU {cpu:.0f} s), "
            f"peak {peak:.0f} MB, database {size:.0f} MB"
        )
        rows = "rows of the list and their index"
        record("suppressions", "import", cpu / args.entries * 1e6, "µs of CPU a number", rows)
        record("suppressions", "import: memory", peak, "MB", "one batch of the file")
        costs: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(args.times):
            for name in costs:
                with stand_ins(args.contacts) as crm:
                    env = {**crm, **base[name]}
                    costs[name].append(measure_command(env, "sync", "--full")[1])
                    _clear_all_but_list(env)
        ratio = median(costs["with"]) / median(costs["without"])
        record("suppressions", "first sync with the list by one without", ratio, "times",
               "one look-up by index for each number")  # fmt: skip
        print(
            f"a first sync of {2 * args.contacts:,} contacts: CPU {median(costs['with']):.1f} s "
            f"with the list, {median(costs['without']):.1f} s without: {ratio:.3f} times"
        )


def _clear_all_but_list(env: dict[str, str]) -> None:
    """Delete everything but the list, so that the next sync is a first one again."""
    import sqlalchemy as sa

    from worker.store.engine import open_store
    from worker.store.tables import metadata

    store = open_store(env["DATABASE_URL"])
    with store.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in ("suppressions", "installation"):
                connection.execute(sa.delete(table))
    store.close()


if __name__ == "__main__":
    main()
