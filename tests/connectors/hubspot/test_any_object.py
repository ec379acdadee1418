"""Any object with a phone: companies, tickets, leads, and objects of the account's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from agents import OUTCOME_IDS
from fixture_types import Sync
from reports import deliver_reports

import connectors
from connectors.errors import AuthError, InvalidRequestError, SchemaError
from connectors.owner_tasks import NewTask
from connectors.protocol import Connector
from connectors.records import Merge, Update
from connectors.schema_scan import to_toml
from sandbox.hubspot import HubSpotService, Portal
from sandbox.hubspot.more_objects import Companies, Leads, Sites, Tickets
from sandbox.hubspot.tasks import OWNERS
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.service import Fault
from worker.feedback.records import locate_record
from worker.feedback.sources.dispositions import poll
from worker.store.tables import changed_records
from worker.sync import hubspot_events
from worker.sync.runs.scope import Scope

OBJECTS = """
[connectors.hubspot.objects.contacts]
[connectors.hubspot.objects.companies]
phones = ["phone"]
country = ["country"]
[connectors.hubspot.objects.tickets]
phones = ["callback_phone"]
[connectors.hubspot.objects.leads]
phones = ["lead_phone"]
[connectors.hubspot.objects.p_sites]
phones = ["gate_phone"]
"""


class Objects:
    """What the sandbox's account has beside contacts, by the names of the settings."""

    def __init__(self, service: HubSpotService, with_fields: bool = True) -> None:
        self.portals = {
            "companies": Companies(0, with_fields=with_fields),
            "tickets": Tickets(0, with_fields=with_fields),
            "leads": Leads(0, with_fields=with_fields),
            "p_sites": Sites(0, with_fields=with_fields),
        }
        for portal in self.portals.values():
            service.install(portal)

    def ids(self, name: str) -> list[str]:
        return list(self.portals[name].ids)

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        portal = self.portals[name]
        records = (portal.find(record_id) for record_id in portal.ids)
        return [dict(record["properties"]) for record in records if record]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox(SalesforceService(Org(0, 0)), HubSpotService(Portal(4)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def objects(sandbox: Sandbox) -> Objects:
    return Objects(sandbox.hubspot)


@pytest.fixture
def connector(make_settings: Callable[..., Any], objects: Objects) -> Iterator[Connector]:
    assert objects.portals  # they are there before the connector asks
    opened = connectors.build("hubspot", make_settings(OBJECTS))
    assert not opened.apply_schema(opened.describe())
    yield opened
    opened.close()


def test_each_is_read_and_written_and_then_left_alone(
    make_context: Callable[..., Any], sync: Sync, objects: Objects
) -> None:
    ctx = make_context(OBJECTS)
    result = sync(ctx, "hubspot")
    assert (result["contacts"]["read"], result["contacts"]["failed"]) == (4 + 8, 0)
    assert [row["hygiene_phone_e164"] for row in objects["companies"]] == [
        "+14155552642", "+493022735140", "+442072194242",
    ]  # fmt: skip
    assert [row["hygiene_gate_phone_status"] for row in objects["p_sites"]] == ["valid"] * 2
    assert all(row["hygiene_lead_phone_status"] == "valid" for row in objects["leads"])
    again = sync(ctx, "hubspot")
    assert (again["contacts"]["written"], again["contacts"]["failed"]) == (0, 0)


@pytest.mark.usefixtures("objects")
def test_an_unchanged_pass_costs_at_most_three_calls_more_for_each_object(
    make_context: Callable[..., Any], sync: Sync
) -> None:
    alone = make_context()
    sync(alone, "hubspot")
    before = sum(sync(alone, "hubspot")["api_calls"].values())
    ctx = make_context(OBJECTS)
    sync(ctx, "hubspot")
    calls = sync(ctx, "hubspot")["api_calls"]
    assert calls["read"] == before + 4  # four objects more
    assert sum(calls.values()) <= before + 3 * 4  # where nothing came, the properties are asked


class TestIds:
    def test_of_another_object_are_named_with_it(self, connector: Connector) -> None:
        assert connector.locate(["17", "companies/17"]) == [("contacts", "17"), ("companies", "17")]
        with pytest.raises(InvalidRequestError):
            connector.object_of("deals/17")

    def test_are_rescanned(
        self, make_context: Callable[..., Any], sync: Sync, objects: Objects
    ) -> None:
        ctx = make_context(OBJECTS)
        sync(ctx, "hubspot")
        scope = Scope("ids", (f"companies/{objects.ids('companies')[0]}",))
        assert sync(ctx, "hubspot", scope=scope)["contacts"]["read"] == 1


def test_records_have_the_names_that_people_know(connector: Connector, objects: Objects) -> None:
    named = {
        name: connector.read_names(name, objects.ids(name)[:1])[0].name
        for name in ("companies", "tickets", "p_sites")
    }
    assert named == {
        "companies": "Harbour Rigging", "tickets": "Delivery", "p_sites": "North yard",
    }  # fmt: skip


def test_companies_that_were_merged_live_on_in_a_new_one(
    connector: Connector, objects: Objects
) -> None:
    first, second, _ = objects.ids("companies")
    merged = objects.portals["companies"].merge(first, second)
    assert merged is not None
    assert connector.deleted("companies", [second]) == {
        second: Merge(second, "companies", merged["id"])
    }
    assert connector.fetch("companies", [second]) == []


def test_writes_go_to_the_object_whose_id_it_is(connector: Connector, objects: Objects) -> None:
    record_id = objects.ids("p_sites")[0]
    (result,) = connector.write([Update("p_sites", record_id, {"status/gate_phone": "invalid"})])
    assert result.ok
    assert objects["p_sites"][0]["hygiene_gate_phone_status"] == "invalid"


def test_setup_makes_the_properties_of_each_object(
    make_settings: Callable[..., Any], sandbox: Sandbox
) -> None:
    bare = Objects(sandbox.hubspot, with_fields=False)
    opened = connectors.build("hubspot", make_settings(OBJECTS))
    try:
        steps = list(opened.provision())
        assert not [step for step in steps if step.done == "failed"]
        assert not opened.apply_schema(opened.describe())
    finally:
        opened.close()
    assert "phone_hygiene" in bare.portals["companies"].groups
    assert any(step.what == "p_sites: hygiene_gate_phone_status" for step in steps)


class TestWhatIsMissing:
    def test_an_object_is_told_in_one_line(self, make_settings: Callable[..., Any]) -> None:
        text = "[connectors.hubspot.objects.p_boats]\nphones = ['phone']"
        opened = connectors.build("hubspot", make_settings(text))
        try:
            (problem,) = opened.apply_schema(opened.describe())
        finally:
            opened.close()
        assert str(problem).startswith("p_boats.: the account has no such object")

    def test_a_name_that_cannot_be_one_is_refused_before_anybody_is_asked(
        self, make_settings: Callable[..., Any]
    ) -> None:
        text = "[connectors.hubspot.objects.Company]\nphones = ['phone']"
        with pytest.raises(SchemaError, match="companies"):
            connectors.build("hubspot", make_settings(text))

    def test_a_scope_is_named(
        self, make_settings: Callable[..., Any], sandbox: Sandbox, objects: Objects
    ) -> None:
        sandbox.hubspot.scopes -= objects.portals["companies"].scopes
        opened = connectors.build("hubspot", make_settings(OBJECTS))
        try:
            with pytest.raises(AuthError, match=r"crm\.schemas\.companies\.read"):
                opened.describe()
        finally:
            opened.close()


class TestAScan:
    def test_proposes_properties_of_all_objects(
        self, make_settings: Callable[..., Any], objects: Objects
    ) -> None:
        assert objects.portals
        opened = connectors.build("hubspot", make_settings())
        try:
            found = {scanned.object: scanned for scanned in opened.scan()}
        finally:
            opened.close()
        assert {name for name, of in found.items() if of.fields} == {
            "contacts", "companies", "tickets", "leads", "2-7788",
        }  # fmt: skip
        assert "infer object type" in found["deals"].problem  # which this account does not have
        assert [(f.name, f.filled, f.proposed) for f in found["2-7788"].fields] == [
            ("gate_phone", 2, True), ("fax_number", 0, False),
        ]  # fmt: skip
        toml = to_toml("hubspot", found.values())
        assert '[connectors.hubspot.objects."2-7788"]\nphones = ["gate_phone"]' in toml
        settings = make_settings(toml)
        assert "2-7788" in settings.connectors.hubspot.objects

    def test_says_what_it_may_not_read(
        self, make_settings: Callable[..., Any], sandbox: Sandbox
    ) -> None:
        opened = connectors.build("hubspot", make_settings())
        try:
            problems = {scanned.object: scanned.problem for scanned in opened.scan()}
        finally:
            opened.close()
        assert sandbox.hubspot.used
        assert "crm.schemas.custom.read" in problems["custom objects"]


def test_a_task_for_the_owner_names_the_company(
    connector: Connector, objects: Objects, sandbox: Sandbox
) -> None:
    portal, record_id = objects.portals["companies"], objects.ids("companies")[0]
    portal.update(record_id, {"hubspot_owner_id": OWNERS[0]})
    maker = connector.owner_tasks()
    assert maker is not None
    task = NewTask("companies", record_id, "Phone: wrong number", "Phone", date(2026, 12, 1))
    assert [result.state for result in maker.create([task])] == ["created"]
    assert [result.state for result in maker.create([task])] == ["open"]
    (made,) = sandbox.hubspot.tasks.by_id.values()
    assert made["contacts"] == [record_id]
    site = NewTask("p_sites", objects.ids("p_sites")[0], "Phone", "Phone", date(2026, 12, 1))
    (refused,) = maker.create([site])
    assert (refused.state, refused.message) == (
        "refused", "hubspot: tasks cannot be made for p_sites",
    )  # fmt: skip


def a_contact(sandbox: Sandbox) -> str:
    return str(next(iter(sandbox.hubspot.portal.table.after_id(None)))["id"])


class TestACall:
    """That is logged on records of these objects."""

    @pytest.fixture
    def log(self, sandbox: Sandbox) -> Callable[..., str]:
        def logged(outcome: str, contacts: list[str], others: dict[str, list[str]]) -> str:
            values = {"hs_call_disposition": OUTCOME_IDS[outcome], "hs_call_direction": "OUTBOUND"}
            return sandbox.hubspot.calls.log(values, contacts, others=others)

        return logged

    def test_is_about_its_contact_or_without_one_about_them(
        self, connector: Connector, objects: Objects, sandbox: Sandbox, log: Callable[..., str]
    ) -> None:
        person, company = a_contact(sandbox), objects.ids("companies")[0]
        site = objects.ids("p_sites")[0]
        with_person = log("Wrong number", [person], {"0-2": [company]})
        alone = log("Wrong number", [], {"0-2": [company], "2-7788": [site]})
        nobodys = log("Wrong number", [], {})
        began = sandbox.hubspot.portal.clock.now() - timedelta(minutes=5)
        found = [(c.id, c.object, c.record_id) for c in connector.call_outcomes(began) or ()]
        assert found == [
            (with_person, "contacts", person), (alone, "companies", company),
            (alone, "p_sites", site), (nobodys, "", ""),
        ]  # fmt: skip

    def test_costs_a_question_for_each_object_only_where_one_has_no_contact(
        self, connector: Connector, sandbox: Sandbox, log: Callable[..., str]
    ) -> None:
        began = sandbox.hubspot.portal.clock.now() - timedelta(minutes=5)
        counters = sandbox.hubspot.counters
        for contacts, questions in (([a_contact(sandbox)], 1), ([], 1 + 4)):
            log("Wrong number", contacts, {})
            counters.clear()
            assert list(connector.call_outcomes(began) or ())
            asked = [n for route, n in counters.items() if "associations" in route]
            assert sum(asked) == questions

    def test_of_a_contact_is_read_where_hubspot_refuses_an_object(
        self, connector: Connector, objects: Objects, sandbox: Sandbox, log: Callable[..., str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        person, company = a_contact(sandbox), objects.ids("companies")[0]
        log("Do not call", [person], {})
        log("Do not call", [], {"0-2": [company]})
        refused = Fault("POST .*/calls/leads/batch/read", "status", status=400, times=9)
        sandbox.hubspot.faults.append(refused)
        began = sandbox.hubspot.portal.clock.now() - timedelta(minutes=5)
        found = [(c.object, c.record_id) for c in connector.call_outcomes(began) or ()]
        assert found == [("contacts", person), ("companies", company)]
        assert "calls that are logged on leads alone are left out" in caplog.text

    def test_with_a_company_flags_the_company(
        self, make_context: Callable[..., Any], sync: Sync, objects: Objects,
        log: Callable[..., str],
    ) -> None:  # fmt: skip
        ctx = make_context(OBJECTS)
        sync(ctx, "hubspot")
        log("Do not call", [], {"0-2": objects.ids("companies")[:1]})
        assert poll(ctx, "hubspot") == 1
        deliver_reports(ctx, "hubspot")
        flags = [row.get("hygiene_do_not_call") for row in objects["companies"]]
        assert flags == ["true", *flags[1:]]
        assert "true" not in flags[1:]


def test_events_have_records_of_these_objects_read(
    make_context: Callable[..., Any], objects: Objects
) -> None:
    ctx = make_context(OBJECTS.replace("p_sites", '"2-7788"'))
    events = []
    for name, values in (
        ("companies", {"phone": "+1 415 555 2699"}), ("p_sites", {"gate_phone": "+1 415 555 2698"}),
        ("companies", {"domain": "example.com"}),
    ):  # fmt: skip
        portal = objects.portals[name]
        portal.update(portal.ids[0], values)
        events += list(portal.events)
        portal.events.clear()
    assert hubspot_events.receive(ctx, events) == 2  # a domain is nothing to us
    with ctx.store.read() as connection:
        c = changed_records.c
        waiting = connection.execute(sa.select(c.object, c.record_id))
        assert {tuple(row) for row in waiting} == {
            ("companies", objects.ids("companies")[0]), ("2-7788", objects.ids("p_sites")[0]),
        }  # fmt: skip


def test_a_report_may_name_a_company(
    make_context: Callable[..., Any], sync: Sync, objects: Objects
) -> None:
    ctx = make_context(OBJECTS)
    sync(ctx, "hubspot")
    company = objects.ids("companies")[0]
    assert locate_record(ctx, "hubspot", f"companies/{company}") == ("companies", company)
