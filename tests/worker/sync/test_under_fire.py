"""Promises 4, 5 and 6 at once: four workers, shared numbers, random kills, a faulty provider."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forking
import psutil
import pytest
import sqlalchemy as sa
from celery import Celery
from crms import Crm
from forking import Forked

from config.settings import Settings, load
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.store.tables import lookup_claims, lookup_retries, lookups, spend
from worker.sync.pages import runner
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

# The whole of it (10,000 contacts with 3,000 numbers) takes two minutes: UNDER_FIRE=10000.
CONTACTS = int(os.environ.get("UNDER_FIRE", "1500"))
NUMBERS = CONTACTS * 3 // 10
WORKERS, KILLS = 4, 6
CAP = NUMBERS + 400
AT_ONCE = 4

TOML = f"""
[http]
backoff_initial = 0.02
[sync]
pages_in_flight = 8
[verification]
retry_after = "0s"
breaker_failures = 20
breaker_cooldown = "1s"
[verification.budget]
day_lookups = {CAP}
[verification.providers.twilio]
per_second = 100000
at_once = {AT_ONCE}
batch = 1
read_timeout = 2.0
"""
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 503, "probability": 0.03},
    {"kind": "status", "status": 429, "probability": 0.02, "headers": {"Retry-After": "0.05"}},
    {"kind": "drop", "probability": 0.01},
    {"kind": "drop_after", "probability": 0.01},  # carried out, and charged
    {"kind": "truncate", "probability": 0.01},  # the same
    {"kind": "status", "status": 200, "body": "<html>", "probability": 0.01},
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=CONTACTS)
    table = started.hubspot.portal.table
    for place, record in enumerate(table.after_id(None)):
        number = f"+1415555{2000 + place % NUMBERS:04d}"
        record["properties"].update(phone=number, mobilephone="", country="United States")
    yield started
    started.stop()


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    path = tmp_path / "hygiene.toml"
    path.write_text(TOML, encoding="utf-8")
    env = {**sandbox.env("twilio"), "HYGIENE_HOME": str(tmp_path / "home"),
           "HYGIENE_CONFIG": str(path)}  # fmt: skip
    if url := os.environ.get("UNDER_FIRE_DATABASE"):
        env["DATABASE_URL"] = url
    for name, value in env.items():
        monkeypatch.setenv(name, value)  # for the workers
    upgrade(load().database_url)
    return load()


class Fleet:
    """Celery workers that are killed and started anew."""

    def __init__(self, tmp_path: Path) -> None:
        self._tmp = tmp_path
        self._count = 0
        self.running: list[Forked] = []

    def start(self) -> None:
        self._count += 1
        command = ["celery", "--app", "worker.app", "worker"]
        options = ["--concurrency", "1", "--hostname", f"w{self._count}@%h"]
        log = self._tmp / f"worker-{self._count}.log"
        self.running.append(forking.start([*command, *options], os.environ, log))

    def kill(self, process: Forked) -> None:
        try:
            family = [
                *psutil.Process(process.pid).children(recursive=True),
                psutil.Process(process.pid),
            ]
        except psutil.NoSuchProcess:
            return
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait(10)
        self.running.remove(process)

    def end(self) -> None:
        for process in list(self.running):
            self.kill(process)


@pytest.mark.timeout(900)
def test_nobody_pays_twice_nor_over_the_cap_and_no_fault_makes_a_number_bad(
    settings: Settings, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dice = random.Random(4)
    twilio = sandbox.twilio
    twilio.latency = 0.03
    twilio.faults += [Fault("PhoneNumbers", times=10**9, seed=n, **f) for n, f in enumerate(FAULTS)]
    crm = Crm.all(sandbox)["hubspot"]
    queue = Celery(broker=embedded_redis.ensure(settings.home))
    fleet = Fleet(tmp_path)
    request.addfinalizer(lambda: (fleet.end(), embedded_redis.stop(settings.home)))
    ctx = Context.create(settings)
    request.addfinalizer(ctx.close)
    run_id = lifecycle.open_run(ctx, "hubspot", Scope("everything"))
    queue.send_task("hygiene.read", [run_id], queue="runs")
    for _ in range(WORKERS):
        fleet.start()

    killed, end = 0, time.monotonic() + 800
    last_charges = 0
    while lifecycle.load(ctx, run_id).state == "running":
        assert time.monotonic() < end, _logs(tmp_path)
        queue.send_task("hygiene.revive", queue="runs")  # as beat does
        time.sleep(0.1)
        # A kill at every so many lookups, so that they fall into the middle of the work.
        if killed < KILLS and twilio.charges - last_charges > NUMBERS // (KILLS + 2):
            last_charges = twilio.charges
            fleet.kill(dice.choice(fleet.running))
            fleet.start()
            killed += 1
    assert lifecycle.load(ctx, run_id).state == "done", lifecycle.load(ctx, run_id).error
    assert killed == KILLS, "the workers were killed in the middle of it"
    fleet.end()

    # The provider is well again: what got no answer is asked once more.
    twilio.faults.clear()
    ctx.ledger.settle_orphaned()
    scope = Scope("due", limit=100_000)
    runner.run_to_completion(ctx, lifecycle.open_run(ctx, "hubspot", scope))

    charged = Counter({number: n for (number, _), n in twilio.charged.items()})
    answered, lost = _ledger(ctx)
    assert set(answered) == set(charged), "each number has its answer"
    assert len(answered) == NUMBERS
    assert set(answered.values()) == {1}, "one answer each was bought"
    for number, times in charged.items():
        assert times <= answered[number] + lost[number], "every charge is accounted for"
    # What may have been charged and brought nothing: answers lost on the way, and what was under
    # way at a kill, at most as many as a worker asks at once and the half of them it books ahead.
    assert sum(charged.values()) - NUMBERS <= sum(lost.values())
    at_kills = _lost_at_kills(ctx)
    assert at_kills <= killed * (AT_ONCE + AT_ONCE // 2)
    spent = _spent(ctx)
    assert spent["lookups"] == sum(answered.values()) + sum(lost.values())
    assert spent["reserved_lookups"] == spent["reserved_money"] == 0
    assert sum(charged.values()) <= spent["lookups"] <= CAP
    assert spent["money"] == spent["lookups"] * 8000
    assert _count(ctx, lookup_claims) == _count(ctx, lookup_retries) == 0

    statuses = Counter(crm.get(record_id, "status/phone") for record_id in crm.ids())
    assert statuses == {"valid": CONTACTS}, "no fault made a number bad"
    print(
        f"\n{CONTACTS} contacts, {NUMBERS} numbers, {killed} kills: {sum(charged.values())} "
        f"charged, {sum(answered.values())} answered, {sum(lost.values())} lost "
        f"({at_kills} at kills)"
    )


def _ledger(ctx: Context) -> tuple[Counter[str], Counter[str]]:
    answered: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with ctx.store.read() as connection:
        for row in connection.execute(sa.select(lookups.c.number, lookups.c.state)):
            (answered if row.state == "answered" else lost)[row.number] += 1
    return answered, lost


def _lost_at_kills(ctx: Context) -> int:
    query = sa.select(sa.func.count()).where(lookups.c.detail.like("its worker died%"))
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


def _spent(ctx: Context) -> dict[str, int]:
    names = ("money", "reserved_money", "lookups", "reserved_lookups")
    with ctx.store.read() as connection:
        row = connection.execute(sa.select(*(sa.func.sum(spend.c[n]) for n in names))).one()
    return dict(zip(names, map(int, row), strict=True))


def _count(ctx: Context, table: sa.Table) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _logs(tmp_path: Path) -> str:
    return "\n".join(path.read_text()[-2000:] for path in sorted(tmp_path.glob("worker-*.log")))
