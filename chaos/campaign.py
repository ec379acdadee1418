"""One schedule: the system is set up, people and faults strike, all is healed, promises checked."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import requests

from chaos.check import Checker, settle
from chaos.faults import Faults
from chaos.house import ROOT, House, until
from chaos.people import ADMIN_TOKEN, CONTACTS, HUBSPOT_SECRET, TWILIO_TOKEN, People
from chaos.plan import ACTIVE, Schedule
from chaos.postgres import free_port
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.table import Clock

PATIENCE = 75.0  # seconds until all must be right again
# The release before this one, of which a worker works on beside ours in a "deploy".
PREVIOUS = "be68b47"

TOML = """
[http]
first_wait = 0.05
attempts = 4
connect_timeout = 2.0
read_timeout = 2.0
longest_wait = "2s"
{deadline}
[sync]
every = "2s"
reverify_every = "2s"
overlap = "5s"
pages_in_flight = 3
{new}
page_lease = "4s"
reread_after = "5s"
[verification]
ask_again_after = "1s"
breaker_failures = 4
breaker_rest = "1s"
spread = 0
[verification.budget]
{caps}
[verification.providers.twilio]
per_second = 100000
at_once = 2
batch = 5
read_timeout = 1.0
attempts = 2
[feedback]
deliver_every = "1s"
[feedback.dispositions]
every = "0s"
[segments]
every = "20s"
isolate = false
[alerts]
every = "20s"
[log]
level = "info"
json_lines = {json}
[connectors.hubspot]
reserve = 0.2
search_lag = "5s"
"""


@dataclass
class Result:
    seed: int
    flavour: str
    struck: list[str]
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    settled: float = 0.0
    contacts: int = 0
    messages: int = 0
    writes: int = 0


def run(house: House, schedule: Schedule, mutant: str = "", keep: Path | None = None) -> Result:
    started = time.monotonic()
    name = f"s{schedule.seed}_{int(time.time() * 1000) % 10**8}"
    house.mutant = mutant
    house.redis.flush()
    house.postgres.create(name, "empty")
    sandbox = _stand_ins(schedule)
    port = free_port()
    try:
        return _run(house, schedule, sandbox, name, port, started)
    finally:
        house.stop_all()
        sandbox.stop()
        if keep is not None:
            shutil.copytree(house.logs, keep / name, ignore=shutil.ignore_patterns("*.sock"))
        shutil.rmtree(house.logs, ignore_errors=True)
        house.postgres.drop(name)


def _run(
    house: House, schedule: Schedule, sandbox: Sandbox, name: str, port: int, started: float
) -> Result:
    dice = random.Random(schedule.seed)
    cap = 45 if schedule.flavour == "budget" else None
    web = f"http://127.0.0.1:{port}"
    house.begin(
        {
            **sandbox.env("twilio"), "DATABASE_URL": house.postgres.url(name), "PORT": str(port),
            "PUBLIC_URL": web, "HYGIENE_CONFIG": str(house.home / f"{name}.toml"),
            "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET, "ADMIN_TOKEN": ADMIN_TOKEN,
            "SECRET_KEY": "chaos-secret-key", "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        },
        name,
    )  # fmt: skip
    caps = f"day_lookups = {cap}" if cap else 'day = "none"\nmonth = "none"'
    json_lines = str(bool(schedule.seed % 2)).lower()
    # A setting that the release before does not know would be an error to it.
    new = "" if schedule.flavour == "deploy" else "page_contacts = 25"
    deadline = "" if schedule.flavour == "deploy" else "call_timeout = 4.0"
    toml = TOML.format(caps=caps, json=json_lines, new=new, deadline=deadline)
    (house.home / f"{name}.toml").write_text(toml)
    _world(sandbox, schedule)
    people = People(sandbox, dice, web)
    people.meddling = 0.02
    checker = Checker(house, people, schedule, cap)
    faults = Faults(house, sandbox)
    _start(house, schedule)
    until(lambda: _answers(web), 30, "the web process")

    at_rest = _Rest(house)
    begun = time.monotonic()
    todo = sorted(
        [(e.at, "people", e) for e in schedule.people]
        + [(e.at, "fault", e) for e in schedule.faults],
        key=lambda item: item[0],
    )
    for at, who, event in todo:
        time.sleep(max(0.0, begun + at - time.monotonic()))
        if who == "people":
            people.do(event.kind, random.Random(event.seed))
        else:
            faults.strike(event.kind, event.seed)
    time.sleep(max(0.0, begun + ACTIVE - time.monotonic()))
    faults.heal()
    people.meddling = 0.0

    healed = time.monotonic()
    wrong = settle(checker, PATIENCE)
    settled = time.monotonic() - healed
    answers = "" if wrong else _answers_of(web)
    at_rest.over.set()
    house.stop_all()
    broken = [f"not right again: {line}" for line in wrong[:12]]
    if wrong:
        (house.logs / "reports.txt").write_text("\n".join([*wrong, *checker.reports()]))
    else:
        broken = faults.wrong + _promises(checker, at_rest, answers)
    if broken:
        house.postgres.dump(name, house.logs / "database.sql")
        (house.logs / "crms.txt").write_text("\n".join(map(str, people.writes)))
    people.go_home()
    return Result(
        schedule.seed, schedule.flavour, faults.struck, broken, time.monotonic() - started, settled,
        len(people.known.typed), len(people.known.messages), len(people.writes),
    )  # fmt: skip


def _promises(checker: Checker, at_rest: _Rest, answers: str) -> list[str]:
    found: list[str] = []
    found += checker.watermarks()
    found += checker.money()
    found += checker.messages()
    found += checker.words()
    found += checker.limits()
    found += checker.typed_fields()
    found += checker.unchanged()
    found += checker.dry_then_real()
    found += checker.typed_fields()
    found += checker.undo()
    found += checker.erasure()
    found += checker.cleared_flag()
    found += checker.workers()
    if checker.schedule.flavour == "quota":
        found += checker.reserve()
    found += checker.privacy("\n".join(at_rest.seen), answers)
    return found


def _stand_ins(schedule: Schedule) -> Sandbox:
    leads, seed, skew = CONTACTS // 3, schedule.seed % 1000, timedelta(seconds=schedule.crm_skew)
    sandbox = Sandbox(
        SalesforceService(Org(CONTACTS - leads, leads, seed, clock=Clock(skew))),
        HubSpotService(Portal(CONTACTS, seed, clock=Clock(skew))),
    )
    sandbox.begin()
    return sandbox


def _world(sandbox: Sandbox, schedule: Schedule) -> None:
    sandbox.salesforce.page_limit = 30
    sandbox.twilio.latency = 0.03
    if schedule.flavour == "quota":
        sandbox.hubspot.ten_second_limit = 15
        sandbox.hubspot.search_per_second = 5
        sandbox.hubspot.daily_limit = 5000


def _start(house: House, schedule: Schedule) -> None:
    apart = schedule.flavour == "hosts"
    for place in range(schedule.workers):
        world = {"host": f"machine-{place}", "skew": schedule.skews[place]} if apart else {}
        house.start("worker", _worker(place, schedule), **world)
    if schedule.flavour == "deploy" and (tree := previous_tree(house.home)):
        house.start("old", _worker(9, schedule), tree=str(tree))
    house.start("beat", ["celery", "--app", "worker.app", "beat", "--loglevel", "info"])
    house.start("web", ["worker", "web"])


def _worker(place: int, schedule: Schedule) -> list[str]:
    pool = "solo" if (schedule.seed + place) % 4 == 0 else "prefork"
    return ["celery", "--app", "worker.app", "worker", "--concurrency", "1", "--pool", pool,
            "--hostname", f"w{place}@%h", "--without-mingle", "--without-gossip"]  # fmt: skip


def previous_tree(home: Path) -> Path | None:
    """The code of the release before, beside ours; None where its history is not here."""
    tree = home / "previous"
    if tree.exists():
        return tree
    archive = subprocess.run(
        ["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        return None
    tree.mkdir()
    subprocess.run(["tar", "-x"], cwd=tree, input=archive.stdout, check=True)
    return tree


def _answers(web: str) -> bool:
    try:
        return requests.get(f"{web}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _answers_of(web: str) -> str:
    """What anybody may read: metrics and health, and the text of an error."""
    pages = ("/metrics", "/readyz", "/healthz", "/api/runs", "/no-such-page")
    try:
        return "\n".join(requests.get(f"{web}{page}", timeout=5).text for page in pages)
    except requests.RequestException:
        return ""


class _Rest:
    """What lies in Redis, looked at now and then."""

    def __init__(self, house: House) -> None:
        self.over = threading.Event()
        self.seen: set[str] = set()
        self._house = house
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self.over.wait(0.7):
            self.seen.update(self._house.redis.at_rest().splitlines())
