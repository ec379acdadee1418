"""Attacks on merged records: odd orders, crashes, odd answers (promise 19)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER, STOP_FLAGS, THIRD
from crms import Crm
from fixture_types import Sync
from limits import lower_limits
from merging import evidence_of_users, merge, set_only_number, status, surviving_id
from reports import deliver_reports, store_report
from skips import skip_without

from connectors.records import Merge
from sandbox.run import Sandbox
from tests.conftest import postgres_server
from worker.context import Context
from worker.feedback import merged_records as merged
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback, contact_key
from worker.store.engine import upgrade
from worker.store.tables import feedback, merged_records, metadata
from worker.suppression import imported_lists
from worker.suppression.erasure import erase_contact, erase_number
from worker.sync import hubspot_events, merge_log
from worker.sync.pages import flag_reports, process, results, runner
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope


@pytest.fixture(autouse=True)
def no_second_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lower_limits(monkeypatch, own_write_second=timedelta(0))


@pytest.fixture
def pair(ctx: Context, crm: Crm, sync: Sync) -> tuple[str, str]:
    return two_in_sync(ctx, crm, sync)


@pytest.fixture
def hubspot_pair(ctx: Context, sandbox: Sandbox, sync: Sync) -> tuple[Crm, str, str]:
    crm = Crm.all(sandbox)["hubspot"]
    return crm, *two_in_sync(ctx, crm, sync)


@pytest.fixture
def sales(ctx: Context, sandbox: Sandbox, sync: Sync) -> tuple[Crm, str, str]:
    crm = Crm.all(sandbox)["salesforce"]
    return crm, *two_in_sync(ctx, crm, sync)


def two_in_sync(ctx: Context, crm: Crm, sync: Sync) -> tuple[str, str]:
    away, into = crm.ids()[:2]
    set_only_number(crm, away, NUMBER)
    set_only_number(crm, into, OTHER)
    without_email(crm, away, into)
    sync(ctx, crm.name)
    return away, into


def without_email(crm: Crm, *ids: str) -> None:
    name = "Email" if crm.name == "salesforce" else "email"
    for record_id in ids:
        crm.act(record_id, {"set": {name: "" if crm.name == "hubspot" else None}})


def stop(ctx: Context, crm: Crm, number: str) -> None:
    store_report(ctx, "opt_out", number, source="twilio sms", evidence="replied STOP")
    deliver_reports(ctx, crm.name)


def known_merge(ctx: Context, crm: Crm, away: str, into: str, present: Any = None) -> None:
    """As a webhook tells of it."""
    with ctx.store.write() as connection:
        known = (crm.object, Merge(away, crm.object, into))
        merge_log.record(connection, crm.name, [known], ctx.now(), present=present)


def tables_with(ctx: Context, text: str) -> list[str]:
    """Tables in whose rows a text stands."""
    with ctx.store.read() as connection:
        return [
            table.name
            for table in metadata.sorted_tables
            if any(text in str(tuple(row)) for row in connection.execute(sa.select(table)))
        ]


class TestWhoSaidNo:
    def test_is_remembered_where_the_second_merge_of_a_chain_is_told_of_both(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """The first merge is known and nobody has worked on it when the second one happens."""
        away, into = pair
        three = crm.ids()[2]
        set_only_number(crm, three, THIRD)
        sync(ctx, crm.name)
        stop(ctx, crm, NUMBER)
        second = merge(crm, away, into)
        known_merge(ctx, crm, away, second)
        third = merge(crm, second, three)
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx, crm.name)
        assert crm.get(third, f"phone/{crm.phone}") == THIRD
        assert status(crm, third) == "do_not_contact"
        assert evidence_of_users(ctx) == []

    def test_is_not_called_since_the_other_record_was_opted_in_again_later(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """A flag that was cleared on one says nothing of what was said on the other."""
        away, into = pair
        stop(ctx, crm, NUMBER)
        crm.edit(into, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, dict.fromkeys(STOP_FLAGS, False))
        sync(ctx, crm.name)
        assert status(crm, into) == "valid"
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert crm.get(survivor, f"phone/{crm.phone}") == OTHER
        assert status(crm, survivor) == "do_not_contact"

    @pytest.mark.parametrize("how", ["ticked", "said twice"])
    def test_by_a_flag_on_the_record_is_not_called_on_its_next_number(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str], how: str
    ) -> None:
        """Without any merge: it was said of the person, not of the number."""
        record_id, _ = pair
        crm.edit(record_id, {"do_not_call": True})
        sync(ctx, crm.name)
        if how == "said twice":
            crm.edit(record_id, {"do_not_call": False})
            sync(ctx, crm.name)
            crm.edit(record_id, {"do_not_call": True})
            sync(ctx, crm.name)
        set_only_number(crm, record_id, THIRD)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_call")
        assert not crm.get(record_id, "do_not_contact")
        crm.edit(record_id, dict.fromkeys(STOP_FLAGS, False))
        sync(ctx, crm.name)
        set_only_number(crm, record_id, OTHER)
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_call")

    def test_and_takes_that_back_on_the_one_that_is_left_is_called(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        stop(ctx, crm, NUMBER)
        crm.edit(into, {"do_not_contact": True})
        sync(ctx, crm.name)
        crm.edit(into, dict.fromkeys(STOP_FLAGS, False))
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        crm.edit(survivor, dict.fromkeys(STOP_FLAGS, False))
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert status(crm, survivor) == "valid"

    def test_is_not_called_on_a_number_that_the_other_gets_later(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        """The winner had no number when they were merged."""
        crm, away, into = sales
        set_only_number(crm, into, "")
        sync(ctx, crm.name)
        stop(ctx, crm, NUMBER)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        set_only_number(crm, survivor, THIRD)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_is_remembered_where_the_winner_was_deleted_and_is_there_again(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = sales
        stop(ctx, crm, NUMBER)
        merge(crm, away, into)
        crm.act(into, {"delete": True})
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        time.sleep(1.1)
        crm.act(into, {"undelete": True})
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        assert status(crm, into) == "do_not_contact"

    def test_is_remembered_where_the_winner_was_out_of_sight_for_a_while(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = sales
        stop(ctx, crm, NUMBER)
        merge(crm, away, into)
        hidden = crm.hide([into])
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        crm.show(hidden)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        assert status(crm, into) == "do_not_contact"

    def test_on_a_record_that_is_there_again_is_heard_on_that(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = sales
        merge(crm, away, into)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        time.sleep(1.1)
        crm.act(away, {"undelete": True})
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx, crm.name)
        assert status(crm, away) == "do_not_contact"
        assert status(crm, into) == "valid"

    def test_is_heard_there_also_where_the_clock_of_the_crm_is_slow(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = sales
        merge(crm, away, into)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        with ctx.store.write() as connection:
            later = ctx.now() + timedelta(seconds=40)
            connection.execute(sa.update(merged_records).values(at=later))
        crm.act(away, {"undelete": True})
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx, crm.name)
        assert status(crm, away) == "do_not_contact"
        assert status(crm, into) == "valid"

    def test_is_remembered_where_two_are_merged_back_the_other_way(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        """Merged, undone from the recycle bin, and merged into the other one."""
        crm, away, into = sales
        merge(crm, away, into)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        stop(ctx, crm, OTHER)
        assert status(crm, into) == "do_not_contact"
        time.sleep(1.1)
        crm.act(away, {"undelete": True})
        merge(crm, into, away)
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx, crm.name)
        assert crm.get(away, f"phone/{crm.phone}") == NUMBER
        assert status(crm, away) == "do_not_contact"

    def test_before_the_number_was_found_to_be_wrong_is_not_called_on_another(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """It may have been theirs when they said it."""
        away, into = pair
        store_report(
            ctx, "opt_out", NUMBER, source="twilio sms", at=ctx.now() - timedelta(days=300),
            contact="", evidence="replied STOP",
        )  # fmt: skip
        store_report(ctx, "wrong_number", NUMBER)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_in_the_other_crm_is_not_called_though_the_number_is_wrong(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """It was said of this very person, whoever answers at that number."""
        away, into = pair
        name = "Email" if crm.name == "salesforce" else "email"
        crm.act(away, {"set": {name: "someone@example.com"}})
        crm.act(into, {"set": {name: "someone.else@example.com"}})
        sync(ctx, crm.name)
        store_report(ctx, "wrong_number", NUMBER, at=ctx.now() - timedelta(hours=1))
        store_report(
            ctx, "opt_out", NUMBER, contact="other/contacts/1", scope="person",
            person=ctx.keys.person("someone@example.com"),
        )  # fmt: skip
        deliver_reports(ctx, crm.name)
        assert crm.get(away, "do_not_contact")
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_is_remembered_of_two_reports_with_long_keys(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str], order: tuple[int, int]
    ) -> None:
        away, into = pair
        key = contact_key(crm.name, crm.object, away)
        channels = ("call", "text")
        keys = ctx.keys
        with ctx.store.write() as connection:
            for place in order:
                report = Feedback(
                    f"import:{'x' * 240}:{place}"[-255:].rjust(255, "y"), "opt_out", NUMBER, "test",
                    ctx.now(), channels=channels[place], contact=key, scope="person",
                )  # fmt: skip
                feedback_log.store(connection, [report], ctx.now(), keys)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_is_remembered_also_of_a_report_whose_key_looks_like_one_of_ours(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        keys = ctx.keys
        with ctx.store.write() as connection:
            report = Feedback("merged:1", "opt_out", NUMBER, "test", ctx.now())
            feedback_log.store(connection, [report], ctx.now(), keys)
        deliver_reports(ctx, crm.name)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"

    def test_is_remembered_in_a_forced_run_and_a_rescan(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        stop(ctx, crm, NUMBER)
        survivor = merge(crm, away, into)
        sync(ctx, crm.name, dry_run=True)
        sync(ctx, crm.name, "everything", force=True)
        assert status(crm, survivor) == "do_not_contact"

    @pytest.mark.parametrize("force", [False, True])
    def test_is_remembered_where_a_worker_dies_after_it_stored_what_was_said(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str], force: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        away, into = pair
        stop(ctx, crm, NUMBER)
        survivor = merge(crm, away, into)
        dies_once(monkeypatch, flag_reports, "store")
        with pytest.raises(KeyboardInterrupt):
            sync(ctx, crm.name, force=force)
        # Meanwhile somebody types another number.
        set_only_number(crm, survivor, THIRD)
        for run in lifecycle.active(ctx):
            runner.run_to_completion(ctx, run.id)
        sync(ctx, crm.name)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        assert status(crm, survivor) == "do_not_contact"
        assert evidence_of_users(ctx) == []


def dies_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    real, died = getattr(module, name), []

    def die(*args: Any, **kwargs: Any) -> Any:
        if not died:
            died.append(1)
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, die)


class TestEvidence:
    def test_names_nobody_where_a_page_was_read_before_the_merge(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """It has our flag on a record that our index has forgotten meanwhile."""
        away, into = pair
        stop(ctx, crm, NUMBER)
        for row in lifecycle.recent(ctx, reports=True):  # our write lies long back
            with ctx.store.write() as connection:
                connection.execute(
                    sa.text("UPDATE writes SET at = '2020-01-01 00:00:00' WHERE run_id = :run"),
                    {"run": row.id},
                )
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"), RunOptions(force=True))
        page_ids: list[int] = []
        real = process.process

        def later(ctx_: Context, page_id: int, *args: Any, **kwargs: Any) -> bool:
            if not page_ids:  # all is read; then the merge is told, then the pages are worked on
                page_ids.append(page_id)
                survivor = merge(crm, away, into)
                known_merge(ctx, crm, away, survivor)
            return real(ctx_, page_id, *args, **kwargs)

        runner.process.process = later  # type: ignore[attr-defined]
        try:
            runner.run_to_completion(ctx, run_id, pages_at_once=1)
        finally:
            runner.process.process = real  # type: ignore[attr-defined]
        assert page_ids
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name)
        assert evidence_of_users(ctx) == []
        assert status(crm, surviving_id(crm, into)) == "do_not_contact"

    def test_names_nobody_where_hubspot_tells_of_the_new_contact_before_the_merge(
        self, ctx: Context, hubspot_pair: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = hubspot_pair
        stop(ctx, crm, NUMBER)
        survivor = merge(crm, away, into)
        event = {"subscriptionType": "contact.creation", "objectId": int(survivor)}
        hubspot_events.receive(ctx, [event])
        deliver_reports(ctx, crm.name)
        sync(ctx, "hubspot")
        deliver_reports(ctx, crm.name)
        assert evidence_of_users(ctx) == []
        assert status(crm, survivor) == "do_not_contact"

    def test_names_nobody_where_a_worker_died_after_it_wrote_the_flag(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        away, into = pair
        store_report(ctx, "opt_out", NUMBER, source="twilio sms", evidence="replied STOP")
        dies_once(monkeypatch, results, "commit")
        with pytest.raises(KeyboardInterrupt):
            deliver_reports(ctx, crm.name)
        assert crm.get(away, "do_not_contact")
        survivor = merge(crm, away, into)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name)
        assert evidence_of_users(ctx) == []
        assert status(crm, survivor) == "do_not_contact"

    # Open, of HubSpot alone: its history has our own ticks too.
    def test_takes_our_own_flag_that_we_set_and_cleared_for_nobody_s_tick(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        """STOP and START within minutes."""
        away, into = pair
        stop(ctx, crm, NUMBER)
        assert crm.get(away, "do_not_contact")
        store_report(ctx, "opt_in", NUMBER, source="twilio sms", evidence="replied START")
        deliver_reports(ctx, crm.name)
        assert not crm.get(away, "do_not_contact")
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert evidence_of_users(ctx) == []
        assert status(crm, survivor) == "valid"

    def test_of_a_list_for_texts_stops_no_calls_whatever_it_is_called(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        imported_lists.import_list(ctx, [NUMBER], "stopped by sms", channels="text")
        deliver_reports(ctx, crm.name)
        assert not crm.get(away, "do_not_call")
        survivor = merge(crm, away, into)
        sync(ctx, crm.name)
        assert crm.get(survivor, "do_not_text")
        assert not crm.get(survivor, "do_not_call")
        assert not crm.get(survivor, "do_not_contact")

    def test_names_nobody_where_our_flag_comes_back_with_a_record(
        self, ctx: Context, sales: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = sales
        stop(ctx, crm, NUMBER)
        merge(crm, away, into)
        sync(ctx, crm.name)
        crm.act(away, {"undelete": True})
        sync(ctx, crm.name)
        assert evidence_of_users(ctx) == []
        assert crm.get(away, "do_not_contact")
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(merged_records)) == 0


class TestErasure:
    def test_of_a_number_leaves_it_nowhere(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str]
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        merge(crm, away, into)
        sync(ctx, crm.name)
        erase_number(ctx, NUMBER, "test")
        assert tables_with(ctx, NUMBER) == []

    @pytest.mark.parametrize("worked_on", [False, True])
    def test_of_a_contact_leaves_nothing_of_those_it_came_from(
        self, ctx: Context, crm: Crm, sync: Sync, pair: tuple[str, str], worked_on: bool
    ) -> None:
        away, into = pair
        crm.edit(away, {"do_not_contact": True})
        sync(ctx, crm.name)
        survivor = merge(crm, away, into)
        if worked_on:
            sync(ctx, crm.name)
        else:
            known_merge(ctx, crm, away, survivor)
        erase_contact(ctx, crm.name, crm.object, survivor, "test")
        assert tables_with(ctx, f"'{away}'") == []
        if not worked_on:
            assert tables_with(ctx, NUMBER) == []

    def test_that_hubspot_tells_before_the_merge_leaves_nothing(
        self, ctx: Context, hubspot_pair: tuple[Crm, str, str], sync: Sync
    ) -> None:
        crm, away, into = hubspot_pair
        crm.service.portal.events.clear()
        survivor = merge(crm, away, into)
        crm.act(survivor, {"erase": True})
        for event in reversed([*crm.service.portal.events]):
            hubspot_events.receive(ctx, [event])
            deliver_reports(ctx, crm.name)
        sync(ctx, "hubspot")
        sync(ctx, "hubspot", "everything")
        deliver_reports(ctx, crm.name)
        assert tables_with(ctx, NUMBER) == []
        assert tables_with(ctx, OTHER) == []


class TestOddAnswers:
    @pytest.mark.parametrize(
        "listed", [None, "", ";;", " 12 ; 13 ", 1234, ["12"], "x" * 500, "12;abc;-4;٣", "9" * 300]
    )
    def test_of_merged_ids_stop_no_read(
        self, ctx: Context, hubspot_pair: tuple[Crm, str, str], sync: Sync, listed: Any
    ) -> None:
        crm, record_id, _ = hubspot_pair
        crm.records()[record_id]["hs_merged_object_ids"] = listed
        for kind in ("changed", "everything"):
            set_only_number(crm, record_id, THIRD if kind == "changed" else NUMBER)
            assert sync(ctx, "hubspot", kind)["state"] == "done"
        with ctx.store.read() as connection:
            keys = list(connection.scalars(sa.select(merged_records.c.key)))
        assert all(key.rpartition("/")[2] in ("12", "13", "1234") for key in keys)


class TestManyMerges:
    def test_of_years_past_cost_a_read_few_statements(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        listed = ";".join(str(number) for number in range(1, 2001))
        crm.records()[crm.ids()[0]]["hs_merged_object_ids"] = listed
        counts: list[int] = []

        def count(*_: Any) -> None:
            counts[-1] += 1

        sa.event.listen(ctx.store.engine, "before_cursor_execute", count)
        for _ in range(2):
            counts.append(0)
            sync(ctx, "hubspot", "everything")
        assert counts[0] < 500, counts
        assert counts[1] < 200, counts

    def test_are_looked_up_by_an_index(self, ctx: Context) -> None:
        keys = ["hubspot/contacts/1"]
        with ctx.store.read() as connection:
            c = feedback.c
            query = (
                sa.select(c.number).where(*merged.about_contacts(keys)).compile(ctx.store.engine)
            )
            rows = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {query}", ('["hubspot/contacts/1"]',)
            )
            plan = [str(row) for row in rows]
        assert any("ix_feedback_contact" in line for line in plan), plan


@pytest.fixture(params=["und-x-icu", "en-US"])
def sorted_by_language(request: pytest.FixtureRequest) -> Iterator[str]:
    server = postgres_server()
    name = f"hygiene_attack_{os.getpid()}"
    locale = "und" if request.param.startswith("und") else request.param
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        try:
            connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE template0 LOCALE_PROVIDER icu '
                f"ICU_LOCALE '{locale}'"
            )
        except psycopg.errors.FeatureNotSupported:
            skip_without("ICU in PostgreSQL", "apt-get install postgresql; the wheel is without")
    yield server.rpartition("/")[0] + "/" + name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class TestOnPostgres:
    def test_the_one_that_is_left_is_found_in_a_database_that_sorts_by_language(
        self, sorted_by_language: str, make_context: Callable[..., Context], sandbox: Sandbox
    ) -> None:
        upgrade(sorted_by_language)
        ctx = make_context(DATABASE_URL=sorted_by_language)
        for away, into in (("901", "102"), ("902", "1103"), ("903", "99"), ("904", "1000")):
            with ctx.store.write() as connection:
                known = ("contacts", Merge(away, "contacts", into))
                merge_log.record(connection, "hubspot", [known], ctx.now())
        ids: list[str] = []
        with ctx.store.read() as connection:
            while batch := merge_log.unfinished(
                connection, "hubspot", "contacts", ctx.now(), ids[-1] if ids else "", 1
            ):
                ids += batch
        assert sorted(ids) == ["1000", "102", "1103", "99"]
