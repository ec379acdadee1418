"""A CRM refuses what we write of somebody who said no: the flags get there all the same, and where
even they do not, everybody hears of it (promise 16)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from constants import STOP_FLAGS
from crms import Crm
from fixture_types import Sync

from connectors.labels import crm_name
from sandbox.hubspot.portal import Rule as HubSpotRule
from sandbox.salesforce.automation import Rule as SalesforceRule
from worker.alerts import rules
from worker.context import Context
from worker.store.tables import failures, feedback
from worker.sync.runs.lifecycle import MAX_RETRIES
from worker.sync.undo.undo import undo

TYPED, NUMBER = "(415) 555-2671", "+14155552671"


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context("[policy]\nnormalize = true\n")


@pytest.fixture
def target(crm: Crm) -> str:
    record_id = crm.ids()[3]
    country = "MailingCountry" if crm.name == "salesforce" else "country"
    crm.act(record_id, {"set": {crm.field(f"phone/{crm.phone}"): TYPED, country: "United States"}})
    return record_id


def refuse(crm: Crm, record_id: str, *canonical: str) -> None:
    """A rule of the CRM refuses updates of a record that set one of these; none: any update."""
    sets = frozenset(map(crm.field, canonical))
    if crm.name == "salesforce":
        code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        rule = SalesforceRule(code, "not in this org", sets)
        crm.service.org.automation.rules[record_id] = rule
    else:
        crm.service.portal.rules[record_id] = HubSpotRule("not in this account", sets=sets)


def allow(crm: Crm) -> None:
    configured = crm.service.org.automation if crm.name == "salesforce" else crm.service.portal
    configured.rules.clear()


def say_stop(ctx: Context, kind: str = "opt_out") -> None:
    """A reply: STOP, or wrong_number."""
    channels = "call text" if kind == "opt_out" else ""
    with ctx.store.write() as connection:
        connection.execute(sa.insert(feedback).values(
            key=f"sms:{kind}", kind=kind, number=NUMBER, channels=channels, contact="",
            source="sms", evidence="reply STOP", at=datetime.now(UTC),
        ))  # fmt: skip


def alerts(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "suppression_refused"]


class TestARewriteThatIsRefused:
    def test_takes_no_flag_with_it(self, ctx: Context, crm: Crm, sync: Sync, target: str) -> None:
        say_stop(ctx)
        refuse(crm, target, f"phone/{crm.phone}", "reason")
        result = sync(ctx, crm.name)
        assert all(crm.get(target, flag) for flag in STOP_FLAGS)
        assert crm.get(target, f"phone/{crm.phone}") == TYPED
        assert result["contacts"]["failed"] == 1
        assert not alerts(ctx)


class TestFlagsThatAreRefused:
    def test_fail_their_record_raise_an_alert_and_are_tried_until_they_are_taken(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        say_stop(ctx)
        refuse(crm, target)
        result = sync(ctx, crm.name)
        assert result["failures_by_kind"] == {"suppression_refused": 1}
        assert "do_not_contact" in result["failures"][0]["message"]
        (text,) = alerts(ctx)
        assert crm_name(crm.name) in text
        with ctx.store.write() as connection:  # others are left to a person after so many runs
            connection.execute(sa.update(failures).values(attempts=MAX_RETRIES + 5))
        allow(crm)
        sync(ctx, crm.name)
        assert all(crm.get(target, flag) for flag in STOP_FLAGS)
        assert not alerts(ctx)


class TestAnUndo:
    def test_whose_restored_number_is_refused_puts_the_flags_back_all_the_same(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        say_stop(ctx, "wrong_number")
        sync(ctx, crm.name)
        assert crm.get(target, "wrong_number")
        with ctx.store.write() as connection:  # nothing stands against the number any more
            connection.execute(sa.delete(feedback))
        lifted = sync(ctx, crm.name, "everything", force=True)  # unflags, rewrites the number
        assert not crm.get(target, "wrong_number")
        assert crm.get(target, f"phone/{crm.phone}") == NUMBER
        refuse(crm, target, f"phone/{crm.phone}")
        done = undo(ctx, lifted["run"])
        assert crm.get(target, "wrong_number")
        assert target in done.failed
        assert crm.get(target, f"phone/{crm.phone}") == NUMBER
