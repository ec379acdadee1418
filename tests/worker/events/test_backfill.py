"""A system that is added later is given what stands already: all of it, in order with what changes
meanwhile, and from where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from clocks import advance_clock
from constants import NUMBER
from metrics import gauges
from reports import store_report
from vendor_lists import VendorList, vendor

from worker.context import Context
from worker.events import backfill, delivery, delivery_log, feed
from worker.events import endpoints as directory
from worker.events.endpoints import EndpointError
from worker.feedback.models import SuppressionReason
from worker.ops import doctor_checks
from worker.queries.overview import overview
from worker.store import pause
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending

MakeContext = Callable[..., Context]
NUMBERS = [f"+1202555{place:04}" for place in range(100, 110)]


@pytest.fixture
def its_list() -> Iterator[VendorList]:
    with vendor("justcall") as standing_in:
        yield standing_in


@pytest.fixture
def ctx(make_context: MakeContext, its_list: VendorList, either_database_url: str) -> Context:
    """With ten suppressions, and a system that was added after them. What a system has to know of
    a number before it opens it again is asked of either database here."""
    made = make_context(**its_list.env, DATABASE_URL=either_database_url)
    for number in NUMBERS:
        suppress(made, number)
    advance_clock(made, seconds=1)
    directory.add_system(made, "dialer", "justcall", "kim")
    its_list.now = lambda: made.now()
    return made


def suppress(ctx: Context, number: str, channels: str = "") -> suppressions.Suppression:
    return suppressions.add(ctx, number, SuppressionReason.OPT_OUT, channels, "by letter", "kim")


def deliver(ctx: Context) -> int:
    return delivery.deliver(ctx, seconds=10)


def closed(its_list: VendorList) -> list[str]:
    return [number for number in NUMBERS if its_list.closed(number)]


def test_what_stands_is_closed_there_in_as_few_calls_as_it_takes(
    ctx: Context, its_list: VendorList
) -> None:
    suppressions.lift(ctx, suppressions.list_suppressions(ctx)[0].id, "ann", "by telephone")
    deliver(ctx)
    assert (closed(its_list), backfill.count(ctx, "dialer")) == ([], 9)
    before = len(its_list.writes)
    begun = backfill.start(ctx, "dialer", "kim")
    assert (begun.total, begun.queued, begun.state) == (9, 9, "done")
    deliver(ctx)
    assert closed(its_list) == NUMBERS[1:]
    assert len(its_list.writes) - before == 2  # a call for each of its lists
    # Nobody else hears of it.
    assert [change.event.type for change in feed.read(ctx, "", 100).changes] == (
        ["number.suppressed"] * 10 + ["number.lifted"]
    )


def test_a_lift_meanwhile_is_not_overtaken(ctx: Context, its_list: VendorList) -> None:
    its_list.answers = [(503, b"", {})]
    backfill.start(ctx, "dialer", "kim")
    deliver(ctx)
    assert closed(its_list) == []
    first, second, *_ = suppressions.list_suppressions(ctx)
    suppressions.lift(ctx, first.id, "ann", "by telephone")
    advance_clock(ctx, hours=1)
    deliver(ctx)
    deliver(ctx)
    assert closed(its_list) == NUMBERS[1:]
    # START opens what the backfill closed, since it was closed by us.
    store_report(ctx, "opt_in", second.number, key="start", source="sms", channels="text")
    apply_pending(ctx)
    apply_pending(ctx)
    deliver(ctx)
    assert its_list.closed(second.number) == {"call"}


def test_it_goes_on_where_it_was_a_batch_at_a_time(
    ctx: Context, its_list: VendorList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BATCH", 4)
    monkeypatch.setattr(backfill, "_AHEAD", 2)
    assert backfill.start(ctx, "dialer", "kim").queued == 4
    assert backfill.start(ctx, "dialer", "kim").queued == 4  # enough of the first still waits
    suppress(ctx, NUMBER)  # what comes now is told by its own event
    [left, age] = gauges(ctx, "endpoint_backfill")
    assert (left.labels, left.value) == ({"endpoint": "dialer"}, 6.0)
    assert age.value >= 0
    deliver(ctx)  # the rest follows by itself
    found = backfill.find(ctx, "dialer")
    assert (found.queued, found.state) == (10, "done")
    assert closed(its_list) == NUMBERS
    sent = [entry.type for entry in delivery_log.list_deliveries(ctx, "dialer")]
    assert sorted(sent) == ["number.standing"] * 10 + ["number.suppressed"]
    assert gauges(ctx, "endpoint_backfill") == []


def test_nothing_goes_while_the_system_or_everything_is_paused(
    ctx: Context, its_list: VendorList
) -> None:
    directory.pause(ctx, "dialer")
    assert backfill.start(ctx, "dialer", "kim").queued == 0
    directory.resume(ctx, "dialer")
    pause.begin(ctx.store, ctx.now(), "kim", "a test")
    backfill.feed(ctx)
    assert (deliver(ctx), closed(its_list)) == (0, [])


def test_it_is_offered_until_it_was_done(ctx: Context) -> None:
    needed = [{"endpoint": "dialer", "kind": "justcall", "suppressions": 10}]
    assert overview(ctx)["needs"]["backfills"] == needed
    [check] = doctor_checks.check_backfills(ctx)
    assert "hygiene endpoints backfill dialer" in check.text
    backfill.start(ctx, "dialer", "kim")
    assert overview(ctx)["needs"]["backfills"] == []
    assert list(doctor_checks.check_backfills(ctx)) == []
    directory.remove(ctx, "dialer")
    directory.add_system(ctx, "dialer", "justcall", "kim")
    assert overview(ctx)["needs"]["backfills"] == needed


def test_only_what_it_has_a_channel_for(make_context: MakeContext) -> None:
    with vendor("klaviyo") as its_list:
        ctx = make_context(**its_list.env)
        directory.add_system(ctx, "klaviyo", "klaviyo", "kim")
        suppress(ctx, NUMBERS[0], "call")
        assert backfill.count(ctx, "klaviyo") == 0
        assert backfill.start(ctx, "klaviyo", "kim").queued == 0


def test_a_webhook_is_given_the_list(ctx: Context) -> None:
    directory.add(ctx, "hook", "https://dialer.example.com/hooks", (), False, "kim")
    with pytest.raises(EndpointError, match="hygiene suppressions export"):
        backfill.start(ctx, "hook", "kim")
