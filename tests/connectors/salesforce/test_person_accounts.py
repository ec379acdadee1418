"""Person accounts: people whom an org keeps as an account and a contact in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fixture_types import Sync

from connectors import build
from connectors.salesforce.soql import full_id
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from worker.feedback.intake import store_reports
from worker.feedback.sources.dispositions import poll
from worker.feedback.sources.submitted_reports import Report, to_feedback
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate
from worker.sync.runs.scope import Scope

ACCOUNTS = """
[connectors.salesforce.objects.Contact]
[connectors.salesforce.objects.Lead]
[connectors.salesforce.objects.Account]
phones = ["Phone", "PersonMobilePhone"]
country = ["PersonMailingCountry"]
email = "PersonEmail"
source = "PersonLeadSource"
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    org = Org(contacts=20, leads=5, person_accounts=12)
    started = Sandbox(SalesforceService(org), HubSpotService(Portal(5)))
    started.begin()
    yield started
    started.stop()


def test_they_are_read_and_written_as_accounts_and_their_contacts_left_alone(
    make_context: Callable[..., Any], sync: Sync, sandbox: Sandbox
) -> None:
    ctx = make_context(ACCOUNTS)
    result = sync(ctx, "salesforce")
    assert result["contacts"]["read"] == 20 + 5 + 12
    assert result["contacts"]["failed"] == 0
    tables = sandbox.salesforce.org.tables
    for row in tables["Account"].after_id(None):
        for phone in ("Phone", "PersonMobilePhone"):
            typed = (row.get(phone) or "").strip()
            assert bool(row.get(f"{phone}_Status__c")) == bool(typed)
    people = [row for row in tables["Contact"].after_id(None) if row["IsPersonAccount"]]
    assert len(people) == 12
    assert not any(row.get("Phone_Status__c") for row in people)
    assert sync(ctx, "salesforce")["contacts"]["written"] == 0


def test_without_the_setting_they_are_kept_as_the_contacts_beside_them(
    make_context: Callable[..., Any], sync: Sync, sandbox: Sandbox
) -> None:
    """The contact beside a person account can be changed like any other."""
    ctx = make_context()
    result = sync(ctx, "salesforce")
    assert result["contacts"]["failed"] == 0
    rows = sandbox.salesforce.org.tables["Contact"].after_id(None)
    for row in (row for row in rows if row["IsPersonAccount"]):
        assert bool(row.get("Phone_Status__c")) == bool((row.get("Phone") or "").strip())
    assert sync(ctx, "salesforce")["contacts"]["written"] == 0


class TestTheContactBesideAnAccount:
    """What is logged about a person account names the contact that the org keeps beside it."""

    @pytest.fixture
    def ctx(self, make_context: Callable[..., Any], sync: Sync) -> Any:
        context = make_context(ACCOUNTS)
        sync(context, "salesforce")
        return context

    @pytest.fixture
    def person(self, sandbox: Sandbox) -> dict[str, Any]:
        accounts = sandbox.salesforce.org.tables["Account"].after_id(None)
        return next(row for row in accounts if (row.get("Phone") or "").startswith("+"))

    def account(self, sandbox: Sandbox, person: dict[str, Any]) -> dict[str, Any]:
        return sandbox.salesforce.org.tables["Account"].get(person["Id"]) or {}

    def test_an_agents_wrong_number_reaches_the_account(
        self, ctx: Any, sandbox: Sandbox, person: dict[str, Any]
    ) -> None:
        task = {"WhoId": person["PersonContactId"], "CallDisposition": "Wrong Number"}
        sandbox.salesforce.org.create("Task", task)
        assert poll(ctx, "salesforce") >= 1
        apply_pending(ctx)
        propagate(ctx, "salesforce")
        assert self.account(sandbox, person)["Wrong_Number__c"] is True

    def test_a_report_that_names_the_contact_reaches_the_account(
        self, ctx: Any, sandbox: Sandbox, person: dict[str, Any]
    ) -> None:
        about = {"connector": "salesforce", "id": person["PersonContactId"]}
        reports = to_feedback(ctx, Report.model_validate({"kind": "opt_out", "contact": about}))
        assert store_reports(ctx, reports) >= 1
        apply_pending(ctx)
        propagate(ctx, "salesforce")
        assert self.account(sandbox, person)["Phone_Do_Not_Contact__c"] is True

    def test_a_rescan_of_the_contact_looks_at_the_account(
        self, ctx: Any, sandbox: Sandbox, sync: Sync, person: dict[str, Any]
    ) -> None:
        sandbox.salesforce.org.update("Account", person["Id"], {"Phone_Status__c": None})
        scope = Scope("ids", (person["PersonContactId"], person["PersonContactId"][:15]))
        result = sync(ctx, "salesforce", scope=scope)
        assert (result["contacts"]["read"], result["contacts"]["written"]) == (1, 1)
        assert self.account(sandbox, person)["Phone_Status__c"]

    def test_campaign_members_are_the_accounts(
        self, ctx: Any, sandbox: Sandbox, person: dict[str, Any]
    ) -> None:
        org = sandbox.salesforce.org
        campaign = org.create("Campaign", {"Name": "People", "IsActive": True})
        member = {"CampaignId": campaign, "ContactId": person["PersonContactId"]}
        org.create("CampaignMember", member)
        members = ctx.open("salesforce").list_members("campaign", "People")
        assert list(members or ()) == [("Account", person["Id"])]

    def test_ordinary_contacts_are_their_own(self, ctx: Any, sandbox: Sandbox) -> None:
        contacts = sandbox.salesforce.org.tables["Contact"].after_id(None)
        plain = next(row["Id"] for row in contacts if not row.get("IsPersonAccount"))
        assert ctx.open("salesforce").locate([plain, plain[:15]]) == [("Contact", plain)] * 2

    def test_nothing_is_asked_where_accounts_are_not_read(
        self, make_context: Callable[..., Any], person: dict[str, Any]
    ) -> None:
        connector = build("salesforce", make_context().settings)
        id_of_15 = person["PersonContactId"][:15]
        assert connector.locate([id_of_15]) == [("Contact", full_id(id_of_15))]
        assert connector.calls.get("read", 0) == 0
        connector.close()


def test_the_email_opt_out_is_one_checkbox_under_two_names(sandbox: Sandbox) -> None:
    org = sandbox.salesforce.org
    first, second = list(org.tables["Account"].after_id(None))[:2]
    org.update("Account", first["Id"], {"PersonHasOptedOutOfEmail": True})
    org.update("Contact", second["PersonContactId"], {"HasOptedOutOfEmail": True})
    contact = org.find("Contact", first["PersonContactId"])
    account = org.find("Account", second["Id"])
    assert contact is not None
    assert account is not None
    assert contact["HasOptedOutOfEmail"] is account["PersonHasOptedOutOfEmail"] is True
