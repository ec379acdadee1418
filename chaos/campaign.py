"""Run one schedule: set the system up, let actors act and faults strike, heal, check promises."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import requests

from chaos.actors import Actors
from chaos.check import Checker, wait_until_consistent
from chaos.crm_records import CONTACTS
from chaos.environment import ROOT, Environment, until
from chaos.faults import Faults
from chaos.mutants import outdated
from chaos.plan import ACTIVE, Flavour, Schedule
from chaos.postgres import free_port
from chaos.recipients import SETTINGS as ASKING
from chaos.recipients import Recipients, mail_settings, start_mail_server
from chaos.second_accounts import SETTINGS as SECOND_ACCOUNTS
from chaos.second_accounts import SecondAccounts
from chaos.senders import ADMIN_TOKEN, HUBSPOT_SECRET, TWILIO_TOKEN
from chaos.stories import Stories
from chaos.subscriber import Subscriber
from sandbox.hubspot import HubSpotService, Portal
from sandbox.mail import MailServer
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.table import Clock

CONSISTENT_WITHIN = 75.0  # seconds after the last fault until all must be right
# The code of the form of the tables before this one (0013), of which a worker works on beside ours
# in a "deploy". It must run with the libraries of today: `Checker.workers` looks.
PREVIOUS = "61143bdd"

TOML = """
[http]
backoff_initial = 0.05
attempts = 4
connect_timeout = 2.0
read_timeout = 2.0
backoff_max = "2s"
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
retry_after = "1s"
breaker_failures = 4
breaker_cooldown = "1s"
ttl_jitter = 0
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
company = "Acme"
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
api_reserve = 0.2
search_lag = "5s"
{events}
{beside}
"""
# What the release before does not know.
BESIDE = """
[connectors.hubspot.owner_tasks]
enabled = true
per_run = 1000
[connectors.salesforce.owner_tasks]
enabled = true
per_run = 1000
[connectors.salesforce.consent_records]
enabled = true
write = true
every = "1s"
[capture]
budget = {day = "0.10", month = "1"}
"""
# Changes in Salesforce come as events alone: no sync on schedule reads what they left out.
STREAMING = """
[connectors.salesforce]
sync.every = "1h"
[connectors.salesforce.streaming]
enabled = true
"""


@dataclass
class Result:
    seed: int
    flavour: str
    injected: list[str]
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    recovery_seconds: float = 0.0
    contacts: int = 0
    messages: int = 0
    writes: int = 0
    outdated: str = ""  # how the mutant no longer fits the code


def run(
    environment: Environment, schedule: Schedule, mutant: str = "", keep: Path | None = None
) -> Result:
    started = time.monotonic()
    name = f"s{schedule.seed}_{int(time.time() * 1000) % 10**8}"
    environment.mutant = mutant
    environment.redis.flush()
    environment.postgres.create(name, "empty")
    sandbox, second = _stand_ins(schedule), _second_accounts(schedule)
    mail = start_mail_server() if schedule.flavour == "asking" else None
    port = free_port()
    try:
        result = _run(environment, schedule, sandbox, second, mail, name, port, started)
        if mutant:
            result.outdated = outdated(environment.log_text())
        return result
    finally:
        environment.stop_all()
        sandbox.stop()
        if second is not None:
            second.sandbox.stop()
        if mail is not None:
            mail.stop()
        if keep is not None:
            shutil.copytree(environment.logs, keep / name, ignore=shutil.ignore_patterns("*.sock"))
        shutil.rmtree(environment.logs, ignore_errors=True)
        environment.postgres.drop(name)


def _run(
    environment: Environment, schedule: Schedule, sandbox: Sandbox, second: SecondAccounts | None,
    mail: MailServer | None, name: str, port: int, started: float,
) -> Result:  # fmt: skip
    """Set up, play the schedule, heal, wait until all is consistent, check the promises. Long, and
    with many parameters, because it is the one order in which a schedule goes."""
    cap = 45 if schedule.flavour == "budget" else None
    web = f"http://127.0.0.1:{port}"
    environment.start_schedule(
        {
            **sandbox.env(*_vendors(schedule)), **(second.env() if second else {}),
            **(mail_settings(mail) if mail else {}),
            "DATABASE_URL": environment.postgres.url(name), "PORT": str(port), "PUBLIC_URL": web,
            "HYGIENE_CONFIG": str(_write_settings(environment, schedule, name, cap)),
            "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET, "ADMIN_TOKEN": ADMIN_TOKEN,
            "SECRET_KEY": "chaos-secret-key", "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        },
        name,
    )  # fmt: skip
    _configure_stand_ins(sandbox, schedule)
    actors = Actors(sandbox, random.Random(schedule.seed), web)
    subscriber = None if schedule.flavour == "deploy" else Subscriber(web, ADMIN_TOKEN)
    recipients = Recipients(environment, actors, schedule.seed, mail) if mail else None
    checker = Checker(environment, actors, schedule, cap, subscriber, second, recipients)
    faults = Faults(environment, actors, subscriber, second.sandbox if second else None,
                    mail)  # fmt: skip
    if schedule.flavour == "stream":  # what is there before the first event
        environment.command("worker", "sync", "salesforce", "--json")
    if recipients is not None:
        recipients.agree()
    _start_processes(environment, schedule)
    until(lambda: _is_up(web), 30, "the web process")
    if subscriber is not None:
        subscriber.subscribe()
        actors.add_form()
    if recipients is not None:
        recipients.start(faults.injected)
    sampler = _RedisSampler(environment)

    _play(schedule, actors, faults)

    healed = time.monotonic()
    wrong = wait_until_consistent(checker, CONSISTENT_WITHIN)
    recovery_seconds = time.monotonic() - healed
    public_text = "" if wrong else _public_text(web)
    sampler.ended.set()
    environment.stop_all()

    broken = [f"not consistent: {line}" for line in wrong[:12]]
    if wrong:
        (environment.logs / "reports.txt").write_text("\n".join([*wrong, *checker.reports()]))
    else:
        broken = faults.violations + _check_promises(checker, sampler, public_text)
    if broken:
        environment.postgres.dump(name, environment.logs / "database.sql")
        (environment.logs / "crms.txt").write_text("\n".join(map(str, actors.records.writes)))
    actors.senders.stop()
    if subscriber is not None:
        subscriber.close()
    return Result(
        schedule.seed, schedule.flavour, faults.injected, broken,
        time.monotonic() - started, recovery_seconds,
        len(actors.truth.typed), len(actors.truth.messages), len(actors.records.writes),
    )  # fmt: skip


def _write_settings(
    environment: Environment, schedule: Schedule, name: str, cap: int | None
) -> Path:
    # A setting that the previous release does not know would be an error to it.
    has_previous = schedule.flavour == "deploy"
    path = environment.home / f"{name}.toml"
    path.write_text(
        TOML.format(
            caps=f"day_lookups = {cap}" if cap else 'day = "none"\nmonth = "none"',
            json=str(bool(schedule.seed % 2)).lower(),
            new="" if has_previous else "page_contacts = 25",
            events="" if has_previous else '[events]\nallow_addresses = ["127.0.0.1"]',
            beside="" if has_previous else BESIDE + _OF_FLAVOURS.get(schedule.flavour, ""),
            deadline="" if has_previous else "call_timeout = 4.0",
        )
    )
    return path


_OF_FLAVOURS: Mapping[Flavour, str] = {
    "orgs": SECOND_ACCOUNTS, "stream": STREAMING, "asking": ASKING,
}  # fmt: skip


def _play(schedule: Schedule, actors: Actors, faults: Faults) -> None:
    """Let the actors act and the faults strike, each at its moment; end all faults then."""
    actions = [(event, actors.do) for event in schedule.actions]
    strikes = [(event, faults.inject) for event in schedule.faults]
    began = time.monotonic()
    for event, perform in sorted([*actions, *strikes], key=lambda item: item[0].at):
        time.sleep(max(0.0, began + event.at - time.monotonic()))
        perform(event.kind, event.seed)
    time.sleep(max(0.0, began + ACTIVE - time.monotonic()))
    faults.heal()
    actors.records.concurrent_edit_rate = 0.0


def _check_promises(checker: Checker, sampler: _RedisSampler, public_text: str) -> list[str]:
    breaches: list[str] = []
    breaches += checker.watermarks()
    breaches += checker.money()
    breaches += checker.captures()
    breaches += checker.messages()
    breaches += checker.user_statements()
    breaches += checker.events()
    breaches += checker.consents()
    breaches += checker.limits()
    breaches += checker.typed_fields()
    breaches += checker.unchanged()
    breaches += checker.dry_then_real()
    breaches += checker.typed_fields()
    breaches += checker.undo()
    breaches += Stories(checker).play()
    breaches += checker.recipients.broken() if checker.recipients else ()
    breaches += checker.workers()
    if checker.schedule.flavour == "quota":
        breaches += checker.reserve()
    breaches += checker.privacy("\n".join(sampler.seen), public_text)
    return breaches


def _stand_ins(schedule: Schedule) -> Sandbox:
    leads, seed, skew = CONTACTS // 3, schedule.seed % 1000, timedelta(seconds=schedule.crm_skew)
    sandbox = Sandbox(
        SalesforceService(Org(CONTACTS - leads, leads, seed, clock=Clock(skew))),
        HubSpotService(Portal(CONTACTS, seed, clock=Clock(skew))),
    )
    sandbox.begin()
    if schedule.flavour == "stream":
        sandbox.stream().keepalive = 0.5
    return sandbox


def _vendors(schedule: Schedule) -> tuple[str, ...]:
    return ("twilio", "messages") if schedule.flavour == "asking" else ("twilio",)


def _second_accounts(schedule: Schedule) -> SecondAccounts | None:
    if schedule.flavour != "orgs":
        return None
    skew = timedelta(seconds=schedule.crm_skew)
    return SecondAccounts(schedule.seed % 1000, lambda: Clock(skew))


def _configure_stand_ins(sandbox: Sandbox, schedule: Schedule) -> None:
    sandbox.salesforce.page_limit = 30
    sandbox.twilio.latency = 0.03
    if schedule.flavour == "quota":
        sandbox.hubspot.ten_second_limit = 15
        sandbox.hubspot.search_per_second = 5
        sandbox.hubspot.daily_limit = 5000


def _start_processes(environment: Environment, schedule: Schedule) -> None:
    separate_hosts = schedule.flavour == "hosts"
    for place in range(schedule.workers):
        overrides = {"host": f"machine-{place}", "skew": schedule.skews[place]}
        environment.start_process(
            "worker", _worker(place, schedule), **(overrides if separate_hosts else {})
        )
    if schedule.flavour == "deploy" and (tree := previous_release(environment.home)):
        environment.start_process("old", _worker(9, schedule), tree=str(tree))
    environment.start_process(
        "beat", ["celery", "--app", "worker.app", "beat", "--loglevel", "info"]
    )
    environment.start_process("web", ["worker", "web"])
    if schedule.flavour == "stream":
        environment.start_process("stream", ["worker", "stream"])


def _worker(place: int, schedule: Schedule) -> list[str]:
    pool = "solo" if (schedule.seed + place) % 4 == 0 else "prefork"
    return ["celery", "--app", "worker.app", "worker", "--concurrency", "1", "--pool", pool,
            "--hostname", f"w{place}@%h", "--without-mingle", "--without-gossip"]  # fmt: skip


def previous_release(home: Path) -> Path | None:
    """Unpack the code of the previous release; None if this repository lacks its history."""
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


def _is_up(web: str) -> bool:
    try:
        return requests.get(f"{web}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _public_text(web: str) -> str:
    """Fetch what anybody may read: metrics, health and the text of an error."""
    pages = ("/metrics", "/readyz", "/healthz", "/api/runs", "/no-such-page")
    try:
        return "\n".join(requests.get(f"{web}{page}", timeout=5).text for page in pages)
    except requests.RequestException:
        return ""


class _RedisSampler:
    """Collects what Redis holds, some times a second."""

    def __init__(self, environment: Environment) -> None:
        self.ended = threading.Event()
        self.seen: set[str] = set()
        self._house = environment
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self.ended.wait(0.7):
            self.seen.update(self._house.redis.dump().splitlines())
