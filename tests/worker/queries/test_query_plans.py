"""What a page reads of a large database: each query is led by an index to the few rows it needs.

SQLite knows nothing of how rare a value is, and takes any index as good as another; where a query
begins wrongly, it reads a million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from limits import lower_limits

from worker.context import Context
from worker.queries import contact_counts, contact_order, contact_plan, first_steps, waiting
from worker.queries import contacts as listing
from worker.queries.contact_filter import ContactFilter
from worker.store.bulk import insert
from worker.store.tables import (
    PAGES_PARKED,
    contact_numbers,
    contacts,
    deliveries,
    feedback,
    pages,
    runs,
)
from worker.sync.runs import lifecycle

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
CONNECTORS = ("hubspot", "salesforce")


def run_row(run_id: str, connector: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": run_id, "connector": connector, "kind": "sync", "scope": {"kind": "changed"},
        "state": "done", "dry_run": False, "force": False, "opened_at": AT, "reading": [],
        "reader_calls": {}, "own_writes": {}, "notes": [], **fields,
    }  # fmt: skip


@pytest.fixture
def either(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def filled(ctx: Context) -> Context:
    """SQLite with a contact and a run in each CRM: what there is of either is looked up first."""
    some = {
        "fingerprint": "", "last_seen_flags": {}, "content_hash": "", "checked_at": AT,
        "statuses": {"p": "valid"}, "waiting": False, "readings": "", "person": "",
        "source": "", "campaign": "", "country": "", "month": "",
    }  # fmt: skip
    rows = [
        {"connector": name, "object": "Contact", "record_id": "1", **some} for name in CONNECTORS
    ]
    with ctx.store.write() as connection:
        insert(connection, contacts, rows)
        insert(connection, runs, [run_row(f"of {name}", name) for name in CONNECTORS])
    return ctx


@contextmanager
def plans(ctx: Context) -> Iterator[list[str]]:
    """Collect the plan of each query of SQLite, a line a step."""
    queries: list[tuple[str, Any]] = []

    def seen(_connection: Any, _cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            queries.append((statement, given))

    steps: list[str] = []
    sa.event.listen(ctx.store.engine, "before_cursor_execute", seen)
    try:
        yield steps
    finally:
        sa.event.remove(ctx.store.engine, "before_cursor_execute", seen)
    with ctx.store.read() as connection:
        for statement, given in queries:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            steps += [row[-1] for row in explained]


def read_of(steps: list[str], table: str) -> set[str]:
    """Return the ways in which a table is read."""
    return {step for step in steps if step.startswith((f"SCAN {table}", f"SEARCH {table}"))}


LISTS = (
    (ContactFilter(number="+14155552671"), "contact_numbers",
     "ix_contact_numbers_number (number=?)"),
    (ContactFilter(number="+14155552671", connector="hubspot"), "contact_numbers",
     "ix_contact_numbers_number (number=?)"),
    (ContactFilter(run="of hubspot"), "writes", "ix_writes_run_id_state (run_id=? AND state=?)"),
    (ContactFilter(run="of hubspot", part="failed", connector="hubspot"), "writes",
     "ix_writes_run_id_state (run_id=? AND state=?)"),
    (ContactFilter(run="gone", part="failed", failure="locked", connector="hubspot"), "writes",
     "ix_writes_run_id_state (run_id=? AND state=?)"),
)  # fmt: skip


@pytest.mark.parametrize(("wanted", "table", "index"), LISTS)
def test_a_list_of_what_another_table_names_begins_with_the_rows_that_are_meant(
    filled: Context, wanted: ContactFilter, table: str, index: str
) -> None:
    with plans(filled) as steps:
        listing.list_contacts(filled, wanted)
    ways = read_of(steps, table)
    assert ways
    assert all(index in way for way in ways), ways


OWN = (
    (ContactFilter(waiting=True), "ix_contacts_waiting"),
    (ContactFilter(waiting=True, by="country", value="US"), "ix_contacts_waiting"),
    (ContactFilter(status="wrong_number", by="country", value="US"), "ix_contacts_wrong_number"),
    (ContactFilter(status="bad", by="campaign", value=""), "ix_contacts_bad"),
    (
        ContactFilter(flag="do_not_call", by="month", value="2026-01"),
        "ix_contacts_flag_do_not_call",
    ),
)


@pytest.mark.parametrize(("wanted", "index"), OWN)
def test_a_list_by_a_rare_property_begins_with_it_and_not_with_a_large_segment(
    filled: Context, wanted: ContactFilter, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower_limits(monkeypatch, few_rows=-1, segment_rows=-1)  # each segment is a large one
    with plans(filled) as steps:
        assert contact_counts.look(filled, wanted).count.contacts == 0
    reads = {way for way in read_of(steps, "contacts") if "COVERING" not in way}
    assert reads == {f"SEARCH contacts USING INDEX {index} (connector=?)"}


def test_reports_without_a_number_are_found_by_whom_they_name(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk through a CRM asks for each contact; such reports may be thousands."""
    lower_limits(monkeypatch, few_rows=-1)
    with plans(filled) as steps:
        listing.list_contacts(filled, ContactFilter(report="opt_out"))
    assert {
        "SEARCH feedback USING INDEX ix_feedback_contact (contact=?)",
        "SEARCH feedback USING INDEX ix_feedback_person (person=?)",
    } <= read_of(steps, "feedback")


