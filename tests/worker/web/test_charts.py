"""The plots: figures as they were kept, drawn in the browser, with a table behind each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from constants import NUMBER
from fixture_types import Serve, Sync
from logins import by_link, let_in

from worker.context import Context
from worker.queries import charts
from worker.segments import counters
from worker.store.bulk import insert
from worker.store.outbox import DeliveryState
from worker.store.tables import (
    daily_counts,
    deliveries,
    feedback,
    pages,
    segment_history,
    spend,
    verifications,
)
from worker.web.render import chart_data

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday


@pytest.fixture
def now(ctx: Context) -> None:
    ctx.now = lambda: NOW


@pytest.fixture
def both(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def clock_of_both(both: Context) -> None:
    both.now = lambda: NOW


def day(back: int) -> str:
    return f"{NOW - timedelta(days=back):%Y-%m-%d}"


def count_days(ctx: Context, *statuses: dict[str, int]) -> None:
    """Counts of the days up to today, the last one today's."""
    rows = [
        {"day": day(len(statuses) - 1 - place), "connector": "hubspot", "contacts": 9,
         "statuses": counted}
        for place, counted in enumerate(statuses)
    ]  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, daily_counts, rows)


def report(ctx: Context, key: str, kind: str, at: datetime) -> None:
    with ctx.store.write() as connection:
        insert(
            connection, feedback,
            [{"key": key, "kind": kind, "number": NUMBER, "source": "api", "at": at,
              "received_at": at}],
        )  # fmt: skip


def lines(chart: charts.Chart) -> dict[str, tuple[Any, ...]]:
    return {line.name: line.values for line in chart.series}


class TestStatuses:
    def test_are_shares_of_all_fields_by_day(self, ctx: Context) -> None:
        count_days(ctx, {"valid": 3, "invalid": 1}, {}, {"valid": 1, "unverified": 1})
        chart = charts.status_shares(ctx)
        assert chart.x == (day(2), day(1), day(0))
        assert lines(chart) == {
            "valid": (75.0, None, 50.0), "unverified": (0.0, None, 50.0),
            "invalid": (25.0, None, 0.0),
        }  # fmt: skip

    def test_begin_with_the_first_day_that_was_counted(self, ctx: Context) -> None:
        assert charts.status_shares(ctx).x == ()
        count_days(ctx, {"valid": 1})
        assert charts.status_shares(ctx).since == day(0)

    def test_that_are_bad_change_by_the_difference_between_the_ends_of_weeks(
        self, ctx: Context
    ) -> None:
        # Thursday is today: 4 days of this week, 7 of the last, 1 of the one before.
        bad = [5, 5, 6, 7, 7, 7, 7, 9, 9, 9, 8, 7]
        count_days(ctx, *({"invalid": number - 1, "wrong_number": 1} for number in bad))
        chart = charts.bad_by_week(ctx)
        assert chart.x == (day(10), day(3))
        assert lines(chart) == {"net change": (4.0, -2.0)}

    def test_that_went_bad_are_added_up_since_they_are_counted(self, ctx: Context) -> None:
        """Beside the net change, which ten that went bad and ten that were mended leave at none."""
        rows = [
            {"day": day(back), "connector": name, "contacts": 9, "statuses": {"invalid": 5},
             "went_bad": counted}
            for back, name, counted in (
                (17, "hubspot", None), (10, "hubspot", None), (3, "hubspot", 6), (2, "hubspot", 3),
                (2, "salesforce", 1),
            )
        ]  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, daily_counts, rows)
        assert lines(charts.bad_by_week(ctx))["went bad"] == (None, 10.0)


