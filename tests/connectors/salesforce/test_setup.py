"""Setting up an org: what is sent, what is adopted, what is offered. Over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa
from constants import NUMBER

from config.settings import Settings
from connectors import build
from connectors.fields import SPECS
from connectors.records import SetupResult
from connectors.salesforce.setup import metadata
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService, rights
from sandbox.salesforce.org import Refused
from worker.context import Context
from worker.store.tables import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate

PEOPLE = """
[connectors.salesforce.objects.Contact]
[connectors.salesforce.objects.Lead]
[connectors.salesforce.objects.Account]
phones = ["Phone"]
country = ["PersonMailingCountry"]
"""
MAPPED = '[connectors.salesforce.fields]\ndo_not_call = "DoNotCall"\n'


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    org = Org(contacts=5, leads=2, with_fields=False, person_accounts=2)
    started = Sandbox(SalesforceService(org), HubSpotService(Portal(2)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def run_setup(make_settings: Callable[..., Settings]) -> Callable[..., list[SetupResult]]:
    def run(toml: str = "", adopt: Sequence[str] = ()) -> list[SetupResult]:
        opened = build("salesforce", make_settings(toml))
        try:
            return list(opened.provision(adopt))
        finally:
            opened.close()

    return run


Setup = Callable[..., list[SetupResult]]


def step(steps: list[SetupResult], what: str) -> SetupResult:
    (result,) = [entry for entry in steps if entry.what == what]
    return result


class TestWhatIsSent:
    @pytest.mark.parametrize("canonical", list(SPECS))
    def test_every_field_has_the_form_that_the_documents_name(self, canonical: str) -> None:
        key = f"{canonical}/Phone" if canonical in ("status", "e164", "line_type") else canonical
        org = Org(contacts=0, leads=0, with_fields=False)
        org.add_custom_field("Contact", "Made__c", metadata(SPECS[canonical], key))
        assert "Made__c" in org.schema["Contact"][1]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"defaultValue": False}, "JSON_PARSER_ERROR"),  # a string in the WSDL
            ({"defaultValue": "no"}, "FIELD_INTEGRITY_EXCEPTION"),
            ({"helpText": "x"}, "JSON_PARSER_ERROR"),
            ({"label": "x" * 41}, "STRING_TOO_LONG"),
        ],
    )
    def test_the_stand_in_refuses_what_they_do_not_name(
        self, change: dict[str, object], code: str
    ) -> None:
        org = Org(contacts=0, leads=0, with_fields=False)
        sent = {**metadata(SPECS["recheck"], "recheck"), **change}
        with pytest.raises(Refused) as caught:
            org.add_custom_field("Contact", "Made__c", sent)
        assert caught.value.code == code


class TestRights:
    @pytest.mark.parametrize("right", rights.ALL)
    def test_the_right_that_the_set_up_lacks_is_named(
        self, run_setup: Setup, sandbox: Sandbox, right: str
    ) -> None:
        sandbox.salesforce.org.rights.remove(right)
        failed = [result for result in run_setup() if result.done == "failed"]
        assert failed
        assert all(f"the right '{right}'" in result.note for result in failed)

    def test_with_the_right_given_the_set_up_goes_on_where_it_stopped(
        self, run_setup: Setup, sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.org.rights.remove(rights.MANAGE_SETS)
        run_setup()
        sandbox.salesforce.org.rights.append(rights.MANAGE_SETS)
        assert not [result for result in run_setup() if result.done == "failed"]
        assert sandbox.salesforce.org.schema["Lead"][1]["Best_Phone__c"].updateable


class TestFieldsOfOthers:
    def add_foreign_field(self, sandbox: Sandbox, visible: bool, kind: str = "Checkbox") -> None:
        definition = {"type": kind, "label": "Wrong number", "inlineHelpText": "Set by the dialer."}
        if kind == "Checkbox":
            definition["defaultValue"] = "false"
        org = sandbox.salesforce.org
        org.add_custom_field("Contact", "Wrong_Number__c", definition, visible=visible)

    @pytest.mark.parametrize("visible", [True, False])
    def test_no_access_is_given_to_a_field_that_is_not_ours(
        self, run_setup: Setup, sandbox: Sandbox, visible: bool
    ) -> None:
        self.add_foreign_field(sandbox, visible)
        result = step(run_setup(), "Contact.Wrong_Number__c")
        assert result.done == "failed"
        assert "Set by the dialer" in result.note
        assert "--adopt Contact.Wrong_Number__c" in result.note
        granted = sandbox.salesforce.org.tables["FieldPermissions"].after_id(None)
        assert "Contact.Wrong_Number__c" not in {row["Field"] for row in granted}
        assert sandbox.salesforce.org.schema["Contact"][1]["Wrong_Number__c"].readable == visible

    @pytest.mark.parametrize("visible", [True, False])
    def test_the_operator_can_take_it_over_once_and_for_all(
        self, run_setup: Setup, sandbox: Sandbox, visible: bool
    ) -> None:
        self.add_foreign_field(sandbox, visible)
        first = run_setup(adopt=["Contact.Wrong_Number__c"])
        assert step(first, "Contact.Wrong_Number__c").done == "already there"
        assert step(run_setup(), "Contact.Wrong_Number__c").done == "already there"
        assert sandbox.salesforce.org.schema["Contact"][1]["Wrong_Number__c"].updateable

    @pytest.mark.parametrize("visible", [True, False])
    def test_a_field_of_another_type_is_not_adopted_at_all(
        self, run_setup: Setup, sandbox: Sandbox, visible: bool
    ) -> None:
        self.add_foreign_field(sandbox, visible, "DateTime")
        result = step(run_setup(adopt=["Contact.Wrong_Number__c"]), "Contact.Wrong_Number__c")
        assert result.done == "failed"
        assert "of type datetime and not bool" in result.note

    @pytest.mark.parametrize(("label", "done"), [("Wrong  number", "already there"),
                                                 ("Misdialled", "failed")])  # fmt: skip
    def test_one_made_by_hand_is_ours_by_its_label(
        self, run_setup: Setup, sandbox: Sandbox, label: str, done: str
    ) -> None:
        definition = {"type": "Checkbox", "label": label, "defaultValue": "false"}
        sandbox.salesforce.org.add_custom_field(
            "Contact", "Wrong_Number__c", definition, visible=True
        )
        assert step(run_setup(), "Contact.Wrong_Number__c").done == done

    def test_our_own_field_that_was_hidden_meanwhile_is_ours(
        self, run_setup: Setup, sandbox: Sandbox
    ) -> None:
        run_setup()
        org = sandbox.salesforce.org
        org.grant("Contact.Best_Phone__c", read=False, edit=False)
        for row in list(org.tables["FieldPermissions"].after_id(None)):
            if row["Field"] == "Contact.Best_Phone__c":
                org.tables["FieldPermissions"].by_id.pop(row["Id"])
        result = step(run_setup(), "Contact.Best_Phone__c")
        assert (result.done, result.note) == ("already there", "it was hidden from our user")


class TestTheOrgsOwnDoNotCall:
    def test_it_is_offered_on_each_object(self, run_setup: Setup) -> None:
        offered = [result.what for result in run_setup(PEOPLE) if result.done == "offered"]
        assert offered == ["Contact.DoNotCall", "Lead.DoNotCall", "Account.PersonDoNotCall"]

    def test_once_it_is_used_it_is_not_offered_and_access_to_it_is_given(
        self, run_setup: Setup, sandbox: Sandbox
    ) -> None:
        field = sandbox.salesforce.org.schema["Contact"][1]["DoNotCall"]
        field.updateable = False
        steps = run_setup(MAPPED + PEOPLE)
        assert not [result for result in steps if result.done == "offered"]
        assert step(steps, "Account.PersonDoNotCall").done == "already there"
        assert field.updateable

    def test_a_tick_of_it_stops_the_calls(
        self, make_context: Callable[..., Context], run_setup: Setup, sandbox: Sandbox,
        sync: Callable[..., object],
    ) -> None:  # fmt: skip
        run_setup(MAPPED)
        org = sandbox.salesforce.org
        contact = next(r for r in org.tables["Contact"].after_id(None) if not r["IsPersonAccount"])
        others = dict.fromkeys(("MobilePhone", "HomePhone", "OtherPhone"))
        ticked = {"Phone": NUMBER, **others, "DoNotCall": True}
        org.update("Contact", contact["Id"], ticked)
        ctx = make_context(MAPPED)
        sync(ctx, "salesforce")
        apply_pending(ctx)
        query = sa.select(suppressions.c.number, suppressions.c.channels)
        with ctx.store.read() as connection:
            assert (NUMBER, "call") in {tuple(row) for row in connection.execute(query)}
        propagate(ctx, "salesforce")
        sync(ctx, "salesforce", kind="everything")
        assert (org.tables["Contact"].get(contact["Id"]) or {})["DoNotCall"] is True
