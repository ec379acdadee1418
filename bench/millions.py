"""How a sync does as the database grows: `python -m bench.millions --millions 10`.

Salesforce: the first million contacts come by a first sync; each further million is new in the CRM,
and comes by the sync of what has changed. The stand-in holds one million at a time (people and ids
follow from their number), and ours works in a process of its own for each.

HubSpot: one first sync reads them all. The stand-in makes each contact when it is asked for, and
forgets what is written to it.

For each million it reports the CPU of our processes a contact, the memory of the largest, API calls
and the size of the database. It uses SQLite in `--home`, or a fresh database on the server of
BENCH_POSTGRES_URL, whose CPU is reported too if it runs on this machine. With `--workers N`
(HubSpot), N Celery workers of one process each share the work. `--size` makes the steps smaller
than a million.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import sqlalchemy as sa

from bench.results import record
from bench.workers import database, enqueue, workers
from config.settings import load
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.store.tables import runs
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope

MILLION = 1_000_000
Pids = list[int]
_WORKERS_START = 5.0  # seconds until all workers are up
_POLL = 0.5  # seconds between two looks
_LIMIT = "rows in the database; then reading phone fields and deciding"


def stand_in(crm: str, behind: int, count: int) -> None:
    """Be the CRM with `count` people, those behind the first `behind`, until SIGTERM."""
    if crm == "salesforce":
        org, portal = Org(count, 0, behind=behind), Portal(0)
    else:
        org, portal = Org(0, 0), Portal(count, lazy=True)
    sandbox = Sandbox(SalesforceService(org), HubSpotService(portal))
    sandbox.begin()
    wanted = {name: url for name, url in sandbox.env().items() if name.startswith(crm.upper())}
    print(json.dumps(wanted), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # it would free the records one by one
    signal.pause()


def sync(crm: str, kind: str) -> None:
    """Sync in this process; its run is the newest one."""
    ctx = Context.create(load())
    run = lifecycle.open_run(ctx, crm, Scope("everything" if kind == "everything" else "changed"))
    run_to_completion(ctx, run)
    ctx.close()


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


@contextmanager
def syncing(ctx: Context, crm: str, kind: str, count: int, env: dict[str, str]) -> Iterator[Pids]:
    """Sync in a process of its own, or all by `count` Celery workers; yields their process ids."""
    if not count:
        process = subprocess.Popen(_module("--sync", crm, kind), env={**os.environ, **env})
        try:
            yield [process.pid]
        finally:
            process.wait(60)
        assert process.returncode == 0, "the sync failed"
        return
    embedded_redis.ensure(ctx.settings.home)
    try:
        with workers(count, env) as started:
            time.sleep(_WORKERS_START)
            enqueue(ctx.settings.home, lifecycle.open_run(ctx, crm, Scope("everything")))
            yield [process.pid for process in started]
    finally:
        embedded_redis.stop(ctx.settings.home)


def _newest_run(ctx: Context, before: str | None) -> str | None:
    """The id of the newest sync, but for `before`; an audit of a segment may follow it."""
    syncs = sa.select(runs.c.id).where(runs.c.kind == "sync")
    query = syncs.order_by(runs.c.opened_at.desc(), runs.c.id.desc()).limit(1)
    with ctx.store.read() as connection:
        newest: str | None = connection.execute(query).scalar()
    return newest if newest != before else None


def follow(ctx: Context, pids: Pids, before: str | None, size: int) -> Iterator[Taken]:
    """Yield what was taken until each `size` further contacts were processed, and at the end."""
    ours, server = Meter(pids), Meter(postgres_pids(), whole_server=True)
    run, calls, counted = None, 0, 0
    began, cpu_before, server_before = time.monotonic(), 0.0, 0.0
    while True:
        time.sleep(_POLL)
        ours.look()
        server.look()
        run = run or _newest_run(ctx, before)
        if run is None:
            assert any(map(psutil.pid_exists, pids)), "the sync ended before its run"
            continue
        active = lifecycle.load(ctx, run).active
        processed = report.totals(ctx, run).read
        if active and processed - counted < size:
            continue
        result = report.result(ctx, run)
        if processed > counted:
            now, calls_now = time.monotonic(), sum(result["api_calls"].values())
            yield Taken(
                processed - counted, ours.seconds - cpu_before, server.seconds - server_before,
                now - began, ours.largest, calls_now - calls,
            )  # fmt: skip
            began, cpu_before, server_before = now, ours.seconds, server.seconds
            calls, counted = calls_now, processed
        if not active:
            assert result["state"] == "done", result
            return


@dataclass(frozen=True)
class Taken:
    """What some contacts took. `cpu`, `server`, `wall`: seconds; `memory`: bytes of the largest
    process so far."""

    contacts: int
    cpu: float
    server: float
    wall: float
    memory: int
    calls: int


class Meter:
    """CPU seconds of processes and their children since the first look, and the most bytes that one
    of them had. What a process does after the last look at it is not counted.

    `whole_server`: processes that come later count from their start, and all are looked for anew.
    """

    def __init__(self, pids: Pids, whole_server: bool = False) -> None:
        self._pids, self._whole_server = pids, whole_server
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self.largest = 0
        self.look()
        if whole_server:
            self._first = dict(self._last)

    @property
    def seconds(self) -> float:
        return sum(self._last.values()) - sum(self._first.values())

    def look(self) -> None:
        for pid in postgres_pids() if self._whole_server else self._pids:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                children = [] if self._whole_server else process.children(recursive=True)
                for member in (process, *children):
                    times = member.cpu_times()
                    self._last[member.pid] = times.user + times.system
                    self.largest = max(self.largest, int(member.memory_info().rss))


def postgres_pids() -> Pids:
    return [
        process.pid for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres"
    ]  # fmt: skip


def size_of(url: str) -> int:
    """The size of the database in bytes."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            query = "SELECT pg_database_size(current_database())"
            return int(connection.exec_driver_sql(query).scalar_one())
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def steps(crm: str, millions: int, size: int) -> Iterator[tuple[str, int, int]]:
    """Yield what to sync, how many contacts were there before, and how many the CRM has."""
    if crm == "hubspot":
        yield "everything", 0, millions * size
        return
    for step in range(millions):
        yield "changed" if step else "everything", step * size, size


