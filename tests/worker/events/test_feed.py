"""The feed: each change of a suppression, in the order of what happened, without a gap."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER
from reports import store_report

from worker.context import Context
from worker.events import feed
from worker.feedback.models import SuppressionReason
from worker.ops import retention
from worker.store.tables import suppressions as table
from worker.suppression import erasure, imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending


def changes(ctx: Context, since: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = feed.read(ctx, since, 1000).as_json()["changes"]
    return listed


def suppress(ctx: Context, number: str = NUMBER, channels: str = "") -> suppressions.Suppression:
    return suppressions.add(ctx, number, SuppressionReason.OPT_OUT, channels, "by letter", "kim")


def test_an_opt_out_and_its_lift_are_two_changes(ctx: Context) -> None:
    added = suppress(ctx)
    suppressions.lift(ctx, added.id, "kim", "a mistake")
    assert [(c["type"], c["number"], c["channels"], c["reason"]) for c in changes(ctx)] == [
        ("number.suppressed", NUMBER, ["call", "text"], "opt_out"),
        ("number.lifted", NUMBER, ["call", "text"], "opt_out"),
    ]
    assert [c["sequence"] for c in changes(ctx)] == [1, 2]


def test_a_report_that_reaches_us_is_in_the_feed_once_it_is_applied(ctx: Context) -> None:
    store_report(ctx, "wrong_number")
    apply_pending(ctx)
    store_report(ctx, "confirmed", at=ctx.now() + timedelta(minutes=1))
    apply_pending(ctx)
    assert [c["type"] for c in changes(ctx)] == ["number.wrong", "number.lifted"]


def test_an_opt_in_for_one_channel_lifts_that_channel_alone(ctx: Context) -> None:
    suppress(ctx)
    store_report(ctx, "opt_in", channels="text", at=ctx.now() + timedelta(minutes=1))
    apply_pending(ctx)
    assert [(c["type"], c["channels"]) for c in changes(ctx)] == [
        ("number.suppressed", ["call", "text"]), ("number.lifted", ["text"]),
    ]  # fmt: skip


def test_what_is_said_twice_is_one_change(ctx: Context) -> None:
    suppress(ctx)
    suppress(ctx)
    apply_pending(ctx)
    assert len(changes(ctx)) == 1


def test_entries_of_an_imported_list_are_in_the_feed(ctx: Context) -> None:
    imported_lists.import_list(ctx, [NUMBER, OTHER], "old dialer")
    imported_lists.import_list(ctx, [NUMBER, OTHER], "old dialer")
    assert sorted((c["number"], c["reason"]) for c in changes(ctx)) == [
        (NUMBER, "list"), (OTHER, "list"),
    ]  # fmt: skip


def test_a_cursor_goes_on_where_it_was(ctx: Context) -> None:
    suppress(ctx)
    first = feed.read(ctx, "", 1)
    suppress(ctx, OTHER)
    rest = feed.read(ctx, first.next_cursor, 10)
    assert [stored.event.number for stored in rest.changes] == [OTHER]
    assert feed.read(ctx, rest.next_cursor, 10).as_json() == {
        "changes": [], "next": rest.next_cursor,
    }  # fmt: skip


def test_reading_one_by_one_gives_what_reading_at_once_gives(ctx: Context) -> None:
    for last in range(7):
        added = suppress(ctx, f"+1415555267{last}")
        if last % 2:
            suppressions.lift(ctx, added.id, "kim", "a mistake")
    cursor, one_by_one = "", []
    while part := feed.read(ctx, cursor, 1).changes:
        one_by_one += part
        cursor = feed.read(ctx, cursor, 1).next_cursor
    assert one_by_one == feed.read(ctx, "", 1000).changes


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 30, "٣", "1; DROP TABLE events"])
def test_what_is_no_cursor_is_refused(ctx: Context, cursor: str) -> None:
    with pytest.raises(feed.CursorError):
        feed.read(ctx, cursor, 10)


def test_a_cursor_ahead_of_the_feed_is_refused_instead_of_missing_everything(ctx: Context) -> None:
    suppress(ctx)
    with pytest.raises(feed.CursorError, match="ahead of the feed"):
        feed.read(ctx, "4711", 10)


def test_a_cursor_lasts_for_a_year_and_an_older_one_is_refused(ctx: Context) -> None:
    suppress(ctx)
    old = feed.read(ctx, "", 1).next_cursor
    suppress(ctx, OTHER)
    advance_clock(ctx, days=366)
    retention.purge_expired(ctx)
    assert [c["number"] for c in changes(ctx, old)] == [OTHER]
    advance_clock(ctx, days=40)
    retention.purge_expired(ctx)
    with pytest.raises(feed.ExpiredCursorError):
        feed.read(ctx, old, 10)
    suppress(ctx, "+14155552679")
    assert [c["number"] for c in changes(ctx)] == ["+14155552679"]


def test_the_list_and_what_follows_its_cursor_hold_every_suppression(ctx: Context) -> None:
    suppress(ctx)
    cursor = feed.current_cursor(ctx)
    listed = suppressions.list_suppressions(ctx)
    suppress(ctx, OTHER)
    assert [entry.number for entry in listed] == [NUMBER]
    assert [c["number"] for c in changes(ctx, cursor)] == [OTHER]


def test_what_an_earlier_version_changes_meanwhile_is_announced(ctx: Context) -> None:
    """During a deployment its workers suppress and lift without the log of events."""
    from worker.events import delivery

    kept = suppress(ctx)
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(table).where(table.c.id == kept.id).values(lifted_at=ctx.now())
        )
        row = {"key": "feedback:99", "number": OTHER, "channels": "call", "reason": "opt_out",
               "source": "x", "since": ctx.now()}  # fmt: skip
        connection.execute(sa.insert(table).values(**row))
    delivery.announce(ctx)
    assert [(c["type"], c["number"]) for c in changes(ctx)[1:]] == [
        ("number.lifted", NUMBER), ("number.suppressed", OTHER),
    ]  # fmt: skip


def test_an_erased_number_is_in_the_feed_no_more_and_goes_on_counting(ctx: Context) -> None:
    suppress(ctx)
    erasure.erase_number(ctx, NUMBER, "kim")
    listed = changes(ctx)
    assert [c["type"] for c in listed] == ["number.suppressed", "number.suppressed"]
    assert [c["number"] for c in listed] == [None, None]
    assert NUMBER not in str(listed)
    store_report(ctx, "opt_out", key="again")
    apply_pending(ctx)
    assert changes(ctx)[-1]["sequence"] > listed[-1]["sequence"]


def test_a_reader_misses_nothing_while_writers_are_at_work(ctx: Context) -> None:
    """Ids that commit late would be passed by: four writers, and a reader that never waits."""
    numbers = [f"+1415555{writer}{n:03}" for writer in range(4) for n in range(12)]
    done: list[bool] = []

    def write(part: list[str]) -> None:
        for number in part:
            added = suppress(ctx, number)
            suppressions.lift(ctx, added.id, "kim", "a mistake")
        done.append(True)

    writers = [Thread(target=write, args=(numbers[n::4],)) for n in range(4)]
    for thread in writers:
        thread.start()
    cursor, seen = "", []
    while True:
        over = len(done) == len(writers)
        part = feed.read(ctx, cursor, 5)
        seen += part.changes
        cursor = part.next_cursor
        if over and not part.changes:
            break
    for thread in writers:
        thread.join()
    everything = feed.read(ctx, "", 1000).changes
    assert seen == everything
    assert len(seen) == 2 * len(numbers)
    for number in numbers:
        of_number = [stored for stored in seen if stored.event.number == number]
        assert [stored.sequence for stored in of_number] == [1, 2]
