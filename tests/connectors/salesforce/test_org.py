"""Salesforce as an org behaves: owners, limits, errors, logins, triggers. Each over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constants import NUMBER
from fixture_types import Sync
from limits import lower_limits

from config.settings import SettingsError, load
from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError
from connectors.protocol import Connector
from connectors.records import Update
from connectors.salesforce.errors import problem_of
from sandbox.run import Sandbox
from sandbox.salesforce.automation import RULE_OWNER
from sandbox.service import Fault


@pytest.fixture
def open_connector(open_salesforce: Callable[..., Connector]) -> Callable[..., Connector]:
    return open_salesforce


def ids_of(sandbox: Sandbox, name: str = "Contact") -> list[str]:
    return [r["Id"] for r in sandbox.salesforce.org.tables[name].after_id(None)]


def status(record_id: str, value: str = "valid", name: str = "Contact") -> Update:
    return Update(name, record_id, {"status/Phone": value})


def current_record(sandbox: Sandbox, record_id: str, name: str = "Contact") -> dict[str, Any]:
    return sandbox.salesforce.org.tables[name].get(record_id) or {}


class TestOwners:
    """Active assignment rules run on updates by REST, unless the call says otherwise."""

    def owners(self, sandbox: Sandbox) -> dict[str, str]:
        tables = sandbox.salesforce.org.tables
        return {
            r["Id"]: r["OwnerId"] for n in ("Contact", "Lead") for r in tables[n].after_id(None)
        }

    @pytest.mark.parametrize("bulk_from", [0, 1])
    def test_a_sync_and_its_undo_leave_every_owner_as_it_was(
        self, make_context: Callable[..., Any], sync: Sync, sandbox: Sandbox, bulk_from: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        from worker.sync.undo.undo import undo

        lower_limits(monkeypatch, salesforce_job_writes=2)
        before = self.owners(sandbox)
        ctx = make_context(f"[connectors.salesforce]\nbulk_from = {bulk_from}\n")
        result = sync(ctx, "salesforce")
        assert result["contacts"]["written"] > 40
        assert self.owners(sandbox) == before
        assert undo(ctx, result["run"]).restored > 40
        assert self.owners(sandbox) == before

    def test_the_org_would_move_a_lead_without_the_header(self, sandbox: Sandbox) -> None:
        import requests

        lead = ids_of(sandbox, "Lead")[0]
        record = {"attributes": {"type": "Lead"}, "id": lead, "Phone_Status__c": "valid"}
        url = f"{sandbox.salesforce_url}/services/data/v62.0/composite/sobjects"
        token = {"Authorization": "Bearer sandbox-session-token"}
        body = {"allOrNone": False, "records": [record]}
        requests.patch(url, headers={**token, "Sforce-Auto-Assign": "false"}, json=body)
        assert current_record(sandbox, lead, "Lead")["OwnerId"] != RULE_OWNER
        requests.patch(url, headers=token, json=body)
        assert current_record(sandbox, lead, "Lead")["OwnerId"] == RULE_OWNER

    def test_every_call_that_writes_says_it_whatever_the_object(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        sent: list[tuple[str, str]] = []
        middleware = sandbox.salesforce._answered

        async def watched(request: Any, handler: Any) -> Any:
            sent.append((request.method, request.headers.get("Sforce-Auto-Assign", "")))
            return await middleware(request, handler)

        monkeypatch.setattr(sandbox.salesforce, "_answered", watched)
        connector = open_connector()
        connector.write(
            [status(ids_of(sandbox)[0]), status(ids_of(sandbox, "Lead")[0], name="Lead")]
        )
        list(connector.provision())
        writing = [
            header for method, header in sent[1:] if method in ("PATCH", "POST", "PUT", "DELETE")
        ]
        assert len(writing) >= 2
        assert set(writing) == {"FALSE"}


class TestLimits:
    def refuse(self, sandbox: Sandbox, message: str, times: int = 1) -> None:
        body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]
        sandbox.salesforce.faults.append(
            Fault(r"GET .*/query", "status", status=403, body=body, times=times)
        )

    @pytest.mark.parametrize(
        "message",
        [
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            "ConcurrentPerOrgLongTxn Limit exceeded.",
            "Request limit exceeded.",  # unknown: the org has just told of calls that are left
        ],
    )
    def test_too_many_requests_at_once_is_waited_out(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, message: str
    ) -> None:
        connector = open_connector()
        self.refuse(sandbox, message, times=2)
        assert len([c for p in connector.read("Contact") for c in p.contacts]) == 48

    def test_when_it_does_not_clear_it_is_said_and_nothing_of_todays_calls(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        self.refuse(sandbox, "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", 99)
        with pytest.raises(UnavailableError, match="too many requests are under way") as caught:
            list(connector.read("Contact"))
        assert "today" not in str(caught.value)

    def test_the_total_of_the_day_ends_the_run_at_once(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        self.refuse(sandbox, "TotalRequests Limit exceeded.", times=99)
        before = sandbox.salesforce.counters.total()
        with pytest.raises(QuotaError, match="24-hour window"):
            list(connector.read("Contact"))
        assert sandbox.salesforce.counters.total() - before == 1

    def test_requests_at_once_are_limited_by_the_stand_in_itself(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        sandbox.salesforce.concurrent_limit = 1
        sandbox.salesforce.under_way = 1  # somebody else's long request
        sandbox.salesforce.faults.append(
            Fault(
                r"GET .*/query", "act", nth=3, action={"object": "Contact", "id": "", "calm": True}
            )
        )
        assert len([c for p in connector.read("Contact") for c in p.contacts]) == 48


class TestTriggers:
    """A trigger that cannot take many records refuses all of them."""

    @pytest.mark.parametrize("takes", [150, 100, 30, 7, 1])
    def test_a_batch_is_halved_until_it_passes_and_the_size_is_remembered(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, takes: int
    ) -> None:
        sandbox.salesforce.org.automation.trigger_takes = takes
        connector, ids = open_connector(), ids_of(sandbox)
        results = connector.write([status(record_id) for record_id in ids])
        assert [(r.id, r.ok) for r in results] == [(record_id, True) for record_id in ids]
        before = connector.calls["write"]
        assert all(
            r.ok for r in connector.write([status(record_id, "invalid") for record_id in ids])
        )
        largest_that_passes = max(size for size in (48, 24, 12, 6, 3, 1) if size <= takes)
        assert connector.calls["write"] - before == -(-48 // largest_that_passes)

    def test_other_connections_of_this_process_begin_with_that_size(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.org.automation.trigger_takes = 12
        ids = ids_of(sandbox)
        open_connector().write([status(record_id) for record_id in ids])
        other = open_connector()
        other.write([status(record_id, "invalid") for record_id in ids])
        assert other.calls["write"] == 4

    def test_the_operator_can_set_the_size(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector("[connectors.salesforce]\nbatch_size = 16\n")
        connector.write([status(record_id) for record_id in ids_of(sandbox)])
        assert connector.calls["write"] == 3
        assert sandbox.salesforce.org.automation.largest_chunk == 16

    def test_records_that_a_job_could_not_take_go_by_smaller_calls(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:

        lower_limits(monkeypatch, salesforce_job_writes=2, bulk_first_poll=0.01)
        sandbox.salesforce.org.automation.trigger_takes = 20
        connector, ids = open_connector(), ids_of(sandbox)
        assert all(r.ok for r in connector.write([status(record_id) for record_id in ids]))
        assert {current_record(sandbox, record_id)["Phone_Status__c"] for record_id in ids} == {
            "valid"
        }
        jobs = len(sandbox.salesforce.bulk.jobs)
        assert jobs == 1
        connector.write([status(record_id, "invalid") for record_id in ids])
        assert len(sandbox.salesforce.bulk.jobs) == jobs, "another job would fail alike"

    def test_one_record_that_fails_alone_is_told_and_its_neighbours_are_written(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        ids = ids_of(sandbox)
        sandbox.salesforce.org.refusals[ids[3]] = (
            "System.LimitException: Too many SOQL queries: 101"
        )
        results = open_connector().write([status(record_id) for record_id in ids])
        assert [r.id for r in results if not r.ok] == [ids[3]]
        assert "Too many SOQL queries" in next(r.message for r in results if not r.ok)

    def test_a_limit_told_of_the_whole_call_is_halved_too(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        body = [{"errorCode": "UNKNOWN_EXCEPTION", "message": "System.LimitException: Apex CPU"}]
        sandbox.salesforce.faults.append(
            Fault(r"PATCH .*/composite", "status", status=500, body=body, times=1)
        )
        assert all(
            r.ok
            for r in open_connector().write([status(record_id) for record_id in ids_of(sandbox)])
        )


class TestRefusedWrites:
    def test_each_kind_has_its_own_name_and_remedy(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        from worker.queries.failure_help import REMEDIES

        rules, ids = sandbox.salesforce.org.automation, ids_of(sandbox)
        rules.in_approval, rules.forbidden, rules.duplicates = {ids[0]}, {ids[1]}, {ids[2]}
        results = open_connector().write([status(record_id) for record_id in ids[:4]])
        kinds = [r.kind for r in results]
        assert kinds == ["approval", "security_policy", "duplicate", None]
        assert all(kind in REMEDIES for kind in kinds if kind)

    @pytest.mark.parametrize("allowed", [True, False])
    def test_a_duplicate_rule_that_only_warns_can_be_passed(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, allowed: bool
    ) -> None:
        record_id = ids_of(sandbox)[0]
        sandbox.salesforce.org.automation.duplicates = {record_id}
        toml = f"[connectors.salesforce]\nallow_duplicates = {str(allowed).lower()}\n"
        (result,) = open_connector(toml).write([status(record_id)])
        assert result.ok == allowed

    @pytest.mark.parametrize("allowed", [True, False])
    def test_a_job_has_no_such_header_and_its_duplicates_go_by_a_call_of_their_own(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, allowed: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip

        lower_limits(monkeypatch, salesforce_job_writes=2)
        ids = ids_of(sandbox)[:6]
        sandbox.salesforce.org.automation.duplicates = {ids[2]}
        toml = f"[connectors.salesforce]\nallow_duplicates = {str(allowed).lower()}\n"
        results = open_connector(toml).write([status(record_id) for record_id in ids])
        assert len(sandbox.salesforce.bulk.jobs) == 1
        assert [r.id for r in results if not r.ok] == ([] if allowed else [ids[2]])

    @pytest.mark.parametrize("http_status", [400, 500])
    def test_a_whole_call_refused_for_a_lock_is_tried_again(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, http_status: int
    ) -> None:
        body = [{
            "errorCode": "UNABLE_TO_LOCK_ROW", "fields": [],
            "message": "unable to obtain exclusive access to this record or 1 records: 003",
        }]  # fmt: skip
        sandbox.salesforce.faults.append(
            Fault(r"PATCH .*/composite", "status", status=http_status, body=body, times=2)
        )
        assert all(
            r.ok
            for r in open_connector().write(
                [status(record_id) for record_id in ids_of(sandbox)[:3]]
            )
        )

    def test_a_security_policy_that_stops_a_read_says_what_to_do(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        body = [{"errorCode": "TXN_SECURITY_NO_ACCESS", "message": "isn't allowed"}]
        sandbox.salesforce.faults.append(Fault(r"GET .*/query", "status", status=403, body=body))
        with pytest.raises(AuthError, match="Exempt from Transaction Security"):
            list(connector.read("Contact"))


class TestErrorsOfAnyForm:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([{"errorCode": "X_Y", "message": "why\nnot"}], "X_Y: why not"),
            ({"error": "invalid_scope", "error_description": "too few"}, "invalid_scope: too few"),
            ({"exceptionCode": "InvalidVersion", "exceptionMessage": "old"}, "InvalidVersion: old"),
            ("Missing_OAuth_Token", "Missing_OAuth_Token"),
            ("Down for <b>maintenance</b>", "Down for maintenance"),
            ("<html><style>x{}</style><body>Gone&nbsp;away</body></html>", "Gone away"),
            ("", "no reason given"),
            ([], "no reason given"),
            (None, "no reason given"),
            ([17], "17"),
        ],
    )
    def test_the_reason_is_kept(self, content: Any, message: str) -> None:
        assert str(problem_of(content)) == message

    @pytest.mark.parametrize("http_status", [400, 403, 404])
    def test_a_text_is_passed_on(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, http_status: int
    ) -> None:
        connector = open_connector()
        sandbox.salesforce.faults.append(
            Fault(r"PATCH .*/composite", "status", status=http_status,
                  body=b"<html><title>Blocked by the proxy</title></html>")
        )  # fmt: skip
        with pytest.raises(ConnectorError, match="Blocked by the proxy"):
            connector.write([status(ids_of(sandbox)[0])])

    @pytest.mark.parametrize("http_status", [301, 302, 307])
    def test_a_redirect_names_the_host_and_is_not_followed(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, http_status: int
    ) -> None:
        connector = open_connector()
        where = "https://newname.my.salesforce.com/services/data?token=secret"
        sandbox.salesforce.faults.append(
            Fault(r"GET .*/query", "status", status=http_status, headers={"Location": where})
        )
        with pytest.raises(ConnectorError, match=r"to newname\.my\.salesforce\.com;") as caught:
            list(connector.read("Contact"))
        assert "secret" not in str(caught.value)

    def test_an_api_version_that_is_retired_is_said(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        sandbox.salesforce.faults.append(Fault("GET .*/query", "status", status=410, body=b""))
        with pytest.raises(ConnectorError, match="SALESFORCE_API_VERSION"):
            list(connector.read("Contact"))


class TestLogin:
    def test_without_a_run_as_user_it_is_said_where_to_set_one(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.login.run_as_user = False
        with pytest.raises(AuthError, match=r"no run-as user is set.*'Run As'"):
            open_connector()

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ({"status": 302, "headers": {"Location": "https://new.my.salesforce.com/x?c=secret"}},
             r"sends us to new\.my\.salesforce\.com"),
            ({"status": 403, "body": b"<html><title>IP blocked</title></html>"}, "IP blocked"),
            ({"status": 200, "body": b"<html>Log in</html>"}, "a web page"),
            ({"status": 400, "body": ["odd"]}, "odd"),
        ],
    )  # fmt: skip
    def test_an_answer_of_another_form_is_told_and_gives_no_secret_away(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        answer: dict[str, Any],
        message: str,
    ) -> None:
        sandbox.salesforce.faults.append(Fault("oauth2/token", "status", times=9, **answer))
        with pytest.raises(ConnectorError, match=message) as caught:
            open_connector()
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
    def test_hosts_that_do_not_take_the_flow_are_refused_before_any_call(self, host: str) -> None:
        env = {
            "SALESFORCE_LOGIN_URL": f"https://{host}", "SALESFORCE_CLIENT_ID": "fictional",
            "SALESFORCE_CLIENT_SECRET": "fictional",
        }  # fmt: skip
        with pytest.raises(SettingsError, match=rf"SALESFORCE_LOGIN_URL: .*{host}.* My Domain"):
            load(env)

    def test_the_jwt_flow_may_use_them(self, tmp_path: Any) -> None:
        key = tmp_path / "key.pem"
        key.write_text("fictional", encoding="ascii")
        env = {
            "SALESFORCE_LOGIN_URL": "https://test.salesforce.com",
            "SALESFORCE_CLIENT_ID": "fictional", "SALESFORCE_USERNAME": "worker@org.example",
            "SALESFORCE_PRIVATE_KEY_FILE": str(key),
        }  # fmt: skip
        assert load(env).salesforce is not None

    @pytest.mark.parametrize("name", ["SALESFORCE_LOGIN_URL", "SALESFORCE_INSTANCE_URL"])
    def test_the_address_in_the_browser_is_not_the_one_for_programs(self, name: str) -> None:
        env = {
            "SALESFORCE_LOGIN_URL": "https://org.my.salesforce.com", "SALESFORCE_CLIENT_ID": "x",
            "SALESFORCE_CLIENT_SECRET": "x", name: "https://org.lightning.force.com",
        }  # fmt: skip
        with pytest.raises(SettingsError, match=f"{name}: org.lightning.force.com"):
            load(env)

    def test_the_user_is_known_from_the_login_with_no_scope_but_api(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        sandbox.salesforce.counters.clear()
        steps = list(connector.provision())
        assert [s.done for s in steps if s.what.endswith("for our user")] == ["created"]
        assert not any("userinfo" in route for route in sandbox.salesforce.counters)

    def test_a_session_without_a_login_finds_its_user_too(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        session = {
            "SALESFORCE_LOGIN_URL": "", "SALESFORCE_CLIENT_ID": "", "SALESFORCE_CLIENT_SECRET": "",
            "SALESFORCE_INSTANCE_URL": sandbox.salesforce_url,
            "SALESFORCE_ACCESS_TOKEN": "sandbox-session-token",
        }  # fmt: skip
        steps = list(open_connector(**session).provision())
        assert not [step for step in steps if step.done == "failed"]
        assigned = sandbox.salesforce.org.tables["PermissionSetAssignment"].after_id(None)
        user = sandbox.salesforce.org.integration_user
        assert [r["AssigneeId"] for r in assigned] == [user] * 2, "the profile, and our set"

    def test_a_fresh_session_that_is_refused_too_says_why(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        connector = open_connector()
        text = "This session is not valid for use with the REST API"
        body = [{"errorCode": "INVALID_SESSION_ID", "message": text}]
        sandbox.salesforce.faults.append(
            Fault("GET .*/query", "status", status=401, body=body, times=9)
        )
        with pytest.raises(AuthError, match=rf"{text}.*scope"):
            list(connector.read("Contact"))


class TestEncryptedFields:
    """Shield encrypts fields so that no query can filter or sort by them."""

    def test_a_run_field_that_cannot_be_filtered_costs_a_second_read_and_no_more(
        self, make_context: Callable[..., Any], sync: Sync, sandbox: Sandbox
    ) -> None:
        fields = sandbox.salesforce.org.schema["Contact"][1]
        fields["Phone_Hygiene_Run__c"].encrypted = True
        fields["Phone"].encrypted = fields["MobilePhone"].encrypted = True
        ctx = make_context()
        assert sync(ctx, "salesforce")["contacts"]["written"] > 40
        sync(ctx, "salesforce")
        edited = ids_of(sandbox)[0]
        sandbox.salesforce.org.update("Contact", edited, {"Phone": NUMBER})
        again = sync(ctx, "salesforce")
        assert again["state"] == "done"
        assert again["contacts"]["written"] == 1

    def test_the_stand_in_refuses_to_filter_and_to_sort_by_them(self, sandbox: Sandbox) -> None:
        import requests

        sandbox.salesforce.org.schema["Contact"][1]["Phone"].encrypted = True
        url = f"{sandbox.salesforce_url}/services/data/v62.0/query"
        token = {"Authorization": "Bearer sandbox-session-token"}
        for tail in ("WHERE Phone != null", "ORDER BY Phone"):
            answer = requests.get(
                url, headers=token, params={"q": f"SELECT Id, Phone FROM Contact {tail}"}
            )
            assert answer.json()[0]["errorCode"] == "INVALID_FIELD"
        plain = requests.get(url, headers=token, params={"q": "SELECT Phone FROM Contact"})
        assert plain.status_code == 200
