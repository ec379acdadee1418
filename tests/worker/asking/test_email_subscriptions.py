"""Who has opted out of a subscription type of HubSpot, or of all of them, by address."""

from __future__ import annotations

import pytest
from asking_support import messages
from clocks import advance_clock
from email_desk import KIM, LEE, LONDON, Desk

from worker.ops import doctor_checks

NEWSLETTER, SERVICE = "7102", "7101"  # subscription types of the account
BATCHES = "communication_preferences.statuses.batch.read"
SCOPE = "communication_preferences.read"


class TestAHubSpotSubscriptionType:
    """A status is of an address, whether or not a contact has it."""

    @pytest.fixture(params=["in batches", "one by one"])
    def desk(self, request: pytest.FixtureRequest, desk: Desk) -> Desk:
        if request.param == "in batches":
            desk.sandbox.hubspot.scopes.add(BATCHES)
        return desk

    @pytest.mark.parametrize("subscription", [NEWSLETTER, ""])
    @pytest.mark.parametrize("asked", ["salesforce", "hubspot"])
    def test_that_an_address_opted_out_of_keeps_it_from_email(
        self, desk: Desk, asked: str, subscription: str
    ) -> None:
        desk.contact(asked)
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out("Kim@example.com", subscription)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    def test_that_somebody_else_opted_out_of_says_nothing(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out(LEE, NEWSLETTER)
        desk.send()
        assert desk.emailed == [KIM]

    def test_that_a_further_address_of_the_person_opted_out_of_counts(self, desk: Desk) -> None:
        record = desk.contact("hubspot")
        desk.set("hubspot", record, {"hs_additional_emails": LEE})
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out(LEE, NEWSLETTER)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out": 1})

    @pytest.mark.parametrize("chosen", [SERVICE, "customer service  Communication"])
    @pytest.mark.parametrize(("opted_out_of", "emailed"), [(NEWSLETTER, [KIM]), (SERVICE, []),
                                                           ("", [])])  # fmt: skip
    def test_that_the_settings_name_is_the_only_one_that_counts_beside_all(
        self, desk: Desk, chosen: str, opted_out_of: str, emailed: list[str]
    ) -> None:
        choose(desk, chosen)
        desk.contact("salesforce")
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out(KIM, opted_out_of)
        desk.send()
        assert desk.emailed == emailed

    def test_that_the_settings_misspell_leaves_everybody_out_and_doctor_says_so(
        self, desk: Desk
    ) -> None:
        choose(desk, "Customer Servce")
        desk.contact("salesforce")
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})
        [check] = doctor_checks.check_email_opt_outs(desk.ctx, "hubspot")
        assert "Marketing Information" in check.text

    def test_is_asked_about_once_more_if_an_answer_is_not_complete(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        match = r"(GET|POST) /communication-preferences/.*"
        desk.crm("hubspot").fault(
            match, "status", status=200, body={"status": "PROCESSING", "results": []}
        )
        desk.send()
        assert messages(desk.ctx)[0].state == "waiting"
        advance_clock(desk.ctx, minutes=6)
        desk.send()
        assert desk.emailed == [KIM]


def choose(desk: Desk, subscription_type: str) -> None:
    settings = desk.ctx.settings
    chosen = {"email_subscription_type": subscription_type}
    hubspot = settings.connectors.hubspot.model_copy(update=chosen)
    connectors = settings.connectors.model_copy(update={"hubspot": hubspot})
    desk.ctx.settings = settings.model_copy(update={"connectors": connectors})


class TestWithoutTheScopeForSubscriptions:
    @pytest.fixture
    def desk(self, desk: Desk) -> Desk:
        desk.sandbox.hubspot.scopes.discard(SCOPE)
        return desk

    def test_a_contacts_own_address_is_judged_by_its_properties(self, desk: Desk) -> None:
        desk.contact("hubspot")
        desk.contact("hubspot", LEE, LONDON, nth=2)
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out(LEE, NEWSLETTER)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([KIM], {"email_opt_out": 1})

    def test_by_the_type_that_the_settings_name_if_there_is_one(self, desk: Desk) -> None:
        choose(desk, "Customer Service Communication")
        desk.contact("hubspot")
        desk.contact("hubspot", LEE, LONDON, nth=2)
        desk.start()
        desk.sandbox.hubspot.subscriptions.opt_out(KIM, NEWSLETTER)
        desk.sandbox.hubspot.subscriptions.opt_out(LEE, SERVICE)
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([KIM], {"email_opt_out": 1})

    def test_any_other_address_is_in_doubt_and_gets_no_email(self, desk: Desk) -> None:
        desk.contact("salesforce")
        desk.start()
        desk.send()
        assert (desk.emailed, desk.reasons()) == ([], {"email_opt_out_unknown": 1})

    def test_doctor_and_setup_name_it(self, desk: Desk) -> None:
        [check] = doctor_checks.check_email_opt_outs(desk.ctx, "hubspot")
        assert check.verdict == "warning"
        assert SCOPE in check.text
        steps = list(desk.ctx.connector("hubspot").provision())
        assert [step.done for step in steps if SCOPE in step.what] == ["offered"]

    def test_an_account_without_subscription_types_is_asked_all_the_same(self, desk: Desk) -> None:
        desk.sandbox.hubspot.subscriptions.remove_types()
        desk.contact("salesforce")
        desk.start()
        desk.send()
        assert desk.emailed == [KIM]
        assert list(doctor_checks.check_email_opt_outs(desk.ctx, "hubspot")) == []

    def test_it_is_not_asked_for_with_every_email(self, desk: Desk) -> None:
        """What was refused is tried again after an hour."""
        desk.contact("hubspot")
        desk.contact("hubspot", LEE, LONDON, nth=2)
        desk.ctx.connector("hubspot").email_address_refusals([KIM])
        before = desk.sandbox.hubspot.used
        desk.ctx.connector("hubspot").email_address_refusals([LEE])
        assert desk.sandbox.hubspot.used - before == 3  # two batch reads and a search


class TestCalls:
    def test_about_subscriptions_are_two_where_the_account_reads_them_in_batches(
        self, desk: Desk
    ) -> None:
        desk.sandbox.hubspot.scopes.add(BATCHES)
        connector = desk.ctx.connector("hubspot")
        before = connector.calls["read"]
        connector.email_address_refusals([f"kim{nth}@example.com" for nth in range(50)])
        assert connector.calls["read"] - before == 4
