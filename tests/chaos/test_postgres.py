"""A PostgreSQL of our own, on machines that have one and on machines that have none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from processes import until

from chaos.postgres import NoPostgresError, Server, bundled_programs, copy_wheel, find_programs


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's: a server of root's runs as another."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_machine_without_postgresql_runs_the_one_of_the_wheel(home: Path) -> None:
    server = Server(home, programs=find_programs(home, installed=()))
    try:
        assert server.start()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: whose environment others cannot enter")
def test_the_wheel_may_lie_where_another_user_cannot_enter(home: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    folder = copy_wheel(next(bundled_programs()), closed)
    closed.chmod(0o700)
    assert home in find_programs(home, installed=(), bundled=[folder]).folder.parents


def test_a_machine_without_any_is_told_how_to_have_it(home: Path) -> None:
    with pytest.raises(NoPostgresError, match="make test"):
        find_programs(home, installed=(), bundled=())


def test_the_server_ends_with_the_session_that_it_was_started_for(tmp_path: Path) -> None:
    address = tmp_path / "address"
    with subprocess.Popen([shutil.which("sleep") or "sleep", "600"]) as owner:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "chaos.postgres", str(address), str(owner.pid)]
        )
        try:
            until(address.exists, "the server's address")
            url = address.read_text("utf-8")
            with psycopg.connect(url) as connection:
                (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        finally:
            owner.kill()  # as a session that is ended from outside
            owner.wait()
        assert keeper.wait(30) == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5)
    assert not Path(data).exists()
