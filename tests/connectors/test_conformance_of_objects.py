"""Objects beside people pass what every connector passes: accounts of companies and an object of
the org's own (Salesforce), companies (HubSpot). What does not depend on the object is tested once,
in test_conformance.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from limits import lower_limits

import connectors
from config.settings import Settings
from connectors import conformance
from connectors.protocol import Connector
from sandbox.hubspot import HubSpotService, Portal
from sandbox.hubspot.more_objects import Companies
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.salesforce.more_objects import install

OBJECTS = {
    "salesforce Account": """
[connectors.salesforce.objects.Account]
phones = ["Phone"]
country = ["BillingCountry"]
source = "AccountSource"
""",
    "salesforce Site__c": """
[connectors.salesforce.objects.Site__c]
phones = ["Phone__c", "Gate_Phone__c"]
country = ["Account__r.BillingCountry"]
""",
    "hubspot companies": """
[connectors.hubspot.objects.companies]
phones = ["phone"]
country = ["country"]
""",
}
COUNT = 20
PAGE = 7


@pytest.fixture(params=OBJECTS)
def declared(request: pytest.FixtureRequest) -> str:
    """The connection and the object that are tested."""
    return str(request.param)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox(SalesforceService(Org(0, 0)), HubSpotService(Portal(0)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def driver(declared: str, sandbox: Sandbox) -> OrgDriver | CompaniesDriver:
    if declared.startswith("hubspot"):
        return CompaniesDriver(sandbox)
    return OrgDriver(sandbox, declared.split()[1])


@pytest.fixture
def settings(declared: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(OBJECTS[declared])


@pytest.fixture
def another(
    declared: str, settings: Settings, driver: conformance.Driver, sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], Connector]]:  # fmt: skip
    """Another connector to the same records, with small pages."""
    assert driver.typed()  # the object is there before a connector asks for it
    opened: list[Connector] = []

    def opens() -> Connector:
        if opened:  # all but the first read small pages
            lower_limits(monkeypatch, hubspot_list_page=PAGE)
            sandbox.salesforce.page_limit = PAGE
        opened.append(connectors.build(declared.split()[0], settings))
        assert opened[-1].apply_schema(opened[-1].describe()) == []
        return opened[-1]

    yield opens
    for connector in opened:
        connector.close()


@pytest.fixture
def connector(another: Callable[[], Connector]) -> Connector:
    return another()


class OrgDriver:
    """People at work on one object of the sandbox's org."""

    refuses_values = True
    nobody = "003000000000000AAA"

    def __init__(self, sandbox: Sandbox, object_name: str) -> None:
        self.object = object_name
        self.tells_merges = not object_name.endswith("__c")
        self._service, org = sandbox.salesforce, sandbox.salesforce.org
        self._phone = {"Account": "Phone", "Site__c": "Phone__c"}[object_name]
        install(org)
        stamp = org.clock.now() - timedelta(days=30)
        for n in range(COUNT - 3):  # three are there
            org.create(object_name, {"Name": f"Works {n}", self._phone: f"(415) 555-27{n:02}"},
                       stamp)  # fmt: skip

    def typed(self) -> dict[str, dict[str, str]]:
        rows = self._service.org.tables[self.object].after_id(None)
        return {
            row["Id"]: {self._phone: str(row.get(self._phone) or "")}
            for row in rows
            if not row["IsDeleted"]
        }

    def edit(self, record_id: str, phone: str, text: str) -> None:
        self._service.act(self.object, record_id, {"set": {phone: text}})

    def delete(self, record_id: str) -> None:
        self._service.act(self.object, record_id, {"delete": True})

    def merge(self, record_id: str, into: str) -> str:
        """Custom objects cannot be merged: people delete the one that is too many."""
        action = {"merge_into": into} if self.tells_merges else {"delete": True}
        self._service.act(self.object, record_id, action)
        return into

    def hide(self, record_ids: Sequence[str]) -> None:
        self._service.org.sharing.hide(list(record_ids))


class CompaniesDriver:
    """People at work on the companies of the sandbox's HubSpot account."""

    object = "companies"
    refuses_values = tells_merges = True
    nobody = "999999999"

    def __init__(self, sandbox: Sandbox) -> None:
        self._portal = Companies(0)
        sandbox.hubspot.install(self._portal)
        stamp = self._portal.clock.now() - timedelta(days=30)
        for n in range(COUNT - 3):
            self._portal.create({"name": f"Works {n}", "phone": f"(415) 555-27{n:02}"}, stamp)

    def typed(self) -> dict[str, dict[str, str]]:
        rows = self._portal.table.after_id(None)
        return {
            row["id"]: {"phone": str(row["properties"].get("phone") or "")}
            for row in rows
            if not row["archived"]
        }

    def edit(self, record_id: str, phone: str, text: str) -> None:
        self._portal.update(record_id, {phone: text})

    def delete(self, record_id: str) -> None:
        self._portal.archive(record_id)

    def merge(self, record_id: str, into: str) -> str:
        merged = self._portal.merge(into, record_id)
        assert merged is not None
        return str(merged["id"])

    def hide(self, record_ids: Sequence[str]) -> None:
        for record_id in record_ids:
            self._portal.table.take(record_id)


class TestReading(conformance.Reading): ...


class TestNames(conformance.Names): ...


class TestWriting(conformance.Writing): ...


class TestIncrements(conformance.Increments): ...


class TestWhatIsGone(conformance.WhatIsGone): ...
