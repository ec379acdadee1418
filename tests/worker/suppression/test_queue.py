"""Reports through the whole of it: a real web process, Redis, a real Celery worker, both CRMs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from celery import Celery
from constants import NUMBER, TWILIO_TOKEN, WORKER
from crms import Crm
from fixture_types import Start, Sync
from processes import kill, responds, until
from reports import contact_with_number

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback
from worker.feedback.sources.twilio import twilio_signature
from worker.store import embedded_redis
from worker.store.tables import deliveries, feedback, suppressions


@pytest.fixture
def crms(sandbox: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox)


@pytest.fixture
def contact_ids(ctx: Context, crms: dict[str, Crm], sync: Sync) -> dict[str, str]:
    ids = {name: contact_with_number(ctx, crm, sync) for name, crm in crms.items()}
    for crm in crms.values():
        crm.service.counters.clear()
    return ids


@pytest.fixture
def queue(tmp_path: Path) -> Celery:
    embedded_redis.ensure(tmp_path / "home")
    return Celery(broker=embedded_redis.url(tmp_path / "home"))


def enqueue_apply(queue: Celery) -> None:
    """As beat does every few seconds."""
    queue.send_task("hygiene.apply", queue="reports")


def report(ctx: Context, kind: str = "opt_out", key: str = "one") -> None:
    entry = Feedback(key, kind, NUMBER, "test", ctx.now())  # type: ignore[arg-type]
    keys = ctx.keys
    with ctx.store.write() as connection:
        feedback_log.store(connection, [entry], ctx.now(), keys)


def all_flagged(
    crms: dict[str, Crm], contact_ids: dict[str, str], flag: str = "do_not_contact"
) -> bool:
    return all(crm.get(contact_ids[name], flag) is True for name, crm in crms.items())


def all_delivered(ctx: Context) -> bool:
    with ctx.store.read() as connection:
        states = list(connection.scalars(sa.select(deliveries.c.state)))
    return bool(states) and set(states) == {"done"}


class TestASignedWebhook:
    def test_reaches_both_crms_in_seconds_and_no_log_names_the_number(
        self, crms: dict[str, Crm], contact_ids: dict[str, str], start: Start, queue: Celery,
        tmp_path: Path, free_port: int,
    ) -> None:  # fmt: skip
        env = {
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
            "PORT": str(free_port),
        }
        start("worker", "web", **env)
        start(*WORKER, **env)
        url = f"http://127.0.0.1:{free_port}"
        until(lambda: responds(f"{url}/healthz"), "the web process")
        form = {"From": NUMBER, "MessageSid": "SM" + "1" * 32, "Body": "Please stop texting me"}
        where = f"{url}/webhooks/twilio/sms"
        signature = twilio_signature(TWILIO_TOKEN, where, list(form.items()))
        sent = requests.post(where, data=form, headers={"X-Twilio-Signature": signature})
        assert sent.status_code == 200
        until(lambda: all_flagged(crms, contact_ids), "both CRMs", 30)
        logs = "".join(path.read_text("utf-8") for path in tmp_path.glob("process-*.log"))
        assert "hygiene.spread" in logs
        assert "4155552671" not in logs
        assert "stop texting" not in logs


class TestAWorkerThatIsKilled:
    def test_between_store_and_apply_loses_nothing(
        self,
        ctx: Context,
        crms: dict[str, Crm],
        contact_ids: dict[str, str],
        start: Start,
        queue: Celery,
    ) -> None:
        report(ctx)  # stored by a process that dies before it tells the queue
        start(*WORKER)
        enqueue_apply(queue)
        until(lambda: all_flagged(crms, contact_ids), "both CRMs", 30)

    @pytest.mark.parametrize("moment", ["delay", "delay_after"])
    def test_while_it_writes_is_followed_by_another(
        self, ctx: Context, crms: dict[str, Crm], contact_ids: dict[str, str], start: Start,
        queue: Celery, moment: str,
    ) -> None:  # fmt: skip
        """Killed before the CRM had our write, and after it had it but before we knew."""
        hubspot = crms["hubspot"]
        fault = hubspot.fault(hubspot.write_call, moment, seconds=300)
        report(ctx)
        process = start(*WORKER)
        enqueue_apply(queue)
        until(lambda: fault.hits == 1, "the write", 30)
        time.sleep(0.2)
        kill(process)
        hubspot.service.faults.clear()
        start(*WORKER)

        def nudged() -> bool:
            enqueue_apply(queue)
            time.sleep(0.5)
            return all_delivered(ctx)

        until(nudged, "all confirmed", 60)
        assert all_flagged(crms, contact_ids)
        # What the dead worker had written counts as ours: nobody is taken to have said a thing.
        with ctx.store.read() as connection:
            assert list(connection.scalars(sa.select(feedback.c.kind))) == ["opt_out"]

    def test_and_a_redis_that_forgets_lose_nothing(
        self, ctx: Context, crms: dict[str, Crm], contact_ids: dict[str, str], start: Start,
        queue: Celery, tmp_path: Path,
    ) -> None:  # fmt: skip
        report(ctx)
        enqueue_apply(queue)
        embedded_redis.client(embedded_redis.url(tmp_path / "home")).flushall()
        start(*WORKER)
        enqueue_apply(queue)
        until(lambda: all_flagged(crms, contact_ids), "both CRMs", 30)
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) == 1
