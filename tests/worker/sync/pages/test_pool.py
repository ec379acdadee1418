"""Several pages at once: they overlap, are bounded, and an error of one stops the run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync
from limits import lower_limits

from connectors.errors import ConnectorError, UnavailableError
from connectors.hubspot import connector
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import pages
from worker.sync.pages import pool, process, runner
from worker.sync.pages.pool import PagePool
from worker.sync.read import reader, reverse_reader
from worker.sync.runs import lifecycle, reader_lease, report, stored_pages
from worker.sync.runs.scope import Scope
from worker.sync.runs.stored_pages import StoredPage


class Work:
    """Stands in for the work on a page: counts how many are under way."""

    def __init__(self) -> None:
        self.under_way: list[int] = []
        self.most = 0
        self.go = threading.Event()
        self.bad: set[int] = set()
        self.owners: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, ctx: Context, page_id: int, *_more: Any) -> bool:
        with self._lock:
            self.owners.add(ctx.owner)
            self.under_way.append(page_id)
            self.most = max(self.most, len(self.under_way))
        self.go.wait(5)
        with self._lock:
            self.under_way.remove(page_id)
        if page_id in self.bad:
            raise UnavailableError(f"page {page_id}")
        return True


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    recorder = Work()
    monkeypatch.setattr(process, "process", recorder)
    return recorder


def nobody() -> None:
    return None


class TestHowMuchAtOnce:
    def test_so_many_pages_and_no_more(self, ctx: Context, work: Work) -> None:
        done: list[int] = []
        with ThreadPoolExecutor(1) as reader, PagePool(ctx, 3, done.append) as page_pool:
            taken = reader.submit(
                lambda: [page_pool.submit(ctx, StoredPage(n, 10), nobody) for n in range(9)]
            )
            time.sleep(0.2)
            assert len(work.under_way) == 3
            assert not taken.done(), "the reader waits"
            work.go.set()
            taken.result(5)
        assert sorted(done) == list(range(9))
        assert work.most == 3
        assert len(work.owners) <= 3
        assert ctx.owner not in work.owners, "each thread has leases of its own"

    def test_a_page_that_waits_for_its_batch_leaves_its_place_to_another(
        self, ctx: Context, work: Work, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool.Batcher, "count_waiting", lambda _self: 1)
        with ThreadPoolExecutor(1) as reader, PagePool(ctx, 2, lambda _page: None) as page_pool:
            taken = reader.submit(
                lambda: [page_pool.submit(ctx, StoredPage(n, 10), nobody) for n in range(5)]
            )
            time.sleep(0.2)
            assert len(work.under_way) == 3
            work.go.set()
            taken.result(5)

    def test_so_many_contacts_and_no_more(self, ctx: Context, work: Work) -> None:
        with ThreadPoolExecutor(1) as reader, PagePool(ctx, 8, lambda _page: None) as page_pool:
            size = pool.MAX_CONTACTS_IN_FLIGHT // 2
            taken = reader.submit(
                lambda: [page_pool.submit(ctx, StoredPage(n, size), nobody) for n in range(5)]
            )
            time.sleep(0.2)
            assert len(work.under_way) == 2
            work.go.set()
            taken.result(5)
        assert work.most == 2

    def test_a_page_that_is_larger_than_all_that_is_done_alone(
        self, ctx: Context, work: Work
    ) -> None:
        work.go.set()
        with PagePool(ctx, 4, lambda _page: None) as page_pool:
            page_pool.submit(ctx, StoredPage(1, pool.MAX_CONTACTS_IN_FLIGHT * 3), nobody)
            page_pool.submit(ctx, StoredPage(2, 1), nobody)

    def test_who_waits_is_told_so(
        self, ctx: Context, work: Work, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = threading.Event()
        with ThreadPoolExecutor(1) as reader, PagePool(ctx, 1, lambda _page: None) as page_pool:
            page_pool.submit(ctx, StoredPage(1, 1), nobody)
            taken = reader.submit(page_pool.submit, ctx, StoredPage(2, 1), waiting.set)
            assert waiting.wait(5)
            work.go.set()
            taken.result(5)


class TestAnErrorOfOnePage:
    def test_stops_the_others_that_have_not_begun(self, ctx: Context, work: Work) -> None:
        work.bad = {0}
        work.go.set()
        done: list[int] = []

        def twenty() -> None:
            with PagePool(ctx, 1, done.append) as page_pool:
                for n in range(20):
                    page_pool.submit(ctx, StoredPage(n, 1), nobody)
                    time.sleep(0.02)

        with pytest.raises(UnavailableError, match="page 0"):
            twenty()
        assert len(done) < 20

    def test_is_raised_at_the_end_at_the_latest(self, ctx: Context, work: Work) -> None:
        work.bad = {0}

        def single_page() -> None:
            with PagePool(ctx, 1, lambda _page: None) as page_pool:
                page_pool.submit(ctx, StoredPage(0, 1), nobody)
                work.go.set()

        with pytest.raises(UnavailableError):
            single_page()


class TestOverlap:
    def test_a_slow_crm_is_called_for_several_pages_at_once(
        self, ctx: Context, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, hubspot_list_page=10)
        monkeypatch.setattr(connector.HubSpotConnector, "write_size", 10)
        if crm.name == "salesforce":
            crm.service.page_limit = 10
        crm.fault(crm.write_call, "delay", times=100, seconds=0.3)
        runner.run_to_completion(ctx, lifecycle.open_run(ctx, crm.name, Scope("changed")))
        assert 3 <= crm.service.busiest <= ctx.settings.sync.pages_in_flight + 1
        assert crm.all_checked()


class TestCalls:
    def test_pages_fill_their_batches_together(
        self, ctx: Context, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A page changes less than a batch holds, but only the last batch is not full."""
        lower_limits(monkeypatch, hubspot_list_page=7)
        monkeypatch.setattr(connector.HubSpotConnector, "write_size", 10)
        crm = Crm.all(sandbox)["hubspot"]
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        runner.run_to_completion(ctx, run_id)
        result = report.result(ctx, run_id)
        assert crm.all_checked()
        assert result["contacts"]["changed"] > 40
        least = math.ceil(result["contacts"]["changed"] / 10)
        assert least <= result["api_calls"]["write"] <= least + 1


