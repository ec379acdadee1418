"""The contacts behind a figure: a list is what a plain filter over the same rows gives, in both
databases, whatever is asked for at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import lower_limits

from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.queries import contact_counts, contact_order
from worker.queries import contacts as listing
from worker.queries.contact_filter import BAD, STATUSES, ContactFilter, FilterError
from worker.segments import counters
from worker.store.bulk import insert
from worker.store.tables import (
    contact_numbers,
    contacts,
    failures,
    feedback,
    list_members,
    metadata,
    segment_counts,
    writes,
)

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
NUMBERS = ("+14155552671", "+14155552672", "+14155552673")
# A field and a source can be called anything, also what looks like a status in the stored text.
FIELDS = ("Phone", "invalid", 'x:"invalid"', "MobilePhone:")
Row = dict[str, Any]


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


def contact(connector: str, object_name: str, record_id: str, **fields: Any) -> Row:
    return {
        "connector": connector, "object": object_name, "record_id": record_id, "fingerprint": "",
        "statuses": {}, "last_seen_flags": {}, "reason": None, "source": "", "campaign": "",
        "country": "", "month": "", "person": "", "value": None, "content_hash": "",
        "fresh_until": None, "answers": None, "waiting": False, "readings": "", "checked_at": AT,
        **fields,
    }  # fmt: skip


def number_row(contact_row: Row, number: str, field: str = "Phone") -> Row:
    return {**key_of(contact_row), "field": field, "place": 0, "number": number, "extension": ""}


def key_of(contact_row: Row) -> Row:
    return {name: contact_row[name] for name in ("connector", "object", "record_id")}


def write_row(contact_row: Row, run: str, state: str, kind: str | None = None) -> Row:
    return {**key_of(contact_row), "run_id": run, "page_id": None, "before": {}, "after": {},
            "state": state, "kind": kind, "message": None, "at": AT}  # fmt: skip


def failure_row(contact_row: Row, kind: str) -> Row:
    return {**key_of(contact_row), "kind": kind, "message": "no", "retry": False, "attempts": 1,
            "run_id": "r1", "at": AT}  # fmt: skip


def report_row(ctx: Context, number: str, kind: str) -> Row:
    row: Row = {"key": f"{number}:{kind}", "kind": kind, "number": number}
    for column in feedback.c:
        if column.key in row or column.primary_key:
            continue
        if not column.nullable and column.default is None and column.server_default is None:
            row[column.key] = (
                ctx.now() if isinstance(column.type, type(contacts.c.checked_at.type)) else ""
            )
    return row


def store(ctx: Context, *rows: Row, **by_table: Sequence[Row]) -> None:
    tables = {table.name: table for table in metadata.sorted_tables}
    with ctx.store.write() as connection:
        insert(connection, contacts, rows)
        for name, others in by_table.items():
            for row in others:
                connection.execute(sa.insert(tables[name]).values(**row))


def keys(listed_contacts: Sequence[listing.ListedContact]) -> list[tuple[str, str, str]]:
    return [(listed.connector, listed.object, listed.id) for listed in listed_contacts]


def paged(ctx: Context, wanted: ContactFilter, sort: contact_order.Sort, size: int) -> list[Any]:
    """All pages, one after the other."""
    listed_contacts: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = listing.list_contacts(ctx, wanted, sort, after, size)
        assert len(page.contacts) <= size
        listed_contacts += page.contacts
        after = page.after
    return listed_contacts


# -- against a plain filter ---------------------------------------------------------------------

places = st.tuples(
    st.sampled_from([("hubspot", "contacts"), ("salesforce", "Contact"), ("salesforce", "Lead")]),
    st.integers(0, 9),
)
statuses = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(STATUSES), max_size=3)
sources = st.sampled_from(["", "Web", "Fair", 'a":true', "ä", "Z"])
bodies = st.fixed_dictionaries(
    {
        "statuses": statuses,
        "last_seen_flags": st.dictionaries(
            st.sampled_from(["wrong_number", "do_not_contact", "proposed"]),
            st.one_of(st.booleans(), st.just('x","wrong_number":true')),
        ),
        "source": sources,
        "country": st.sampled_from(["US", "DE"]),
        "waiting": st.booleans(),
        "checked_at": st.integers(0, 3).map(lambda n: AT + timedelta(days=n)),
    }
)
worlds = st.dictionaries(places, bodies, max_size=12)
filters = st.fixed_dictionaries(
    {},
    optional={
        "connector": st.sampled_from(["hubspot", "salesforce", "none"]),
        "object": st.sampled_from(["Contact", "Lead"]),
        "status": st.sampled_from([BAD, *STATUSES]),
        "segment": st.one_of(
            st.tuples(st.just("source"), sources),
            st.tuples(st.just("country"), st.just("US")),
            st.tuples(st.just("list"), st.just("L")),
        ),
        "failure": st.sampled_from(["any", "locked"]),
        "run": st.sampled_from([("r1", ""), ("r1", "written"), ("r1", "failed"), ("r2", "")]),
        "flag": st.sampled_from(["wrong_number", "do_not_contact"]),
        "number": st.sampled_from(NUMBERS),
        "report": st.just("opt_out"),
        "waiting": st.just(True),
    },
)
extras = st.lists(
    st.tuples(
        st.sampled_from(["member", "number", "written", "failed", "failure"]),
        st.integers(0, 30),
        st.integers(0, 2),
    ),
    max_size=15,
)


class TestAList:
    @settings(
        max_examples=20, deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip
    @given(worlds, extras, st.lists(filters, min_size=1, max_size=4),
           st.sampled_from(contact_order.SORTS), st.integers(1, 5))  # fmt: skip
    def test_is_what_a_plain_filter_over_the_rows_gives(
        self, ctx: Context, world: dict[Any, Row], picks: list[tuple[str, int, int]],
        asked: list[Row], sort: contact_order.Sort, size: int,
    ) -> None:  # fmt: skip
        rows, related = self.build(ctx, world, picks)
        for condition in asked:
            wanted = _filter_of(condition)
            expected = {
                tuple(key_of(row).values()) for row in rows if _matches(row, condition, related)
            }
            paged_contacts = paged(ctx, wanted, sort, size)
            assert sorted(keys(paged_contacts)) == sorted(expected), wanted
            assert [_rank(row, sort) for row in paged_contacts] == sorted(
                (_rank(row, sort) for row in paged_contacts), reverse=sort == "checked"
            )
            counted = contact_counts.count(ctx, wanted)
            assert (counted.contacts, counted.more) == (len(expected), False)
            if wanted.status:
                assert counted.fields == sum(
                    _fields_with(row, wanted.status) for row in paged_contacts
                )
            plan = contact_counts.look(ctx, wanted)
            by_object, more_of_them = contact_counts.count_by_object(ctx, plan)
            assert (sum(by_object.values()), more_of_them) == (len(expected), False)
            streamed = [
                listed for batch in listing.every_contact(ctx, wanted, 2) for listed in batch
            ]
            assert keys(streamed) == sorted(expected)

    @settings(
        max_examples=20, deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip
    @given(worlds, extras, st.lists(filters, min_size=1, max_size=4),
           st.sampled_from(contact_order.SORTS), st.integers(1, 5), st.integers(0, 3),
           st.integers(0, 3))  # fmt: skip
    def test_is_the_same_where_many_match(
        self, ctx: Context, world: dict[Any, Row], picks: list[tuple[str, int, int]],
        asked: list[Row], sort: contact_order.Sort, size: int, limit: int, few: int,
    ) -> None:  # fmt: skip
        """Beyond the limits contacts are looked for in other ways (see the module)."""
        rows, related = self.build(ctx, world, picks)
        with pytest.MonkeyPatch.context() as patch:
            lower_limits(patch, counted_contacts=limit, export_count=limit, few_rows=few)
            for condition in asked:
                wanted = _filter_of(condition)
                expected = {
                    tuple(key_of(row).values()) for row in rows if _matches(row, condition, related)
                }
                looked = contact_counts.look(ctx, wanted, limit)
                assert looked.count.contacts <= min(len(expected), limit)
                if not looked.count.more:
                    assert looked.count.contacts == len(expected)
                listed = paged(ctx, wanted, sort, size)
                assert sorted(keys(listed)) == sorted(expected), wanted
                if looked.by_key:
                    assert keys(listed) == sorted(expected)
                else:
                    assert [_rank(row, sort) for row in listed] == sorted(
                        (_rank(row, sort) for row in listed), reverse=sort == "checked"
                    )
                by_object, beyond = contact_counts.count_by_object(ctx, looked)
                assert sum(by_object.values()) <= len(expected)
                assert beyond or sum(by_object.values()) == len(expected)
                streamed = [row for batch in listing.every_contact(ctx, wanted, 2) for row in batch]
                assert keys(streamed) == sorted(expected)

    def build(
        self, ctx: Context, world: dict[Any, Row], picks: list[tuple[str, int, int]]
    ) -> tuple[list[Row], dict[str, list[Row]]]:
        """Store the rows; return them, and those of other tables."""
        rows = [contact(*place, f"{n:03}", **body) for (place, n), body in world.items()]
        related = _extras(rows, picks)
        with ctx.store.write() as connection:
            for table in (contacts, contact_numbers, list_members, writes, failures, feedback):
                connection.execute(sa.delete(table))
        store(ctx, *rows, **related, feedback=[report_row(ctx, NUMBERS[0], "opt_out")])
        return rows, related


def _extras(rows: list[Row], picks: list[tuple[str, int, int]]) -> dict[str, list[Row]]:
    by_table: dict[str, dict[str, Row]] = {
        name: {} for name in ("list_members", "contact_numbers", "writes", "failures")
    }
    for kind, place, which in picks if rows else ():
        contact_row = rows[place % len(rows)]
        row = {
            "member": ("list_members", {**key_of(contact_row), "list": "L"}),
            "number": ("contact_numbers", number_row(contact_row, NUMBERS[which], FIELDS[which])),
            "written": ("writes", write_row(contact_row, f"r{which}", "done")),
            "failed": ("writes", write_row(contact_row, f"r{which}", "failed", "locked")),
            "failure": ("failures", failure_row(contact_row, ("locked", "gone", "other")[which])),
        }[kind]
        distinct = (
            {**key_of(contact_row), "field": row[1].get("field")} if row[0] != "writes" else row[1]
        )
        by_table[row[0]][json.dumps(distinct, default=str)] = row[1]
    return {name: [*entries.values()] for name, entries in by_table.items()}


def _filter_of(asked: Row) -> ContactFilter:
    given = {name: value for name, value in asked.items() if name not in ("segment", "run")}
    by, value = asked.get("segment", ("", ""))
    run, part = asked.get("run", ("", ""))
    return ContactFilter(**given, by=by, value=value, run=run, part=part)


def _matches(row: Row, asked: Row, related: dict[str, list[Row]]) -> bool:
    def named(table: str, **values: Any) -> bool:
        return any(
            key_of(entry) == key_of(row)
            and all(entry[name] == value for name, value in values.items())
            for entry in related[table]
        )

    def failed() -> bool:
        kind = {} if asked["failure"] == "any" else {"kind": asked["failure"]}
        if "run" in asked:
            return named("writes", run_id=asked["run"][0], state="failed", **kind)
        return named("failures", **kind)

    def ran() -> bool:
        run, part = asked["run"]
        states = {"": ("done", "failed"), "written": ("done",), "failed": ("failed",)}[part]
        return any(named("writes", run_id=run, state=state) for state in states)

    tests: dict[str, Callable[[], bool]] = {
        "connector": lambda: row["connector"] == asked["connector"],
        "object": lambda: row["object"] == asked["object"],
        "status": lambda: bool(
            {*row["statuses"].values()}
            & ({*BAD_STATUSES} if asked["status"] == BAD else {asked["status"]})
        ),
        "segment": lambda: (
            named("list_members")
            if asked["segment"][0] == "list"
            else row[asked["segment"][0]] == asked["segment"][1]
        ),
        "failure": failed,
        "run": ran,
        "flag": lambda: row["last_seen_flags"].get(asked["flag"]) is True,
        "number": lambda: named("contact_numbers", number=asked["number"]),
        "report": lambda: named("contact_numbers", number=NUMBERS[0]),
        "waiting": lambda: row["waiting"],
    }
    return all(tests[name]() for name in asked)


def _rank(listed: listing.ListedContact, sort: contact_order.Sort) -> Any:
    if sort == "status":
        values = listed.statuses.values()
        return min((STATUSES.index(status) for status in values), default=len(STATUSES))
    # By a source within a connector the order is the database's own.
    return listed.connector if sort == "source" else listed.checked_at


def _fields_with(listed: listing.ListedContact, status: str) -> int:
    wanted = BAD_STATUSES if status == BAD else (status,)
    return sum(value in wanted for value in listed.statuses.values())


# -- what is special -----------------------------------------------------------------------------


class TestFigures:
    def test_of_a_segment_are_those_of_its_list(self, ctx: Context) -> None:
        """Each figure of the page of segments counts what its link lists."""
        rows = [
            contact("hubspot", "contacts", str(n), source="Fair" if n % 2 else "Web",
                    statuses={"phone": STATUSES[n % 6], "mobile": STATUSES[n % 5]})
            for n in range(40)
        ]  # fmt: skip
        numbers = [number_row(row, NUMBERS[n % 3]) for n, row in enumerate(rows)]
        store(
            ctx, *rows, contact_numbers=numbers, feedback=[report_row(ctx, NUMBERS[0], "opt_out")]
        )
        counters.count(ctx)
        with ctx.store.read() as connection:
            counted = connection.execute(
                sa.select(segment_counts).where(segment_counts.c.by == "source")
            ).all()
        assert {row.value for row in counted} == {"Fair", "Web"}
        for row in counted:
            segment = ContactFilter(connector="hubspot", by="source", value=row.value)
            assert contact_counts.count(ctx, segment).contacts == row.contacts

            def fields_of(status: str, value: str = row.value) -> int | None:
                wanted = ContactFilter(connector="hubspot", by="source", value=value, status=status)
                return contact_counts.count(ctx, wanted).fields

            assert fields_of(BAD) == row.bad
            assert {status: fields_of(status) for status in row.statuses} == row.statuses
            opted_out = ContactFilter(
                connector="hubspot", by="source", value=row.value, report="opt_out"
            )
            assert contact_counts.count(ctx, opted_out).contacts == row.reports["opt_out"] > 0


class TestARecordThatTheIndexLacks:
    def test_is_listed_by_its_failure_and_by_its_run(self, ctx: Context) -> None:
        gone = contact("salesforce", "Lead", "00Q1")
        there = contact("salesforce", "Contact", "0031", statuses={"Phone": "valid"})
        run = {"id": "r1", "connector": "salesforce", "kind": "sync", "scope": {}, "state": "done",
               "dry_run": False, "force": False, "opened_at": AT, "reading": [], "reader_calls": {},
               "own_writes": {}, "notes": []}  # fmt: skip
        store(
            ctx, there, runs=[run],
            failures=[failure_row(gone, "gone"), failure_row(there, "gone")],
            writes=[write_row(gone, "r1", "failed", "gone")],
        )  # fmt: skip
        for sort in contact_order.SORTS:
            page = listing.list_contacts(ctx, ContactFilter(failure="gone"), sort)
            assert [(row.id, row.known, row.failure) for row in page.contacts] == (
                [("0031", True, "gone"), ("00Q1", False, "gone")]
                if sort != "source" else [(row.id, row.known, "gone") for row in page.contacts]
            )  # fmt: skip
            assert {row.id for row in page.contacts} == {"0031", "00Q1"}
        (row,) = listing.list_contacts(ctx, ContactFilter(run="r1", part="failed")).contacts
        assert (row.id, row.known, row.checked_at) == ("00Q1", False, None)


class TestAReportOfARecordWithoutANumber:
    """Its opt-out names the contact, and the person, for there is no number to name."""

    def test_lists_the_contact_and_the_person_elsewhere(self, ctx: Context) -> None:
        there = contact("hubspot", "contacts", "1", source="Fair", person="kim")
        elsewhere = contact("salesforce", "Lead", "00Q1", source="Fair", person="kim")
        other = contact("hubspot", "contacts", "12", source="Fair", person="lee")
        named = {**report_row(ctx, "", "opt_out"), "contact": "hubspot/contacts/1"}
        known = {**report_row(ctx, "", "opt_out"), "key": "k2", "person": "kim"}
        store(ctx, there, elsewhere, other, feedback=[named, known])
        wanted = ContactFilter(report="opt_out")
        both = [tuple(key_of(row).values()) for row in (there, elsewhere)]
        assert keys(listing.list_contacts(ctx, wanted, "source").contacts) == both
        with pytest.MonkeyPatch.context() as patch:
            lower_limits(patch, counted_contacts=1, few_rows=0)
            assert keys(listing.list_contacts(ctx, wanted, "source").contacts) == both
        assert not listing.list_contacts(ctx, ContactFilter(report="complaint")).contacts
        counters.count(ctx)
        with ctx.store.read() as connection:
            counted = connection.execute(
                sa.select(segment_counts.c.connector, segment_counts.c.reports)
                .where(segment_counts.c.by == "source").order_by(segment_counts.c.connector)
            ).all()  # fmt: skip
        assert [tuple(row) for row in counted] == [
            ("hubspot", {"opt_out": 1}), ("salesforce", {"opt_out": 1})
        ]  # fmt: skip


class TestACount:
    def test_ends_at_a_limit(self, ctx: Context) -> None:
        store(ctx, *(contact("hubspot", "contacts", f"{n:03}") for n in range(30)))
        assert str(contact_counts.count(ctx, ContactFilter(), 10)) == "10+"
        assert str(contact_counts.count(ctx, ContactFilter(), 30)) == "30"

    def test_leaves_out_members_of_a_list_that_were_never_synced(self, ctx: Context) -> None:
        row = contact("hubspot", "contacts", "1")
        members = [{**key_of(row), "record_id": name, "list": "Fair"} for name in ("1", "2")]
        store(ctx, row, list_members=members)
        wanted = ContactFilter(by="list", value="Fair")
        assert contact_counts.count(ctx, wanted).contacts == 1
        assert len(listing.list_contacts(ctx, wanted).contacts) == 1


class TestAnExport:
    def test_counts_a_record_once_that_a_run_wrote_twice(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = contact("hubspot", "contacts", "1")
        store(ctx, row, writes=[write_row(row, "r1", "done"), write_row(row, "r1", "done")])
        lower_limits(monkeypatch, few_rows=1, export_count=1)  # the run names many
        looked = contact_counts.look(ctx, ContactFilter(run="r1"))
        assert looked.by_key
        counted, more = contact_counts.count_by_object(ctx, looked)
        assert counted == {("hubspot", "contacts"): 1}
        assert more  # rows than are read


class TestNothing:
    def test_is_explained_by_the_condition_that_leaves_it(self, ctx: Context) -> None:
        store(
            ctx, contact("hubspot", "contacts", "1", source="Fair", statuses={"p": "valid"}),
            contact("hubspot", "contacts", "2", source="Web", statuses={"p": "invalid"}),
        )  # fmt: skip
        wanted = ContactFilter(connector="hubspot", by="source", value="Fair", status="invalid")
        counts = {
            name: remaining.contacts
            for name, remaining in contact_counts.explain_empty(ctx, wanted)
        }
        assert counts == {"by": 1, "status": 1}
        wanted = ContactFilter(by="source", value="Fair", status="unreachable", flag="wrong_number")
        counts = {
            name: remaining.contacts
            for name, remaining in contact_counts.explain_empty(ctx, wanted)
        }
        assert counts == {"status": 0, "flag": 0}


class TestWhatIsNoFilter:
    @pytest.mark.parametrize(
        "given",
        [{"status": "good"}, {"by": "person"}, {"part": "all"}, {"flag": "proposed"},
         {"report": "confirmed"}],
    )  # fmt: skip
    def test_is_refused(self, given: Row) -> None:
        with pytest.raises(FilterError):
            ContactFilter(**given)

    @pytest.mark.parametrize("after", ["?", "e30", "W10", "WzEsMiwzLDRd", "é"])
    @pytest.mark.parametrize("sort", contact_order.SORTS)
    def test_nor_is_any_text_a_place_in_the_list(
        self, ctx: Context, after: str, sort: contact_order.Sort
    ) -> None:
        with pytest.raises(FilterError):
            listing.list_contacts(ctx, ContactFilter(), sort, after)
