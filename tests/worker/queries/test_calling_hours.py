"""When a number may be called, as its page, `hygiene number` and the API say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from sandbox.run import Sandbox
from worker.context import Context
from worker.queries.calling_hours import calling_window
from worker.queries.number import number_details
from worker.store.tables import contacts

RESTRICTED = "[calling_hours]\nmon_fri = []\nsat = []\nsun = []\n"


def test_is_part_of_what_is_known_of_a_number(ctx: Context) -> None:
    window = number_details(ctx, NUMBER)["window"]
    assert window["zone"] == "America/Los_Angeles"
    assert window["rule"] in window["text"]
    assert window["closes_at"]
    assert (window["opens_at"] is None) == window["open_now"]


def test_of_several_contacts_the_one_that_may_be_called_least_counts(ctx: Context) -> None:
    alone = calling_window(ctx, NUMBER, [("", "US")])
    abroad = calling_window(ctx, NUMBER, [("", "FR")])
    both = calling_window(ctx, NUMBER, [("", "US"), ("", "FR")])
    assert both == abroad != alone


def test_heeds_the_country_of_the_contacts_that_hold_it(
    ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    crm.edit(crm.ids()[0], {"phone/phone": NUMBER})
    sync(ctx, "hubspot")
    with ctx.store.write() as connection:
        connection.execute(sa.update(contacts).values(country="FR"))
    assert "France" in number_details(ctx, NUMBER)["window"]["rule"]


def test_own_hours_without_any_hour_close_it(make_context: Callable[..., Context]) -> None:
    window = calling_window(make_context(RESTRICTED), NUMBER)
    assert (window["open_now"], window["opens_at"]) == (False, None)
    assert window["text"].startswith("may not be called (no hour is allowed: ")


def test_times_are_in_utc(ctx: Context) -> None:
    for moment in filter(None, map(calling_window(ctx, NUMBER).get, ("opens_at", "closes_at"))):
        at = datetime.fromisoformat(moment)
        assert at.utcoffset() == timedelta(0)
        assert at > datetime.now(UTC)