def measure(crm: str, millions: int, size: int, count: int, home: Path, url: str) -> None:
    ours = {"HYGIENE_HOME": str(home), "DATABASE_URL": url}
    upgrade(load(ours).database_url)
    print(
        f"{'contacts':>12} {'CPU':>8} {'server':>8} {'wall':>8} {'memory':>8} {'calls':>8} "
        f"{'database':>10}"
    )
    total, bytes_before, run = 0, 0, None
    for kind, behind, there in steps(crm, millions, size):
        with crm_with(crm, behind, there) as crm_env:
            env = {**crm_env, **ours}
            ctx = Context.create(load({**os.environ, **env}))
            with syncing(ctx, crm, kind, count, env) as pids:
                for taken in follow(ctx, pids, run, size):
                    total += taken.contacts
                    now = size_of(url)
                    _report(crm, total, taken, now, now - bytes_before)
                    bytes_before = now
            run = _newest_run(ctx, None)
            assert run is not None
            read = report.result(ctx, run)["contacts"]
            assert read["read"] == there, f"{read} of {there} contacts were read"
            ctx.close()


def _report(crm: str, total: int, taken: Taken, stored: int, added: int) -> None:
    micros, server = (seconds / taken.contacts * 1e6 for seconds in (taken.cpu, taken.server))
    print(
        f"{total:12,} {micros:5.0f} µs {server:5.0f} µs {taken.wall:6.0f} s "
        f"{taken.memory / 1024**2:5.0f} MB {taken.calls:8,} {stored / 1e9:7.2f} GB "
        f"({added / taken.contacts:.0f} bytes a contact)",
        flush=True,
    )
    name = f"{crm}, {total:,}th contact"
    record("millions", f"{name}: CPU", micros, "µs a contact", _LIMIT)
    record("millions", f"{name}: database", stored / 1e9, "GB", "what is stored of a contact")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.millions", description=__doc__)
    parser.add_argument("--crm", choices=("salesforce", "hubspot"), default="salesforce")
    parser.add_argument("--millions", type=int, default=10)
    parser.add_argument("--size", type=int, default=MILLION, help="contacts of a step")
    parser.add_argument("--workers", type=int, default=0, help="of HubSpot; 0: without Celery")
    parser.add_argument("--home", type=Path, help="where the database grows; an empty folder")
    parser.add_argument("--stand-in", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--sync", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.workers and args.crm != "hubspot":
        parser.error("--workers goes with --crm hubspot")
    if args.stand_in:
        stand_in(args.stand_in[0], *map(int, args.stand_in[1:]))
    elif args.sync:
        sync(*args.sync)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            home = args.home or Path(temporary)
            home.mkdir(parents=True, exist_ok=True)
            with database(str(home)) as url:
                measure(args.crm, args.millions, args.size, args.workers, home, url)


if __name__ == "__main__":
    main()