@pytest.mark.usefixtures("now")
class TestReports:
    def test_are_counted_by_week_also_in_weeks_without_any(self, ctx: Context) -> None:
        report(ctx, "a", "opt_out", NOW)
        report(ctx, "b", "opt_out", NOW - timedelta(days=3))  # Monday of this week
        report(ctx, "c", "wrong_number", NOW - timedelta(days=20))
        chart = charts.reports_by_week(ctx)
        assert chart.x == (day(24), day(17), day(10), day(3))
        assert lines(chart) == {"opt_out": (0, 0, 0, 2), "wrong_number": (1, 0, 0, 0)}

    def test_of_long_ago_are_left_out(self, ctx: Context) -> None:
        report(ctx, "a", "opt_out", NOW - timedelta(days=400))
        assert charts.reports_by_week(ctx).x == ()

    def test_say_how_long_each_crm_took(self, ctx: Context) -> None:
        def delivery(cause: str, connector: str, seconds: float | None) -> dict[str, Any]:
            confirmed_at = None if seconds is None else NOW + timedelta(seconds=seconds)
            state = DeliveryState.PENDING if seconds is None else DeliveryState.DONE
            return {"cause": cause, "connector": connector, "number": NUMBER, "state": state,
                    "since": NOW, "retry_at": NOW, "confirmed_at": confirmed_at}  # fmt: skip

        with ctx.store.write() as connection:
            for cause, seconds in (("a", 1), ("b", 2), ("c", 60), ("d", None)):
                insert(connection, deliveries, [delivery(cause, "salesforce", seconds)])
            insert(connection, deliveries, [delivery("a", "hubspot", 3)])
        assert lines(charts.delays_by_week(ctx)) == {
            "hubspot, median": (3,), "hubspot, slowest": (3,),
            "salesforce, median": (2,), "salesforce, slowest": (60,),
        }  # fmt: skip

    @pytest.mark.usefixtures("clock_of_both")
    def test_count_to_the_week_in_which_the_crm_confirmed(self, both: Context) -> None:
        """Each delay and week as Python works them out, in both databases, to a tenth."""
        monday = datetime(2026, 11, 23, tzinfo=UTC)
        tick = timedelta(microseconds=1)
        moments = [
            (monday - timedelta(days=40, seconds=7.2), monday - tick),  # Sunday, just before
            (monday - timedelta(hours=1, microseconds=123_456), monday),
            (monday + timedelta(hours=9), monday + timedelta(hours=9, microseconds=949_000)),
            (monday + timedelta(hours=9), monday + timedelta(hours=9, microseconds=951_000)),
            (monday + timedelta(hours=2), monday + timedelta(hours=1)),  # clocks that disagree
        ]
        expected: dict[str, list[float]] = {}
        for since, confirmed_at in moments:
            week = confirmed_at.date() - timedelta(days=confirmed_at.weekday())
            delay = max(0.0, (confirmed_at - since).total_seconds())
            expected.setdefault(week.isoformat(), []).append(delay)
        with both.store.write() as connection:
            insert(connection, deliveries, [
                {"cause": str(place), "connector": "hubspot", "number": NUMBER, "since": since,
                 "state": DeliveryState.DONE, "retry_at": since, "confirmed_at": confirmed_at}
                for place, (since, confirmed_at) in enumerate(moments)
            ])  # fmt: skip
        chart = charts.delays_by_week(both)
        assert chart.x == tuple(sorted(expected)) == ("2026-11-16", "2026-11-23")
        assert lines(chart) == {
            "hubspot, median": tuple(round(median(expected[week]), 1) for week in chart.x),
            "hubspot, slowest": tuple(round(max(expected[week]), 1) for week in chart.x),
        }


def test_numbers_are_counted_by_country_and_line_type(ctx: Context, sync: Sync) -> None:
    assert charts.number_origins(ctx) == {"country": [], "line type": []}
    sync(ctx, "hubspot")
    counters.count(ctx)
    origins = charts.number_origins(ctx)
    with ctx.store.read() as connection:
        numbers = connection.execute(
            sa.select(verifications.c.country).where(verifications.c.provider == "offline")
        ).all()
    for parts in origins.values():
        assert sum(part.count for part in parts) == len(numbers) > 0
        assert sum(part.share for part in parts) == pytest.approx(1)
    first = origins["country"][0]
    assert first.count == sum(row.country == first.name for row in numbers)


@pytest.mark.usefixtures("now")
def test_spend_stands_beside_the_days_budget_also_on_days_without_any(ctx: Context) -> None:
    rows = [
        {"day": day(back), "provider": name, "run_id": "r", "money": money, "lookups": 1}
        for back, name, money in ((3, "twilio", 8_000), (1, "numverify", 2_500_000))
    ]
    with ctx.store.write() as connection:
        insert(connection, spend, rows)
    chart = charts.spend_by_day(ctx)
    assert (chart.unit, chart.x) == ("USD", (day(3), day(2), day(1), day(0)))
    assert lines(chart) == {
        "numverify": (0.0, 0.0, 2.5, 0.0), "twilio": (0.008, 0.0, 0.0, 0.0),
        "the day's budget": (50.0, 50.0, 50.0, 50.0),
    }  # fmt: skip


