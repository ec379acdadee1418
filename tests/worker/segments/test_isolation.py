"""Segments are counted from the index, isolated, audited automatically, and released."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import MakeContext, Sync
from limits import lower_limits

from sandbox.run import Sandbox
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.segments import campaign_outcomes, counters, isolation, queries
from worker.store.tables import segment_counts
from worker.suppression import suppressions
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import audits, lifecycle, report

STRICT = "[segments]\nleast = 10\nthreshold = 0.3\n"


def source_of(crm: Crm) -> str:
    return "LeadSource" if crm.name == "salesforce" else "hs_analytics_source"


def populate(crm: Crm, bad: int = 15) -> list[str]:
    """`bad` contacts of a purchased list with a bad number, the others of the web with a good one;
    their ids."""
    ids = crm.ids()
    for place, record_id in enumerate(ids):
        source = "Purchased" if place < bad else "Web"
        number = f"+1415055{1000 + place}" if place < bad else f"+1415556{2000 + place}"
        crm.act(record_id, {"set": {source_of(crm): source, crm.phone: number}})
    return ids[:bad]


def only_one_phone(ctx_toml: str, crm: Crm) -> str:
    """Only the first phone field is looked at, so that the counts are those of the test."""
    objects = "Contact" if crm.name == "salesforce" else "contacts"
    return f'{ctx_toml}[connectors.{crm.name}.objects.{objects}]\nphones = ["{crm.phone}"]\n'


class TestCounting:
    def test_tells_each_segment_by_status(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(only_one_phone("", crm))
        populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        segments = {segment["value"]: segment for segment in queries.list_segments(ctx, "source")
                 if segment["connector"] == crm.name}  # fmt: skip
        purchased = segments["Purchased"]
        assert (purchased["contacts"], purchased["numbers"], purchased["bad"]) == (15, 15, 15)
        assert purchased["statuses"]["invalid"] == 15
        assert segments["Web"]["bad"] == 0
        assert purchased["low"] > 0.7
        assert queries.list_segments(ctx, "source")[0]["value"] == "Purchased"  # the worst first
        months = queries.list_segments(ctx, "month")
        assert months
        assert all(len(month["value"]) == 7 for month in months)

    def test_knows_who_opted_out_and_who_complained(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.act(record_id, {"set": {source_of(crm): "Fair", crm.phone: NUMBER}})
        sync(ctx, crm.name)
        suppressions.add(ctx, NUMBER, "complaint", "", "wrote to us", "kim")
        counters.count(ctx)
        fair = next(
            segment
            for segment in queries.list_segments(ctx, "source")
            if segment["value"] == "Fair"
        )
        assert fair["reports"] == {"complaint": 1}

    def test_is_done_anew_only_where_something_was_done(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        assert counters.count_if_needed(ctx)
        assert not counters.count_if_needed(ctx)
        sync(ctx, crm.name)
        assert counters.count_if_needed(ctx)

    def test_counts_the_members_of_lists_that_are_watched(
        self, make_context: MakeContext, sandbox: Sandbox, sync: Sync
    ) -> None:
        members = next(
            entry["members"] for entry in sandbox.hubspot.portal.lists.values()
            if entry["name"] == "Newsletter"
        )  # fmt: skip
        ctx = make_context('[segments]\nlists = ["hubspot:Newsletter"]\n')
        sync(ctx, "hubspot")
        counters.count(ctx)
        (segment,) = queries.list_segments(ctx, "list")
        assert (segment["value"], segment["contacts"]) == ("Newsletter", len(members))
        calls = sandbox.hubspot.counters.total()
        counters.count(ctx)  # who is on a list is asked once a day
        assert sandbox.hubspot.counters.total() == calls
        advance_clock(ctx, days=1)
        sandbox.hubspot.portal.lists["2"]["members"] = members[:3]
        counters.count(ctx)
        assert queries.list_segments(ctx, "list")[0]["contacts"] == 3

    def test_counts_the_members_of_salesforce_campaigns_and_audits_them(
        self, make_context: MakeContext, sandbox: Sandbox, sync: Sync
    ) -> None:
        name = next(iter(sandbox.salesforce.org.tables["Campaign"].after_id(None)))["Name"]
        ctx = make_context(f'[segments]\nlists = ["salesforce:{name}"]\n')
        sync(ctx, "salesforce")
        counters.count(ctx)
        (segment,) = queries.list_segments(ctx, "list")
        assert (segment["value"], segment["contacts"] > 0) == (name, True)
        isolation.isolate(ctx, "salesforce", "list", name, "bought", who="kim")
        (run_id,) = audits.next_audits(ctx)
        run_to_completion(ctx, run_id)
        assert report.result(ctx, run_id)["contacts"]["read"] == segment["contacts"]

    def test_keeps_the_largest_of_very_many(
        self, ctx: Context, crm: Crm, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for place, record_id in enumerate(crm.ids()):
            source = "Many" if place < 5 else f"Term {place}"
            crm.act(record_id, {"set": {source_of(crm): source}})
        sync(ctx, crm.name)
        lower_limits(monkeypatch, most_segments=3)
        counters.count(ctx)
        segments = [
            segment
            for segment in queries.list_segments(ctx, "source")
            if segment["connector"] == crm.name
        ]
        assert len(segments) == 3
        assert max(segments, key=lambda segment: segment["contacts"])["value"] == "Many"

    def test_finds_numbers_that_many_share(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context("[segments]\nplaceholder_from = 5\n")
        for record_id in crm.ids()[:6]:
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        counters.count(ctx)
        (shared,) = queries.list_shared_numbers(ctx)
        assert (shared["number"], shared["holders"]) == (NUMBER, 6)

    def test_keeps_a_trend_by_day(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        today = ctx.now()
        ctx.now = lambda: today + timedelta(days=1)
        counters.count(ctx)
        days = queries.trend(ctx)
        assert [day["day"] for day in days] == [
            f"{today:%Y-%m-%d}", f"{today + timedelta(days=1):%Y-%m-%d}",
        ]  # fmt: skip
        assert days[0]["statuses"] == days[1]["statuses"]

    def test_keeps_how_many_fields_went_bad_on_a_day_also_by_runs_after_its_last_count(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        counters.count(ctx)  # a day without contacts has no row
        sync(ctx, crm.name)
        counters.count(ctx)
        (day,) = queries.trend(ctx)
        bad = sum(day["statuses"].get(status, 0) for status in BAD_STATUSES)
        assert day["went_bad"] == bad > 0
        valid = next(
            record for record in crm.ids() if crm.get(record, f"status/{crm.phone}") == "valid"
        )
        crm.edit(valid, {f"phone/{crm.phone}": "+1 555 123"})
        sync(ctx, crm.name)
        today = ctx.now()
        ctx.now = lambda: today + timedelta(days=1)
        counters.count(ctx)
        assert [day["went_bad"] for day in queries.trend(ctx)] == [bad + 1, 0]


class TestIsolation:
    def test_of_a_bad_list_is_followed_by_its_audit_with_before_and_after(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(only_one_phone(STRICT, crm))
        bad = populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        (isolated,) = isolation.isolate_bad_segments(ctx)
        assert (isolated.connector, isolated.by, isolated.value) == (
            crm.name,
            "source",
            "Purchased",
        )
        assert isolation.isolate_bad_segments(ctx) == []  # once
        (run_id,) = audits.next_audits(ctx)
        assert audits.next_audits(ctx) == []
        run = lifecycle.load(ctx, run_id)
        assert (run.opened_by, run.purpose) == ("audit", "audit of source=Purchased")
        for record_id in bad[:10]:
            crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        run_to_completion(ctx, run_id)
        assert report.result(ctx, run_id)["contacts"]["read"] == 15
        counters.count(ctx)
        audits.next_audits(ctx)
        (after,) = isolation.active(ctx)
        assert after.before["bad"] == 15
        assert after.after is not None
        assert after.after["bad"] == 5
        assert after.audited_at is not None

    def test_asks_deeper_steps_about_its_numbers_alone(
        self, make_context: MakeContext, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        steps = (
            '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
            '[[verification.steps]]\nprovider = "twilio"\ncheck_level = "line_type"\n'
            "also_invalid = true\nonly_audited = true\n"
        )
        toml = only_one_phone(f"{steps}{STRICT}", crm)
        ctx = make_context(toml, **sandbox.env("twilio"))
        populate(crm)
        assert sync(ctx, "hubspot")["lookups"]["twilio"]["asked"] == 0
        counters.count(ctx)
        isolation.isolate_bad_segments(ctx)
        (run_id,) = audits.next_audits(ctx)
        run_to_completion(ctx, run_id)
        assert report.result(ctx, run_id)["lookups"]["twilio"]["asked"] == 15

    def test_flags_contacts_where_the_settings_name_a_field_and_takes_the_flag_away(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        field = "Phone_Source_Isolated__c" if crm.name == "salesforce" else "hygiene_isolated"
        if crm.name == "salesforce":
            for name in ("Contact", "Lead"):
                metadata = {"type": "Checkbox", "defaultValue": "false", "label": "Isolated"}
                crm.service.org.add_custom_field(name, field, metadata, visible=True)
        else:
            from sandbox.hubspot.portal import prop

            crm.service.portal.properties[field] = prop(
                field, field, "bool", "booleancheckbox", own=False
            )
        toml = f'[connectors.{crm.name}.fields]\nisolated = "{field}"\n'
        ctx = make_context(only_one_phone(STRICT, crm) + toml)
        bad = populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        (isolated,) = isolation.isolate_bad_segments(ctx)
        run_to_completion(ctx, audits.next_audits(ctx)[0])

        def flagged() -> set[str]:
            return {rid for rid, row in crm.records().items() if row.get(field) in (True, "true")}

        assert flagged() == set(bad)
        isolation.release(ctx, isolated.id, "kim", "cleaned by hand")
        run_to_completion(ctx, audits.next_audits(ctx)[0])
        assert flagged() == set()
        assert audits.next_audits(ctx) == []

    def test_audits_again_where_the_crm_was_away(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(only_one_phone(STRICT, crm))
        populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        isolation.isolate_bad_segments(ctx)
        (first,) = audits.next_audits(ctx)
        lifecycle.fail(ctx, first, "away")
        (second,) = audits.next_audits(ctx)
        run_to_completion(ctx, second)
        audits.next_audits(ctx)
        (isolated,) = isolation.active(ctx)
        assert (isolated.run_id, isolated.audited_at is not None) == (second, True)

    def test_is_not_repeated_on_the_same_evidence_after_a_person_let_it_go(
        self, make_context: MakeContext, crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(only_one_phone(STRICT, crm))
        populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        (isolated,) = isolation.isolate_bad_segments(ctx)
        isolation.release(ctx, isolated.id, "kim", "we know them")
        assert isolation.isolate_bad_segments(ctx) == []
        with pytest.raises(isolation.NoSuchSegmentError):
            isolation.release(ctx, isolated.id, "kim", "again")

    def test_can_be_turned_off(self, make_context: MakeContext, crm: Crm, sync: Sync) -> None:
        ctx = make_context(only_one_phone(STRICT.replace("least", "isolate = false\nleast"), crm))
        populate(crm)
        sync(ctx, crm.name)
        counters.count(ctx)
        assert isolation.isolate_bad_segments(ctx) == []

    def test_by_hand_of_what_is_none_is_refused(self, ctx: Context) -> None:
        with pytest.raises(isolation.NoSuchSegmentError, match="no segment"):
            isolation.isolate(ctx, "hubspot", "source", "Nowhere", "because")


class TestOutcomes:
    def test_of_campaigns_are_imported_once_a_day(self, ctx: Context) -> None:
        row = {"campaign": "Spring", "day": "2026-03-01", "sent": 100, "delivered": 90}
        campaign_outcomes.keep(
            ctx, [row, {**row, "day": "2026-03-02", "sent": "1,000", "undelivered": 7}]
        )
        campaign_outcomes.keep(ctx, [{**row, "sent": 200}])
        assert campaign_outcomes.totals(ctx, ["Spring"]) == {
            "Spring": {"sent": 1200, "delivered": 180, "undelivered": 7, "replies": 0}
        }

    def test_can_be_removed(self, ctx: Context) -> None:
        rows = [{"campaign": name, "day": "2026-03-01", "sent": 1} for name in ("Spring", "Fall")]
        campaign_outcomes.keep(ctx, rows)
        assert campaign_outcomes.remove(ctx, "Spring") == 1
        assert list(campaign_outcomes.totals(ctx, ["Spring", "Fall"])) == ["Fall"]
        with pytest.raises(campaign_outcomes.OutcomeError, match="Spring"):
            campaign_outcomes.remove(ctx, "Spring")

    @pytest.mark.parametrize(
        "row",
        [{"day": "2026-03-01"}, {"campaign": "x"}, {"campaign": "x", "day": "soon"},
         {"campaign": "x", "day": "2026-03-01", "sent": "-1"},
         {"campaign": "x", "day": "2026-03-01", "sent": "many"},
         {"campaign": "x" * 300, "day": "2026-03-01"},
         {"campaign": "x", "day": "2026-03-01", "sent": 10**12}],
    )  # fmt: skip
    def test_that_are_wrong_are_refused_whole(self, ctx: Context, row: dict[str, Any]) -> None:
        good = {"campaign": "Spring", "day": "2026-03-01", "sent": 1}
        with pytest.raises(campaign_outcomes.OutcomeError):
            campaign_outcomes.keep(ctx, [good, row])
        assert campaign_outcomes.totals(ctx, ["Spring"]) == {}


def test_counts_hold_on_either_database(
    either_database_url: str, make_context: MakeContext, sync: Sync
) -> None:
    ctx = make_context(DATABASE_URL=either_database_url)
    sync(ctx, "hubspot")
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
    counters.count(ctx)
    counters.count(ctx)
    with ctx.store.read() as connection:
        c = segment_counts.c
        total = connection.scalar(sa.select(sa.func.sum(c.contacts)).where(c.by == "country"))
    assert total
    assert queries.list_segments(ctx, "campaign")
    assert isolation.isolate_bad_segments(ctx) is not None
