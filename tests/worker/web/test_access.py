"""Who gets in, who does not, and what stays behind of what they did."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from argon2 import PasswordHasher, Type, extract_parameters
from constants import HTML, NUMBER, PASSWORD
from fixture_types import Serve
from logins import by_link

from worker.access import audit, devices, sessions, tokens
from worker.access import users as people
from worker.access.model import Person
from worker.access.users import ThrottledError
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import api_tokens, audit_log, throttles, users
from worker.store.tables import sessions as session_table
from worker.web.auth import COOKIE

HASHER, DECOY = people.PASSWORD_HASHER, people.DECOY_HASH  # as they are in production


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost little: what is slow on purpose is not what these tests are about."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(people, "PASSWORD_HASHER", cheap)
    monkeypatch.setattr(people, "DECOY_HASH", cheap.hash("nobody has this password"))


@pytest.fixture
def with_users(ctx: Context) -> Context:
    """With a viewer and an admin."""
    people.upsert_user(ctx.store, "vera", PASSWORD, "viewer", ctx.now())
    people.upsert_user(ctx.store, "adam", PASSWORD, "admin", ctx.now())
    return ctx


def logged_in(url: str, name: str, password: str = PASSWORD) -> requests.Session:
    session = requests.Session()
    session.headers.update(HTML)
    answer = session.post(f"{url}/login", data={"name": name, "password": password, "to": "/runs"})
    assert answer.url == f"{url}/runs", answer.text
    return session


def csrf_in(page: str) -> str:
    match = re.search(r'name="csrf" value="(\w+)"', page)
    assert match is not None
    return match.group(1)


class TestLogin:
    def test_leads_to_the_page_that_was_asked_for(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        asked = requests.get(f"{url}/spend", headers=HTML)
        assert asked.url == f"{url}/login?to=/spend"
        assert logged_in(url, "admin").get(f"{url}/spend").status_code == 200

    def test_never_leads_elsewhere(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        for to in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            form = {"password": PASSWORD, "to": to}
            answer = requests.post(f"{url}/login", data=form, allow_redirects=False)
            assert answer.headers["Location"] == "/"

    @pytest.mark.usefixtures("with_users")
    def test_takes_nobody_with_another_password_or_name(self, serve: Serve) -> None:
        url = serve()
        for name, password in (("vera", "wrong"), ("nobody", PASSWORD), ("admin", "")):
            answer = requests.post(f"{url}/login", data={"name": name, "password": password})
            assert answer.status_code == 401
            assert COOKIE not in answer.cookies

    @pytest.mark.usefixtures("with_users")
    def test_that_fails_keeps_the_name_and_never_the_password(self, serve: Serve) -> None:
        url = serve()
        form = {"name": 'vera "v" <v>', "password": "a slip of mine"}
        for status in (401, 401, 401, 401, 401, 429):
            shown = requests.post(f"{url}/login", data=form)
            assert shown.status_code == status
            assert 'value="vera &#34;v&#34; &lt;v&gt;"' in shown.text
            assert form["password"] not in shown.text

    @pytest.mark.usefixtures("with_users")
    def test_that_fails_without_a_name_gives_none(self, serve: Serve) -> None:
        shown = requests.post(f"{serve()}/login", data={"password": "wrong"}).text
        assert 'placeholder="admin" value=""' in shown

    def test_gives_a_cookie_that_scripts_and_other_sites_do_not_get(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        answer = requests.post(f"{url}/login", data={"password": PASSWORD}, allow_redirects=False)
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=lax" in answer.headers["Set-Cookie"]
        assert "Secure" not in answer.headers["Set-Cookie"]
        safe = serve(ADMIN_PASSWORD=PASSWORD, PUBLIC_URL="https://hygiene.example")
        answer = requests.post(f"{safe}/login", data={"password": PASSWORD}, allow_redirects=False)
        assert "Secure" in answer.headers["Set-Cookie"]

    def test_begins_a_session_of_its_own(self, serve: Serve, ctx: Context) -> None:
        """Whoever planted a cookie before the login knows none after it."""
        url = serve(ADMIN_PASSWORD=PASSWORD)
        planted = sessions.begin(ctx.store, Person("mallory", "viewer"), ctx.now())
        answer = requests.post(
            f"{url}/login", data={"password": PASSWORD}, cookies={COOKIE: planted},
            allow_redirects=False,
        )  # fmt: skip
        assert answer.cookies[COOKIE] != planted
        assert sessions.of(ctx.store, planted, ctx.now()) is None

    def test_is_kept_as_a_hash_and_ends(self, serve: Serve, ctx: Context) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        session = logged_in(url, "admin")
        secret = session.cookies[COOKIE]
        with ctx.store.read() as connection:
            assert secret not in str(connection.execute(sa.select(session_table)).all())
        assert sessions.of(ctx.store, secret, ctx.now() + sessions.LIFETIME) is None
        session.post(f"{url}/logout")
        assert session.get(f"{url}/runs").url.startswith(f"{url}/login")

    def test_that_is_guessed_at_is_slowed_down(self, with_users: Context) -> None:
        now = with_users.now()

        def guess(name: str, password: str, at: timedelta, address: str = "192.0.2.1") -> Any:
            return people.log_in(with_users.store, "", name, password, address, now + at)

        for n in range(5):
            assert guess("vera", f"guess {n}", timedelta(0)) is None
        with pytest.raises(ThrottledError):
            guess("vera", PASSWORD, timedelta(0))
        with pytest.raises(ThrottledError):  # from another address too
            guess("vera", PASSWORD, timedelta(0), "192.0.2.2")
        assert guess("adam", PASSWORD, timedelta(0)) is not None
        assert guess("vera", PASSWORD, timedelta(minutes=1)) is not None
        assert guess("vera", "guess", timedelta(minutes=1)) is None  # counted from anew
        assert guess("vera", PASSWORD, timedelta(minutes=1)) is not None

    def test_of_many_names_from_one_address_is_slowed_down(self, with_users: Context) -> None:
        now = with_users.now()
        for n in range(20):
            people.log_in(with_users.store, "", f"name {n}", "x", "192.0.2.1", now)
        with pytest.raises(ThrottledError):
            people.log_in(with_users.store, "", "adam", PASSWORD, "192.0.2.1", now)
        assert people.log_in(with_users.store, "", "adam", PASSWORD, "192.0.2.2", now)

    @pytest.mark.usefixtures("with_users")
    @pytest.mark.parametrize("name", ["vera", "admin"])
    def test_works_in_a_known_browser_while_a_stranger_guesses(
        self, serve: Serve, name: str, ctx: Context
    ) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        known = logged_in(url, name)
        right = {"name": name, "password": PASSWORD}
        # At the name, and from the address that a proxy gives to all: the longest wait is on.
        until = ctx.now() + timedelta(minutes=10)
        for key in (f"name:{name}", "name:adam", "address:127.0.0.1"):
            row = {"key": key, "failures": 40, "expires_at": until, "at": ctx.now()}
            with ctx.store.write() as connection:
                upsert(connection, throttles, [row])
        assert requests.post(f"{url}/login", data=right).status_code == 429
        known.post(f"{url}/logout")
        assert known.post(f"{url}/login", data=right).url == f"{url}/"
        assert requests.post(f"{url}/login", data=right).status_code == 429
        others = {"name": "adam", "password": PASSWORD}
        assert known.post(f"{url}/login", data=others).status_code == 429  # it is not his

    @pytest.mark.usefixtures("with_users")
    def test_in_a_known_browser_is_slowed_down_as_well(self, serve: Serve) -> None:
        url = serve()
        known = logged_in(url, "vera")
        guess = {"name": "vera", "password": "a guess"}
        answers = [known.post(f"{url}/login", data=guess).status_code for _ in range(8)]
        assert answers[:4] == [401] * 4
        assert 429 in answers

    def test_of_a_browser_that_is_not_known_any_more(self, with_users: Context) -> None:
        now, keys = with_users.now(), with_users.keys
        before = people.credential(with_users.store, "", "vera")
        cookie = devices.make(keys, "vera", before, now)
        assert devices.known(keys, cookie, "vera", before, now)
        assert not devices.known(keys, cookie, "adam", before, now)
        assert not devices.known(keys, cookie, "vera", before, now + devices.LIFETIME)
        for forged in ("", "x", cookie[:-1], cookie + "x", "x" * 5000, cookie.swapcase()):
            assert not devices.known(keys, forged, "vera", before, now)
        people.upsert_user(
            with_users.store, "vera", PASSWORD, "viewer", now
        )  # the same one, set anew
        after = people.credential(with_users.store, "", "vera")
        assert not devices.known(keys, cookie, "vera", after, now)
        assert people.remove(with_users.store, "vera")
        gone = people.credential(with_users.store, "", "vera")
        assert not devices.known(keys, cookie, "vera", gone, now)

    @pytest.mark.usefixtures("with_users")
    def test_remembers_a_browser_by_a_cookie_for_us_alone(self, serve: Serve) -> None:
        url = serve(PUBLIC_URL="https://hygiene.example")
        form = {"name": "vera", "password": PASSWORD}
        answer = requests.post(f"{url}/login", data=form, allow_redirects=False)
        (cookie,) = [
            text for text in answer.raw.headers.getlist("Set-Cookie") if "hygiene_device_" in text
        ]
        assert "vera" not in cookie
        for flag in ("HttpOnly", "SameSite=lax", "Secure"):
            assert flag in cookie
        refused = requests.post(f"{url}/login", data={**form, "password": "x"})
        assert "hygiene_device_" not in str(refused.headers)

    def test_over_http_says_when_to_try_again(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        answers = [requests.get(f"{url}/runs", auth=("admin", f"guess {n}")) for n in range(6)]
        assert [a.status_code for a in answers[:2]] == [401, 401]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["Retry-After"]) > 0

    def test_keeps_passwords_hashed(self, with_users: Context) -> None:
        with with_users.store.read() as connection:
            passwords = connection.scalars(sa.select(users.c.password)).all()
        assert all(text.startswith("$argon2id$") for text in passwords)

    def test_hashes_them_at_a_cost_that_makes_guessing_dear(self) -> None:
        """OWASP's least for Argon2id:
        https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html"""
        assert HASHER.type is Type.ID
        assert HASHER.memory_cost >= 19 * 1024  # KiB
        assert HASHER.time_cost >= 2
        text = people.PASSWORD_HASHER.hash("x")
        assert HASHER.check_needs_rehash(text)  # the cheap one of these tests is not it

    def test_checks_one_of_nobody_at_the_same_cost(self) -> None:
        assert not HASHER.check_needs_rehash(DECOY)
        assert extract_parameters(DECOY) == extract_parameters(HASHER.hash("x"))

    @pytest.mark.usefixtures("with_users")
    def test_is_asked_for_once_there_are_people(self, serve: Serve) -> None:
        assert requests.get(f"{serve()}/runs").status_code == 401


class TestRoles:
    @pytest.mark.usefixtures("with_users")
    def test_a_viewer_looks_and_changes_nothing(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        session = logged_in(url, "vera")
        page = session.get(f"{url}/suppressions").text
        assert "Suppress a number" not in page
        csrf = sessions.csrf_of(session.cookies[COOKIE])
        form = {"csrf": csrf, "number": NUMBER, "why": "because"}
        assert session.post(f"{url}/suppressions", data=form).status_code == 403
        assert session.get(f"{url}/suppressions/export").status_code == 403
        assert session.post(f"{url}/access/users", data=form).status_code == 403

    @pytest.mark.usefixtures("with_users")
    def test_an_admin_acts_and_it_is_kept_who_did_what(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        session = logged_in(url, "adam")
        csrf = csrf_in(session.get(f"{url}/suppressions").text)
        form = {"csrf": csrf, "number": "+1 415 555 2671", "why": "by letter"}
        assert session.post(f"{url}/suppressions", data=form).status_code == 200
        entries = audit.entries(ctx.store, who="adam")
        assert [(entry["action"], entry["why"]) for entry in entries] == [
            ("number.suppress", "by letter"), ("login", ""),
        ]  # fmt: skip
        with ctx.store.read() as connection:
            assert "4155552671" not in str(connection.execute(sa.select(audit_log)).all())

    def test_removed_people_are_out_at_once(self, serve: Serve, with_users: Context) -> None:
        url = serve()
        session = logged_in(url, "vera")
        people.remove(with_users.store, "vera")
        assert session.get(f"{url}/runs").url.startswith(f"{url}/login")


class TestForms:
    @pytest.mark.parametrize("csrf", ["", "0" * 40])
    def test_of_another_site_are_refused(self, serve: Serve, csrf: str) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        session = logged_in(url, "admin")
        form = {"csrf": csrf, "number": NUMBER, "why": "because"}
        assert session.post(f"{url}/suppressions", data=form).status_code == 403

    def test_of_another_site_are_refused_where_nobody_has_a_password(
        self, serve: Serve, ctx: Context
    ) -> None:
        url = serve()
        session = by_link(ctx)
        csrf = csrf_in(session.get(f"{url}/suppressions").text)
        form = {"number": NUMBER, "why": "because"}
        assert session.post(f"{url}/suppressions", data=form).status_code == 403
        foreign = {"Sec-Fetch-Site": "cross-site"}
        form["csrf"] = csrf
        refused = session.post(f"{url}/suppressions", data=form, headers=foreign)
        assert refused.status_code == 403
        assert requests.post(f"{url}/suppressions", data=form).status_code == 403  # no cookie
        assert session.post(f"{url}/suppressions", data=form).status_code == 200

    def test_that_are_too_large_are_refused(self, serve: Serve, ctx: Context) -> None:
        big = {"q": "x" * 600_000}
        assert by_link(ctx).post(f"{serve()}/numbers", data=big).status_code == 413


class TestTokens:
    def test_do_what_their_scopes_say_and_no_more(self, serve: Serve, ctx: Context) -> None:
        secret, token = tokens.make(ctx.store, "dialer", ["read"], "adam", ctx.now())
        url, headers = serve(), {"Authorization": f"Bearer {secret}"}
        assert requests.get(f"{url}/api/runs", headers=headers).status_code == 200
        body = {"number": NUMBER}
        refused = requests.post(f"{url}/api/suppressions", json=body, headers=headers)
        assert (refused.status_code, "suppress" in refused.text) == (403, True)
        assert requests.get(f"{url}/api/tokens", headers=headers).status_code == 403
        assert tokens.revoke(ctx.store, token.id, ctx.now())
        assert requests.get(f"{url}/api/runs", headers=headers).status_code == 401

    def test_are_shown_once_and_kept_as_hashes(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        session = by_link(ctx)
        csrf = csrf_in(session.get(f"{url}/access").text)
        form = {"csrf": csrf, "name": "dialer", "scope-read": "on"}
        page = session.post(f"{url}/access/tokens", data=form).text
        match = re.search(r"hyg_[\w-]+", page)
        assert match is not None
        assert match.group() not in session.get(f"{url}/access").text
        with ctx.store.read() as connection:
            assert match.group() not in str(connection.execute(sa.select(api_tokens)).all())
        headers = {"Authorization": f"Bearer {match.group()}"}
        assert requests.get(f"{url}/api/runs", headers=headers).status_code == 200

    def test_make_others_through_the_api(self, serve: Serve) -> None:
        url = serve(ADMIN_TOKEN="secret")
        admin = {"Authorization": "Bearer secret"}
        body = {"name": "sync", "scopes": ["rescan"]}
        created = requests.post(f"{url}/api/tokens", json=body, headers=admin).json()
        mine = {"Authorization": f"Bearer {created['token']}"}
        body = {"connector": "hubspot", "ids": ["1"], "reason": "from a workflow"}
        assert requests.post(f"{url}/api/rescans", json=body, headers=mine).status_code == 202
        entries = requests.get(f"{url}/api/audit", headers=admin).json()["entries"]
        assert entries[0]["who"] == "token sync"
        gone = requests.delete(f"{url}/api/tokens/{created['id']}", headers=admin)
        assert gone.json() == {"revoked": True}
        assert requests.post(f"{url}/api/rescans", json=body, headers=mine).status_code == 401


def test_no_page_or_api_shows_a_secret(serve: Serve) -> None:
    env = {
        "ADMIN_TOKEN": "token-of-admin", "SECRET_KEY": "key-of-all", "ADMIN_PASSWORD": PASSWORD,
        "TWILIO_ACCOUNT_SID": "AC123", "TWILIO_AUTH_TOKEN": "twilio-secret",
        "SMTP_URL": "smtp://kim:mail-secret@127.0.0.1:25",
        "ALERT_WEBHOOK_URL": "https://chat.example/hook/web-secret",
    }  # fmt: skip
    url = serve(**env)
    page = logged_in(url, "admin").get(f"{url}/settings").text
    headers = {"Authorization": "Bearer token-of-admin"}
    text = requests.get(f"{url}/api/settings", headers=headers).text
    for secret in ("token-of-admin", "key-of-all", PASSWORD, "twilio-secret", "mail-secret",
                   "web-secret", "pat-"):  # fmt: skip
        assert secret not in page
        assert secret not in text
    assert "AC123" in page
    assert "sync.<wbr>every" in page
