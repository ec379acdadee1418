"""Who has opted out of email in the CRM is not emailed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from asking_support import index, messages, request
from clocks import advance_clock
from constants import BRITISH
from email_desk import BOTH, KIM, LEE, LONDON, OPTED_IN, OPTED_OUT, Desk, OpenDesk, lead_of

from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService, more_objects
from worker.asking import campaigns, records
from worker.ops import doctor_checks

PEOPLE = BOTH + (
    "[connectors.salesforce.objects.Account]\n"
    'phones = ["Phone", "PersonMobilePhone"]\ncountry = ["PersonMailingCountry"]\n'
    'email = "PersonEmail"\nowner = "person"\n'
)
FIELD = {name: next(iter(values)) for name, values in OPTED_OUT.items()}
each_crm = pytest.mark.parametrize("crm", ["salesforce", "hubspot"])


class TestAContactThatOptedOutOfEmail:
    @each_crm
    def test_is_not_emailed_and_counts_under_a_reason_of_its_own(
        self, desk: Desk, crm: str
    ) -> None:
        record = desk.contact(crm)
        desk.set(crm, record, OPTED_OUT[crm])
        desk.start()
        assert desk.send() == 0
        assert desk.emailed == []
        assert desk.reasons() == {"email_opt_out": 1}

    @each_crm
    def test_counts_also_if_it_was_ticked_after_the_start(self, desk: Desk, crm: str) -> None:
        record = desk.contact(crm)
        desk.start()
        desk.set(crm, record, OPTED_OUT[crm])
        desk.send()
        assert desk.emailed == []
        assert desk.reasons() == {"email_opt_out": 1}

    @each_crm
    def test_counts_also_between_two_attempts(self, desk: Desk, crm: str) -> None:
        record = desk.contact(crm)
        desk.mail.greylisted = {KIM}
        desk.start()
        desk.send()
        assert messages(desk.ctx)[0].state == "waiting"
        desk.set(crm, record, OPTED_OUT[crm])
        advance_clock(desk.ctx, minutes=6)
        desk.send()
        assert desk.emailed == []
        assert desk.reasons() == {"email_opt_out": 1}

    @each_crm
    def test_is_emailed_again_once_it_is_unticked(self, desk: Desk, crm: str) -> None:
        record = desk.contact(crm)
        desk.set(crm, record, OPTED_OUT[crm])
        desk.set(crm, record, OPTED_IN[crm])
        desk.start()
        assert desk.send() == 1
        assert desk.emailed == [KIM]

    @each_crm
    def test_is_asked_by_text_without_a_call_for_it(self, desk: Desk, crm: str) -> None:
        """It is an opt-out from email; texts have their own."""
        record = desk.contact(crm)
        desk.set(crm, record, OPTED_OUT[crm])
        desk.start()
        before = desk.ctx.calls(crm).get("read", 0)
        [recipient] = records.read(desk.ctx, messages(desk.ctx), "text").values()
        assert recipient.reason == ""
        assert desk.ctx.calls(crm)["read"] - before == 1

    def test_is_a_lead_too(self, desk: Desk) -> None:
        org = desk.sandbox.salesforce.org
        lead = next(r["Id"] for r in org.tables["Lead"].after_id(None) if not r["IsDeleted"])
        values = {"Phone": BRITISH, "MobilePhone": "", "Country": "Austria", "Email": KIM}
        desk.set("salesforce", lead, {**values, "HasOptedOutOfEmail": True}, of="Lead")
        desk.know("salesforce", "Lead", lead, "Phone", KIM, BRITISH)
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})


class TestAPersonAccount:
    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        org = Org(contacts=3, leads=1, person_accounts=2)
        started = Sandbox(SalesforceService(org), HubSpotService(Portal(1)))
        started.begin()
        yield started
        started.stop()

    @pytest.fixture
    def desk(self, open_desk: OpenDesk) -> Desk:
        return open_desk(PEOPLE)

    @pytest.mark.parametrize("opted_out", [True, False])
    def test_has_the_field_under_another_name(self, desk: Desk, opted_out: bool) -> None:
        org = desk.sandbox.salesforce.org
        account = next(iter(org.tables["Account"].after_id(None)))["Id"]
        values = {
            "Phone": BRITISH, "PersonMobilePhone": "", "PersonMailingCountry": "Austria",
            "PersonEmail": KIM, "PersonHasOptedOutOfEmail": opted_out,
        }  # fmt: skip
        desk.set("salesforce", account, values, of="Account")
        desk.know("salesforce", "Account", account, "Phone", KIM, BRITISH)
        desk.start()
        desk.send()
        assert desk.emailed == [KIM] * (not opted_out)
        assert desk.reasons() == ({"email_opt_out": 1} if opted_out else {})


class TestAnObjectWithoutSuchAField:
    """A case has none. Its contact has, if the address is the contact's."""

    CASES = BOTH + (
        "[connectors.salesforce.objects.Case]\n"
        'phones = ["SuppliedPhone"]\ncountry = ["Contact.MailingCountry"]\nemail = "{email}"\n'
        'owner = "person"\n'
    )

    def desk(self, open_desk: OpenDesk, sandbox: Sandbox, email: str) -> tuple[Desk, str, str]:
        case = more_objects.install(sandbox.salesforce.org)["Case"][0]
        desk = open_desk(self.CASES.replace("{email}", email))
        contact = desk.crm("salesforce").ids()[0]
        desk.set("salesforce", contact, {"Email": KIM, "MailingCountry": "Austria"})
        values = {"ContactId": contact, "SuppliedPhone": BRITISH, "SuppliedEmail": KIM}
        desk.set("salesforce", case, values, of="Case")
        desk.know("salesforce", "Case", case, "SuppliedPhone", KIM, BRITISH)
        return desk, case, contact

    @pytest.mark.parametrize("email", ["SuppliedEmail", "Contact.Email"])
    def test_is_asked(self, open_desk: OpenDesk, sandbox: Sandbox, email: str) -> None:
        desk, _case, _contact = self.desk(open_desk, sandbox, email)
        desk.start()
        desk.send()
        assert desk.emailed == [KIM]

    def test_is_not_asked_at_the_address_of_a_contact_that_opted_out(
        self, open_desk: OpenDesk, sandbox: Sandbox
    ) -> None:
        desk, _case, contact = self.desk(open_desk, sandbox, "Contact.Email")
        desk.set("salesforce", contact, OPTED_OUT["salesforce"])
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})


