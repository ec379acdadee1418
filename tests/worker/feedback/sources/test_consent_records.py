"""Opt-outs in Salesforce's consent records count as reports; consent lifts nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from reports import store_report, stored_reports

import connectors
from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback.sources.consent_records import poll, poll_all
from worker.queue.schedule import beat_schedule as plan
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending

ON = (
    "[connectors.salesforce.consent_records]\nenabled = true\n"
    'individual_fields = { HasOptedOutSolicit = "call" }\n'
)


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    crm = Crm.all(sandbox)["salesforce"]
    crm.service.org.enable_data_protection()
    return crm


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(ON)


class Org:
    """What people do with consent in the stand-in."""

    def __init__(self, crm: Crm) -> None:
        self.crm, self.org = crm, crm.service.org

    def individual(self, *contact_ids: str, **flags: Any) -> str:
        person: str = self.org.create("Individual", {"LastName": "Somebody", **flags})
        for contact_id in contact_ids:
            self.crm.act(contact_id, {"set": {"IndividualId": person}})
        return person

    def consent(self, party: str, status: str = "OptOut", kind: str = "Phone", **more: Any) -> str:
        made: str = self.org.create("ContactPointTypeConsent", {
            "Name": "Consent", "PartyId": party, "PrivacyConsentStatus": status,
            "ContactPointType": kind, "CaptureContactPointType": "Web", "CaptureSource": "a form",
            "CaptureDate": "2026-01-02T03:04:05Z", **more,
        })  # fmt: skip
        return made


@pytest.fixture
def org(crm: Crm) -> Org:
    return Org(crm)


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    others = dict.fromkeys(("phone/MobilePhone", "phone/HomePhone", "phone/OtherPhone"))
    crm.edit(record_id, {**others, "phone/Phone": NUMBER})
    sync(ctx, "salesforce")
    return record_id


def active(ctx: Context) -> list[tuple[str, str]]:
    apply_pending(ctx)
    return [(entry.number, entry.channels) for entry in suppressions.list_suppressions(ctx)]


def test_an_opt_out_for_phones_stops_calls_and_texts_of_the_person_once(
    ctx: Context, org: Org, contact_id: str
) -> None:
    org.consent(org.individual(contact_id))
    assert (poll(ctx, "salesforce"), poll(ctx, "salesforce")) == (1, 0)
    assert active(ctx) == [(NUMBER, "call text")]
    [report] = stored_reports(ctx)
    assert report.reach == "person"
    assert report.evidence == "Salesforce: the consent record for phones says OptOut"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "OptIn"}, {"status": "NotSeen"}, {"kind": "Email"},
        {"EffectiveTo": "2026-01-01T00:00:00Z"}, {"EffectiveFrom": "2099-01-01T00:00:00Z"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_opt_out_for_phones_in_force_says_nothing(
    ctx: Context, org: Org, contact_id: str, fields: dict[str, str]
) -> None:
    org.consent(org.individual(contact_id), **fields)
    assert poll(ctx, "salesforce") == 0


def test_consent_lifts_no_opt_out(ctx: Context, org: Org, contact_id: str) -> None:
    store_report(ctx, "opt_out")
    org.consent(org.individual(contact_id), "OptIn")
    assert poll(ctx, "salesforce") == 0
    assert active(ctx) == [(NUMBER, "call text")]


def test_a_checkbox_of_the_individual_counts_where_it_is_named(
    ctx: Context, org: Org, contact_id: str
) -> None:
    org.individual(contact_id, HasOptedOutSolicit=True, ShouldForget=True)
    assert poll(ctx, "salesforce") == 1
    assert active(ctx) == [(NUMBER, "call")]


def test_a_contact_that_is_linked_later_is_found_by_the_daily_read(
    ctx: Context, org: Org, crm: Crm, contact_id: str
) -> None:
    old = org.individual()
    stamp = datetime.now(UTC) - timedelta(days=9)
    consent = org.consent(old)
    record = org.org.find("ContactPointTypeConsent", consent)
    org.org.tables["ContactPointTypeConsent"].put(
        consent, {**record, "SystemModstamp": stamp, "LastModifiedDate": stamp}, stamp
    )
    assert poll(ctx, "salesforce") == 0
    crm.act(contact_id, {"set": {"IndividualId": old}})
    assert poll(ctx, "salesforce") == 0  # only what has changed is read
    advance_clock(ctx, days=1)
    assert poll(ctx, "salesforce") == 1


def test_what_was_lifted_here_is_not_said_again_until_the_consent_changes(
    ctx: Context, org: Org, contact_id: str
) -> None:
    consent = org.consent(org.individual(contact_id))
    poll(ctx, "salesforce")
    apply_pending(ctx)
    [entry] = suppressions.list_suppressions(ctx)
    suppressions.lift(ctx, entry.id, "ann", "by telephone")
    assert (poll(ctx, "salesforce"), active(ctx)) == (0, [])
    org.org.update("ContactPointTypeConsent", consent, {"PrivacyConsentStatus": "OptOutPending"})
    assert poll(ctx, "salesforce") == 1
    assert active(ctx) == [(NUMBER, "call text")]


def test_a_contact_that_we_have_not_read_yet_is_stopped_as_a_record(
    ctx: Context, org: Org, crm: Crm, sync: Sync
) -> None:
    record_id = crm.ids()[1]
    org.consent(org.individual(record_id))
    assert poll(ctx, "salesforce") == 1
    apply_pending(ctx)
    sync(ctx, "salesforce")
    assert crm.get(record_id, "do_not_contact") is True


def test_an_org_without_consent_records_holds_nothing_up_and_the_check_says_what_is_missing(
    ctx: Context, crm: Crm
) -> None:
    for name in ("ContactPointTypeConsent", "Individual"):
        del crm.service.org.schema[name]
    assert poll_all(ctx) == 0
    found = [str(problem) for problem in connectors.build("salesforce", ctx.settings).unwatched()]
    assert any(text.startswith("ContactPointTypeConsent.: the org has no such") for text in found)


def test_nothing_is_read_by_default(
    make_context: Callable[..., Context], org: Org, contact_id: str
) -> None:
    ctx = make_context()
    org.consent(org.individual(contact_id))
    assert poll_all(ctx) == 0
    assert "consents" not in plan(ctx.settings)
    assert plan(make_context(ON).settings)["consents"]["task"] == "hygiene.consents"
