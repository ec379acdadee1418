"""Endpoints of events and the feed of changes, by the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from constants import NUMBER
from event_receivers import Receiver, receiving
from fixture_types import Serve

from worker.context import Context
from worker.events import delivery

LOOPBACK = '[events]\nallow_addresses = ["127.0.0.0/8"]\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(LOOPBACK)


class Api:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = requests.request(
            method, f"{self.url}/api{path}", json=body, timeout=10,
            headers={"Authorization": "Bearer secret"},
        )  # fmt: skip
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def api(serve: Serve, ctx: Context) -> Api:
    assert ctx.settings.events.allow_addresses
    return Api(serve(LOOPBACK, ADMIN_TOKEN="secret"))


def add(api: Api, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    body = {"name": "dialer", "url": receiver.url, **fields}
    added: dict[str, Any] = api.ask("POST", "/endpoints", body, 201)
    receiver.secrets.append(added["secret"])
    return added


def test_the_secret_is_shown_once(api: Api, receiver: Receiver) -> None:
    added = add(api, receiver)
    assert added["secret"].startswith("whsec_")
    assert added["number_key"] is None
    for shown in (api.ask("GET", "/endpoints"), api.ask("GET", "/endpoints/dialer")):
        assert added["secret"] not in str(shown)
        assert "secret'" not in str(shown)


def test_an_address_by_http_that_has_none_is_refused_and_one_by_https_is_a_warning(
    api: Api,
) -> None:
    body = {"name": "dialer", "url": "http://dialer.invalid/"}
    assert "has no address" in str(api.ask("POST", "/endpoints", body, 422))
    added = api.ask("POST", "/endpoints", {**body, "url": "https://dialer.invalid/"}, 201)
    assert "has no address" in added["error"]
    api.ask("PATCH", "/endpoints/dialer", {"url": "http://10.1.2.3/"}, 422)


def test_a_suppression_by_the_api_reaches_the_endpoint(
    api: Api, ctx: Context, receiver: Receiver
) -> None:
    add(api, receiver, events=["number.suppressed", "number.lifted"])
    added = api.ask("POST", "/suppressions", {"number": NUMBER}, 201)
    api.ask("DELETE", f"/suppressions/{added['id']}?reason=a mistake")
    delivery.deliver(ctx, seconds=5)
    assert receiver.types == ["number.suppressed", "number.lifted"]
    logged = api.ask("GET", "/endpoints/dialer/deliveries")["deliveries"]
    assert [(entry["type"], entry["state"], entry["status"]) for entry in logged] == [
        ("number.lifted", "delivered", 204), ("number.suppressed", "delivered", 204),
    ]  # fmt: skip


def test_the_feed_goes_on_from_the_list(api: Api) -> None:
    api.ask("POST", "/suppressions", {"number": NUMBER}, 201)
    listed = api.ask("GET", "/suppressions")
    assert [entry["number"] for entry in listed["suppressions"]] == [NUMBER]
    api.ask("POST", "/suppressions", {"number": "+14155552672"}, 201)
    part = api.ask("GET", f"/suppressions/changes?since={listed['cursor']}&limit=1")
    [change] = part["changes"]
    assert (change["type"], change["number"], change["channels"], change["reason"]) == (
        "number.suppressed", "+14155552672", ["call", "text"], "opt_out",
    )  # fmt: skip
    assert change["cursor"] == part["next"]
    assert api.ask("GET", f"/suppressions/changes?since={part['next']}") == {
        "changes": [], "next": part["next"],
    }  # fmt: skip
    api.ask("GET", "/suppressions/changes?since=junk", status=422)
    api.ask("GET", "/suppressions/changes?limit=0", status=422)


def test_a_test_event_a_retry_and_a_replay(api: Api, ctx: Context, receiver: Receiver) -> None:
    add(api, receiver)
    sent = api.ask("POST", "/endpoints/dialer/test", status=202)
    delivery.deliver(ctx, seconds=5)
    assert receiver.types == ["endpoint.test"]
    api.ask("POST", f"/endpoints/deliveries/{sent['id']}/retry", status=202)
    delivery.deliver(ctx, seconds=5)
    assert receiver.types == ["endpoint.test"] * 2
    assert receiver.ids[0] == receiver.ids[1]
    api.ask("POST", "/suppressions", {"number": NUMBER}, 201)
    replayed = api.ask("POST", "/endpoints/dialer/replay", {"since": "2026-01-01T00:00:00Z"}, 202)
    assert replayed == {"events": 1}


def test_a_backfill_is_for_systems(api: Api, receiver: Receiver) -> None:
    add(api, receiver)
    assert "webhook" in api.ask("POST", "/endpoints/dialer/backfill", status=422)["error"]


def test_it_is_paused_resumed_changed_and_removed(api: Api, receiver: Receiver) -> None:
    add(api, receiver)
    assert api.ask("POST", "/endpoints/dialer/pause")["state"] == "paused"
    assert api.ask("POST", "/endpoints/dialer/resume")["state"] == "active"
    changed = api.ask("PATCH", "/endpoints/dialer", {"events": ["number.wrong"]})
    assert changed["events"] == ["number.wrong"]
    assert changed["url"] == receiver.url
    api.ask("DELETE", "/endpoints/dialer")
    assert api.ask("GET", "/endpoints") == {"endpoints": []}
    api.ask("GET", "/endpoints/dialer", status=404)


def test_a_new_secret_counts_beside_the_former_one(api: Api, receiver: Receiver) -> None:
    added = add(api, receiver)
    rotated = api.ask("POST", "/endpoints/dialer/secret", {"keep_hours": 1}, 201)
    assert rotated["secret"] != added["secret"]
    assert rotated["former_secret_until"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "dialer", "url": "ftp://x.example/"},
        {"name": "dialer", "url": "no address"},
        {"name": "dialer", "url": "https://kim:pw@x.example/"},
        {"name": "Big Name!", "url": "https://x.example/"},
        {"name": "dialer", "url": "https://x.example/", "events": ["number.sold"]},
        {"name": "dialer", "url": "https://x.example/", "colour": "red"},
    ],
)
def test_what_is_no_endpoint_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.ask("POST", "/endpoints", body, 422)["error"]
    assert api.ask("GET", "/endpoints") == {"endpoints": []}


def test_it_is_found_by_its_id_and_needs_no_name(api: Api) -> None:
    added = api.ask("POST", "/endpoints", {"url": "https://dialer.example/hooks"}, 201)
    assert added["name"] == "dialer-example"
    assert api.ask("GET", f"/endpoints/{added['id']}")["name"] == "dialer-example"
    api.ask("GET", "/endpoints/4711", status=404)


def test_a_name_is_given_once(api: Api, receiver: Receiver) -> None:
    add(api, receiver)
    again = api.ask("POST", "/endpoints", {"name": "dialer", "url": receiver.url}, 422)
    assert "already" in again["error"]


def test_a_system_cannot_be_added_without_its_credentials(api: Api) -> None:
    body = {"name": "k", "kind": "klaviyo"}
    assert "KLAVIYO_API_KEY: missing" in str(api.ask("POST", "/endpoints", body, status=422))
    assert "no 'nobody'" in str(
        api.ask("POST", "/endpoints", {"name": "k", "kind": "nobody"}, status=422)
    )
    with_url = body | {"url": "https://a.example"}
    assert "for webhooks" in str(api.ask("POST", "/endpoints", with_url, status=422))
