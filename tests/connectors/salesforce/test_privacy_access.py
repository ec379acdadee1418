"""The set-up grants the privacy records that emails need, and the check names what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from config.settings import Settings
from connectors import build
from connectors.protocol import Connector
from connectors.records import SetupResult
from connectors.salesforce.email_consents import COLUMNS
from connectors.salesforce.privacy_access import WHAT
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService

EMAIL = '[asking]\nemail_from = "Acme <numbers@acme.example>"\n'


@pytest.fixture
def org() -> Org:
    """An org with privacy records that nobody has let our user see."""
    org = Org(contacts=3, leads=1)
    org.enable_data_protection(granted=False)
    return org


@pytest.fixture
def sandbox(org: Org) -> Iterator[Sandbox]:
    started = Sandbox(SalesforceService(org), HubSpotService(Portal(1)))
    started.begin()
    yield started
    started.stop()


@pytest.fixture
def open_org(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Connector]]:
    opened: list[Connector] = []

    def open_it(toml: str = EMAIL) -> Connector:
        connector = build("salesforce", make_settings(toml))
        opened.append(connector)
        connector.apply_schema(connector.describe())
        return connector

    yield open_it
    for connector in opened:
        connector.close()


OpenOrg = Callable[..., Connector]


def set_up(connector: Connector) -> list[SetupResult]:
    """Run the set-up; return what it says of privacy records."""
    said = (WHAT, *(f"access to {name}" for name in COLUMNS))
    return [step for step in connector.provision() if step.what.startswith(said)]


def problems(connector: Connector) -> dict[str, str]:
    return {
        problem.object: problem.problem
        for problem in connector.unwatched()
        if problem.object in COLUMNS or problem.field == "IndividualId"
    }


class TestTheSetUp:
    def test_lets_our_user_see_all_privacy_records(self, open_org: OpenOrg) -> None:
        [step] = set_up(open_org())
        assert (step.what, step.done) == (WHAT, "created")
        assert problems(open_org()) == {}

    def test_says_so_where_it_was_run_before(self, open_org: OpenOrg) -> None:
        set_up(open_org())
        [step] = set_up(open_org())
        assert step.done == "already there"

    def test_grants_none_of_them_where_nobody_is_asked_by_email(
        self, open_org: OpenOrg, org: Org
    ) -> None:
        assert set_up(open_org("")) == []
        assert not any(map(org.sees, COLUMNS))

    def test_says_nothing_of_them_in_an_org_that_has_none(
        self, open_org: OpenOrg, org: Org
    ) -> None:
        for name in COLUMNS:
            del org.schema[name]
        for name in ("Contact", "Lead"):
            del org.schema[name][1]["IndividualId"]
        assert set_up(open_org()) == []

    def test_grants_what_there_is_in_an_org_that_has_some(
        self, open_org: OpenOrg, org: Org
    ) -> None:
        del org.schema["ContactPointConsent"]
        [step] = set_up(open_org())
        assert step.done == "created"
        assert org.sees("ContactPointTypeConsent")

    def test_names_what_it_may_not_grant_and_grants_the_rest(
        self, open_org: OpenOrg, org: Org
    ) -> None:
        list(open_org("").provision())
        [ours] = [row for row in org.living("PermissionSet") if row["Name"] == "Phone_Hygiene"]
        org.create("ObjectPermissions", {"ParentId": ours["Id"], "SobjectType": "Individual",
                                         "PermissionsRead": True})  # fmt: skip
        failed, done = set_up(open_org())
        assert (failed.what, failed.done) == ("access to Individual", "failed")
        assert "DUPLICATE_VALUE" in failed.note
        assert "Privacy records" in failed.note
        assert done.done == "created"
        assert org.sharing.permits("ContactPointTypeConsent", "PermissionsViewAllRecords")


class TestTheCheck:
    def test_says_that_there_may_be_privacy_records_that_our_user_does_not_see(
        self, open_org: OpenOrg
    ) -> None:
        assert "Data Protection and Privacy" in problems(open_org())["Contact"]

    @pytest.mark.parametrize("name", COLUMNS)
    def test_names_an_object_that_our_user_may_not_read(
        self, open_org: OpenOrg, org: Org, name: str
    ) -> None:
        set_up(open_org())
        for row in list(org.living("ObjectPermissions")):
            if row["SobjectType"] == name:
                org.delete("ObjectPermissions", row["Id"])
        found = problems(open_org())
        assert set(found) == {name}
        assert f"Read and View All of {name}" in found[name]

    def test_names_a_field_that_our_user_may_not_read(self, open_org: OpenOrg, org: Org) -> None:
        set_up(open_org())
        org.schema["Individual"][1]["ShouldForget"].readable = False
        assert "ShouldForget" in problems(open_org())["Individual"]

    def test_names_an_object_of_which_our_user_sees_only_its_own(
        self, open_org: OpenOrg, org: Org
    ) -> None:
        set_up(open_org())
        org.create("Individual", {"LastName": "Somebody"})
        org.sharing.private.add("Individual")
        for row in list(org.living("ObjectPermissions")):
            if row["SobjectType"] == "Individual":
                org.update("ObjectPermissions", row["Id"], {"PermissionsViewAllRecords": False})
        assert "View All of Individual" in problems(open_org())["Individual"]

    def test_says_nothing_of_them_where_nobody_is_asked_by_email(self, open_org: OpenOrg) -> None:
        assert problems(open_org("")) == {}
