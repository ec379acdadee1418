"""Without a password the pages need a one-time link, which a terminal shows and nothing else."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from constants import PUBLIC_URL
from fastapi.routing import APIRoute
from fixture_types import Serve
from logins import lets_in
from terminals import LINK, OnTerminal

from config.logging_setup import redact
from config.settings import Settings
from worker.access import audit, login_links, sessions, users
from worker.access.ways_in import NO_PASSWORD
from worker.context import Context
from worker.ops import doctor
from worker.store import Store
from worker.store.engine import open_store
from worker.store.tables import sessions as session_table
from worker.web.app import make_app
from worker.web.auth import COOKIE

# All that a proxy, or a stranger behind one, can write into a request.
AS_IF_LOCAL: list[dict[str, str]] = [
    {}, {"Host": "127.0.0.1"}, {"Host": "localhost:8000"}, {"Host": "[::1]"},
    {"X-Real-IP": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"},
    {"X-Forwarded-For": "192.0.2.7"}, {"X-Real-IP": "192.0.2.7"}, {"Via": "1.1 x"},
    {"X-Forwarded-Host": "127.0.0.1"}, {"X-Forwarded-User": "admin"}, {"X-Remote-User": "admin"},
    {"Remote-User": "admin"}, {"Authorization": "Basic YWRtaW46"}, {"Authorization": "Bearer "},
    {"Authorization": "Basic YWRtaW46YWRtaW4="}, {"Cookie": f"{COOKIE}=x"}, {"Cookie": COOKIE},
    {"Cookie": f"{COOKIE}="}, {"Host": "evil.example"}, {"X-Original-URL": "/login"},
    {"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin"},
]  # fmt: skip
FOR_ALL = {
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/login", "/login/link", "/logout",
    "/confirm/{token}", "/confirm/{token}/unsubscribe", "/capture.js", "/capture.{version}.js",
}  # fmt: skip


def routes_of(routes: Iterable[Any], under: str = "", own: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of all of them, also of a router that was included. `under`: the prefix of
    the routers around; `own`: that of this router, which its own routes have already."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, under + route.path) for method in route.methods or ())
        elif included := getattr(route, "original_router", None):
            yield from routes_of(included.routes, under + own, included.prefix)


def link_of(url: str, ctx: Context) -> str:
    return login_links.address(url, login_links.make(ctx.store, ctx.now()))


class TestWithoutIt:
    def test_no_page_and_no_action_is_for_anybody(
        self, serve: Serve, make_settings: Callable[..., Settings]
    ) -> None:
        """Every route that there is, in whatever words a request claims to be from here."""
        url = serve()
        routes = [
            (method, path) for method, path in routes_of(make_app(make_settings()).routes)
            if path not in FOR_ALL and not path.startswith("/webhooks/")
        ]  # fmt: skip
        assert {("GET", "/"), ("POST", "/access/tokens"), ("POST", "/api/tokens")} <= {*routes}
        assert len(routes) > 70
        session = requests.Session()
        for headers in AS_IF_LOCAL:
            for method, path in routes if not headers else routes[::7]:
                where = url + re.sub(r"\{\w+(:\w+)?\}", "1", path)
                answer = session.request(
                    method, where, headers={"Accept": "text/html", **headers}, data={"why": "none"},
                    allow_redirects=False,
                )  # fmt: skip
                assert answer.status_code in (401, 403), (method, path, headers)
                assert COOKIE not in session.cookies

    @pytest.mark.parametrize("headers", AS_IF_LOCAL)
    def test_nobody_mints_a_token(self, serve: Serve, headers: dict[str, str]) -> None:
        url = serve()
        form = {"csrf": sessions.csrf_of("x"), "name": "mine", "scope-admin": "on"}
        for data in (form, {**form, "csrf": ""}):
            answer = requests.post(f"{url}/access/tokens", data=data, headers=headers)
            assert answer.status_code == 403
            assert "hyg_" not in answer.text

    @pytest.mark.parametrize("accept", ["text/html", "*/*"])
    @pytest.mark.parametrize("path", ["/", "/runs", "/login"])
    def test_one_line_says_what_to_set(self, serve: Serve, path: str, accept: str) -> None:
        answer = requests.get(serve() + path, headers={"Accept": accept})
        assert answer.status_code == 403
        assert all(part in answer.text for part in NO_PASSWORD.split(". ", 1))
        assert "ADMIN_PASSWORD" in NO_PASSWORD
        assert "\n" not in NO_PASSWORD

    def test_a_guess_at_a_password_is_refused_as_well(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        for _ in range(8):
            answer = requests.post(f"{url}/login", data={"password": "", "name": "admin"})
            assert answer.status_code == 403
            assert all(part in answer.text for part in NO_PASSWORD.split(". ", 1))


class TestALink:
    def test_opens_every_page_in_one_browser(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        session = requests.Session()
        landed = session.get(link_of(url, ctx))
        assert (landed.status_code, landed.url) == (200, f"{url}/")
        assert session.get(f"{url}/access").status_code == 200
        assert requests.get(f"{url}/access").status_code == 403
        match = re.search(r'name="csrf" value="(\w+)"', session.get(f"{url}/access").text)
        assert match is not None
        form = {"csrf": match.group(1), "name": "mine", "scope-read": "on"}
        assert "hyg_" in session.post(f"{url}/access/tokens", data=form).text
        assert [entry["who"] for entry in audit.entries(ctx.store)] == ["local", "local"]

    def test_is_good_once(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        link = link_of(url, ctx)
        assert lets_in(link)
        assert not lets_in(link)
        answer = requests.get(link)
        assert answer.status_code == 403
        assert "hygiene users login-link" in answer.text
        assert link.partition("token=")[2] not in answer.text

    def test_is_good_once_also_for_who_logged_out(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        link, session = link_of(url, ctx), requests.Session()
        session.get(link)
        secret = session.cookies[COOKIE]
        assert session.post(f"{url}/logout").status_code == 403  # where it says how to log in
        assert session.get(link).status_code == 403
        assert sessions.of(ctx.store, secret, ctx.now()) is None
        assert session.get(f"{url}/runs").status_code == 403

    def test_is_good_once_when_many_use_it_at_the_same_moment(
        self, either_database_url: str, ctx: Context
    ) -> None:
        """Each with its own connections, as the processes of several machines."""
        stores = [open_store(either_database_url) for _ in range(6)]
        for _ in range(5):
            token = login_links.make(stores[0], ctx.now())
            barrier, entered = threading.Barrier(len(stores)), []

            def use(
                store: Store, token: str = token, barrier: threading.Barrier = barrier,
                entered: list[str | None] = entered,
            ) -> None:  # fmt: skip
                barrier.wait()
                entered.append(login_links.use(store, token, ctx.now()))

            threads = [threading.Thread(target=use, args=(store,)) for store in stores]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(entered) == len(stores)
            assert sum(secret is not None for secret in entered) == 1
        for store in stores:
            store.close()

    def test_is_good_for_ten_minutes(self, ctx: Context) -> None:
        now = ctx.now()

        def lets_in_after(**wait: float) -> bool:
            token = login_links.make(ctx.store, now)
            return login_links.use(ctx.store, token, now + timedelta(**wait)) is not None

        assert lets_in_after(minutes=9, seconds=59)
        assert not lets_in_after(minutes=10)
        assert not lets_in_after(days=1)
        assert not lets_in_after(days=-1)  # the clock was set back since

    def test_is_kept_as_a_hash_that_fits_no_cookie(self, serve: Serve, ctx: Context) -> None:
        token = login_links.make(ctx.store, ctx.now())
        with ctx.store.read() as connection:
            rows = connection.execute(sa.select(session_table)).all()
        assert len(rows) == 1
        assert token not in str(rows)
        url = serve()
        for cookie in (token, rows[0].id, "login link:" + token):
            assert sessions.of(ctx.store, cookie, ctx.now()) is None
            answer = requests.get(f"{url}/runs", cookies={COOKIE: cookie})
            assert answer.status_code == 403

    def test_of_another_text_is_none(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        token = login_links.make(ctx.store, ctx.now())
        for wrong in ("", token[:-1], token + "x", token.swapcase(), "%", "\x00", "x" * 5000):
            answer = requests.get(f"{url}/login/link", params={"token": wrong})
            assert answer.status_code == 403
        assert requests.get(f"{url}/login/link").status_code == 403
        assert lets_in(f"{url}/login/link?token={token}")

    def test_begins_a_session_of_its_own(self, serve: Serve, ctx: Context) -> None:
        """Whoever planted a cookie before knows none after it."""
        url = serve()
        planted = sessions.begin(ctx.store, login_links.PERSON, ctx.now())
        answer = requests.get(link_of(url, ctx), cookies={COOKIE: planted}, allow_redirects=False)
        assert answer.cookies[COOKIE] != planted
        assert sessions.of(ctx.store, planted, ctx.now()) is None

    def test_leads_on_at_once_and_leaves_no_trace(self, serve: Serve, ctx: Context) -> None:
        answer = requests.get(link_of(serve(), ctx), allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=lax" in answer.headers["Set-Cookie"]
        assert "Secure" not in answer.headers["Set-Cookie"]
        public = serve(PUBLIC_URL=PUBLIC_URL)
        answer = requests.get(link_of(public, ctx), allow_redirects=False)
        assert "Secure" in answer.headers["Set-Cookie"]

    @pytest.mark.parametrize("headers", [
        {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "iframe"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": "facebookexternalhit/1.1"}, {"User-Agent": "WhatsApp/2.23"},
        {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"},
    ])  # fmt: skip
    def test_that_nobody_has_opened_yet_is_not_used_up(
        self, serve: Serve, ctx: Context, headers: dict[str, str]
    ) -> None:
        url = serve()
        link = link_of(url, ctx)
        session = requests.Session()
        shown = session.get(link, headers=headers)
        assert (shown.status_code, COOKIE in session.cookies) == (200, False)
        assert "Log in here" in shown.text
        match = re.search(r'name="token" value="([\w-]+)"', shown.text)
        assert match is not None
        entered = session.post(f"{url}/login/link", data={"token": match.group(1)})
        assert (entered.status_code, entered.url) == (200, f"{url}/")
        assert not lets_in(link)

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
    def test_is_not_used_up_by_other_methods(self, serve: Serve, ctx: Context, method: str) -> None:
        link = link_of(serve(), ctx)
        assert requests.request(method, link).status_code == 405
        assert lets_in(link)

    def test_is_for_our_own_name_alone(self, serve: Serve, ctx: Context) -> None:
        """A page elsewhere whose name leads here (DNS rebinding) gets no session."""
        link = link_of(serve(), ctx)
        assert requests.get(link, headers={"Host": "evil.example"}).status_code == 403
        assert lets_in(link)
        public = serve(PUBLIC_URL=PUBLIC_URL)
        assert (
            requests.get(link_of(public, ctx), headers={"Host": "evil.example"}).status_code == 400
        )
        assert requests.get(
            link_of(public, ctx), headers={"Host": "hygiene.example.com"}, allow_redirects=False
        ).status_code == 303  # fmt: skip

    @pytest.mark.parametrize("closed_by", ["password", "people"])
    def test_is_of_no_use_once_people_have_passwords(
        self, serve: Serve, ctx: Context, closed_by: str
    ) -> None:
        link = login_links.make(ctx.store, ctx.now())
        if closed_by == "people":
            users.upsert_user(ctx.store, "adam", "a long and fictional one", "admin", ctx.now())
        url = serve(ADMIN_PASSWORD="fictional" if closed_by == "password" else "")
        assert not lets_in(login_links.address(url, link))

    def test_is_in_no_log(
        self, serve: Serve, ctx: Context, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        url = serve()
        link = link_of(url, ctx)
        for _ in range(2):
            requests.get(link)
        ours = [r for r in caplog.records if not r.name.startswith(("urllib3", "requests"))]
        messages = "\n".join(record.getMessage() for record in ours)
        assert "a login link was refused" in messages
        assert link.partition("token=")[2] not in messages
        assert link.partition("token=")[2] not in redact(f"GET {link} failed")
        assert link.partition("token=")[2] not in str(audit.entries(ctx.store))


class TestWhereItIsShown:
    """And on the terminal of `hygiene up`: tests/worker/cli/test_supervisor.py."""

    @pytest.fixture
    def env(self, make_settings: Callable[..., Settings], sandbox: Any, tmp_path: Path,
            database_url: str, free_port: int) -> dict[str, str]:  # fmt: skip
        make_settings()
        return {
            **os.environ, **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"),
            "DATABASE_URL": database_url, "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml"),
            "PORT": str(free_port),
        }  # fmt: skip

    def test_a_terminal_shows_one_that_works(
        self, env: dict[str, str], serve: Serve, ctx: Context, free_port: int
    ) -> None:
        shown = OnTerminal(("users", "login-link"), {**env, "COLUMNS": "40"})
        (link,) = shown.links()
        assert shown.end() == 0
        own = f"http://127.0.0.1:{free_port}"
        assert link.startswith(f"{own}/login/link?token=")
        assert lets_in(link.replace(own, serve()))
        assert audit.entries(ctx.store)[-1]["action"] == "login_link.make"

    def test_it_leads_to_the_public_address(self, env: dict[str, str]) -> None:
        shown = OnTerminal(("users", "login-link"), {**env, "PUBLIC_URL": "http://h.example"})
        assert shown.links()[0].startswith("http://h.example/login/link?token=")
        assert shown.end() == 0

    @pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}])
    def test_nothing_else_shows_one(
        self, env: dict[str, str], variables: dict[str, str], ctx: Context
    ) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "worker", "users", "login-link"], env={**env, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert "ADMIN_PASSWORD" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not LINK.search(done.stdout + done.stderr)
        with ctx.store.read() as connection:
            assert not connection.execute(sa.select(session_table)).all()

    def test_none_is_made_where_there_is_a_password(self, env: dict[str, str]) -> None:
        shown = OnTerminal(("users", "login-link"), {**env, "ADMIN_PASSWORD": "fictional"})
        assert shown.end() == 2
        assert "people log in by ADMIN_PASSWORD" in shown.text
        assert not LINK.search(shown.text)


@pytest.mark.parametrize(("env", "verdict", "words"), [
    ({}, "ok", "one-time login link"),
    ({"PUBLIC_URL": PUBLIC_URL}, "warning", "one-time login link"),
    ({"ADMIN_PASSWORD": "fictional"}, "ok", "people log in by ADMIN_PASSWORD"),
])  # fmt: skip
def test_the_doctor_says_how_people_log_in(
    env: dict[str, str], verdict: str, words: str, make_settings: Callable[..., Settings]
) -> None:
    checks = [check for check in doctor.examine(make_settings(**env)) if check.name == "pages"]
    assert [(check.verdict, words in check.text) for check in checks] == [(verdict, True)]
