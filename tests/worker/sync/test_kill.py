"""Workers killed with -9, a Redis that forgets: real processes, a real queue (promise 10)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from celery import Celery
from crms import Crm
from fixture_types import Start
from processes import kill, until

from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis
from worker.store.tables import feedback, pages
from worker.sync.runs import lifecycle, report
from worker.sync.runs.scope import Scope

# Where only the workers differ, one CRM does: starting their processes takes the time.
ON_SALESFORCE = pytest.mark.parametrize("crm", ["salesforce"], indirect=True)
ON_HUBSPOT = pytest.mark.parametrize("crm", ["hubspot"], indirect=True)


def count_rows(ctx: Context, table: sa.Table) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


class TestKilledInTheMiddleOfAPage:
    @pytest.mark.parametrize(
        ("crm", "moment"),
        [("salesforce", "delay"), ("hubspot", "delay_after")], indirect=["crm"],
    )  # fmt: skip
    def test_the_next_sync_takes_the_run_up(
        self, ctx: Context, crm: Crm, start: Start, moment: str
    ) -> None:
        """Killed before the CRM had our write, and after it had it but before we knew."""
        flagged = next(rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}"))
        fault = crm.fault(crm.write_call, moment, seconds=300)
        process = start("worker", "sync", crm.name)
        until(lambda: fault.hits == 1, "the write")
        time.sleep(0.2)
        kill(process)
        assert [run.state for run in lifecycle.recent(ctx)] == ["running"]
        assert start("worker", "sync", crm.name).wait(60) == 0
        (run,) = lifecycle.recent(ctx)
        account = report.run_report(ctx, run.id, 1000)
        assert account["state"] == "done"
        assert account["pages"]["retries"] == 1
        assert account["contacts"]["failed"] == 0
        assert crm.all_checked()
        assert crm.get(flagged, crm.status)
        # Each record was written, and is counted, once; and nothing of ours passed for a report.
        ids = [(write["object"], write["id"]) for write in account["writes"]]
        assert len(ids) == len(set(ids)) == account["contacts"]["written"]
        assert count_rows(ctx, feedback) == 0

    @ON_SALESFORCE
    def test_what_was_written_before_the_kill_can_be_undone(
        self, ctx: Context, crm: Crm, start: Start
    ) -> None:
        from worker.sync.undo.undo import undo

        before = crm.snapshot()
        fault = crm.fault(crm.write_call, "delay_after", seconds=300)
        process = start("worker", "sync", crm.name)
        until(lambda: fault.hits == 1, "the write")
        time.sleep(0.2)
        kill(process)
        assert start("worker", "sync", crm.name).wait(60) == 0
        undo(ctx, lifecycle.recent(ctx)[0].id)
        assert crm.snapshot() == before


class TestTheQueue:
    @pytest.fixture
    def queue(self, tmp_path: Path) -> Celery:
        return Celery(broker=embedded_redis.ensure(tmp_path / "home"))

    def worker(self, start: Start) -> subprocess.Popen[bytes]:
        return start("celery", "--app", "worker.app", "worker", "--concurrency", "2")

    @ON_SALESFORCE
    def test_a_real_worker_carries_a_run_out(
        self, ctx: Context, crm: Crm, start: Start, queue: Celery
    ) -> None:
        self.worker(start)
        queue.send_task("hygiene.sync", [crm.name], queue="runs")
        until(lambda: [r.state for r in lifecycle.recent(ctx)] == ["done"], "the run")
        assert crm.all_checked()

    @ON_HUBSPOT
    def test_redis_flushed_in_the_middle_of_a_run(
        self, ctx: Context, crm: Crm, start: Start, queue: Celery, tmp_path: Path
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        queue.send_task("hygiene.read", [run_id], queue="runs")
        # Nothing has been worked on yet: all that is queued is lost.
        embedded_redis.client(embedded_redis.url(tmp_path / "home")).flushall()
        self.worker(start)
        queue.send_task("hygiene.revive", queue="runs")  # as beat does
        until(lambda: lifecycle.load(ctx, run_id).state == "done", "the run")
        assert crm.all_checked()

    def test_a_worker_killed_in_the_middle_of_a_page(
        self, ctx: Context, crm: Crm, start: Start, queue: Celery
    ) -> None:
        fault = crm.fault(crm.write_call, "delay_after", seconds=300)
        doomed = self.worker(start)
        queue.send_task("hygiene.sync", [crm.name], queue="runs")
        until(lambda: fault.hits == 1, "the write")
        kill(doomed)
        self.worker(start)
        queue.send_task("hygiene.revive", queue="runs")
        until(lambda: [r.state for r in lifecycle.recent(ctx)] == ["done"], "the run")
        assert crm.all_checked()
        assert count_rows(ctx, feedback) == 0
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.max(pages.c.attempts))) == 2

    @ON_SALESFORCE
    def test_a_worker_that_is_told_to_stop_finishes_its_page_first(
        self, ctx: Context, crm: Crm, start: Start, queue: Celery
    ) -> None:
        fault = crm.fault(crm.write_call, "delay", seconds=2)
        stopping = self.worker(start)
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        queue.send_task("hygiene.read", [run_id], queue="runs")
        until(lambda: fault.hits == 1, "the write")
        stopping.terminate()
        assert stopping.wait(30) == 0
        with ctx.store.read() as connection:
            rows = connection.execute(sa.select(pages.c.state, pages.c.attempts)).all()
        assert ("done", 1) in [tuple(row) for row in rows]
        assert not [row for row in rows if row.attempts > 1]

    @ON_HUBSPOT
    def test_a_message_that_comes_again_while_its_task_is_at_work_does_no_harm(
        self, ctx: Context, crm: Crm, start: Start, queue: Celery, tmp_path: Path
    ) -> None:
        """As Redis gives it out again where a task takes longer than the visibility timeout."""
        fault = crm.fault(crm.write_call, "delay", seconds=4)
        for _ in range(2):
            start("celery", "--app", "worker.app", "worker", "--concurrency", "1")
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        queue.send_task("hygiene.read", [run_id], queue="runs", task_id="the-same")
        until(lambda: fault.hits == 1, "the write")
        queue.send_task("hygiene.read", [run_id], queue="runs", task_id="the-same")
        until(lambda: lifecycle.load(ctx, run_id).state == "done", "the run")
        logs = "".join(log.read_text() for log in tmp_path.glob("process-*.log"))
        assert logs.count("[the-same] received") == 2
        account = report.run_report(ctx, run_id, 1000)
        ids = [(write["object"], write["id"]) for write in account["writes"]]
        assert len(ids) == len(set(ids)) == account["contacts"]["written"]
        assert account["pages"]["retries"] == 0
        assert crm.all_checked()

    def test_a_run_that_a_page_has_ended_does_not_keep_its_reader(
        self, make_context: Callable[..., Context], sandbox: Sandbox, start: Start, queue: Celery
    ) -> None:
        """The reader waits for room and none comes: nobody works on a failed run's pages."""
        ctx = make_context("[sync]\npages_in_flight = 1\n")
        crm = Crm.all(sandbox)["salesforce"]
        sandbox.salesforce.page_limit = 5
        body = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "not today"}]
        crm.fault(crm.write_call, "status", status=403, body=body)
        self.worker(start)
        queue.send_task("hygiene.sync", ["salesforce"], queue="runs")
        until(lambda: [r.state for r in lifecycle.recent(ctx)] == ["failed"], "the failure")

        def idle() -> bool:
            return not any((queue.control.inspect().active() or {"": [1]}).values())

        until(idle, "the reader", seconds=20)
        queue.send_task("hygiene.sync", ["salesforce"], queue="runs")
        until(lambda: [r.state for r in lifecycle.recent(ctx)] == ["done"], "the run")
        assert crm.all_checked()