class TestWhereItCannotBeRead:
    """In doubt, nobody is emailed."""

    @each_crm
    def test_nobody_is_emailed(self, desk: Desk, crm: str) -> None:
        desk.contact(crm)
        desk.crm(crm).hide_field(FIELD[crm])
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})

    @each_crm
    def test_people_are_emailed_once_it_is_granted(self, desk: Desk, crm: str) -> None:
        desk.contact(crm)
        desk.crm(crm).hide_field(FIELD[crm])
        desk.start("before")
        desk.send()
        assert desk.emailed == []
        desk.crm(crm).show_field(FIELD[crm])
        desk.start("after")
        desk.send()
        assert desk.emailed == [KIM]

    @each_crm
    def test_doctor_and_preview_say_what_to_grant(self, desk: Desk, crm: str) -> None:
        desk.contact(crm)
        desk.ctx.connector(crm, fresh=True)
        assert list(doctor_checks.check_email_opt_outs(desk.ctx, crm)) == []
        assert campaigns.plan(desk.ctx, request(channel="email")).notes == []
        desk.crm(crm).hide_field(FIELD[crm])
        desk.ctx.connector(crm, fresh=True)
        checks = list(doctor_checks.check_email_opt_outs(desk.ctx, crm))
        assert {check.verdict for check in checks} == {"warning"}
        assert all(FIELD[crm] in check.text and "email" in check.text for check in checks)
        notes = campaigns.plan(desk.ctx, request(channel="email")).notes
        assert [FIELD[crm] in note for note in notes] == [True] * len(checks)

    @each_crm
    def test_nothing_is_said_before_the_schema_was_read_by_this_release(
        self, desk: Desk, crm: str
    ) -> None:
        desk.contact(crm)
        assert campaigns.plan(desk.ctx, request(channel="email")).notes == []

    def test_doctor_says_nothing_where_nobody_asks_by_email(self, desk: Desk) -> None:
        desk.crm("salesforce").hide_field("HasOptedOutOfEmail")
        desk.ctx.connector("salesforce", fresh=True)
        desk.ctx.settings = desk.ctx.settings.model_copy(update={"smtp_url": ""})
        assert list(doctor_checks.check_email_opt_outs(desk.ctx, "salesforce")) == []

    @pytest.mark.parametrize(("crm", "value"), [("salesforce", None), ("hubspot", "perhaps")])
    def test_by_a_value_that_is_neither_yes_nor_no(
        self, desk: Desk, crm: str, value: str | None
    ) -> None:
        record = desk.contact(crm)
        desk.set(crm, record, {FIELD[crm]: value} if value else {})
        if crm == "salesforce":
            stored = desk.sandbox.salesforce.org.tables["Contact"].get(record)
            assert stored is not None
            stored["HasOptedOutOfEmail"] = None
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})

    @each_crm
    def test_a_crm_that_does_not_answer_is_waited_for(self, desk: Desk, crm: str) -> None:
        desk.contact(crm)
        desk.start()
        match = r"GET .*/query" if crm == "salesforce" else r"POST .*/contacts/batch/read"
        desk.ctx.connector(crm)
        desk.crm(crm).fault(match, "status", nth=2, status=400, body={"message": "not now"})
        desk.send()
        assert desk.emailed == []
        assert messages(desk.ctx)[0].state == "waiting"
        advance_clock(desk.ctx, minutes=6)
        desk.send()
        assert desk.emailed == [KIM]


