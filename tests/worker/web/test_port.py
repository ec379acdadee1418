"""The port of the pages: the one that was asked for, or one line that says that it is taken."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.access import users
from worker.cli import demo
from worker.context import Context
from worker.web.serve import address


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("command", [["up"], ["web"], ["demo", "--once"]], ids=" ".join)
def test_one_that_is_taken_is_named_before_anything_is_begun(
    command: list[str], taken: int, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "worker", *command],
        env={**os.environ, "HYGIENE_HOME": str(home), "PORT": str(taken)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"PORT: {taken} is in use" in line
    assert not (home / "demo").exists()
    assert not list(home.glob("*.sock"))


def test_the_demo_takes_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = int(server.getsockname()[1])
    monkeypatch.setenv("PORT", str(free))
    others, pages = demo._free_ports(demo._pages_port())
    assert pages == free
    assert free not in others.values()


def test_the_demo_takes_any_other_where_none_was_asked_for(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.setattr(demo, "DEFAULT_PORT", taken)
    _, pages = demo._free_ports(demo._pages_port())
    assert pages not in (0, taken)


class TestTheAddress:
    """All addresses where a platform connects from outside, and never without a password."""

    @pytest.mark.parametrize(
        ("password", "env", "wanted"),
        [
            ("", {}, "127.0.0.1"),
            ("", {"PORT": "5000"}, "127.0.0.1"),
            ("a long and fictional one", {"PORT": "5000"}, "0.0.0.0"),
            ("a long and fictional one", {}, "0.0.0.0"),
        ],
    )
    def test_depends_on_the_password(
        self, ctx: Context, password: str, env: dict[str, str], wanted: str
    ) -> None:
        settings = ctx.settings.model_copy(update={"admin_password": password})
        assert address(settings, ctx.store, env) == wanted

    def test_is_opened_by_peoples_passwords_where_port_is_set(self, ctx: Context) -> None:
        settings = ctx.settings.model_copy(update={"admin_password": ""})
        users.upsert_user(ctx.store, "adam", "a long and fictional one", "admin", ctx.now())
        assert address(settings, ctx.store, {"PORT": "5000"}) == "0.0.0.0"
        assert address(settings, ctx.store, {}) == "127.0.0.1"

    def test_that_stays_closed_is_explained_in_one_line(
        self, ctx: Context, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings = ctx.settings.model_copy(update={"admin_password": ""})
        address(settings, ctx.store, {})
        assert not caplog.messages
        address(settings, ctx.store, {"PORT": "5000"})
        (line,) = caplog.messages
        assert "set ADMIN_PASSWORD" in line
