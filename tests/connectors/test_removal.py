"""What is taken out of a CRM again: what the set-up made, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from crms import Crm

import connectors
from config.settings import Settings
from connectors.protocol import Connector
from connectors.records import SetupResult
from sandbox.hubspot.more_objects import Companies
from sandbox.run import Sandbox

MAPPED = '[connectors.salesforce.fields]\ndo_not_call = "DoNotCall"\n'


def removed(opened: Connector, dry_run: bool = False) -> dict[str, SetupResult]:
    steps = {step.what: step for step in opened.remove(dry_run)}
    opened.close()
    return steps


class TestSalesforce:
    def test_what_the_set_up_made_goes_with_the_access_to_it(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        org = bare_sandbox.salesforce.org
        before = {name: {*fields} for name, (_prefix, fields) in org.schema.items()}
        settings = make_settings(MAPPED, **bare_sandbox.env())
        opened = connectors.build("salesforce", settings)
        list(opened.provision())
        dry = removed(connectors.build("salesforce", settings), dry_run=True)
        assert {*org.schema["Contact"][1]} > before["Contact"]
        done = removed(opened)
        assert dry.keys() == done.keys()
        assert {name: {*fields} for name, (_prefix, fields) in org.schema.items()} == before
        assert {step.done for step in done.values()} == {"removed", "left"}
        left = {what for what, step in done.items() if step.done == "left"}
        assert left == {"Contact.DoNotCall", "Lead.DoNotCall"}
        for name in ("PermissionSetAssignment", "FieldPermissions"):
            of = [row for row in org.tables[name].after_id(None) if not row["IsDeleted"]]
            assert [row for row in of if row.get("Field") not in left | {None}] == []
        sets = org.tables["PermissionSet"].after_id(None)
        assert [s for s in sets if s["Name"] == "Phone_Hygiene" and not s["IsDeleted"]] == []

    def test_fields_of_others_stay_also_where_they_were_adopted(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        org = bare_sandbox.salesforce.org
        foreign = {"type": "Checkbox", "label": "Wrong number", "defaultValue": "false"}
        theirs = {**foreign, "inlineHelpText": "Set by the dialer."}
        org.add_custom_field("Contact", "Wrong_Number__c", theirs, visible=True)
        org.add_custom_field("Lead", "Wrong_Number__c", foreign, visible=True)  # made by hand
        opened = connectors.build("salesforce", make_settings(**bare_sandbox.env()))
        list(opened.provision(["Contact.Wrong_Number__c"]))
        done = removed(opened)
        for name in ("Contact", "Lead"):
            step = done[f"{name}.Wrong_Number__c"]
            assert step.done == "left"
            assert "did not create it" in step.note
            assert "Wrong_Number__c" in org.schema[name][1]

    def test_a_right_that_our_user_lacks_is_named(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        opened = connectors.build("salesforce", make_settings(**bare_sandbox.env()))
        list(opened.provision())
        bare_sandbox.salesforce.org.rights.remove("Customize Application")
        done = removed(opened)
        assert {step.done for what, step in done.items() if "." in what} == {"failed"}
        assert "'Customize Application'" in done["Contact.Wrong_Number__c"].note
        assert done["permission set Phone_Hygiene"].done == "left"


class TestHubSpot:
    def test_what_the_set_up_made_goes_on_each_object(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        bare_sandbox.hubspot.scopes.add("crm.lists.write")
        portal = bare_sandbox.hubspot.portal
        companies = Companies(0, with_fields=False)
        bare_sandbox.hubspot.install(companies)
        before = {*portal.properties}, {*companies.properties}, {*portal.lists}
        toml = (
            "[connectors.hubspot.objects.contacts]\n"
            '[connectors.hubspot.objects.companies]\nphones = ["phone"]\n'
        )
        opened = connectors.build("hubspot", make_settings(toml, **bare_sandbox.env()))
        list(opened.provision())
        assert {*portal.lists} > before[2]
        done = removed(opened)
        assert {step.done for step in done.values()} == {"removed"}
        assert ({*portal.properties}, {*companies.properties}, {*portal.lists}) == before
        assert "phone_hygiene" not in portal.groups | companies.groups

    def test_what_others_made_stays(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        bare_sandbox.hubspot.scopes.add("crm.lists.write")
        portal = bare_sandbox.hubspot.portal
        crm = Crm.all(bare_sandbox)["hubspot"]
        crm.add_text_field(crm.field("reason"))
        opened = connectors.build("hubspot", make_settings(**bare_sandbox.env()))
        list(opened.provision([f"contacts.{crm.field('reason')}"]))
        portal.properties["shoe_size"] = {
            **portal.properties[crm.field("run")], "name": "shoe_size",
        }  # fmt: skip
        (text,) = [one for one in portal.lists.values() if one["name"].endswith("do not text")]
        text["filter"]["filterBranches"][0]["filters"][0]["property"] = "shoe_size"
        done = removed(opened)
        left = {what: step.note for what, step in done.items() if step.done == "left"}
        assert left.keys() == {
            crm.field("reason"), 'list "Phone hygiene: do not text"',
            "property group phone_hygiene",
        }  # fmt: skip
        assert "shoe_size" in left["property group phone_hygiene"]
        assert text in portal.lists.values()
        assert {"shoe_size", crm.field("reason")} <= portal.properties.keys()


def test_another_connection_of_the_kind_keeps_its_own(
    make_settings: Callable[..., Settings], bare_sandbox: Sandbox, sandbox: Sandbox
) -> None:
    toml = '[connectors.salesforce-emea]\nkind = "salesforce"\n'
    emea = {
        name.replace("SALESFORCE_", "SALESFORCE_EMEA_"): value
        for name, value in sandbox.env().items()
        if name.startswith("SALESFORCE_")
    }
    settings = make_settings(toml, **bare_sandbox.env(), **emea)
    for name in ("salesforce", "salesforce-emea"):
        opened = connectors.build(name, settings)
        list(opened.provision())
        opened.close()
    fields = {*bare_sandbox.salesforce.org.schema["Contact"][1]}
    removed(connectors.build("salesforce-emea", settings))
    assert {*bare_sandbox.salesforce.org.schema["Contact"][1]} == fields