class TestAPartOfARun:
    """What a worker of the queue does of a run that another one reads."""

    @pytest.fixture
    def crm(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Crm:
        lower_limits(monkeypatch, hubspot_list_page=7)
        monkeypatch.setattr(connector.HubSpotConnector, "write_size", 10)
        return Crm.all(sandbox)["hubspot"]

    def read_run(self, ctx: Context) -> tuple[str, list[StoredPage]]:
        """A run whose pages are all read, and not worked on."""
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        reader_lease.claim(ctx, run_id)
        reader.read_from_cursor(ctx, lifecycle.load(ctx, run_id), lambda *_: None, lambda: True)
        reader_lease.release(ctx, run_id)
        return run_id, stored_pages.list_pending(ctx, run_id)

    def test_is_its_page_and_all_that_nobody_else_has_taken_up(
        self, ctx: Context, crm: Crm
    ) -> None:
        run_id, stored = self.read_run(ctx)
        assert runner.help_with_pages(ctx, run_id, stored[2].id, 60) == len(stored)
        assert lifecycle.finish_if_done(ctx, run_id)
        assert crm.all_checked()

    def test_fills_its_batches(self, ctx: Context, crm: Crm) -> None:
        run_id, stored = self.read_run(ctx)
        runner.help_with_pages(ctx, run_id, stored[0].id, 60)
        lifecycle.finish_if_done(ctx, run_id)
        result = report.result(ctx, run_id)
        assert result["api_calls"]["write"] <= math.ceil(result["contacts"]["changed"] / 10) + 1

    def test_leaves_what_another_worker_has(
        self, ctx: Context, make_context: Callable[..., Context], crm: Crm
    ) -> None:
        run_id, stored = self.read_run(ctx)
        lease = {"owner": make_context().owner, "lease_expires_at": ctx.lease()}
        with ctx.store.write() as connection:
            of = pages.c.id.in_([stored[0].id, stored[3].id])
            connection.execute(sa.update(pages).where(of).values(lease))
        assert runner.help_with_pages(ctx, run_id, stored[0].id, 60) == len(stored) - 2
        assert [page.id for page in stored_pages.list_pending(ctx, run_id)] == [
            stored[0].id,
            stored[3].id,
        ]

    def test_ends_when_its_time_is_over(self, ctx: Context, crm: Crm) -> None:
        run_id, stored = self.read_run(ctx)
        assert runner.help_with_pages(ctx, run_id, stored[0].id, 0) == 1
        assert len(stored_pages.list_pending(ctx, run_id)) == len(stored) - 1

    def test_does_not_log_in_anew_for_each_page(
        self, ctx: Context, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        crm.service.page_limit = 10
        run_id = lifecycle.open_run(ctx, "salesforce", Scope("changed"))
        reader_lease.claim(ctx, run_id)
        reader.read_from_cursor(ctx, lifecycle.load(ctx, run_id), lambda *_: None, lambda: True)
        for page in stored_pages.list_pending(ctx, run_id):
            runner.help_with_pages(ctx, run_id, page.id, 0)
        assert crm.all_checked()
        logins = sum(n for route, n in crm.service.counters.items() if "oauth2/token" in route)
        assert logins == 2, "the reader's, and that of the thread that works"

    def test_raises_what_stops_the_run(self, ctx: Context, crm: Crm) -> None:
        run_id, stored = self.read_run(ctx)
        crm.fault(crm.write_call, "status", status=401, times=100)
        with pytest.raises(ConnectorError):
            runner.help_with_pages(ctx, run_id, stored[0].id, 60)
        assert len(stored_pages.list_pending(ctx, run_id)) == len(stored)


class TestBothEnds:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lower_limits(monkeypatch, hubspot_list_page=5, hubspot_search_page=4)
        monkeypatch.setattr(reverse_reader, "MIN_REMAINING", 10)

    @pytest.fixture
    def portal(self, sandbox: Sandbox) -> Crm:
        crm = Crm.all(sandbox)["hubspot"]
        # The list is slow, so that the thread at its side gets to read something.
        crm.fault(r"GET /crm/objects/2026-09/contacts\?", "delay", times=1000, seconds=0.1)
        return crm

    def searches(self, crm: Crm) -> int:
        return crm.service.counters["POST /crm/objects/2026-09/contacts/search"]

    def test_each_contact_is_read_once(self, ctx: Context, portal: Crm, sync: Sync) -> None:
        result = sync(ctx, "hubspot")
        assert result["contacts"]["read"] == 60
        assert self.searches(portal) > 2
        ids = [write["id"] for write in result["writes"]]
        assert len(ids) == len(set(ids))
        assert portal.all_checked()
        assert result["api_calls"]["read"] <= 60 / 4

    def test_every_call_is_counted_also_of_what_was_read_at_both_ends(
        self, ctx: Context, portal: Crm, sync: Sync
    ) -> None:
        """A page that was read from the end when the reader was there already brings nothing, and
        cost a call."""
        portal.fault(r"POST .*/search", "delay", nth=3, seconds=2.5)
        calls = sync(ctx, "hubspot")["api_calls"]
        assert sum(calls.values()) == portal.service.counters.total()

    def test_where_the_search_fails_the_list_is_read_to_its_end(
        self, ctx: Context, portal: Crm, sync: Sync
    ) -> None:
        portal.fault(r"POST .*/search", "status", status=400, nth=3, times=1000)
        assert sync(ctx, "hubspot")["contacts"]["read"] == 60
        assert portal.all_checked()

    def test_a_page_that_could_not_be_stored_is_read_again_whatever_the_other_thread_kept(
        self, ctx: Context, portal: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, lost, stored = stored_pages.store_page, [True], 0

        def store(connection: Any, own: Context, *args: Any) -> int:
            nonlocal stored
            stored += 1
            if own is ctx and lost and stored > 3:
                lost.clear()
                time.sleep(0.8)  # the other thread comes to wait for its turn, and takes it then
                raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))
            return real(connection, own, *args)

        monkeypatch.setattr(stored_pages, "store_page", store)
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        with pytest.raises(sa.exc.OperationalError):
            runner.run_to_completion(ctx, run_id)
        assert lost == []
        runner.run_to_completion(ctx, lifecycle.resume(ctx, run_id).id)
        assert report.totals(ctx, run_id).read == 60
        assert portal.all_checked()

    def test_a_run_that_was_cut_short_goes_on_at_both_ends(
        self, ctx: Context, portal: Crm, sync: Sync
    ) -> None:
        portal.fault(r"GET /crm/objects/2026-09/contacts\?", "status", status=400, nth=7)
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        with pytest.raises(Exception, match="HTTP 400"):
            runner.run_to_completion(ctx, run_id)
        half = lifecycle.load(ctx, run_id).reading[0]
        assert half["back"]
        lifecycle.resume(ctx, run_id)
        runner.run_to_completion(ctx, run_id)
        assert report.totals(ctx, run_id).read == 60
        assert portal.all_checked()

    def test_a_later_full_read_goes_by_the_list_alone(
        self, ctx: Context, portal: Crm, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        before = self.searches(portal)
        assert sync(ctx, "hubspot", "everything")["contacts"]["read"] == 60
        assert self.searches(portal) - before <= 1, "the one that tells how long the list is"
