"""A company's switchboard in both CRMs: the promises, for numbers of organisations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER, PUBLIC_URL
from fixture_types import Start, Sync
from processes import kill, until
from reports import deliver_reports, store_report, stored_reports

from connectors.records import Contact
from sandbox.hubspot import HubSpotService, Portal
from sandbox.hubspot.more_objects import Companies
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from sandbox.salesforce.more_objects import install
from sandbox.service import Fault
from worker.asking.candidates import select
from worker.asking.eligibility import Terms, judge, load, moment
from worker.asking.model import LeftOut, Selection
from worker.context import Context
from worker.feedback.report_log import ReportSet
from worker.ops import person_export
from worker.segments import counters, queries
from worker.store.tables import contacts
from worker.suppression.erasure import erase_contact, erase_number
from worker.sync.pages.fields import reader
from worker.sync.pages.reports import last_confirmed_date
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report
from worker.sync.undo.undo import undo

OBJECTS = """
[segments]
placeholder_from = 3
[connectors.salesforce.objects.Contact]
consent_date = "LastActivityDate"
[connectors.salesforce.objects.Account]
phones = ["Phone"]
country = ["BillingCountry"]
consent_date = "LastActivityDate"
[connectors.salesforce.fields]
confirm_link = "Phone_Confirm_Link__c"
[connectors.hubspot.objects.contacts]
[connectors.hubspot.objects.companies]
phones = ["phone"]
country = ["country"]
"""

SALESFORCE_WRITE = r"PATCH .*/composite/sobjects"
HUBSPOT_WRITE = r"POST .*/companies/batch/update"


class Desk:
    """A switchboard: an account and a company that have NUMBER, and two contacts who share it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.org = sandbox.salesforce.org
        self.account = install(self.org)["Account"][0]
        self.portal = Companies(0)
        sandbox.hubspot.install(self.portal)
        self.company = self.portal.ids[0]
        self.kim, self.lee = [row["Id"] for row in self.org.tables["Contact"].after_id(None)][:2]
        empty = dict.fromkeys(("Phone", "MobilePhone", "HomePhone", "OtherPhone"))
        for contact, email in ((self.kim, "kim@example.com"), (self.lee, "lee@example.com")):
            self.org.update("Contact", contact, {**empty, "Phone": NUMBER, "Email": email})
        self.org.update("Account", self.account, {"Phone": NUMBER})
        self.portal.update(self.company, {"phone": NUMBER})

    def record(self, name: str) -> dict[str, Any]:
        if name == "company":
            found = self.portal.find(self.company)
            return dict(found["properties"]) if found else {}
        object_name = "Account" if name == "account" else "Contact"
        return dict(self.org.find(object_name, getattr(self, name)) or {})

    def flagged(self, flag: str) -> set[str]:
        """Who has a flag: of `wrong_number`, `do_not_contact`."""
        field = {"wrong_number": "Wrong_Number__c", "do_not_contact": "Phone_Do_Not_Contact__c"}
        names = {name for name in ("account", "kim", "lee") if self.record(name).get(field[flag])}
        in_hubspot = self.record("company").get(f"hygiene_{flag}") == "true"
        return names | ({"company"} if in_hubspot else set())

    def renumber_companies(self, name: str) -> list[str]:
        """Give each company another number; return them in order of id."""
        numbers = [f"+1415555273{n}" for n in range(3)]
        if name == "salesforce":
            for row, number in zip(self._accounts(), numbers, strict=True):
                self.org.update("Account", row["Id"], {"Phone": number})
        else:
            for record_id, number in zip(self.portal.ids, numbers, strict=True):
                self.portal.update(record_id, {"phone": number})
        return numbers

    def numbers_of_companies(self, name: str) -> list[str]:
        """What we wrote as the companies' numbers."""
        if name == "salesforce":
            return [row["Phone_E164__c"] for row in self._accounts()]
        found = [self.portal.find(record_id) for record_id in self.portal.ids]
        return [record["properties"]["hygiene_phone_e164"] for record in found if record]

    def _accounts(self) -> list[dict[str, Any]]:
        return list(self.org.tables["Account"].after_id(None))

    def key(self, name: str) -> str:
        object_name = "Account" if name == "account" else "Contact"
        return f"salesforce/{object_name}/{getattr(self, name)}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox(SalesforceService(Org(contacts=2, leads=0)), HubSpotService(Portal(0)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    return Desk(sandbox)


