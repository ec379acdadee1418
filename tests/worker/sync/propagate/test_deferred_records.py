"""A record that a page leaves alone for a moment, since another write of ours is under way: its
reports are confirmed once they are on it, and no sooner.

What a CRM has confirmed counts as visible to its users. So a clearing would lift a stop that nobody
could see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from clocks import a_later_second, advance_clock
from crms import Crm
from fixture_types import Sync
from in_flight import write_in_flight
from reports import contact_with_number, deliver_reports, store_report

from worker.context import Context
from worker.store.tables import deliveries
from worker.sync import contact_index
from worker.sync.pages import evaluate
from worker.sync.pages.steps import EvaluatedPage, VerifiedPage
from worker.sync.propagate import propagate

STOPS = ("do_not_contact", "do_not_call", "do_not_text")

Defer = Callable[[Context, Crm, str], Callable[[], None]]


def in_flight(ctx: Context, crm: Crm, record_id: str) -> Callable[[], None]:
    """Another page's write is pending before the page is read. Returns what ends it."""
    return write_in_flight(ctx, crm, record_id, {"wrong_number": True})


def noted_meanwhile(monkeypatch: pytest.MonkeyPatch) -> Defer:
    """Another page notes a flag that this one is about to write, after this one is decided."""
    decide = evaluate.evaluate

    def defer(ctx: Context, crm: Crm, record_id: str) -> Callable[[], None]:
        def note(on: bool) -> None:
            with ctx.store.write() as connection:
                flags = {"wrong_number": on}
                contact_index.remember_flags(connection, crm.name, crm.object, record_id, flags)

        def patched(verified: VerifiedPage) -> EvaluatedPage:
            evaluated = decide(verified)
            note(True)
            return evaluated

        def end() -> None:
            monkeypatch.setattr(evaluate, "evaluate", decide)
            note(False)

        monkeypatch.setattr(evaluate, "evaluate", patched)
        return end

    return defer


@pytest.fixture(params=["before it was read", "after it was decided"])
def defer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Defer:
    """Have the next page leave a record alone."""
    return in_flight if request.param == "before it was read" else noted_meanwhile(monkeypatch)


def confirmed(ctx: Context, crm: Crm) -> list[bool]:
    """Of each delivery to the CRM, whether it is confirmed."""
    c = deliveries.c
    query = sa.select(c.confirmed_at).where(c.connector == crm.name).order_by(c.id)
    with ctx.store.read() as connection:
        return [at is not None for at in connection.scalars(query)]


def test_a_stop_is_confirmed_once_it_is_on_the_record(
    ctx: Context, crm: Crm, sync: Sync, defer: Defer
) -> None:
    record_id = contact_with_number(ctx, crm, sync)
    end = defer(ctx, crm, record_id)
    store_report(ctx, "opt_out")
    store_report(ctx, "wrong_number")
    deliver_reports(ctx, crm.name)
    assert confirmed(ctx, crm) == [False, False]
    end()
    advance_clock(ctx, seconds=10)
    propagate(ctx, crm.name)
    assert all(crm.get(record_id, flag) for flag in STOPS)
    assert confirmed(ctx, crm) == [True, True]


def test_a_stop_that_nobody_could_see_is_not_lifted_by_a_clearing(
    ctx: Context, crm: Crm, sync: Sync, defer: Defer
) -> None:
    record_id = contact_with_number(ctx, crm, sync)
    store_report(ctx, "opt_out", key="first")
    deliver_reports(ctx, crm.name)
    a_later_second(crm)
    end = defer(ctx, crm, record_id)
    store_report(ctx, "opt_out", key="second")
    store_report(ctx, "wrong_number")
    deliver_reports(ctx, crm.name)
    a_later_second(crm)
    crm.edit(record_id, dict.fromkeys(STOPS, False))
    end()
    advance_clock(ctx, seconds=10)
    deliver_reports(ctx, crm.name)
    assert all(crm.get(record_id, flag) for flag in STOPS)