class TestARun:
    def test_is_plotted_by_the_second(self, ctx: Context, sync: Sync) -> None:
        run = sync(ctx, "hubspot")["run"]
        with ctx.store.write() as connection:
            connection.execute(pages.delete())
            stored = [
                {"run_id": run, "seq": seq, "object": "contacts", "state": "done", "size": 100,
                 "stored_at": NOW + timedelta(seconds=second)}
                for seq, second in enumerate((0, 0.5, 1, 3))
            ]  # fmt: skip
            insert(connection, pages, stored)
        assert lines(charts.throughput(ctx, run)) == {"read": (200, 100, 0, 100)}

    def test_of_any_length_has_points_that_fit_a_screen(self, ctx: Context, sync: Sync) -> None:
        run = sync(ctx, "hubspot")["run"]
        with ctx.store.write() as connection:
            connection.execute(pages.delete())
            stored = [
                {"run_id": run, "seq": hour, "object": "contacts", "state": "done", "size": 7,
                 "stored_at": NOW + timedelta(hours=hour)}
                for hour in range(90)
            ]  # fmt: skip
            insert(connection, pages, stored)
        chart = charts.throughput(ctx, run)
        assert len(chart.x) <= charts.MAX_POINTS + 1
        step = 89 * 3600 / charts.MAX_POINTS
        assert sum(lines(chart)["read"]) == pytest.approx(90 * 7 / step, abs=90 * 0.05)


@pytest.mark.usefixtures("now")
class TestASegment:
    def test_keeps_how_it_did_at_the_end_of_each_week(self, ctx: Context, sync: Sync) -> None:
        sync(ctx, "hubspot")
        old = {"by": "source", "connector": "hubspot", "value": "OFFLINE", "week": day(10),
               "contacts": 4, "numbers": 10, "bad": 5}  # fmt: skip
        ancient = old | {"week": day(900)}
        with ctx.store.write() as connection:
            insert(connection, segment_history, [old, ancient])
        counters.count(ctx)
        counters.count(ctx)  # the week's row is renewed
        chart = charts.segment_by_week(ctx, "hubspot", "source", "OFFLINE")
        assert chart.x == (day(10), day(3))
        assert lines(chart)["bad"][0] == 50.0
        assert lines(chart)["at least"][0] < 50 < lines(chart)["at most"][0]


def test_a_segment_that_nobody_is_in_is_a_404(serve: Serve, ctx: Context) -> None:
    query = "connector=hubspot&by=source&value=Nobody"
    assert by_link(ctx).get(f"{serve()}/segments/of?{query}").status_code == 404


def test_a_chart_that_is_not_there_is_a_404(serve: Serve, ctx: Context) -> None:
    assert by_link(ctx).get(f"{serve()}/charts/nothing").status_code == 404


def test_what_is_drawn_is_what_was_kept() -> None:
    chart = charts.Chart("n", "T", "%", (day(1), day(0)), (charts.Series("a_b", (1.0, None)),))
    drawn = chart_data(chart)
    assert '"label":"a b"' in drawn
    assert '"values":[1.0,null]' in drawn
    assert list(chart.rows()) == [(day(0), (None,)), (day(1), (1.0,))]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_in_the_browser_they_have_a_tip_and_a_table(
    chromium: Browser, serve: Serve, ctx: Context, sync: Sync, width: int, scheme: Any
) -> None:
    sync(ctx, "hubspot")
    counters.count(ctx)
    with ctx.store.write() as connection:
        connection.execute(daily_counts.delete())
    today = ctx.now()
    rows = [
        {"day": f"{today - timedelta(days=back):%Y-%m-%d}", "connector": "hubspot", "contacts": 60,
         "statuses": {"valid": 60 - back, "invalid": 10 + back}}
        for back in range(30)
    ]  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, daily_counts, rows)
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    let_in(page, ctx)
    page.goto(f"{serve()}/")
    card = page.locator(".chart", has_text="Status of phone fields")
    card.locator("canvas").first.wait_for()
    card.locator(".u-over").hover()
    tip = card.locator(".tip")
    assert "valid: " in tip.inner_text()
    assert "%" in tip.inner_text()
    card.get_by_text("As a table").click()
    assert card.locator("tbody tr").count() == 30
    assert [text.strip() for text in card.locator(".legend li").all_inner_texts()] == [
        "valid", "invalid",
    ]  # fmt: skip
    page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    page.set_viewport_size({"width": 600, "height": 900})
    page.wait_for_timeout(300)
    assert card.locator("canvas").first.bounding_box()["width"] < 600  # type: ignore[index]
    assert problems == []
    context.close()
