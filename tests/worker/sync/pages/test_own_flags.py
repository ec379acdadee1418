"""What our own writes set and clear is no person's word, however pages, runs and workers interleave
(promises 9 and 19)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import a_later_second, advance_clock
from constants import NUMBER
from crms import Crm
from in_flight import write_in_flight
from merging import merge, set_only_number
from reports import store_report, stored_reports
from sqlalchemy.engine import Connection

from connectors.errors import UnavailableError
from sandbox.hubspot.portal import Rule
from sandbox.run import Sandbox
from worker.context import Context
from worker.store import Store, open_store
from worker.store.tables import changed_records, pages, writes
from worker.sync import contact_index
from worker.sync.pages import (
    concurrent_flags,
    evaluate,
    lease,
    load,
    merges,
    missing,
    pending_writes,
    process,
    results,
    runner,
    write_back,
)
from worker.sync.pages.steps import EvaluatedPage, LoadedPage, PageWork, WrittenPage
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle, stored_pages
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.write.crm_writes import write_all

# A report, the flag that it sets or clears, and what a person would have said by that flag.
SETTING = [("wrong_number", "wrong_number"), ("opt_out", "do_not_contact")]


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def record(ctx: Context, crm: Crm) -> str:
    """A record that the index knows, with one number and no flag."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    process_all(ctx, open_run(ctx, crm, record_id))
    return record_id


@pytest.fixture
def other(ctx: Context) -> Context:
    """Another worker, with leases of its own."""
    return ctx.borrow()


def open_run(ctx: Context, crm: Crm, *records: str) -> str:
    return lifecycle.open_run(ctx, crm.name, Scope("ids", records))


def process_all(ctx: Context, run_id: str) -> None:
    runner.run_to_completion(ctx, run_id, pages_at_once=1)


def page_of(ctx: Context, run_id: str) -> int:
    with ctx.store.read() as connection:
        query = sa.select(pages.c.id).where(pages.c.run_id == run_id).order_by(pages.c.id.desc())
        return int(connection.scalars(query).first() or 0)


def page_beside(ctx: Context, crm: Crm, record_id: str) -> int:
    """A page of a run that carries reports to the CRM beside a sync."""
    options = RunOptions(kind="reports")
    return page_of(ctx, lifecycle.open_run(ctx, crm.name, Scope("ids", (record_id,)), options))


def one_more_page(ctx: Context, crm: Crm, run_id: str, record_id: str) -> int:
    """A page of a run that holds the same record as another one of its pages."""
    with ctx.store.write() as connection:
        stored_pages.store_ids(connection, ctx, run_id, [(crm.object, record_id)])
    return page_of(ctx, run_id)


def said_by_users(ctx: Context) -> list[str]:
    return [row.kind for row in stored_reports(ctx) if row.source.endswith(" user")]


@dataclass(frozen=True)
class Page:
    """A page that a test takes step by step, as `process` does."""

    work: PageWork

    @classmethod
    def claim(cls, ctx: Context, page_id: int) -> Page:
        claimed = lease.claim(ctx, page_id, None)
        assert claimed is not None
        page, run = claimed
        connector = ctx.connector(run.connector)
        return cls(PageWork(ctx, run, connector, page, write_all, dict(connector.calls)))

    def load(self) -> LoadedPage:
        return load.load(self.work)

    def evaluate(self, loaded: LoadedPage | None = None) -> EvaluatedPage:
        verified = process._prepare_and_verify(loaded or self.load())
        return evaluate.evaluate(missing.find_missing(verified))

    def write(self) -> WrittenPage:
        """Up to the moment before the results are committed."""
        return write_back.write(pending_writes.record(self.evaluate()))


