"""How long the admin's pages take on a big database: `python -m bench.pages`.

A database is filled by bulk statements with N contacts (half in each CRM), their numbers, answers
and last writes, and with Y years of runs every 15 minutes, spend, reports and a trend; then each
page is asked for over HTTP, several times. It reports median, slowest and queries a page. It uses
SQLite, or a fresh database on the server of BENCH_POSTGRES_URL.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
import uvicorn

from bench.workers import database
from config.settings import load
from worker.access import login_links, sessions
from worker.context import Context
from worker.segments import counters
from worker.store import tables as t
from worker.store.bulk import insert
from worker.store.engine import open_store, upgrade
from worker.web.app import make_app
from worker.web.auth import COOKIE
from worker.web.encrypted_numbers import encrypt_number

_ROUNDS = 7
_AT_ONCE = 20_000
_STATUSES = [{"phone": "valid"}] * 16 + [{"phone": "invalid"}] * 2 + [
    {"phone": "unverified"}, {"phone": "valid", "mobilephone": "valid"},
]  # fmt: skip
NOW = datetime.now(UTC)
_NOWHERE = "http://127.0.0.1:9"  # no CRM is asked
ENV = {"HUBSPOT_ACCESS_TOKEN": "pat-fictional", "HUBSPOT_API_URL": _NOWHERE,
       "SALESFORCE_INSTANCE_URL": _NOWHERE, "SALESFORCE_ACCESS_TOKEN": "x"}  # fmt: skip


def number(place: int) -> str:
    return f"+1415{place % 10_000_000:07}"


def record(place: int) -> dict[str, Any]:
    half = place % 2
    return {
        "connector": ("hubspot", "salesforce")[half],
        "object": ("contacts", "Contact")[half],
        "record_id": (f"{100_000_000 + place}", f"003{place:012}AAA")[half],
    }


def _in_parts(total: int, make: Any) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, total, _AT_ONCE):
        yield [make(place) for place in range(start, min(start + _AT_ONCE, total))]


def fill(url: str, contacts: int, years: float) -> None:
    """Fill the database. Long because it lists a row of each table."""
    rng = random.Random(1)
    store = open_store(url)

    def insert_all(table: sa.Table, total: int, make: Any) -> None:
        for rows in _in_parts(total, make):
            with store.write() as connection:
                insert(connection, table, rows)

    insert_all(t.contacts, contacts, lambda n: {
        **record(n), "fingerprint": "x" * 32, "statuses": _STATUSES[n % 20], "last_seen_flags": {},
        "reason": "Phone is a valid number.", "source": f"Source {n % 40}",
        "campaign": f"Campaign {n % 600}", "country": ("US", "DE", "GB")[n % 3],
        "month": f"{2016 + n % 10}-{1 + n % 12:02}", "person": f"{n:032x}", "value": None,
        "content_hash": "x" * 32, "fresh_until": NOW, "answers": {"offline": 1}, "waiting": False,
        "checked_at": NOW,
    })  # fmt: skip
    insert_all(t.contact_numbers, contacts, lambda n: {
        **record(n), "field": "phone", "place": 0, "number": number(n), "extension": "",
    })  # fmt: skip
    insert_all(t.verifications, contacts, lambda n: {
        "number": number(n), "provider": "offline", "package": "format", "since": "",
        "check_level": "format", "verdict": "valid", "line_type": "unknown", "country": "US",
        "carrier": "", "live": "", "reassigned": None, "cost": 0, "detail": "", "raw_answer": "",
        "at": NOW, "expires_at": NOW + timedelta(days=90), "due_at": NOW + timedelta(days=90),
    })  # fmt: skip
    every = timedelta(minutes=15)
    run_count = int(timedelta(days=365 * years) / every) * 2

    def run(n: int) -> dict[str, Any]:
        at = NOW - every * (n // 2)
        return {
            "id": f"{at:%Y%m%d-%H%M%S}-{n:06x}", "connector": ("hubspot", "salesforce")[n % 2],
            "kind": "sync", "scope": {"kind": "changed", "values": []},
            "state": "failed" if n % 997 == 1 else "done", "dry_run": False, "force": False,
            "opened_at": at, "finished_at": at + timedelta(seconds=9), "began_at": at,
            "last_write_at": at, "reading": [], "read_all": True, "own_writes": {}, "notes": [],
            "reader_calls": {"read": 2}, "error": None, "opened_by": "", "purpose": "",
        }  # fmt: skip

    insert_all(t.runs, run_count, run)
    counts = {"fields": {"valid": 90}, "api": {"read": 1, "write": 1}, "lookups": {}, "sources": {}}
    insert_all(t.pages, run_count, lambda n: {
        "run_id": run(n)["id"], "seq": 1, "object": "contacts", "state": "done", "stored_at": NOW,
        "attempts": 1, "size": 100, "read": 100, "changed": 10, "written": 10, "failed": 0,
        "gone": 0, "counts": counts,
    })  # fmt: skip
    insert_all(t.writes, contacts, lambda n: {
        "run_id": run(n % run_count)["id"], "page_id": n, **record(n),
        "before": {"status/phone": None}, "after": {"status/phone": "valid"}, "state": "done",
        "at": NOW - every * (n % run_count // 2),
    })  # fmt: skip
    insert_all(t.feedback, contacts // 100, lambda n: {
        "key": f"k{n}", "kind": ("opt_out", "wrong_number", "complaint")[n % 3],
        "number": number(n * 100), "channels": "", "contact": "", "reach": "number", "person": "",
        "source": "twilio", "evidence": "STOP", "grade": "", "new_number": "",
        "at": NOW - timedelta(hours=n % 17_000), "received_at": NOW, "applied_at": NOW,
    })  # fmt: skip
    insert_all(t.suppressions, contacts // 100, lambda n: {
        "key": f"feedback:{n}", "number": number(n * 100), "contact": "", "person": "",
        "channels": "call text", "reason": "opt_out", "source": "twilio", "evidence": "STOP",
        "since": NOW, "lifted_by": "", "lifted_why": "",
    })  # fmt: skip
    days = int(365 * years)
    insert_all(t.spend, days * 40, lambda n: {
        "day": f"{NOW - timedelta(days=n // 40):%Y-%m-%d}", "provider": "twilio",
        "run_id": f"r{n}", "money": 8000, "reserved_money": 0, "lookups": 1,
        "reserved_lookups": 0, "lost": 0,
    })  # fmt: skip
    insert_all(t.daily_counts, days * 2, lambda n: {
        "day": f"{NOW - timedelta(days=n // 2):%Y-%m-%d}",
        "connector": ("hubspot", "salesforce")[n % 2], "contacts": contacts // 2,
        "statuses": {"valid": contacts // 2 - rng.randrange(99), "invalid": contacts // 20},
    })  # fmt: skip
    insert_all(t.audit_log, 50_000, lambda _n: {
        "at": NOW, "who": "kim", "action": "login", "target": "admin", "why": "",
    })  # fmt: skip
    with store.write() as connection:
        insert(connection, t.watermarks, [
            {"connector": "hubspot", "object": "contacts", "position": NOW, "run_id": "r"},
            {"connector": "salesforce", "object": "Contact", "position": NOW, "run_id": "r"},
        ])  # fmt: skip
        if store.engine.dialect.name == "postgresql":
            connection.execute(sa.text("ANALYZE"))
    store.close()


def measure(url: str, home: str, contacts: int) -> None:
    settings = load({"HYGIENE_HOME": home, "DATABASE_URL": url, **ENV})
    ctx = Context.create(settings)
    started = time.monotonic()
    counters.count(ctx)
    print(f"all segments counted in {time.monotonic() - started:.1f} s")
    app = make_app(settings)
    queries = 0

    def counted(*_args: object) -> None:
        nonlocal queries
        queries += 1

    sa.event.listen(app.state.ctx.store.engine, "before_cursor_execute", counted)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with ctx.store.read() as connection:
        run_id = connection.scalar(
            sa.select(t.runs.c.id).order_by(t.runs.c.opened_at.desc()).offset(5000).limit(1)
        )
    one = record(contacts // 2 * 2 - 2)
    pages = {
        "overview": "/", "runs": "/runs", "failed runs": "/runs?state=failed",
        "old runs": f"/runs?before={(NOW - timedelta(days=300)).isoformat().replace('+', '%2B')}",
        "run": f"/runs/{run_id}", "writes": f"/runs/{run_id}/writes",
        "number": f"/numbers/{encrypt_number(ctx.keys, number(100))}",
        "contact": f"/contacts/hubspot/contacts/{one['record_id']}",
        "segments": "/segments", "campaigns": "/segments?by=campaign",
        "shared numbers": "/segments/shared", "isolated": "/segments/history",
        "suppressions": "/suppressions", "replies": "/reviews", "spend": "/spend",
        "providers": "/providers", "settings": "/settings", "alerts": "/alerts",
        "access": "/access", "log": "/audit", "metrics": "/metrics",
    }  # fmt: skip
    with requests.Session() as session:
        secret = sessions.begin(ctx.store, login_links.PERSON, ctx.now())
        session.cookies.set(COOKIE, secret, domain="127.0.0.1")
        print(f"{'page':16} {'median':>8} {'slowest':>8} {'queries':>8}")
        for name, path in pages.items():
            took = []
            for _ in range(_ROUNDS):
                queries = 0
                begun = time.monotonic()
                answer = session.get(base + path)
                took.append(time.monotonic() - begun)
                assert answer.status_code == 200, (name, answer.status_code)
            print(f"{name:16} {statistics.median(took) * 1000:5.0f} ms {max(took) * 1000:5.0f} ms "
                  f"{queries:8}")  # fmt: skip
        begun = time.monotonic()
        session.post(f"{base}/numbers", data={"q": number(777)})
        print(f"{'search':16} {(time.monotonic() - begun) * 1000:5.0f} ms")
    server.should_exit = True
    ctx.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--years", type=float, default=2.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, database(home) as url:
        upgrade(url)
        started = time.monotonic()
        fill(url, args.contacts, args.years)
        size = ""
        if url.startswith("sqlite"):
            size = f", {Path(home, 'hygiene.db').stat().st_size / 2**20:,.0f} MB"
        server = os.environ.get("BENCH_POSTGRES_URL")
        kind = "PostgreSQL" if server else "SQLite"
        print(f"{args.contacts:,} contacts, {args.years} years, {kind}{size}, filled in "
              f"{time.monotonic() - started:.0f} s")  # fmt: skip
        measure(url, home, args.contacts)


if __name__ == "__main__":
    main()
