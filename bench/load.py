"""Load and soak: `python -m bench.load --rate N --minutes M`.

Real processes (web, a Celery worker with two children, beat) against the stand-ins: signed Twilio
replies at `--rate` a second, people who edit contacts at `--edits` a second, and the schedule at
work all the while. It reports the senders' waits, the depth of the queue, how long reports wait for
the CRMs, and the memory of each process over time; in the end, whether everything arrived.

`--rate 20 --minutes 10` is the load, `--rate 1 --minutes 60` the soak.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import requests
import sqlalchemy as sa

from bench.reports import share_numbers
from bench.sync import stand_ins
from chaos.postgres import free_port
from config.settings import load
from worker.context import Context
from worker.feedback.sources.twilio import twilio_signature
from worker.queue.schedule import QUEUES
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.store.tables import deliveries, feedback
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

TOKEN = "bench-token"
CRMS = ("salesforce", "hubspot")
WORDS = {"STOP": "opt_out", "START": "opt_in"}
TOML = """
[verification.providers.twilio]
enabled = false
[sync]
every = "30s"
[segments]
every = "60s"
"""


@dataclass
class Measurements:
    """A row each few seconds, and each sender's wait."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    depth: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    last: dict[str, str] = field(default_factory=dict)  # number -> what was said last


