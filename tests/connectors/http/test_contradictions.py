"""An answer that contradicts itself is asked for again; where it goes on, nothing of it is
believed: the read fails in one line, the watermark stays, and nothing is forgotten (promise 17)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import MakeContext, Sync
from limits import lower_limits

from connectors.errors import UnavailableError
from connectors.protocol import Connector
from connectors.records import Update
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import contacts, watermarks
from worker.sync.runs.scope import Scope

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


def indexed_records(ctx: Context) -> set[tuple[str, str]]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(contacts.c.connector, contacts.c.record_id))
        return {(row.connector, row.record_id) for row in rows}


def watermark_positions(ctx: Context) -> dict[str, Any]:
    with ctx.store.read() as connection:
        return {row.object: row.position for row in connection.execute(sa.select(watermarks))}


def synced_and_changed(ctx: Context, sandbox: Sandbox, name: str, sync: Sync) -> Crm:
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
        crm = synced_and_changed(ctx, sandbox, name, sync)
        before, index = watermark_positions(ctx), indexed_records(ctx)
        crm.fault(call, "contradict", how=how, times=10**6)
        if call == NEXT:  # each first page can be believed: read by those alone, after an id
            assert sync(ctx, name)["state"] == "done"
            assert crm.all_checked()
            return
        with pytest.raises(UnavailableError, match=r"contradicts itself: .*\(tried 2 times\)"):
            sync(ctx, name)
        assert watermark_positions(ctx) == before
        assert indexed_records(ctx) == index
        crm.service.faults.clear()
        sync(ctx, name)
        assert crm.all_checked()

    def test_one_that_passes_costs_a_call(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, name: str, call: str, how: str
    ) -> None:
        crm = synced_and_changed(ctx, sandbox, name, sync)
        fault = crm.fault(call, "contradict", how=how, times=1)
        assert sync(ctx, name)["state"] == "done"
        assert fault.hits == 1
        assert crm.all_checked()


@pytest.mark.parametrize(("name", "call", "how"), OF_A_FULL_READ)
def test_a_full_read_forgets_nobody(
    ctx: Context, sandbox: Sandbox, sync: Sync, monkeypatch: pytest.MonkeyPatch,
    name: str, call: str, how: str,
) -> None:  # fmt: skip

    lower_limits(monkeypatch, hubspot_list_page=5)
    crm = synced_and_changed(ctx, sandbox, name, sync)
    index = indexed_records(ctx)
    if how == "none":
        crm.fault(call, "alter", how='"fields":[', body='"fields":[],"more":[', times=10**6)
        ctx.open(name)._fields.clear()  # type: ignore[attr-defined]
        with pytest.raises(UnavailableError, match="contradicts itself"):
            ctx.open(name).describe()
        return
    crm.fault(call, "contradict", how=how, times=10**6)
    with pytest.raises(UnavailableError):
        sync(ctx, name, scope=EVERYTHING)
    assert indexed_records(ctx) == index


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
        assert {contact.id for contact in opened.fetch(crm.object, ids)} == {*ids}
        fault.times = 10**6
        if (crm.name, how) == ("hubspot", "foreign"):  # as it answers of one that was merged
            assert not opened.deleted(crm.object, ids)
            return
        with pytest.raises(UnavailableError, match="contradicts itself"):
            opened.fetch(crm.object, ids)

    def test_one_that_is_not_there_is_no_contradiction(self, crm: Crm, opened: Connector) -> None:
        first, second, *_ = crm.ids()
        crm.act(first, {"delete": True})
        assert [contact.id for contact in opened.fetch(crm.object, [first, second])] == [second]
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
        outcomes = ctx.connector("hubspot").call_outcomes(datetime(2020, 1, 1, tzinfo=UTC))
        assert outcomes is not None
        assert all(outcome.record_id for outcome in outcomes)


class TestWriting:
    def updates(self, crm: Crm) -> list[Update]:
        return [
            Update(crm.object, record_id, {"wrong_number": True}) for record_id in crm.ids()[:5]
        ]

    @pytest.mark.parametrize("how", ["fewer", "empty", "twice", "foreign"])
    def test_what_was_not_confirmed_is_looked_at_before_it_counts(
        self, crm: Crm, opened: Connector, how: str
    ) -> None:
        crm.fault(crm.write_call, "contradict", how=how, times=10**6)
        results = opened.write(self.updates(crm))
        assert [result.ok for result in results] == [True] * 5
        assert all(crm.get(result.id, "wrong_number") for result in results)

    def test_what_was_neither_confirmed_nor_done_is_written_again(
        self, crm: Crm, opened: Connector
    ) -> None:
        """Answered as if it had been done, and was not."""
        body: Any = {"status": "COMPLETE", "results": []} if crm.name == "hubspot" else []
        crm.fault(crm.write_call, "status", status=200, body=body)
        assert all(result.ok for result in opened.write(self.updates(crm)))
        assert all(crm.get(record_id, "wrong_number") for record_id in crm.ids()[:5])
        crm.fault(crm.write_call, "status", status=200, body=body, times=10**6)
        values = {"reason": "another text"}
        results = opened.write(
            [Update(crm.object, record_id, values) for record_id in crm.ids()[:5]]
        )
        assert {(result.ok, result.kind) for result in results} == {(False, "other")}

    def test_a_job_whose_counts_disagree_is_not_believed(
        self, make_context: MakeContext, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        lower_limits(monkeypatch, salesforce_job_writes=5)
        crm = Crm.all(sandbox)["salesforce"]
        connector = make_context("[connectors.salesforce]\nbulk_from = 1\n").connector("salesforce")
        crm.fault(r"GET .*/jobs/ingest/\w+$", "contradict", how="counts", times=10**6)
        results = connector.write(self.updates(crm))
        assert all(result.ok for result in results)
        assert any("composite/sobjects" in route for route in sandbox.salesforce.counters)


MEMBERS = r"GET .*/lists/.*/memberships"
THE_LIST = r"GET .*/lists/2026-09/(object-type-id|\d+\?|\d+$)"


class TestAList:
    """Who is on a list of HubSpot decides what a re-scan looks at and what a segment counts."""

    @pytest.fixture
    def hubspot(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Crm:

        lower_limits(monkeypatch, hubspot_member_page=7)  # several pages
        return Crm.all(sandbox)["hubspot"]

    def read(self, ctx: Context, name: str = "Newsletter") -> set[str]:
        members = ctx.connector("hubspot").list_members("list", name)
        assert members is not None
        return {record_id for _object, record_id in members}

    @pytest.mark.parametrize(
        ("nth", "how"),  # of the first page, and of the last one
        [(1, "early"), (1, "counts"), *itertools.product(
            [1, 3], ["empty", "fewer", "double", "negative", "text", "onward"]
        )],
    )  # fmt: skip
    def test_that_contradicts_itself_is_asked_for_once_more_and_then_not_believed(
        self, ctx: Context, hubspot: Crm, sandbox: Sandbox, nth: int, how: str
    ) -> None:
        there = set(sandbox.hubspot.portal.lists["2"]["members"])
        fault = hubspot.fault(MEMBERS, "contradict", how=how, nth=nth)
        assert self.read(ctx) == there
        assert fault.hits == 1
        hubspot.service.faults.clear()
        hubspot.fault(MEMBERS, "contradict", how=how, nth=nth, times=10**6)
        with pytest.raises(UnavailableError, match=r"hubspot: .*contradicts itself") as caught:
            self.read(ctx)
        assert "\n" not in str(caught.value)

    def test_that_gives_one_member_twice_in_place_of_another_is_not_believed(
        self, ctx: Context, hubspot: Crm
    ) -> None:
        hubspot.fault(MEMBERS, "contradict", how="twice", times=10**6)
        with pytest.raises(UnavailableError, match="contradicts itself"):
            self.read(ctx)

    @pytest.mark.parametrize("key", ["size", "hs_list_size"])
    def test_that_is_far_shorter_than_its_size_says_is_not_believed(
        self, ctx: Context, hubspot: Crm, key: str
    ) -> None:
        """A count that is a little out of date is no contradiction, and one that is missing says
        nothing."""
        size = '"size":20' if key == "size" else '"hs_list_size":"20"'
        lies = size.replace("20", "40")
        hubspot.fault(THE_LIST, "alter", how=size, body=lies, times=10**6)
        assert len(self.read(ctx)) == 20
        hubspot.service.faults.clear()
        if key == "hs_list_size":
            hubspot.fault(THE_LIST, "alter", how='"size":20,', body="", times=10**6)
            assert len(self.read(ctx)) == 20
        lies = size.replace("20", "4000")
        once = hubspot.fault(THE_LIST, "alter", how=size, body=lies)
        assert len(self.read(ctx)) == 20, "its size is asked for once more"
        once.times = 10**6
        with pytest.raises(UnavailableError, match=r"contradicts itself.*20 .*4,000"):
            self.read(ctx)

    def test_that_is_still_being_filled_may_be_shorter_than_its_size(
        self, ctx: Context, hubspot: Crm
    ) -> None:
        hubspot.fault(THE_LIST, "alter", how='"size":20', body='"size":4000', times=10**6)
        hubspot.fault(THE_LIST, "alter", how='"COMPLETE"', body='"PROCESSING"', times=10**6)
        assert len(self.read(ctx)) == 20

    def test_that_grows_while_it_is_read_is_no_contradiction(
        self, ctx: Context, hubspot: Crm, sandbox: Sandbox
    ) -> None:
        members = sandbox.hubspot.portal.lists["2"]["members"]
        newcomer = next(record_id for record_id in hubspot.ids() if record_id not in members)
        client = ctx.connector("hubspot").client  # type: ignore[attr-defined]
        get = client.get
        calls: list[str] = []

        def growing(purpose: Any, path: str, *args: Any, **others: Any) -> Any:
            calls.append(path)
            if path.endswith("memberships") and len(calls) == 3:
                members.append(newcomer)
            return get(purpose, path, *args, **others)

        client.get = growing
        assert self.read(ctx) == {*members}

    def test_of_companies_is_no_list_of_contacts(self, ctx: Context, hubspot: Crm) -> None:
        """The ids on it mean others."""
        from connectors.errors import InvalidRequestError

        hubspot.fault(THE_LIST, "alter", how='"objectTypeId":"0-1"', body='"objectTypeId":"0-2"')
        with pytest.raises(InvalidRequestError, match="no contact list '2'"):
            self.read(ctx, "2")

    def test_another_list_than_was_asked_for_is_not_taken_for_it(
        self, ctx: Context, hubspot: Crm
    ) -> None:
        fault = hubspot.fault(THE_LIST, "alter", how='"listId":"2"', body='"listId":"1"')
        assert len(self.read(ctx, "2")) == 20
        fault.times = 10**6
        with pytest.raises(UnavailableError, match="contradicts itself"):
            self.read(ctx, "2")


class TestTheAccount:
    DETAILS = r"GET /account-info/"

    @pytest.mark.parametrize(
        ("original", "instead"),
        [('"portalId"', '"portal"'), ('"portalId":', '"portalId":-'),
         ('"portalId":', '"portalId":"x","a":'), ('"portalId":', '"portalId":true,"a":'),
         ('"portalId":', '"portalId":0,"a":'), ('"portalId":', '"portalId":7')],
    )  # fmt: skip
    def test_whose_id_is_missing_or_differs_from_call_to_call_is_not_known(
        self, ctx: Context, sandbox: Sandbox, original: str, instead: str
    ) -> None:
        from connectors.hubspot.account import portal_id

        crm = Crm.all(sandbox)["hubspot"]
        account = ctx.connector("hubspot")
        right = portal_id(account)
        fault = crm.fault(self.DETAILS, "alter", how=original, body=instead)
        assert portal_id(account) == right
        assert fault.hits == 1
        if instead != '"portalId":7':  # which is an id, and the same each time
            fault.times = 10**6
            with pytest.raises(UnavailableError, match="contradicts itself"):
                portal_id(account)

    def test_whose_id_is_another_one_each_time_is_not_known(
        self, ctx: Context, sandbox: Sandbox
    ) -> None:
        from connectors.hubspot.account import portal_id

        crm, account = Crm.all(sandbox)["hubspot"], ctx.connector("hubspot")
        for nth in (1, 2, 3):
            original = f'"portalId":{nth}'
            crm.fault(self.DETAILS, "alter", how='"portalId":', body=original, nth=nth)
        with pytest.raises(UnavailableError, match="contradicts itself"):
            portal_id(account)

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-HubSpot-RateLimit-Daily": "100", "X-HubSpot-RateLimit-Daily-Remaining": "900"},
            {"X-HubSpot-RateLimit-Daily": "5", "X-HubSpot-RateLimit-Daily-Remaining": "-1"},
            {"X-HubSpot-RateLimit-Max": "9", "X-HubSpot-RateLimit-Remaining": "0",
             "X-HubSpot-RateLimit-Interval-Milliseconds": "86400000"},
            {"X-HubSpot-RateLimit-Max": "1", "X-HubSpot-RateLimit-Remaining": "-7"},
        ],
    )  # fmt: skip
    def test_limits_that_cannot_be_neither_stop_nor_hold_up_the_work(
        self, headers: dict[str, str]
    ) -> None:
        from connectors.http.rate_limits import Quota
        from connectors.hubspot.client import limits

        slept: list[float] = []
        quota = Quota("hubspot", 0.1, None, slept.append, lambda: sum(slept))
        quota.record(limits(headers))
        quota.wait()
        assert sum(slept) < 11, "an interval lasts ten seconds"

    @pytest.mark.parametrize("original", ['"usage":', '"limit":'])
    def test_room_for_properties_that_cannot_be_is_not_believed(
        self, ctx: Context, sandbox: Sandbox, original: str
    ) -> None:
        from connectors.errors import ConnectorError
        from connectors.hubspot.setup import room_of

        crm = Crm.all(sandbox)["hubspot"]
        client = ctx.connector("hubspot").client  # type: ignore[attr-defined]
        right = room_of(client)
        fault = crm.fault(r"GET .*/limits/", "alter", how=original, body=f"{original}-")
        assert room_of(client) == right
        fault.times = 10**6
        with pytest.raises(ConnectorError, match="contradicts itself"):
            room_of(client)


class TestCounting:
    @pytest.fixture
    def salesforce(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["salesforce"]

    @pytest.mark.parametrize("how", ["negative", "text", "absent", "nowhere", "onward"])
    def test_a_count_that_is_none_is_asked_for_once_more(
        self, ctx: Context, salesforce: Crm, how: str
    ) -> None:
        account = ctx.connector("salesforce")
        right = [visibility.visible for visibility in account.visibility()]
        count = r"GET .*/query/\?q=SELECT(\+|%20| )COUNT"
        fault = salesforce.fault(count, "contradict", how=how)
        assert [visibility.visible for visibility in account.visibility()] == right
        assert fault.hits == 1
        fault.times = 10**6
        with pytest.raises(UnavailableError, match=r"salesforce: .*contradicts itself"):
            account.visibility()

    def test_a_count_that_brings_records_is_not_believed(
        self, ctx: Context, salesforce: Crm
    ) -> None:
        rows = '"records":[{"Id":"003000000000001AAA"}]'
        fault = salesforce.fault(r"COUNT", "alter", how='"records":[]', body=rows, times=10**6)
        with pytest.raises(UnavailableError, match="contradicts itself"):
            ctx.connector("salesforce").visibility()
        assert fault.hits == 2

    @pytest.mark.parametrize("wrong", ["-5", '"many"', "null"])
    def test_the_orgs_count_of_all_records_is_asked_for_once_more(
        self, ctx: Context, salesforce: Crm, wrong: str
    ) -> None:
        account = ctx.connector("salesforce")
        right = [visibility.total for visibility in account.visibility()]
        how, body = '"count":', f'"count":{wrong},"a":'
        fault = salesforce.fault(r"/limits/recordCount", "alter", how=how, body=body)
        assert [visibility.total for visibility in account.visibility()] == right
        assert fault.hits == 1
        fault.times = 10**6
        with pytest.raises(UnavailableError, match="contradicts itself"):
            account.visibility()

    @pytest.mark.parametrize(("page", "size"), [(QUERY, 2000), (NEXT, 30)])
    def test_a_page_that_is_the_last_and_names_the_next_one_is_asked_for_once_more(
        self, ctx: Context, sandbox: Sandbox, salesforce: Crm, page: str, size: int
    ) -> None:
        account = ctx.connector("salesforce")
        sandbox.salesforce.page_limit = size
        fault = salesforce.fault(page, "contradict", how="onward")
        sandbox.salesforce.counters.clear()
        ids = [contact.id for read in account.read("Contact") for contact in read.contacts]
        assert ids == salesforce.ids()
        assert fault.hits == 1
        # What was asked for twice: the query, or its cursor (which has lapsed by then).
        assert sum(sandbox.salesforce.counters.values()) == (4 if page == NEXT else 2)


class TestAJobsResult:
    """Of Bulk API 2.0: `Sforce-NumberOfRecords` is the number of records in this part."""

    @pytest.fixture
    def org(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Crm:

        lower_limits(monkeypatch, salesforce_job_records=20, salesforce_job_page=7)
        sandbox.salesforce.page_limit = 5
        sandbox.salesforce.bulk.result_part = 6
        sandbox.salesforce.bulk.result_form = "none"
        return Crm.all(sandbox)["salesforce"]

    def read(self, connector: Connector) -> list[str]:
        return [contact.id for page in connector.read("Contact") for contact in page.contacts]

    def read_by_pages(self, connector: Connector, sandbox: Sandbox) -> None:
        """A job that cannot be believed is given up, and nobody is lost: the pages of queries are
        read, without another job."""
        sandbox.salesforce.counters.clear()
        assert len(self.read(connector)) == 48
        assert sum(n for call, n in sandbox.salesforce.counters.items() if "POST" in call) <= 2

    @pytest.fixture
    def connector(self, make_context: MakeContext) -> Connector:
        toml = "[connectors.salesforce]\nbulk_from = 40\n"
        return make_context(toml).connector("salesforce")

    @pytest.mark.parametrize(
        ("header", "value"), [("Sforce-NumberOfRecords", n) for n in ("7", "0", "-6", "some")]
    )
    def test_a_part_with_another_number_of_records_than_it_says_is_fetched_once_more(
        self, org: Crm, connector: Connector, sandbox: Sandbox, header: str, value: str
    ) -> None:
        fault = org.fault(r"GET .*/results", "header", how=header, body=value)
        assert len(self.read(connector)) == 48
        assert fault.hits == 1
        fault.times = 10**6
        self.read_by_pages(connector, sandbox)

    def test_records_of_several_lines_are_one_record_each(
        self, org: Crm, connector: Connector, sandbox: Sandbox
    ) -> None:
        salesforce = sandbox.salesforce.org
        for record in list(salesforce.tables["Contact"].after_id(None))[8:12]:
            salesforce.update("Contact", record["Id"], {"MailingCity": "a\nb\nc"})
        assert len(self.read(connector)) == 48

    def test_a_locator_that_stands_still_is_asked_for_once_more(
        self, org: Crm, connector: Connector, sandbox: Sandbox
    ) -> None:
        from sandbox.salesforce.bulk import _locator

        second = _locator(6, 12)
        fault = org.fault(
            rf"GET .*/results\?.*locator={second}", "header", how="Sforce-Locator", body=second
        )
        assert len(self.read(connector)) == 48
        assert fault.hits == 1
        fault.times = 10**6
        self.read_by_pages(connector, sandbox)

    @pytest.mark.parametrize("value", ["-20", '"twenty"', "null"])
    def test_a_job_that_does_not_say_how_many_it_processed_is_looked_at_once_more(
        self, org: Crm, connector: Connector, sandbox: Sandbox, value: str
    ) -> None:
        how, body = '"numberRecordsProcessed":20', f'"numberRecordsProcessed":{value}'
        fault = org.fault(r"GET .*/jobs/query/\w+$", "alter", how=how, body=body)
        assert len(self.read(connector)) == 48
        fault.times = 10**6
        self.read_by_pages(connector, sandbox)

    def test_a_job_that_finds_far_less_than_the_query_before_it_is_asked_for_once_more(
        self, org: Crm, connector: Connector, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Consistent with itself, and not with the count that made it: an index that was lost."""
        from sandbox.salesforce import bulk

        ordered, lost = bulk.ordered, [True]

        def nothing_at_first(*given: Any) -> Any:
            return ordered(*given)[:0] if lost.pop() else ordered(*given)

        def everything_lost(*given: Any) -> Any:
            return ordered(*given)[:0]

        lost = [*[False] * 9, True]
        monkeypatch.setattr(bulk, "ordered", nothing_at_first)
        assert len(self.read(connector)) == 48
        monkeypatch.setattr(bulk, "ordered", everything_lost)
        self.read_by_pages(connector, sandbox)
