"""`hygiene up`, the beat schedule and the embedded Redis: real processes."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from crms import Crm
from honcho.printer import Printer
from limits import lower_limits
from logins import lets_in
from processes import until
from terminals import OnTerminal

from config.settings import Settings
from sandbox.run import Sandbox
from worker.cli import supervisor as supervising
from worker.queue.schedule import QUEUES, beat_schedule
from worker.store import embedded_redis


class TestUp:
    @pytest.mark.timeout(300)
    def test_it_shows_a_login_link_runs_web_worker_and_beat_and_stops_them_all(
        self, sandbox: Sandbox, tmp_path: Path, free_port: int
    ) -> None:
        path = tmp_path / "hygiene.toml"
        path.write_text('[sync]\nevery = "2s"\n', encoding="utf-8")
        env = {
            **os.environ, **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"),
            "HYGIENE_CONFIG": str(path), "PORT": str(free_port),
        }  # fmt: skip
        up = OnTerminal(("up",), env)
        process = up.process
        try:
            crms = Crm.all(sandbox).values()
            end = time.monotonic() + 240
            # Beat starts the first sync by itself; the worker does it; the page shows it.
            while not all(crm.all_checked() for crm in crms) or not _ready(free_port):
                assert process.poll() is None, up.text
                assert time.monotonic() < end, up.text
                time.sleep(0.3)
            # Its terminal shows a login link, once; nothing that its processes write does.
            (link,) = up.links()
            assert lets_in(link)
            assert not lets_in(link)
            until(lambda: "one-time login link" in up.text.replace("\r\n", ""), "the log says so")
            # What dies is started again, and a message that is none does not end the worker.
            home = tmp_path / "home"
            queue = embedded_redis.client(embedded_redis.url(home))
            queue.lpush("reports", "{not json")
            (worker,) = [
                child for child in psutil.Process(process.pid).children() if _is_worker(child)
            ]
            # Killed in the moment between taking the message and keeping it, it would be gone.
            while queue.llen("hygiene:set-aside") < 1:
                assert time.monotonic() < end, up.text
                time.sleep(0.1)
            worker.kill()
            while not _is_new(process, worker):
                assert time.monotonic() < end, up.text
                time.sleep(0.3)
            family = psutil.Process(process.pid).children(recursive=True)
        finally:
            process.send_signal(signal.SIGTERM)
        assert up.end() == 130
        assert not [process for process in family if _alive(process)]
        assert not embedded_redis.answers(tmp_path / "home")
        token = link.partition("token=")[2]
        assert up.text.count(token) == 1
        for kept in tmp_path.rglob("*"):
            if kept.is_file():
                assert token.encode() not in kept.read_bytes(), kept


def _is_worker(process: psutil.Process) -> bool:
    command = " ".join(process.cmdline())
    return "worker.app worker" in command and "--queues" not in command


def _is_new(up: subprocess.Popen[bytes], old: psutil.Process) -> bool:
    return any(
        _is_worker(child) and child.pid != old.pid for child in psutil.Process(up.pid).children()
    )


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except requests.exceptions.RequestException:
        return False


class TestItsProcesses:
    def test_reports_and_what_carries_them_have_workers_that_take_nothing_else(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        queues = _queues_by_process(make_settings())
        assert queues["reports"] == ["reports"]
        assert queues["writes"] == ["writes"]
        assert queues["worker"] == list(QUEUES)

    def test_one_crm_that_is_away_holds_up_no_other(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        assert _concurrency(make_settings()) == 2
        one = make_settings("[connectors.hubspot]\nenabled = false\n")
        assert _concurrency(one) == 2
        lists = "".join(
            f'[connectors.csv-{name}]\nkind = "csv"\npath = "{name}.csv"\n' for name in "abc"
        )
        assert _concurrency(make_settings(lists)) == 5


def _queues_by_process(settings: Settings) -> dict[str, list[str]]:
    return {
        name: command[command.index("--queues") + 1].split(",")
        if "--queues" in command
        else list(QUEUES)
        for name, command in supervising.commands(settings).items()
        if "celery" in command and "beat" not in command
    }


def _concurrency(settings: Settings) -> int:
    command = supervising.commands(settings)["writes"]
    return int(command[command.index("--concurrency") + 1])


class TestTheSchedule:
    def test_it_comes_from_the_settings(self, make_settings: Callable[..., Settings]) -> None:
        plan = beat_schedule(make_settings('[sync]\nevery = "5m"\nreverify_every = "12h"\n'))
        assert plan["sync-salesforce"]["schedule"] == 300
        assert plan["reverify-hubspot"]["schedule"] == 12 * 3600
        assert plan["revive"]["schedule"] <= 60

    @pytest.mark.parametrize("name", ["revive", "apply", "ask"])
    def test_what_nothing_else_starts_runs_also_where_tasks_wait_for_a_worker_for_minutes(
        self, make_settings: Callable[..., Settings], name: str
    ) -> None:
        entry = beat_schedule(make_settings(""))[name]
        assert entry["options"]["expires"] >= 5 * 60
        assert entry["options"]["expires"] <= 20 * entry["schedule"], "few wait at once"

    def test_a_connector_that_is_off_has_none(self, make_settings: Callable[..., Settings]) -> None:
        plan = beat_schedule(make_settings("[connectors.hubspot]\nenabled = false\n"))
        assert "sync-salesforce" in plan
        assert not any("hubspot" in name for name in plan)


class TestTheEmbeddedRedis:
    def test_it_is_shared_and_stopped(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        first = embedded_redis.ensure(home)
        client = embedded_redis.client(first)
        pid = client.info()["process_id"]
        assert embedded_redis.ensure(home) == first
        assert embedded_redis.client(first).info()["process_id"] == pid
        embedded_redis.stop(home)
        assert not embedded_redis.answers(home)

    def test_a_path_too_long_for_a_socket_is_no_hindrance(self, tmp_path: Path) -> None:
        home = tmp_path / ("deep" * 20) / ("deeper" * 10)
        embedded_redis.ensure(home)
        assert embedded_redis.answers(home)
        embedded_redis.stop(home)

    def test_only_we_can_open_it(self, tmp_path: Path) -> None:
        embedded_redis.ensure(tmp_path)
        assert (embedded_redis.socket_path(tmp_path).stat().st_mode & 0o077) == 0
        embedded_redis.stop(tmp_path)


STAYS = "import time; time.sleep(60)"


@pytest.mark.slow
class TestWhatDies:
    """`Supervisor` with processes of the tests' own, in this process."""

    def run(
        self, monkeypatch: pytest.MonkeyPatch, stop: Callable[[str], bool], **scripts: str
    ) -> tuple[int, str]:
        """The exit code, and what was printed; it is told to stop when `stop` says so of that."""
        out = io.StringIO()
        handlers: dict[int, Any] = {}
        monkeypatch.setattr(supervising.signal, "signal", handlers.__setitem__)

        def look() -> None:
            if stop(out.getvalue()):
                handlers[signal.SIGTERM](signal.SIGTERM, None)

        lower_limits(monkeypatch, supervisor_interval=0.0)
        commands = {name: [sys.executable, "-c", script] for name, script in scripts.items()}
        supervisor = supervising.Supervisor(commands, os.environ, look, Printer(out))
        return supervisor.run(), out.getvalue()

    def test_it_is_started_again_with_longer_and_longer_pauses(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, supervisor_first_pause=0.25)
        code, output = self.run(
            monkeypatch, lambda text: text.count("started again") == 3,
            dies="raise SystemExit(1)", stays=STAYS,
        )  # fmt: skip
        assert code == 130
        assert re.findall(r"dies\W+ended \(exit code 1\); started again in (\S+) s", output) == [
            "0.25",
            "0.5",
            "1",
        ]
        assert "stays" not in output

    def test_wrong_settings_end_all_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lower_limits(monkeypatch, supervisor_first_pause=0.1)
        wrong = "print('SECRET_KEY: it is too short', flush=True); raise SystemExit(2)"
        code, output = self.run(monkeypatch, lambda _text: False, bad=wrong, stays=STAYS)
        assert code == 2
        assert output.count("SECRET_KEY: it is too short") == 3
        assert "its settings are wrong" in output