@contextmanager
def processes(env: dict[str, str], logs: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    worker = ["celery", "--app", "worker.app", "worker"]
    commands = {
        "web": ["worker", "web"],
        "worker": [*worker, "--concurrency", "2"],
        "reports": [*worker, "--queues", "reports", "--pool", "solo", "--hostname", "reports@%h"],
        "writes": [*worker, "--queues", "writes", "--concurrency", "2", "--hostname", "writes@%h"],
        "beat": ["celery", "--app", "worker.app", "beat"],
    }
    started = {}
    for name, command in commands.items():
        with (logs / f"{name}.log").open("wb") as log:
            started[name] = subprocess.Popen(
                [sys.executable, "-m", *command], env={**os.environ, **env}, stdout=log, stderr=log
            )
    try:
        yield started
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.wait(60)


def memory_of(started: dict[str, subprocess.Popen[bytes]]) -> dict[str, float]:
    """MB of each process, of the worker its children too: all that it has in memory, and what it
    has for itself (a child shares with its parent what neither of them has changed)."""
    sizes = {}
    for name, process in started.items():
        parent = psutil.Process(process.pid)
        process_tree = {name: parent}
        for place, child in enumerate(sorted(parent.children(), key=lambda p: p.pid)):
            process_tree[f"{name} child {place + 1}"] = child
        for who, member in process_tree.items():
            with suppress(psutil.NoSuchProcess):  # a child that was replaced just now
                memory = member.memory_full_info()
                sizes[who] = memory.rss / 2**20
                sizes[f"{who}, own"] = memory.uss / 2**20
    return sizes


def sample(
    ctx: Context, started: dict[str, subprocess.Popen[bytes]], seen: Measurements,
    ended: threading.Event, redis_url: str, every: float,
) -> None:  # fmt: skip
    client = embedded_redis.client(redis_url)
    d = deliveries.c
    query = sa.select(sa.func.count(), sa.func.min(d.since)).where(d.state == "pending")
    while not ended.wait(every):
        seen.depth.append(sum(int(client.llen(name)) for name in QUEUES))
        with ctx.store.read() as connection:
            count, since = connection.execute(query).one()
        seen.pending.append(count)
        if since is not None and not isinstance(since, str):
            seen.oldest.append((ctx.now() - since).total_seconds())
        for name, megabytes in memory_of(started).items():
            seen.memory[name].append(megabytes)


def send(url: str, number: str, word: str, place: int, seen: Measurements) -> None:
    form = {"From": number, "MessageSid": f"SM{place:032d}", "Body": word, "OptOutType": word}
    signature = twilio_signature(TOKEN, url, list(form.items()))
    began = time.monotonic()
    try:
        answer = requests.post(
            url, data=form, headers={"X-Twilio-Signature": signature}, timeout=30
        )
        answer.raise_for_status()
    except requests.RequestException:
        seen.refused += 1
        return
    seen.waits.append(time.monotonic() - began)
    seen.last[number] = word


def edit_phones(bases: dict[str, str], rng: random.Random, ended: threading.Event, rate: float,
         ids: dict[str, list[str]]) -> None:  # fmt: skip
    """Let people retype phone numbers, but none that messages come from."""
    fields = {"salesforce": ("Contact", "MobilePhone"), "hubspot": ("contacts", "mobilephone")}
    with requests.Session() as session:
        while rate and not ended.wait(1 / rate):
            crm = rng.choice(CRMS)
            name, phone = fields[crm]
            number = f"+1212{rng.randrange(2_000_000, 9_999_999)}"
            session.post(f"{bases[crm]}/_sandbox/records/{name}/{rng.choice(ids[crm])}",
                         json={"set": {phone: number}}, timeout=30)  # fmt: skip


def percentiles(values: list[float]) -> str:
    if len(values) < 3:
        return "-"
    cuts = quantiles(values, n=100)
    return f"median {cuts[49]:.2f}, 99 % {cuts[98]:.2f}, most {max(values):.2f}"


def report(seen: Measurements) -> None:
    print(f"acknowledged after (s): {percentiles(seen.waits)}; refused {seen.refused}")
    print(f"messages in the queue: {percentiles([float(d) for d in seen.depth])}")
    print(f"deliveries pending: {percentiles([float(d) for d in seen.pending])}")
    print(f"age of the oldest (s): {percentiles(seen.oldest)}")
    for name, values in seen.memory.items():
        fifth = max(1, len(values) // 5)
        parts = [sum(values[n * fifth : (n + 1) * fifth]) / fifth for n in range(5)]
        averages = " ".join(f"{part:6.1f}" for part in parts)
        print(f"memory of {name:21} MB, by fifths of the time: {averages}, most {max(values):.1f}")


def wait_drained(ctx: Context, sent: int, seconds: float) -> tuple[float, list[str]]:
    """Wait until everything was delivered; return how long that took, and what is lost."""
    began = time.monotonic()
    d, f = deliveries.c, feedback.c
    while True:
        with ctx.store.read() as connection:
            stored = connection.scalar(
                sa.select(sa.func.count()).select_from(feedback).where(f.key.like("twilio:sms:%"))
            )
            unapplied = connection.scalar(
                sa.select(sa.func.count()).select_from(feedback).where(f.applied_at.is_(None))
            )
            pending = connection.scalar(
                sa.select(sa.func.count()).select_from(deliveries).where(d.state == "pending")
            )
        if not pending and not unapplied:
            break
        if time.monotonic() - began > seconds:
            return seconds, [f"{pending} deliveries and {unapplied} reports still wait"]
        time.sleep(0.5)
    lost = [] if stored == sent else [f"{sent} were acknowledged and {stored} are stored"]
    return time.monotonic() - began, lost


def count_wrong_flags(
    bases: dict[str, str], record_ids: dict[str, dict[str, str]], seen: Measurements
) -> int:
    """Count the records whose flag differs from what the number's owner said last."""
    flags = {
        "salesforce": ("Contact", "Phone_Do_Not_Contact__c"),
        "hubspot": ("contacts", "hygiene_do_not_contact"),
    }
    wrong = 0
    with requests.Session() as session:
        for crm, (name, flag) in flags.items():
            for number, word in seen.last.items():
                record = session.post(
                    f"{bases[crm]}/_sandbox/records/{name}/{record_ids[crm][number]}",
                    json={},
                    timeout=30,
                ).json()["result"]
                wrong += (record.get(flag) in (True, "true")) != (word == "STOP")
    return wrong


def run(args: argparse.Namespace, home: str, crm: dict[str, str]) -> int:
    config = Path(home) / "hygiene.toml"
    config.write_text(TOML, encoding="utf-8")
    port = free_port()
    env: dict[str, str] = {
        **crm, "HYGIENE_HOME": home, "HYGIENE_CONFIG": str(config), "PORT": str(port),
        "DATABASE_URL": args.database or f"sqlite:///{home}/hygiene.db",
        "PUBLIC_URL": f"http://127.0.0.1:{port}", "TWILIO_ACCOUNT_SID": "AC0",
        "TWILIO_AUTH_TOKEN": TOKEN,
    }  # fmt: skip
    settings = load(env)
    upgrade(settings.database_url)
    ctx = Context.create(settings)
    for name in CRMS:
        run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("everything")))
    bases = {"salesforce": crm["SALESFORCE_LOGIN_URL"], "hubspot": crm["HUBSPOT_API_URL"]}
    numbers = share_numbers(ctx, bases, args.numbers)
    record_ids, other_ids = _records_by_number(ctx, numbers)
    redis_url = embedded_redis.ensure(settings.home)
    seen, ended, rng = Measurements(), threading.Event(), random.Random(1)
    with processes(env, Path(home)) as started:
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.3)
        time.sleep(5)
        print(
            f"{args.contacts:,} contacts in each CRM, for {args.minutes:g} minutes: "
            f"{args.rate:g} replies and {args.edits:g} edits a second", flush=True,
        )  # fmt: skip
        every = min(10.0, args.minutes * 60 / 50)
        sampler = threading.Thread(
            target=sample, args=(ctx, started, seen, ended, redis_url, every), daemon=True
        )
        editor = threading.Thread(
            target=edit_phones, args=(bases, rng, ended, args.edits, other_ids), daemon=True
        )
        sampler.start()
        editor.start()
        _send_all(args, f"http://127.0.0.1:{port}/webhooks/twilio/sms", numbers, seen)
        ended.set()
        sampler.join()
        editor.join()
        seconds, lost = wait_drained(ctx, len(seen.waits), 600)
        report(seen)
        wrong = count_wrong_flags(bases, record_ids, seen)
        print(f"{len(seen.waits):,} messages; all delivered {seconds:.1f} s after the last one; "
              f"lost: {lost or 'none'}; records that say something else: {wrong}")  # fmt: skip
    ctx.close()
    embedded_redis.stop(settings.home)
    return 1 if lost or wrong else 0