def once_loaded(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
    """Let something happen after a page has looked its contacts up in our index, and before it
    looks for writes of others."""
    without_merged = merges.without_merged

    def patched(*args: Any) -> Any:
        monkeypatch.setattr(merges, "without_merged", without_merged)
        then()
        return without_merged(*args)

    monkeypatch.setattr(merges, "without_merged", patched)


class TestAWriteThatTakesLongerThanALease:
    """The CRM is slow, or a batch waits for others; another run begins meanwhile, and reads the
    record just before the results of the first one are committed, or just before it is written."""

    @pytest.mark.parametrize(("kind", "flag"), SETTING)
    def test_that_sets_a_flag(
        self,
        ctx: Context,
        other: Context,
        crm: Crm,
        record: str,
        kind: str,
        flag: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        store_report(ctx, kind)
        slow = Page.claim(ctx, page_of(ctx, open_run(ctx, crm, record))).write()
        assert crm.get(record, flag)
        advance_clock(ctx, minutes=3)
        page_id = page_beside(ctx, crm, record)
        once_loaded(monkeypatch, lambda: results.commit(slow))
        process.process(other, page_id)
        assert said_by_users(ctx) == []

    def test_that_clears_a_flag(self, ctx: Context, other: Context, crm: Crm, record: str) -> None:
        store_report(ctx, "opt_out")
        process_all(ctx, open_run(ctx, crm, record))
        store_report(ctx, "opt_in", at=ctx.now())
        slow = Page.claim(ctx, page_of(ctx, open_run(ctx, crm, record)))
        evaluated = pending_writes.record(slow.evaluate())
        advance_clock(ctx, minutes=9)
        page = Page.claim(other, page_beside(ctx, crm, record))
        loaded = page.load()
        results.commit(write_back.write(evaluated))
        assert not crm.get(record, "do_not_contact")
        page.evaluate(loaded)
        assert said_by_users(ctx) == []


@pytest.mark.parametrize(("kind", "flag"), SETTING)
def test_a_record_on_two_pages_of_a_run(
    ctx: Context, other: Context, crm: Crm, record: str, kind: str, flag: str
) -> None:
    """It failed before, and is read as changed as well: one page has written it, and has not
    committed its results."""
    store_report(ctx, kind)
    run_id = open_run(ctx, crm, record)
    first = Page.claim(ctx, page_of(ctx, run_id)).write()
    process.process(other, one_more_page(ctx, crm, run_id, record))
    results.commit(first)
    assert crm.get(record, flag)
    assert said_by_users(ctx) == []


class TestAWorkerThatHasLostItsPage:
    """It was away for longer than its lease, or another host's clock is ahead of its own."""

    @pytest.fixture
    def lost(self, ctx: Context, crm: Crm, record: str) -> Page:
        advance_clock(ctx, minutes=10)
        store_report(ctx, "wrong_number")
        return Page.claim(ctx, page_of(ctx, open_run(ctx, crm, record)))

    def taken_over(self, ctx: Context, other: Context, lost: Page) -> Page:
        advance_clock(ctx, minutes=3)
        return Page.claim(other, lost.work.page.id)

    def test_does_not_take_the_new_ones_write_for_a_persons_tick(
        self, ctx: Context, other: Context, crm: Crm, record: str, lost: Page
    ) -> None:
        self.taken_over(ctx, other, lost).write()
        assert crm.get(record, "wrong_number")
        with pytest.raises(lease.LostLeaseError):
            lost.evaluate(load.fetch_again(lost.work))
        assert said_by_users(ctx) == []

    def test_does_not_take_its_absence_in_what_it_has_read_for_a_persons_clearing(
        self, ctx: Context, other: Context, crm: Crm, record: str, lost: Page
    ) -> None:
        loaded = lost.load()
        results.commit(self.taken_over(ctx, other, lost).write())
        with pytest.raises(lease.LostLeaseError):
            lost.evaluate(loaded)
        assert said_by_users(ctx) == []

    def test_gives_none_of_the_new_ones_writes_up(
        self, ctx: Context, other: Context, crm: Crm, record: str, lost: Page
    ) -> None:
        again = replace(lost, work=replace(lost.work, page=replace(lost.work.page, attempts=2)))
        evaluated = self.taken_over(ctx, other, lost).evaluate()
        pending_writes.record(evaluated)
        with pytest.raises(lease.LostLeaseError):
            again.load()
        results.commit(write_back.write(evaluated))
        with ctx.store.read() as connection:
            states = connection.scalars(
                sa.select(writes.c.state).where(writes.c.page_id == lost.work.page.id)
            )
            assert list(states) == ["done"]


class TestAWriteThatNobodyAnswered:
    @pytest.fixture
    def late(self, ctx: Context, crm: Crm) -> tuple[str, str]:
        """A run and a record that the index does not hold. Two attempts to write its flag got no
        answer; the first one is carried out after the second attempt has given it up."""
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        store_report(ctx, "wrong_number")
        run_id = open_run(ctx, crm, record_id)
        self.attempt(ctx, crm, run_id)
        advance_clock(ctx, seconds=2)
        self.attempt(ctx, crm, run_id)
        return run_id, record_id

    def attempt(self, ctx: Context, crm: Crm, run_id: str) -> None:
        crm.fault(crm.write_call, "drop", times=999)
        with pytest.raises(UnavailableError):
            process_all(ctx, lifecycle.resume(ctx, run_id).id)
        crm.service.faults.clear()

    def come_late(self, ctx: Context, crm: Crm, record_id: str, *flags: str) -> None:
        """The CRM carries out what the first attempt has sent, or only these of its flags."""
        with ctx.store.read() as connection:
            query = sa.select(writes.c.after).where(writes.c.record_id == record_id)
            sent = connection.scalars(query.order_by(writes.c.id)).all()
        after = next(values for values in sent if "wrong_number" in values)
        crm.edit(record_id, {key: value for key, value in after.items() if key in (flags or after)})

    def test_and_that_comes_late_to_a_new_contact(
        self, ctx: Context, crm: Crm, late: tuple[str, str]
    ) -> None:
        run_id, record_id = late
        self.come_late(ctx, crm, record_id)
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        assert crm.get(record_id, "wrong_number")
        assert [row.source for row in stored_reports(ctx, "wrong_number")] == ["test"]

    def test_and_of_which_a_new_contact_holds_the_flag_alone(
        self, ctx: Context, crm: Crm, late: tuple[str, str]
    ) -> None:
        """Another run has written over its marks."""
        run_id, record_id = late
        self.come_late(ctx, crm, record_id, "wrong_number")
        advance_clock(ctx, hours=1)
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        assert crm.get(record_id, "wrong_number")
        assert said_by_users(ctx) == []

    def test_and_whose_record_was_deleted_and_restored(
        self, ctx: Context, crm: Crm, late: tuple[str, str]
    ) -> None:
        run_id, record_id = late
        self.come_late(ctx, crm, record_id)
        record = crm.service.portal.table.take(record_id)
        crm.service.portal.table.put(record_id, {**record, "archived": True}, record["_stamp"])
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        crm.service.portal.table.put(record_id, {**record, "archived": False}, record["_stamp"])
        process_all(ctx, open_run(ctx, crm, record_id))
        assert said_by_users(ctx) == []

    def test_counts_from_when_it_was_given_up(self, ctx: Context, crm: Crm, record: str) -> None:
        """All workers were away for twenty minutes."""
        store_report(ctx, "wrong_number")
        run_id = open_run(ctx, crm, record)
        self.attempt(ctx, crm, run_id)
        advance_clock(ctx, minutes=20)
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        self.clear(ctx, crm, record)
        self.come_late(ctx, crm, record, "wrong_number")
        process_all(ctx, open_run(ctx, crm, record))
        assert said_by_users(ctx) == ["confirmed"]

    def test_is_known_by_its_marks_however_late_it_comes(
        self, ctx: Context, crm: Crm, record: str
    ) -> None:
        store_report(ctx, "wrong_number")
        run_id = open_run(ctx, crm, record)
        self.attempt(ctx, crm, run_id)
        advance_clock(ctx, seconds=2)
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        self.clear(ctx, crm, record)
        advance_clock(ctx, hours=1)
        self.come_late(ctx, crm, record)
        process_all(ctx, open_run(ctx, crm, record))
        assert said_by_users(ctx) == ["confirmed"]
        self.clear(ctx, crm, record)
        advance_clock(ctx, hours=1)
        crm.edit(record, {"wrong_number": True})
        process_all(ctx, open_run(ctx, crm, record))
        assert said_by_users(ctx)[-1] == "wrong_number"  # this one was a person

    def test_and_whose_record_was_merged_into_another(
        self, ctx: Context, crm: Crm, record: str
    ) -> None:
        """The report was taken back before the run went on; then its write came."""
        run_id = open_run(ctx, crm, record)
        store_report(ctx, "wrong_number")
        self.attempt(ctx, crm, run_id)
        store_report(ctx, "confirmed", scope="number", at=ctx.now())
        process_all(ctx, lifecycle.resume(ctx, run_id).id)
        self.come_late(ctx, crm, record, "wrong_number")
        set_only_number(crm, into := crm.ids()[1], NUMBER)
        survivor = merge(crm, record, into)
        assert crm.get(survivor, "wrong_number")
        process_all(ctx, lifecycle.open_run(ctx, crm.name, Scope("everything")))
        assert said_by_users(ctx) == []

    def clear(self, ctx: Context, crm: Crm, record_id: str) -> None:
        a_later_second(crm)
        crm.edit(record_id, {"wrong_number": False})
        process_all(ctx, open_run(ctx, crm, record_id))
        assert not crm.get(record_id, "wrong_number")


def test_a_write_of_which_the_crm_took_the_flags_alone(
    ctx: Context, other: Context, crm: Crm, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = frozenset({crm.field(crm.status)})
    crm.service.portal.rules[record] = Rule("not in this account", sets=sets)
    advance_clock(ctx, minutes=10)
    store_report(ctx, "wrong_number")
    first = Page.claim(ctx, page_of(ctx, open_run(ctx, crm, record))).write()
    assert crm.get(record, "wrong_number")
    beside = page_beside(ctx, crm, record)
    once_loaded(monkeypatch, lambda: results.commit(first))
    process.process(other, beside)
    assert said_by_users(ctx) == []


def test_two_writes_of_one_flag_that_the_crm_took_in_another_order_than_we_committed_them(
    ctx: Context, other: Context, crm: Crm, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page has read the record before a report, and writes its flag once more after another
    page has read that somebody took the report back: a worker of a version before does so, which
    looks for no other page's writes before its own."""
    monkeypatch.setattr(concurrent_flags, "find", lambda *_page: set())
    store_report(ctx, "wrong_number")
    run_id = open_run(ctx, crm, record)
    old = Page.claim(ctx, page_of(ctx, run_id)).evaluate()
    process.process(other, one_more_page(ctx, crm, run_id, record))
    assert crm.get(record, "wrong_number")
    store_report(ctx, "confirmed", scope="number", at=ctx.now())
    new = Page.claim(other, one_more_page(ctx, crm, run_id, record)).evaluate()
    for evaluated in (old, new):
        pending_writes.record(evaluated)
    written = write_back.write(new)
    results.commit(write_back.write(old))
    results.commit(written)
    assert crm.get(record, "wrong_number")
    process_all(ctx, run_id)
    process_all(ctx, open_run(ctx, crm, record))
    assert said_by_users(ctx) == []


class TestAPersonWhoClearsAFlagBetweenTwoOfOurWrites:
    """Two pages have read the record before a report was on it. One has set its flag, and a person
    has cleared it, before the other one writes (promise 9)."""

    FLAGS = (
        ("wrong_number", ["wrong_number"], "confirmed"),
        ("opt_out", ["do_not_contact", "do_not_call", "do_not_text"], "opt_in"),
    )

    @pytest.fixture
    def run_id(self, ctx: Context, crm: Crm, record: str) -> str:
        return open_run(ctx, crm, record)

    @pytest.fixture
    def slow(self, ctx: Context, run_id: str) -> Page:
        return Page.claim(ctx, page_of(ctx, run_id))

    @pytest.fixture
    def beside(
        self, ctx: Context, other: Context, crm: Crm, record: str, run_id: str, slow: Page
    ) -> Page:
        """Another page with the record, by another worker."""
        return Page.claim(other, one_more_page(ctx, crm, run_id, record))

    @pytest.mark.parametrize(("kind", "flags", "said"), FLAGS)
    @pytest.mark.parametrize(
        "noted", ["before it writes", "while it writes", "after it has written"]
    )
    def test_is_heard(
        self, ctx: Context, crm: Crm, record: str, slow: Page, beside: Page, kind: str,
        flags: list[str], said: str, noted: str,
    ) -> None:  # fmt: skip
        store_report(ctx, kind)
        evaluated = slow.evaluate()
        first = beside.write()
        if noted == "before it writes":
            results.commit(first)
        crm.edit(record, dict.fromkeys(flags, False))
        recorded = pending_writes.record(evaluated)
        if noted == "while it writes":
            results.commit(first)
        results.commit(write_back.write(recorded))
        if noted == "after it has written":
            results.commit(first)
        assert not any(crm.get(record, flag) for flag in flags)
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert said in said_by_users(ctx)
        assert not any(crm.get(record, flag) for flag in flags)

    def test_where_nobody_clears_it_the_flag_stays(
        self, ctx: Context, crm: Crm, record: str, slow: Page, beside: Page
    ) -> None:
        store_report(ctx, "wrong_number")
        evaluated = slow.evaluate()
        results.commit(beside.write())
        results.commit(write_back.write(pending_writes.record(evaluated)))
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert crm.get(record, "wrong_number")
        assert said_by_users(ctx) == []

    def test_a_later_run_finds_the_record_if_it_is_not_looked_at_again(
        self, ctx: Context, crm: Crm, record: str, run_id: str, slow: Page
    ) -> None:
        store_report(ctx, "wrong_number")
        evaluated = slow.evaluate()
        end = write_in_flight(ctx, crm, record, {"wrong_number": True})
        results.commit(write_back.write(pending_writes.record(evaluated)))
        assert not crm.get(record, "wrong_number")
        end()
        with ctx.store.write() as connection:
            connection.execute(sa.delete(changed_records))
        process_all(ctx, run_id)
        process_all(ctx, lifecycle.open_run(ctx, crm.name, Scope("everything")))
        assert crm.get(record, "wrong_number")

    def test_a_record_that_took_over_another_is_still_known_to_have_its_flags(
        self, ctx: Context, crm: Crm, record: str
    ) -> None:
        """The CRM has carried our flag over in a merge, and the page leaves the record alone."""
        store_report(ctx, "wrong_number")
        process_all(ctx, open_run(ctx, crm, record))
        set_only_number(crm, into := crm.ids()[1], NUMBER)
        survivor = merge(crm, record, into)
        store_report(ctx, "opt_out")
        evaluated = Page.claim(ctx, page_of(ctx, open_run(ctx, crm, survivor))).evaluate()
        with ctx.store.write() as connection:
            contact_index.remember_flags(
                connection, crm.name, crm.object, survivor, {"do_not_contact": True}
            )
        recorded = pending_writes.record(evaluated)
        assert survivor in recorded.deferred
        results.commit(write_back.write(recorded))
        with ctx.store.write() as connection:
            contact_index.remember_flags(
                connection, crm.name, crm.object, survivor, {"do_not_contact": False}
            )
        advance_clock(ctx, seconds=10)
        propagate(ctx, crm.name)
        assert crm.get(survivor, "do_not_contact")
        assert said_by_users(ctx) == []

    def test_another_flag_of_the_record_is_written_at_once(
        self, ctx: Context, crm: Crm, record: str, slow: Page
    ) -> None:
        """A STOP does not wait because a wrong number was noted meanwhile."""
        store_report(ctx, "opt_out")
        evaluated = slow.evaluate()
        with ctx.store.write() as connection:
            contact_index.remember_flags(
                connection, crm.name, crm.object, record, {"wrong_number": True}
            )
        results.commit(write_back.write(pending_writes.record(evaluated)))
        assert crm.get(record, "do_not_contact")


class TestFlagsThatAreNoted:
    """`contact_index.remember_flags`, for writes that turn out to have reached the CRM."""

    def note(self, connection: Connection, record_id: str, flag: str) -> None:
        contact_index.remember_flags(connection, "hubspot", "contacts", record_id, {flag: True})

    def flags(self, store: Store, record_id: str) -> set[str]:
        known = contact_index.load(store, "hubspot", "contacts", [record_id])
        return {flag for flag, on in known[record_id].flags.items() if on}

    def test_after_a_page_has_looked_the_contact_up(
        self, ctx: Context, crm: Crm, record: str
    ) -> None:
        """It was noted before as well, so the row looks the same."""
        with ctx.store.write() as connection:
            self.note(connection, record, "do_not_call")
        crm.edit(record, {"do_not_call": True})
        evaluated = Page.claim(ctx, page_of(ctx, open_run(ctx, crm, record))).evaluate()
        crm.edit(record, {"wrong_number": True})
        with ctx.store.write() as connection:
            self.note(connection, record, "wrong_number")
        results.commit(write_back.write(pending_writes.record(evaluated)))
        assert "wrong_number" in self.flags(ctx.store, record)

    def test_while_another_worker_records_the_contact(self, postgres_database_url: str) -> None:
        """SQLite has one writer."""
        store = open_store(postgres_database_url)

        def note_beside() -> None:
            with store.write() as connection:
                self.note(connection, "1", "do_not_call")

        with store.write() as connection:
            self.note(connection, "1", "do_not_text")
        beside = threading.Thread(target=note_beside)
        with store.write() as connection:
            self.note(connection, "1", "wrong_number")
            beside.start()
            waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not connection.scalar(waits):
                time.sleep(0.01)
        beside.join()
        assert self.flags(store, "1") == {"do_not_text", "wrong_number", "do_not_call"}
        store.close()
