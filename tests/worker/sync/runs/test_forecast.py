"""What a run would look at is told at once, from our own index."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.runs import forecast
from worker.sync.runs.scope import Scope


def test_counts_contacts_numbers_and_what_they_may_cost_at_most(
    make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
) -> None:
    ctx = make_context(**sandbox.env("twilio"))
    crm = Crm.all(sandbox)["hubspot"]
    crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBER})
    sync(ctx, "hubspot")
    whole = forecast.upper_bound(ctx, "hubspot", Scope("everything"), False)
    assert whole["records"] == 60
    assert whole["numbers"] == whole["lookups"] > 40
    assert whole["cost"] == pytest.approx(0.008 * whole["lookups"])
    many = (*crm.ids(), *(str(n) for n in range(1, 2000)))  # more than one statement takes
    assert forecast.upper_bound(ctx, "hubspot", Scope("ids", many), False)["records"] == 60
    numbers = Scope("numbers", (NUMBER, *(f"+1415556{n:04}" for n in range(900))))
    assert forecast.upper_bound(ctx, "hubspot", numbers, False)["records"] == 1
    country = forecast.upper_bound(ctx, "hubspot", Scope("segment", ("US",), key="country"), False)
    assert 0 < country["records"] < 60
    assert (
        forecast.upper_bound(ctx, "hubspot", Scope("older_than", age_seconds=60), False)["records"]
        == 0
    )
    assert forecast.upper_bound(ctx, "hubspot", Scope("changed"), False)["records"] is None


def test_a_forced_dry_run_says_what_a_real_one_would_change_and_cost(
    make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
) -> None:
    """What is asked anew most likely answers as it did: that is no change."""
    ctx = make_context("[verification.providers.twilio]\nper_second = 5000\n",
                       **sandbox.env("twilio"))  # fmt: skip
    sync(ctx, "hubspot")
    dry = sync(ctx, "hubspot", "everything", dry_run=True, force=True)
    real = sync(ctx, "hubspot", "everything", force=True)
    assert dry["contacts"]["changed"] == real["contacts"]["changed"] == 0
    assert dry["lookups"]["twilio"]["asked"] == real["lookups"]["twilio"]["asked"] > 40
    # Of some, which are not known beforehand, the provider charges nothing.
    assert dry["lookups"]["twilio"]["cost"] >= real["lookups"]["twilio"]["cost"] > 0