def test_reports_are_read_once_to_count_and_once_to_list_them_for_all_crms(filled: Context) -> None:
    number = "+14155552671"
    report = {
        "key": "a", "kind": "complaint", "channels": "call text", "number": number, "contact": "",
        "person": "", "reach": "number", "source": "api", "evidence": "", "at": AT,
        "received_at": AT, "applied_at": AT,
    }  # fmt: skip
    held = {"object": "Contact", "record_id": "1", "field": "p", "place": 0, "number": number,
            "extension": ""}  # fmt: skip
    with filled.store.write() as connection:
        insert(connection, feedback, [report])
        insert(connection, contact_numbers, [{"connector": name, **held} for name in CONNECTORS])
    wanted = ContactFilter(report="complaint")
    for sort in contact_order.SORTS:
        with plans(filled) as steps:
            plan = contact_counts.look(filled, wanted)
            page = listing.list_contacts(filled, wanted, sort, plan=plan, size=1)
        assert plan.count.contacts == 2
        assert [contact.connector for contact in page.contacts] == ["hubspot"]
        by_kind = "SEARCH feedback USING COVERING INDEX ix_feedback_kind (kind=?)"
        assert steps.count(by_kind) == 2  # to count, and to list
        assert page.after is not None
        rest = listing.list_contacts(filled, wanted, sort, page.after, 1)
        assert [contact.connector for contact in rest.contacts] == ["salesforce"]


