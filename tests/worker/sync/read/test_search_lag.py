"""HubSpot's searches find a change late: nothing is lost by it, and nothing is taken back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from clocks import SharedClock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import MakeContext, Sync

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import Feedback
from worker.store.tables import feedback, watermarks
from worker.suppression.apply_reports import apply_pending
from worker.sync import hubspot_events
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle, own_writes


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def clock(crm: Crm) -> SharedClock:
    return SharedClock(crm)


@pytest.fixture
def ctx(make_context: MakeContext, clock: SharedClock) -> Context:
    return clock.attach(make_context())


def searches_see_after(crm: Crm, **span: float) -> None:
    crm.service.search_lag = timedelta(**span).total_seconds()


def watermark(ctx: Context) -> datetime:
    with ctx.store.read() as connection:
        position = connection.scalar(sa.select(watermarks.c.position))
    assert position is not None
    return position


class TestWhatIsFoundLate:
    @pytest.mark.parametrize("minutes", [1, 7, 20, 50, 59])
    def test_is_read_by_the_next_sync(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync, minutes: int
    ) -> None:
        sync(ctx, "hubspot")
        sync(ctx, "hubspot")
        clock.advance(minutes=20)
        searches_see_after(crm, minutes=minutes)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        for _ in range(3):
            clock.advance(minutes=minutes / 4)
            sync(ctx, "hubspot")
        assert crm.get(target, crm.status) != "invalid"
        clock.advance(minutes=minutes / 4, seconds=1)
        sync(ctx, "hubspot")
        assert crm.get(target, crm.status) == "invalid"

    def test_is_read_also_where_a_run_of_ours_had_just_written_to_it(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        """Our own writes are left out for a while, and an edit after them is none of them."""
        sync(ctx, "hubspot")
        clock.advance(minutes=1)
        searches_see_after(crm, minutes=20)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})  # the first run's mark stays on it
        for _ in range(3):
            clock.advance(minutes=6)
            sync(ctx, "hubspot")
        assert crm.get(target, crm.status) != "invalid"
        clock.advance(minutes=3)
        sync(ctx, "hubspot")
        assert crm.get(target, crm.status) == "invalid"

    @pytest.mark.parametrize("seconds", [-240, -31, -2, 2, 31, 240, 1800, 3500])
    def test_is_read_in_the_end_whenever_it_was_made(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync, seconds: int
    ) -> None:
        """Before, while and after our first run wrote; syncs go on every quarter of an hour."""
        target = crm.ids()[7]
        searches_see_after(crm, minutes=55)
        if seconds < 0:
            crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
            clock.advance(seconds=-seconds)
        sync(ctx, "hubspot")
        if seconds > 0:
            clock.advance(seconds=seconds)
            crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        for _ in range(9):
            clock.advance(minutes=15)
            sync(ctx, "hubspot")
        assert crm.get(target, crm.status) == "invalid"

    def test_is_read_when_it_is_a_new_contact(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        clock.advance(minutes=30)
        searches_see_after(crm, minutes=58)
        record_id = crm.service.portal.create({"phone": NUMBER})
        for _ in range(4):
            clock.advance(minutes=15)
            sync(ctx, "hubspot")
        assert crm.get(record_id, crm.status) == "valid"

    def test_is_lost_with_a_setting_that_is_too_short(
        self, make_context: MakeContext, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        """What the setting is for."""
        ctx = clock.attach(make_context('[connectors.hubspot]\nsearch_lag = "0s"'))
        sync(ctx, "hubspot")
        clock.advance(minutes=20)
        searches_see_after(crm, minutes=20)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        for _ in range(4):
            clock.advance(minutes=15)
            sync(ctx, "hubspot")
        assert crm.get(target, crm.status) != "invalid"

    def test_before_a_longer_setting_is_read_as_soon_as_that_holds(
        self, make_context: MakeContext, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        """As after an upgrade: the watermark is not what has to wait for it."""
        ctx = clock.attach(make_context('[connectors.hubspot]\nsearch_lag = "0s"'))
        sync(ctx, "hubspot")
        clock.advance(minutes=20)
        searches_see_after(crm, minutes=20)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        for _ in range(2):
            clock.advance(minutes=15)
            sync(ctx, "hubspot")
        assert crm.get(target, crm.status) != "invalid"
        sync(clock.attach(make_context()), "hubspot")
        assert crm.get(target, crm.status) == "invalid"


class TestWhatIsReadAgain:
    def test_costs_no_write_and_no_lookup(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        clock.advance(minutes=20)
        for record_id in crm.ids()[:20]:
            crm.edit(record_id, {"phone/phone": NUMBER})
        sync(ctx, "hubspot")
        snapshot = crm.snapshot()
        for _ in range(6):
            clock.advance(minutes=11)
            crm.service.counters.clear()
            again = sync(ctx, "hubspot")
            assert again["contacts"]["written"] == crm.writes == 0
            assert again["lookups"].get("offline", {"asked": 0})["asked"] == 0
            assert crm.calls <= 3
        assert crm.snapshot() == snapshot

    def test_leaves_out_the_run_that_wrote_most(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        clock.advance(minutes=10)
        assert sync(ctx, "hubspot")["contacts"]["read"] >= 50
        for _ in range(4):
            clock.advance(minutes=10)
            assert sync(ctx, "hubspot")["contacts"]["read"] <= 10

    def test_does_not_grow_where_each_run_writes_something(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        """Some run has always written within the overlap: the watermark goes on all the same."""
        sync(ctx, "hubspot")
        read = []
        for n in range(28):  # seven hours
            clock.advance(minutes=15)
            numbers = (NUMBER, OTHER)
            crm.edit(crm.ids()[n], {"phone/phone": numbers[n % 2], "phone/mobilephone": ""})
            account = sync(ctx, "hubspot")
            assert account["contacts"]["written"] >= 1
            read.append(account["contacts"]["read"])
        assert max(read[10:]) <= 8
        assert ctx.now() - watermark(ctx) < timedelta(minutes=90)

    def test_does_not_grow_with_a_long_overlap_of_any_crm(
        self, make_context: MakeContext, sandbox: Sandbox, sync: Sync
    ) -> None:
        salesforce = Crm.all(sandbox)["salesforce"]
        clock = SharedClock(salesforce)
        ctx = clock.attach(make_context('[sync]\noverlap = "1h"'))
        sync(ctx, "salesforce")
        for n in range(16):
            clock.advance(minutes=15)
            salesforce.edit(salesforce.ids()[n], {"phone/Phone": (NUMBER, OTHER)[n % 2]})
            sync(ctx, "salesforce")
        with ctx.store.read() as connection:
            positions = list(connection.scalars(sa.select(watermarks.c.position)))
        assert ctx.now() - min(positions) < timedelta(minutes=150)


class TestAnAnswerThatIsOlderThanOurOwnWrite:
    def test_is_not_taken_for_a_person_who_cleared_our_flag(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        target = crm.ids()[5]
        crm.edit(target, {"phone/phone": NUMBER, "phone/mobilephone": ""})
        sync(ctx, "hubspot")
        clock.advance(minutes=30)
        searches_see_after(crm, minutes=40)
        report = Feedback(key="k", kind="opt_out", number=NUMBER, source="test", at=ctx.now())
        intake.store_reports(ctx, [report])
        apply_pending(ctx)
        propagate(ctx, "hubspot")
        assert crm.get(target, "do_not_contact") is True
        for _ in range(4):
            clock.advance(minutes=12)
            sync(ctx, "hubspot")
            assert crm.get(target, "do_not_contact") is True
        with ctx.store.read() as connection:
            assert list(connection.scalars(sa.select(feedback.c.kind))) == ["opt_out"]

    def test_causes_no_second_write(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        clock.advance(minutes=30)
        target = crm.ids()[7]
        crm.edit(target, {f"phone/{crm.phone}": "call Maria"})
        searches_see_after(crm, minutes=40)  # of the edit they know, of our write not yet
        assert sync(ctx, "hubspot")["contacts"]["written"] == 1
        snapshot = crm.snapshot()
        for _ in range(4):
            clock.advance(minutes=12)
            assert sync(ctx, "hubspot")["contacts"]["written"] == 0
        assert crm.snapshot() == snapshot

    def test_does_not_bring_back_a_number_that_was_replaced(
        self, ctx: Context, crm: Crm, clock: SharedClock, sync: Sync
    ) -> None:
        target = crm.ids()[7]
        crm.edit(target, {"phone/phone": NUMBER, "phone/mobilephone": ""})
        sync(ctx, "hubspot")
        clock.advance(minutes=10)
        crm.edit(target, {"phone/phone": OTHER})
        sync(ctx, "hubspot")
        searches_see_after(crm, minutes=30)
        clock.advance(minutes=2)
        crm.edit(target, {"phone/phone": "call Maria"})
        hubspot_events.receive(
            ctx,
            [
                {
                    "subscriptionType": "contact.propertyChange",
                    "objectId": int(target),
                    "propertyName": "phone",
                }
            ],
        )
        clock.advance(minutes=1)
        propagate(ctx, "hubspot")
        assert crm.get(target, crm.status) == "invalid"
        sync(ctx, "hubspot")
        assert crm.get(target, crm.status) == "invalid"
        assert intake.numbers_of_contact(ctx, "hubspot", "contacts", target) == []


def test_a_run_that_an_earlier_release_opened_goes_on(ctx: Context, sync: Sync) -> None:
    """It did not note when the runs began whose writes it left out: its watermark stays."""
    sync(ctx, "hubspot")
    sync(ctx, "hubspot")
    before = watermark(ctx)
    assert own_writes.from_json({"runs": ["x"], "until": "2026-01-01T00:00:00+00:00"}).runs == (
        "x",
    )
    run_id = lifecycle.open_run(ctx, "hubspot", lifecycle.Scope("changed"))
    with ctx.store.write() as connection:
        connection.execute(sa.update(lifecycle.runs).where(lifecycle.runs.c.id == run_id).values(
            own_writes={"runs": ["x"], "until": "2026-01-01T00:00:00+00:00"}))  # fmt: skip
    from worker.sync.pages import runner

    runner.run_to_completion(ctx, run_id)
    assert lifecycle.load(ctx, run_id).state == "done"
    assert watermark(ctx) == before
