"""Person accounts: people whom an org keeps as an account and a contact in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService

Sync = Callable[..., dict[str, Any]]
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


def test_without_the_setting_their_contacts_cannot_be_written_and_it_is_said_why(
    make_context: Callable[..., Any], sync: Sync
) -> None:
    result = sync(make_context(), "salesforce")
    assert set(result["failures_by_kind"]) == {"access"}
    assert 0 < result["contacts"]["failed"] <= 12
