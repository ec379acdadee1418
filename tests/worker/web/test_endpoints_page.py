"""Endpoints of events on their pages: added, tried, paused, watched, removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
import sqlalchemy as sa
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of, toast_of
from clocks import advance_clock
from constants import NUMBER
from event_receivers import Receiver, receiving
from fixture_types import Serve
from logins import by_link

from worker.access import users
from worker.alerts import rules
from worker.context import Context
from worker.events import delivery, delivery_log
from worker.events import endpoints as directory
from worker.events.endpoints import Endpoint
from worker.queries import timeline
from worker.store.tables import audit_log, endpoints
from worker.suppression import erasure, suppressions
from worker.web.encrypted_numbers import encrypt_number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOOPBACK = '[events]\nallow_addresses = ["127.0.0.0/8"]\n'
FROM_SETTINGS = (
    f'{LOOPBACK}[events.endpoints.bulk]\nurl = "https://bulk.example.com/"\nhash_numbers = true\n'
)
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(LOOPBACK)


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened:
        yield opened


class Admin:
    """Somebody at the pages, who sends forms."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session, self.url = session, url

    def get(self, path: str, status: int = 200) -> str:
        answer = self.session.get(self.url + path, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, status: int = 200, **form: str) -> requests.Response:
        match = re.search(r'name="csrf" value="([^"]+)"', self.get("/access"))
        assert match is not None
        answer = self.session.post(
            self.url + path, data={"csrf": match.group(1), **form}, timeout=10
        )
        assert answer.status_code == status, answer.text
        return answer

    def add(self, url: str, name: str = "dialer", **form: str) -> requests.Response:
        chosen = form or {"event-number.suppressed": "on", "event-number.lifted": "on"}
        return self.post("/endpoints", name=name, url=url, **chosen)


@pytest.fixture
def admin(serve: Serve, ctx: Context) -> Admin:
    return Admin(by_link(ctx), serve(LOOPBACK))


def added(ctx: Context, receiver: Receiver, name: str = "dialer") -> Endpoint:
    endpoint, shown = directory.add(ctx, name, receiver.url, (), False, "kim")
    receiver.secrets.append(shown.secret)
    receiver.follow(ctx)
    return endpoint


def noted(ctx: Context) -> list[tuple[str, str]]:
    c = audit_log.c
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(c.action, c.target).order_by(c.id))
        return [(row.action, row.target) for row in rows]