def _send_all(args: argparse.Namespace, url: str, numbers: list[str], seen: Measurements) -> None:
    """Send messages: one after the other from a number, from many numbers at once."""
    rng = random.Random(2)
    total = int(args.rate * args.minutes * 60)
    began = time.monotonic()
    with ThreadPoolExecutor(24) as pool:
        under_way: dict[str, Any] = {}
        for place in range(total):
            time.sleep(max(0.0, began + place / args.rate - time.monotonic()))
            number = numbers[place % len(numbers)]
            if (earlier := under_way.get(number)) is not None:
                earlier.result()
            word = rng.choice(list(WORDS))
            under_way[number] = pool.submit(send, url, number, word, place, seen)


def _records_by_number(
    ctx: Context, numbers: list[str]
) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    """Return the record of each number in each CRM, and the records without any of them."""
    from worker.store.tables import contact_numbers, contacts

    c, n = contacts.c, contact_numbers.c
    objects = {"salesforce": "Contact", "hubspot": "contacts"}
    record_ids: dict[str, dict[str, str]] = {name: {} for name in CRMS}
    other_ids = {}
    with ctx.store.read() as connection:
        for name in CRMS:
            query = sa.select(n.number, n.record_id).where(
                n.connector == name, n.object == objects[name]
            )
            rows = connection.execute(query.where(n.number.in_(numbers)))
            record_ids[name] = {row.number: row.record_id for row in rows}
            everybody = connection.scalars(
                sa.select(c.record_id).where(c.connector == name, c.object == objects[name])
            )
            busy = set(record_ids[name].values())
            other_ids[name] = [record_id for record_id in everybody if record_id not in busy]
    return record_ids, other_ids


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--contacts", type=int, default=5000)
    parser.add_argument("--numbers", type=int, default=1000, help="that messages come from")
    parser.add_argument("--rate", type=float, default=20, help="replies a second")
    parser.add_argument("--edits", type=float, default=1, help="edits a second")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", default="", help="a PostgreSQL instead of SQLite")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, stand_ins(args.contacts) as crm:
        return run(args, home, crm)


if __name__ == "__main__":
    sys.exit(main())