@pytest.fixture
def ctx(make_context: Callable[..., Context], desk: Desk, sync: Sync) -> Context:
    link = {"type": "Url", "label": "Confirm Link"}
    for object_name in ("Contact", "Account"):
        desk.org.add_custom_field(object_name, "Phone_Confirm_Link__c", link, visible=True)
    made = make_context(OBJECTS, PUBLIC_URL=PUBLIC_URL)
    for name in ("salesforce", "hubspot"):
        assert sync(made, name)["contacts"]["failed"] == 0
    return made


EVERYBODY = {"account", "company", "kim", "lee"}


def test_a_stop_of_the_line_stands_on_every_record(ctx: Context, desk: Desk, sync: Sync) -> None:
    """Promise 7, and 2: nothing is written once more."""
    store_report(ctx, "opt_out", NUMBER)
    deliver_reports(ctx)
    assert desk.flagged("do_not_contact") == EVERYBODY
    for name in ("salesforce", "hubspot"):
        assert sync(ctx, name)["contacts"]["written"] == 0


def test_a_company_that_is_not_to_be_called_is_not_called_by_its_people(
    ctx: Context, desk: Desk, sync: Sync
) -> None:
    desk.org.update("Account", desk.account, {"Phone_Do_Not_Contact__c": True})
    sync(ctx, "salesforce")
    deliver_reports(ctx)
    assert desk.flagged("do_not_contact") == EVERYBODY
    advance_clock(ctx, minutes=1)
    flags = ("Phone_Do_Not_Contact__c", "Phone_Do_Not_Call__c", "Phone_Do_Not_Text__c")
    desk.org.update("Account", desk.account, dict.fromkeys(flags, False))
    sync(ctx, "salesforce")
    deliver_reports(ctx)
    assert desk.flagged("do_not_contact") == set()


def test_a_wrong_number_of_a_person_is_none_of_the_switchboards(ctx: Context, desk: Desk) -> None:
    """Promise 8."""
    store_report(ctx, "wrong_number", NUMBER, contact=desk.key("kim"))
    deliver_reports(ctx)
    assert desk.flagged("wrong_number") == {"kim"}
    store_report(ctx, "wrong_number", NUMBER, contact=desk.key("account"))
    deliver_reports(ctx)
    assert desk.flagged("wrong_number") == EVERYBODY


def test_a_flag_goes_with_the_number_and_comes_back_with_it(
    ctx: Context, desk: Desk, sync: Sync
) -> None:
    store_report(ctx, "wrong_number", NUMBER, contact=desk.key("account"))
    deliver_reports(ctx)
    for number, expected in ((OTHER, False), (NUMBER, True)):
        desk.org.update("Account", desk.account, {"Phone": number})
        sync(ctx, "salesforce")
        assert desk.record("account")["Wrong_Number__c"] is expected


def test_an_undo_gives_an_account_back_as_it_was(ctx: Context, desk: Desk, sync: Sync) -> None:
    before = desk.record("account")
    desk.org.update("Account", desk.account, {"Phone": "nobody knows"})
    result = sync(ctx, "salesforce")
    assert desk.record("account")["Phone_Status__c"] == "invalid"
    assert undo(ctx, result["run"]).records == 1
    assert desk.record("account")["Phone_Status__c"] == before["Phone_Status__c"]


def test_an_organisation_gets_no_link_and_is_asked_nothing(ctx: Context, desk: Desk) -> None:
    assert desk.record("kim")["Phone_Confirm_Link__c"].startswith(PUBLIC_URL)
    assert not desk.record("account").get("Phone_Confirm_Link__c")
    terms, at = Terms("text", "contract", Selection()), moment(ctx)
    with ctx.store.read() as connection:
        everybody = [
            candidate
            for batch in select(connection, ["salesforce"], Selection())
            for of_contact in batch
            for candidate in of_contact
            if candidate.number == NUMBER
        ]
        known = load(ctx, connection, everybody, at)
    reasons = {c.contact: judge(c, terms, known, at).reason for c in everybody}
    assert reasons[desk.key("account")] == LeftOut.ORGANISATION
    assert reasons[desk.key("kim")] == LeftOut.SHARED_NUMBER


def test_a_switchboard_on_many_contacts_is_no_placeholder(ctx: Context) -> None:
    counters.count(ctx)
    assert queries.list_shared_numbers(ctx) == []


