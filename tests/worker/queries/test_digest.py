"""Each figure of the weekly digest comes from the tables: here from rows that the test made.

The week is 2026-W47, from Monday, 16 November, to Sunday, 22 November 2026.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fixture_types import MakeContext, Sync
from reports import deliver_reports, store_report

from worker.alerts import weeks
from worker.context import Context
from worker.queries.digest import weekly
from worker.queries.digest_model import Digest
from worker.segments import counters
from worker.store.tables import (
    alerts,
    contacts,
    daily_counts,
    deliveries,
    failures,
    feedback,
    isolations,
    pages,
    reviews,
    runs,
    segment_counts,
    spend,
    writes,
)

WEEK = weeks.parse("2026-W47")
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
BEFORE, WITHIN, AFTER = (
    MONDAY - timedelta(hours=1),
    MONDAY + timedelta(days=2),
    MONDAY + timedelta(days=7),
)
NOW = MONDAY + timedelta(days=7, hours=8)


@pytest.fixture
def ctx(make_context: MakeContext, either_database_url: str) -> Context:
    context = make_context(DATABASE_URL=either_database_url)
    context.now = lambda: NOW
    return context


def put(ctx: Context, table: sa.Table, *rows: dict[str, Any]) -> None:
    with ctx.store.write() as connection:
        for row in rows:
            connection.execute(sa.insert(table).values(**row))


def add_run(ctx: Context, run_id: str, at: datetime, **fields: Any) -> None:
    row: dict[str, Any] = {
        "id": run_id, "connector": "hubspot", "kind": "sync", "scope": {}, "state": "done",
        "dry_run": False, "force": False, "opened_at": at, "finished_at": at + timedelta(hours=1),
        "reading": [], "read_all": True, "reader_calls": {}, "own_writes": {}, "notes": [],
    }  # fmt: skip
    put(ctx, runs, {**row, **fields})


def add_page(ctx: Context, run_id: str, at: datetime, *counts: int, seq: int = 0) -> None:
    read, changed, written, failed = counts
    put(ctx, pages, {
        "run_id": run_id, "seq": seq, "object": "contacts", "state": "done", "stored_at": at,
        "attempts": 1, "size": read, "read": read, "changed": changed, "written": written,
        "failed": failed, "gone": 0,
    })  # fmt: skip


def add_write(
    ctx: Context, record: str, before: str | None, after: str | None, at: datetime = WITHIN,
    state: str = "done", run_id: str = "r1", field: str = "phone",
) -> None:  # fmt: skip
    put(ctx, writes, {
        "run_id": run_id, "connector": "hubspot", "object": "contacts", "record_id": record,
        "before": {f"status/{field}": before, "reason": None},
        "after": {f"status/{field}": after, "reason": "Phone is \"invalid\"."}, "state": state,
        "at": at,
    })  # fmt: skip


def add_contact(ctx: Context, record: str, source: str) -> None:
    put(ctx, contacts, {
        "connector": "hubspot", "object": "contacts", "record_id": record, "fingerprint": "",
        "statuses": {}, "last_seen_flags": {}, "source": source, "campaign": "", "country": "",
        "month": "", "person": "", "content_hash": "", "waiting": False, "checked_at": WITHIN,
    })  # fmt: skip


def add_delivery(
    ctx: Context, cause: str, since: datetime, seconds: float | None, holders: int = 1,
    connector: str = "hubspot",
) -> None:  # fmt: skip
    confirmed = None if seconds is None else since + timedelta(seconds=seconds)
    put(ctx, deliveries, {
        "cause": cause, "connector": connector, "number": "+14155550123", "since": since,
        "state": "pending" if seconds is None else "done", "attempts": 0, "retry_at": since,
        "error": "", "holders": holders, "confirmed_at": confirmed,
    })  # fmt: skip


def digest(ctx: Context, week: weeks.Week = WEEK) -> Digest:
    return weekly(ctx, week)


class TestWhatChanged:
    def test_counts_the_contacts_that_runs_of_the_week_read(self, ctx: Context) -> None:
        add_run(ctx, "r1", WITHIN)
        add_page(ctx, "r1", WITHIN, 100, 20, 15, 5)
        add_page(ctx, "r1", WITHIN, 10, 2, 2, 0, seq=1)
        add_run(ctx, "r2", WITHIN, connector="salesforce")
        add_page(ctx, "r2", WITHIN, 7, 0, 0, 0)
        add_run(ctx, "dry", WITHIN, dry_run=True)
        add_page(ctx, "dry", WITHIN, 1000, 0, 0, 0)
        for name, at in (("early", BEFORE - timedelta(hours=2)), ("late", AFTER)):
            add_run(ctx, name, at)
            add_page(ctx, name, at, 1000, 0, 0, 0)
        # A run across the begin of the week: its pages tell when each was read.
        add_run(ctx, "across", BEFORE, finished_at=WITHIN)
        add_page(ctx, "across", BEFORE, 50, 0, 0, 0)
        add_page(ctx, "across", MONDAY, 5, 0, 0, 0, seq=1)
        # And one across its end.
        add_run(ctx, "on", WITHIN, finished_at=AFTER)
        add_page(ctx, "on", AFTER - timedelta(seconds=1), 2, 0, 0, 0)
        add_page(ctx, "on", AFTER, 50, 0, 0, 0, seq=1)
        checked = {entry.connector: entry for entry in digest(ctx).checked}
        assert (checked["hubspot"].read, checked["hubspot"].changed) == (117, 22)
        assert (checked["hubspot"].written, checked["hubspot"].failed) == (17, 5)
        assert checked["salesforce"].read == 7

    def test_compares_the_statuses_with_the_last_day_before_the_week(self, ctx: Context) -> None:
        for day, valid in (("2026-11-10", 1), ("2026-11-14", 60), ("2026-11-16", 65),
                           ("2026-11-22", 70), ("2026-11-23", 99)):  # fmt: skip
            put(ctx, daily_counts, {"day": day, "connector": "hubspot", "contacts": 80,
                                    "statuses": {"valid": valid, "invalid": 80 - valid},
                                    })  # fmt: skip
        (statuses,) = digest(ctx).statuses
        assert (statuses.day, statuses.since) == (date(2026, 11, 22), date(2026, 11, 14))
        assert statuses.now == {"valid": 70, "invalid": 10}
        assert statuses.before == {"valid": 60, "invalid": 20}

    def test_says_since_when_there_are_counts_where_there_were_none_before(
        self, ctx: Context
    ) -> None:
        for day, valid in (("2026-11-18", 65), ("2026-11-21", 70)):
            put(ctx, daily_counts, {"day": day, "connector": "hubspot", "contacts": 80,
                                    "statuses": {"valid": valid}})  # fmt: skip
        put(ctx, daily_counts, {"day": "2026-11-21", "connector": "salesforce", "contacts": 5,
                                "statuses": {"valid": 5}},
            {"day": "2026-10-01", "connector": "gone", "contacts": 5, "statuses": {}})  # fmt: skip
        first, second = digest(ctx).statuses
        assert (first.since, first.before) == (date(2026, 11, 18), {"valid": 65})
        assert (second.connector, second.since, second.before) == ("salesforce", None, None)


class TestWhatWentBad:
    def test_counts_fields_that_are_bad_now_and_were_not_by_source(self, ctx: Context) -> None:
        add_run(ctx, "r1", WITHIN)
        for record, source in (("1", "Bought"), ("2", "Bought"), ("3", "Web"), ("4", ""),
                               ("5", "Web"), ("6", "Web"), ("7", "Web"), ("8", "Web")):  # fmt: skip
            add_contact(ctx, record, source)
        add_write(ctx, "1", "valid", "invalid")
        add_write(ctx, "1", None, "unreachable", field="mobilephone")
        add_write(ctx, "2", None, "wrong_number")
        add_write(ctx, "3", "invalid", "wrong_number")  # it was bad before
        add_write(ctx, "4", "valid", "invalid")
        add_write(ctx, "5", "valid", "invalid")
        add_write(ctx, "5", "invalid", "valid")  # and is good again
        add_write(ctx, "6", "invalid", "valid")
        add_write(ctx, "6", "valid", "invalid")  # as it was when the week began
        add_write(ctx, "7", "valid", "invalid", state="failed")
        add_write(ctx, "7", "valid", "invalid", state="forecast")
        add_write(ctx, "8", "valid", "invalid", at=BEFORE)
        add_write(ctx, "8", "valid", "invalid", at=AFTER)
        add_write(ctx, "9", "valid", "invalid")  # the index has it no more
        bought, none = digest(ctx).newly_bad
        assert (bought.connector, bought.source) == ("hubspot", "Bought")
        assert bought.statuses == {"invalid": 1, "unreachable": 1, "wrong_number": 1}
        assert (none.source, none.statuses) == ("(no source)", {"invalid": 2})

    def test_masks_what_people_typed_as_a_source(self, ctx: Context) -> None:
        add_run(ctx, "r1", WITHIN)
        add_contact(ctx, "1", "call +1 415 555 0123 or kim@example.com")
        add_write(ctx, "1", "valid", "invalid")
        (source,) = digest(ctx).newly_bad
        assert "555" not in source.source
        assert "kim" not in source.source

    def test_lists_segments_that_were_isolated(self, ctx: Context) -> None:
        row = {"connector": "hubspot", "by": "source", "value": "Bought", "since": WITHIN,
               "isolated_by": "", "why": "46% are bad", "before": {}, "released_by": "",
               "released_why": ""}  # fmt: skip
        put(ctx, isolations, {**row, "active_key": "a"},
            {**row, "active_key": "b", "value": "Old", "since": BEFORE},
            {**row, "active_key": None, "value": "Free", "released_at": WITHIN, "since": BEFORE},
            *({**row, "active_key": None, "value": str(at), "released_at": at, "since": BEFORE}
              for at in (BEFORE, AFTER)),
            {**row, "active_key": "d", "value": "New", "since": AFTER},
            {**row, "active_key": "c", "value": "Hand", "isolated_by": "kim", "why": "kim said so"},
            )  # fmt: skip
        figures = digest(ctx)
        assert [(segment.segment, segment.why) for segment in figures.isolated] == [
            ("source=Bought", "46% are bad"), ("source=Hand", "by hand"),
        ]  # fmt: skip
        assert (figures.released, figures.isolated_now) == (1, 4)

    def test_names_the_sources_that_are_worst_now(self, ctx: Context) -> None:
        for value, numbers, bad in (("Bought", 200, 90), ("Web", 1000, 10), ("Small", 3, 3)):
            put(ctx, segment_counts, {
                "by": "source", "connector": "hubspot", "value": value, "contacts": numbers,
                "numbers": numbers, "bad": bad, "statuses": {}, "reports": {},
            })  # fmt: skip
        sources = digest(ctx).worst_sources
        assert [(source.source, source.bad, source.rate) for source in sources] == [
            ("Bought", 90, 0.45), ("Web", 10, 0.01),
        ]  # fmt: skip

    def test_names_the_eight_worst_sources_and_none_without_a_bad_number(
        self, ctx: Context
    ) -> None:
        for n in range(10):
            put(ctx, segment_counts, {
                "by": "source", "connector": "hubspot", "value": f"Source {n}", "contacts": 200,
                "numbers": 200, "bad": 10 * n, "statuses": {}, "reports": {},
            })  # fmt: skip
        named = [source.source for source in digest(ctx).worst_sources]
        assert named == [f"Source {n}" for n in range(9, 1, -1)]
        with ctx.store.write() as connection:
            connection.execute(sa.delete(segment_counts).where(segment_counts.c.bad > 20))
        named = [source.source for source in digest(ctx).worst_sources]
        assert named == ["Source 2", "Source 1"]


class TestReports:
    def test_counts_what_came_in_by_kind(self, ctx: Context) -> None:
        for n, (kind, at) in enumerate([("opt_out", WITHIN), ("opt_out", MONDAY),
                                        ("wrong_number", WITHIN), ("opt_out", BEFORE),
                                        ("opt_in", AFTER)]):  # fmt: skip
            put(ctx, feedback, {"key": str(n), "kind": kind, "number": "+14155550123",
                                "source": "test", "at": BEFORE - timedelta(days=9),
                                "received_at": at})  # fmt: skip
        put(ctx, feedback, {"key": "old", "kind": "complaint", "number": "+14155550123",
                            "source": "test", "at": WITHIN})  # fmt: skip
        assert digest(ctx).reports == {"opt_out": 2, "complaint": 1, "wrong_number": 1}

    def test_measures_how_fast_each_crm_had_them(self, ctx: Context) -> None:
        for n, seconds in enumerate((1.0, 2.0, 30.0, 4.0)):
            add_delivery(ctx, f"feedback:{n}", WITHIN, seconds)
        add_delivery(ctx, "feedback:8", WITHIN, None)
        add_delivery(ctx, "feedback:7", WITHIN, None, holders=0)  # nobody has looked yet
        add_delivery(ctx, "feedback:9", WITHIN, 0.0, holders=0)  # no record holds the number
        add_delivery(ctx, "list:dnc:+14155550123", WITHIN, 900.0)
        add_delivery(ctx, "feedback:10", BEFORE, 900.0)
        add_delivery(ctx, "feedback:11", AFTER, 900.0)
        add_delivery(ctx, "feedback:1", WITHIN, 86_400.0 * 20, connector="salesforce")
        hubspot, salesforce = digest(ctx).delivered
        assert (hubspot.confirmed, hubspot.waiting, hubspot.late) == (4, 2, 0)
        assert (hubspot.median_seconds, hubspot.slowest_seconds) == (3.0, 30.0)
        assert (salesforce.confirmed, salesforce.late) == (1, 1)

    def test_says_that_one_is_late_that_has_not_arrived(self, ctx: Context) -> None:
        add_delivery(ctx, "feedback:1", MONDAY, None)
        ctx.now = lambda: MONDAY + timedelta(days=15)
        (delivered,) = digest(ctx).delivered
        assert (delivered.waiting, delivered.late, delivered.median_seconds) == (1, 1, None)


class TestWhatNeedsAPerson:
    def test_counts_open_reviews_and_says_until_when_the_oldest_is_in_time(
        self, ctx: Context
    ) -> None:
        row = {"number": "+14155550123", "source": "twilio", "text": "hm", "suggestion": "",
               "evidence": "", "decided_by": ""}  # fmt: skip
        put(ctx, reviews, {**row, "key": "a", "at": BEFORE, "decision": "nothing"},
            {**row, "key": "b", "at": WITHIN, "decision": ""},
            {**row, "key": "c", "at": WITHIN + timedelta(days=1), "decision": ""})  # fmt: skip
        queue = digest(ctx).reviews
        assert (queue.count, queue.oldest) == (2, WITHIN)
        assert queue.honour_by == date(2026, 12, 2)  # Wednesday, two weeks later

    def test_counts_records_that_a_crm_refuses_and_open_alerts(self, ctx: Context) -> None:
        for record in ("1", "2"):
            put(ctx, failures, {"connector": "hubspot", "object": "contacts", "record_id": record,
                                "kind": "locked", "message": "+14155550123 is locked",
                                "retry": True, "attempts": 1, "run_id": "r1",
                                "at": BEFORE})  # fmt: skip
        row = {"text": "run failed: +14155550123", "path": "/", "at": BEFORE, "sent": "",
               "attempts": 0, "error": ""}  # fmt: skip
        put(ctx, alerts, {**row, "key": "1", "kind": "run_failed"},
            {**row, "key": "2", "kind": "run_failed"},
            {**row, "key": "3", "kind": "budget", "resolved_at": WITHIN})  # fmt: skip
        figures = digest(ctx)
        assert [(failure.kind, failure.records) for failure in figures.failing] == [("locked", 2)]
        assert figures.alerts == {"run_failed": 2}
        assert "5550123" not in json.dumps(figures.as_json())

    def test_names_connectors_without_credentials(self, make_context: MakeContext) -> None:
        toml = '[connectors.salesforce]\ndefault_country = "US"\n[connectors.hubspot]\n'
        context = make_context(toml, HUBSPOT_ACCESS_TOKEN="", HUBSPOT_API_URL="")
        context.now = lambda: NOW
        assert digest(context).unconnected == ("hubspot",)

    @pytest.mark.parametrize("toml", ["", "[connectors.hubspot]\nenabled = false\n"])
    def test_names_no_connector_that_nobody_asked_for(
        self, make_context: MakeContext, toml: str
    ) -> None:
        context = make_context(toml, HUBSPOT_ACCESS_TOKEN="", HUBSPOT_API_URL="")
        context.now = lambda: NOW
        assert digest(context).unconnected == ()

    def test_names_steps_of_the_chain_without_credentials(self, make_context: MakeContext) -> None:
        toml = '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n' + "".join(
            f'[[verification.steps]]\nprovider = "{name}"\n' for name in ("numverify", "twilio")
        )
        context = make_context(toml, NUMVERIFY_ACCESS_KEY="", TWILIO_ACCOUNT_SID="")
        context.now = lambda: NOW
        figures = digest(context)
        assert len(figures.left_out) == 2
        assert "NUMVERIFY_ACCESS_KEY" in figures.left_out[0]
        assert figures.needs_a_person


class TestWhatItCost:
    def test_sums_the_days_of_the_week_by_provider(self, make_context: MakeContext) -> None:
        ctx = make_context(
            '[verification.budget]\ncurrency = "EUR"\nday = 10\nmonth = 100\nmonth_lookups = 2000\n'
        )
        ctx.now = lambda: NOW
        for day, provider, run_id, money in (
            ("2026-11-15", "twilio", "a", 9_000_000), ("2026-11-16", "twilio", "a", 1_500_000),
            ("2026-11-22", "twilio", "b", 500_000), ("2026-11-20", "numverify", "b", 8000),
            ("2026-11-23", "twilio", "b", 4_000_000),
        ):  # fmt: skip
            put(ctx, spend, {"day": day, "provider": provider, "run_id": run_id, "money": money,
                             "lookups": 10, "reserved_money": 0, "reserved_lookups": 0,
                             "lost": 1})  # fmt: skip
        figures = digest(ctx)
        assert [(row.provider, row.lookups, row.lost, row.cost) for row in figures.costs] == [
            ("numverify", 10, 1, 0.008), ("twilio", 20, 2, 2.0),
        ]  # fmt: skip
        assert figures.currency == "EUR"
        month = next(cap for cap in figures.caps if "month" in cap.name)
        assert (month.used, month.cap) == (15.008, 100.0)
        assert (month.used_lookups, month.cap_lookups) == (50, 2000)

    def test_takes_its_days_from_the_calendar_in_every_zone(
        self, make_context: MakeContext
    ) -> None:
        ctx = make_context('[alerts.digest]\nzone = "Pacific/Auckland"\n')
        ctx.now = lambda: NOW
        for day in ("2026-11-15", "2026-11-22"):  # the week begins on the 15th by UTC
            put(ctx, spend, {"day": day, "provider": "twilio", "run_id": "a", "money": 1_000_000,
                             "lookups": 1, "reserved_money": 0, "reserved_lookups": 0,
                             "lost": 0})  # fmt: skip
        figures = digest(ctx)
        assert figures.begin == datetime(2026, 11, 15, 11, tzinfo=UTC)
        assert [row.cost for row in figures.costs] == [1.0]

    def test_names_a_provider_whose_lookups_were_free(self, ctx: Context) -> None:
        row = {"day": "2026-11-18", "run_id": "a", "money": 0, "reserved_money": 7_000_000,
               "reserved_lookups": 3, "lost": 0}  # fmt: skip
        put(ctx, spend, {**row, "provider": "rnd", "lookups": 4},
            {**row, "provider": "twilio", "lookups": 0})  # fmt: skip
        assert [(row.provider, row.lookups, row.cost) for row in digest(ctx).costs] == [
            ("rnd", 4, 0.0)
        ]


class TestTheWhole:
    def test_is_over_from_the_moment_its_next_week_begins(self, ctx: Context) -> None:
        ctx.now = lambda: AFTER
        assert digest(ctx).over
        ctx.now = lambda: AFTER - timedelta(seconds=1)
        assert not digest(ctx).over

    def test_of_a_week_that_begins_now_can_be_read(self, ctx: Context) -> None:
        ctx.now = lambda: MONDAY
        assert not digest(ctx).over

    def test_is_quiet_in_a_week_without_anything(self, ctx: Context) -> None:
        figures = digest(ctx)
        assert figures.quiet
        assert not figures.needs_a_person
        assert figures.over

    def test_is_read_from_what_the_product_does(
        self, make_context: MakeContext, sync: Sync
    ) -> None:
        ctx = make_context()
        runs_made = [sync(ctx, name) for name in ("salesforce", "hubspot")]
        with ctx.store.read() as connection:
            number = connection.scalar(sa.text("SELECT number FROM contact_numbers"))
        store_report(ctx, "opt_out", number)
        deliver_reports(ctx)
        counters.count(ctx)
        figures = digest(ctx, weeks.week_of(ctx.now().date()))
        read = {entry.connector: entry.read for entry in figures.checked}
        assert all(read[result["connector"]] >= result["contacts"]["read"] for result in runs_made)
        fields = sum(sum(entry.now.values()) for entry in figures.statuses)
        assert fields == sum(sum(result["fields"].values()) for result in runs_made)
        invalid = sum(result["fields"].get("invalid", 0) for result in runs_made)
        assert sum(entry.statuses.get("invalid", 0) for entry in figures.newly_bad) >= invalid - 1
        assert figures.reports == {"opt_out": 1}
        assert all(entry.confirmed >= 1 and entry.waiting == 0 for entry in figures.delivered)
        assert not figures.over

    def test_of_a_week_that_has_not_begun_is_refused(self, ctx: Context) -> None:
        with pytest.raises(ValueError, match="2026-W49 has not begun"):
            digest(ctx, weeks.parse("2026-W49"))
