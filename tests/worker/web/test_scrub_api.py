"""`POST /api/scrub`, and the certificates that it leaves."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from constants import NUMBER, OTHER
from fixture_types import Serve
from reports import store_report

from worker.access import tokens
from worker.context import Context

pytestmark = pytest.mark.usefixtures("noon")


class Api:
    def __init__(self, url: str, token: str = "secret") -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.url}/api{path}", json=body, headers=self.headers)

    def scrub(self, *numbers: Any, **more: Any) -> requests.Response:
        asked = [n if isinstance(n, dict) else {"number": n} for n in numbers]
        return self.call("POST", "/scrub", {"channel": "call", "numbers": asked, **more})


@pytest.fixture
def api(serve: Serve) -> Api:
    return Api(serve(ADMIN_TOKEN="secret"))


class TestAScrub:
    def test_answers_each_number_in_order(self, api: Api, ctx: Context) -> None:
        store_report(ctx, "opt_out")
        answer = api.scrub(
            "+1 415 555 2671", {"number": "(415) 555-2672", "country": "US"}, "nonsense"
        ).json()
        assert [
            (r["number"], r["e164"], r["allow"], r["reason"]) for r in answer["results"]
        ] == [
            ("+1 415 555 2671", NUMBER, False, "opt_out"),
            ("(415) 555-2672", OTHER, True, None),
            ("nonsense", None, False, "unreadable"),
        ]  # fmt: skip
        denied, allowed, _ = answer["results"]
        assert denied["since"] is not None
        assert allowed["valid_until"] is not None
        assert allowed["window"]["open_now"]
        assert allowed["window"]["zone"] == "America/Los_Angeles"

    def test_a_stop_counts_once_it_was_accepted(self, api: Api) -> None:
        assert api.scrub(NUMBER).json()["results"][0]["allow"]
        report = {"kind": "opt_out", "number": NUMBER}
        assert api.call("POST", "/feedback", report).status_code == 202
        assert not api.scrub(NUMBER).json()["results"][0]["allow"]

    def test_takes_a_channel_and_a_contact_for_each_number(self, api: Api, ctx: Context) -> None:
        store_report(ctx, "opt_out", channels="text")
        store_report(ctx, "opt_out", OTHER, contact="hubspot/contacts/7", scope="contact")
        by_call, by_text, by_name, another = api.scrub(
            NUMBER,
            {"number": NUMBER, "channel": "text"},
            {"number": OTHER, "contact": {"connector": "hubspot", "id": "7"}},
            {"number": "+14155552673", "contact": "hubspot:7"},
        ).json()["results"]
        assert by_call["allow"]
        assert by_text["reason"] == by_name["reason"] == "opt_out"
        assert another["channel"] == "call"

    def test_takes_ten_thousand_numbers_and_no_more(self, api: Api) -> None:
        numbers = [f"+1415555{place:04d}" for place in range(10_000)]
        assert len(api.scrub(*numbers).json()["results"]) == 10_000
        refused = api.scrub(*numbers, NUMBER)
        assert refused.status_code == 413
        assert "10,000" in refused.json()["error"]

    @pytest.mark.parametrize(
        "body",
        [
            {"channel": "call", "numbers": []}, {"numbers": [{"number": NUMBER}]},
            {"channel": "fax", "numbers": [{"number": NUMBER}]}, {"channel": "call"},
            {"channel": "call", "numbers": [{"number": NUMBER, "contact": "somebody"}]},
            {"channel": "call", "numbers": [{"number": "1" * 300}]},
            {"channel": "call", "numbers": [{"number": NUMBER, "colour": "red"}]},
        ],
    )  # fmt: skip
    def test_says_what_is_wrong_with_a_request(self, api: Api, body: Any) -> None:
        refused = api.call("POST", "/scrub", body)
        assert refused.status_code == 422
        assert NUMBER not in refused.text

    def test_needs_the_scope(self, api: Api, ctx: Context) -> None:
        for scopes, status in ((["scrub"], 200), (["read"], 200), (["feedback"], 403)):
            token = tokens.make(ctx.store, "dialer", scopes, "an admin", ctx.now())[0]
            assert Api(api.url, token).scrub(NUMBER).status_code == status
            if scopes == ["scrub"]:
                assert Api(api.url, token).call("GET", "/suppressions").status_code == 403

    def test_says_that_a_registry_is_stale(self, serve: Serve) -> None:
        api = Api(serve('[registries.us-dnc]\ncountries = ["US"]\n', ADMIN_TOKEN="secret"))
        answer = api.scrub(NUMBER).json()
        assert answer["results"][0]["reason"] == "stale_registry"
        assert [(r["name"], r["stale"]) for r in answer["registries"]] == [("us-dnc", True)]


class TestACertificate:
    def test_can_be_read_and_checked(self, api: Api, ctx: Context) -> None:
        store_report(ctx, "opt_out")
        certificate = api.scrub(NUMBER, OTHER).json()["certificate"]
        found = api.call("GET", f"/scrubs/{certificate}").json()
        assert found["authentic"]
        assert found["counts"] == {"allowed": 1, "denied": 1, "reasons": {"opt_out": 1}}
        for numbers, same in (((NUMBER, OTHER), True), ((OTHER, NUMBER), False)):
            body = {"channel": "call", "numbers": [{"number": n} for n in numbers]}
            checked = api.call("POST", f"/scrubs/{certificate}/check", body).json()
            assert checked["same_list"] is same
        assert api.call("GET", "/scrubs/scrub_none").status_code == 404

    def test_is_in_the_audit_log(self, api: Api) -> None:
        certificate = api.scrub(NUMBER).json()["certificate"]
        [entry] = [
            e for e in api.call("GET", "/audit").json()["entries"] if e["action"] == "numbers.scrub"
        ]
        assert (entry["target"], entry["why"]) == (certificate, "1 allowed, 0 denied")
