"""A subscriber at the stand-in's gRPC server: from a tick in Salesforce to HubSpot, without a sync
on schedule, whatever is cut, lost or killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Start, Sync
from limits import lower_limits
from reports import deliver_reports
from streams import CONTACTS, STREAMING, RecordedWorkers, following, wait_for

from config.section import SettingsError
from connectors.salesforce.pubsub import feed as pubsub_feed
from sandbox.run import Sandbox
from sandbox.salesforce.pubsub.server import PubSubService
from worker.alerts import rules
from worker.context import Context
from worker.ops.stream_check import check_streams
from worker.store.tables import changed_records, contact_numbers, runs
from worker.sync import propagate as propagation
from worker.sync.runs import lifecycle
from worker.sync.stream import pulls, state, subscriber


@pytest.fixture
def crms(sandbox: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox)


def waiting(ctx: Context) -> set[str]:
    """Records that are to be read now; not those that are looked at again later."""
    due = changed_records.c.retry_at <= ctx.now(), changed_records.c.run_id.is_(None)
    with ctx.store.read() as connection:
        return set(connection.scalars(sa.select(changed_records.c.record_id).where(*due)))


def heard(ctx: Context, channel: str = CONTACTS) -> bytes | None:
    return state.replay_id(ctx, "salesforce", channel)


def edit(sandbox: Sandbox, crm: Crm, record_id: str, **values: Any) -> None:
    sandbox.call(lambda: crm.edit(record_id, values))


def holders(ctx: Context, number: str) -> set[tuple[str, str]]:
    c = contact_numbers.c
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(c.connector, c.record_id).where(c.number == number))
        return {(row.connector, row.record_id) for row in rows}


def test_a_tick_in_salesforce_reaches_hubspot_without_a_sync(
    stream_ctx: Context, sandbox: Sandbox, crms: dict[str, Crm], sync: Sync
) -> None:
    org, portal = crms["salesforce"], crms["hubspot"]
    here, there = org.ids()[0], portal.ids()[0]
    portal.edit(there, {"phone/phone": NUMBER})
    portal.act(there, {"set": {"email": org.records()[here]["Email"]}})  # the same person
    for name in crms:
        sync(stream_ctx, name)
    ran = count_syncs(stream_ctx)
    with following(stream_ctx) as told:
        wait_for(lambda: heard(stream_ctx))
        edit(sandbox, org, here, **{"phone/Phone": NUMBER})
        wait_for(lambda: here in waiting(stream_ctx) and told.records)
        propagation.propagate(stream_ctx, "salesforce")
        assert ("salesforce", here) in holders(stream_ctx, NUMBER), "the index knows the number"
        edit(sandbox, org, here, wrong_number=True)
        wait_for(lambda: here in waiting(stream_ctx))
        propagation.propagate(stream_ctx, "salesforce")
    deliver_reports(stream_ctx)
    assert portal.get(there, portal.status) == "wrong_number"
    assert count_syncs(stream_ctx) == ran


def count_syncs(ctx: Context) -> int:
    query = sa.select(sa.func.count()).where(runs.c.kind == "sync")
    with ctx.store.read() as connection:
        return int(connection.scalar(query) or 0)


def test_our_own_writes_cause_no_reading(
    stream_ctx: Context, pubsub: PubSubService, crms: dict[str, Crm], sync: Sync
) -> None:
    """A first sync writes nearly every record, flags too: those are events, and nothing more."""
    record_id = crms["salesforce"].ids()[0]
    with following(stream_ctx) as told:
        wait_for(lambda: heard(stream_ctx))
        crms["salesforce"].edit(record_id, {"phone/Phone": NUMBER, "wrong_number": True})
        wait_for(lambda: waiting(stream_ctx) == {record_id})
        sync(stream_ctx, "salesforce")  # writes statuses, and unticks and ticks
        deliver_reports(stream_ctx)
        tip = pubsub.bus.events[-1].replay_id
        wait_for(lambda: (heard(stream_ctx) or b"") >= tip)
        assert waiting(stream_ctx) <= {record_id}, "read and gone, or still waiting"
    assert pubsub.delivered > 20
    assert told.records


def test_what_happened_while_nobody_followed_is_taken_later(
    stream_ctx: Context, sandbox: Sandbox, crms: dict[str, Crm], sync: Sync
) -> None:
    sync(stream_ctx, "salesforce")
    one, other = crms["salesforce"].ids()[:2]
    with following(stream_ctx):
        wait_for(lambda: heard(stream_ctx))
    edit(sandbox, crms["salesforce"], one, wrong_number=True)
    with following(stream_ctx):
        wait_for(lambda: waiting(stream_ctx) == {one})
        sandbox.pubsub.cut()  # type: ignore[union-attr]
        edit(sandbox, crms["salesforce"], other, wrong_number=True)
        wait_for(lambda: waiting(stream_ctx) == {one, other})


def test_a_session_that_ends_is_renewed(
    stream_ctx: Context, sandbox: Sandbox, crms: dict[str, Crm]
) -> None:
    with following(stream_ctx):
        wait_for(lambda: heard(stream_ctx))
        sandbox.call(sandbox.salesforce.tokens.clear)
        edit(sandbox, crms["salesforce"], crms["salesforce"].ids()[0], wrong_number=True)
        wait_for(lambda: waiting(stream_ctx))


class Syncing(RecordedWorkers):
    """Workers that sync when a pull is wanted, and do nothing about changed records."""

    def __init__(self, ctx: Context, sync: Sync) -> None:
        super().__init__()
        self.ctx, self.sync = ctx, sync

    def pull(self, connector: str) -> None:
        super().pull(connector)
        self.sync(self.ctx, connector)


@pytest.mark.parametrize("what", ["a lost replay id", "a gap", "an overflow", "no event it can be"])
def test_what_no_event_told_is_pulled_at_once(
    what: str,
    stream_ctx: Context,
    pubsub: PubSubService,
    sandbox: Sandbox,
    crms: dict[str, Crm],
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An edit in the second of a write of ours is read once the overlap is over.
    lower_limits(monkeypatch, own_write_second=timedelta(0))
    sync(stream_ctx, "salesforce")
    record_id = crms["salesforce"].ids()[0]
    with following(stream_ctx):
        wait_for(lambda: heard(stream_ctx))
    finish_pull(stream_ctx, sync)
    pubsub.bus.silent = True  # the change itself makes no event
    edit(sandbox, crms["salesforce"], record_id, **{"phone/Phone": NUMBER})
    if what == "a lost replay id":
        pubsub.bus.publish("Contact", "CREATE", [record_id])
        pubsub.bus.forget()
    elif what == "a gap":
        pubsub.bus.gap("Contact")
    elif what == "an overflow":
        pubsub.bus.overflow("Contact")
    else:
        pubsub.bus.publish("Contact", "UPDATE", [record_id], payload=b"\x02")
    with following(stream_ctx, Syncing(stream_ctx, sync)) as told:
        wait_for(lambda: ("salesforce", record_id) in holders(stream_ctx, NUMBER))
        wait_for(lambda: state.wanted_pull(stream_ctx, "salesforce") is None)
        edit_of_another = crms["salesforce"].ids()[1]
        pubsub.bus.silent = False
        wait_for(lambda: heard(stream_ctx))
        edit(sandbox, crms["salesforce"], edit_of_another, wrong_number=True)
        wait_for(lambda: edit_of_another in waiting(stream_ctx))  # it goes on
    assert told.pulls


def finish_pull(ctx: Context, sync: Sync) -> None:
    """Do the pull that a stream wants which began at its tip."""
    assert pulls.begin_wanted(ctx, "salesforce", lambda name: sync(ctx, name) and None)
    assert not pulls.begin_wanted(ctx, "salesforce", lambda _name: None)


def test_a_sync_that_was_under_way_is_no_pull(stream_ctx: Context, sync: Sync) -> None:
    """It may have read past the record already."""
    sync(stream_ctx, "salesforce")
    with following(stream_ctx):
        wait_for(lambda: state.wanted_pull(stream_ctx, "salesforce"))
    begun: list[str] = []
    assert pulls.begin_wanted(stream_ctx, "salesforce", begun.append)
    assert begun == ["salesforce"]
    assert pulls.begin_wanted(stream_ctx, "salesforce", begun.append), "still wanted"


def test_only_one_follows_and_another_takes_over(
    stream_ctx: Context, sandbox: Sandbox, pubsub: PubSubService, crms: dict[str, Crm]
) -> None:
    with following(stream_ctx):
        wait_for(lambda: heard(stream_ctx))
        with following(stream_ctx):
            wait_for(lambda: pubsub.subscribed == 2)  # Contact and Lead, once each
            assert pubsub.opened == 2
    record_id = crms["salesforce"].ids()[0]
    edit(sandbox, crms["salesforce"], record_id, wrong_number=True)
    with following(stream_ctx):
        wait_for(lambda: record_id in waiting(stream_ctx))


def test_whoever_lost_the_lease_commits_nothing(stream_ctx: Context, crms: dict[str, Crm]) -> None:
    other = stream_ctx.borrow()
    assert state.claim(stream_ctx, "salesforce")
    step = subscriber.plan.Step((("Contact", crms["salesforce"].ids()[0]),), "", b"9", {})
    advance_clock(other, minutes=1)
    assert state.claim(other, "salesforce")
    with pytest.raises(state.LostLeaseError):
        state.commit(stream_ctx, "salesforce", CONTACTS, step)
    assert not waiting(stream_ctx)
    assert heard(stream_ctx) is None
    assert not state.renew(stream_ctx, "salesforce")


def test_a_step_is_stored_whole_or_not_at_all(
    stream_ctx: Context, crms: dict[str, Crm], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its records and its replay id, neither is there."""
    assert state.claim(stream_ctx, "salesforce")
    step = subscriber.plan.Step((("Contact", crms["salesforce"].ids()[0]),), "gap", b"9", {})
    with monkeypatch.context() as patch:
        patch.setattr(subscriber.plan, "merged_counts", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            state.commit(stream_ctx, "salesforce", CONTACTS, step)
    assert not waiting(stream_ctx)
    assert state.wanted_pull(stream_ctx, "salesforce") is None
    state.commit(stream_ctx, "salesforce", CONTACTS, step)
    assert waiting(stream_ctx)
    assert heard(stream_ctx) == b"9"


@pytest.mark.slow
def test_a_killed_process_is_replaced_and_misses_nothing(
    make_settings: Callable[..., Any],
    stream_ctx: Context,
    sandbox: Sandbox,
    crms: dict[str, Crm],
    start: Start,
) -> None:
    make_settings(STREAMING)
    ids = crms["salesforce"].ids()
    first, second = start("worker", "stream"), None
    wait_for(lambda: heard(stream_ctx), 60)
    edit(sandbox, crms["salesforce"], ids[0], wrong_number=True)
    wait_for(lambda: ids[0] in waiting(stream_ctx))
    second = start("worker", "stream")
    os.kill(first.pid, signal.SIGKILL)
    edit(sandbox, crms["salesforce"], ids[1], wrong_number=True)
    wait_for(lambda: ids[1] in waiting(stream_ctx), 60)
    os.kill(second.pid, signal.SIGTERM)
    assert second.wait(30) == 0


class TestWhatAnOperatorSees:
    def test_a_channel_that_is_not_selected_in_setup(
        self, stream_ctx: Context, pubsub: PubSubService
    ) -> None:
        pubsub.bus.selected.discard("Lead")
        found = {check.name: check for check in check_streams(stream_ctx)}
        assert found["stream /data/LeadChangeEvent"].verdict == "problem"
        assert "Setup > Change Data Capture" in found["stream /data/LeadChangeEvent"].text
        assert found[f"stream {CONTACTS}"].text == "no message has come yet: start hygiene stream"

    def test_a_stream_in_good_health(self, stream_ctx: Context) -> None:
        with following(stream_ctx):
            wait_for(lambda: heard(stream_ctx) and heard(stream_ctx, "/data/LeadChangeEvent"))
        verdicts = [c.verdict for c in check_streams(stream_ctx) if "/data" in c.name]
        assert verdicts == ["ok", "ok"]

    def test_an_alert_once_a_stream_is_down_for_too_long(
        self, stream_ctx: Context, pubsub: PubSubService
    ) -> None:
        state.expect(stream_ctx)
        pubsub.denied.add("Contact")
        with following(stream_ctx):
            wait_for(lambda: any(one.problem for one in state.health(stream_ctx)))
        assert not stream_alerts(stream_ctx)
        advance_clock(stream_ctx, minutes=20)
        texts = stream_alerts(stream_ctx)
        assert len(texts) == 2
        assert any("View All Records" in text for text in texts)

    def test_missing_packages_are_named(
        self, stream_ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "grpc", None)
        with pytest.raises(SettingsError, match=r"pip install 'phone-hygiene\[streaming\]'"):
            pubsub_feed.check_packages()
        verdicts = [(check.verdict, check.text) for check in check_streams(stream_ctx)]
        assert "phone-hygiene[streaming]" in verdicts[0][1]


def stream_alerts(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "stream_down"]


def test_a_service_that_is_away_is_asked_again(stream_ctx: Context, pubsub: PubSubService) -> None:
    pubsub.refuse_with = grpc.StatusCode.UNAVAILABLE
    with following(stream_ctx):
        wait_for(lambda: any(one.problem for one in state.health(stream_ctx)))
        pubsub.refuse_with = None
        wait_for(lambda: heard(stream_ctx))
        assert not any(one.problem for one in state.health(stream_ctx) if one.channel == CONTACTS)


def test_a_stream_that_falls_silent_is_opened_again(
    stream_ctx: Context, pubsub: PubSubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may be dead without either side having been told."""
    monkeypatch.setattr(pubsub_feed.ChangeFeed.subscribe, "__defaults__", (0.3,))
    pubsub.keepalive = 60.0
    with following(stream_ctx):
        wait_for(lambda: pubsub.opened >= 4)
    assert timedelta(seconds=270).total_seconds() < pubsub_feed.SILENCE
    assert lifecycle.active(stream_ctx) == []
