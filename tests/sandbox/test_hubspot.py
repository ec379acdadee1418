"""The HubSpot stand-in answers as the true service does: limits, errors, odd records."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.run import Sandbox

Api = Callable[..., requests.Response]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def api(sandbox: Sandbox) -> Api:
    def call(method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        token = sandbox.env()["HUBSPOT_ACCESS_TOKEN"]
        return requests.request(
            method, sandbox.hubspot_url + path, json=body, params=params,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    return call


def ids(api: Api) -> list[str]:
    return [contact["id"] for contact in api("GET", CONTACTS, limit=100).json()["results"]]


class TestReading:
    def test_lists_at_most_a_hundred_with_a_cursor(self, api: Api) -> None:
        first = api("GET", CONTACTS, limit=25).json()
        assert len(first["results"]) == 25
        rest = api("GET", CONTACTS, limit=100, after=first["paging"]["next"]["after"]).json()
        assert len(rest["results"]) == 35
        assert "paging" not in rest
        assert api("GET", CONTACTS, limit=101).status_code == 400

    def test_searches_with_filters_and_sorts(self, api: Api) -> None:
        body = {
            "filterGroups": [{"filters": [
                {"propertyName": "hs_object_id", "operator": "GT", "value": ids(api)[9]},
            ]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["phone"], "limit": 200, "after": "0",
        }  # fmt: skip
        answer = api("POST", f"{CONTACTS}/search", body).json()
        assert answer["total"] == 50
        assert [contact["id"] for contact in answer["results"]] == ids(api)[10:]

    def test_a_search_ends_at_ten_thousand(self, api: Api) -> None:
        body = {"filterGroups": [], "limit": 200, "after": "10000"}
        answer = api("POST", f"{CONTACTS}/search", body)
        assert answer.status_code == 400

    def test_a_search_takes_at_most_two_hundred(self, api: Api) -> None:
        assert api("POST", f"{CONTACTS}/search", {"limit": 201}).status_code == 400


class TestUpdates:
    def update(self, api: Api, **values: dict[str, str]) -> requests.Response:
        inputs = [{"id": rid, "properties": props} for rid, props in values.items()]
        return api("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})

    def test_every_write_moves_the_stamp(self, api: Api) -> None:
        target = ids(api)[0]
        before = api("GET", f"{CONTACTS}/{target}", properties="lastmodifieddate").json()
        answer = self.update(api, **{target: {"hygiene_phone_status": "valid"}})
        assert answer.status_code == 200
        after = api("GET", f"{CONTACTS}/{target}", properties="lastmodifieddate").json()
        assert after["properties"]["lastmodifieddate"] > before["properties"]["lastmodifieddate"]

    def test_a_record_that_is_gone_makes_a_207(self, api: Api) -> None:
        first, second = ids(api)[:2]
        api("DELETE", f"{CONTACTS}/{second}")
        answer = self.update(
            api, **{rid: {"hygiene_phone_status": "valid"} for rid in (first, second)}
        )
        assert answer.status_code == 207
        body = answer.json()
        assert body["numErrors"] == 1
        assert [result["id"] for result in body["results"]] == [first]
        assert body["errors"][0]["context"]["ids"] == [second]

    @pytest.mark.parametrize(
        ("properties", "error"),
        [
            ({"hygiene_phone_status": "nonsense"}, "INVALID_OPTION"),
            ({"no_such_property": "x"}, "PROPERTY_DOESNT_EXIST"),
            ({"hs_email_optout": "false"}, "READ_ONLY_VALUE"),
            ({"hs_email_bad_address": "true"}, "READ_ONLY_VALUE"),
            ({"hs_email_quarantined": "true"}, "READ_ONLY_VALUE"),
        ],
    )
    def test_a_bad_value_refuses_the_whole_batch(
        self, api: Api, properties: dict[str, str], error: str
    ) -> None:
        first, second = ids(api)[:2]
        answer = self.update(api, **{first: {"hygiene_phone_status": "valid"}, second: properties})
        assert answer.status_code == 400
        assert error in answer.text
        contact = api("GET", f"{CONTACTS}/{first}", properties="hygiene_phone_status").json()
        assert not contact["properties"].get("hygiene_phone_status")

    def test_a_hundred_and_one_are_too_many(self, api: Api) -> None:
        many = {str(n): {"hygiene_phone_status": "valid"} for n in range(101)}
        assert self.update(api, **many).status_code == 400


class TestLimits:
    def test_headers_count_down(self, api: Api, sandbox: Sandbox) -> None:
        sandbox.hubspot.ten_second_limit = 190

        def remaining(of: str) -> int:
            return int(api("GET", CONTACTS, limit=1).headers[f"X-HubSpot-RateLimit-{of}"])

        assert remaining("Remaining") - remaining("Remaining") == 1
        assert remaining("Daily-Remaining") - remaining("Daily-Remaining") == 1

    def test_a_limit_that_is_off_is_not_told_of(self, api: Api, sandbox: Sandbox) -> None:
        sandbox.hubspot.ten_second_limit = sandbox.hubspot.daily_limit = 0
        headers = api("GET", CONTACTS, limit=1).headers
        assert not [name for name in headers if "ratelimit" in name.lower()]

    def test_the_search_has_a_limit_of_its_own(self, api: Api, sandbox: Sandbox) -> None:
        sandbox.hubspot.search_per_second = 5
        answers = [api("POST", f"{CONTACTS}/search", {"limit": 1}) for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json()["errorType"] == "RATE_LIMIT"

    def test_a_wrong_token_is_a_401_and_a_missing_scope_a_403(
        self, api: Api, sandbox: Sandbox
    ) -> None:
        wrong = requests.get(
            sandbox.hubspot_url + CONTACTS, headers={"Authorization": "Bearer nonsense"}
        )
        assert (wrong.status_code, wrong.json()["category"]) == (401, "INVALID_AUTHENTICATION")
        sandbox.hubspot.scopes.discard("crm.objects.contacts.read")
        missing = api("GET", CONTACTS, limit=1)
        assert (missing.status_code, missing.json()["category"]) == (403, "MISSING_SCOPES")


class TestFaults:
    def control(self, sandbox: Sandbox, **fault: Any) -> None:
        requests.post(f"{sandbox.hubspot_url}/_sandbox/faults", json=fault).raise_for_status()

    def test_on_demand_by_the_control_endpoint(self, api: Api, sandbox: Sandbox) -> None:
        self.control(sandbox, match="GET /crm", kind="status", status=502, nth=2)
        assert [api("GET", CONTACTS).status_code for _ in range(3)] == [200, 502, 200]

    @pytest.mark.parametrize("kind", ["drop", "drop_after", "truncate"])
    def test_a_broken_connection_is_really_broken(
        self, api: Api, sandbox: Sandbox, kind: str
    ) -> None:
        self.control(sandbox, match="GET /crm", kind=kind)
        with pytest.raises(requests.exceptions.RequestException):
            api("GET", CONTACTS).json()
        assert api("GET", CONTACTS).status_code == 200

    def test_counters_tell_what_it_cost(self, api: Api, sandbox: Sandbox) -> None:
        requests.post(f"{sandbox.hubspot_url}/_sandbox/counters/reset")
        api("GET", CONTACTS)
        api("POST", f"{CONTACTS}/search", {"limit": 1})
        counted = requests.get(f"{sandbox.hubspot_url}/_sandbox/counters").json()
        assert counted["total"] == 2
        assert counted["routes"][f"GET {CONTACTS}"] == 1


class TestSearchLag:
    """Searches find a change some time after it was made; lists and reads by id at once."""

    def search_total(self, api: Api, phone: str) -> int:
        filters = [{"propertyName": "phone", "operator": "EQ", "value": phone}]
        body = {"filterGroups": [{"filters": filters}], "limit": 10}
        return int(api("POST", f"{CONTACTS}/search", body).json()["total"])

    def test_hides_a_change_and_a_new_contact_until_it_is_over(
        self, api: Api, sandbox: Sandbox
    ) -> None:
        portal = sandbox.hubspot.portal
        first, second = ids(api)[:2]
        portal.update(first, {"phone": "1"})
        sandbox.hubspot.search_lag = 60.0
        portal.update(first, {"phone": "2"})
        created = portal.create({"phone": "3"})
        portal.archive(second)
        assert [self.search_total(api, text) for text in "123"] == [1, 0, 0]
        path = f"{CONTACTS}/{created}"
        assert api("GET", path, properties="phone").json()["properties"]["phone"] == "3"
        assert second not in ids(api)
        portal.clock.skew = timedelta(seconds=61)
        assert [self.search_total(api, text) for text in "123"] == [0, 1, 1]

    def test_is_a_setting_that_can_be_made_over_http(self, api: Api, sandbox: Sandbox) -> None:
        settings = f"{sandbox.hubspot_url}/_sandbox/settings"
        requests.post(settings, json={"search_lag": 60.0}).raise_for_status()
        sandbox.hubspot.portal.update(ids(api)[0], {"phone": "2"})
        assert self.search_total(api, "2") == 0
        requests.post(settings, json={"search_lag": 0.0}).raise_for_status()
        assert self.search_total(api, "2") == 1

    def test_lets_a_change_with_a_shorter_one_pass(self, api: Api, sandbox: Sandbox) -> None:
        first, second = ids(api)[:2]
        for record_id, lag in ((first, 60.0), (second, 1.0), (first, 1.0)):
            sandbox.hubspot.search_lag = lag
            sandbox.hubspot.portal.update(record_id, {"phone": f"{lag:.0f}"})
        sandbox.hubspot.portal.clock.skew = timedelta(seconds=2)
        assert self.search_total(api, "1") == 2
        sandbox.hubspot.portal.clock.skew = timedelta(seconds=61)
        assert self.search_total(api, "1") == 2  # the older change does not come back


class TestCalls:
    CALLS = "/crm/objects/2026-09/calls"
    TIME = "2026-03-01T12:00:00.123Z"

    def search(self, api: Api, *filters: dict[str, Any], **fields: Any) -> requests.Response:
        body = {"filterGroups": [{"filters": list(filters)}], "limit": 200, **fields}
        return api("POST", f"{self.CALLS}/search", body)

    @pytest.fixture(autouse=True)
    def logged(self, sandbox: Sandbox) -> None:
        stamp = datetime.fromisoformat(self.TIME)
        for n in range(500):
            values = {"hs_call_disposition": ["a", "b", ""][n % 3]}
            sandbox.hubspot.calls.log(values, [], stamp + timedelta(milliseconds=n // 400))

    @pytest.mark.parametrize(
        ("item", "total"),
        [
            ({"propertyName": "hs_call_disposition", "operator": "HAS_PROPERTY"}, 334),
            ({"propertyName": "hs_call_disposition", "operator": "EQ", "value": "b"}, 167),
            ({"propertyName": "hs_call_disposition", "operator": "IN", "values": ["a", "b"]}, 334),
            ({"propertyName": "hs_call_disposition", "operator": "NOT_IN", "values": ["a"]}, 167),
            ({"propertyName": "hs_lastmodifieddate", "operator": "GT", "value": TIME}, 100),
            ({"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": TIME}, 500),
            ({"propertyName": "hs_lastmodifieddate", "operator": "EQ", "value": TIME}, 400),
            ({"propertyName": "hs_lastmodifieddate", "operator": "LTE", "value": TIME}, 400),
            ({"propertyName": "hs_lastmodifieddate", "operator": "LT", "value": TIME}, 0),
            ({"propertyName": "hs_object_id", "operator": "GT", "value": "500449"}, 50),
        ],
    )
    def test_are_found_by_filters(self, api: Api, item: dict[str, Any], total: int) -> None:
        assert self.search(api, item).json()["total"] == total

    def test_with_one_time_come_in_no_promised_order(self, api: Api) -> None:
        pages = [
            [call["id"] for call in
             self.search(api, sorts=["hs_lastmodifieddate"], after="0").json()["results"]]
            for _ in range(2)
        ]  # fmt: skip
        assert pages[0] != pages[1]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"limit": 201},
            {"after": "9900"},
            {"sorts": ["hs_lastmodifieddate", "hs_object_id"]},
            {"sorts": ["lastmodifieddate"]},  # of contacts alone
            {"filterGroups": [{"filters": [
                {"propertyName": "hs_object_id", "operator": "LIKE", "value": "1"}]}]},
        ],
    )  # fmt: skip
    def test_a_search_that_the_documents_do_not_allow_is_refused(
        self, api: Api, wrong: dict[str, Any]
    ) -> None:
        assert self.search(api, **wrong).status_code == 400

    def test_the_names_of_outcomes_are_options_of_the_property(
        self, api: Api, sandbox: Sandbox
    ) -> None:
        path = "/crm/properties/2026-09/calls/hs_call_disposition"
        options = api("GET", path).json()["options"]
        assert {"Wrong number", "Do not call"} <= {option["label"] for option in options}
        sandbox.hubspot.calls.options_listed = False
        assert api("GET", path).json()["options"] == []

    def test_can_be_changed(self, api: Api) -> None:
        path = f"{self.CALLS}/500000"
        changed = {"properties": {"hs_call_disposition": "b"}}
        assert api("PATCH", path, changed).json()["properties"]["hs_call_disposition"] == "b"
        assert api("PATCH", f"{self.CALLS}/1", changed).status_code == 404


LISTS = "/crm/lists/2026-09"
PROPERTIES = "/crm/properties/2026-09/contacts"


def flagged(name: str = "hygiene_do_not_text", kind: str = "BOOL", **fields: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"value": True} if kind == "BOOL" else {"values": ["true"]}
    operator = "IS_EQUAL_TO" if kind == "BOOL" else "IS_ANY_OF"
    operation = {"operationType": kind, "operator": operator,
                 "includeObjectsWithNoValueSet": False, **value, **fields}  # fmt: skip
    condition = {"filterType": "PROPERTY", "property": name, "operation": operation}
    return {"filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [],
            "filters": [condition]}  # fmt: skip


def new_list(*branches: dict[str, Any], name: str = "Out", **fields: Any) -> dict[str, Any]:
    root = {"filterBranchType": "OR", "filterBranchOperator": "OR",
            "filterBranches": [*branches], "filters": []}  # fmt: skip
    return {"name": name, "objectTypeId": "0-1", "processingType": "DYNAMIC",
            "filterBranch": root, **fields}  # fmt: skip


@pytest.fixture
def lists(sandbox: Sandbox, api: Api) -> Api:
    sandbox.hubspot.scopes.add("crm.lists.write")
    return api


class TestLists:
    def members(self, api: Api, list_id: str) -> list[str]:
        answer = api("GET", f"{LISTS}/{list_id}/memberships").json()
        return [member["recordId"] for member in answer["results"]]

    def test_a_dynamic_list_follows_its_filters(self, lists: Api) -> None:
        created = lists("POST", LISTS, new_list(flagged(), flagged("hygiene_wrong_number")))
        assert created.status_code == 200
        list_id = created.json()["list"]["listId"]
        assert self.members(lists, list_id) == []
        first, other = ids(lists)[:2]
        for record_id, name in ((first, "hygiene_do_not_text"), (other, "hygiene_wrong_number")):
            lists("PATCH", f"{CONTACTS}/{record_id}", {"properties": {name: "true"}})
        assert self.members(lists, list_id) == [first, other]
        lists("PATCH", f"{CONTACTS}/{first}", {"properties": {"hygiene_do_not_text": "false"}})
        lists("DELETE", f"{CONTACTS}/{other}")
        assert self.members(lists, list_id) == []

    def test_is_found_by_its_name_and_tells_its_filters_when_asked(self, lists: Api) -> None:
        wanted = new_list(flagged(), name="Do not text: all")
        lists("POST", LISTS, wanted)
        path = f"{LISTS}/object-type-id/0-1/name/Do%20not%20text%3A%20all"
        assert "filterBranch" not in lists("GET", path).json()["list"]
        details = lists("GET", path, includeFilters="true").json()["list"]
        assert details["filterBranch"] == wanted["filterBranch"]
        assert details["processingType"] == "DYNAMIC"

    def test_a_name_is_given_once(self, lists: Api) -> None:
        assert lists("POST", LISTS, new_list(flagged())).status_code == 200
        again = lists("POST", LISTS, new_list(flagged()))
        assert again.status_code == 400
        assert again.json()["subCategory"] == "ILS.DUPLICATE_LIST_NAMES"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "x", "objectTypeId": "0-1", "processingType": "DYNAMIC"},
            new_list(name=""),
            new_list(),
            new_list(flagged("no_such_property")),
            new_list(flagged(kind="ENUMERATION")),
            new_list(flagged("hygiene_phone_status")),
            new_list(flagged(operator="EQUALS")),
            new_list(flagged(value="true")),
            new_list({**flagged(), "filterBranchType": "OR"}),
            new_list({key: value for key, value in flagged().items() if key != "filterBranches"}),
            {**new_list(), "filterBranch": flagged()},
        ],
    )
    def test_refuses_a_filter_that_is_none(self, lists: Api, wrong: dict[str, Any]) -> None:
        answer = lists("POST", LISTS, wrong)
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")

    def test_nobody_makes_one_without_the_scope(self, api: Api) -> None:
        answer = api("POST", LISTS, new_list(flagged()))
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")


class TestTheAccount:
    def test_tells_how_many_custom_properties_it_has_room_for(
        self, api: Api, sandbox: Sandbox
    ) -> None:
        sandbox.hubspot.portal.property_limit = 40
        limits = api("GET", "/crm/limits/2026-09/custom-properties").json()
        (contacts,) = limits["byObjectType"]
        assert (contacts["objectTypeId"], contacts["limit"]) == ("0-1", 40)
        own = [p for p in api("GET", PROPERTIES).json()["results"] if not p.get("hubspotDefined")]
        assert contacts["usage"] == limits["overallUsage"] == len(own)

    def test_takes_no_property_beyond_that(self, api: Api, sandbox: Sandbox) -> None:
        portal = sandbox.hubspot.portal
        portal.property_limit = portal.custom_properties + 1
        bodies = [
            {"name": name, "label": name, "type": "string", "fieldType": "text",
             "groupName": "contactinformation"} for name in ("one", "two")
        ]  # fmt: skip
        answer = api("POST", f"{PROPERTIES}/batch/create", {"inputs": bodies}).json()
        assert [result["name"] for result in answer["results"]] == ["one"]
        assert answer["errors"][0]["context"] == {"name": ["two"]}

    def test_a_property_of_an_archived_name_is_the_old_one(self, api: Api) -> None:
        target = ids(api)[0]
        api("PATCH", f"{CONTACTS}/{target}", {"properties": {"hygiene_reason": "once"}})
        assert api("DELETE", f"{PROPERTIES}/hygiene_reason").status_code == 204
        listed = api("GET", PROPERTIES, archived="true").json()["results"]
        assert [(entry["name"], entry["archived"]) for entry in listed] == [
            ("hygiene_reason", True)
        ]
        body = {"name": "hygiene_reason", "label": "New", "type": "string", "fieldType": "text",
                "groupName": "contactinformation"}  # fmt: skip
        assert api("POST", PROPERTIES, body).json()["groupName"] == "phone_hygiene"
        contact = api("GET", f"{CONTACTS}/{target}", properties="hygiene_reason").json()
        assert contact["properties"]["hygiene_reason"] == "once"

    def test_shows_a_new_property_as_recorded(self, api: Api) -> None:
        options = [
            {"label": "Alpha", "value": "alpha", "displayOrder": 0, "hidden": False},
            {"label": "Beta", "value": "beta", "displayOrder": 1, "hidden": True,
             "description": "The second"},
        ]  # fmt: skip
        body = {"name": "choice", "label": "Choice", "type": "enumeration", "fieldType": "select",
                "groupName": "contactinformation", "options": options}  # fmt: skip
        created = api("POST", PROPERTIES, body)
        assert created.status_code == 201
        shown = created.json()
        assert shown["options"] == options
        assert shown["formField"] is False
        assert "hubspotDefined" not in shown
        assert shown["modificationMetadata"] == {
            "archivable": True, "readOnlyDefinition": False, "readOnlyValue": False,
        }  # fmt: skip
        again = api("POST", PROPERTIES, body)
        assert again.status_code == 409
        assert again.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"

    def test_an_archived_property_is_read_as_such_alone(self, api: Api) -> None:
        path = f"{PROPERTIES}/hygiene_reason"
        assert api("GET", path, archived="true").status_code == 404
        api("DELETE", path)
        assert api("GET", path).status_code == 404
        shown = api("GET", path, archived="true").json()
        assert shown["archived"] is True
        assert shown["archivedAt"]

    def test_a_property_in_use_is_not_archived(self, api: Api, sandbox: Sandbox) -> None:
        sandbox.hubspot.portal.in_workflows["hygiene_reason"] = ["4625147345"]
        refused = api("DELETE", f"{PROPERTIES}/hygiene_reason")
        assert refused.status_code == 400
        problem = refused.json()
        assert problem["subCategory"] == "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE"
        assert "currently used in 1 places and cannot be deleted" in problem["message"]
        assert api("GET", f"{PROPERTIES}/hygiene_reason").status_code == 200

    def test_a_group_with_properties_is_refused_with_an_error_in_the_message(
        self, api: Api
    ) -> None:
        refused = api("DELETE", f"{PROPERTIES}/groups/phone_hygiene")
        assert refused.status_code == 400
        inner = json.loads(refused.json()["message"])
        assert inner["subCategory"] == "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"

    def test_tells_a_key_what_it_may_do(self, api: Api, sandbox: Sandbox) -> None:
        path = "/oauth/v2/private-apps/get/access-token-info"
        token = sandbox.env()["HUBSPOT_ACCESS_TOKEN"]
        info = api("POST", path, {"tokenKey": token}).json()
        assert set(info["scopes"]) == sandbox.hubspot.scopes
        assert isinstance(info["hubId"], int)
        assert api("POST", path, {"tokenKey": "another"}).status_code == 404
