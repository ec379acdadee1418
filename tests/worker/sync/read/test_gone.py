"""Contacts that went away: the number index forgets them, by increments and by full reads."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync
from limits import lower_limits

from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import contact_numbers, contacts
from worker.sync.read.change_detection import IdRange


def indexed_ids(ctx: Context, table: sa.Table = contacts) -> set[str]:
    with ctx.store.read() as connection:
        return set(connection.scalars(sa.select(table.c.record_id)))


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    """Ids are compared by the database: on both kinds."""
    return make_context(DATABASE_URL=either_database_url)


class TestAFullRead:
    @pytest.mark.parametrize("place", [0, 20, -1])
    def test_forgets_whoever_is_not_there_any_more(
        self, ctx: Context, crm: Crm, sync: Sync, place: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        lower_limits(monkeypatch, hubspot_list_page=7)
        sync(ctx, crm.name)
        ids = crm.ids()
        gone = {ids[place], ids[place - 1], ids[30]}
        # Gone without a trace, as after the recycle bin was emptied, or access was taken away.
        table = (crm.service.org.tables["Contact"] if crm.name == "salesforce"
                 else crm.service.portal.table)  # fmt: skip
        for record_id in gone:
            del table.by_id[table.key(record_id)]
        before = indexed_ids(ctx)
        result = sync(ctx, crm.name, "everything")
        assert before - indexed_ids(ctx) == gone
        assert result["contacts"]["gone"] == len(gone)
        assert not indexed_ids(ctx, contact_numbers) & gone
        assert sync(ctx, crm.name, "everything")["contacts"]["gone"] == 0

    def test_a_dry_one_forgets_nobody(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        before = indexed_ids(ctx)
        crm.act(crm.ids()[3], {"delete": True})
        sync(ctx, crm.name, "everything", dry_run=True)
        assert indexed_ids(ctx) == before


class TestAnIncrement:
    def test_of_salesforce_forgets_deleted_merged_and_converted_records(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        deleted, loser, winner = crm.ids()[:3]
        lead = next(sandbox.salesforce.org.tables["Lead"].after_id(None))["Id"]
        before = indexed_ids(ctx)
        crm.act(deleted, {"delete": True})
        crm.act(loser, {"merge_into": winner})
        sandbox.salesforce.act("Lead", lead, {"convert": crm.ids()[5]})
        result = sync(ctx, "salesforce")
        assert before - indexed_ids(ctx) == {deleted, loser, lead}
        assert result["contacts"]["gone"] == 3

    def test_of_salesforce_finds_a_record_that_was_undeleted(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, "salesforce")
        target = crm.ids()[0]
        crm.act(target, {"delete": True})
        sync(ctx, "salesforce")
        assert target not in indexed_ids(ctx)
        time.sleep(1.2)  # CRMs' clocks are known by the second
        crm.act(target, {"undelete": True})
        sync(ctx, "salesforce")
        assert target in indexed_ids(ctx)

    def test_of_hubspot_forgets_contacts_that_were_merged(
        self, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        """Both ids go, and a third one comes."""
        crm = Crm.all(sandbox)["hubspot"]
        sync(ctx, "hubspot")
        loser, winner = crm.ids()[:2]
        before = indexed_ids(ctx)
        crm.act(loser, {"merge_into": winner})
        sync(ctx, "hubspot", "everything")
        assert before - indexed_ids(ctx) == {loser, winner}
        assert len(indexed_ids(ctx) - before) == 1


class TestSpans:
    """Ids count up: a longer one comes after a shorter one, whatever their first digits are."""

    @pytest.mark.parametrize("after", ["", "5", "9", "10", "99", "100"])
    @pytest.mark.parametrize("until", ["9", "10", "25", "100", "101", None])
    def test_they_hold_what_lies_between(self, ctx: Context, after: str, until: str | None) -> None:
        ids = ["1", "5", "6", "9", "10", "11", "25", "99", "100", "101", "250"]
        row = {
            "connector": "x", "object": "y", "fingerprint": "", "statuses": {},
            "last_seen_flags": {},
            "checked_at": ctx.now(), "waiting": False,
        }  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.delete(contacts))
            rows = [{**row, "record_id": record_id} for record_id in ids]
            connection.execute(sa.insert(contacts), rows)
            query = sa.select(contacts.c.record_id).where(
                IdRange(after, until).covers(contacts.c.record_id)
            )
            selected = set(connection.scalars(query))
        low, high = int(after or 0), int(until) if until else 10**9
        assert selected == {record_id for record_id in ids if low < int(record_id) <= high}