class TestHubSpot:
    @pytest.mark.parametrize("value", ["", "false"])
    def test_no_value_is_no_opt_out(self, desk: Desk, value: str) -> None:
        record = desk.contact("hubspot")
        desk.set("hubspot", record, {"hs_email_optout": value})
        desk.start()
        desk.send()
        assert desk.emailed == [KIM]

    @pytest.mark.parametrize("name", ["hs_email_bad_address", "hs_email_quarantined"])
    def test_an_address_that_it_does_not_send_to_gets_no_email(self, desk: Desk, name: str) -> None:
        record = desk.contact("hubspot")
        desk.set("hubspot", record, {name: "true"})
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"bad_email": 1})

    def test_an_account_without_these_two_is_asked(self, desk: Desk) -> None:
        desk.contact("hubspot")
        for name in ("hs_email_bad_address", "hs_email_quarantined"):
            desk.crm("hubspot").hide_field(name)
        desk.start()
        desk.send()
        assert desk.emailed == [KIM]


class TestAnotherRecordOfThePerson:
    """An opt-out is of the address, in whichever CRM it is."""

    @pytest.mark.parametrize(("asked", "other"), [("salesforce", "hubspot"),
                                                  ("hubspot", "salesforce")])  # fmt: skip
    def test_opts_the_address_out(self, desk: Desk, asked: str, other: str) -> None:
        desk.contact(asked)
        record = desk.contact(other, number=LONDON)
        desk.set(other, record, OPTED_OUT[other])
        desk.start(connector=asked)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_of_another_address_does_not(self, desk: Desk) -> None:
        desk.contact("salesforce")
        record = desk.contact("hubspot", LEE, LONDON)
        desk.set("hubspot", record, OPTED_OUT["hubspot"])
        desk.start()
        desk.send()
        assert desk.emailed == [KIM]
        assert desk.reasons() == {"email_opt_out": 1}

    def test_is_found_by_the_address_as_it_is_now(self, desk: Desk) -> None:
        """Somebody typed another address into the record since the last sync."""
        record = desk.contact("salesforce")
        desk.set("hubspot", desk.contact("hubspot", LEE, LONDON), OPTED_OUT["hubspot"])
        desk.start()
        desk.set("salesforce", record, {"Email": "Lee@example.com"})
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 2})

    def test_that_was_merged_is_followed_to_where_it_lives_on(self, desk: Desk) -> None:
        desk.contact("salesforce")
        gone = desk.contact("hubspot", KIM, LONDON)
        into = desk.crm("hubspot").ids()[1]
        desk.crm("hubspot").act(gone, {"merge_into": into})
        lives_on = desk.sandbox.hubspot.portal.merged[gone]
        desk.set("hubspot", lives_on, OPTED_OUT["hubspot"])
        desk.start(connector="salesforce")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_that_is_deleted_says_nothing(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.crm("hubspot").act(desk.contact("hubspot", number=LONDON), {"delete": True})
        desk.start(connector="salesforce")
        desk.send()
        assert desk.emailed == [KIM]

    def test_of_a_crm_that_is_no_longer_connected_cannot_be_read(self, desk: Desk) -> None:
        desk.contact("salesforce")
        person = desk.ctx.keys.person_aliases(KIM)[0]
        at = ("hubspot-old", "contacts")
        index(desk.ctx, "1", LONDON, {"phone": "valid"}, at, country="AT", person=person)
        desk.start(connector="salesforce")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})

    def test_of_a_list_that_is_no_longer_connected_says_nothing(self, desk: Desk) -> None:
        desk.contact("salesforce")
        person = desk.ctx.keys.person_aliases(KIM)[0]
        index(desk.ctx, "1", LONDON, {"phone": "valid"}, ("csv", "row"), person=person)
        desk.start(connector="salesforce")
        desk.send()
        assert desk.emailed == [KIM]


