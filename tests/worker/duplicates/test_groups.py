"""Groups are found in the index, stored, compared by names, and listed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER, THIRD
from crms import Crm
from fixture_types import MakeContext, Sync
from reports import store_report

from worker.context import Context
from worker.duplicates import export, grouping, listing, names
from worker.duplicates.rules import Kind
from worker.segments import counters, isolation
from worker.store.bulk import insert
from worker.store.tables import (
    app_state,
    contact_numbers,
    contacts,
    duplicate_groups,
    duplicate_places,
    merged_records,
)
from worker.suppression import erasure, suppressions
from worker.sync.runs import crm_quota


def index(ctx: Context, number: str, *records: str, **fields: Any) -> None:
    """Put contacts with a number into the index, each as "CRM:ID:PERSON" or "CRM:ID:PERSON:EXT"."""
    rows, numbers = [], []
    for text in records:
        connector, record_id, person, extension = (*text.split(":"), "")[:4]
        key = {"connector": connector, "object": "contacts", "record_id": record_id}
        rows.append({
            **key, "fingerprint": "", "last_seen_flags": {}, "content_hash": "",
            "checked_at": ctx.now(), "statuses": {"phone": "valid"}, "waiting": False,
            "readings": "", "person": person, "source": "", "campaign": "", "country": "",
            "month": "", **fields,
        })  # fmt: skip
        numbers.append({**key, "field": "phone", "place": 0, "number": number,
                        "extension": extension})  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, contacts, rows)
        insert(connection, contact_numbers, numbers)


def kinds(ctx: Context, **asked: Any) -> list[tuple[str, Kind]]:
    """All groups, page by page of two."""
    found, after = [], ""
    while True:
        page = listing.list_groups(ctx, **asked, after=after, size=2)
        found += [(group.number, group.kind) for group in page.groups]
        if page.after is None:
            return found
        after = page.after
        assert "+" not in after
        assert "1415" not in after  # it stands in an address


@pytest.fixture
def either(make_context: MakeContext, either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


class TestFinding:
    def test_is_across_and_within_crms_and_paged_the_largest_first(self, either: Context) -> None:
        index(either, NUMBER, "hubspot:1:a", "salesforce:2:a")
        index(either, OTHER, "hubspot:3:a:1", "hubspot:4:b:2", "hubspot:5:c")
        index(either, THIRD, "salesforce:6:a", "salesforce:7:b")
        index(either, "+14155559999", "hubspot:8:a")
        with either.store.write() as connection:  # one contact, one number, two fields
            twice = {"connector": "hubspot", "object": "contacts", "record_id": "8", "place": 0,
                     "field": "mobilephone", "number": "+14155559999", "extension": ""}  # fmt: skip
            insert(connection, contact_numbers, [twice])
        grouping.count(either)
        of_all = [(OTHER, Kind.SWITCHBOARD), (THIRD, Kind.UNCLEAR), (NUMBER, Kind.SAME_PERSON)]
        assert kinds(either) == of_all
        assert kinds(either, connector="salesforce") == of_all[1:]
        assert kinds(either, connector="hubspot", kind=Kind.SAME_PERSON) == of_all[2:]
        assert kinds(either, kind=Kind.PLACEHOLDER) == []
        counted = listing.counts(either, "salesforce")
        assert {kind: number for kind, number in counted.items() if number} == {
            Kind.UNCLEAR: 1, Kind.SAME_PERSON: 1,
        }  # fmt: skip

    def test_writes_only_what_has_changed(self, either: Context) -> None:
        index(either, NUMBER, "hubspot:1:a", "hubspot:2:a")
        index(either, OTHER, "hubspot:3:a", "hubspot:4:b")
        assert grouping.count(either) == 2
        assert grouping.count(either) == 0
        index(either, NUMBER, "hubspot:5:b")
        assert grouping.count(either) == 1
        assert dict(kinds(either)) == {NUMBER: Kind.UNCLEAR, OTHER: Kind.UNCLEAR}
        with either.store.write() as connection:
            connection.execute(
                sa.delete(contact_numbers).where(contact_numbers.c.record_id.in_(("3", "5")))
            )
        grouping.count(either)
        assert kinds(either) == [(NUMBER, Kind.SAME_PERSON)]
        with either.store.read() as connection:
            places = connection.execute(sa.select(duplicate_places)).all()
        assert {row.number for row in places} == {NUMBER}

    def test_asks_no_crm_and_is_done_again_once_a_run_has_ended(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        before = crm.calls
        assert grouping.count_if_needed(ctx)
        listing.list_groups(ctx)
        assert not grouping.count_if_needed(ctx)
        assert crm.calls == before
        sync(ctx, crm.name)
        assert grouping.count_if_needed(ctx)

    def test_knows_isolated_sources_and_recorded_merges(self, ctx: Context) -> None:
        index(ctx, NUMBER, *(f"hubspot:{n}:p{n}" for n in range(12)), source="Purchased")
        index(ctx, OTHER, "hubspot:a:x", "hubspot:b:y")
        merge = {
            "key": "hubspot/contacts/a", "into_key": "hubspot/contacts/b", "state": "done",
            "person": "", "flags": {}, "numbers": [], "at": ctx.now(),
        }  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, merged_records, [merge])
        counters.count(ctx)
        isolation.isolate(ctx, "hubspot", "source", "Purchased", "bought")
        grouping.count(ctx)
        assert kinds(ctx) == [(NUMBER, Kind.PLACEHOLDER), (OTHER, Kind.SAME_PERSON)]

    def test_a_page_that_is_no_page_of_ours_is_refused(self, ctx: Context) -> None:
        with pytest.raises(listing.CursorError):
            listing.list_groups(ctx, after="2/+14155552671")


NINE, PLAIN = "+5491123456789", "+541123456789"  # one Argentine mobile
TODAY, BEFORE = "+2250707123456", "+22507123456"  # Ivory Coast, before and since 2021


class TestForms:
    """A line that is written in two ways, or whose numbering plan has changed, is one group."""

    @pytest.mark.parametrize(("first", "second"), [(NINE, PLAIN), (TODAY, BEFORE)])
    def test_of_one_line_are_one_group_and_the_evidence_says_so(
        self, either: Context, first: str, second: str
    ) -> None:
        index(either, first, "hubspot:1:a", "hubspot:2:a")
        index(either, second, "salesforce:3:a", "salesforce:4:a")
        assert grouping.count(either) == 1
        assert grouping.count(either) == 0
        for connector in ("", "hubspot", "salesforce"):
            assert kinds(either, connector=connector) == [(first, Kind.SAME_PERSON)]
        group = of_one(either)
        assert (group.total, len(group.records), group.stale) == (4, 4, False)
        assert group.connectors == ("hubspot", "salesforce")
        assert [rule for rule, _, _ in group.evidence] == ["same_email", "forms"]
        assert "2 forms of the number that are one line" in group.evidence[1][2]
        assert ("Argentina" in group.evidence[1][2]) == (first == NINE)
        assert listing.counts(either)[Kind.SAME_PERSON] == 1
        # Reading their names takes as many as the group has, in whatever form.
        by_object = {("hubspot", "contacts"): 2, ("salesforce", "contacts"): 2}
        assert listing.contacts_by_object(either) == by_object
        rows = list(export.rows(either))[1:]
        assert {row[0] for row in rows} == {first}
        assert len(rows) == 4

    @pytest.mark.parametrize(("first", "second"), [(NINE, PLAIN), (TODAY, BEFORE)])
    def test_that_each_stand_once_are_found(
        self, either: Context, first: str, second: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(grouping, "_READ_AT_ONCE", 2)
        for place in range(5):  # others of the country, of which there is one form each
            index(either, f"+54114321000{place}", f"hubspot:{place}:a")
            index(either, f"+22501010000{place}0", f"salesforce:{place}:a")
        index(either, second, "hubspot:x:a")
        index(either, first, "hubspot:y:b")
        grouping.count(either)
        assert kinds(either) == [(first, Kind.UNCLEAR)]
        assert grouping.count(either) == 0

    def test_of_which_contacts_have_one_keep_its_name(self, ctx: Context) -> None:
        """Nobody typed the 9: it may be a landline."""
        index(ctx, PLAIN, "hubspot:1:a", "hubspot:2:a")
        grouping.count(ctx)
        group = of_one(ctx)
        assert (group.number, [rule for rule, _, _ in group.evidence]) == (PLAIN, ["same_email"])
        index(ctx, NINE, "hubspot:3:a")
        assert of_one(ctx).stale
        grouping.count(ctx)
        assert kinds(ctx) == [(NINE, Kind.SAME_PERSON)]
        with ctx.store.read() as connection:
            tables = [connection.scalars(sa.select(table.c.number)).all()
                      for table in (duplicate_groups, duplicate_places)]  # fmt: skip
        assert {number for numbers in tables for number in numbers} == {NINE}

    def test_in_two_fields_of_one_contact_are_no_group(self, ctx: Context) -> None:
        index(ctx, PLAIN, "hubspot:1:a")
        with ctx.store.write() as connection:
            own = {"connector": "hubspot", "object": "contacts", "record_id": "1", "place": 0,
                   "field": "mobilephone", "number": NINE, "extension": ""}  # fmt: skip
            insert(connection, contact_numbers, [own])
        grouping.count(ctx)
        assert kinds(ctx) == []

    def test_that_are_many_are_one_group_of_which_some_are_shown(self, ctx: Context) -> None:
        index(ctx, NINE, *(f"hubspot:{place}:p{place}" for place in range(70)))
        index(ctx, PLAIN, *(f"salesforce:{place}:p{place}" for place in range(70)))
        grouping.count(ctx)
        group = of_one(ctx)
        assert (group.number, group.total, len(group.records)) == (NINE, 140, listing.SHOWN)

    @pytest.mark.parametrize("said_of", [NINE, PLAIN])
    def test_have_the_strictest_consent_of_either(self, ctx: Context, said_of: str) -> None:
        index(ctx, NINE, "hubspot:1:a")
        index(ctx, PLAIN, "hubspot:2:a")
        grouping.count(ctx)
        store_report(ctx, "opt_out", number=said_of)
        store_report(ctx, "wrong_number", number=said_of)
        (proposal,) = of_one(ctx).proposals
        assert {"do_not_contact", "wrong_number"} <= set(proposal.flags)
        assert proposal.wrong == (NINE,)  # once

    def test_are_erased_together(self, ctx: Context) -> None:
        index(ctx, NINE, "hubspot:1:a")
        index(ctx, PLAIN, "hubspot:2:a")
        grouping.count(ctx)
        erasure.erase_number(ctx, PLAIN, "kim")
        assert kinds(ctx) == []
        grouping.count(ctx)
        assert kinds(ctx) == []

    def test_take_no_more_statements_for_a_page(self, ctx: Context) -> None:
        index(ctx, NUMBER, "hubspot:1:a", "hubspot:2:a")
        grouping.count(ctx)
        statements(ctx)  # the first use of a new key takes some
        before = statements(ctx)
        index(ctx, NINE, "hubspot:3:a", "hubspot:4:a")
        index(ctx, PLAIN, "hubspot:5:a")
        index(ctx, TODAY, "hubspot:6:a")
        index(ctx, BEFORE, "hubspot:7:a")
        grouping.count(ctx)
        assert len(listing.list_groups(ctx).groups) == 3
        assert statements(ctx) == before


def statements(ctx: Context) -> int:
    """Count the statements that a page of groups takes."""
    made = []

    def note(*args: Any) -> None:
        made.append(args[2])

    sa.event.listen(ctx.store.engine, "before_cursor_execute", note)
    try:
        listing.list_groups(ctx)
    finally:
        sa.event.remove(ctx.store.engine, "before_cursor_execute", note)
    return len(made)


class TestErasure:
    def test_removes_the_group_of_a_number(self, ctx: Context) -> None:
        index(ctx, NUMBER, "hubspot:1:a", "hubspot:2:a")
        grouping.count(ctx)
        erasure.erase_number(ctx, NUMBER, "kim")
        with ctx.store.read() as connection:
            left = [connection.execute(sa.select(table)).all()
                    for table in (duplicate_groups, duplicate_places)]  # fmt: skip
        assert left == [[], []]

    def test_while_groups_are_counted_brings_none_back(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index(ctx, NUMBER, "hubspot:1:a", "hubspot:2:a")
        store = grouping._store

        def erased_meanwhile(*args: Any) -> int:
            erasure.erase_number(ctx, NUMBER, "kim")
            return store(*args)

        monkeypatch.setattr(grouping, "_store", erased_meanwhile)
        grouping.count(ctx)
        with ctx.store.read() as connection:
            brought_back = [connection.execute(sa.select(table)).all()
                            for table in (duplicate_groups, duplicate_places)]  # fmt: skip
        assert brought_back == [[], []]


def of_one(ctx: Context) -> listing.ListedGroup:
    (group,) = listing.list_groups(ctx).groups
    return group


class TestConsent:
    """The trap: a STOP or a wrong number on a number that is shared."""

    @pytest.fixture
    def one_person(self, ctx: Context) -> Context:
        index(ctx, NUMBER, "hubspot:1:a", "hubspot:2:a")
        grouping.count(ctx)
        return ctx

    def test_of_a_stop_by_any_of_them_is_proposed_for_the_merged_record(
        self, one_person: Context
    ) -> None:
        store_report(one_person, "opt_out", contact="hubspot/contacts/2", scope="contact")
        (proposal,) = of_one(one_person).proposals
        assert proposal.keep.id == "2"
        assert "do_not_contact" in proposal.missing

    def test_is_not_loosened_by_an_opt_in_or_confirmation_of_another_record(
        self, one_person: Context
    ) -> None:
        """What was agreed to on one record is that record's. The other one's STOP and wrong number
        go along."""
        here, there = "hubspot/contacts/1", "hubspot/contacts/2"
        at = one_person.now()
        store_report(one_person, "opt_out", contact=there, scope="contact", at=at)
        store_report(one_person, "wrong_number", contact=there, scope="contact", at=at)
        for kind in ("opt_in", "confirmed"):
            store_report(one_person, kind, contact=here, scope="contact",
                         at=at + timedelta(seconds=1))  # fmt: skip
        (proposal,) = of_one(one_person).proposals
        assert {"do_not_contact", "wrong_number"} <= set(proposal.flags)
        assert proposal.wrong == (NUMBER,)

    def test_knows_flags_that_stand_in_the_crm_alone(self, ctx: Context) -> None:
        index(ctx, NUMBER, "hubspot:1:a", last_seen_flags={"do_not_text": True})
        index(ctx, NUMBER, "hubspot:2:a")
        grouping.count(ctx)
        (proposal,) = of_one(ctx).proposals
        assert (proposal.keep.id, proposal.flags, proposal.missing) == ("1", ("do_not_text",), ())

    def test_knows_what_stands_against_another_number_of_theirs(self, ctx: Context) -> None:
        index(ctx, NUMBER, "hubspot:1:a", "hubspot:2:a")
        with ctx.store.write() as connection:
            own = {"connector": "hubspot", "object": "contacts", "record_id": "2", "place": 0,
                   "field": "mobilephone", "number": OTHER, "extension": ""}  # fmt: skip
            insert(connection, contact_numbers, [own])
        suppressions.add(ctx, OTHER, "complaint", "", "wrote to us", "kim")
        grouping.count(ctx)
        (proposal,) = of_one(ctx).proposals
        assert "do_not_contact" in proposal.flags

    def test_is_shown_for_groups_that_are_not_merged_too(self, ctx: Context) -> None:
        index(ctx, NUMBER, "hubspot:1:a", "salesforce:2:b")
        store_report(ctx, "opt_out", channels="text")
        grouping.count(ctx)
        group = of_one(ctx)
        assert (group.kind, group.proposals) == (Kind.UNCLEAR, ())
        assert "do_not_text" in group.consent.flags

    def test_nothing_is_proposed_where_a_contact_came_since_the_count(
        self, one_person: Context
    ) -> None:
        index(one_person, NUMBER, "hubspot:3:b")
        group = of_one(one_person)
        assert (group.proposals, group.stale) == ((), True)
        assert "changed since they were counted" in group.advice


class TestNames:
    @pytest.fixture
    def family(self, ctx: Context, crm: Crm, sync: Sync) -> list[str]:
        """Two contacts with one number and one last name; their ids."""
        ids = crm.ids()[:2]
        first, last = (
            ("FirstName", "LastName") if crm.name == "salesforce" else ("firstname", "lastname")
        )
        for record_id, name in zip(ids, ("Kim", "Sam"), strict=True):
            email = {"Email" if crm.name == "salesforce" else "email": f"{name}@example.com"}
            crm.act(record_id, {"set": {first: name, last: "Quill", crm.phone: NUMBER, **email}})
        sync(ctx, crm.name)
        grouping.count(ctx)
        return ids

    def compare(self, ctx: Context) -> names.Comparison:
        return names.compare(ctx, listing.find_groups(ctx, [NUMBER]))

    def test_tell_a_family_are_counted_and_not_stored(
        self, ctx: Context, crm: Crm, family: list[str]
    ) -> None:
        assert listing.find_groups(ctx, [NUMBER])[0].kind == Kind.UNCLEAR
        (group,) = self.compare(ctx).groups
        assert (group.kind, group.rule) == (Kind.FAMILY, "same_last_name")
        assert crm_quota.calls_outside_runs(ctx, crm.name) >= 1
        with ctx.store.read() as connection:
            stored = str([connection.execute(sa.select(table)).all()
                          for table in (duplicate_groups, app_state)])  # fmt: skip
        assert "quill" not in stored.casefold()

    def test_count_until_the_contacts_change_or_they_are_old(
        self, ctx: Context, crm: Crm, family: list[str]
    ) -> None:
        self.compare(ctx)
        grouping.count(ctx)
        assert dict(kinds(ctx))[NUMBER] == Kind.FAMILY
        assert NUMBER in dict(kinds(ctx, kind=Kind.FAMILY, connector=crm.name))
        advance_clock(ctx, days=31)
        grouping.count(ctx)
        assert dict(kinds(ctx))[NUMBER] == Kind.UNCLEAR

    def test_of_some_decide_nothing_about_the_others(
        self, ctx: Context, crm: Crm, family: list[str]
    ) -> None:
        crm.hide(family[1:])
        (group,) = self.compare(ctx).groups
        assert (group.kind, group.compared_at) == (Kind.UNCLEAR, None)

    def test_read_before_the_contacts_changed_are_not_kept(
        self, ctx: Context, family: list[str]
    ) -> None:
        with ctx.store.read() as connection:
            group = grouping.load_groups(connection, [NUMBER])[NUMBER]
        around = grouping.look_around(ctx, [group])
        facts = grouping.facts_about(ctx, group, around)
        index(ctx, NUMBER, "hubspot:new:b")
        grouping.count(ctx)
        grouping.store_comparison(
            ctx, group, facts, names.rules.classify(facts), ctx.now()
        )  # fmt: skip
        assert listing.find_groups(ctx, [NUMBER])[0].compared_at is None


class TestPlans:
    def test_a_page_is_read_by_an_index_in_its_order(self, ctx: Context) -> None:
        p = duplicate_places.c
        query = sa.select(p.contacts, p.number).where(p.connector == "", p.kind == "unclear")
        query = query.order_by(p.contacts.desc(), p.number.desc()).limit(26)
        text = str(query.compile(ctx.store.engine, compile_kwargs={"literal_binds": True}))
        with ctx.store.read() as connection:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
        assert "ix_duplicate_places_kind" in plan
        assert "TEMP B-TREE" not in plan
