"""Reading and writing what is large through Bulk API 2.0, with the real client and over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from crms import Crm
from limits import lower_limits
from msgspec.structs import replace

from config import stopping
from connectors.errors import ConnectorError, QuotaError, SchemaChangedError, UnavailableError
from connectors.protocol import Connector
from connectors.records import Contact, Update
from sandbox.run import Sandbox
from sandbox.service import Fault

LARGE = "[connectors.salesforce]\nbulk_from = 1\n"


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Jobs of 20 records, parts of 7, pages of 3: what large orgs have, in small."""
    lower_limits(
        monkeypatch,
        salesforce_query_page=2000,
        salesforce_job_records=20,
        salesforce_job_page=3,
        salesforce_job_writes=2,
        bulk_first_poll=0.01,
    )
    sandbox.salesforce.bulk.result_part = 7
    sandbox.salesforce.bulk.seconds = 0.02
    sandbox.salesforce.page_limit = 5  # the first page comes by REST and tells how many there are


@pytest.fixture
def open_connector(open_salesforce: Callable[..., Connector]) -> Callable[..., Connector]:
    return lambda toml=LARGE, **env: open_salesforce(toml, **env)


def contact_facts(contacts: list[Contact]) -> list[tuple[Contact, datetime | None]]:
    """All that they say. A moment has another spelling in a job's result than in a query's."""
    return [(replace(contact, modified=""), contact.modified_at) for contact in contacts]


def read_by_rest(open_connector: Callable[..., Connector]) -> list[Contact]:
    connector = open_connector("[connectors.salesforce]\nbulk_from = 0\n")
    return [c for page in connector.read("Contact") for c in page.contacts]


def routes(sandbox: Sandbox) -> dict[str, int]:
    return {
        route.replace("/services/data/{version}", ""): count
        for route, count in sandbox.salesforce.counters.items()
    }


def count_calls(sandbox: Sandbox, part: str) -> int:
    return sum(count for route, count in routes(sandbox).items() if part in route)


