"""From a signed webhook to both CRMs: `python -m bench.reports --contacts N --reports M`.

Real processes: the stand-ins with N contacts each, the web process, one Celery worker. M signed
Twilio replies ("STOP"), each from a number that both CRMs hold, are sent at `--rate` a second. It
reports the times from a webhook's arrival until a CRM confirmed that every record with the number
says so, and the calls that each CRM saw for a report. The first reports after a start find
processes that have done nothing yet, and are measured by themselves. With `--outage` HubSpot is
away for that many seconds in the middle of it.

`--busy` measures it as well while every contact is looked at anew: a forced full sync of each CRM
is under way all the time, and lookups of the stand-in for Twilio are paid.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import requests
import sqlalchemy as sa

from bench.results import record
from bench.sync import stand_ins
from chaos.postgres import free_port
from config.settings import load
from worker.context import Context
from worker.feedback.sources.twilio import twilio_signature
from worker.phones import facts
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.store.states import PageState
from worker.store.tables import contacts, deliveries, lookups, pages, writes
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

ACCOUNT = {"TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "bench-token"}
_NOT_ASKED = ("NUMVERIFY_", "CLEAROUTPHONE_", "RND_")
# By whether lookups are asked for.
_SETTINGS = {
    False: "[verification.providers.twilio]\nenabled = false\n",
    True: "[verification.budget]\nday = 'none'\nmonth = 'none'\n",
}
CRMS = ("salesforce", "hubspot")
_FIRST = 25  # reports after a start


@contextmanager
def processes(env: dict[str, str]) -> Iterator[None]:
    celery = ["celery", "--app", "worker.app"]
    worker = [*celery, "worker", "--loglevel", "warning"]
    commands = (
        ["worker", "web"],
        [*worker, "--concurrency", "2"],
        [*worker, "--queues", "reports", "--pool", "solo", "--hostname", "reports@%h"],
        [*worker, "--queues", "writes", "--concurrency", "2", "--hostname", "writes@%h"],
        [*celery, "beat", "--loglevel", "warning"],
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def share_numbers(ctx: Context, bases: dict[str, str], count: int) -> list[str]:
    """Give `count` numbers to a record of each CRM, as people do, and sync that."""
    numbers = [f"+1415{2_000_000 + n:07d}" for n in range(count * 2)]
    numbers = [number for number in numbers if facts(number).valid][:count]
    c = contacts.c
    for name, base in bases.items():
        objects = {"salesforce": ("Contact", "Phone"), "hubspot": ("contacts", "phone")}
        object_name, field = objects[name]
        query = (
            sa.select(c.record_id)
            .where(c.connector == name, c.object == object_name)
            .order_by(c.record_id)
            .limit(count)
        )
        with ctx.store.read() as connection:
            ids = list(connection.scalars(query))
        with requests.Session() as session:
            for record_id, number in zip(ids, numbers, strict=True):
                session.post(
                    f"{base}/_sandbox/records/{object_name}/{record_id}",
                    json={"set": {field: number}},
                    timeout=30,
                ).raise_for_status()
        run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("ids", tuple(ids))))
    return numbers


@contextmanager
def busy(env: dict[str, str]) -> Iterator[None]:
    """Have the workers look at every contact of both CRMs anew, again and again."""
    ended = threading.Event()
    rescans: dict[str, subprocess.Popen[bytes]] = {}

    def keep_busy(connector: str) -> None:
        while not ended.is_set():
            command = ["worker", "rescan", connector, "--older-than", "0d", "--force", "--queue"]
            rescans[connector] = subprocess.Popen(
                [sys.executable, "-m", *command], env={**os.environ, **env},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if ended.is_set():
                rescans[connector].terminate()
            rescans[connector].wait()

    threads = [threading.Thread(target=keep_busy, args=(name,)) for name in CRMS]
    for thread in threads:
        thread.start()
    time.sleep(5)  # until the first pages are under way
    try:
        yield
    finally:
        ended.set()
        for rescan in rescans.values():  # it would follow its run for ever
            rescan.terminate()
        for thread in threads:
            thread.join()


def send(web: str, number: str, place: int, token: str) -> float:
    url = f"{web}/webhooks/twilio/sms"
    form = {"From": number, "MessageSid": f"SM{place:032d}", "Body": "STOP", "OptOutType": "STOP"}
    signature = twilio_signature(token, url, list(form.items()))
    started = time.monotonic()
    answer = requests.post(url, data=form, headers={"X-Twilio-Signature": signature}, timeout=30)
    assert answer.status_code == 200, answer.text
    return time.monotonic() - started


def count_calls(base: str) -> int:
    return int(requests.get(f"{base}/_sandbox/counters", timeout=5).json()["total"])


def count_work(ctx: Context) -> tuple[int, int]:
    """Return how many pages of syncs are done, and how many lookups were paid."""
    done = sa.select(sa.func.count()).where(pages.c.state == PageState.DONE)
    with ctx.store.read() as connection:
        paid = connection.scalar(sa.select(sa.func.count()).select_from(lookups))
        return connection.scalar(done) or 0, paid or 0


def set_outage(base: str, on: bool) -> None:
    if on:
        fault = {"match": "^(GET|POST|PATCH) /crm", "kind": "status", "status": 503, "times": 10**9}
        requests.post(f"{base}/_sandbox/faults", json=fault, timeout=5).raise_for_status()
    else:
        requests.delete(f"{base}/_sandbox/faults", timeout=5).raise_for_status()


def summary(times: list[float]) -> str:
    cuts = quantiles(times, n=100)
    return f"median {median(times):6.2f} s, 99 % {cuts[98]:6.2f} s, longest {max(times):6.2f} s"


def measure(ctx: Context, web: str, bases: dict[str, str], numbers: list[str], rate: float,
            outage: float, first: int, token: str, circumstances: str = "") -> None:  # fmt: skip
    """Send reports, and print how long each took. Its parameters are those of the command."""
    before = {name: count_calls(base) for name, base in bases.items()}
    pages_before, lookups_before = count_work(ctx)
    begun = time.monotonic()
    answers = []
    down = False
    for place, number in enumerate(numbers):
        share = place / len(numbers)
        if outage and not down and share > 0.3:
            down, since = True, time.monotonic()
            set_outage(bases["hubspot"], True)
        if down and outage and time.monotonic() - since > outage:
            outage = 0
            set_outage(bases["hubspot"], False)
        answers.append(send(web, number, first + place, token))
        time.sleep(max(0.0, begun + (place + 1) / rate - time.monotonic()))
    if down and outage:
        time.sleep(max(0.0, since + outage - time.monotonic()))
        set_outage(bases["hubspot"], False)
    ended = time.monotonic()
    pages_after, lookups_after = count_work(ctx)
    print(
        f"  meanwhile {pages_after - pages_before} pages of syncs were processed and "
        f"{lookups_after - lookups_before} lookups paid"
    )
    c = deliveries.c
    while True:
        with ctx.store.read() as connection:
            rows = connection.execute(
                sa.select(c.connector, c.state, c.since, c.confirmed_at).where(
                    c.number.in_(numbers)
                )
            ).all()
        if len(rows) == 2 * len(numbers) and all(row.state == "done" for row in rows):
            break
        time.sleep(0.5)
        assert time.monotonic() - ended < 600, "not delivered"
    print(f"  the sender waited: {summary(answers)}")
    for name, base in bases.items():
        times = [(r.confirmed_at - r.since).total_seconds() for r in rows if r.connector == name]
        used = count_calls(base) - before[name]
        told = circumstances or ("with HubSpot away for a while" if down else "")
        when = f"{told}: {name} has it" if told else f"{name} has it"
        middle, slow = median(times), quantiles(times, n=100)[98]
        record("reports", f"{when}, median", middle, "s", "gathering reports, and calls")
        record("reports", f"{when}, 99%", slow, "s", "a worker busy with the reports before")
        print(f"  {name:10} {summary(times)}; {used} calls, {used / len(numbers):.2f} a report")


def main() -> None:
    """Start what a bench needs, and measure under each circumstance: a script, so it is long."""
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20, help="reports a second")
    parser.add_argument("--outage", type=float, default=60, help="seconds; 0 for none")
    parser.add_argument("--busy", action="store_true", help="also while all is verified anew")
    args = parser.parse_args()
    options = ["--providers"] if args.busy else []
    with tempfile.TemporaryDirectory() as home, stand_ins(args.contacts, *options) as crm:
        config = Path(home) / "hygiene.toml"  # the replies are Twilio's
        config.write_text(_SETTINGS[args.busy], encoding="utf-8")
        crm = {name: value for name, value in crm.items() if not name.startswith(_NOT_ASKED)}
        port = free_port()
        web = f"http://127.0.0.1:{port}"
        env = {**crm, "HYGIENE_HOME": home, "HYGIENE_CONFIG": str(config),
               "DATABASE_URL": f"sqlite:///{home}/hygiene.db",
               "PORT": str(port), "PUBLIC_URL": web,
               **({} if args.busy else ACCOUNT)}  # fmt: skip
        token = env["TWILIO_AUTH_TOKEN"]
        settings = load(env)
        upgrade(settings.database_url)
        ctx = Context.create(settings)
        for name in CRMS:
            run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("everything")))
            print(f"{name} is in sync", flush=True)
        bases = {"salesforce": crm["SALESFORCE_LOGIN_URL"], "hubspot": crm["HUBSPOT_API_URL"]}
        half = args.reports
        count = _FIRST + (1 + bool(args.outage) + args.busy) * half
        first, numbers = (shared := share_numbers(ctx, bases, count))[:_FIRST], shared[_FIRST:]
        embedded_redis.ensure(settings.home)
        with processes(env):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    requests.get(f"{web}/healthz", timeout=1)
                    break
                except requests.RequestException:
                    time.sleep(0.3)
            time.sleep(5)
            print(f"{args.contacts:,} contacts in each CRM, {half:,} reports, {args.rate:g}/s")
            print(f"the first {_FIRST} after a start:")
            measure(ctx, web, bases, first, args.rate, 0, 4 * half, token, "right after a start")
            print("from then on:")
            measure(ctx, web, bases, numbers[:half], args.rate, 0, 0, token)
            if args.outage:
                print(f"the same, with HubSpot away for {args.outage:g} s:")
                some = numbers[half : 2 * half]
                measure(ctx, web, bases, some, args.rate, args.outage, half, token)
            if args.busy:
                print("the same, while every contact is verified anew:")
                with busy(env):
                    measure(
                        ctx, web, bases, numbers[-half:], args.rate, 0, 2 * half, token,
                        "while every contact is verified anew",
                    )  # fmt: skip
            with ctx.store.read() as connection:
                w = writes.c
                again = (
                    sa.select(w.record_id)
                    .where(w.run_id.in_(sa.select(deliveries.c.run_id)), w.state == "done")
                    .group_by(w.connector, w.record_id)
                    .having(sa.func.count() > 1)
                )
                twice = len(connection.execute(again).all())
            print(f"records written more than once: {twice}")
        ctx.close()
        embedded_redis.stop(settings.home)


if __name__ == "__main__":
    main()
