"""Any object with a phone: accounts of companies, cases, and objects of the org's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fixture_types import Sync

import connectors
from connectors.errors import InvalidRequestError
from connectors.owner_tasks import NewTask
from connectors.protocol import Connector
from connectors.records import Merge, Update
from connectors.schema_scan import to_toml
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.salesforce.more_objects import install, let_accounts_be_members
from worker.sync.runs.scope import Scope

OBJECTS = """
[connectors.salesforce.objects.Contact]
[connectors.salesforce.objects.Account]
phones = ["Phone"]
country = ["BillingCountry"]
source = "AccountSource"
[connectors.salesforce.objects.Case]
phones = ["SuppliedPhone"]
country = ["Account.BillingCountry"]
email = "SuppliedEmail"
source = "Origin"
[connectors.salesforce.objects.Site__c]
phones = ["Phone__c", "Gate_Phone__c"]
country = ["Account__r.BillingCountry"]
"""

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Objects:
    """The sandbox's org with these objects, and the ids of their records."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.ids = install(org)

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        return [dict(self.org.find(name, record_id) or {}) for record_id in self.ids[name]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox(SalesforceService(Org(contacts=4, leads=0)), HubSpotService(Portal(0)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def objects(sandbox: Sandbox) -> Objects:
    return Objects(sandbox.salesforce.org)


@pytest.fixture
def connector(make_settings: Callable[..., Any], objects: Objects) -> Iterator[Connector]:
    assert objects.ids  # they are there before the connector asks
    opened = connectors.build("salesforce", make_settings(OBJECTS))
    problems = opened.apply_schema(opened.describe())
    assert not problems
    yield opened
    opened.close()


def test_each_is_read_with_the_country_of_the_record_above_it(
    make_context: Callable[..., Any], sync: Sync, objects: Objects
) -> None:
    ctx = make_context(OBJECTS)
    result = sync(ctx, "salesforce")
    assert result["contacts"]["read"] == 4 + 9
    assert result["contacts"]["failed"] == 0
    assert [row["Phone_E164__c"] for row in objects["Account"]] == [
        "+14155552642", "+493022735140", "+442072194242",
    ]  # fmt: skip
    assert [row["Phone_E164__c"] for row in objects["Site__c"]] == [
        "+14155552681", "+493022735181", "+442072194281",
    ]  # fmt: skip
    assert all(row["SuppliedPhone_Status__c"] for row in objects["Case"])
    assert sync(ctx, "salesforce")["contacts"]["written"] == 0


@pytest.mark.usefixtures("objects")
def test_an_unchanged_pass_costs_one_call_more_for_each_object(
    make_context: Callable[..., Any], sync: Sync
) -> None:
    alone = make_context("[connectors.salesforce.objects.Contact]")
    sync(alone, "salesforce")
    before = sum(sync(alone, "salesforce")["api_calls"].values())
    ctx = make_context(OBJECTS)
    sync(ctx, "salesforce")
    calls = sum(sync(ctx, "salesforce")["api_calls"].values())
    assert calls <= before + 3  # three objects more


def test_a_person_account_is_read_once_as_the_contact_beside_it(
    make_context: Callable[..., Any], sync: Sync
) -> None:
    org = Org(contacts=2, leads=0, person_accounts=3)
    service = SalesforceService(org)
    ids = install(org)
    started = Sandbox(service, HubSpotService(Portal(0)))
    started.begin()
    try:
        ctx = make_context(OBJECTS, **started.env())
        assert sync(ctx, "salesforce")["contacts"]["read"] == 2 + 3 + 9
    finally:
        started.stop()
    people = [
        row for row in org.tables["Account"].after_id(None) if row["Id"] not in ids["Account"]
    ]
    assert len(people) == 3
    assert not any(row.get("Phone_Status__c") for row in people)


class TestACampaign:
    @pytest.fixture
    def campaign(self, objects: Objects) -> str:
        org = objects.org
        campaign = org.create("Campaign", {"Name": "Spring"})
        contact = next(iter(org.tables["Contact"].after_id(None)))["Id"]
        org.create("CampaignMember", {"CampaignId": campaign, "ContactId": contact})
        return campaign

    def members(self, connector: Connector) -> set[tuple[str, str]]:
        return set(connector.list_members("campaign", "Spring") or ())

    def test_may_have_accounts_as_members(
        self, connector: Connector, objects: Objects, campaign: str
    ) -> None:
        let_accounts_be_members(objects.org)
        first, second = objects.ids["Account"][:2]
        objects.org.create("CampaignMember", {"CampaignId": campaign, "AccountId": first})
        # One by name, whose row names the account that it works for.
        contact = next(iter(objects.org.tables["Contact"].after_id(None)))["Id"]
        both = {"CampaignId": campaign, "ContactId": contact, "AccountId": second}
        objects.org.create("CampaignMember", both)
        assert self.members(connector) == {("Contact", contact), ("Account", first)}

    def test_has_people_alone_where_the_org_does_not_know_accounts_as_members(
        self, connector: Connector, objects: Objects, campaign: str
    ) -> None:
        assert campaign
        assert {name for name, _id in self.members(connector)} == {"Contact"}


def test_owners_stay_as_they_were(
    make_context: Callable[..., Any], sync: Sync, objects: Objects
) -> None:
    """Assignment rules would run on cases and accounts (promise 21)."""
    owners = [row["OwnerId"] for name in ("Account", "Case") for row in objects[name]]
    sync(make_context(OBJECTS), "salesforce")
    assert [row["OwnerId"] for name in ("Account", "Case") for row in objects[name]] == owners


class TestIds:
    def test_tell_the_object_also_of_a_custom_one(
        self, connector: Connector, objects: Objects
    ) -> None:
        for name in ("Account", "Case", "Site__c"):
            assert connector.object_of(objects.ids[name][0]) == name
        with pytest.raises(InvalidRequestError):
            connector.object_of("a0Z5g0000000001")

    def test_are_rescanned(
        self, make_context: Callable[..., Any], sync: Sync, objects: Objects
    ) -> None:
        ctx = make_context(OBJECTS)
        sync(ctx, "salesforce")
        scope = Scope("ids", (objects.ids["Site__c"][0], objects.ids["Case"][0][:15]))
        assert sync(ctx, "salesforce", scope=scope)["contacts"]["read"] == 2


def test_a_case_is_named_by_its_number(connector: Connector, objects: Objects) -> None:
    named = connector.read_names("Case", objects.ids["Case"][:1])
    assert [(case.name, case.phones) for case in named] == [
        ("00001000", {"SuppliedPhone": "(415) 555-2670"})
    ]


class TestGone:
    def test_accounts_and_cases_live_on_where_they_were_merged(
        self, connector: Connector, objects: Objects
    ) -> None:
        for name in ("Account", "Case"):
            first, second, _ = objects.ids[name]
            objects.org.delete(name, second, master=first)
            assert connector.deleted(name, [second]) == {second: Merge(second, name, first)}

    def test_a_custom_object_has_no_merges(self, connector: Connector, objects: Objects) -> None:
        gone = objects.ids["Site__c"][0]
        objects.org.delete("Site__c", gone)
        assert connector.deleted("Site__c", [gone]) == {gone: None}
        (page,) = connector.read("Site__c", since=objects.org.clock.now().replace(year=2020))
        assert gone in page.deleted_ids


def test_an_account_of_a_company_has_no_do_not_call_of_its_own(connector: Connector) -> None:
    with pytest.raises(InvalidRequestError):
        connector.ticked("Account", "DoNotCall")


def test_writes_come_back_as_they_were_sent(connector: Connector, objects: Objects) -> None:
    for name, phone in (("Account", "Phone"), ("Site__c", "Phone__c")):
        record_id = objects.ids[name][0]
        (result,) = connector.write([Update(name, record_id, {f"status/{phone}": "valid"})])
        assert result.ok
        (contact,) = connector.fetch(name, [record_id])
        assert contact.current[f"status/{phone}"] == "valid"


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ("[connectors.salesforce.objects.Nope__c]\nphones = ['Phone__c']", "Nope__c"),
        ("[connectors.salesforce.objects.Case]\nphones = ['Nope__c']", "Case.Nope__c"),
    ],
)
@pytest.mark.usefixtures("objects")
def test_what_is_not_there_is_told_in_one_line(
    make_settings: Callable[..., Any], mapping: str, problem: str
) -> None:
    opened = connectors.build("salesforce", make_settings(mapping))
    try:
        lines = [str(problem) for problem in opened.apply_schema(opened.describe())]
    finally:
        opened.close()
    assert any(line.startswith(problem) and "our user" in line for line in lines)


class TestAScan:
    def test_proposes_phone_fields_with_how_full_they_are(
        self, make_settings: Callable[..., Any], objects: Objects, sandbox: Sandbox
    ) -> None:
        assert objects.ids
        sandbox.salesforce.counters.clear()
        opened = connectors.build("salesforce", make_settings())
        try:
            found = {scanned.object: scanned for scanned in opened.scan()}
            calls = sum(opened.calls.values())
        finally:
            opened.close()
        assert not any(scanned.problem for scanned in found.values())
        account, site = found["Account"], found["Site__c"]
        assert [(f.name, f.filled, f.proposed) for f in account.fields] == [
            ("Phone", 3, True), ("Fax", 0, False),
        ]  # fmt: skip
        assert site.records == 3
        assert [(f.name, f.proposed) for f in site.fields] == [
            ("Phone__c", True), ("Gate_Phone__c", False),
        ]  # fmt: skip
        assert all(f.watched for f in found["Contact"].fields if f.name != "Fax")
        assert calls == sandbox.salesforce.counters.total()
        assert to_toml("salesforce", found.values()).endswith(
            '[connectors.salesforce.objects.Site__c]\nphones = ["Phone__c"]\n'
            'country = ["Account__r.BillingCountry"]'
        )

    def test_what_it_prints_can_be_pasted(
        self, make_settings: Callable[..., Any], connector: Connector
    ) -> None:
        text = to_toml("salesforce", connector.scan())
        assert text == ""  # nothing is left to watch
        settings = make_settings(OBJECTS)
        assert set(settings.connectors.salesforce.objects) == set(connector.objects)

    def test_leaves_the_reserve_of_the_days_calls(
        self, make_settings: Callable[..., Any], objects: Objects, sandbox: Sandbox
    ) -> None:
        assert objects.ids
        sandbox.salesforce.daily_limit = 10
        opened = connectors.build("salesforce", make_settings())
        try:
            found = list(opened.scan())
        finally:
            opened.close()
        assert found[-1].problem.startswith("not looked at: salesforce")
        assert sandbox.salesforce.used <= 8


class TestWhatIsLoggedOnARecord:
    def test_a_call_with_nobody_is_about_the_account(
        self, connector: Connector, objects: Objects
    ) -> None:
        account = objects.ids["Account"][0]
        contact = next(iter(objects.org.tables["Contact"].by_id))
        for who in (None, contact):
            task = {"WhatId": account, "WhoId": who, "CallDisposition": "Wrong Number"}
            objects.org.create("Task", task)
        outcomes = connector.call_outcomes(BEGIN)
        assert outcomes is not None
        assert [(call.object, call.record_id) for call in outcomes] == [
            ("Account", account), ("Contact", contact),
        ]  # fmt: skip

    def test_a_task_for_the_owner_names_the_record(
        self, connector: Connector, objects: Objects
    ) -> None:
        maker = connector.owner_tasks()
        assert maker is not None
        for name in ("Account", "Site__c"):
            record_id = objects.ids[name][0]
            task = NewTask(name, record_id, "Phone: wrong number", "Phone", date(2026, 12, 1))
            (result,) = maker.create([task])
            assert result.state == "created"
            (again,) = maker.create([task])
            assert (again.state, again.task_id) == ("open", result.task_id)
            stored = objects.org.find("Task", result.task_id) or {}
            assert (stored["WhatId"], stored.get("WhoId")) == (record_id, None)


def test_a_bulk_job_brings_the_country_of_the_record_above(
    make_settings: Callable[..., Any], objects: Objects, sandbox: Sandbox
) -> None:
    sandbox.salesforce.bulk.seconds = 0
    sandbox.salesforce.page_limit = 1  # so that a query has more than it gives at once
    text = f"[connectors.salesforce]\nbulk_from = 1\n{OBJECTS}"
    opened = connectors.build("salesforce", make_settings(text))
    try:
        opened.apply_schema(opened.describe())
        read = [contact for page in opened.read("Site__c") for contact in page.contacts]
    finally:
        opened.close()
    assert [contact.id for contact in read] == objects.ids["Site__c"]
    assert [contact.country for contact in read] == ["United States", "Germany", "United Kingdom"]
    assert any("jobs/query" in route for route in sandbox.salesforce.counters)


def test_setup_makes_the_fields_of_each_object(make_settings: Callable[..., Any]) -> None:
    org = Org(contacts=1, leads=0, with_fields=False)
    install(org, with_fields=False)
    started = Sandbox(SalesforceService(org), HubSpotService(Portal(0)))
    started.begin()
    text = f'{OBJECTS}\n[connectors.salesforce.fields]\ndo_not_call = "DoNotCall"\n'
    opened = connectors.build("salesforce", make_settings(text, **started.env()))
    try:
        steps = list(opened.provision())
        assert not [step for step in steps if step.done == "failed"]
        assert not opened.apply_schema(opened.describe())
    finally:
        opened.close()
        started.stop()
    created = {step.what for step in steps if step.done == "created"}
    assert {"Account.Phone_Status__c", "Case.SuppliedPhone_E164__c", "Site__c.Gate_Phone_Status__c",
            "Site__c.Phone_Do_Not_Call__c"} <= created  # fmt: skip
    assert "Contact.Phone_Do_Not_Call__c" not in created  # it has the org's own