class TestReading:
    def test_jobs_bring_the_same_contacts_as_queries(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = read_by_rest(open_connector)
        sandbox.salesforce.counters.clear()
        contacts = [c for page in open_connector().read("Contact") for c in page.contacts]
        assert contact_facts(contacts) == contact_facts(expected)
        assert len(contacts) == 48
        assert count_calls(sandbox, "POST /jobs/query") == 3, "43 after the first page, 20 a job"
        assert count_calls(sandbox, "GET /{kind}") == 1

    @pytest.mark.parametrize("version", ["62.0", "50.0"])
    def test_a_read_goes_on_from_any_page_in_another_process(
        self, open_connector: Callable[..., Connector], version: str
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        pages = list(open_connector(SALESFORCE_API_VERSION=version).read("Contact"))
        read: list[str] = []
        for page in pages:
            read += [c.id for c in page.contacts]
            if page.cursor is None:
                break
            other = open_connector(SALESFORCE_API_VERSION=version)
            rest = [c.id for p in other.read("Contact", cursor=page.cursor) for c in p.contacts]
            assert read + rest == expected
        assert read == expected

    def test_going_on_takes_no_new_job_while_the_old_one_is_kept(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        page = list(open_connector().read("Contact"))[2]
        sandbox.salesforce.counters.clear()
        next(iter(open_connector().read("Contact", cursor=page.cursor)))
        assert count_calls(sandbox, "POST /jobs/query") == 0

    def test_a_job_that_was_deleted_meanwhile_costs_nothing_but_a_new_one(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        pages = list(open_connector().read("Contact"))[:3]
        sandbox.salesforce.bulk.jobs.clear()
        read = [c.id for page in pages for c in page.contacts]
        read += [
            c.id
            for p in open_connector().read("Contact", cursor=pages[-1].cursor)
            for c in p.contacts
        ]
        assert read == expected

    @pytest.mark.parametrize("version", ["62.0", "50.0"])
    def test_a_broken_download_is_fetched_again(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, version: str
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        sandbox.salesforce.faults.append(Fault(r"/results\?", "truncate", nth=2, times=2))
        read = open_connector(SALESFORCE_API_VERSION=version).read("Contact")
        assert [c.id for page in read for c in page.contacts] == expected

    @pytest.mark.parametrize(
        ("result", "problem"),
        [
            (b'"Id","Phone"\n' + b'"003000000000001AAA"\n' * 20, "another number of cells than"),
            (b"<html>\n<p>Bad gateway</p>\n</html>\n", "its head names no Id"),
            (b"<html>Bad gateway</html>", "its head names no Id"),
            (b"", "has 20 records, and its result brought 0"),
        ],
    )
    def test_a_result_of_another_form_is_told_and_passes_for_nothing(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        result: bytes,
        problem: str,
    ) -> None:
        """What a full read does not bring counts as deleted: an answer that is none must not be
        taken for an empty one."""
        fault = Fault(r"/results", "status", status=200, body=result, times=99)
        sandbox.salesforce.faults.append(fault)
        with pytest.raises(ConnectorError, match=problem):
            list(open_connector().read("Contact"))

    @pytest.mark.parametrize(
        ("form", "chained"),
        [
            ("resultPages", True), ("resultPages", False), ("resultChunks", True),
            ("resultChunks", False), ("unknown", True), ("none", True),  # else nothing names them
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("answer_most", [0, 3])
    def test_every_record_comes_in_whatever_form_the_parts_are_listed(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, form: str, chained: bool,
        answer_most: int,
    ) -> None:  # fmt: skip
        """`answer_most`: an answer holds less than the part that its link names."""
        expected = [c.id for c in read_by_rest(open_connector)]
        bulk = sandbox.salesforce.bulk
        bulk.result_part = 2  # more parts than one list names
        bulk.result_form, bulk.parts_are_chained, bulk.answer_most = form, chained, answer_most
        ids = [c.id for page in open_connector().read("Contact") for c in page.contacts]
        assert ids == expected

    def test_a_part_larger_than_we_would_ask_for_is_read_to_its_end(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        """Where the org cuts an answer short within a part, the rest of that part counts too."""
        sandbox.salesforce.bulk.result_part = 100
        sandbox.salesforce.bulk.answer_most = 6
        assert len([c for p in open_connector().read("Contact") for c in p.contacts]) == 48

    @pytest.mark.parametrize("version", ["62.0", "50.0"])
    @pytest.mark.parametrize("lacking", [1, 7, 20])
    def test_a_result_with_fewer_records_than_the_job_says_is_refused_before_any_is_used(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, lacking: int, version: str
    ) -> None:
        sandbox.salesforce.bulk.short_by = lacking
        pages = open_connector(SALESFORCE_API_VERSION=version).read("Contact")
        assert len(next(pages).contacts) == 5, "the first page comes by REST"
        with pytest.raises(UnavailableError, match=rf"has 20 records, .* brought {20 - lacking};"):
            next(pages)

    def test_line_breaks_in_values_are_no_records(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        """Lines are counted first: as many records as lines are missing must not make up for it."""
        org = sandbox.salesforce.org
        for record in list(org.tables["Contact"].after_id(None))[8:12]:
            org.update("Contact", record["Id"], {"MailingCity": "a\nb", "OtherPhone": "1\n2"})
        assert len([c for p in open_connector().read("Contact") for c in p.contacts]) == 48
        sandbox.salesforce.bulk.short_by = 4
        with pytest.raises(UnavailableError, match="brought 16"):
            list(open_connector().read("Contact"))

    def test_records_out_of_order_are_refused(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A read goes on by id, so what comes out of order would be left out later."""
        from sandbox.salesforce import bulk

        ordered = bulk.ordered
        monkeypatch.setattr(bulk, "ordered", lambda *given: ordered(*given)[::-1])
        with pytest.raises(ConnectorError, match="order of their ids"):
            list(open_connector().read("Contact"))

    def test_a_locator_that_comes_round_again_is_refused(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.bulk.result_form = "none"
        body = b'"Id"\n"003000000000001AAA"\n'
        for call, following in (("=AAAA", "BBBB"), ("=BBBB", "AAAA"), ("", "AAAA")):
            headers = {"Sforce-Locator": following, "Content-Type": "text/csv"}
            fault = Fault(
                rf"/results.*{call}$", "status", status=200, body=body, headers=headers, times=99
            )
            sandbox.salesforce.faults.append(fault)
        with pytest.raises(ConnectorError, match="AAAA comes round again"):
            list(open_connector().read("Contact"))

    def test_a_session_that_ends_while_parts_are_fetched_is_renewed_once(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        connector = open_connector()
        sandbox.salesforce.bulk.result_part = 2  # many parts, several at the same time
        act = {"object": "Contact", "id": "", "expire_sessions": True}
        sandbox.salesforce.faults.append(Fault(r"/results\?", "act", nth=3, action=act))
        sandbox.salesforce.faults.append(Fault(r"/results\?", "delay", times=99, seconds=0.05))
        sandbox.salesforce.counters.clear()
        assert [c.id for p in connector.read("Contact") for c in p.contacts] == expected
        assert count_calls(sandbox, "oauth2/token") == 1, "one login for all threads"

    def test_a_query_that_takes_too_long_is_asked_in_pieces(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        lower_limits(monkeypatch, salesforce_slices=(30, 10, 4))
        sandbox.salesforce.queries.query_most = 12
        assert [c.id for c in read_by_rest(open_connector)] == expected

    def test_what_is_too_much_for_the_rest_api_goes_by_a_job(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        connector = open_connector()
        sandbox.salesforce.queries.query_most = 1
        assert [c.id for p in connector.read("Contact") for c in p.contacts] == expected

    @pytest.mark.parametrize("code", ["EXCEEDED_QUOTA", "OPERATION_TOO_LARGE", "QUERY_TIMEOUT"])
    def test_jobs_that_the_org_has_no_room_for_are_made_up_for_by_queries(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox, code: str
    ) -> None:
        expected = [c.id for c in read_by_rest(open_connector)]
        body = [{"errorCode": code, "message": "not now"}]
        sandbox.salesforce.faults.append(
            Fault("POST .*/jobs/query", "status", status=400, body=body)
        )
        assert [c.id for p in open_connector().read("Contact") for c in p.contacts] == expected

    def test_odd_text_comes_as_it_was_typed(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        org = sandbox.salesforce.org
        target = read_by_rest(open_connector)[-1].id
        typed = ' "+44 20", 7946\nÄ☎ '
        org.update("Contact", target, {"Phone": typed, "MobilePhone": None})
        (contact,) = [
            c for page in open_connector().read("Contact") for c in page.contacts if c.id == target
        ]
        assert contact.phones["Phone"] == typed
        assert contact.phones["MobilePhone"] == ""

    def test_an_org_that_does_no_jobs_today_is_read_by_queries(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = read_by_rest(open_connector)
        sandbox.salesforce.bulk.query_jobs_left = 1
        contacts = [c for page in open_connector().read("Contact") for c in page.contacts]
        assert contact_facts(contacts) == contact_facts(expected)

    def test_a_job_that_fails_is_made_up_for_by_queries(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        expected = read_by_rest(open_connector)
        sandbox.salesforce.bulk.fail_next = "InternalServerError : Retried more than 15 times"
        assert [c for page in open_connector().read("Contact") for c in page.contacts] == expected

    def test_a_field_that_went_away_is_said(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        pages = open_connector().read("Contact")
        next(pages)
        del sandbox.salesforce.org.schema["Contact"][1]["Phone_Status__c"]
        with pytest.raises(SchemaChangedError, match="Phone_Status__c"):
            list(pages)

    def test_who_reads_is_told_that_it_waits(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.bulk.seconds = 0.2
        waited: list[None] = []
        list(open_connector().read("Contact", heartbeat=lambda: waited.append(None)))
        assert len(waited) > 5

    def test_a_job_is_looked_at_when_the_one_before_it_was_done(
        self,
        open_connector: Callable[..., Connector],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        lower_limits(monkeypatch, bulk_first_poll=0.2)
        sandbox.salesforce.bulk.seconds = 0.5
        looks: list[int] = []
        for _page in open_connector().read("Contact"):
            looks.append(routes(sandbox).get("GET /jobs/query/{id}", 0) - sum(looks))
        jobs = [count for count in looks if count]
        assert len(jobs) > 1
        assert jobs[0] >= 3, "nothing is known of the first"
        assert max(jobs[1:]) <= 2

    def test_where_numbers_are_rewritten_in_place_nothing_is_read_by_jobs(
        self, open_connector: Callable[..., Connector], sandbox: Sandbox
    ) -> None:
        list(open_connector(LARGE + "[policy]\nnormalize = true\n").read("Contact"))
        assert count_calls(sandbox, "/jobs/") == 0


def status(record_id: str, value: str | None) -> Update:
    return Update("Contact", record_id, {"status/Phone": value})


class TestWriting:
    @pytest.fixture
    def connector(self, open_connector: Callable[..., Connector]) -> Connector:
        return open_connector()

    @pytest.fixture
    def ids(self, sandbox: Sandbox) -> list[str]:
        return [r["Id"] for r in sandbox.salesforce.org.tables["Contact"].after_id(None)]

    def current_record(self, sandbox: Sandbox, record_id: str) -> dict[str, Any]:
        return sandbox.salesforce.org.tables["Contact"].get(record_id) or {}

    def test_a_job_writes_what_it_is_told_and_leaves_the_rest(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        org = sandbox.salesforce.org
        before = self.current_record(sandbox, ids[2])["Phone"]
        org.update("Contact", ids[1], {"Phone_Status__c": "valid", "Wrong_Number__c": True})
        results = connector.write(
            [
                Update("Contact", ids[0], {"status/Phone": "valid", "wrong_number": True}),
                Update("Contact", ids[1], {"status/Phone": None, "wrong_number": False}),
                Update("Contact", ids[2], {"reason": 'Said "no",\nso: no.'}),
            ]
        )
        assert [(r.id, r.ok) for r in results] == [(record_id, True) for record_id in ids[:3]]
        first, second, third = (self.current_record(sandbox, record_id) for record_id in ids[:3])
        assert (first["Phone_Status__c"], first["Wrong_Number__c"]) == ("valid", True)
        assert (second["Phone_Status__c"], second["Wrong_Number__c"]) == (None, False)
        assert third["Phone_Hygiene_Reason__c"] == 'Said "no",\nso: no.'
        assert third.get("Phone") == before
        assert count_calls(sandbox, "composite") == 0

    def test_what_is_refused_is_told_apart(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        sandbox.salesforce.org.locks[ids[1]] = 1
        sandbox.salesforce.org.refusals[ids[2]] = "Title: must not be empty"
        sandbox.salesforce.org.delete("Contact", ids[3])
        sandbox.salesforce.org.read_only.add(ids[5])
        updates = [
            *(status(record_id, "valid") for record_id in ids[:4]),
            status(ids[4], "no such status"),
            status(ids[5], "valid"),
            status("003000000000000AAA", "valid"),
        ]
        by_id = {r.id: (r.kind, r.fields, r.message) for r in connector.write(updates)}
        assert by_id[ids[0]] == (None, (), "")
        assert by_id[ids[1]][0] == "locked"
        assert by_id[ids[2]][0] == "validation"
        assert "Title: must not be empty" in by_id[ids[2]][2]
        assert by_id[ids[3]][0] == "gone"
        assert by_id[ids[4]][:2] == ("picklist_value", ("status/Phone",))
        assert by_id[ids[5]][0] == "access"
        assert by_id["003000000000000AAA"][0] == "gone"

    def test_what_a_failed_job_did_not_get_at_is_written_all_the_same(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        bulk = sandbox.salesforce.bulk
        bulk.fail_next, bulk.fail_after = "InternalServerError : retried", 3
        results = connector.write([status(record_id, "valid") for record_id in ids[:8]])
        assert all(result.ok for result in results)
        assert [
            self.current_record(sandbox, record_id)["Phone_Status__c"] for record_id in ids[:8]
        ] == ["valid"] * 8

    def test_a_text_that_would_clear_the_field_in_a_job_is_written_as_it_is(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        updates = [Update("Contact", record_id, {"phone/Phone": "#N/A"}) for record_id in ids[:1]]
        results = connector.write([*updates, status(ids[1], "valid"), status(ids[2], "valid")])
        assert all(result.ok for result in results)
        assert self.current_record(sandbox, ids[0])["Phone"] == "#N/A"

    @pytest.mark.parametrize(
        "lost", [r"POST .*/jobs/ingest", r"PUT .*/batches", r"PATCH .*/jobs/ingest", r"/failedRes"]
    )
    def test_a_lost_answer_neither_fails_nor_writes_twice(
        self, connector: Connector, sandbox: Sandbox, ids: list[str], lost: str
    ) -> None:
        sandbox.salesforce.faults.append(Fault(lost, "drop_after"))
        sandbox.salesforce.org.refusals[ids[0]] = "no"
        results = connector.write([status(record_id, "valid") for record_id in ids[:4]])
        assert [result.ok for result in results] == [False, True, True, True]
        done = [j for j in sandbox.salesforce.bulk.jobs.values() if j.state == "JobComplete"]
        assert len(done) == 1

    def test_a_field_that_went_away_is_said_and_nothing_is_written(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        del sandbox.salesforce.org.schema["Contact"][1]["Best_Phone__c"]
        updates = [
            Update("Contact", record_id, {"best_phone": "+442079460000"}) for record_id in ids[:3]
        ]
        with pytest.raises(SchemaChangedError, match="Best_Phone__c"):
            connector.write(updates)

    def test_few_updates_take_one_call(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        connector.write([status(ids[0], "valid")])
        assert count_calls(sandbox, "/jobs/") == 0
        assert count_calls(sandbox, "composite") == 1

    def test_many_updates_take_few_calls(
        self, connector: Connector, sandbox: Sandbox, ids: list[str]
    ) -> None:
        before = connector.calls["write"]
        connector.write([status(record_id, "valid") for record_id in ids])
        assert connector.calls["write"] - before <= 7

    def test_a_job_that_never_ends_is_given_up(
        self, connector: Connector, sandbox: Sandbox, ids: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        lower_limits(monkeypatch, bulk_patience=0.1)
        sandbox.salesforce.bulk.seconds = 60
        with pytest.raises(UnavailableError, match="Bulk Data Load Jobs"):
            connector.write([status(record_id, "valid") for record_id in ids[:3]])

    def test_a_job_that_nobody_waits_for_any_more_writes_nothing_later(
        self, connector: Connector, sandbox: Sandbox, ids: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        sandbox.salesforce.bulk.seconds = 60

        def told_to_stop(_seconds: float) -> None:
            raise stopping.Stopped

        monkeypatch.setattr(stopping, "sleep", told_to_stop)
        with pytest.raises(stopping.Stopped):
            connector.write([status(record_id, "valid") for record_id in ids[:3]])
        assert [job.state for job in sandbox.salesforce.bulk.jobs.values()] == ["Aborted"]

    def test_a_job_that_cannot_be_aborted_is_told(
        self, connector: Connector, sandbox: Sandbox, ids: list[str],
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        lower_limits(monkeypatch, bulk_patience=0.1)
        sandbox.salesforce.bulk.seconds = 60
        sandbox.salesforce.faults.append(Fault("PATCH .*/jobs/ingest", "status", nth=2, times=99))
        with pytest.raises(UnavailableError, match="Bulk Data Load Jobs"):
            connector.write([status(record_id, "valid") for record_id in ids[:3]])
        assert "could not be aborted and may still write" in caplog.text


def test_the_reserve_of_the_days_calls_holds_for_jobs_too(
    open_connector: Callable[..., Connector], sandbox: Sandbox
) -> None:
    connector = open_connector()
    sandbox.salesforce.daily_limit = sandbox.salesforce.used + 8
    with pytest.raises(QuotaError):
        list(connector.read("Contact"))


class TestRuns:
    def test_a_sync_by_jobs_ends_as_one_by_queries_and_a_second_writes_nothing(
        self, make_context: Callable[..., Any], sync: Callable[..., dict[str, Any]],
        sandbox: Sandbox,
    ) -> None:  # fmt: skip
        ctx = make_context(LARGE)
        crm = Crm.all(sandbox)["salesforce"]
        first = sync(ctx, "salesforce")
        assert first["contacts"]["read"] == 60
        assert crm.all_checked()
        assert count_calls(sandbox, "POST /jobs/ingest") > 0
        sandbox.salesforce.counters.clear()
        again = sync(ctx, "salesforce", "everything")
        assert again["contacts"]["written"] == 0
        assert count_calls(sandbox, "POST /jobs/ingest") == count_calls(sandbox, "composite") == 0

    def test_an_edit_after_the_job_and_before_the_write_is_seen_by_the_next_run(
        self, make_context: Callable[..., Any], sync: Callable[..., dict[str, Any]],
        sandbox: Sandbox,
    ) -> None:  # fmt: skip
        ctx = make_context(LARGE)
        crm = Crm.all(sandbox)["salesforce"]
        target = crm.ids()[-1]
        crm.meanwhile(r"POST .*/jobs/ingest", target, crm.edited({"phone/Phone": "n/a"}))
        sync(ctx, "salesforce")
        sync(ctx, "salesforce")
        assert crm.get(target, "phone/Phone") == "n/a"
        assert crm.get(target, "status/Phone") == "invalid"
