"""How a sync does as the database grows: `python -m bench.millions --millions 10`.

The first million contacts come by a first sync; each further million is new in the CRM, and comes
by the sync of what has changed. The stand-in holds one million at a time (people and ids follow
from their number), in a process of its own, and ours works in another, so that each million starts
with the same memory. For each it reports the CPU of our process a contact, its memory, API calls
and the size of the database.

It uses SQLite in `--home`, or a fresh database on the server of BENCH_POSTGRES_URL. `--size` makes
the steps smaller than a million.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.results import record
from bench.workers import database
from config.settings import load
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from worker.context import Context
from worker.store.engine import upgrade
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope

MILLION = 1_000_000
_LIMIT = "rows in the database; then reading phone fields and deciding"


def stand_in(crm: str, behind: int, count: int) -> None:
    """Be the CRM with `count` people, those behind the first `behind`, until SIGTERM."""
    if crm == "salesforce":
        org, portal = Org(count, 0, behind=behind), Portal(0)
    else:
        org, portal = Org(0, 0), Portal(count, behind=behind)
    sandbox = Sandbox(SalesforceService(org), HubSpotService(portal))
    sandbox.begin()
    wanted = {name: url for name, url in sandbox.env().items() if name.startswith(crm.upper())}
    print(json.dumps(wanted), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # it would free the records one by one
    signal.pause()


def sync(crm: str, kind: str) -> None:
    """Sync in this process, and print what it took."""
    ctx = Context.create(load())
    started, cpu = time.monotonic(), time.process_time()
    run = lifecycle.open_run(ctx, crm, Scope("everything" if kind == "everything" else "changed"))
    run_to_completion(ctx, run)
    spent = time.process_time() - cpu
    result = report.result(ctx, run)
    ctx.close()
    print(json.dumps({
        "contacts": result["contacts"], "cpu": spent, "wall": time.monotonic() - started,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "calls": sum(result["api_calls"].values()),
    }))  # fmt: skip


def _module(*args: str) -> list[str]:
    return [sys.executable, "-m", "bench.millions", *args]


@contextmanager
def crm_with(crm: str, behind: int, count: int) -> Iterator[dict[str, str]]:
    process = subprocess.Popen(
        _module("--stand-in", crm, str(behind), str(count)), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(60)


def size_of(url: str) -> int:
    """The size of the database in bytes."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            query = "SELECT pg_database_size(current_database())"
            return int(connection.exec_driver_sql(query).scalar_one())
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def measure(crm: str, millions: int, size: int, home: Path, url: str) -> None:
    settings = load({"HYGIENE_HOME": str(home), "DATABASE_URL": url})
    upgrade(settings.database_url)
    print(f"{'contacts':>12} {'CPU':>8} {'wall':>8} {'memory':>8} {'calls':>8} {'database':>10}")
    before = 0
    for step in range(millions):
        with crm_with(crm, step * size, size) as env:
            kind = "changed" if step else "everything"
            done = subprocess.run(
                _module("--sync", crm, kind), stdout=subprocess.PIPE, text=True, check=True,
                env={**os.environ, **env, "HYGIENE_HOME": str(home), "DATABASE_URL": url},
            )  # fmt: skip
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        read = result["contacts"]["read"]
        assert read == size, f"{read} of {size} contacts were read"
        now = size_of(settings.database_url)
        micros = result["cpu"] / read * 1e6
        print(
            f"{(step + 1) * size:12,} {micros:5.0f} µs {result['wall']:6.0f} s "
            f"{result['memory']:5.0f} MB {result['calls']:8,} {now / 1e9:7.2f} GB "
            f"({(now - before) / read:.0f} bytes a contact; {result['contacts']})",
            flush=True,
        )
        name = f"{crm}, {(step + 1) * size:,}th contact"
        record("millions", f"{name}: CPU", micros, "µs a contact", _LIMIT)
        record("millions", f"{name}: database", now / 1e9, "GB", "what is stored of a contact")
        before = now


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.millions", description=__doc__)
    parser.add_argument("--crm", choices=("salesforce", "hubspot"), default="salesforce")
    parser.add_argument("--millions", type=int, default=10)
    parser.add_argument("--size", type=int, default=MILLION, help="contacts of a step")
    parser.add_argument("--home", type=Path, help="where the database grows; an empty folder")
    parser.add_argument("--stand-in", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--sync", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stand_in:
        stand_in(args.stand_in[0], *map(int, args.stand_in[1:]))
    elif args.sync:
        sync(*args.sync)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            home = args.home or Path(temporary)
            home.mkdir(parents=True, exist_ok=True)
            with database(str(home)) as url:
                measure(args.crm, args.millions, args.size, home, url)


if __name__ == "__main__":
    main()