def test_a_company_that_comes_later_meets_the_stop(ctx: Context, desk: Desk, sync: Sync) -> None:
    """Promise 7."""
    store_report(ctx, "opt_out", OTHER)
    deliver_reports(ctx)
    account = desk.org.create("Account", {"Name": "Late Ltd", "Phone": OTHER})
    company = desk.portal.create({"name": "Late Ltd", "phone": OTHER})
    for name in ("salesforce", "hubspot"):
        sync(ctx, name)
    assert (desk.org.find("Account", account) or {})["Phone_Do_Not_Contact__c"] is True
    found = desk.portal.find(company)
    assert found is not None
    assert found["properties"]["hygiene_do_not_contact"] == "true"
    assert desk.flagged("do_not_contact") == set()


def test_an_edit_between_our_read_and_our_write_is_not_missed(
    ctx: Context, desk: Desk, sandbox: Sandbox, sync: Sync
) -> None:
    """Promise 2."""
    desk.org.update("Account", desk.account, {"Phone": OTHER})
    edit = {"object": "Account", "id": desk.account, "set": {"Phone": "nobody knows"}}
    sandbox.salesforce.faults.append(Fault(SALESFORCE_WRITE, "act", action=edit))
    sync(ctx, "salesforce")
    assert desk.record("account")["Phone_Status__c"] == "valid"  # of what we had read
    sync(ctx, "salesforce")
    assert desk.record("account")["Phone_Status__c"] == "invalid"
    assert sync(ctx, "salesforce", "everything")["contacts"]["written"] == 0


@pytest.mark.parametrize(
    ("name", "write", "moment"),
    [("salesforce", SALESFORCE_WRITE, "delay"), ("hubspot", HUBSPOT_WRITE, "delay_after")],
)
def test_a_process_that_is_killed_amid_companies_loses_no_change(
    start: Start, make_context: Callable[..., Context], desk: Desk, sandbox: Sandbox, sync: Sync,
    name: str, write: str, moment: str,
) -> None:  # fmt: skip
    """Promise 1: before the CRM had our write, and after it had it but before we knew."""
    ctx = make_context(OBJECTS)
    sync(ctx, name)
    expected = desk.renumber_companies(name)
    fault = Fault(write, moment, seconds=300)
    getattr(sandbox, name).faults.append(fault)
    process = start("worker", "sync", name)
    until(lambda: fault.hits == 1, "the write")
    time.sleep(0.2)
    kill(process)
    run = lifecycle.find_resumable(ctx, name)
    assert run is not None
    assert run.state == "running"
    run_to_completion(ctx, lifecycle.resume(ctx, run.id).id)
    result = report.run_report(ctx, run.id, 100)
    ids = [(change["object"], change["id"]) for change in result["writes"]]
    assert (result["state"], result["contacts"]["failed"]) == ("done", 0)
    assert len(ids) == len(set(ids)) == result["contacts"]["written"] == len(expected)
    assert desk.numbers_of_companies(name) == expected
    assert stored_reports(ctx) == []


class TestAPersonsData:
    def test_is_exported_without_the_company(self, ctx: Context, desk: Desk) -> None:
        person = person_export.person_by_number(ctx, NUMBER)
        assert set(person.contacts) == {desk.key("kim"), desk.key("lee")}

    def test_is_erased_and_the_companys_record_stays(
        self, ctx: Context, desk: Desk, sync: Sync
    ) -> None:
        erase_number(ctx, NUMBER, "an admin")
        with ctx.store.read() as connection:
            known = set(connection.scalars(sa.select(contacts.c.record_id)))
        assert {desk.account, desk.company} <= known
        assert not {desk.kim, desk.lee} & known
        for name in ("salesforce", "hubspot"):
            sync(ctx, name, "everything")
        assert desk.flagged("do_not_contact") == EVERYBODY

    def test_of_one_of_them_leaves_the_switchboard_as_it_is(
        self, ctx: Context, desk: Desk, sync: Sync
    ) -> None:
        erase_contact(ctx, "salesforce", "Contact", desk.kim, "an admin")
        sync(ctx, "hubspot", "everything")
        assert "company" not in desk.flagged("do_not_contact")


def test_nobody_asks_whether_a_switchboard_was_reassigned(ctx: Context) -> None:
    """Neither a date of consent on its record nor a confirmation makes a company somebody from whom
    a number could be taken."""
    read = reader(ctx, "salesforce")
    dates = {
        name: last_confirmed_date(
            ctx,
            read(Contact(name, "id", {"Phone": NUMBER}, consent_date="2026-01-31")),
            ReportSet(),
            NUMBER,
        )
        for name in ("Account", "Contact")
    }
    assert dates == {"Account": None, "Contact": date(2026, 1, 31)}
