"""What the sync costs against a bare loop: `make bench` (or `python -m bench.sync --contacts N`).

For each connector, in processes of their own against a stand-in in another process: the first sync,
where everything changes, and a second full one, where nothing does, each against the bare loop of
`bench.baseline` that reads and writes the same. CPU is the process's own after its imports. Ratios
of one run on one machine count; absolute times only show the scale.

What takes seconds (the second one, and reading alone) is measured three times by turns.

`--profile PHASE` prints where the time goes: first or again.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import os
import pstats
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import baseline
from bench.results import record
from config.settings import load
from worker.context import Context
from worker.store.engine import upgrade
from worker.sync.pages import runner
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope

PAGE = {"hubspot": 100, "salesforce": 2000}
BATCH = {"hubspot": 100, "salesforce": 200}


@contextmanager
def stand_ins(contacts: int, *options: str) -> Iterator[dict[str, str]]:
    """Fresh CRMs in a process of their own; the environment that connects to them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--contacts", str(contacts), *options],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    env = {}
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("#"):
            break
        name, _, value = line.removeprefix("export ").strip().partition("=")
        env[name] = value
    try:
        yield env
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)  # it frees a million records one by one


def isolated(env: dict[str, str], *args: str) -> dict[str, Any]:
    """Make one measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.sync", "--isolated", *args],
        env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(what: str, connector: str, profile: bool) -> dict[str, Any]:
    """Run a bare loop or a sync in this process and measure it."""
    settings = load()
    profiler = cProfile.Profile() if profile else None
    started, cpu = time.monotonic(), time.process_time()
    if profiler:
        profiler.enable()
    details: dict[str, Any] = {}
    if what == "sync":
        ctx = Context.create(settings)
        run = lifecycle.open_run(ctx, connector, Scope("everything"))
        first: list[float] = []
        queries = 0

        def progress(_run: str) -> None:
            if not first and report.totals(ctx, run).written:
                first.append(time.monotonic() - started)

        def count_query(*_args: object) -> None:
            nonlocal queries
            queries += 1

        sa.event.listen(ctx.store.engine, "before_cursor_execute", count_query)
        runner.run_to_completion(
            ctx, run, progress, 1 if profile else None
        )  # a profile sees one thread
        pages = report.totals(ctx, run).pages
        queries_a_page = queries / pages
        result = report.result(ctx, run)
        count = result["contacts"]["read"]
        details = {
            "changed": result["contacts"]["changed"],
            "calls": result["api_calls"],
            "first_write": first[0] if first else None,
            "queries": queries_a_page,
        }
        ctx.close()
    elif connector == "salesforce":
        count = baseline.salesforce(settings, write=what == "write")
    else:
        count = baseline.hubspot(settings, what.startswith("write"), raw=what.endswith("-raw"))
    spent = time.process_time() - cpu
    if profiler:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "contacts": count, "cpu": spent / count * 1e6, "wall": time.monotonic() - started,
        "memory": memory, **details,
    }  # fmt: skip


Measure = Callable[[], dict[str, Any]]


def best_of(ours: Measure, others: dict[str, Measure]) -> tuple[Any, dict[str, Any]]:
    """Measure each three times, by turns, and return the quickest of each: they take seconds, so
    whatever else the machine does shows."""
    rounds = [(ours(), {name: run() for name, run in others.items()}) for _ in range(3)]

    def best(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
        return min(results, key=lambda result: result["cpu"])

    return best(mine for mine, _ in rounds), {
        name: best(theirs[name] for _, theirs in rounds) for name in others
    }


_LIMITS = {
    "first": "rows in the database; then reading phone fields and deciding",
    "again": "decoding the CRM's answer and a hash of each row",
}
_MEMORY = "libraries, and the pages in flight"
_QUERIES = "a table of its own for index, numbers, writes and answers"


def compare(connector: str, contacts: int, profile: str) -> None:
    with tempfile.TemporaryDirectory() as folder, stand_ins(contacts) as crm:
        env = {**crm, "HYGIENE_HOME": folder}
        upgrade(load(env).database_url)
        flag = ["--profile", "x"]
        first = isolated(env, "sync", connector, *(flag if profile == "first" else []))
        raw = {"raw": "-raw"} if connector == "hubspot" else {}
        kinds = {"bare": "", **raw}
        again, reads = best_of(
            lambda: isolated(env, "sync", connector, *(flag if profile == "again" else [])),
            {
                name: partial(isolated, env, f"read{kind}", connector)
                for name, kind in kinds.items()
            },
        )
        writes = {name: isolated(env, f"write{kind}", connector) for name, kind in kinds.items()}
    for name, ours, others in (("first", first, writes), ("again", again, reads)):
        ratios = ", ".join(f"{ours['cpu'] / o['cpu']:.2f} x {n}" for n, o in others.items())
        them = ", ".join(f"{n} {o['cpu']:.0f}" for n, o in others.items())
        print(
            f"{connector:10} {name:6} {ours['contacts']:8,} {ours['cpu']:7.0f}  {them:22} "
            f"{ratios:26} {ours['memory']:4} MB {ours['wall']:7.1f} s"
        )
        for n, o in others.items():
            ratio = f"{connector}, {name}: CPU, ours by {n}"
            record("sync", ratio, ours["cpu"] / o["cpu"], "times", _LIMITS[name])
        record("sync", f"{connector}, {name}", ours["cpu"], "µs of CPU a contact", _LIMITS[name])
        record("sync", f"{connector}, {name}: memory", ours["memory"], "MB", _MEMORY)
    calls, objects = first["calls"], 2 if connector == "salesforce" else 1
    least = math.ceil(contacts / PAGE[connector]) + objects - 1
    most = math.ceil(first["changed"] / BATCH[connector])
    print(
        f"{'':10} calls: {calls['read']} reads (at least {least}), {calls['write']} writes "
        f"(by batches {most}), {calls['other']} others; first write after "
        f"{first['first_write'] or 0:.1f} s; {first['queries']:.1f} queries a page, "
        f"{again['queries']:.1f} where all is unchanged"
    )
    record("sync", f"{connector}, first: queries", first["queries"], "a page", _QUERIES)
    writes_limit = "the CRM's records in a call; the last batch is not full"
    record("sync", f"{connector}, first: writes", calls["write"], "calls", writes_limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--profile", choices=("first", "again", "x"), default="")
    parser.add_argument(
        "--isolated", nargs=2, metavar=("WHAT", "CONNECTOR"), help=argparse.SUPPRESS
    )
    args = parser.parse_args()
    if args.isolated:
        what, which = args.isolated
        print(json.dumps(measure(what, which, bool(args.profile))))
        return
    print(f"{os.cpu_count()} cores, {args.contacts:,} contacts; CPU in microseconds a contact")
    print(f"{'connector':10} {'sync':6} {'contacts':>8} {'ours':>7}  {'bare loop':22} ratio")
    for connector in ("hubspot", "salesforce"):
        compare(connector, args.contacts, args.profile)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
