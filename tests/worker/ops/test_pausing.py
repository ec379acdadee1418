"""A switch pauses everything that writes or sends, and nobody who says no meanwhile is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from constants import NUMBER
from crms import QUICK, Crm
from event_receivers import Receiver, receiving
from fixture_types import Sync
from queue_tasks import tasks
from reports import store_report

from sandbox.run import Sandbox
from worker.access import audit
from worker.alerts import notifier
from worker.cli.main import main
from worker.context import Context
from worker.events import delivery, delivery_log
from worker.events import endpoints as directory
from worker.feedback.models import SuppressionReason
from worker.ops import doctor_checks, pausing
from worker.queue import dedupe
from worker.store import pause
from worker.store.pause import PausedError
from worker.store.tables import lookup_claims, lookups, pages, runs
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync.pages import load, process
from worker.sync.pages.runner import run_to_completion
from worker.sync.pages.steps import LoadedPage, PageWork
from worker.sync.propagate import pending_connectors, propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo as undoing

LOOPBACK = '[events]\nallow_addresses = ["127.0.0.0/8"]\n'


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


def pause_now(ctx: Context) -> None:
    pausing.pause_all(ctx, "ann", "a wrong list")


def resume_now(ctx: Context) -> None:
    assert pausing.resume_all(ctx, "ben") is not None


def writes_to(crm: Crm) -> int:
    return crm.writes


class TestTheSwitch:
    def test_says_since_when_who_and_why(self, ctx: Context) -> None:
        assert pause.find(ctx.store) is None
        pause_now(ctx)
        stored = pause.find(ctx.store)
        assert stored is not None
        assert (stored.by, stored.reason) == ("ann", "a wrong list")
        assert "by ann: a wrong list" in stored.text

    def test_a_second_pause_leaves_the_first_as_it_is(self, ctx: Context) -> None:
        pause_now(ctx)
        assert pausing.pause_all(ctx, "ben", "another reason").by == "ann"
        assert [entry["who"] for entry in audit.entries(ctx.store)] == ["ann"]

    def test_is_kept_in_the_audit_log(self, ctx: Context) -> None:
        pause_now(ctx)
        resume_now(ctx)
        assert pausing.resume_all(ctx, "ben") is None, "nothing is paused any more"
        noted = [(entry["who"], entry["action"]) for entry in audit.entries(ctx.store)]
        assert noted == [("ben", "resume"), ("ann", "pause")]

    def test_keeps_no_number_in_its_reason(self, ctx: Context) -> None:
        pausing.pause_all(ctx, "ann", f"{NUMBER} complained")
        stored = pause.find(ctx.store)
        assert stored is not None
        assert NUMBER not in stored.reason

    def test_the_doctor_shows_it(self, ctx: Context) -> None:
        pause_now(ctx)
        [check] = [check for check in doctor_checks.check_work(ctx) if check.name == "pause"]
        assert check.verdict == "warning"
        assert "hygiene resume" in check.text


class TestRuns:
    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        """With several pages of contacts."""
        started = Sandbox.start(contacts=250, leads=4)
        yield started
        started.stop()

    def test_none_begins(self, ctx: Context, crm: Crm) -> None:
        pause_now(ctx)
        with pytest.raises(PausedError):
            lifecycle.open_run(ctx, crm.name, Scope("changed"))
        assert lifecycle.recent(ctx) == []

    def test_a_dry_run_still_works_and_writes_nothing(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        pause_now(ctx)
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"), RunOptions(dry_run=True))
        run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert writes_to(crm) == 0

    def test_one_under_way_stops_at_its_next_page_and_goes_on_later(
        self, ctx: Context, crm: Crm
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        done: list[str] = []

        def pause_after_the_first(run: str) -> None:
            if not done:
                pause_now(ctx)
            done.append(run)

        with pytest.raises(PausedError):
            run_to_completion(ctx, run_id, pause_after_the_first, pages_at_once=1)
        assert lifecycle.load(ctx, run_id).state == "running"
        written = writes_to(crm)
        with ctx.store.read() as connection:
            states = list(connection.scalars(sa.select(pages.c.state)))
            attempts = connection.scalar(sa.select(sa.func.max(pages.c.attempts)))
        assert states.count("done") == 1
        assert attempts == 1, "a pause is no failure of the page"
        with pytest.raises(PausedError):
            run_to_completion(ctx, run_id)
        assert writes_to(crm) == written
        resume_now(ctx)
        run_to_completion(ctx, run_id)
        assert lifecycle.load(ctx, run_id).state == "done"
        assert all(crm.get(record_id, crm.status) for record_id in _with_a_phone(crm))

    def test_a_page_that_was_verified_meanwhile_writes_nothing(
        self, ctx: Context, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        real = process.evaluate.evaluate

        def pause_and_evaluate(verified: Any) -> Any:
            pause_now(ctx)
            return real(verified)

        monkeypatch.setattr(process.evaluate, "evaluate", pause_and_evaluate)
        with pytest.raises(PausedError):
            run_to_completion(ctx, run_id, pages_at_once=1)
        assert writes_to(crm) == 0

    def test_an_undo_waits(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        run_id = sync(ctx, crm.name)["run"]
        undo_id = undoing.begin(ctx, run_id)
        pause_now(ctx)
        written = writes_to(crm)
        with pytest.raises(PausedError):
            undoing.begin(ctx, run_id)
        with pytest.raises(PausedError):
            undoing.execute(ctx, undo_id)
        assert writes_to(crm) == written
        assert undoing.undo(ctx, run_id, dry_run=True).records > 0
        resume_now(ctx)
        undoing.execute(ctx, undo_id)
        assert lifecycle.load(ctx, undo_id).state == "done"


def _with_a_phone(crm: Crm) -> list[str]:
    return [record_id for record_id in crm.ids() if crm.get(record_id, f"phone/{crm.phone}")]


class TestWhoSaysNo:
    def test_counts_at_once_for_us_and_reaches_the_crm_afterwards(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        pause_now(ctx)
        written = writes_to(crm)
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        [suppression] = suppressions.list_suppressions(ctx)
        assert suppression.number == NUMBER
        assert pending_connectors(ctx) == []
        assert propagate(ctx, crm.name) == 0
        assert writes_to(crm) == written
        resume_now(ctx)
        assert pending_connectors(ctx) == [crm.name]
        assert propagate(ctx, crm.name) == 1
        assert crm.get(record_id, "do_not_contact") is True

    def test_a_delivery_that_was_begun_goes_on_afterwards(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        store_report(ctx, "opt_out")
        apply_pending(ctx)
        real = lifecycle.open_run

        def open_and_pause(*args: Any, **named: Any) -> str:
            run_id = real(*args, **named)
            pause_now(ctx)
            return run_id

        monkeypatch.setattr(lifecycle, "open_run", open_and_pause)
        assert propagate(ctx, crm.name) == 0
        assert crm.get(record_id, "do_not_contact") is not True
        resume_now(ctx)
        assert propagate(ctx, crm.name) == 1
        assert crm.get(record_id, "do_not_contact") is True


class TestMoney:
    def test_no_lookup_is_paid_for(
        self,
        make_context: Callable[..., Context],
        sandbox: Sandbox,
        crm: Crm,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ctx = make_context("[verification.providers.twilio]\nper_second = 5000\n",
                           **sandbox.env("twilio"))  # fmt: skip
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        real = load.load

        def pause_once_it_has_begun(work: PageWork) -> LoadedPage:
            if pause.find(ctx.store) is None:
                pause_now(ctx)
            return real(work)

        monkeypatch.setattr(load, "load", pause_once_it_has_begun)
        with pytest.raises(PausedError):
            run_to_completion(ctx, run_id, pages_at_once=1)
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(lookups)) == 0
            assert connection.scalar(sa.select(sa.func.count()).select_from(lookup_claims)) == 0


class TestEvents:
    @pytest.fixture
    def ctx(self, make_context: Callable[..., Context]) -> Context:
        return make_context(LOOPBACK)

    @pytest.fixture
    def receiver(self, ctx: Context) -> Iterator[Receiver]:
        with receiving() as received:
            _endpoint, shown = directory.add(ctx, "dialer", received.url, (), False, "test")
            received.secrets.append(shown.secret)
            yield received

    def test_none_is_sent_until_it_is_resumed(self, ctx: Context, receiver: Receiver) -> None:
        pause_now(ctx)
        suppressions.add(ctx, NUMBER, SuppressionReason.OPT_OUT, "", "by letter", "kim")
        assert not delivery.has_due(ctx)
        assert delivery.deliver(ctx, seconds=0.2) == 0
        with pytest.raises(PausedError):
            delivery_log.enqueue_test(ctx, "dialer")
        assert receiver.messages == []
        resume_now(ctx)
        assert delivery.deliver(ctx, seconds=5) == 1
        assert [message["type"] for message in receiver.messages] == ["number.suppressed"]


class TestAlerts:
    def test_the_pause_alone_is_told(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        lifecycle.fail(ctx, run_id, "the CRM was away")
        pause_now(ctx)
        notifier.evaluate(ctx)
        assert [alert["kind"] for alert in notifier.active(ctx)] == ["paused"]
        resume_now(ctx)
        notifier.evaluate(ctx)
        assert [alert["kind"] for alert in notifier.active(ctx)] == ["run_failed"]


class TestTheQueue:
    @pytest.fixture
    def enqueued(self, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        sent: list[Any] = []
        monkeypatch.setattr(tasks, "context", lambda: ctx)
        monkeypatch.setattr(tasks, "settings", ctx.settings)
        for task in (tasks.read, tasks.page, tasks.undo):
            monkeypatch.setattr(
                task, "delay", lambda *args, name=task.name: sent.append((name, *args))
            )
        monkeypatch.setattr(dedupe, "enqueue_once", lambda task, *_args: sent.append((task.name,)))
        monkeypatch.setattr(dedupe, "acknowledge", lambda *_args: None)
        return sent

    def test_the_schedule_begins_nothing(
        self, ctx: Context, crm: Crm, enqueued: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pause_now(ctx)
        for name in ctx.settings.active_connectors:
            tasks.sync(name)
            tasks.reverify(name)
        tasks.segments()
        tasks.digest()
        tasks.revive()
        with ctx.store.read() as connection:
            assert connection.execute(sa.select(runs)).all() == []
        assert enqueued == []

    def test_a_worker_leaves_a_run_alone_and_takes_it_up_afterwards(
        self, ctx: Context, crm: Crm, enqueued: list[Any]
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        pause_now(ctx)
        tasks.read(run_id)
        tasks.revive()
        assert enqueued == []
        with ctx.store.read() as connection:
            assert connection.execute(sa.select(pages)).all() == []
        resume_now(ctx)
        tasks.revive()
        assert ("hygiene.read", run_id) in enqueued

    def test_a_page_is_left_and_its_run_does_not_fail(
        self, ctx: Context, crm: Crm, enqueued: list[Any]
    ) -> None:
        run_id = lifecycle.open_run(ctx, crm.name, Scope("ids", tuple(crm.ids()[:3])))
        with ctx.store.read() as connection:
            page_id = connection.scalar(sa.select(pages.c.id)) or 0
        pause_now(ctx)
        tasks.page(page_id, run_id)
        assert lifecycle.load(ctx, run_id).state == "running"
        assert (writes_to(crm), enqueued) == (0, [])


class TestTheCommands:
    @pytest.fixture
    def hygiene(self, sandbox: Sandbox, tmp_path: Path) -> Callable[..., Result]:
        path = tmp_path / "hygiene.toml"
        path.write_text(QUICK, encoding="utf-8")
        env = {
            **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
            "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
        }  # fmt: skip

        def run(*args: str, exit_code: int = 0) -> Result:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == exit_code, result.output
            return result

        return run

    def test_that_write_say_so_and_exit_with_1(
        self, hygiene: Callable[..., Result], sandbox: Sandbox
    ) -> None:
        paused = hygiene("pause", "--reason", "a wrong list", "--json")
        assert json.loads(paused.stdout)["paused"]["reason"] == "a wrong list"
        for words in (
            ("sync",), ("rescan", "hubspot"), ("crm", "setup", "hubspot"),
            ("crm", "reasons", "hubspot"), ("digest", "--send"),
            ("crm", "probe", "hubspot", "--write", "1"),
        ):  # fmt: skip
            output = hygiene(*words, exit_code=1).output
            assert "Everything is paused" in output, words
            assert "hygiene resume" in output, words
        hygiene("sync", "--dry-run")
        assert "Everything is paused" in hygiene("overview").output
        added = hygiene("suppressions", "add", NUMBER, "--evidence", "by letter")
        assert "when you resume" in added.output
        assert Crm.all(sandbox)["hubspot"].writes == 0
        assert json.loads(hygiene("resume", "--json").stdout)["ended"]["reason"] == "a wrong list"
        hygiene("sync")
        assert "nothing was paused" in hygiene("resume").output
