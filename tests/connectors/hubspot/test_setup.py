"""What the set-up makes in a HubSpot account: properties with good names, within the plan's room,
and lists that keep people with our flags out of its messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crms import Crm

from config.settings import Settings
from connectors import build
from connectors.hubspot.lists import CALL, TEXT
from connectors.protocol import Connector
from connectors.records import SetupResult
from sandbox.hubspot.portal import Portal, prop
from sandbox.run import Sandbox
from sandbox.service import Fault

Open = Callable[..., Connector]


@pytest.fixture
def portal(bare_sandbox: Sandbox) -> Portal:
    bare_sandbox.hubspot.scopes.add("crm.lists.write")
    return bare_sandbox.hubspot.portal


@pytest.fixture
def open_connector(make_settings: Callable[..., Settings], bare_sandbox: Sandbox) -> Iterator[Open]:
    connectors: list[Connector] = []

    def open_one(toml: str = "") -> Connector:
        connectors.append(build("hubspot", make_settings(toml, **bare_sandbox.env())))
        return connectors[-1]

    yield open_one
    for connector in connectors:
        connector.close()


def steps(connector: Connector, *adopt: str) -> dict[str, SetupResult]:
    return {step.what: step for step in connector.provision(adopt)}


def archive(portal: Portal, *names: str) -> None:
    for name in names:
        portal.archived_properties[name] = {**portal.properties.pop(name), "archived": True}


def labels(portal: Portal) -> dict[str, str]:
    return {
        name.removeprefix("hygiene_"): entry["label"]
        for name, entry in portal.properties.items()
        if name.startswith("hygiene_")
    }


class TestLabels:
    def test_are_as_people_write_them(self, open_connector: Open, portal: Portal) -> None:
        steps(open_connector())
        shown = labels(portal)
        wanted = {
            "phone_status": "Phone status", "phone_line_type": "Phone line type",
            "mobilephone_status": "Mobile phone status",
            "mobilephone_e164": "Mobile phone E.164", "do_not_text": "Phone do not text",
            "wrong_number": "Wrong number", "reason": "Phone hygiene reason",
        }  # fmt: skip
        assert {name: shown[name] for name in wanted} == wanted

    def test_follow_what_the_account_calls_the_phone(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.properties["mobilephone"]["label"] = "Handynummer"
        portal.properties["hotline_hq"] = prop(
            "hotline_hq", "HQ Direct Line", "string", "phonenumber", own=False
        )
        portal.properties["phone"]["label"] = "Phone Number"
        toml = (
            '[connectors.hubspot.objects.contacts]\n'
            'phones = ["phone", "mobilephone", "hotline_hq"]\n'
        )  # fmt: skip
        steps(open_connector(toml))
        shown = labels(portal)
        assert shown["mobilephone_status"] == "Handynummer status"
        assert shown["hotline_hq_status"] == "HQ direct line status"

    def test_tell_two_phones_apart(self, open_connector: Open, portal: Portal) -> None:
        portal.properties["desk"] = prop("desk", "Phone", "string", "phonenumber", own=False)
        steps(open_connector('[connectors.hubspot.objects.contacts]\nphones = ["phone", "desk"]\n'))
        assert labels(portal)["phone_status"] == "Phone number status"
        assert labels(portal)["desk_status"] == "Phone status"

    def test_of_an_earlier_release_are_mended_and_those_of_people_stay(
        self, open_connector: Open, portal: Portal
    ) -> None:
        steps(open_connector())
        portal.properties["hygiene_mobilephone_status"]["label"] = "Mobilephone Status"
        portal.properties["hygiene_mobilephone_e164"]["label"] = "Mobilephone E164"
        portal.properties["hygiene_phone_status"]["label"] = "Is the phone any good?"
        again = steps(open_connector())
        changed = {name for name, step in again.items() if step.done == "changed"}
        assert changed == {"hygiene_mobilephone_status", "hygiene_mobilephone_e164"}
        assert labels(portal)["mobilephone_status"] == "Mobile phone status"
        assert labels(portal)["mobilephone_e164"] == "Mobile phone E.164"
        assert labels(portal)["phone_status"] == "Is the phone any good?"


class TestThePlan:
    def test_with_too_little_room_nothing_is_created(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.property_limit = portal.custom_properties + 12
        results = steps(open_connector())
        (step,) = results.values()
        assert step.done == "failed"
        assert "16 are needed and 12 of the plan's 12 are free" in step.note
        assert 'line_type = "", e164 = ""' in step.note
        assert "run" not in step.note.partition("leave some")[2], "no more than is needed"
        assert "phone_hygiene" not in portal.groups
        assert not labels(portal)

    def test_what_the_message_advises_is_enough(self, open_connector: Open, portal: Portal) -> None:
        portal.property_limit = portal.custom_properties + 12
        advised = next(iter(steps(open_connector()).values())).note.rpartition(": ")[2]
        toml = "[connectors.hubspot.fields]\n" + "\n".join(advised.split(", ")) + "\n"
        results = steps(open_connector(toml))
        assert {step.done for step in results.values()} == {"created"}
        assert len(labels(portal)) == 12

    def test_says_where_even_the_statuses_and_flags_find_no_room(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.overall_property_limit = 3
        (step,) = steps(open_connector()).values()
        assert "make room for 3 more" in step.note

    def test_counts_what_other_objects_have_of_the_whole(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.overall_property_limit, portal.properties_elsewhere = 500, 490
        (step,) = steps(open_connector()).values()
        assert "10 of the plan's 500 are free" in step.note

    def test_that_cannot_be_read_stops_nothing_and_is_said(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        refused = {"status": "error", "category": "MISSING_SCOPES", "message": "no"}
        fault = Fault("GET /crm/limits", "status", status=403, body=refused, times=9)
        bare_sandbox.hubspot.faults.append(fault)
        results = steps(open_connector())
        assert results["room for custom properties"].done == "not checked"
        assert len(labels(portal)) == 16

    def test_that_is_reached_midway_is_named(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        """Somebody else has made some since it was looked at."""
        portal.property_limit = 20
        for name in ("a", "b", "c", "d"):
            portal.properties[name] = prop(name, name, own=False)
        old = {"overallLimit": 1000, "overallUsage": 0, "byObjectType": []}
        fault = Fault("GET /crm/limits", "status", status=200, body=old, times=1)
        bare_sandbox.hubspot.faults.append(fault)
        portal.property_limit = 4 + 10
        results = steps(open_connector())
        failed = [step for step in results.values() if step.done == "failed"]
        assert len(failed) == 6
        assert all("All 14 custom properties of the plan are used" in s.note for s in failed)
        portal.property_limit = 1000
        assert {s.done for s in steps(open_connector()).values()} == {"created", "already there"}

    def test_an_account_that_has_all_is_not_asked(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        steps(open_connector())
        portal.property_limit = 1
        bare_sandbox.hubspot.counters.clear()
        assert {s.done for s in steps(open_connector()).values()} == {"already there"}
        assert not [route for route in bare_sandbox.hubspot.counters if "limits" in route]


class TestArchivedNames:
    def test_ours_is_brought_back_and_that_is_said(
        self, open_connector: Open, portal: Portal
    ) -> None:
        steps(open_connector())
        archive(portal, "hygiene_reason")
        step = steps(open_connector())["hygiene_reason"]
        assert step.done == "created"
        assert "archived" in step.note
        assert "hygiene_reason" in portal.properties

    def test_are_created_one_by_one_as_that_alone_was_seen_to_bring_them_back(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        steps(open_connector())
        archive(portal, "hygiene_reason", "hygiene_run")
        before = Counter(bare_sandbox.hubspot.counters)
        steps(open_connector())
        made = Counter(bare_sandbox.hubspot.counters) - before
        assert sum(n for route, n in made.items() if route.startswith("POST ")) == 2
        assert not [route for route in made if "batch/create" in route]

    def test_one_that_is_refused_fails_alone(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        steps(open_connector())
        archive(portal, "hygiene_reason", "hygiene_run")
        body = {"status": "error", "message": "not now", "category": "VALIDATION_ERROR"}
        bare_sandbox.hubspot.faults.append(
            Fault("POST /crm/properties", "status", times=1, status=400, body=body)
        )
        done = steps(open_connector())
        assert [done[name].done for name in ("hygiene_reason", "hygiene_run")].count("failed") == 1
        assert "hygiene_reason" in portal.properties or "hygiene_run" in portal.properties

    def test_one_of_somebody_else_stays_in_the_archive(
        self, open_connector: Open, portal: Portal
    ) -> None:
        theirs = prop("hygiene_reason", "Cleaning reason", own=False)
        portal.archived_properties["hygiene_reason"] = {**theirs, "archived": True}
        step = steps(open_connector())["hygiene_reason"]
        assert step.done == "failed"
        assert "an archived property of that name that we did not make" in step.note
        assert "hygiene_reason" not in portal.properties


class TestLists:
    def list_members(self, sandbox: Sandbox, name: str) -> set[str]:
        (list_id,) = [
            i for i, entry in sandbox.hubspot.portal.lists.items() if entry["name"] == name
        ]
        return {*sandbox.hubspot.lists.on(list_id)}

    def test_hold_who_has_our_flags_at_the_moment(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        results = steps(open_connector())
        assert {results[f'list "{name}"'].done for name in (TEXT, CALL)} == {"created"}
        crm = Crm.all(bare_sandbox)["hubspot"]
        texts, calls, wrong, all_, lifted = crm.ids()[:5]
        for record_id, flag in (
            (texts, "do_not_text"), (calls, "do_not_call"), (wrong, "wrong_number"),
            (all_, "do_not_contact"), (lifted, "do_not_text"),
        ):  # fmt: skip
            crm.edit(record_id, {flag: True})
        crm.edit(lifted, {"do_not_text": False})
        assert self.list_members(bare_sandbox, TEXT) == {texts, wrong, all_}
        assert self.list_members(bare_sandbox, CALL) == {calls, wrong, all_}

    @pytest.mark.parametrize("kind", ["bool", "enumeration"])
    def test_follow_the_properties_that_the_settings_name(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox, kind: str
    ) -> None:
        portal.properties["sms_opt_out"] = prop(
            "sms_opt_out", "SMS opt-out", kind, "booleancheckbox", options=("true", "false"),
            own=False,
        )  # fmt: skip
        connector = open_connector('[connectors.hubspot.fields]\ndo_not_text = "sms_opt_out"\n')
        results = steps(connector, "contacts.sms_opt_out")
        assert results[f'list "{TEXT}"'].done == "created", results
        assert connector.apply_schema(connector.describe()) == []
        target = Crm.all(bare_sandbox)["hubspot"].ids()[0]
        portal.update(target, {"sms_opt_out": "true"})
        assert self.list_members(bare_sandbox, TEXT) == {target}

    def test_make_up_for_a_flag_that_is_left_out_by_the_statuses(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        results = steps(open_connector('[connectors.hubspot.fields]\ndo_not_contact = ""\n'))
        assert "connectors.hubspot.fields.do_not_contact" in results[f'list "{TEXT}"'].note
        target = Crm.all(bare_sandbox)["hubspot"].ids()[0]
        portal.update(target, {"hygiene_mobilephone_status": "do_not_contact"})
        assert (
            self.list_members(bare_sandbox, TEXT)
            == self.list_members(bare_sandbox, CALL)
            == {target}
        )

    def test_are_made_once_and_may_be_added_to(self, open_connector: Open, portal: Portal) -> None:
        steps(open_connector())
        (text_list,) = [entry for entry in portal.lists.values() if entry["name"] == TEXT]
        text_list["filter"]["filterBranches"].append(
            {"filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [],
             "filters": [{"filterType": "PROPERTY", "property": "phone", "operation": {
                 "operationType": "ALL_PROPERTY", "operator": "IS_UNKNOWN",
                 "includeObjectsWithNoValueSet": True}}]}
        )  # fmt: skip
        again = steps(open_connector())
        assert {step.done for step in again.values()} == {"already there"}
        assert len([entry for entry in portal.lists.values() if entry["name"] == TEXT]) == 1

    def test_one_of_that_name_by_somebody_else_is_left_alone(
        self, open_connector: Open, portal: Portal
    ) -> None:
        theirs = {"name": TEXT, "kind": "MANUAL", "filter": None, "members": ["1"]}
        portal.lists["77"] = dict(theirs)
        step = steps(open_connector())[f'list "{TEXT}"']
        assert step.done == "offered"
        assert "left alone" in step.note
        assert portal.lists["77"] == theirs

    def test_without_the_scope_are_offered_with_the_way_by_hand(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        for scope in ("crm.lists.write", "crm.lists.read"):
            bare_sandbox.hubspot.scopes.discard(scope)
            results = steps(open_connector())
            step = results[f'list "{TEXT}"']
            assert step.done == "offered"
            assert scope in step.note
            assert "hygiene_do_not_text is Yes" in step.note
            assert step.definition["processingType"] == "DYNAMIC"
            assert not [result for result in results.values() if result.done == "failed"]

    def test_are_not_made_while_a_flag_is_missing(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.properties["hygiene_do_not_text"] = prop(
            "hygiene_do_not_text", "Not ours", own=False
        )
        results = steps(open_connector())
        assert results["hygiene_do_not_text"].done == "failed"
        assert results[f'list "{TEXT}"'].done == "offered"
        assert TEXT not in [entry["name"] for entry in portal.lists.values()]
        assert results[f'list "{CALL}"'].done == "created"

    def test_that_hubspot_refuses_fail_nothing(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        body = {"status": "error", "category": "VALIDATION_ERROR", "message": "too many lists"}
        fault = Fault(r"POST /crm/lists/2026-09\b", "status", status=400, body=body, times=9)
        bare_sandbox.hubspot.faults.append(fault)
        step = steps(open_connector())[f'list "{TEXT}"']
        assert step.done == "offered"
        assert "too many lists" in step.note


class TestPhonesThatNobodyWatches:
    def unwatched_fields(self, connector: Connector) -> dict[str, Any]:
        connector.apply_schema(connector.describe())
        return {problem.field: problem for problem in connector.unwatched()}

    def test_are_named_with_how_many_contacts_have_one(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox
    ) -> None:
        portal.properties["direct_line"] = prop("direct_line", "Direct line", own=False)
        first, other = Crm.all(bare_sandbox)["hubspot"].ids()[:2]
        portal.update(first, {"direct_line": "+49 30 901820", "hs_whatsapp_phone_number": "+1 415"})
        portal.update(other, {"direct_line": "030 901821"})
        problems = self.unwatched_fields(open_connector())
        assert problems.keys() == {"direct_line", "hs_whatsapp_phone_number", "fax"}
        assert "2 contacts have one" in problems["direct_line"].problem
        assert "connectors.hubspot.objects.contacts.phones" in problems["direct_line"].problem
        assert "left aside" in problems["fax"].problem
        assert not any(problem.blocks for problem in problems.values())
        assert "901820" not in repr(problems)

    def test_no_longer_once_the_settings_name_them(
        self, open_connector: Open, portal: Portal
    ) -> None:
        toml = (
            "[connectors.hubspot.objects.contacts]\n"
            'phones = ["phone", "mobilephone", "hs_whatsapp_phone_number", "fax"]\n'
        )
        assert self.unwatched_fields(open_connector(toml)) == {}

    @pytest.mark.parametrize(
        "name", ["phone_consent", "sms_text", "microphone", "telling", "account_number"]
    )
    def test_are_not_texts_that_are_only_called_so(
        self, open_connector: Open, portal: Portal, bare_sandbox: Sandbox, name: str
    ) -> None:
        portal.properties[name] = prop(name, name.replace("_", " "), own=False)
        target = Crm.all(bare_sandbox)["hubspot"].ids()[0]
        values = "1234567890" if name == "account_number" else "given by email in May"
        portal.update(target, {name: values})
        assert name not in self.unwatched_fields(open_connector())

    def test_are_not_empty_texts_nor_what_hubspot_calculates(
        self, open_connector: Open, portal: Portal
    ) -> None:
        portal.properties["mobile_two"] = prop("mobile_two", "Mobile two", own=False)
        problems = self.unwatched_fields(open_connector())
        assert "mobile_two" not in problems
        assert not [name for name in problems if name.startswith("hs_calculated")]

    def test_of_a_salesforce_org(
        self, make_settings: Callable[..., Settings], sandbox: Sandbox
    ) -> None:
        toml = '[connectors.salesforce.objects.Contact]\nphones = ["Phone", "HomePhone"]\n'
        connector = build("salesforce", make_settings(toml))
        problems = self.unwatched_fields(connector)
        assert {"MobilePhone", "OtherPhone"} <= problems.keys()
        assert "records have one" in problems["MobilePhone"].problem
        assert not {"Phone", "HomePhone"} & problems.keys()
        connector.close()
