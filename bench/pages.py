"""How long the admin's pages take on a big database: `python -m bench.pages`.

A database is filled (`bench.big_database`) with N contacts, half in each CRM, and with Y years of
runs every 15 minutes; then each page is asked for over HTTP, several times. It reports median,
slowest, the CPU of this process and of the database's, queries and kilobytes of a page, and exits
1 where a median is over the limit. On a busy machine only the CPU tells.

It uses SQLite, or a fresh database on the server of BENCH_POSTGRES_URL. With `--database URL` that
one is filled if it is empty, and kept: to compare two versions on the same rows.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import psutil
import requests
import sqlalchemy as sa
import uvicorn

from bench import results
from bench.big_database import FIRST_RUN, LIST, NOW, fill, is_filled, number, record, settle
from bench.workers import database
from config.settings import load
from worker.access import login_links, sessions
from worker.context import Context
from worker.segments import counters
from worker.store import tables as t
from worker.store.engine import upgrade
from worker.web.app import make_app
from worker.web.auth import COOKIE
from worker.web.encrypted_numbers import encrypt_number

_ROUNDS = 7
LIMIT = 300  # ms
_NOWHERE = "http://127.0.0.1:9"  # no CRM is asked
ENV = {"HUBSPOT_ACCESS_TOKEN": "pat-fictional", "HUBSPOT_API_URL": _NOWHERE,
       "SALESFORCE_INSTANCE_URL": _NOWHERE, "SALESFORCE_ACCESS_TOKEN": "x",
       "SECRET_KEY": "a key for the bench of pages, the same each time"}  # fmt: skip
STATUSES = ("do_not_contact", "wrong_number", "invalid", "unreachable", "unverified", "valid")

Page = tuple[str, str, dict[str, str] | None]  # (name, path, form)


def _contacts(name: str, path: str = "/contacts", **asked: str) -> Page:
    return (name, f"{path}?{urlencode(asked)}", None)


def contact_lists(ctx: Context, run_id: str) -> list[Page]:
    """The list of contacts by each filter, common and rare, each sort, and some of both."""
    first = FIRST_RUN.format(half=0)
    lists = [_contacts("all")]
    lists += [_contacts(f"all, sorted by {by}", sort=by) for by in ("status", "source")]
    for status in ("bad", *STATUSES):
        lists.append(_contacts(status, status=status))
        lists += [
            _contacts(f"{status}, sorted by {by}", status=status, sort=by)
            for by in ("status", "source")
        ]
    for by, values in (
        ("source", ("Source 0", "Purchased List", "Tiny Fair", "")),
        ("campaign", ("Campaign 0", "Campaign 599", "")), ("country", ("US", "NL")),
        ("month", ("2016-01",)), ("list", (LIST,)),
    ):  # fmt: skip
        lists += [
            _contacts(f"{by} {value or '(none)'}", by=by, value=value, sort=sort)
            for value in values
            for sort in ("checked", "status")
        ]
    lists += [
        _contacts("one CRM", connector="salesforce"),
        _contacts("an object without contacts", object="Lead"),
        _contacts("bad of Purchased List", status="bad", by="source", value="Purchased List"),
        _contacts("unreachable of Campaign 0", status="unreachable", by="campaign",
                  value="Campaign 0", sort="status"),
        _contacts("unverified of US", status="unverified", by="country", value="US"),
        _contacts("failed", failure="any"), _contacts("failed: locked", failure="locked"),
        _contacts("changed by the first run", run=first),
        _contacts("bad of the first run", run=first, status="bad", sort="status"),
        _contacts("unreachable of the first run", run=first, status="unreachable"),
        _contacts("not written by the first run", run=first, part="failed"),
        _contacts("changed by one run", run=run_id),
        _contacts("flag do_not_contact", flag="do_not_contact"),
        _contacts("flag do_not_call (none)", flag="do_not_call"),
        _contacts("flag wrong_number of US", flag="wrong_number", by="country", value="US"),
        _contacts("waiting", waiting="1"),
        _contacts("with a number", number=encrypt_number(ctx.keys, number(100))),
        *(_contacts(f"reported {kind}", report=kind) for kind in
          ("opt_out", "wrong_number", "complaint", "undeliverable")),
        _contacts("opt-outs that are bad", report="opt_out", status="bad", sort="source"),
        _contacts("nothing matches", status="unreachable", by="source", value="Nowhere",
                  flag="do_not_contact"),
        _contacts("export: all", "/contacts/export"),
        _contacts("export: bad", "/contacts/export", status="bad"),
        _contacts("export: valid", "/contacts/export", status="valid"),
        _contacts("export: first run", "/contacts/export", run=first),
    ]  # fmt: skip
    return lists


def pages(ctx: Context, run_id: str) -> list[Page]:
    """All pages but the lists of contacts."""
    contact, first = record(100), FIRST_RUN.format(half=0)
    old = urlencode({"before": (NOW - timedelta(days=300)).isoformat()})
    source = urlencode({"connector": "hubspot", "by": "source", "value": "Source 0"})
    with ctx.store.read() as connection:
        middle = connection.scalar(sa.select(sa.func.max(t.suppressions.c.id))) or 0
        entry = connection.scalar(sa.select(sa.func.max(t.audit_log.c.id))) or 0
        sent = connection.scalar(sa.select(sa.func.max(t.event_deliveries.c.id))) or 0
    reads = {
        "overview": "/", "runs": "/runs", "runs of a CRM": "/runs?connector=hubspot",
        "failed runs": "/runs?state=failed", "running": "/runs?state=running",
        "old runs": f"/runs?{old}", "with reports": "/runs?reports=true",
        "new run": "/runs/new", "run": f"/runs/{run_id}", "first run": f"/runs/{first}",
        "undo": f"/runs/{first}/undo", "progress": f"/runs/{first}/progress",
        "writes": f"/runs/{run_id}/writes", "writes of the first": f"/runs/{first}/writes",
        "later writes": f"/runs/{first}/writes?after=1000",
        "search form": "/numbers", "number": f"/numbers/{encrypt_number(ctx.keys, number(100))}",
        "evidence": f"/numbers/{encrypt_number(ctx.keys, number(100))}/evidence",
        "contact": f"/contacts/hubspot/contacts/{contact['record_id']}",
        "segments": "/segments", "campaigns": "/segments?by=campaign",
        "countries": "/segments?by=country", "lists": "/segments?by=list",
        "months": "/segments?by=month", "segment": f"/segments/of?{source}",
        "shared numbers": "/segments/shared", "isolated": "/segments/history",
        "suppressions": "/suppressions", "opt-outs": "/suppressions?reason=opt_out",
        "lifted": "/suppressions?lifted=true", "later": f"/suppressions?after={middle // 2}",
        "one reason, none": "/suppressions?reason=list",
        "endpoints": "/endpoints", "endpoint": "/endpoints/dialer",
        **{f"endpoint, {state}": f"/endpoints/dialer?state={state}"
           for state in ("pending", "delivered", "parked")},
        "endpoint, few events": "/endpoints/quiet?state=delivered",
        "later deliveries": f"/endpoints/dialer?before={sent // 2}",
        "reviews": "/reviews", "spend": "/spend", "providers": "/providers",
        "settings": "/settings", "setup": "/setup", "alerts": "/alerts", "access": "/access",
        "audit log": "/audit", "older entries": f"/audit?before={entry // 2}",
        "API pages": "/docs", "metrics": "/metrics",
        **{f"chart: {name}": f"/charts/{name}" for name in
           ("statuses", "bad", "reports", "delays", "spend", "origins")},
        "chart: segment": f"/charts/segment?{source}", "chart: first run": f"/charts/runs/{first}",
        "chart: run": f"/charts/runs/{run_id}",
    }  # fmt: skip
    typed = {
        "a number": number(777), "a national number": number(777)[2:],
        "no number of ours": "+442079460958", "a segment": "purchased", "many segments": "a",
        "a like name": "Purchsd Lst", "an id": record(100)["record_id"],
        "an email": "kim@example.com", "a run": run_id[:8], "nothing": "zzzz qqqq",
    }  # fmt: skip
    return [
        *((name, path, None) for name, path in reads.items()),
        *((f"search: {name}", "/numbers", {"q": text}) for name, text in typed.items()),
    ]


def _cpu_clock(ctx: Context) -> Callable[[], float]:
    """Return a clock of CPU seconds: of this process and, on PostgreSQL, of the whole server."""
    if ctx.store.engine.dialect.name != "postgresql":
        return time.process_time
    with ctx.store.read() as connection:
        backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    server = psutil.Process(backend).parent()
    assert server is not None

    def clock() -> float:
        ended = server.cpu_times()
        total = time.process_time() + float(ended.children_user + ended.children_system)
        for child in server.children():
            with suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system
        return total

    return clock


@contextmanager
def _served(url: str, home: str) -> Iterator[tuple[str, list[int]]]:
    """Serve the pages; yield the address, and a list with the number of queries so far."""
    app = make_app(load({"HYGIENE_HOME": home, "DATABASE_URL": url, **ENV}))
    queries = [0]

    def counted(*_args: object) -> None:
        queries[0] += 1

    sa.event.listen(app.state.ctx.store.engine, "before_cursor_execute", counted)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", queries
    server.should_exit = True


def measure(url: str, home: str, rounds: int, only: str) -> list[str]:
    """Print a line for each page; return the names of those that take longer than the limit."""
    ctx = Context.create(load({"HYGIENE_HOME": home, "DATABASE_URL": url, **ENV}))
    started = time.monotonic()
    counters.count(ctx)
    print(f"all segments counted in {time.monotonic() - started:.1f} s")
    with ctx.store.read() as connection:
        run_id = connection.scalar(
            sa.select(t.runs.c.id).order_by(t.runs.c.opened_at.desc()).offset(5000).limit(1)
        )
    slow, clock = [], _cpu_clock(ctx)
    middles: list[float] = []
    with _served(url, home) as (base, queries), requests.Session() as session:
        secret = sessions.begin(ctx.store, login_links.PERSON, ctx.now())
        session.cookies.set(COOKIE, secret, domain="127.0.0.1")
        print(f"{'page':36} {'median':>8} {'slowest':>8} {'CPU':>8} {'queries':>8} {'kB':>6}")
        asked = [*pages(ctx, str(run_id)), *contact_lists(ctx, str(run_id))]
        for name, path, form in asked:
            if not re.search(only, f"{path} {name}"):
                continue
            took, size, before = [], 0, clock()
            for _ in range(rounds):
                queries[0] = 0
                begun = time.monotonic()
                answer = (
                    session.get(base + path)
                    if form is None
                    else session.post(base + path, data=form, allow_redirects=False)
                )
                took.append(time.monotonic() - begun)
                size = len(answer.content)
                good = (200, 303, 404) if form else (200,)
                assert answer.status_code in good, (name, answer.status_code, answer.text[:500])
            middle, cpu = statistics.median(took) * 1000, (clock() - before) / rounds * 1000
            middles.append(middle)
            slow += [name] if middle > LIMIT else []
            mark = "  SLOW" if middle > LIMIT else ""
            print(f"{name:36} {middle:5.0f} ms {max(took) * 1000:5.0f} ms {cpu:5.0f} ms "
                  f"{queries[0]:8} {size / 1000:6.0f}{mark}", flush=True)  # fmt: skip
            if next_page := _next_page(path, answer.text):
                asked.append((f"{name}, page 2"[:36], next_page, None))
    ctx.close()
    middle = statistics.median(middles)
    results.record("pages", "median of all pages", middle, "ms", "the queries of a page")
    results.record("pages", "slowest page", max(middles), "ms", "counting what a filter matches")
    return slow


def _next_page(path: str, html: str) -> str:
    """Return the address of the second page of a list of contacts; "" where there is none."""
    match = re.search(r'href="(/contacts\?[^"]*after=[^"]*)"', html)
    return unescape(match.group(1)) if match and "after=" not in path else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--years", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--database", default="", help="fill this one if it is empty, and keep it")
    parser.add_argument("--only", default="", help="pages whose path or name this pattern is in")
    parser.add_argument("--fill-only", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, database(home) as temporary_url:
        url = args.database or temporary_url
        started = time.monotonic()
        upgrade(url)
        upgraded = time.monotonic() - started
        kind = "PostgreSQL" if url.startswith("postgres") else "SQLite"
        if is_filled(url):
            print(f"{kind}, filled before; its tables were upgraded in {upgraded:.1f} s")
        else:
            started = time.monotonic()
            fill(url, args.contacts, args.years)
            print(f"{args.contacts:,} contacts, {args.years} years, {kind}, filled in "
                  f"{time.monotonic() - started:.0f} s")  # fmt: skip
        settle(url)
        path = Path(url.removeprefix("sqlite:///"))
        if path.exists():
            print(f"{path.stat().st_size / 2**20:,.0f} MB")
        slow = [] if args.fill_only else measure(url, home, args.rounds, args.only)
    if slow:
        print(f"over {LIMIT} ms: {', '.join(slow)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
