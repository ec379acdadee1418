"""The HTTP API over real HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Serve, Sync
from vendor_webhooks import receive_twilio_sms

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.segments import counters
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope


class Api:
    def __init__(self, url: str, token: str = "secret") -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.url}/api{path}", json=body, headers=self.headers)


@pytest.fixture
def api(serve: Serve) -> Api:
    return Api(serve(ADMIN_TOKEN="secret"))


class TestAccess:
    def test_is_closed_without_a_token_set(self, serve: Serve) -> None:
        assert Api(serve()).call("GET", "/suppressions").status_code == 403

    def test_takes_the_right_token_alone(self, serve: Serve) -> None:
        url = serve(ADMIN_TOKEN="secret")
        assert Api(url, "guess").call("GET", "/suppressions").status_code == 401
        assert requests.get(f"{url}/api/suppressions").status_code == 401
        assert Api(url).call("GET", "/suppressions").status_code == 200

    def test_is_described_in_an_openapi_document(self, api: Api) -> None:
        paths = requests.get(f"{api.url}/openapi.json").json()["paths"]
        assert {"/api/feedback", "/api/rescans", "/api/suppressions", "/webhooks/twilio/sms",
                "/api/runs/{run_id}", "/api/numbers/lookup"} <= set(paths)  # fmt: skip

    def test_says_what_is_wrong_in_one_shape(self, api: Api) -> None:
        wrong_method = api.call("PUT", "/suppressions")
        assert wrong_method.status_code == 405
        deep = requests.post(
            f"{api.url}/api/scrub", data="[" * 100_000, headers={
                **api.headers, "Content-Type": "application/json"
            },
        )  # fmt: skip
        assert deep.status_code in (400, 422)
        assert {*wrong_method.json(), *deep.json()} == {"error"}


class TestFeedback:
    def test_of_a_no_a_yes_and_a_no_in_one_request_the_last_counts(
        self, api: Api, ctx: Context
    ) -> None:
        """Without keys the two noes look alike."""
        words = [{"kind": kind, "number": NUMBER} for kind in ("opt_out", "opt_in", "opt_out")]
        answer = api.call("POST", "/feedback", words)
        assert answer.status_code in (200, 202)
        assert (answer.json()["stored"], answer.json()["known"]) == (3, 0)
        apply_pending(ctx)
        assert suppressions.list_suppressions(ctx, NUMBER)

    def test_is_stored_once_and_reaches_the_crms(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        body = {"kind": "wrong_number", "number": "+1 (415) 555-2671", "key": "call-7"}
        assert api.call("POST", "/feedback", body).json()["stored"] == 1
        assert api.call("POST", "/feedback", body).json()["stored"] == 0
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(record_id, "wrong_number") is True

    def test_of_one_contact_is_about_that_person(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        first, second = crm.ids()[:2]
        for record_id in (first, second):
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        body = {"kind": "opt_out", "number": NUMBER, "channels": ["call"],
                "contact": {"connector": crm.name, "id": first}}  # fmt: skip
        assert api.call("POST", "/feedback", body).status_code == 202
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(first, "do_not_call") is True
        assert not crm.get(second, "do_not_call")

    def test_without_a_key_counts_once_a_day(self, api: Api) -> None:
        body = {"kind": "opt_out", "number": NUMBER}
        answers = [api.call("POST", "/feedback", body).json()["stored"] for _ in range(3)]
        assert answers == [1, 0, 0]

    @pytest.mark.parametrize("code", ["21610", 21610, "Error 21610", "63014", "63033"])
    def test_of_a_message_to_somebody_who_opted_out_is_an_opt_out(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync, code: Any
    ) -> None:
        """By text; what a STOP by text does to calls is policy, and by default it stops them."""
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        body = {"kind": "undeliverable", "number": NUMBER, "code": code, "key": "message-1"}
        assert api.call("POST", "/feedback", body).json()["stored"] == 1
        assert api.call("POST", "/feedback", body).json()["stored"] == 0, "it counts once"
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(record_id, "do_not_contact") is True
        (suppression,) = suppressions.list_suppressions(ctx, NUMBER)
        assert suppression.reason == "opt_out"

    def test_of_such_a_message_holds_for_whoever_has_the_number(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """A STOP comes from the handset, whichever contact the message was meant for."""
        first, second = crm.ids()[:2]
        for record_id in (first, second):
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        body = {"kind": "undeliverable", "number": NUMBER, "code": "21610",
                "contact": {"connector": crm.name, "id": first}}  # fmt: skip
        assert api.call("POST", "/feedback", body).status_code == 202
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(first, "do_not_contact") is True
        assert crm.get(second, "do_not_contact") is True

    def test_of_such_a_message_counts_when_it_was_kept_for_nothing_before(
        self, api: Api, ctx: Context
    ) -> None:
        from worker.feedback import intake as receive
        from worker.feedback.models import Feedback

        old = Feedback(f"api:message-1:{NUMBER}", "undeliverable", NUMBER, "api", ctx.now())
        receive.store_reports(ctx, [old])
        body = {"kind": "undeliverable", "number": NUMBER, "code": "21610", "key": "message-1"}
        assert api.call("POST", "/feedback", body).json()["stored"] == 1
        apply_pending(ctx)
        assert [
            suppression.reason for suppression in suppressions.list_suppressions(ctx, NUMBER)
        ] == ["opt_out"]

    @pytest.mark.parametrize(
        ("code", "status"),
        [("30005", "unreachable"), ("63024", "valid"), ("30007", "valid"), ("21408", "valid"),
         ("99999", "valid")],
    )  # fmt: skip
    def test_of_another_failed_message_is_read_by_its_code(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync, code: str, status: str
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        body = {"kind": "undeliverable", "number": NUMBER, "code": code}
        assert api.call("POST", "/feedback", body).status_code == 202
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(record_id, f"status/{crm.phone}") == status

    @pytest.mark.parametrize("spelling", ["+١٤١٥٥٥٥٢٦٧١", "＋１４１５５５５２６７１"])
    def test_digits_of_another_script_are_stored_as_ours(
        self, api: Api, ctx: Context, spelling: str
    ) -> None:
        body = {"kind": "opt_out", "number": spelling}
        assert api.call("POST", "/feedback", body).json()["stored"] == 1
        apply_pending(ctx)
        assert len(suppressions.list_suppressions(ctx, NUMBER)) == 1

    def test_takes_many_and_says_which_it_refuses(self, api: Api) -> None:
        good, bad = {"kind": "opt_out", "number": NUMBER}, {"kind": "opt_out", "number": "12"}
        answer = api.call("POST", "/feedback", [good, bad])
        assert answer.status_code == 202
        assert answer.json()["stored"] == 1
        assert answer.json()["refused"] == [
            "1: number: write one number with its country code, like +14155550123"
        ]

    @pytest.mark.parametrize(
        "body",
        [{"kind": "opt_out"}, {"kind": "nonsense", "number": NUMBER}, {"number": NUMBER}, {},
         {"kind": "opt_out", "number": "call me"}, {"kind": "opt_out", "number": NUMBER, "x": 1},
         {"kind": "corrected", "number": NUMBER}, {"kind": "opt_out", "number": NUMBER,
          "at": "2026-01-01T00:00:00"},
         {"kind": "opt_out", "number": NUMBER, "evidence": "a\x00b"},
         {"kind": "opt_out", "number": NUMBER, "evidence": "\ud800"},
         {"kind": "opt_out", "number": NUMBER, "evidence": "x" * 501}],
    )  # fmt: skip
    def test_that_is_wrong_is_refused(self, api: Api, body: Any) -> None:
        refused = api.call("POST", "/feedback", body)
        assert refused.status_code == 422
        assert NUMBER not in refused.text
        assert refused.json()["error"]


class TestSuppressions:
    def test_are_added_listed_and_lifted_with_a_reason(self, api: Api, ctx: Context) -> None:
        added = api.call("POST", "/suppressions", {"number": NUMBER, "evidence": "by letter"})
        assert added.status_code == 201
        assert added.json()["active"] is True
        again = api.call("POST", "/suppressions", {"number": NUMBER})
        assert again.json()["id"] == added.json()["id"]
        listed = api.call("GET", "/suppressions").json()["suppressions"]
        assert [(suppression["number"], suppression["evidence"]) for suppression in listed] == [
            (NUMBER, "by letter")
        ]
        path = f"/suppressions/{added.json()['id']}"
        assert api.call("DELETE", path).status_code == 422
        lifted = api.call("DELETE", path, {"reason": "asked to be called again"}).json()
        assert (lifted["active"], lifted["lifted_by"]) == (False, "api")
        assert api.call("GET", "/suppressions").json()["suppressions"] == []
        assert api.call("DELETE", "/suppressions/99999?reason=whatever").status_code == 404

    def test_take_a_reason_in_words_and_channels_as_they_come(self, api: Api) -> None:
        for channels, meant in (
            ("call", ["call"]),
            (["text"], ["text"]),
            ("all", ["call", "text"]),
        ):
            body = {"number": OTHER, "reason": "asked by letter", "channels": channels}
            added = api.call("POST", "/suppressions", body).json()
            assert (added["reason"], added["evidence"]) == ("opt_out", "asked by letter")
            assert added["channels"] == meant
        odd = {"number": OTHER, "channels": ["pigeon"]}
        assert api.call("POST", "/suppressions", odd).status_code == 422

    def test_come_in_parts(self, api: Api, ctx: Context) -> None:
        imported_lists.import_list(ctx, [f"+1415555{n:04}" for n in range(2000, 2025)], "a list")
        first = api.call("GET", "/suppressions?limit=20").json()
        rest = api.call("GET", f"/suppressions?limit=20&after={first['after']}").json()
        assert len(first["suppressions"]) == 20
        assert len(rest["suppressions"]) == 5
        assert rest["after"] is None

    def test_are_exported_for_other_tools(self, api: Api, ctx: Context) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list", "call")
        lines = api.call("GET", "/suppressions/export?channel=call").text.splitlines()
        assert lines[0] == "number,channels,reason,contact,source,since"
        assert lines[1].startswith(f"{NUMBER},call,list,,a list,")
        assert len(api.call("GET", "/suppressions/export?channel=text").text.splitlines()) == 1


class TestRuns:
    def test_a_rescan_is_opened_and_can_be_followed(self, api: Api, sandbox: Sandbox) -> None:
        record_id = Crm.all(sandbox)["hubspot"].ids()[0]
        answer = api.call("POST", "/rescans", {"connector": "hubspot", "ids": [record_id]})
        assert answer.status_code == 202
        run = api.call("GET", f"/runs/{answer.json()['run']}").json()
        assert (run["connector"], run["scope"]) == ("hubspot", "ids")
        busy = api.call("POST", "/rescans", {"connector": "hubspot"})
        assert busy.status_code == 409
        for odd in ("20200101-none", "%00", "a%00b", "..%2f", "%F0%9F%92%A9"):
            assert api.call("GET", f"/runs/{odd}").status_code == 404

    def test_a_rescan_of_a_scope_that_matches_nothing_says_so(
        self, api: Api, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "salesforce")
        counters.count(ctx)

        def rescan(**scope: Any) -> dict[str, Any]:
            answer = api.call("POST", "/rescans", {"connector": "salesforce", **scope})
            assert answer.status_code == 202
            opened: dict[str, Any] = answer.json()
            lifecycle.fail(ctx, opened["run"], "over")
            return opened

        misspelt = rescan(segment="source=Purchased Lst")
        assert (misspelt["matches"], misspelt["near"]) == (False, ["source=Purchased List"])
        assert misspelt["message"] == (
            "No contact of salesforce that we know is in the scope: source = Purchased Lst. "
            "Did you mean source=Purchased List?"
        )
        assert rescan(numbers=["+442079460018"])["matches"] is False
        right = rescan(segment="source=Purchased List")
        assert (right["matches"], right["message"], right["near"]) == (True, "", [])

    def test_those_whose_records_all_failed_are_listed_as_such(
        self, api: Api, ctx: Context, sync: Sync, sandbox: Sandbox
    ) -> None:
        good = sync(ctx, "salesforce")["run"]
        sandbox.hubspot.faults.append(
            Fault("POST .*batch/update", "status", status=400, times=10_000,
                  body={"status": "error", "category": "VALIDATION_ERROR", "message": "no"})
        )  # fmt: skip
        bad = sync(ctx, "hubspot")["run"]
        assert [run.id for run in lifecycle.recent(ctx, state=lifecycle.FAILING)] == [bad]
        listed = api.call("GET", "/runs?state=all_failed").json()["runs"]
        assert [(run["run"], run["outcome"]) for run in listed] == [(bad, "all_failed")]
        assert not api.call("GET", "/runs?state=failed").json()["runs"]
        done = [run["run"] for run in api.call("GET", "/runs?state=done").json()["runs"]]
        assert good in done

    def test_a_scope_that_cannot_be_meant_is_refused(self, api: Api) -> None:
        for body in ({"connector": "hubspot", "ids": ["1"], "numbers": [NUMBER]},
                     {"connector": "hubspot", "segment": "colour=red"}, {"connector": "other"},
                     {"connector": "hubspot", "older_than": "soon"}):  # fmt: skip
            assert api.call("POST", "/rescans", body).status_code == 422


class TestNumbers:
    def test_are_looked_up_by_any_spelling_and_never_in_the_address(self, api: Api) -> None:
        answer = api.call("POST", "/numbers/lookup", {"number": "(415) 555-2671", "country": "US"})
        assert answer.json()["number"] == NUMBER
        assert api.call("POST", "/numbers/lookup", {"number": "?"}).status_code == 422


class TestReviews:
    def test_are_decided_by_a_person(self, api: Api, ctx: Context) -> None:

        form = {"From": NUMBER, "MessageSid": "SM" + "2" * 32, "Body": "not interested"}
        receive_twilio_sms(ctx, form)
        (waiting,) = api.call("GET", "/reviews").json()["reviews"]
        path = f"/reviews/{waiting['id']}"
        assert api.call("POST", path, {"decision": "opt_out"}).status_code == 200
        assert api.call("POST", path, {"decision": "opt_out"}).status_code == 404
        assert api.call("GET", "/reviews").json() == {"reviews": []}
        apply_pending(ctx)
        assert [
            suppression.reason for suppression in suppressions.list_suppressions(ctx, NUMBER)
        ] == ["opt_out"]


class TestWhatIsDoneToRuns:
    def test_are_listed_paused_resumed_cancelled_and_undone(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        before = crm.snapshot()
        api = Api(serve(ADMIN_TOKEN="secret", working=True))
        done = sync(ctx, crm.name)["run"]
        listed = api.call("GET", f"/runs?connector={crm.name}&state=done").json()["runs"]
        assert [result["run"] for result in listed] == [done]
        undo_id = api.call("POST", f"/runs/{done}/undo", {"reason": "a test"}).json()["run"]
        for _ in range(200):
            if api.call("GET", f"/runs/{undo_id}").json()["state"] == "done":
                break
            time.sleep(0.05)
        assert crm.snapshot() == before
        again = api.call("POST", f"/runs/{done}/undo", {"reason": "a test", "ids": ["nobody"]})
        assert again.status_code == 409
        assert "has written nothing to nobody" in again.text
        only = {"reason": "a test", "ids": ["x"]}
        assert api.call("POST", f"/runs/{done}/pause", only).status_code == 422
        waiting = Api(serve(ADMIN_TOKEN="secret"))  # nobody works there
        opened = waiting.call("POST", "/rescans", {"connector": crm.name}).json()["run"]
        for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            assert waiting.call("POST", f"/runs/{opened}/{action}").status_code == 202
            assert waiting.call("GET", f"/runs/{opened}").json()["state"] == state
        assert waiting.call("POST", f"/runs/{opened}/pause").status_code == 409
        assert waiting.call("POST", "/runs/none/pause").status_code == 404

    def test_give_their_writes_in_parts(self, api: Api, ctx: Context, crm: Crm, sync: Sync) -> None:
        run = sync(ctx, crm.name)
        first = api.call("GET", f"/runs/{run['run']}/writes?limit=10").json()
        assert len(first["writes"]) == 10
        assert first["writes"][0]["after"]
        rest = api.call("GET", f"/runs/{run['run']}/writes?limit=1000&after={first['after']}")
        assert len(rest.json()["writes"]) == run["contacts"]["written"] - 10


class TestSegments:
    def test_are_told_set_apart_and_released(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        segments = api.call("GET", "/segments?by=source").json()["segments"]
        assert segments
        assert segments[0]["low"] <= segments[0]["rate"] <= segments[0]["high"]
        body = {"connector": crm.name, "by": "source", "value": segments[0]["value"],
                "reason": "bought"}  # fmt: skip
        answer = api.call("POST", "/isolations", body)
        assert answer.status_code == 201
        assert api.call("POST", "/isolations", body).status_code == 409
        path = f"/isolations/{answer.json()['id']}"
        assert api.call("DELETE", path).status_code == 422
        assert api.call("DELETE", f"{path}?reason=cleaned").json()["released_why"] == "cleaned"
        assert len(api.call("GET", "/isolations").json()["isolations"]) == 1

    def test_take_the_outcomes_of_campaigns(self, api: Api, ctx: Context) -> None:
        rows = [{"campaign": "Spring", "day": "2026-03-01", "sent": 5, "delivered": 4}]
        assert api.call("POST", "/campaign-outcomes", rows).json() == {"kept": 1}
        assert api.call("POST", "/campaign-outcomes", [{"campaign": "x"}]).status_code == 422

    def test_are_rescanned(self, api: Api, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        body = {"connector": crm.name, "segment": "month=2026-01", "dry_run": True}
        assert api.call("POST", "/rescans", body).status_code == 202
        body["segment"] = "colour=blue"
        assert api.call("POST", "/rescans", body).status_code == 422


class TestTheWhole:
    def test_is_told_in_one_answer(self, api: Api, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        overview = api.call("GET", "/overview").json()
        states = {connector["name"]: connector["state"] for connector in overview["connectors"]}
        assert states[crm.name] == "well"
        assert overview["today"][0]["status"] == "valid"
        assert overview["needs"]["isolated"] == []
        for path in ("/spend", "/settings", "/alerts", "/segments/shared", "/tokens", "/reviews"):
            assert api.call("GET", path).status_code == 200

    def test_tells_the_story_of_numbers_and_records(
        self, api: Api, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
        story = api.call("POST", "/numbers/timeline", {"number": NUMBER}).json()
        kinds = [event["kind"] for event in story["timeline"]]
        assert {"opt_out", "write", "valid"} <= set(kinds)
        assert [event["at"] for event in story["timeline"]] == sorted(
            (event["at"] for event in story["timeline"]), reverse=True
        )
        record = api.call("GET", f"/contacts/{crm.name}/{crm.object}/{record_id}").json()
        assert NUMBER in [row["number"] for row in record["numbers"]]
        assert api.call("GET", f"/contacts/{crm.name}/{crm.object}/none").status_code == 404

    def test_has_metrics_without_personal_data(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        counters.count(ctx)
        text = requests.get(f"{serve()}/metrics").text
        assert f'hygiene_watermark_age_seconds{{connector="{crm.name}"}}' in text
        assert f'hygiene_phone_fields{{connector="{crm.name}",status="valid"}}' in text
        assert "4155552671" not in text


class TestARescanFromAWorkflow:
    def test_names_one_record_and_is_not_lost_to_a_sync_under_way(
        self, api: Api, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        sync(ctx, "hubspot")
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        under_way = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        body = {"connector": "hubspot", "ids": record_id, "reason": "from a workflow"}
        answer = api.call("POST", "/rescans", body)
        assert (answer.status_code, answer.json()["run"], answer.json()["waiting"]) == (
            202,
            None,
            1,
        )
        propagate(ctx, "hubspot")
        assert crm.get(record_id, f"e164/{crm.phone}") == NUMBER
        assert lifecycle.load(ctx, under_way).state == "running"
        assert api.call("POST", "/rescans", {**body, "force": True}).status_code == 409
        assert api.call("POST", "/rescans", {**body, "ids": ["x"]}).status_code == 422


def test_an_export_runs_no_formula(api: Api, ctx: Context) -> None:
    body = {"kind": "opt_out", "number": NUMBER, "source": "=cmd|' /C calc'!A0"}
    assert api.call("POST", "/feedback", body).status_code == 202
    apply_pending(ctx)
    (_, line) = api.call("GET", "/suppressions/export").text.splitlines()
    assert line.startswith(f"{NUMBER},call text,")
    assert "'=cmd" in line