class TestARecordThatWeHaveNotReadSoFar:
    """The CRM itself is asked for the address, just before the email is sent."""

    @pytest.mark.parametrize("asked", ["salesforce", "hubspot"])
    @pytest.mark.parametrize("other", ["salesforce", "hubspot"])
    def test_opts_the_address_out(self, desk: Desk, asked: str, other: str) -> None:
        desk.contact(asked)
        desk.start()
        desk.stranger(other)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    @each_crm
    def test_that_is_new_does_so_as_well(self, desk: Desk, crm: str) -> None:
        desk.contact("salesforce")
        desk.start()
        if crm == "salesforce":
            values = {"LastName": "Doe", "Email": KIM, "HasOptedOutOfEmail": True}
            desk.sandbox.salesforce.org.create("Contact", values)
        else:
            desk.sandbox.hubspot.portal.create({"email": KIM, "hs_email_optout": "true"})
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    @each_crm
    def test_is_found_however_the_address_is_written(self, desk: Desk, crm: str) -> None:
        desk.contact("salesforce", "Kim@Example.com")
        desk.start()
        desk.stranger(crm, "KIM@example.COM")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    @each_crm
    def test_of_somebody_else_says_nothing(self, desk: Desk, crm: str) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.stranger(crm, "x" + KIM)
        desk.send()
        assert desk.emailed == [KIM]

    @each_crm
    def test_that_did_not_opt_out_says_nothing(self, desk: Desk, crm: str) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.stranger(crm, values={})
        desk.send()
        assert desk.emailed == [KIM]

    def test_may_be_a_lead(self, desk: Desk) -> None:
        desk.contact("hubspot")
        desk.start()
        desk.set("salesforce", lead_of(desk), {"Email": KIM, "HasOptedOutOfEmail": True}, "Lead")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_may_be_a_lead_also_where_leads_are_not_read(self, open_desk: OpenDesk) -> None:
        only_contacts = BOTH + (
            '[connectors.salesforce.objects.Contact]\nphones = ["Phone"]\n'
            'country = ["MailingCountry"]\nemail = "Email"\n'
        )
        desk = open_desk(only_contacts)
        desk.contact("salesforce")
        desk.start()
        desk.set("salesforce", lead_of(desk), {"Email": KIM, "HasOptedOutOfEmail": True}, "Lead")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_may_have_it_in_another_email_field_that_is_mapped(
        self, open_desk: OpenDesk, sandbox: Sandbox
    ) -> None:
        mapped = BOTH + (
            '[connectors.salesforce.objects.Contact]\nphones = ["Phone"]\n'
            'country = ["MailingCountry"]\nemail = "Work_Email__c"\n'
        )
        metadata = {"type": "Text", "length": 80, "label": "Work Email"}
        sandbox.salesforce.org.add_custom_field("Contact", "Work_Email__c", metadata, visible=True)
        desk = open_desk(mapped)
        desk.contact("hubspot")
        desk.start()
        desk.stranger("salesforce", LEE, {"Work_Email__c": KIM, "HasOptedOutOfEmail": True})
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_that_hides_its_opt_out_keeps_its_own_address_from_email_alone(
        self, desk: Desk
    ) -> None:
        """Our user may not see the field on leads."""
        desk.contact("hubspot")
        desk.contact("hubspot", LEE, LONDON, nth=2)
        desk.start()
        desk.set("salesforce", lead_of(desk), {"Email": KIM}, "Lead")
        desk.sandbox.salesforce.org.schema["Lead"][1]["HasOptedOutOfEmail"].readable = False
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([LEE], {"email_opt_out_unknown": 1})

    def test_cannot_be_searched_for_where_addresses_are_encrypted(self, desk: Desk) -> None:
        """By Shield, with the scheme that allows no filter."""
        desk.contact("hubspot")
        desk.sandbox.salesforce.org.schema["Contact"][1]["Email"].encrypted = True
        desk.ctx.connector("salesforce", fresh=True)
        checks = list(doctor_checks.check_email_opt_outs(desk.ctx, "salesforce"))
        assert ["encrypted" in check.text for check in checks] == [True]
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})

    @each_crm
    def test_is_waited_for_if_the_crm_does_not_answer(self, desk: Desk, crm: str) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.stranger(crm)
        desk.ctx.connector(crm)
        match = r"POST .*/composite/$" if crm == "salesforce" else r"POST .*/contacts/batch/read"
        desk.crm(crm).fault(match, "status", status=400, body={"message": "not now"})
        desk.send()
        assert desk.emailed == []
        assert messages(desk.ctx)[0].state == "waiting"
        advance_clock(desk.ctx, minutes=6)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})


