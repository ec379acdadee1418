"""Requests that fail through no fault of their sender: an answer that helps, and one line each."""

from __future__ import annotations

import errno
import html
import logging
import shutil
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
import sqlalchemy as sa
from captures import HangingProvider, add_key, ask, serving, settings_for
from constants import CLOSED_PORT, NUMBER
from fixture_types import Serve
from limits import lower_limits
from logins import by_link
from processes import until

from chaos.postgres import Server
from worker.access import users
from worker.alerts import notifier
from worker.capture import keys, polls
from worker.context import Context
from worker.store.engine import upgrade
from worker.store.errors import StoreError
from worker.web.confirm.translations import TRANSLATIONS

NO_DATABASE = {"DATABASE_URL": f"postgresql://nobody@{CLOSED_PORT}/none"}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What was logged as an error since the last look."""

    def look() -> list[logging.LogRecord]:
        found = [record for record in caplog.records if record.levelno >= logging.ERROR]
        caplog.clear()
        return found

    return look


class TestADatabaseThatIsAway:
    def test_is_said_in_plain_words_with_what_to_do(self, serve: Serve) -> None:
        answer = requests.get(f"{serve(**NO_DATABASE)}/runs?state=failed", headers=BROWSER)
        assert answer.status_code == 503
        assert "The database is not available" in answer.text
        assert "Try again" in answer.text
        assert 'href="/runs?state=failed"' in answer.text
        assert "hygiene doctor" in answer.text

    def test_gives_a_page_like_any_other(self, serve: Serve) -> None:
        """With the rules for scripts, and the id that the log has."""
        headers = requests.get(f"{serve(**NO_DATABASE)}/runs", headers=BROWSER).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Request-ID"]
        assert int(headers["Retry-After"]) > 0

    def test_tells_nobody_where_it_is(self, serve: Serve) -> None:
        shown = requests.get(f"{serve(**NO_DATABASE)}/runs", headers=BROWSER).text
        assert "nobody" not in shown
        assert CLOSED_PORT.partition(":")[2] not in shown

    @pytest.mark.parametrize("path", ["/runs", "/login", "/nowhere/", "/confirm/x.y", "/metrics"])
    def test_is_one_line_of_the_log(
        self, serve: Serve, failures: Callable[[], list[logging.LogRecord]], path: str
    ) -> None:
        url = serve(**NO_DATABASE)
        failures()
        assert requests.get(url + path, headers=BROWSER).status_code in (503, 404)
        lines = failures()
        assert len(lines) == (path != "/nowhere/")
        for line in lines:
            assert "the database does not answer" in line.getMessage()
            assert line.exc_info is None

    def test_lets_a_form_be_sent_again(self, serve: Serve) -> None:
        """Not by a link: what was sent may have been done, or not."""
        url = serve(**NO_DATABASE, ADMIN_PASSWORD="fictional")
        answer = requests.post(f"{url}/login", data={"password": "x"}, headers=BROWSER)
        assert answer.status_code == 503
        assert "Check whether it was saved" in answer.text
        assert 'href="/login"' not in answer.text

    def test_is_json_for_a_program(self, serve: Serve) -> None:
        url = serve(**NO_DATABASE, ADMIN_TOKEN="secret")
        answer = requests.get(f"{url}/api/runs", headers={"Authorization": "Bearer secret"})
        assert answer.status_code == 503
        assert answer.json() == {"error": "The database is not available. Try again later."}
        assert int(answer.headers["Retry-After"]) > 0

    @pytest.mark.parametrize("language", sorted(TRANSLATIONS))
    def test_asks_a_recipient_to_come_back(self, serve: Serve, language: str) -> None:
        url = f"{serve(**NO_DATABASE)}/confirm/x.y"
        words = TRANSLATIONS[language]
        for answer in (
            requests.get(url, headers={"Accept-Language": language}),
            requests.post(url, {"answer": "stop"}, params={"lang": language}),
        ):
            assert answer.status_code == 503
            text = html.unescape(answer.text)
            assert words.unavailable in text
            assert words.unavailable_why in text
            assert "database" not in answer.text


@pytest.mark.slow
def test_a_database_that_restarts_breaks_nothing_for_longer(
    serve: Serve, failures: Callable[[], list[logging.LogRecord]]
) -> None:
    """A PostgreSQL that is killed and comes back, while an admin opens pages all the time."""
    home = Path(tempfile.mkdtemp(prefix="hygiene-restart-"))
    home.chmod(0o755)
    database = Server(home)
    assert database.start()
    stopped, seen = threading.Event(), Counter[int]()
    try:
        upgrade(database.url())
        url = serve(DATABASE_URL=database.url(), ADMIN_PASSWORD="fictional")
        admin = requests.Session()
        admin.auth, admin.headers["Accept"] = ("admin", "fictional"), "text/html"
        assert admin.get(f"{url}/").status_code == 200
        failures()

        def look() -> None:
            while not stopped.is_set():
                seen[admin.get(f"{url}/runs").status_code] += 1

        looking = threading.Thread(target=look)
        looking.start()
        until(lambda: seen[200] > 2, "a page before", 20)
        database.stop()
        until(lambda: seen[503] > 2, "a page without the database", 20)
        assert database.start()
        before = seen[200]
        until(lambda: seen[200] > before + 2, "a page afterwards", 20)
    finally:
        stopped.set()
        looking.join(20)
        database.stop()
        shutil.rmtree(home)
    assert set(seen) == {200, 503}
    lines = failures()
    assert len(lines) == seen[503]
    assert not any(line.exc_info for line in lines)


class TestAFaultOfOurs:
    @pytest.fixture
    def broken(self, serve: Serve, ctx: Context) -> str:
        """A server whose segments nobody can read."""
        url = serve()
        with ctx.store.write() as connection:
            connection.execute(sa.text("ALTER TABLE segment_counts RENAME TO elsewhere"))
        return url

    def test_is_a_page_with_the_menu(self, broken: str, ctx: Context) -> None:
        answer = by_link(ctx).get(f"{broken}/segments", headers=BROWSER)
        assert answer.status_code == 500
        assert 'aria-label="Main"' in answer.text
        assert "Something went wrong" in answer.text
        assert answer.headers["X-Request-ID"] in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "no such table" not in answer.text

    def test_is_logged_once_with_its_place(
        self, broken: str, ctx: Context, failures: Callable[[], list[logging.LogRecord]]
    ) -> None:
        by_link(ctx).get(f"{broken}/segments", headers=BROWSER)
        (line,) = failures()
        assert line.exc_info is not None

    def test_shows_a_stranger_no_menu(self, broken: str, ctx: Context) -> None:
        with ctx.store.write() as connection:
            connection.execute(sa.text("ALTER TABLE users RENAME TO others"))
        answer = requests.get(f"{broken}/login", headers=BROWSER)
        assert answer.status_code == 500
        assert 'aria-label="Main"' not in answer.text
        assert "Something went wrong" in answer.text


class TestAFaultThatStays:
    """A full disk, or a setting: whoever is logged in can do something about it."""

    @pytest.mark.parametrize(
        ("error", "status", "words"),
        [
            (OSError(errno.ENOSPC, "full"), 503, "The disk is full: free some space"),
            (StoreError("DATABASE_URL: its tables are out of date"), 500, "tables are out of date"),
        ],
    )
    def test_is_told_to_them_alone(
        self,
        serve: Serve,
        ctx: Context,
        monkeypatch: pytest.MonkeyPatch,
        failures: Callable[[], list[logging.LogRecord]],
        error: Exception,
        status: int,
        words: str,
    ) -> None:
        def fail(*_args: object, **_options: object) -> None:
            raise error

        url = serve()
        monkeypatch.setattr(notifier, "active", fail)
        monkeypatch.setattr(users, "has_users", fail)
        inside = by_link(ctx).get(f"{url}/alerts", headers=BROWSER)
        outside = requests.get(f"{url}/login", headers=BROWSER)
        assert (inside.status_code, outside.status_code) == (status, status)
        assert words in inside.text
        assert 'aria-label="Main"' in inside.text
        assert words not in outside.text
        assert [line.exc_info for line in failures()] == [None, None]


def test_a_sender_that_goes_away_is_no_fault(
    serve: Serve, ctx: Context, failures: Callable[[], list[logging.LogRecord]]
) -> None:
    url = urlsplit(serve())
    head = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nname=k"
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        connection.sendall(head.encode())
    for _ in range(3):
        by_link(ctx).get(f"{url.geturl()}/runs")
    assert failures() == []


class TestWhatAFormAsks:
    """Nobody waits any more when the work of a thread fails: that is a line of the log too."""

    @pytest.fixture
    def lines(self, caplog: pytest.LogCaptureFixture) -> Callable[[str], list[logging.LogRecord]]:
        return lambda words: [r for r in caplog.records if words in r.getMessage()]

    def test_a_failure_after_the_answer_is_one_line(
        self,
        tmp_path: Path,
        database_url: str,
        monkeypatch: pytest.MonkeyPatch,
        lines: Callable[[str], list[logging.LogRecord]],
    ) -> None:
        lower_limits(monkeypatch, capture_answer=0.05, capture_give_up=0.1)
        gate = threading.Event()

        def slow(*_args: object) -> None:
            gate.wait(30)
            raise sa.exc.OperationalError("SELECT", {}, psycopg.OperationalError("it closed"))

        with serving(settings_for(tmp_path, database_url)) as (url, ctx):
            key = add_key(ctx)
            monkeypatch.setattr(keys, "shown", slow)
            assert ask(url, key.key, NUMBER).status_code == 503
            gate.set()
            until(lambda: bool(lines("after its request was answered")), "the line", 10)
        assert len(lines("after its request was answered")) == 1
        assert not lines("never retrieved")

    def test_a_late_answer_that_cannot_be_stored_is_one_line(
        self,
        tmp_path: Path,
        database_url: str,
        monkeypatch: pytest.MonkeyPatch,
        lines: Callable[[str], list[logging.LogRecord]],
    ) -> None:
        lower_limits(monkeypatch, capture_answer=0.05, capture_give_up=20.0)

        def refuse(*_args: object) -> None:
            raise sa.exc.OperationalError("INSERT", {}, psycopg.OperationalError("it closed"))

        monkeypatch.setattr(polls, "store", refuse)
        provider = HangingProvider()
        with serving(settings_for(tmp_path, database_url), provider) as (url, ctx):
            key = add_key(ctx, day_budget=Decimal(1), month_budget=Decimal(2))
            provider.hold()
            assert ask(url, key.key, NUMBER).json()["poll"]
            provider.release()
            until(lambda: bool(lines("could not be stored")), "the line", 10)
        assert len(lines("could not be stored")) == 1
        assert not lines("never retrieved")
