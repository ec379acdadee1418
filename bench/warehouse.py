"""What an export to Parquet files costs: `python -m bench.warehouse --contacts N`.

A database of N contacts (`bench.big_database`), exported three times, each in a process of its own:
all of it, with nothing changed, and with every hundredth contact changed. The database is SQLite,
or the one of `--database`, which has to be empty.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.big_database import fill
from bench.results import record
from config.settings import load
from worker.context import Context
from worker.store.engine import open_store, upgrade
from worker.store.tables import contacts

_LIMIT = "fetching rows from the database, and a hash of each in Python"


def measure(directory: Path) -> dict[str, Any]:
    """Export in this process."""
    from worker.ops.warehouse.export import export

    ctx = Context.create(load())
    keys = ctx.keys
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    started, cpu = time.monotonic(), time.process_time()
    summary = export(ctx.store, keys, directory, ctx.now())
    took, spent = time.monotonic() - started, time.process_time() - cpu
    ctx.close()
    return {
        "rows": sum(counts.rows for counts in summary.datasets.values()),
        "written": sum(counts.written for counts in summary.datasets.values()),
        "wall": took, "cpu": spent, "before": before,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def change_some(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        if connection.dialect.name == "sqlite":
            some = sa.text("rowid % 100 = 0")
        else:
            some = sa.text("hashtext(record_id) % 100 = 0")
        connection.execute(sa.update(contacts).where(some).values(source="Changed"))
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.warehouse", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="an empty one; SQLite by default")
    parser.add_argument("--isolated", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.isolated:
        print(json.dumps(measure(args.isolated)))
        return
    with tempfile.TemporaryDirectory() as home:
        url = args.database or f"sqlite:///{home}/hygiene.db"
        upgrade(url)
        fill(url, args.contacts, 0.1)
        env = {**os.environ, "HYGIENE_HOME": home, "DATABASE_URL": url, "SECRET_KEY": "bench"}
        target = Path(home) / "warehouse"
        print(f"{args.contacts:,} contacts")
        for name in ("all of it", "nothing changed", "one in a hundred changed"):
            if name.startswith("one"):
                change_some(url)
            done = subprocess.run(
                [sys.executable, "-m", "bench.warehouse", "--isolated", str(target)],
                env=env, stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1])
            size = sum(path.stat().st_size for path in target.rglob("*.parquet")) / 2**20
            print(
                f"{name:26} {found['rows']:,} rows, {found['written']:,} written: "
                f"{found['wall']:.1f} s, CPU {found['cpu']:.1f} s, {found['memory']} MB "
                f"({found['before']} before), files {size:.0f} MB",
                flush=True,
            )
            cpu = found["cpu"] / found["rows"] * 1e6
            record("warehouse", f"export, {name}", cpu, "µs of CPU a row", _LIMIT)
            record("warehouse", f"export, {name}: memory", found["memory"], "MB",
                   "row groups of 10,000 rows; it does not grow with the tables")  # fmt: skip


if __name__ == "__main__":
    main()