class TestAdding:
    def test_shows_the_secret_once_and_nowhere_else(
        self, admin: Admin, ctx: Context, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert "No endpoints yet" in admin.get("/endpoints")
        answer = admin.add(receiver.url)
        [secret] = SECRET.findall(answer.text)
        assert answer.url == f"{admin.url}/endpoints"  # not led on: no address holds it
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Send a test event" in answer.text
        for path in ("/endpoints", "/endpoints/dialer", "/audit", "/settings"):
            assert secret not in admin.get(path)
        assert secret not in caplog.text
        assert noted(ctx) == [("endpoint.add", "dialer")]
        endpoint = directory.find(ctx, "dialer")
        assert endpoint.types == ("number.suppressed", "number.lifted")
        assert not endpoint.hashes_numbers
        with ctx.store.read() as connection:
            sealed = connection.scalar(sa.select(endpoints.c.secret))
        assert secret not in str(sealed)

    def test_shows_the_key_of_hashed_numbers_too(self, admin: Admin, receiver: Receiver) -> None:
        form = {"event-number.wrong": "on", "hash_numbers": "on"}
        text = admin.add(receiver.url, **form).text
        assert re.search(r"Number key</dt><dd><code class=\"secret\">[0-9a-f]{64}<", text)
        assert "as a keyed hash" in admin.get("/endpoints/dialer")

    @pytest.mark.parametrize(
        ("form", "problem"),
        [
            ({"name": "Big Name!"}, "name: use a-z"),
            ({"url": "ftp://x.example/"}, "url: not an address"),
            ({"url": "https://kim:pw@x.example/"}, "url: it holds a password"),
            ({"url": "http://typed.invalid/"}, "url: typed.invalid has no address"),
            ({"url": "https://10.1.2.3/"}, "not on the public internet"),
            ({"event-number.wrong": ""}, "events: choose at least one"),
            ({"name": "taken"}, "choose another name"),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_typed(
        self, admin: Admin, ctx: Context, form: dict[str, str], problem: str
    ) -> None:
        directory.add(ctx, "taken", "https://x.example/", (), False, "kim")
        good = {"name": "dialer", "url": "https://typed.example/", "event-number.wrong": "on"}
        text = admin.post("/endpoints", 422, **(good | form)).text
        assert problem in text
        assert f'value="{(good | form)["name"]}"' in text
        assert "_Entered" not in text
        assert [endpoint.name for endpoint in directory.all_endpoints(ctx)] == ["taken"]

    def test_of_a_name_without_an_address_warns_beside_the_secret(self, admin: Admin) -> None:
        text = admin.add("https://dialer.invalid/").text
        assert SECRET.search(text)
        assert "its name has no address" in text
        assert "its name has no address" in admin.get("/endpoints/dialer").lower()


class TestWhoMayOnlyLook:
    def test_sees_endpoints_and_changes_none(
        self, serve: Serve, ctx: Context, receiver: Receiver
    ) -> None:
        users.upsert_user(ctx.store, "vera", "a long passphrase", "viewer", ctx.now())
        added(ctx, receiver)
        viewer = Admin(requests.Session(), serve(LOOPBACK))
        viewer.session.auth = ("vera", "a long passphrase")
        listed = viewer.get("/endpoints")
        assert "dialer" in listed
        assert "Add an endpoint" not in listed
        assert '<form method="post" action="/endpoints' not in viewer.get("/endpoints/dialer")
        for what in ("", "/dialer/pause", "/dialer/rotate", "/dialer/remove", "/dialer/test"):
            answer = viewer.session.post(f"{viewer.url}/endpoints{what}", timeout=10)
            assert answer.status_code == 403
        assert directory.find(ctx, "dialer").state == "active"


def test_a_form_of_another_site_changes_nothing(
    admin: Admin, ctx: Context, receiver: Receiver
) -> None:
    added(ctx, receiver)
    for what in ("pause", "rotate", "remove", "test", "replay", "change", "key"):
        answer = admin.session.post(
            f"{admin.url}/endpoints/dialer/{what}", data={"csrf": "guessed"}, timeout=10
        )
        assert answer.status_code == 403, what
    assert directory.find(ctx, "dialer").state == "active"


class TestItsPage:
    def test_pauses_resumes_changes_and_removes(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        admin.post("/endpoints/dialer/pause")
        assert directory.find(ctx, "dialer").state == "paused"
        assert "Send a test event</button>" not in admin.get("/endpoints/dialer")
        admin.post("/endpoints/dialer/resume")
        assert directory.find(ctx, "dialer").state == "active"
        form = {"url": "https://new.example/", "event-number.wrong": "on"}
        admin.post("/endpoints/dialer/change", **form)
        changed = directory.find(ctx, "dialer")
        assert (changed.url, changed.types) == ("https://new.example/", ("number.wrong",))
        refused = admin.post("/endpoints/dialer/change", 422, **(form | {"url": "ftp://no"}))
        assert "not an address" in refused.text
        admin.post("/endpoints/dialer/remove")
        assert directory.all_endpoints(ctx) == []
        assert [action for action, _target in noted(ctx)] == [
            "endpoint.pause", "endpoint.resume", "endpoint.change", "endpoint.remove",
        ]  # fmt: skip
        admin.get("/endpoints/dialer", 404)

    def test_rotates_the_secret_and_says_until_when_the_former_counts(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        text = admin.post("/endpoints/dialer/rotate", keep="48").text
        [secret] = SECRET.findall(text)
        until = directory.find(ctx, "dialer").former_until
        assert until is not None
        assert abs(until - ctx.now() - timedelta(hours=48)) < timedelta(minutes=5)
        assert f'datetime="{until.isoformat()}"' in text
        assert secret not in admin.get("/endpoints/dialer")
        again = {"keep": "0", "former": until.isoformat()}
        assert "signs nothing any more" in admin.post("/endpoints/dialer/rotate", **again).text
        admin.post("/endpoints/dialer/rotate", 422, keep="9999999999")

    def test_rotates_once_however_often_the_form_is_sent(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        """Else the secret that the endpoint has is neither the new one nor the former one."""
        added(ctx, receiver)
        admin.post("/endpoints/dialer/rotate", keep="24")
        assert "reload" in admin.post("/endpoints/dialer/rotate", 409, keep="24").text
        delivery_log.enqueue_test(ctx, "dialer")
        delivery.deliver(ctx, seconds=5)
        assert receiver.types == ["endpoint.test"]

    def test_replays_since_a_time_and_says_how_many(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        delivery.deliver(ctx, seconds=5)
        text = admin.post("/endpoints/dialer/replay", since="2026-01-01T00:00").text
        assert "1 event is being sent again" in text
        delivery.deliver(ctx, seconds=5)
        assert receiver.types == ["number.suppressed"] * 2
        assert "no events since" in admin.post(
            "/endpoints/dialer/replay", since="2100-01-01T00:00"
        ).text  # fmt: skip
        admin.post("/endpoints/dialer/replay", 422, since="yesterday")

    def test_lists_what_was_sent_and_retries_it(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        receiver.status = 500
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        delivery.deliver(ctx, seconds=5)
        text = admin.get("/endpoints/dialer")
        assert ">failing<" in text
        assert "It answered with status 500 (an error on its side" in text
        [ref] = re.findall(r'<a href="/numbers/([^"]+)">', text)
        assert NUMBER[1:] not in ref
        assert NUMBER in admin.get(f"/numbers/{ref}")
        receiver.status = 204
        assert "Retry all" in text
        [logged] = delivery_log.list_deliveries(ctx, "dialer")
        answer = admin.post(f"/endpoints/dialer/deliveries/{logged.id}/retry")
        assert f"watch={logged.id}" in answer.url
        assert "is being sent" in answer.text
        delivery.deliver(ctx, seconds=5)
        assert "status 204" in admin.get(f"/endpoints/dialer?watch={logged.id}")
        assert "Retry all" not in admin.get("/endpoints/dialer")
        assert "Nothing is parked" in admin.get("/endpoints/dialer?state=parked")
        assert ref not in admin.get("/endpoints/dialer?state=pending")

    def test_reads_on_within_a_state(self, admin: Admin, ctx: Context, receiver: Receiver) -> None:
        added(ctx, receiver)
        for place in range(60):
            suppressions.add(ctx, f"+1415555{place + 2000}", "opt_out", "", "by letter", "kim")
        text = admin.get("/endpoints/dialer?state=pending")
        assert text.count('/retry"') == 50
        [following] = re.findall(r'href="([^"]+before=\d+)"', text)
        rest = admin.get(following.replace("&amp;", "&"))
        assert rest.count('/retry"') == 10
        assert "First page" in rest

    def test_names_no_erased_number(self, admin: Admin, ctx: Context, receiver: Receiver) -> None:
        added(ctx, receiver)
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        erasure.erase_number(ctx, NUMBER, "kim")
        delivery.deliver(ctx, seconds=5)
        text = admin.get("/endpoints/dialer")
        assert text.count(">erased<") == 2
        assert "erased:" not in text

    @pytest.mark.parametrize(
        "path", ["nobody", "nobody%00", "%F0%9F%92%A5", "dialer/deliveries/99",
                 f"dialer/deliveries/{2**63}", "dialer?watch=99"],
    )  # fmt: skip
    def test_of_what_there_is_not_says_so(
        self, admin: Admin, ctx: Context, receiver: Receiver, path: str
    ) -> None:
        added(ctx, receiver)
        assert "There is no such" in admin.get(f"/endpoints/{path}", 404)

    def test_shows_no_delivery_of_another_endpoint(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        added(ctx, receiver, "other")
        delivery_id = delivery_log.enqueue_test(ctx, "other")
        admin.get(f"/endpoints/dialer/deliveries/{delivery_id}", 404)
        admin.post(f"/endpoints/dialer/deliveries/{delivery_id}/retry", 404)


class TestWaitingForAnAnswer:
    def test_ends_when_the_endpoint_fails_on_an_earlier_event(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        receiver.status = 500
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        delivery.deliver(ctx, seconds=5)
        advance_clock(ctx, minutes=1)
        admin.post("/endpoints/dialer/test")
        delivery.deliver(ctx, seconds=5)
        [test] = [e for e in delivery_log.list_deliveries(ctx, "dialer") if "test" in e.type]
        text = admin.get(f"/endpoints/dialer/deliveries/{test.id}")
        assert "fails on an earlier one" in text
        assert "hx-get" not in text

    def test_ends_after_two_minutes_without_a_worker(
        self, admin: Admin, ctx: Context, receiver: Receiver
    ) -> None:
        added(ctx, receiver)
        delivery_id = delivery_log.enqueue_test(ctx, "dialer")
        path = f"/endpoints/dialer/deliveries/{delivery_id}"
        assert f"{path}?look=1" in admin.get(path)
        late = admin.get(f"{path}?look=119")
        assert "Check whether a worker is running" in late
        assert "hx-get" not in late

    def test_ends_when_it_is_paused(self, admin: Admin, ctx: Context, receiver: Receiver) -> None:
        added(ctx, receiver)
        delivery_id = delivery_log.enqueue_test(ctx, "dialer")
        directory.pause(ctx, "dialer")
        text = admin.get(f"/endpoints/dialer/deliveries/{delivery_id}")
        assert "waits: dialer is paused" in text
        assert "hx-get" not in text


class TestAnEndpointOfTheSettings:
    @pytest.fixture
    def of_settings(self, make_context: Callable[..., Context], serve: Serve) -> Admin:
        secret = "whsec_" + "c2VjcmV0" * 5
        env = {"EVENT_ENDPOINT_BULK_SECRET": secret}
        ctx = make_context(FROM_SETTINGS, **env)
        directory.apply_settings(ctx)
        return Admin(by_link(ctx), serve(FROM_SETTINGS, **env))

    def test_is_changed_where_it_stands(self, of_settings: Admin) -> None:
        text = of_settings.get("/endpoints/bulk")
        assert "[events.endpoints.bulk]" in text
        assert "EVENT_ENDPOINT_BULK_SECRET" in text
        for what in ("change", "rotate", "remove"):
            assert f"/endpoints/bulk/{what}" not in text
        refused = of_settings.post("/endpoints/bulk/rotate", 422, keep="24").text
        assert "is managed in the settings" in refused
        of_settings.post("/endpoints/bulk/remove", 422)

    def test_shows_the_key_of_its_numbers_to_an_admin(self, of_settings: Admin) -> None:
        assert "Show the number key" in of_settings.get("/endpoints/bulk")
        text = of_settings.post("/endpoints/bulk/key").text
        assert re.search(r"<code class=\"secret\">[0-9a-f]{64}<", text)


def test_an_alert_leads_to_the_page(admin: Admin, ctx: Context, receiver: Receiver) -> None:
    added(ctx, receiver)
    with ctx.store.write() as connection:
        connection.execute(sa.update(endpoints).values(state="off"))
    [alert] = [alert for alert in rules.current(ctx) if alert.kind == "endpoint"]
    assert "no longer accepts events" in admin.get(alert.path)
    assert '/test"' not in admin.get(alert.path)


def test_the_page_of_a_number_says_what_endpoints_were_sent(
    admin: Admin, ctx: Context, receiver: Receiver
) -> None:
    added(ctx, receiver)
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
    path = f"/numbers/{encrypt_number(ctx.keys, NUMBER)}"
    assert "not sent yet" in admin.get(path)
    delivery.deliver(ctx, seconds=5)
    for part in (path, f"{path}/evidence"):
        text = admin.get(part)
        assert "Sent to endpoints" in text
        assert 'href="/endpoints/dialer"' in text
        assert "Status 204" in text


def test_the_page_of_a_number_waits_until_an_endpoint_was_sent_its_event(
    ctx: Context, receiver: Receiver
) -> None:
    def waits() -> bool:
        told_crms = {**timeline.number_timeline(ctx, NUMBER), "reports": []}
        return timeline.awaits_confirmation(ctx, told_crms)

    added(ctx, receiver)
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
    assert waits()
    receiver.status = 500
    delivery.deliver(ctx, seconds=5)
    assert not waits()  # it fails: a page would wait for long


def test_an_endpoint_is_added_tried_and_paused(
    page: Page, serve: Serve, ctx: Context, receiver: Receiver
) -> None:
    url = serve(LOOPBACK, working=True)
    page.goto(f"{url}/endpoints")
    assert_well_made(page, "endpoints-none")
    page.get_by_role("button", name="Add an endpoint…").click()
    panel = page.locator("dialog[open]")
    assert_well_made(page, "endpoints-add")
    panel.get_by_label("Name").fill("dialer")
    panel.get_by_label("Address").fill(receiver.url)
    panel.get_by_label("number.confirmed").uncheck()
    panel.get_by_role("button", name="Add", exact=True).click()
    assert "dialer was added" in text_of(page)
    receiver.secrets.append(page.locator("code.secret").inner_text())
    assert_well_made(page, "endpoints-secret")
    page.get_by_role("button", name="Send a test event").click()
    page.get_by_text("dialer answered with status 204").wait_for()  # without a reload
    assert receiver.types == ["endpoint.test"]
    page.locator("#log .pill.delivered").wait_for()
    assert page.locator("#watched").get_attribute("hx-get") is None
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
    receiver.status = 500
    page.get_by_role("button", name="Send a test event").click()
    page.get_by_text("it answered with status 500").first.wait_for()
    page.get_by_role("button", name="Retry all").wait_for()
    assert_well_made(page, "endpoint-failing")
    page.get_by_role("button", name="Pause").click()
    page.locator("#health .pill.paused").wait_for()
    assert toast_of(page).startswith("The endpoint is paused")
    assert_well_made(page, "endpoint-paused")
    page.get_by_role("button", name="Remove…").click()
    assert_well_made(page, "endpoint-remove")
    page.locator("dialog[open]").get_by_role("button", name="Remove").click()
    assert "No endpoints yet" in text_of(page)
    assert directory.all_endpoints(ctx) == []


def test_a_system_has_no_address_and_no_secret_to_be_changed(
    admin: Admin, ctx: Context, make_context: Callable[..., Context]
) -> None:
    url = ctx.settings.database_url
    with_key = make_context(KLAVIYO_API_KEY="pk_0123456789abcdef", DATABASE_URL=url)
    directory.add_system(with_key, "k", "klaviyo", "kim")
    assert "the list of klaviyo" in admin.get("/endpoints")
    page = admin.get("/endpoints/k")
    assert "the list of klaviyo" in page
    assert "Remove k" in page
    assert "New secret" not in page
    assert "/endpoints/k/change" not in page
    assert "never" in page
    assert "0 of 0 suppressions" in admin.post("/endpoints/k/backfill").text
