"""How a first sync scales over worker processes: `python -m bench.workers --contacts N`.

The same sync by one and by two Celery workers (one process each, no beat), over Redis, against
fresh stand-ins whose every call takes `--latency` milliseconds, as a CRM's over the internet do.
The database is SQLite, or the server of BENCH_POSTGRES_URL (a fresh database a run).

Workers and stand-in share this machine's cores: the report says how much the stand-in
takes, and which speed-up is possible with the rest.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import requests
from celery import Celery

from bench.results import record
from bench.sync import stand_ins
from config.settings import load
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope


@contextmanager
def database(home: str) -> Iterator[str]:
    server = os.environ.get("BENCH_POSTGRES_URL")
    if not server:
        yield f"sqlite:///{home}/hygiene.db"
        return
    name = f"bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.rpartition("/")[0] + "/" + name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def workers(count: int, env: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "celery", "--app", "worker.app", "worker", "--concurrency",
               "1", "--queues", "runs,pages", "--loglevel", "warning"]  # fmt: skip
    started = [
        subprocess.Popen([*command, "--hostname", f"w{n}@bench"], env={**os.environ, **env},
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for n in range(count)
    ]  # fmt: skip
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(90)


def cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds of processes and their children."""
    total = 0.0
    for process in processes:
        for counted in [process, *process.children(recursive=True)]:
            times = counted.cpu_times()
            total += times.user + times.system
    return total


@dataclass(frozen=True)
class Timing:
    """Seconds that a run took, and CPU seconds of workers and stand-in; calls that wrote."""

    seconds: float
    cpu: float
    stand_in: float
    writes: int
    changed: int


def sync(connector: str, contacts: int, latency: float, count: int) -> Timing:
    with tempfile.TemporaryDirectory() as home, database(home) as url, stand_ins(contacts) as crm:
        env = {**crm, "HYGIENE_HOME": home, "DATABASE_URL": url}
        settings = load(env)
        upgrade(url)
        embedded_redis.ensure(settings.home)
        base = crm["HUBSPOT_API_URL" if connector == "hubspot" else "SALESFORCE_LOGIN_URL"]
        if latency:
            fault = {"match": r"^(GET|POST|PATCH|PUT) /(crm|services/data)", "kind": "delay",
                     "times": 10**9, "seconds": latency}  # fmt: skip
            requests.post(f"{base}/_sandbox/faults", json=fault, timeout=5).raise_for_status()
        ctx = Context.create(settings)
        with workers(count, env) as processes:
            time.sleep(4)  # all are up before there is anything to do
            run = lifecycle.open_run(ctx, connector, Scope("everything"))
            ours = [psutil.Process(process.pid) for process in processes]
            theirs = [
                process for process in psutil.process_iter(["cmdline"])
                if (process.info["cmdline"] or [])[1:3] == ["-m", "sandbox"]
            ]  # fmt: skip
            before = cpu(ours), cpu(theirs)
            started = time.monotonic()
            enqueue(settings.home, run)
            while lifecycle.load(ctx, run).active:
                time.sleep(0.1)
            seconds_taken = time.monotonic() - started
            spent = cpu(ours) - before[0], cpu(theirs) - before[1]
            result = report.result(ctx, run)
            assert result["contacts"]["read"] == contacts, (result, lifecycle.load(ctx, run))
        ctx.close()
        embedded_redis.stop(settings.home)
    changed = int(result["contacts"]["changed"])
    return Timing(seconds_taken, *spent, int(result["api_calls"]["write"]), changed)


def enqueue(home: Path, run: str) -> None:
    Celery(broker=embedded_redis.url(home)).send_task("hygiene.read", [run], queue="runs")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=300, help="milliseconds a call")
    parser.add_argument("--connector", choices=("hubspot", "salesforce"), action="append")
    args = parser.parse_args()
    cores = os.cpu_count() or 1
    print(f"{cores} cores, {args.contacts:,} contacts, {args.latency:.0f} ms a call")
    for connector in args.connector or ("hubspot", "salesforce"):
        single = sync(connector, args.contacts, args.latency / 1000, 1)
        two = sync(connector, args.contacts, args.latency / 1000, 2)
        busy = (two.cpu + two.stand_in) / cores
        possible = single.seconds / max(busy, single.seconds / 2)
        summaries = (
            f"{name} {timing.seconds:6.1f} s (CPU {timing.cpu:.1f} s, "
            f"stand-in {timing.stand_in:.1f}, {timing.writes} calls that wrote {timing.changed:,})"
            for name, timing in (("1 worker", single), ("2 workers", two))
        )
        print(
            f"{connector:10} {', '.join(summaries)}: "
            f"{single.seconds / two.seconds:.2f} times as fast, at most {possible:.2f} here"
        )
        limit = "cores, which workers and stand-in share, and SQLite's one writer"
        speed_up = f"{connector}: two workers by one"
        record("workers", speed_up, single.seconds / two.seconds, "times as fast", limit)
        record("workers", f"{connector}: possible on these cores", possible, "times", limit)


if __name__ == "__main__":
    main()
