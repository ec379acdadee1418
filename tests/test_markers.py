"""Each test is marked by what it needs, and a test that is marked `unit` keeps to it."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from needs import BY_MODULE, nothing_from_outside

from sandbox.run import Sandbox

OURS = {"unit", "slow", "postgres", "browser"}


@pytest.fixture
def marks(request: pytest.FixtureRequest) -> set[str]:
    """Which of our markers the test has that asks for this."""
    return OURS & {mark.name for mark in request.node.iter_markers()}


@pytest.fixture
def a_command_that_ran() -> str:
    return _output_of_a_command()


def _output_of_a_command() -> str:
    return subprocess.run(
        [sys.executable, "-c", "print('ran')"], capture_output=True, text=True, check=True
    ).stdout.strip()


class TestWhatMarks:
    def test_nothing_but_plain_functions_is_a_unit(self, marks: set[str]) -> None:
        assert marks == {"unit"}

    def test_files_of_its_own_leave_it_a_unit(self, marks: set[str], tmp_path: Path) -> None:
        (tmp_path / "a").write_text("b", encoding="utf-8")
        assert marks == {"unit"}

    def test_the_sandbox_is_none_of_the_four(self, marks: set[str], bare_sandbox: Sandbox) -> None:
        assert bare_sandbox.salesforce_url
        assert marks == set()

    def test_a_database_of_sqlite_is_none_of_the_four(
        self, marks: set[str], database_url: str
    ) -> None:
        assert database_url
        assert marks == set()

    def test_postgresql_is_marked_where_it_is_the_database(
        self, marks: set[str], either_database_url: str
    ) -> None:
        assert marks == ({"postgres"} if either_database_url.startswith("postgres") else set())

    def test_a_process_that_the_test_starts_is_slow(self, marks: set[str]) -> None:
        assert _output_of_a_command() == "ran"
        assert marks == {"slow"}

    def test_a_process_that_its_fixture_starts_is_slow(
        self, marks: set[str], a_command_that_ran: str
    ) -> None:
        assert a_command_that_ran == "ran"
        assert marks == {"slow"}

    def test_a_process_of_the_product_is_slow(
        self, marks: set[str], start: Callable[..., subprocess.Popen[bytes]]
    ) -> None:
        assert start("worker", "--version").wait(60) == 0
        assert marks == {"slow"}

    def test_pages_in_chromium_are_of_the_browser(self, marks: set[str], chromium: Any) -> None:
        assert chromium.version
        assert marks == {"browser"}

    @pytest.mark.slow
    def test_what_a_test_says_of_itself_holds(self, marks: set[str]) -> None:
        assert marks == {"slow"}

    @pytest.mark.parametrize("run", [_output_of_a_command])
    def test_what_a_parameter_does_counts(self, marks: set[str], run: Callable[[], str]) -> None:
        assert run() == "ran"
        assert marks == {"slow"}

    @given(value=st.none())
    @settings(
        max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_what_a_property_does_counts(self, marks: set[str], value: None) -> None:
        assert _output_of_a_command() == "ran"
        assert marks == {"slow"}


@pytest.mark.parametrize("name", BY_MODULE)
def test_the_table_of_modules_names_what_is_there(name: str) -> None:
    assert resolve_name(name)


class TestAUnitThatDoesMore:
    """Product code may open what its test does not name; the test fails then."""

    def test_that_starts_a_process_fails(self) -> None:
        with pytest.raises(pytest.fail.Exception, match="starts a process"), nothing_from_outside():
            _output_of_a_command()

    def test_that_opens_a_database_fails(self) -> None:
        with pytest.raises(pytest.fail.Exception, match="opens a database"), nothing_from_outside():
            sqlite3.connect(":memory:").close()

    def test_that_connects_fails(self) -> None:
        with (
            pytest.raises(pytest.fail.Exception, match="opens a connection"),
            nothing_from_outside(),
            contextlib.suppress(OSError),
            socket.socket() as client,
        ):
            client.connect(("127.0.0.1", 9))

    def test_that_does_nothing_of_the_kind_passes(self, tmp_path: Path) -> None:
        with nothing_from_outside():
            (tmp_path / "a").write_text("b", encoding="utf-8")