def test_a_crm_with_few_reported_contacts_is_not_walked_through(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are reported, but in the other CRM."""
    report = {
        "kind": "opt_out", "channels": "call text", "number": "", "contact": "", "person": "",
        "reach": "number", "source": "api", "evidence": "", "at": AT, "received_at": AT,
        "applied_at": AT,
    }  # fmt: skip
    names = [f"{number}" for number in range(2, 6)]
    row = {"connector": "hubspot", "object": "Contact", "fingerprint": "", "checked_at": AT,
           "last_seen_flags": {}, "content_hash": "", "statuses": {}, "waiting": False,
           "readings": "", "person": "", "source": "", "campaign": "", "country": "",
           "month": ""}  # fmt: skip
    with filled.store.write() as connection:
        insert(connection, contacts, [row | {"record_id": name} for name in names])
        insert(connection, feedback, [
            report | {"key": name, "contact": f"hubspot/Contact/{name}"} for name in names
        ])  # fmt: skip
    lower_limits(monkeypatch, few_rows=2)
    with plans(filled) as steps:
        found = listing.list_contacts(filled, ContactFilter(report="opt_out")).contacts
    assert [contact.id for contact in found] == names
    walks = [step for step in steps if "ix_contacts_connector_checked_at" in step]
    assert len(walks) == 1


def test_a_list_begins_with_a_segment_that_is_smaller_than_its_status(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has few contacts: that which has fewer is read."""
    change = sa.update(contacts).values(statuses={"p": "invalid"})
    with filled.store.write() as connection:
        connection.execute(change)  # two are invalid, and one of them is of a campaign
        connection.execute(change.where(contacts.c.connector == "hubspot").values(campaign="Fair"))
    lower_limits(monkeypatch, few_rows=0)
    plan = contact_counts.look(filled, ContactFilter(status="invalid", by="campaign", value="Fair"))
    assert (plan.count.contacts, plan.by_segment) == (1, True)
    with filled.store.write() as connection:
        connection.execute(change.where(contacts.c.connector == "hubspot").values(
            statuses={"p": "valid"}))  # fmt: skip
        connection.execute(sa.update(contacts).values(campaign="Fair"))
    plan = contact_counts.look(filled, ContactFilter(status="invalid", by="campaign", value="Fair"))
    assert (plan.count.contacts, plan.by_segment) == (1, False)


def test_a_list_of_nothing_is_not_looked_for_twice(filled: Context) -> None:
    wanted = ContactFilter(flag="do_not_call")
    found = contact_counts.look(filled, wanted)
    with plans(filled) as steps:
        assert listing.list_contacts(filled, wanted, plan=found).contacts == []
    assert steps == []


def test_a_run_has_no_contacts_of_another_crm(filled: Context) -> None:
    wanted = ContactFilter(run="of hubspot", connector="salesforce")
    with plans(filled) as steps:
        assert contact_counts.look(filled, wanted).count == contact_plan.Count(0, False)
        assert listing.list_contacts(filled, wanted).contacts == []
    assert not read_of(steps, "writes")


class TestTheFewAmongAllRuns:
    def test_that_are_under_way_are_found_in_order(self, filled: Context) -> None:
        rows = [
            run_row("later", "hubspot", state="running", opened_at=AT + timedelta(hours=1)),
            run_row("earlier", "salesforce", state="running"),
            run_row("paused", "salesforce", state="paused"),
        ]
        with filled.store.write() as connection:
            insert(connection, runs, rows)
        with plans(filled) as steps:
            assert [run.id for run in lifecycle.active(filled)] == ["earlier", "later"]
        assert read_of(steps, "runs") == {"SCAN runs USING INDEX ix_runs_under_way"}

    def test_that_the_first_steps_ask_for_are_found(self, filled: Context) -> None:
        assert first_steps.has_synced(filled)
        with plans(filled) as steps:
            first_steps.steps(filled)
        assert "SCAN runs USING INDEX ix_runs_dry_run" in steps
        assert not [step for step in read_of(steps, "runs") if step == "SCAN runs"]

    def test_and_pages_that_are_parked_are_found(self, filled: Context) -> None:
        query = sa.select(sa.func.count()).where(PAGES_PARKED, pages.c.stored_at > AT)
        with plans(filled) as steps, filled.store.read() as connection:
            connection.scalar(query)
        (way,) = read_of(steps, "pages")
        assert "ix_pages_parked (stored_at>?)" in way


class TestReportsThatWait:
    def test_are_counted_for_each_crm_with_the_oldest_of_them(self, either: Context) -> None:
        def delivery(cause: str, connector: str, state: str, hours: int) -> dict[str, Any]:
            since = AT + timedelta(hours=hours)
            return {"cause": cause, "connector": connector, "number": "+14155552671",
                    "state": state, "since": since, "retry_at": since}  # fmt: skip

        with either.store.write() as connection:
            insert(connection, deliveries, [
                delivery("a", "hubspot", "done", 0), delivery("b", "hubspot", "done", 1),
                delivery("a", "salesforce", "done", 0), delivery("b", "salesforce", "pending", 3),
                delivery("c", "salesforce", "pending", 2),
            ])  # fmt: skip
        with either.store.read() as connection:
            assert waiting.reports_by_connector(connection, ("hubspot", "salesforce")) == [
                ("salesforce", 2, AT + timedelta(hours=2))
            ]

    def test_are_found_among_all_that_were_delivered(self, filled: Context) -> None:
        with filled.store.write() as connection:
            insert(connection, deliveries, [
                {"cause": name, "connector": name, "number": "+14155552671", "state": "done",
                 "since": AT, "retry_at": AT} for name in CONNECTORS
            ])  # fmt: skip
        with plans(filled) as steps, filled.store.read() as connection:
            waiting.reports_by_connector(connection, CONNECTORS)
        index = "SEARCH deliveries USING INDEX ix_deliveries_connector_state"
        assert read_of(steps, "deliveries") == {f"{index} (connector=? AND state=?)"}