class TestAFurtherAddressOfAHubSpotContact:
    """A contact has further addresses after a merge; its opt-out counts for each of them."""

    FURTHER: ClassVar[dict[str, Any]] = {
        "hs_additional_emails": f"other@example.com;{KIM}", **OPTED_OUT["hubspot"],
    }  # fmt: skip

    def test_is_opted_out_with_the_contact(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.stranger("hubspot", LEE, self.FURTHER)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_is_found_before_the_search_knows_of_it(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.sandbox.hubspot.search_lag = 3600
        desk.stranger("hubspot", LEE, self.FURTHER)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_is_found_by_the_search_where_a_batch_read_takes_own_addresses_alone(
        self, desk: Desk
    ) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.sandbox.hubspot.portal.finds_further_addresses = False
        desk.stranger("hubspot", LEE, self.FURTHER)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_counts_also_if_the_account_does_not_show_it(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.stranger("hubspot", LEE, self.FURTHER)
        desk.crm("hubspot").hide_field("hs_additional_emails")
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})


class TestCalls:
    """For all that are read at once: what docs/asking.md says."""

    @each_crm
    def test_are_few_however_many_are_asked(self, desk: Desk, crm: str) -> None:
        number = int(BRITISH[1:])
        for nth in range(5):
            desk.contact(crm, f"kim{nth}@example.com", f"+{number + nth}", nth)
        desk.start()
        before = {name: dict(desk.ctx.connector(name).calls) for name in OPTED_OUT}
        desk.send()
        assert len(desk.emailed) == 5
        calls = {
            name: +Counter({kind: n - before[name].get(kind, 0)
                            for kind, n in desk.ctx.connector(name).calls.items()})
            for name in OPTED_OUT
        }  # fmt: skip
        # Of subscriptions, one for a contact's own address, and two for another.
        of_address = {"salesforce": 1, "hubspot": 2 + 5 * (1 if crm == "hubspot" else 2)}
        refused = 1  # the scope for batches: asked for once an hour
        assert calls == {
            name: {"read": count + (2 if name == crm else 0) + refused * (name == "hubspot")}
            for name, count in of_address.items()
        }
