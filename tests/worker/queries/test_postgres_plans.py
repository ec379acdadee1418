"""Which indexes lead PostgreSQL to what a page shows.

PostgreSQL chooses by how many rows it takes to be there, so these plans are of a database as
`bench.pages` fills it, only smaller, and of limits that are smaller in the same measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from limits import lower_limits

from bench.big_database import FIRST_RUN, fill, settle
from tests.conftest import postgres
from worker.context import Context
from worker.queries import contact_counts, contact_order
from worker.queries import contacts as listing
from worker.queries.contact_filter import ContactFilter

CONTACTS = 20_000
FIRST = FIRST_RUN.format(half=0)

Step = dict[str, Any]


@pytest.fixture(scope="module")
def large_database(postgres_template: str) -> Iterator[str]:
    """A database of its own, filled once for all tests."""
    for url in postgres(postgres_template):
        fill(url, CONTACTS, 0.05)
        settle(url)
        yield url


@pytest.fixture
def large(
    make_context: Callable[..., Context], large_database: str, monkeypatch: pytest.MonkeyPatch
) -> Context:
    lower_limits(monkeypatch, few_rows=100, export_count=2000)
    return make_context(DATABASE_URL=large_database)


@contextmanager
def steps(ctx: Context) -> Iterator[list[Step]]:
    """Collect the steps of the plan of each query, with what was set for them. Were parallel
    workers allowed, they would be had for nothing here, as on large tables they nearly are."""
    queries: list[tuple[str, Any]] = []

    def seen(_connection: Any, _cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            queries.append((statement, given))

    of_plans: list[Step] = []
    sa.event.listen(ctx.store.engine, "before_cursor_execute", seen)
    try:
        yield of_plans
    finally:
        sa.event.remove(ctx.store.engine, "before_cursor_execute", seen)
    with ctx.store.snapshot() as connection:
        for name in ("min_parallel_table_scan_size", "min_parallel_index_scan_size",
                     "parallel_setup_cost", "parallel_tuple_cost"):  # fmt: skip
            connection.exec_driver_sql(f"SET LOCAL {name} = 0")
        for statement, given in queries:
            if "set_config" in statement:
                connection.exec_driver_sql(statement, given)
                continue
            explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", given)
            of_plans += _flat(explained.scalar_one()[0]["Plan"])


def _flat(plan: Step) -> Iterator[Step]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _flat(part)


def indexes(of_plans: list[Step], table: str) -> set[str]:
    """Return the indexes by which a table is read; "" where all of it is."""
    reads = [step for step in of_plans if step.get("Relation Name") == table]
    return {step.get("Index Name", "") for step in reads if step["Node Type"] != "Bitmap Heap Scan"}


class TestAReport:
    @pytest.mark.parametrize("sort", contact_order.SORTS)
    def test_leads_to_those_who_hold_its_number_and_not_through_all_numbers(
        self, large: Context, sort: contact_order.Sort
    ) -> None:
        wanted = ContactFilter(report="complaint")
        with steps(large) as of_plans:
            plan = contact_counts.look(large, wanted)
            assert listing.list_contacts(large, wanted, sort, plan=plan).contacts
        assert "" not in indexes(of_plans, "contact_numbers")
        assert "" not in indexes(of_plans, "feedback")
        assert "" not in indexes(of_plans, "contacts")

    def test_is_counted_by_one_reading(self, large: Context) -> None:
        with steps(large) as of_plans:
            assert str(contact_counts.count(large, ContactFilter(report="opt_out"), 100)) == "100+"
        by_kind = [step for step in of_plans if step.get("Index Name") == "ix_feedback_kind"]
        assert len(by_kind) == 1


class TestAnExport:
    def test_of_the_bad_is_counted_and_read_by_their_own_index(self, large: Context) -> None:
        wanted = ContactFilter(status="bad")
        looked = contact_counts.look(large, wanted, 100)
        assert not looked.few
        with steps(large) as of_plans:
            counted, more = contact_counts.count_by_object(large, looked)
            next(listing.every_contact(large, wanted, 50))
        assert (sum(counted.values()), more) == (2001, True)
        reads = indexes(of_plans, "contacts") - {"pk_contacts"}
        assert reads >= {"ix_contacts_bad"}
        assert "" not in reads

    def test_of_a_run_is_counted_by_the_runs_index_and_sorts_nothing(self, large: Context) -> None:
        looked = contact_counts.look(large, ContactFilter(run=FIRST))
        assert looked.by_key
        with steps(large) as of_plans:
            counted, more = contact_counts.count_by_object(large, looked)
        assert (sum(counted.values()), more) == (2001, True)
        assert indexes(of_plans, "writes") == {"ix_writes_run_id_state"}
        assert not [step for step in of_plans if "Sort" in step["Node Type"]]


def test_a_page_starts_no_processes_for_the_few_rows_it_needs(large: Context) -> None:
    filters = (
        ContactFilter(report="opt_out"), ContactFilter(status="valid"),
        ContactFilter(report="opt_out", status="bad"), ContactFilter(run=FIRST),
    )  # fmt: skip
    for wanted in filters:
        with steps(large) as of_plans:
            looked = contact_counts.look(large, wanted, 100)
            listing.list_contacts(large, wanted, "source", plan=looked)
            contact_counts.count_by_object(large, looked)
        assert not [step for step in of_plans if "Gather" in step["Node Type"]], wanted
