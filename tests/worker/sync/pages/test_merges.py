"""Merged records: who said no on one of them is not called on the other, and no flag that a merge
has moved passes for somebody's word (promise 19)."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER, STOP_FLAGS, THIRD
from crms import QUICK, Crm
from fixture_types import Sync
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from limits import lower_limits
from merging import evidence_of_users, merge, set_only_number, status, surviving_id
from reports import deliver_reports, store_report, stored_reports

from config.settings import load
from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import intake
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback, contact_key
from worker.store.engine import upgrade
from worker.store.tables import contacts, feedback, merged_records, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_contact
from worker.sync import hubspot_events
from worker.sync.pages import runner
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope


@pytest.fixture(autouse=True)
def no_second_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes within a second of our own write is read again by a later run only, since a
    CRM's clock is known by the second. Here that run is the next one."""
    lower_limits(monkeypatch, own_write_second=timedelta(0))


@pytest.fixture
def pair(ctx: Context, crm: Crm, sync: Sync) -> tuple[str, str]:
    """Two contacts with a number each, in sync."""
    away, into = crm.ids()[:2]
    set_only_number(crm, away, NUMBER)
    set_only_number(crm, into, OTHER)
    sync(ctx, crm.name)
    return away, into


class TestWhoSaidNo:
    @pytest.mark.parametrize("how", ["changed", "everything"])
    def test_on_the_record_that_went_is_not_called_on_the_other(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str], how: str
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, {"do_not_contact": False})  # an explicit one, which wins
        survivor = merge(crm, away, into)
        sync(ctx, crm.name, how)
        assert crm.get(survivor, f"phone/{crm.phone}") == OTHER
        assert crm.get(survivor, "do_not_contact")
        assert status(crm, survivor) == "do_not_contact"
        sync(ctx, crm.name, "everything")
        assert status(crm, survivor) == "do_not_contact"

    def test_by_text_is_not_called_on_the_other_s_number(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        store_report(ctx, "opt_out", NUMBER, source="twilio sms")
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_is_not_called_where_the_other_has_no_number_that_can_be_read(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        set_only_number(crm, into, "20155")
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, {"do_not_contact": False})
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert crm.get(survivor, "do_not_contact")
        assert status(crm, survivor) == "do_not_contact"
        set_only_number(crm, survivor, THIRD)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_on_both_is_said_of_each(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        for record_id in pair:
            crm.edit(record_id, {"do_not_call": True})
        sync(ctx, crm.name)
        survivor = merge(crm, *pair)
        sync(ctx, crm.name)
        assert crm.get(survivor, "do_not_call")
        assert not crm.get(survivor, "do_not_contact")

    def test_just_before_the_merge_is_heard(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """Nobody read the tick while the record was there."""
        away, into = pair
        crm.edit(into, {"do_not_contact": False})
        crm.edit(away, {"do_not_contact": True})
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"
        (evidence,) = evidence_of_users(ctx)
        assert evidence.startswith(f"somebody ticked 'do not contact' in {crm.name}")

    def test_on_a_record_that_came_and_went_between_two_syncs_is_heard(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        _, into = pair
        new = crm.ids()[7]  # pretended to be new: the index has never had it
        with ctx.store.write() as connection:
            connection.execute(sa.delete(contacts).where(contacts.c.record_id == new))
        crm.edit(into, {"do_not_call": False})
        crm.edit(new, {"do_not_call": True})
        survivor = merge(crm, new, into)
        sync(ctx, crm.name)
        assert crm.get(survivor, "do_not_call")

    def test_is_remembered_however_often_records_are_merged(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        three = crm.ids()[2]
        set_only_number(crm, three, THIRD)
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, {"do_not_contact": False})
        crm.edit(three, {"do_not_contact": False})
        second = merge(crm, away, into)
        third = merge(crm, second, three)
        sync(ctx, crm.name)
        assert crm.get(third, f"phone/{crm.phone}") == THIRD
        assert status(crm, third) == "do_not_contact"

    def test_is_remembered_where_each_merge_was_read(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        three = crm.ids()[2]
        set_only_number(crm, three, THIRD)
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        second = merge(crm, away, into)
        sync(ctx, crm.name)
        crm.edit(three, {"do_not_contact": False})
        third = merge(crm, second, three)
        sync(ctx, crm.name)
        assert status(crm, third) == "do_not_contact"
        notes = [
            row.evidence for row in stored_reports(ctx, "opt_out") if row.contact.endswith(third)
        ]
        assert all(note.count("lives on in this one") <= 1 for note in notes)

    def test_and_takes_it_back_afterwards_is_called_again(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert crm.get(survivor, "do_not_contact")
        nothing = dict.fromkeys(STOP_FLAGS, False)
        crm.edit(survivor, nothing)
        sync(ctx, crm.name)
        assert not crm.get(survivor, "do_not_contact")
        assert status(crm, survivor) == "valid"

    def test_is_on_the_list_under_the_number_that_is_left(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        merge(crm, away, into)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        with ctx.store.read() as connection:
            s = suppressions.c
            query = sa.select(s.number, s.source).where(s.lifted_at.is_(None))
            listed = {tuple(row) for row in connection.execute(query)}
        assert (OTHER, f"{crm.name} user") in listed

    def test_by_a_wrong_number_that_reached_a_stranger_stops_nobody_else(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """Who answers at a wrong number is not this person."""
        away, into = pair
        store_report(ctx, "wrong_number", NUMBER, at=ctx.now() - timedelta(hours=1))
        store_report(ctx, "opt_out", NUMBER, source="twilio sms")
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "valid"


class TestEvidence:
    def test_names_nobody_who_did_nothing(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """Our own flags arrive on an id that we have never seen."""
        away, into = pair
        store_report(ctx, "opt_out", NUMBER)
        store_report(ctx, "wrong_number", OTHER)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert evidence_of_users(ctx) == []
        assert crm.get(survivor, "do_not_contact")

    def test_keeps_who_said_it_and_when(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        at = (ctx.now() - timedelta(days=3)).replace(microsecond=0)
        store_report(ctx, "opt_out", NUMBER, at=at, source="twilio sms", evidence="replied STOP")
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        (copy,) = [row for row in stored_reports(ctx, "opt_out") if row.number == OTHER]
        assert copy.at == at
        assert copy.source == "twilio sms"
        assert copy.contact.endswith(f"/{survivor}")
        assert copy.evidence == f"replied STOP (on record {away}, which lives on in this one)"

    def test_of_two_that_nobody_flagged_there_is_none(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        survivor = merge(crm, *pair)
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert stored_reports(ctx) == []
        assert status(crm, survivor) == "valid"

    def test_a_flag_that_the_primary_did_not_have_is_no_new_word(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        """HubSpot fills what the primary lacks from the other: also before it made new ids."""
        crm = Crm.all(sandbox)["hubspot"]
        sandbox.hubspot.portal.merges_make_new_ids = False
        away, into = crm.ids()[:2]
        set_only_number(crm, away, NUMBER)
        set_only_number(crm, into, OTHER)
        sync(ctx, "hubspot")
        store_report(ctx, "opt_out", NUMBER)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        assert survivor == into
        sync(ctx, "hubspot")
        assert evidence_of_users(ctx) == []
        assert status(crm, into) == "do_not_contact"


class TestWhatElseWasSaid:
    def test_a_wrong_number_goes_with_the_number(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        set_only_number(crm, into, NUMBER)
        sync(ctx, crm.name)
        key = contact_key(crm.name, crm.object, away)
        store_report(ctx, "wrong_number", NUMBER, contact=key, scope="contact")
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "wrong_number"

    def test_and_not_without_it(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        store_report(ctx, "wrong_number", NUMBER)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "valid"

    def test_a_confirmation_lives_on(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """That of the person outlives a report by somebody else with the number."""
        away, into = pair
        other = crm.ids()[2]
        for record_id in (into, other):
            set_only_number(crm, record_id, NUMBER)
        sync(ctx, crm.name)
        key = contact_key(crm.name, crm.object, away)
        store_report(ctx, "confirmed", NUMBER, contact=key, at=ctx.now() - timedelta(hours=2))
        store_report(ctx, "wrong_number", NUMBER, at=ctx.now() - timedelta(hours=1))
        deliver_reports(ctx, crm.name)
        assert status(crm, away) == "valid"
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "valid"

    def test_a_report_that_comes_late_finds_the_one_that_is_left(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        key = contact_key(crm.name, crm.object, away)
        store_report(ctx, "opt_out", NUMBER, contact=key, scope="person")
        deliver_reports(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"
        assert intake.numbers_of_contact(ctx, crm.name, crm.object, away) == [OTHER]


class TestHowItIsLearned:
    def test_when_a_write_finds_the_record_merged(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, {"do_not_contact": False})
        crm.edit(away, {f"phone/{crm.phone}": THIRD})
        crm.meanwhile(crm.write_call, away, {"merge_into": into})
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        survivor = surviving_id(crm, into)
        assert status(crm, survivor) == "do_not_contact"

    def test_when_somebody_asks_for_the_old_id(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name, scope=Scope("ids", (away,)))
        deliver_reports(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"
        assert evidence_of_users(ctx) == [f"somebody ticked 'do not contact' in {crm.name}"] + [
            row.evidence for row in stored_reports(ctx) if "lives on" in row.evidence
        ]

    def test_by_a_full_read_after_everything_else_was_missed(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    @pytest.mark.parametrize("form", ["contact", "object"])
    @pytest.mark.parametrize("seed", range(4))
    def test_by_the_events_of_hubspot_in_any_order_and_twice(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, form: str, seed: int
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        away, into = crm.ids()[:2]
        set_only_number(crm, away, NUMBER)
        set_only_number(crm, into, OTHER)
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, "hubspot")
        sandbox.hubspot.portal.events.clear()
        survivor = merge(crm, away, into)
        events = [*sandbox.hubspot.portal.events] * 2
        if form == "object":
            kinds = {"contact.merge": "object.merge", "contact.deletion": "object.deletion"}
            events = [
                {**event, "subscriptionType": kinds[event["subscriptionType"]],
                 "objectTypeId": "0-1"}
                for event in events
            ]  # fmt: skip
        random.Random(seed).shuffle(events)
        for event in events:
            hubspot_events.receive(ctx, [event])
            deliver_reports(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"
        with ctx.store.read() as connection:
            gone = sa.select(contacts.c.record_id).where(contacts.c.record_id.in_([away, into]))
            assert list(connection.scalars(gone)) == []

    def test_a_lead_that_became_a_contact_said_no(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        lead = next(sandbox.salesforce.org.tables["Lead"].after_id(None))["Id"]
        sandbox.salesforce.act("Lead", lead, {"set": {"Phone": NUMBER, "Email": None}})
        target = crm.ids()[0]
        set_only_number(crm, target, OTHER)
        sync(ctx, "salesforce")
        sandbox.salesforce.act("Lead", lead, {"set": {"Phone_Do_Not_Contact__c": True}})
        sync(ctx, "salesforce")
        sandbox.salesforce.act("Lead", lead, {"convert": target})
        sync(ctx, "salesforce")
        deliver_reports(ctx, crm.name)
        assert status(crm, target) == "do_not_contact"

    def test_of_years_past_costs_a_first_sync_nothing(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        for first, second in itertools.pairwise(crm.ids()[:11:2]):
            merge(crm, first, surviving_id(crm, second))
        crm.service.counters.clear()
        sync(ctx, "hubspot")
        assert not any("batch/read" in route for route in crm.service.counters)
        deliver_reports(ctx, crm.name)
        crm.service.counters.clear()
        sync(ctx, "hubspot")
        assert crm.writes == 0
        assert not any("batch/read" in route for route in crm.service.counters)

    def test_a_record_that_is_there_again_speaks_for_itself(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        away, into = crm.ids()[:2]
        set_only_number(crm, away, NUMBER)
        set_only_number(crm, into, OTHER)
        sync(ctx, "salesforce")
        merge(crm, away, into)
        sync(ctx, "salesforce")
        time.sleep(1.2)  # it is there again after we learned of the merge
        crm.act(away, {"undelete": True})
        sync(ctx, "salesforce")
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(merged_records)) == 0
        assert intake.numbers_of_contact(ctx, "salesforce", "Contact", away) == [NUMBER]

    def test_an_erased_contact_is_forgotten_with_the_ids_that_it_had(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        erase_contact(ctx, crm.name, crm.object, survivor, "test")
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(merged_records)) == 0
            kept = [str(row) for row in connection.execute(sa.select(feedback))]
        assert not any(away in row or into in row or survivor in row for row in kept)

    def test_a_dry_run_says_so_and_keeps_nothing(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        merge(crm, away, into)
        before = stored_reports(ctx)
        sync(ctx, crm.name, dry_run=True)
        assert stored_reports(ctx) == before
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(merged_records)) == 0


# -- whatever is merged into whatever ------------------------------------------------------

EXAMPLES = int(os.environ.get("MACHINE", "5"))
_EMPTY = tempfile.mkdtemp(prefix="merges-")


class Merging(RuleBasedStateMachine):
    """Five people; each has one record at first. What counts is what each of them said last."""

    name = "hubspot"
    new_ids = True

    @initialize()
    def set_up(self) -> None:
        self.home = tempfile.mkdtemp(prefix="merges-")
        self.sandbox = Sandbox.start(contacts=5, leads=0)
        self.crm = Crm.all(self.sandbox)[self.name]
        self.sandbox.hubspot.portal.merges_make_new_ids = self.new_ids
        empty = Path(_EMPTY) / "hygiene.db"
        if not empty.exists():
            upgrade(f"sqlite:///{empty}")
        shutil.copy(empty, Path(self.home) / "hygiene.db")
        config = Path(self.home) / "hygiene.toml"
        config.write_text(QUICK, encoding="utf-8")
        self.ctx = Context.create(
            load({**self.sandbox.env(), "HYGIENE_HOME": self.home, "HYGIENE_CONFIG": str(config)})
        )
        self.first = self.crm.ids()
        self.numbers = [f"+1415555{2671 + place}" for place in range(5)]
        for record_id, number in zip(self.first, self.numbers, strict=True):
            set_only_number(self.crm, record_id, number)
        self.no = [False] * 5  # whose last word it is
        self.ever = [False] * 5  # who was ever ticked, or texted STOP
        self.ticked = [False] * 5
        self.cleared = [False] * 5
        self.count = 0
        self._sync("everything")

    def teardown(self) -> None:
        if not hasattr(self, "sandbox"):
            return
        try:
            self._settle()
        finally:
            self.ctx.close()
            self.sandbox.stop()
            shutil.rmtree(self.home, ignore_errors=True)

    # -- what happens ----------------------------------------------------------------------

    @rule(place=st.integers(0, 4), flag=st.sampled_from(STOP_FLAGS))
    def somebody_ticks(self, place: int, flag: str) -> None:
        self.crm.edit(self._record(place), {flag: True})
        for member in self._together(place):
            self.no[member] = self.ever[member] = self.ticked[member] = True

    @rule(place=st.integers(0, 4))
    def somebody_clears(self, place: int) -> None:
        """Of a record that is as we left it: it is their answer to what we say of it."""
        self._carry()
        self._sync("changed")
        self._carry()
        record_id = self._record(place)
        if any(self.crm.get(record_id, flag) for flag in STOP_FLAGS):
            self.crm.edit(record_id, dict.fromkeys(STOP_FLAGS, False))
            self._sync("changed")
            for member in self._together(place):
                self.no[member] = False
                self.cleared[member] = True

    @rule(place=st.integers(0, 4))
    def somebody_sets_it_to_no(self, place: int) -> None:
        """An explicit "false" where nothing was: it says nothing, and wins in a merge."""
        record_id = self._record(place)
        if not any(self.crm.get(record_id, flag) for flag in STOP_FLAGS):
            self.crm.edit(record_id, dict.fromkeys(STOP_FLAGS, False))

    @rule(place=st.integers(0, 4))
    def somebody_texts_stop(self, place: int) -> None:
        if self.crm.get(self._record(place), f"phone/{self.crm.phone}") != self.numbers[place]:
            return  # the number is on nobody's record any more
        self.count += 1
        report = Feedback(
            f"stop{self.count}", "opt_out", self.numbers[place], "twilio sms", self.ctx.now(),
            evidence="replied STOP",
        )  # fmt: skip
        keys = self.ctx.keys
        with self.ctx.store.write() as connection:
            feedback_log.store(connection, [report], self.ctx.now(), keys)
        for member in self._together(place):
            self.no[member] = self.ever[member] = True

    @rule(away=st.integers(0, 4), into=st.integers(0, 4))
    def two_are_merged(self, away: int, into: int) -> None:
        first, second = self._record(away), self._record(into)
        if first != second:
            merge(self.crm, first, second)

    @rule(full=st.booleans())
    def a_sync(self, full: bool) -> None:
        self._sync("everything" if full else "changed")

    @rule()
    def reports_are_carried(self) -> None:
        self._carry()

    @rule(data=st.randoms(use_true_random=False))
    def webhooks_come(self, data: random.Random) -> None:
        if self.name == "hubspot":
            events = [*self.sandbox.hubspot.portal.events]
            data.shuffle(events)
            hubspot_events.receive(self.ctx, events[:20])

    # -- what must be true -----------------------------------------------------------------

    def _settle(self) -> None:
        for _ in range(2):
            self._carry()
            self._sync("changed")
        self._check()
        self._sync("everything")
        self._carry()
        self._check()
        before = self.crm.writes
        self._sync("everything")
        assert self.crm.writes == before, "nothing has changed, nothing is written"

    def _check(self) -> None:
        for place in range(5):
            record_id = self._record(place)
            flagged = any(self.crm.get(record_id, flag) for flag in STOP_FLAGS)
            together = self._together(place)
            if any(self.no[member] for member in together):
                assert flagged, "somebody who said no is callable"
            if not any(self.ever[member] for member in together):
                assert not flagged, "nobody said no"
        evidence = [row.evidence for row in stored_reports(self.ctx)]
        if not any(self.ticked):
            assert not any("ticked" in text for text in evidence), "evidence names somebody"
        if not any(self.cleared):
            assert not any("cleared" in text for text in evidence), "evidence names somebody"
        for row in stored_reports(self.ctx):
            if "somebody ticked" in row.evidence and not row.key.startswith("merged:"):
                owners = [n for n in range(5) if surviving_id(self.crm, self.first[n])
                          == surviving_id(self.crm, row.contact.rpartition("/")[2])]  # fmt: skip
                assert any(self.ticked[n] for n in owners), "of a record that nobody ticked"

    # -- how -------------------------------------------------------------------------------

    def _record(self, place: int) -> str:
        return surviving_id(self.crm, self.first[place])

    def _together(self, place: int) -> list[int]:
        record_id = self._record(place)
        return [member for member in range(5) if self._record(member) == record_id]

    def _carry(self) -> None:
        apply_pending(self.ctx)
        propagate(self.ctx, self.name)

    def _sync(self, kind: Any) -> None:
        run_id = lifecycle.open_run(self.ctx, self.name, Scope(kind))
        runner.run_to_completion(self.ctx, run_id, pages_at_once=1)


class MergingBefore2025(Merging):
    new_ids = False


class MergingInSalesforce(Merging):
    name = "salesforce"


_SETTINGS = settings(
    max_examples=EXAMPLES, stateful_step_count=12, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
for _machine in (Merging, MergingBefore2025, MergingInSalesforce):
    _machine.TestCase.settings = _SETTINGS
TestMerging = Merging.TestCase
TestMergingBefore2025 = MergingBefore2025.TestCase
TestMergingInSalesforce = MergingInSalesforce.TestCase
