"""The task that applies reports wakes nobody for a CRM to which a live process carries reports:
that one looks again at the end of its run. A process that died is nobody."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from constants import WORKER
from crms import Crm
from fixture_types import Start, Sync
from processes import kill, until
from queue_tasks import tasks
from reports import contact_with_number, delivery_states, store_report, stored_reports

from sandbox.run import Sandbox
from worker.context import Context
from worker.queue import dedupe
from worker.store import embedded_redis
from worker.suppression.apply_reports import apply_pending
from worker.sync.pages import evaluate
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle, reader_lease

Woken = list[tuple[str, ...]]


@pytest.fixture
def crms(sandbox: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox)


@pytest.fixture
def contact_ids(ctx: Context, crms: dict[str, Crm], sync: Sync) -> dict[str, str]:
    """A contact of each CRM that holds NUMBER."""
    return {name: contact_with_number(ctx, crm, sync) for name, crm in crms.items()}


@pytest.fixture
def another(ctx: Context, make_context: Callable[..., Context]) -> Context:
    """The context of another process of the same installation."""
    return make_context(DATABASE_URL=ctx.settings.database_url)


@pytest.fixture
def woken(another: Context, monkeypatch: pytest.MonkeyPatch) -> Woken:
    """What the tasks, as another process runs them, put into the queue."""
    seen: Woken = []
    monkeypatch.setattr(tasks, "context", lambda: another)
    monkeypatch.setattr(dedupe, "enqueue_once", lambda task, *args: seen.append((task.name, *args)))
    monkeypatch.setattr(dedupe, "acknowledge", lambda *_args: None)
    return seen


def test_a_report_that_comes_during_a_run_is_carried_by_the_same_process(
    ctx: Context, another: Context, crms: dict[str, Crm], contact_ids: dict[str, str],
    woken: Woken, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rounds = 0

    def evaluating(*args: Any) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == 1:  # the run to HubSpot has read its record, and has not written it
            store_report(another, "opt_out", key="second")
            tasks.apply()
        return evaluate_page(*args)

    evaluate_page = evaluate.evaluate
    store_report(ctx, "wrong_number", key="first")
    apply_pending(ctx)
    propagate(ctx, "salesforce")
    monkeypatch.setattr(evaluate, "evaluate", evaluating)
    propagate(ctx, "hubspot")
    # The other CRM has nobody at work, so it is woken; this one is not, and has the report.
    assert woken == [("hygiene.spread", "salesforce")]
    assert crms["hubspot"].get(contact_ids["hubspot"], "do_not_contact") is True
    assert crms["salesforce"].get(contact_ids["salesforce"], "do_not_contact") is not True
    tasks.spread("salesforce")
    assert crms["salesforce"].get(contact_ids["salesforce"], "do_not_contact") is True
    assert set(delivery_states(ctx).values()) == {"done"}


def test_a_process_that_died_with_a_run_is_nobody(
    ctx: Context, another: Context, crms: dict[str, Crm], contact_ids: dict[str, str],
    woken: Woken, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its lease may have long to go. What it had taken up is delivered, and what came since."""
    store_report(ctx, "wrong_number", key="first")
    apply_pending(ctx)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host, _, end = ctx.owner.split(":")
    ctx.owner = f"{host}:{process.pid}:{end}"

    def killed(*_args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(evaluate, "evaluate", killed)
        broken.setattr(reader_lease, "release", lambda *_args: None)
        with pytest.raises(KeyboardInterrupt):
            propagate(ctx, "hubspot")
    (run,) = lifecycle.active(another, "hubspot:reports")
    reader_lease.claim(ctx, run.id)
    store_report(another, "opt_out", key="second")
    tasks.apply()
    assert ("hygiene.spread", "hubspot") not in woken  # it lives, as far as anybody can tell
    process.kill()
    process.wait()
    woken.clear()
    tasks.apply()
    assert ("hygiene.spread", "hubspot") in woken
    tasks.spread("hubspot")
    for flag in ("wrong_number", "do_not_contact"):
        assert crms["hubspot"].get(contact_ids["hubspot"], flag) is True


def test_of_real_workers_one_carries_what_comes_meanwhile(
    ctx: Context, crms: dict[str, Crm], contact_ids: dict[str, str], start: Start, tmp_path: Path
) -> None:
    """Nobody but the worker at work is left to carry the second report: there is no beat."""
    embedded_redis.ensure(tmp_path / "home")
    queue = Celery(broker=embedded_redis.url(tmp_path / "home"))
    hubspot = crms["hubspot"]
    fault = hubspot.fault(hubspot.write_call, "delay", seconds=300)
    log = tmp_path / "process-0.log"

    def spreads() -> int:
        return len(re.findall(r"Task hygiene\.spread\S+ received", log.read_text("utf-8")))

    worker = start(*WORKER)
    try:
        store_report(ctx, "wrong_number", key="first")
        queue.send_task("hygiene.apply", queue="reports")
        until(lambda: fault.hits == 1, "the first report's write", 60)
        until(lambda: "done" in delivery_states(ctx).values(), "the other CRM", 60)
        before = spreads()
        store_report(ctx, "opt_out", key="second")
        queue.send_task("hygiene.apply", queue="reports")
        until(lambda: all(row.applied_at for row in stored_reports(ctx)), "applied", 60)
        until(lambda: crms["salesforce"].get(contact_ids["salesforce"], "do_not_contact") is True,
              "the other CRM has it", 60)  # fmt: skip
        time.sleep(1)
        during = spreads()
        hubspot.service.faults.clear()
        until(lambda: hubspot.get(contact_ids["hubspot"], "do_not_contact") is True, "HubSpot", 60)
    finally:
        kill(worker)
    assert during == before + 1, "Salesforce's alone"
