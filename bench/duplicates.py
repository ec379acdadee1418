"""How long it takes to find the contacts that share a number: `python -m bench.duplicates`.

A database is filled (`bench.big_database`) with N contacts, and one in five gets a second number
that it shares: with one other contact (most), with four, or with thousands. It reports the first
count, one with nothing to do, pages of the list, and how much memory it took.

It uses SQLite, or a fresh database on the server of BENCH_POSTGRES_URL. Of a server on this machine
it reports the processor time as well: of all its processes, autovacuum among them.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable

import psutil
import sqlalchemy as sa

from bench.big_database import fill, settle
from bench.pages import ENV
from bench.workers import database
from config.settings import load
from worker.context import Context
from worker.duplicates import grouping, listing
from worker.duplicates.rules import Kind
from worker.store.engine import upgrade

# Of a row n of `contacts`, counted in the order of their ids: the number that it shares.
_SHARED = (
    "CASE WHEN n % 100 = 0 THEN '+18005550199' WHEN n % 25 = 5 THEN "
    "'+1628' || CAST(2000000 + n / 125 AS TEXT) ELSE '+1628' || CAST(5000000 + n / 10 AS TEXT) END"
)


def share(ctx: Context) -> None:
    """Give one contact in five a second number that others have as well."""
    sql = (
        "INSERT INTO contact_numbers (connector, object, record_id, field, place, number, "
        f"extension) SELECT connector, object, record_id, 'mobilephone', 0, {_SHARED}, '' FROM "
        "(SELECT connector, object, record_id, row_number() OVER (ORDER BY record_id) AS n "
        "FROM contacts) AS numbered WHERE n % 5 = 0"
    )
    with ctx.store.write() as connection:
        postgresql = connection.dialect.name == "postgresql"
        connection.exec_driver_sql(sql.replace("%", "%%") if postgresql else sql)


def server_process(ctx: Context) -> psutil.Process | None:
    """Return PostgreSQL's first process, if it runs on this machine."""
    if ctx.store.engine.dialect.name != "postgresql":
        return None
    with ctx.store.read() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    try:
        backend = psutil.Process(pid)
        return backend.parent() if backend.name().startswith("postgres") else None
    except psutil.NoSuchProcess:
        return None


def server_seconds(server: psutil.Process | None) -> float:
    """Return the processor time of a server: of its processes, and of those that have ended."""
    if server is None:
        return 0.0
    own = server.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for process in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return float(seconds)


def timed(name: str, work: Callable[[], object], server: psutil.Process | None = None) -> None:
    began, cpu, of_server = time.monotonic(), time.process_time(), server_seconds(server)
    outcome = work()
    took, used = time.monotonic() - began, time.process_time() - cpu
    beside = f"{(server_seconds(server) - of_server) * 1000:9,.0f} ms server  " if server else ""
    print(f"{name:34} {took * 1000:9,.0f} ms  {used * 1000:9,.0f} ms CPU  {beside}{outcome}",
          flush=True)  # fmt: skip


def pages(ctx: Context, connector: str = "", kind: Kind | None = None, number: int = 10) -> int:
    """Read some pages, one behind the other; return how many groups they hold."""
    groups, after = 0, ""
    for _ in range(number):
        page = listing.list_groups(ctx, connector, kind, after)
        groups += len(page.groups)
        if page.after is None:
            break
        after = page.after
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.duplicates", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, database(home) as url:
        upgrade(url)
        began = time.monotonic()
        fill(url, args.contacts, 0.1)
        ctx = Context.create(load({"HYGIENE_HOME": home, "DATABASE_URL": url, **ENV}))
        share(ctx)
        settle(url)
        filled = time.monotonic() - began
        print(f"{args.contacts:,} contacts, {url.partition(':')[0]}, filled in {filled:.0f} s")
        process = psutil.Process()
        before = process.memory_info().rss
        server = server_process(ctx)
        steps: dict[str, Callable[[], object]] = {
            "first count": lambda: f"{grouping.count(ctx):,} rows written",
            "count, nothing changed": lambda: f"{grouping.count(ctx):,} rows written",
            "counts by kind": lambda: {k.value: n for k, n in listing.counts(ctx).items() if n},
            "first page": lambda: f"{pages(ctx, number=1)} groups",
            "ten pages": lambda: f"{pages(ctx)} groups",
            "ten pages of a CRM and kind": lambda: f"{pages(ctx, 'hubspot', Kind.UNCLEAR)} groups",
            "a kind without groups": lambda: f"{pages(ctx, kind=Kind.FAMILY)} groups",
            "what an export would ask for": lambda: dict(listing.contacts_by_object(ctx)),
        }
        for name, work in steps.items():
            timed(name, work, server)
        after = process.memory_info().rss
        print(f"memory {(after - before) / 2**20:,.0f} MB more than before the first count")
        with ctx.store.read() as connection:
            largest = connection.scalar(sa.text("SELECT max(contacts) FROM duplicate_groups"))
        print(f"largest group {largest:,} contacts")
        ctx.close()


if __name__ == "__main__":
    main()
