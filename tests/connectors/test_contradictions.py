"""An answer that contradicts itself is asked for again; where it goes on, nothing of it is
believed: the read fails in one line, the watermark stays, and nothing is forgotten (promise 17)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm

from connectors.base import Connector, UnavailableError, Update
from sandbox.run import Sandbox
from worker.store.tables import contacts, watermarks
from worker.sync.context import Context
from worker.sync.scope import Scope

Sync = Callable[..., dict[str, Any]]
MakeContext = Callable[..., Context]
EVERYTHING = Scope("everything")

# CRM, call, how; each would lose records, or make others of them, if it were believed.
CHANGES = r"POST .*/contacts/search"
LIST = r"GET /crm/objects/2026-09/contacts\?"
BATCH = r"POST .*/contacts/batch/read"
QUERY = r"GET .*/query(All)?/\?"
NEXT = r"GET .*/query/\w+-"
OF_CHANGES = [
    *[("hubspot", CHANGES, how) for how in ("empty", "uncounted", "twice")],
    *[("salesforce", QUERY, how) for how in
      ("empty", "fewer", "twice", "counts", "uncounted", "nowhere", "elsewhere", "early")],
    *[("salesforce", NEXT, how) for how in ("empty", "fewer", "counts", "early", "nowhere")],
]  # fmt: skip
OF_A_FULL_READ = [
    ("hubspot", LIST, "empty"), ("hubspot", LIST, "early"), ("salesforce", QUERY, "empty"),
    ("salesforce", QUERY, "early"), ("salesforce", r"GET .*/describe", "none"),
]  # fmt: skip


def known(ctx: Context) -> set[tuple[str, str]]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(contacts.c.connector, contacts.c.record_id))
        return {(row.connector, row.record_id) for row in rows}


def marks(ctx: Context) -> dict[str, Any]:
    with ctx.store.read() as connection:
        return {row.object: row.position for row in connection.execute(sa.select(watermarks))}


def ready(ctx: Context, sandbox: Sandbox, name: str, sync: Sync) -> Crm:
    """A CRM that was synced, and in which every contact has changed since."""
    crm = Crm.all(sandbox)[name]
    sync(ctx, name)
    for number, record_id in enumerate(crm.ids()):
        crm.edit(record_id, {f"phone/{crm.phone}": f"+1 415 555 {2000 + number}"})
    sandbox.salesforce.page_limit = 20
    return crm


@pytest.mark.parametrize(("name", "call", "how"), OF_CHANGES)
class TestReadingChanges:
    def test_one_that_stays_fails_the_read_and_the_watermark_stays(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, name: str, call: str, how: str
    ) -> None:
        crm = ready(ctx, sandbox, name, sync)
        before, index = marks(ctx), known(ctx)
        crm.fault(call, "contradict", how=how, times=10**6)
        if call == NEXT:  # each first page can be believed: read by those alone, after an id
            assert sync(ctx, name)["state"] == "done"
            assert crm.all_checked()
            return
        with pytest.raises(UnavailableError, match=r"contradicts itself: .*\(tried 2 times\)"):
            sync(ctx, name)
        assert marks(ctx) == before
        assert known(ctx) == index
        crm.service.faults.clear()
        sync(ctx, name)
        assert crm.all_checked()

    def test_one_that_passes_costs_a_call(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, name: str, call: str, how: str
    ) -> None:
        crm = ready(ctx, sandbox, name, sync)
        fault = crm.fault(call, "contradict", how=how, times=1)
        assert sync(ctx, name)["state"] == "done"
        assert fault.hits == 1
        assert crm.all_checked()


@pytest.mark.parametrize(("name", "call", "how"), OF_A_FULL_READ)
def test_a_full_read_forgets_nobody(
    ctx: Context, sandbox: Sandbox, sync: Sync, monkeypatch: pytest.MonkeyPatch,
    name: str, call: str, how: str,
) -> None:  # fmt: skip
    from connectors import hubspot

    monkeypatch.setattr(hubspot, "_LIST_PAGE", 5)
    crm = ready(ctx, sandbox, name, sync)
    index = known(ctx)
    if how == "none":
        crm.fault(call, "alter", how='"fields":[', body='"fields":[],"more":[', times=10**6)
        ctx.open(name)._fields.clear()  # type: ignore[attr-defined]
        with pytest.raises(UnavailableError, match="contradicts itself"):
            ctx.open(name).describe()
        return
    crm.fault(call, "contradict", how=how, times=10**6)
    with pytest.raises(UnavailableError):
        sync(ctx, name, scope=EVERYTHING)
    assert known(ctx) == index


@pytest.fixture
def opened(ctx: Context, crm: Crm) -> Connector:
    return ctx.connector(crm.name)


class TestReadingByIds:
    @pytest.mark.parametrize("how", ["fewer", "empty", "foreign"])
    def test_records_that_an_answer_is_silent_about_are_not_gone(
        self, crm: Crm, opened: Connector, how: str
    ) -> None:
        ids = crm.ids()[:5]
        fault = crm.fault(BATCH if crm.name == "hubspot" else QUERY, "contradict", how=how)
        assert {one.id for one in opened.fetch(crm.object, ids)} == {*ids}
        fault.times = 10**6
        if (crm.name, how) == ("hubspot", "foreign"):  # as it answers of one that was merged
            assert not opened.deleted(crm.object, ids)
            return
        with pytest.raises(UnavailableError, match="contradicts itself"):
            opened.fetch(crm.object, ids)

    def test_one_that_is_not_there_is_no_contradiction(self, crm: Crm, opened: Connector) -> None:
        first, second, *_ = crm.ids()
        crm.act(first, {"delete": True})
        assert [one.id for one in opened.fetch(crm.object, [first, second])] == [second]
        assert opened.deleted(crm.object, [first]) == {first: None}

    @pytest.mark.parametrize("how", ["fewer", "foreign"])
    def test_calls_do_not_lose_their_contacts(
        self, ctx: Context, sandbox: Sandbox, how: str
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        from datetime import UTC, datetime

        wrong = "17b47fee-58de-441e-a44c-c6300d46f273"
        for record_id in crm.ids()[:3]:
            sandbox.hubspot.calls.log({"hs_call_disposition": wrong}, [record_id])
        crm.fault(r"POST .*/associations/", "contradict", how=how)
        found = ctx.connector("hubspot").outcomes(datetime(2020, 1, 1, tzinfo=UTC))
        assert found is not None
        assert all(one.record_id for one in found)


class TestWriting:
    def updates(self, crm: Crm) -> list[Update]:
        return [Update(crm.object, one, {"wrong_number": True}) for one in crm.ids()[:5]]

    @pytest.mark.parametrize("how", ["fewer", "empty", "twice", "foreign"])
    def test_what_was_not_confirmed_is_looked_at_before_it_counts(
        self, crm: Crm, opened: Connector, how: str
    ) -> None:
        crm.fault(crm.write_call, "contradict", how=how, times=10**6)
        results = opened.write(self.updates(crm))
        assert [one.ok for one in results] == [True] * 5
        assert all(crm.get(one.id, "wrong_number") for one in results)

    def test_what_was_neither_confirmed_nor_done_is_written_again(
        self, crm: Crm, opened: Connector
    ) -> None:
        """Answered as if it had been done, and was not."""
        body: Any = {"status": "COMPLETE", "results": []} if crm.name == "hubspot" else []
        crm.fault(crm.write_call, "status", status=200, body=body)
        assert all(one.ok for one in opened.write(self.updates(crm)))
        assert all(crm.get(one, "wrong_number") for one in crm.ids()[:5])
        crm.fault(crm.write_call, "status", status=200, body=body, times=10**6)
        values = {"reason": "another text"}
        results = opened.write([Update(crm.object, one, values) for one in crm.ids()[:5]])
        assert {(one.ok, one.kind) for one in results} == {(False, "other")}

    def test_a_job_whose_counts_disagree_is_not_believed(
        self, make_context: MakeContext, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from connectors import salesforce_writes

        monkeypatch.setattr(salesforce_writes, "_JOB_WRITES", 5)
        crm = Crm.all(sandbox)["salesforce"]
        connector = make_context("[connectors.salesforce]\nbulk_from = 1\n").connector("salesforce")
        crm.fault(r"GET .*/jobs/ingest/\w+$", "contradict", how="counts", times=10**6)
        results = connector.write(self.updates(crm))
        assert all(one.ok for one in results)
        assert any("composite/sobjects" in one for one in sandbox.salesforce.counters)
