"""`hygiene up`, the beat schedule and the embedded Redis: real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests
from crms import Crm

from config.settings import Settings
from sandbox.run import Sandbox
from worker import embedded
from worker.schedule import beat_schedule


class TestUp:
    @pytest.mark.timeout(120)
    def test_it_runs_web_worker_and_beat_and_stops_them_all(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = tmp_path / "hygiene.toml"
        path.write_text('[sync]\nevery = "2s"\n', encoding="utf-8")
        env = {
            **os.environ, **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"),
            "HYGIENE_CONFIG": str(path), "PORT": str(port),
        }  # fmt: skip
        with (tmp_path / "up.log").open("wb") as log:
            up = subprocess.Popen(
                [sys.executable, "-m", "worker", "up"], env=env, stdout=log, stderr=log
            )
        try:
            crms = Crm.all(sandbox).values()
            end = time.monotonic() + 90
            # Beat starts the first sync by itself; the worker does it; the page shows it.
            while not all(crm.all_checked() for crm in crms) or not _ready(port):
                assert up.poll() is None, (tmp_path / "up.log").read_text()
                assert time.monotonic() < end, (tmp_path / "up.log").read_text()
                time.sleep(0.3)
            family = psutil.Process(up.pid).children(recursive=True)
        finally:
            up.send_signal(signal.SIGTERM)
        assert up.wait(30) == 0
        assert not [process for process in family if _alive(process)]
        assert not embedded.answers(tmp_path / "home")


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


class TestTheSchedule:
    def test_it_comes_from_the_settings(self, make_settings: Callable[..., Settings]) -> None:
        plan = beat_schedule(make_settings('[sync]\nevery = "5m"\nreverify_every = "12h"\n'))
        assert plan["sync-salesforce"]["schedule"] == 300
        assert plan["reverify-hubspot"]["schedule"] == 12 * 3600
        assert plan["revive"]["schedule"] <= 60

    def test_a_connector_that_is_off_has_none(self, make_settings: Callable[..., Settings]) -> None:
        plan = beat_schedule(make_settings("[connectors.hubspot]\nenabled = false\n"))
        assert "sync-salesforce" in plan
        assert not any("hubspot" in name for name in plan)


class TestTheEmbeddedRedis:
    def test_it_is_shared_and_stopped(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        first = embedded.ensure(home)
        client = embedded.client(first)
        pid = client.info()["process_id"]
        assert embedded.ensure(home) == first
        assert embedded.client(first).info()["process_id"] == pid
        embedded.stop(home)
        assert not embedded.answers(home)

    def test_a_path_too_long_for_a_socket_is_no_hindrance(self, tmp_path: Path) -> None:
        home = tmp_path / ("deep" * 20) / ("deeper" * 10)
        embedded.ensure(home)
        assert embedded.answers(home)
        embedded.stop(home)

    def test_only_we_can_open_it(self, tmp_path: Path) -> None:
        embedded.ensure(tmp_path)
        assert (embedded.socket_path(tmp_path).stat().st_mode & 0o077) == 0
        embedded.stop(tmp_path)
