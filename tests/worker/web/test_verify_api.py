"""One number is verified while somebody fills in a form, by a browser or by a server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from captures import ORIGIN, HangingProvider, add_key, ask, serving, settings_for, settled
from clocks import advance_clock
from constants import NUMBER, OTHER, THIRD
from limits import lower_limits
from openapi_document import schema_of
from openapi_schema_validator import OAS31Validator
from processes import until

from config.settings import Settings
from worker.access import tokens
from worker.capture import keys
from worker.context import Context
from worker.ops import retention
from worker.queries import timeline
from worker.store import pause
from worker.store.tables import (
    capture_answers,
    capture_counts,
    lookup_retries,
    spend,
    verifications,
)
from worker.suppression import suppressions
from worker.verification.errors import UnavailableError

PAYING: dict[str, Any] = {"day_budget": Decimal(1), "month_budget": Decimal(2)}


@pytest.fixture
def provider() -> HangingProvider:
    return HangingProvider()


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on how quick the machine is."""
    lower_limits(monkeypatch, capture_answer=0.3, capture_give_up=20.0, capture_counts=0.1)


@pytest.fixture
def make_settings(tmp_path: Path, database_url: str) -> Callable[[str], Settings]:
    return lambda toml: settings_for(tmp_path, database_url, toml)


@pytest.fixture
def served(
    make_settings: Callable[[str], Settings], provider: HangingProvider
) -> Iterator[tuple[str, Context]]:
    with serving(make_settings(""), provider) as running:
        yield running


@pytest.fixture
def url(served: tuple[str, Context]) -> str:
    return served[0]


@pytest.fixture
def ctx(served: tuple[str, Context]) -> Context:
    return served[1]


def by_server(url: str, number: str, token: str = "secret") -> requests.Response:
    return ask(url, token, number, origin="")


def paid(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return int(connection.scalar(sa.select(sa.func.sum(spend.c.money))) or 0)


def rows(ctx: Context, table: sa.Table) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(table)))


