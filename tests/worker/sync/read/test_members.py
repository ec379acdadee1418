"""A re-scan of a list or a campaign looks at its members as the CRM has them now."""

from __future__ import annotations

from typing import Any

import pytest
from fixture_types import Sync
from limits import lower_limits

from connectors.errors import AuthError, ConnectorError
from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.runs.scope import Scope


def written(result: dict[str, Any]) -> set[str]:
    return {write["id"] for write in result["writes"]}


@pytest.mark.parametrize("name", ["Newsletter", "2"])
def test_of_a_hubspot_list_by_its_name_or_id(
    ctx: Context, sandbox: Sandbox, sync: Sync, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    lower_limits(monkeypatch, hubspot_member_page=7)  # several pages
    members = set(sandbox.hubspot.portal.lists["2"]["members"])
    result = sync(ctx, "hubspot", scope=Scope("segment", (name,), key="list"))
    assert result["contacts"]["read"] == len(members) == 20
    assert written(result) <= members
    assert result["api_calls"]["read"] >= 3


@pytest.mark.parametrize("by", ["Name", "Id"])
def test_of_a_salesforce_campaign_contacts_and_leads(
    ctx: Context, sandbox: Sandbox, sync: Sync, by: str
) -> None:
    org = sandbox.salesforce.org
    sandbox.salesforce.page_limit = 2  # several pages
    campaign = next(r for r in org.tables["Campaign"].after_id(None) if r["Name"] == "Expo 2025")
    members = {
        row.get("ContactId") or row.get("LeadId")
        for row in org.tables["CampaignMember"].after_id(None)
        if row["CampaignId"] == campaign["Id"]
    }
    scope = Scope("segment", (campaign[by],), key="campaign")
    result = sync(ctx, "salesforce", scope=scope)
    assert result["contacts"]["read"] == len(members) > 2
    assert written(result) <= members


@pytest.mark.parametrize(
    ("connector", "key"), [("hubspot", "list"), ("salesforce", "campaign"), ("salesforce", "list")]
)
def test_one_that_is_not_there_is_said_and_no_run_is_opened(
    ctx: Context, sync: Sync, connector: str, key: str
) -> None:
    with pytest.raises(ConnectorError, match=f"no (contact list|campaign) 'X'|no {key}s"):
        sync(ctx, connector, scope=Scope("segment", ("X",), key=key))


def test_a_token_that_may_not_see_lists_is_told_which_scope_it_lacks(
    ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    sandbox.hubspot.scopes.discard("crm.lists.read")
    with pytest.raises(AuthError, match=r"crm\.lists\.read"):
        sync(ctx, "hubspot", scope=Scope("segment", ("Newsletter",), key="list"))
