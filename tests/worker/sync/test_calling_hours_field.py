"""Calling hours as a field of the CRM, by setting: along with other changes, and empty for whoever
is not to be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports, store_report

import connectors
from worker.context import Context
from worker.sync.runs import lifecycle
from worker.sync.undo.undo import undo

NUMBER = "+12125552671"
NAMES = {"salesforce": "Calling_Hours__c", "hubspot": "hygiene_calling_hours"}
ON = "\n".join(f'[connectors.{c}.fields]\ncalling_hours = "{name}"' for c, name in NAMES.items())
HOURS = "Mon-Sun 08:00-21:00 America/New_York"


@pytest.fixture
def ctx(make_context: Callable[..., Context], crm: Crm) -> Context:
    ctx = make_context(ON)
    steps = {step.what: step.done for step in connectors.build(crm.name, ctx.settings).provision()}
    what = "Contact.Calling_Hours__c" if crm.name == "salesforce" else NAMES["hubspot"]
    assert steps[what] == "created"
    return ctx


def held(crm: Crm, record_id: str) -> Any:
    return crm.records()[record_id].get(NAMES[crm.name]) or None


@pytest.fixture
def contact_id(crm: Crm) -> str:
    record_id = crm.ids()[0]
    country = {"salesforce": "MailingCountry", "hubspot": "country"}[crm.name]
    state = {"salesforce": "MailingState", "hubspot": "state"}[crm.name]
    others = {f"phone/{name}": None for name in crm.records()[record_id] if name.lower() in (
        "mobilephone", "homephone", "otherphone")}  # fmt: skip
    crm.edit(record_id, {**others, f"phone/{crm.phone}": NUMBER})
    crm.act(record_id, {"set": {country: "United States", state: "New York"}})
    return record_id


def test_are_written_with_other_changes_and_alone_never(
    ctx: Context, crm: Crm, sync: Sync, contact_id: str
) -> None:
    sync(ctx, crm.name)
    assert held(crm, contact_id) == HOURS
    crm.act(contact_id, {"set": {NAMES[crm.name]: "whenever you like"}})
    assert sync(ctx, crm.name, "everything")["contacts"]["written"] == 0
    crm.edit(contact_id, {f"phone/{crm.phone}": "+13055552671"})
    sync(ctx, crm.name, "everything")
    assert held(crm, contact_id) == "Mon-Sun 08:00-20:00 America/New_York"


def test_are_emptied_with_an_opt_out_which_no_undo_takes_back(
    ctx: Context, crm: Crm, sync: Sync, contact_id: str
) -> None:
    sync(ctx, crm.name)
    store_report(ctx, "opt_out", NUMBER, channels="call")
    deliver_reports(ctx, crm.name)
    assert (held(crm, contact_id), crm.get(contact_id, "do_not_call")) == (None, True)
    undo(ctx, lifecycle.recent(ctx, reports=True)[0].id)
    assert held(crm, contact_id) is None
