"""From a tick in Salesforce to HubSpot: `python -m bench.stream --contacts N --ticks M`.

Real processes: the stand-ins with N contacts each, Salesforce's change events over gRPC, two Celery
workers, beat and `hygiene stream`. M contacts, each with a namesake in HubSpot that has the same
number, get "wrong number" ticked at `--rate` a second, as a user does. It reports the times from
the tick until HubSpot had confirmed every record with the number. Syncs on schedule are turned off.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests
import sqlalchemy as sa

from bench.reports import count_calls, summary
from bench.sync import stand_ins
from config.settings import load
from worker.context import Context
from worker.phones import facts
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.store.tables import contacts, deliveries
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope
from worker.sync.stream import state

OBJECTS = {"salesforce": ("Contact", "Phone", "Email"), "hubspot": ("contacts", "phone", "email")}
SETTINGS = """
[connectors.salesforce.streaming]
enabled = true
[sync]
every = "6h"
[segments]
isolate = false
"""


@contextmanager
def processes(env: dict[str, str]) -> Iterator[None]:
    celery = [sys.executable, "-m", "celery", "--app", "worker.app"]
    quiet = ["--loglevel", "warning"]
    commands = (
        [*celery, "worker", "--concurrency", "2", *quiet],
        [*celery, "worker", "--queues", "reports", "--pool", "solo", "--hostname", "r@%h", *quiet],
        [
            *celery,
            "worker",
            "--queues",
            "writes",
            "--concurrency",
            "2",
            "--hostname",
            "w@%h",
            *quiet,
        ],
        [*celery, "beat", *quiet],
        [sys.executable, "-m", "worker", "stream"],
    )
    started = [subprocess.Popen(command, env={**os.environ, **env}) for command in commands]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def act(session: requests.Session, base: str, name: str, record_id: str, **values: object) -> None:
    url = f"{base}/_sandbox/records/{OBJECTS[name][0]}/{record_id}"
    session.post(url, json={"set": values}, timeout=30).raise_for_status()


def pair_people(ctx: Context, bases: dict[str, str], count: int) -> dict[str, str]:
    """Give `count` people a record in each CRM with one number and one email, and sync that; return
    number -> Salesforce's id."""
    numbers = [f"+1415{2_000_000 + n:07d}" for n in range(count * 2)]
    numbers = [number for number in numbers if facts(number).valid][:count]
    ids: dict[str, list[str]] = {}
    c = contacts.c
    for name, base in bases.items():
        object_name, phone, email = OBJECTS[name]
        query = sa.select(c.record_id).where(c.connector == name, c.object == object_name)
        with ctx.store.read() as connection:
            ids[name] = list(connection.scalars(query.order_by(c.record_id).limit(count)))
        with requests.Session() as session:
            for place, (record_id, number) in enumerate(zip(ids[name], numbers, strict=True)):
                mail = f"person.{place}@example.com"
                act(session, base, name, record_id, **{phone: number, email: mail})
        run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("ids", tuple(ids[name]))))
    return dict(zip(numbers, ids["salesforce"], strict=True))


def measure(ctx: Context, bases: dict[str, str], people: dict[str, str], rate: float) -> None:
    before = {name: count_calls(base) for name, base in bases.items()}
    ticked: dict[str, datetime] = {}
    begun = time.monotonic()
    with requests.Session() as session:
        for place, (number, record_id) in enumerate(people.items()):
            ticked[number] = datetime.now(UTC)
            act(session, bases["salesforce"], "salesforce", record_id, Wrong_Number__c=True)
            time.sleep(max(0.0, begun + (place + 1) / rate - time.monotonic()))
    c, ended = deliveries.c, time.monotonic()
    while True:
        with ctx.store.read() as connection:
            query = sa.select(c.number, c.state, c.confirmed_at)
            rows = connection.execute(query.where(c.connector == "hubspot")).all()
        done = {row.number: row.confirmed_at for row in rows if row.state == "done"}
        if ticked.keys() <= done.keys():
            break
        assert time.monotonic() - ended < 300, f"{len(ticked.keys() - done.keys())} not there"
        time.sleep(0.5)
    times = [(done[number] - at).total_seconds() for number, at in ticked.items()]
    print(f"  tick to HubSpot: {summary(times)}")
    for name, base in bases.items():
        used = count_calls(base) - before[name]
        print(f"  {name:10} {used} calls, {used / len(people):.2f} a tick")
    for one in state.health(ctx):
        print(f"  {one.channel}: lag {one.lag}, events {one.counts}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description=__doc__)
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2, help="ticks a second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, stand_ins(args.contacts, "--streaming") as crm:
        config = Path(home) / "hygiene.toml"
        config.write_text(SETTINGS, encoding="utf-8")
        env = {**crm, "HYGIENE_HOME": home, "HYGIENE_CONFIG": str(config),
               "DATABASE_URL": f"sqlite:///{home}/hygiene.db"}  # fmt: skip
        settings = load(env)
        upgrade(settings.database_url)
        ctx = Context.create(settings)
        bases = {"salesforce": crm["SALESFORCE_LOGIN_URL"], "hubspot": crm["HUBSPOT_API_URL"]}
        for name in bases:
            run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("everything")))
        people = pair_people(ctx, bases, args.ticks)
        embedded_redis.ensure(settings.home)
        with processes(env):
            while not all(one.counts or one.silent_for is not None for one in state.health(ctx)):
                time.sleep(0.2)
            time.sleep(10)  # workers and beat have started
            print(f"{args.ticks} ticks, {args.rate:g} a second, {args.contacts} contacts a CRM:")
            measure(ctx, bases, people, args.rate)
        embedded_redis.stop(settings.home)
        ctx.close()


if __name__ == "__main__":
    main()