class TestAForm:
    def test_gets_the_number_as_it_is_dialled(self, url: str, ctx: Context) -> None:
        answer = ask(url, add_key(ctx).key, "(415) 555-2671 ext. 12")
        assert answer.json() == {
            "status": "valid", "valid": True, "e164": NUMBER, "extension": "12", "line_type": None,
            "country": "US", "checked": "format", "hint": None, "poll": None, "retry_after": None,
        }  # fmt: skip

    def test_is_told_of_a_slip_of_the_finger(self, url: str, ctx: Context) -> None:
        answer = ask(url, add_key(ctx).key, "145 555 2671").json()
        assert (answer["status"], answer["valid"], answer["e164"]) == ("invalid", False, None)
        assert answer["hint"] == {
            "code": "no_such_area_code", "text": "No place has this area code.",
            "suggestion": NUMBER,
        }  # fmt: skip

    def test_without_a_country_is_not_told_that_a_number_is_wrong(
        self, url: str, ctx: Context
    ) -> None:
        answer = ask(url, add_key(ctx).key, "415 555 2671", country="").json()
        assert (answer["status"], answer["poll"]) == ("unknown", None)
        assert answer["hint"]["code"] == "missing_country_code"

    def test_costs_nothing_and_stores_nothing_without_a_budget(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        ask(url, add_key(ctx).key, NUMBER)
        assert provider.calls == 0
        assert rows(ctx, verifications) == []

    def test_gets_what_providers_say_within_its_budget(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        key = add_key(ctx, **PAYING).key
        answer = settled(url, key, NUMBER)
        assert (answer["status"], answer["line_type"], answer["checked"]) == (
            "valid", "mobile", "line_type",
        )  # fmt: skip
        settled(url, key, NUMBER)
        assert (provider.calls, paid(ctx)) == (1, 10_000)  # never paid twice

    def test_is_no_run_on_the_page_of_its_number(self, url: str, ctx: Context) -> None:
        settled(url, add_key(ctx, **PAYING).key, NUMBER)
        events = timeline.number_timeline(ctx, NUMBER)["timeline"]
        [asked] = [event for event in events if event["kind"] == "lookup"]
        assert asked["text"].endswith("while a form was filled in")
        assert not asked["run"]

    @pytest.mark.parametrize("limit", ["key", "captures", "all"])
    def test_never_goes_over_its_budget_or_one_that_this_is_in(
        self, make_settings: Callable[[str], Settings], provider: HangingProvider, limit: str
    ) -> None:
        budgets = {
            "key": "", "captures": "[capture.budget]\nday = 0.02\n",
            "all": "[verification.budget]\nday = 0.02\n",
        }  # fmt: skip
        day = Decimal("0.02")
        with serving(make_settings(budgets[limit]), provider) as (url, ctx):
            shop = add_key(ctx, day_budget=day, month_budget=Decimal(2)).key
            other = add_key(ctx, "other", day_budget=day, month_budget=Decimal(2)).key
            first = [settled(url, shop, f"+1415555267{n}")["checked"] for n in range(3)]
            assert first == ["line_type", "line_type", "format"]
            spent = paid(ctx)
            assert spent == 20_000
            assert settled(url, other, "+14155552680")["checked"] == (
                "line_type" if limit == "key" else "format"
            )
            if limit != "all":  # what forms may spend leaves the rest to the syncs
                assert ctx.settings.verification.budget.day == 50
            assert rows(ctx, lookup_retries) == []  # nobody waits for it any more

    def test_gets_the_plans_answer_while_everything_is_paused(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        pause.begin(ctx.store, ctx.now(), "kim", "")
        answer = ask(url, add_key(ctx, **PAYING).key, NUMBER).json()
        assert (answer["status"], answer["checked"], provider.calls) == ("valid", "format", 0)

    def test_is_not_told_that_a_number_is_wrong_because_a_provider_fails(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        provider.fail = lambda _call: UnavailableError("has a fault")
        answer = settled(url, add_key(ctx, **PAYING).key, NUMBER)
        assert (answer["status"], answer["checked"], answer["hint"]) == ("valid", "format", None)
        assert paid(ctx) == 0
        assert rows(ctx, lookup_retries) == []


class TestASlowProvider:
    def test_holds_no_form_up_and_its_answer_is_asked_for_later(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        key, other = add_key(ctx, **PAYING).key, add_key(ctx, "other").key
        provider.hold()
        answer = ask(url, key, "415 555 2671").json()  # the provider is held all the while
        assert (answer["status"], answer["valid"], answer["e164"]) == ("unknown", None, NUMBER)
        path = answer["poll"]
        assert NUMBER[1:] not in path
        assert "4155552671" not in path

        def poll(shown: str = key, path: str = path) -> requests.Response:
            return ask(url, shown, "", method="GET", path=path)

        assert (poll().json()["status"], poll().json()["poll"]) == ("unknown", path)
        assert poll(other).status_code == 404  # of another form
        assert poll(path=path[:-3] + "xyz").status_code == 404
        provider.release()
        until(lambda: poll().json()["poll"] is None, "the late answer", 10)
        late = poll().json()
        assert (late["status"], late["line_type"], late["checked"]) == (
            "valid", "mobile", "line_type",
        )  # fmt: skip
        assert "e164" not in late
        [stored] = rows(ctx, capture_answers)
        assert NUMBER not in str(stored)
        assert poll().headers["Access-Control-Allow-Origin"] == ORIGIN

    def test_and_the_address_ends_after_some_minutes(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        key = add_key(ctx, **PAYING).key
        provider.hold()
        path = ask(url, key, NUMBER).json()["poll"]
        provider.release()
        until(lambda: bool(rows(ctx, capture_answers)), "the late answer", 10)
        advance_clock(ctx, minutes=11)
        assert ask(url, key, "", method="GET", path=path).status_code == 404
        assert retention.purge_expired(ctx)["captures"] == 1
        assert rows(ctx, capture_answers) == []


class TestWhoGuessesNumbers:
    """A key is public: whoever has it must not learn whom we know, or who said no."""

    def test_gets_the_same_answer_whether_a_number_is_suppressed_known_or_neither(
        self, url: str, ctx: Context
    ) -> None:
        key = add_key(ctx).key
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        by_server(url, OTHER)  # which we know now, from a paid lookup
        answers = [ask(url, key, number).json() for number in (NUMBER, OTHER, THIRD)]
        assert len({str({**answer, "e164": ""}) for answer in answers}) == 1

    def test_waits_as_long_for_a_number_that_we_know(
        self, url: str, ctx: Context, provider: HangingProvider
    ) -> None:
        key = add_key(ctx, **PAYING).key
        settled(url, key, NUMBER)
        begun = time.monotonic()
        ask(url, key, NUMBER)
        assert time.monotonic() - begun >= 0.3
        assert provider.calls == 1

    def test_cannot_use_up_a_budget_to_see_what_is_answered_still(
        self, url: str, ctx: Context
    ) -> None:
        key = add_key(ctx, day_budget=Decimal("0.01"), month_budget=Decimal(1)).key
        assert settled(url, key, NUMBER)["checked"] == "line_type"
        assert [settled(url, key, n)["checked"] for n in (NUMBER, OTHER)] == ["format"] * 2

    @pytest.mark.parametrize("path", ["/api/numbers/lookup", "/api/scrub", "/api/suppressions"])
    def test_can_do_nothing_else_with_a_key(self, url: str, ctx: Context, path: str) -> None:
        key = add_key(ctx).key
        assert ask(url, key, NUMBER, path=path).status_code == 401
        assert ask(url, key, NUMBER, path=path, method="GET").status_code in (401, 405)

    def test_finds_no_number_in_logs(
        self, url: str, ctx: Context, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        key = add_key(ctx, **PAYING).key
        ask(url, key, NUMBER)
        ask(url, key, "x" * 300 + NUMBER)
        assert "4155552671" not in caplog.text


class TestAnOrigin:
    def test_that_is_allowed_is_named_and_no_other(self, url: str, ctx: Context) -> None:
        key = add_key(ctx).key
        allowed = ask(url, key, NUMBER)
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert allowed.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        for origin in ("https://evil.example", "null", "", f"{ORIGIN}.evil.example"):
            refused = ask(url, key, NUMBER, origin=origin)
            assert refused.status_code == 403
            assert "Access-Control-Allow-Origin" not in refused.headers
            assert refused.headers["Vary"] == "Origin"

    def test_is_asked_about_before_a_key_is_sent(self, url: str, ctx: Context) -> None:
        add_key(ctx)

        def preflight(origin: str) -> requests.Response:
            return requests.options(
                f"{url}/api/numbers/verify", timeout=10,
                headers={"Origin": origin, "Access-Control-Request-Method": "POST",
                         "Access-Control-Request-Headers": "authorization,content-type"},
            )  # fmt: skip

        answer = preflight(ORIGIN)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
        assert answer.headers["Vary"].startswith("Origin, ")
        refused = preflight("https://evil.example")
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers

    def test_can_read_why_it_is_refused(self, url: str, ctx: Context) -> None:
        key = add_key(ctx, per_address=1).key
        answers = [
            ask(url, key, "x" * 3000), ask(url, key, NUMBER), ask(url, key + "x", NUMBER),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [413, 429, 401]
        for answer in answers:
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert answer.json()["error"]


class TestARate:
    def test_holds_for_a_visitor_and_for_all(self, url: str, ctx: Context) -> None:
        key = add_key(ctx, per_address=2, per_minute=3).key

        def statuses(visitor: str, times: int) -> list[int]:
            return [
                ask(url, key, NUMBER, **{"X-Forwarded-For": visitor}).status_code
                for _ in range(times)
            ]

        assert statuses("198.51.100.1", 3) == [200, 200, 429]
        assert statuses("198.51.100.2", 2) == [200, 429]
        late = ask(url, key, NUMBER, **{"X-Forwarded-For": "198.51.100.3"})
        assert 0 < int(late.headers["Retry-After"]) <= 60

    def test_is_counted_by_what_was_answered(self, url: str, ctx: Context) -> None:
        key = add_key(ctx, per_address=2)
        for number in (NUMBER, "1", NUMBER):
            ask(url, key.key, number)
        ask(url, key.key, NUMBER, origin="https://evil.example")
        until(lambda: len(rows(ctx, capture_counts)) == 4, "the counts", 20)
        assert keys.described(ctx, key)["today"] == {
            "valid": 1, "invalid": 1, "rate_limited": 1, "wrong_origin": 1,
        }  # fmt: skip
        metrics = requests.get(f"{url}/metrics", timeout=10).text
        assert 'hygiene_capture_answers{key="shop",outcome="wrong_origin"} 1.0' in metrics


class TestAServer:
    def test_asks_with_a_token_that_may_verify(self, url: str, ctx: Context) -> None:
        for scopes, status in ((["verify"], 200), (["read"], 403), (["admin"], 200)):
            secret, _ = tokens.make(ctx.store, "portal", scopes, "kim", ctx.now())
            assert by_server(url, NUMBER, secret).status_code == status
        verify, _ = tokens.make(ctx.store, "portal", ["verify"], "kim", ctx.now())
        assert ask(url, verify, NUMBER, path="/api/numbers/lookup").status_code == 403

    def test_has_a_rate_of_its_own_also_beside_one_of_the_same_name(
        self, make_settings: Callable[[str], Settings], provider: HangingProvider
    ) -> None:
        with serving(make_settings("[capture]\ntoken_per_minute = 2\n"), provider) as (url, ctx):
            first, second = (
                tokens.make(ctx.store, name, ["verify"], "kim", ctx.now())[0]
                for name in ("portal", "portal")
            )
            answers = [by_server(url, NUMBER, first) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert 0 < int(answers[2].headers["Retry-After"]) <= 60
            assert by_server(url, NUMBER, second).status_code == 200

    def test_is_answered_as_soon_as_it_is_known(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, capture_answer=15.0)
        begun = time.monotonic()
        assert by_server(url, NUMBER).json()["line_type"] == "mobile"
        assert time.monotonic() - begun < 12

    def test_polls_for_a_late_answer(self, url: str, provider: HangingProvider) -> None:
        provider.hold()
        threading.Timer(0.5, provider.release).start()
        answer = settled(url, "secret", NUMBER, origin="")
        assert (answer["status"], answer["checked"]) == ("valid", "line_type")

    def test_is_told_to_come_back_where_our_database_takes_too_long(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, capture_give_up=0.0)
        answer = by_server(url, NUMBER)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("{}", "number: "), ('{"number": ""}', "number: "), ("no json", "JSON"),
            ('{"number": "1", "colour": "red"}', "colour: "), ('["1"]', "object"),
        ],
    )  # fmt: skip
    def test_is_told_what_is_wrong_with_a_request(self, url: str, body: str, problem: str) -> None:
        answer = requests.post(
            f"{url}/api/numbers/verify", data=body, timeout=10,
            headers={"Authorization": "Bearer secret"},
        )  # fmt: skip
        assert answer.status_code == 422
        assert problem in answer.json()["error"]


def test_real_answers_are_as_described(url: str, provider: HangingProvider) -> None:
    def check(answer: requests.Response, method: str, path: str, status: int = 200) -> Any:
        assert answer.status_code == status, answer.text
        OAS31Validator(schema_of(method, path, status)).validate(answer.json())
        return answer.json()

    verify, admin = "/api/numbers/verify", {"Authorization": "Bearer secret"}
    check(by_server(url, "145 555 2671"), "post", verify)
    provider.hold()
    waiting = check(by_server(url, NUMBER), "post", verify)
    late = ask(url, "secret", "", method="GET", path=waiting["poll"], origin="")
    check(late, "get", f"{verify}/{{poll_id}}")
    at = f"{url}/api/capture-keys"
    body = {"name": "shop", "origins": [ORIGIN], "day_budget": 1, "month_budget": "2.50"}
    made = requests.post(at, json=body, headers=admin, timeout=10)
    key = check(made, "post", "/api/capture-keys", 201)
    assert (key["month_budget"], key["per_minute"]) == (2.5, 120)
    check(requests.get(at, headers=admin, timeout=10), "get", "/api/capture-keys")
    one = "/api/capture-keys/{name}"
    changed = requests.patch(f"{at}/shop", json={"per_minute": 5}, headers=admin, timeout=10)
    assert check(changed, "patch", one)["per_minute"] == 5
    for action, state in (("pause", "paused"), ("resume", "active"), ("rotate", "active")):
        done = requests.post(f"{at}/shop/{action}", headers=admin, timeout=10)
        assert check(done, "post", f"{one}/{action}")["state"] == state
    shown = check(requests.get(f"{at}/shop", headers=admin, timeout=10), "get", one)
    assert shown["key"] != key["key"]
    assert shown["former_key_until"]
    check(requests.delete(f"{at}/shop", headers=admin, timeout=10), "delete", one)
    assert requests.get(f"{at}/shop", headers=admin, timeout=10).status_code == 404
    wrong = requests.post(at, json=body | {"origins": ["http://x.example"]}, headers=admin)
    assert (wrong.status_code, "not https" in wrong.json()["error"]) == (422, True)
