"""HubSpot keeps a contact's country in two properties, of which either may be empty or wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crms import Crm
from fixture_types import Sync

from sandbox.run import Sandbox
from worker.context import Context

LOCAL = "030 901820"


@pytest.mark.parametrize(
    ("country", "code", "status"),
    [
        ("", "DE", "valid"), ("Germany", "", "valid"), ("Deutschland", "DE", "valid"),
        ("", "de", "valid"), ("Atlantis", "DE", "valid"),
        ("Germany", "FR", "unverified"), ("France", "DE", "unverified"), ("", "", "unverified"),
    ],
)  # fmt: skip
def test_a_local_number_is_read_where_both_agree_as_far_as_they_tell(
    ctx: Context, sandbox: Sandbox, sync: Sync, country: str, code: str, status: str
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    target = crm.ids()[0]
    values = {"phone": LOCAL, "mobilephone": "", "country": country, "email": "kim@example.com",
              "hs_country_region_code": code, "state": "", "website": ""}  # fmt: skip
    crm.act(target, {"set": values})
    sync(ctx, "hubspot")
    assert crm.get(target, "status/phone") == status
    assert (crm.get(target, "e164/phone") or "") == ("+4930901820" if status == "valid" else "")


def test_an_account_without_the_property_is_read_all_the_same(
    make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
) -> None:
    del sandbox.hubspot.portal.properties["hs_country_region_code"]
    ctx = make_context()
    assert sync(ctx, "hubspot")["state"] == "done"
    (finding,) = ctx.findings["hubspot"]
    assert (finding.field, finding.blocks) == ("hs_country_region_code", False)
