"""Ctrl-C and SIGTERM: a run that is stopped stops, and loses and pays nothing (real processes)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forking
import psutil
import pytest
import requests
import sqlalchemy as sa
from celery import Celery
from crms import Crm
from fixture_types import Start
from processes import catches, kill, until

from config.settings import Settings
from sandbox.run import Sandbox
from worker.context import Context
from worker.queries.overview import overview
from worker.store import embedded_redis
from worker.store.bulk import insert
from worker.store.tables import failures, lookup_claims, lookups, pages, suppressions
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope

TOKEN = "a-token-of-the-tests"
SIGNALS = [signal.SIGINT, signal.SIGTERM]
WITHIN = 30.0  # seconds in which a process that was told to stop has to end


class Command:
    """`hygiene ARGS` as a process of its own, with its two streams apart."""

    def __init__(self, env: dict[str, str], folder: Path, *args: str) -> None:
        self.out, self.err = folder / "stdout", folder / "stderr"
        self.process = forking.start(("worker", *args), env, self.err, out=str(self.out))

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(WITHIN)

    def stderr_text(self) -> str:
        return self.err.read_text("utf-8")


@pytest.fixture
def hygiene(
    make_settings: Callable[..., Settings], sandbox: Sandbox, tmp_path: Path, database_url: str
) -> Iterator[Callable[..., Command]]:
    """Start `hygiene ARGS` with Twilio Lookup connected."""
    make_settings()
    env = {
        **os.environ, **sandbox.env("twilio"), "HYGIENE_HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url, "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml"),
    }  # fmt: skip
    started: list[Command] = []

    def run(*args: str, **variables: str) -> Command:
        started.append(Command({**env, **variables}, tmp_path, *args))
        return started[-1]

    yield run
    for command in started:
        kill(command.process)


@pytest.fixture
def paid(make_context: Callable[..., Context], sandbox: Sandbox) -> Context:
    return make_context(**sandbox.env("twilio"))


def count(ctx: Context, table: sa.Table, *where: Any) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0


def go_on(ctx: Context, name: str) -> dict[str, Any]:
    """As `hygiene sync NAME` does, in this process."""
    standing = lifecycle.find_resumable(ctx, name)
    run_id = lifecycle.resume(ctx, standing.id).id if standing else lifecycle.open_run(
        ctx, name, Scope("changed"))  # fmt: skip
    run_to_completion(ctx, run_id)
    return report.result(ctx, run_id)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def no_traceback(output: str) -> None:
    assert "Traceback" not in output, output
    assert "shutdown" not in output, output
    assert len(output.splitlines()) <= 3, output


class TestARunThatIsStopped:
    @pytest.mark.parametrize(
        ("moment", "number"),
        [
            ("start", signal.SIGTERM), ("read", signal.SIGINT), ("lookups", signal.SIGINT),
            ("lookups", signal.SIGTERM), ("write", signal.SIGINT),
        ],
    )  # fmt: skip
    def test_it_keeps_its_place_and_goes_on_where_it_stopped(
        self, paid: Context, sandbox: Sandbox, hygiene: Callable[..., Command],
        moment: str, number: signal.Signals,
    ) -> None:  # fmt: skip
        crm = Crm.all(sandbox)["salesforce"]
        sandbox.salesforce.page_limit = 10
        sandbox.twilio.latency = 0.1
        call = {"read": crm.read_call, "write": crm.write_call}.get(moment)
        fault = crm.fault(call, "delay", seconds=1.5) if call else None
        command = hygiene("sync", "salesforce", "--json")
        if moment == "start":
            until(lambda: catches(command.process, number), "its handler")
        elif moment == "lookups":
            until(lambda: sandbox.twilio.charges > 5, "the lookups")
        else:
            assert fault is not None
            until(lambda: fault.hits == 1, "the call")
        assert command.stop(number) == 130
        no_traceback(command.stderr_text())
        assert command.out.read_text() == ""
        # Nothing failed, nothing is held, nothing is reserved.
        assert count(paid, failures) == 0
        assert count(paid, pages, pages.c.failed > 0) == 0
        assert count(paid, pages, pages.c.owner.is_not(None)) == 0
        assert count(paid, lookup_claims) == 0
        for run in lifecycle.recent(paid):
            assert run.state == "stopped"
            assert f"hygiene runs resume {run.id}" in command.stderr_text()

        sandbox.twilio.latency = 0
        result = go_on(paid, "salesforce")
        assert result["state"] == "done"
        assert result["contacts"]["failed"] == 0
        assert crm.all_checked()
        # Each number was paid for once.
        assert set(sandbox.twilio.charged.values()) == {1}
        assert sandbox.twilio.charges == count(paid, lookups, lookups.c.cost > 0)

    def test_when_all_is_read_and_pages_are_still_under_way(
        self, paid: Context, sandbox: Sandbox, hygiene: Callable[..., Command]
    ) -> None:
        """Its threads found their executor closed: 400 of 400 contacts failed, the run was done."""
        sandbox.twilio.latency = 0.3
        command = hygiene("sync", "hubspot", "--json")
        until(lambda: any(run.read_all for run in lifecycle.recent(paid)), "all to be read")
        assert command.stop(signal.SIGINT) == 130
        no_traceback(command.stderr_text())
        (run,) = lifecycle.recent(paid)
        assert run.state == "stopped"
        assert count(paid, failures) == 0
        assert report.result(paid, run.id)["contacts"]["failed"] == 0

    def test_a_second_ctrl_c_ends_at_once_and_loses_nothing(
        self, paid: Context, sandbox: Sandbox, hygiene: Callable[..., Command]
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        fault = crm.fault(crm.write_call, "delay", seconds=300)
        command = hygiene("sync", "salesforce")
        until(lambda: fault.hits == 1, "the write")
        command.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        assert command.stop(signal.SIGINT) == 130
        assert time.monotonic() - began < 10  # the write would last 300
        no_traceback(command.stderr_text())
        assert go_on(paid, "salesforce")["contacts"]["failed"] == 0
        assert crm.all_checked()

    def test_a_dry_run_and_one_that_the_workers_do(
        self, paid: Context, sandbox: Sandbox, hygiene: Callable[..., Command]
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        fault = crm.fault(crm.read_call, "delay", seconds=1)
        command = hygiene("sync", "salesforce", "--dry-run", "--json")
        until(lambda: fault.hits == 1, "the read")
        assert command.stop(signal.SIGTERM) == 130
        assert "dry run" in command.stderr_text()
        assert command.out.read_text() == ""
        command = hygiene("sync", "salesforce", "--queue", "--json")
        until(lambda: bool(lifecycle.active(paid)), "the run")
        assert command.stop(signal.SIGINT) == 130
        (run,) = lifecycle.active(paid)  # it is the workers'
        assert f"hygiene runs pause {run.id}" in command.stderr_text()
        assert command.out.read_text() == ""


class TestAnUndoThatIsStopped:
    def test_it_is_resumed(
        self, ctx: Context, sync: Callable[..., dict[str, Any]], sandbox: Sandbox,
        hygiene: Callable[..., Command],
    ) -> None:  # fmt: skip
        crm = Crm.all(sandbox)["salesforce"]
        before = crm.snapshot()
        run = sync(ctx, "salesforce")
        fault = crm.fault(crm.write_call, "delay", seconds=1)
        command = hygiene("runs", "undo", run["run"], "--json")
        until(lambda: fault.hits == 1, "the write")
        assert command.stop(signal.SIGINT) == 130
        no_traceback(command.stderr_text())
        undoing = lifecycle.recent(ctx, 1)[0]
        assert undoing.state == "stopped"
        again = hygiene("runs", "resume", undoing.id, "--json")
        assert again.process.wait(60) == 0
        assert crm.snapshot() == before
        assert lifecycle.load(ctx, undoing.id).state == "done"


class TestAWorkerThatIsStopped:
    @pytest.mark.parametrize("pool", ["prefork", "solo"])
    def test_it_gives_its_page_back_in_the_middle_of_the_lookups(
        self, paid: Context, sandbox: Sandbox, start: Start, tmp_path: Path, pool: str
    ) -> None:
        """A page of slow lookups took as long as it took, and systemd killed the worker."""
        sandbox.twilio.latency = 0.5
        queue = Celery(broker=embedded_redis.ensure(tmp_path / "home"))
        worker = start("celery", "--app", "worker.app", "worker", "--concurrency", "1",
                       "--pool", pool, **sandbox.env("twilio"))  # fmt: skip
        run_id = lifecycle.open_run(paid, "hubspot", Scope("everything"))
        queue.send_task("hygiene.read", [run_id], queue="runs")
        until(lambda: sandbox.twilio.charges > 3, "the lookups")
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children()]
        for process in family:  # as a service manager does, or `kill` of a group
            process.terminate()
        assert worker.wait(WITHIN) == 0
        logs = "".join(log.read_text() for log in tmp_path.glob("process-*.log"))
        assert "Traceback" not in logs
        assert count(paid, lookup_claims) == 0
        assert count(paid, pages, pages.c.owner.is_not(None)) == 0
        assert count(paid, pages, pages.c.attempts > 0, pages.c.state == "stored") == 0
        run = lifecycle.load(paid, run_id)
        assert run.state == "running"  # it is the other workers', or the next one's
        sandbox.twilio.latency = 0
        run_to_completion(paid, run_id)
        assert set(sandbox.twilio.charged.values()) == {1}
        assert report.result(paid, run_id)["contacts"]["failed"] == 0
        # What it gave back waits in the queue.
        client = embedded_redis.client(embedded_redis.url(tmp_path / "home"))
        assert client.llen("pages") + client.llen("runs") > 0


class TestTheWebProcess:
    @pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
    def test_it_ends_soon_also_while_somebody_downloads(
        self, ctx: Context, hygiene: Callable[..., Command], number: signal.Signals, free_port: int
    ) -> None:
        rows = [
            {"key": f"list:x:{n}", "number": f"+1415555{n:04}", "contact": "", "person": "",
             "channels": "call text", "reason": "list", "source": "x", "evidence": "x" * 900,
             "since": ctx.now(), "lifted_by": "", "lifted_why": ""}
            for n in range(9000)
        ]  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, suppressions, rows)
        web = hygiene("web", PORT=str(free_port), ADMIN_TOKEN=TOKEN)
        until(lambda: answers(free_port), "the web process")
        asking = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{free_port}/api/suppressions/export"
        with requests.get(url, headers=asking, stream=True, timeout=10) as download:
            assert download.status_code == 200
            next(download.iter_content(1000))  # and it reads no further
            assert web.stop(number) == 130
        no_traceback(web.stderr_text())


class TestHowARunIsCalled:
    def test_one_whose_records_all_failed_is_not_done_in_green(
        self, ctx: Context, sandbox: Sandbox, hygiene: Callable[..., Command]
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        for record_id in crm.ids():
            crm.act(record_id, {"refuse": "not today"})
        for lead in list(sandbox.salesforce.org.tables["Lead"].after_id(None)):
            sandbox.salesforce.act("Lead", lead["Id"], {"refuse": "not today"})
        command = hygiene("sync", crm.name)
        assert command.process.wait(60) == 1
        assert "all records failed" in command.out.read_text().splitlines()[0]
        (run,) = lifecycle.recent(ctx)
        result = report.result(ctx, run.id)
        assert (result["state"], result["outcome"]) == ("done", "all_failed")
        assert report.summaries(ctx, [run])[0]["outcome"] == "all_failed"
        (seen,) = [
            connector for connector in overview(ctx)["connectors"] if connector["name"] == crm.name
        ]
        assert seen["state"] == "failing"
