"""Imported lists flag who is on them, and are lifted entry by entry."""

from __future__ import annotations

import sqlalchemy as sa
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports, report_kinds, store_report

from worker.context import Context
from worker.store.tables import suppressions
from worker.suppression import imported_lists
from worker.suppression import suppressions as suppress


class TestAList:
    def test_flags_those_who_are_on_it_and_those_who_come_later(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        done = imported_lists.import_list(ctx, [NUMBER, OTHER], "national registry", "call")
        assert (done.added, done.held) == (2, 1)
        deliver_reports(ctx)
        for crm in crms:
            assert crm.get(contact_ids[crm.name], "do_not_call") is True
            assert not crm.get(contact_ids[crm.name], "do_not_contact")
            later = crm.ids()[4]
            crm.edit(later, {f"phone/{crm.phone}": OTHER})
            sync(ctx, crm.name)
            assert crm.get(later, "do_not_call") is True

    def test_of_one_channel_says_nothing_of_the_other_whatever_it_is_called(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "no sms", "text")
        deliver_reports(ctx)
        for crm in crms:
            assert crm.get(contact_ids[crm.name], "do_not_text") is True
            assert not crm.get(contact_ids[crm.name], "do_not_call")

    def test_with_a_long_name_loses_no_number(self, ctx: Context) -> None:
        numbers = [f"+1415555{n}" for n in range(2000, 2020)]
        assert imported_lists.import_list(ctx, numbers, "a list " * 40).added == 20
        assert len(suppress.list_suppressions(ctx)) == 20

    def test_that_is_imported_again_adds_nothing(
        self, ctx: Context, contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        again = imported_lists.import_list(ctx, [NUMBER, OTHER], "a list")
        assert (again.added, again.known) == (1, 1)
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) == 2

    def test_loses_a_number_by_an_opt_in(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        store_report(ctx, "opt_in")
        deliver_reports(ctx)
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)
        assert suppress.list_suppressions(ctx, NUMBER) == []


class TestAnEntryOfAListThatAnAdminLifts:
    """The list was wrong about the number; nobody has said that they want to be contacted."""

    def test_leaves_the_persons_own_stop(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        store_report(ctx, "opt_out")
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        (entry,) = suppress.list_suppressions(ctx, NUMBER, reason="list")
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        deliver_reports(ctx)
        assert [suppression.reason for suppression in suppress.list_suppressions(ctx, NUMBER)] == [
            "opt_out"
        ]
        for crm in crms:
            sync(ctx, crm.name, "everything")
            assert crm.get(contact_ids[crm.name], "do_not_contact") is True

    def test_leaves_other_lists(self, ctx: Context) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        imported_lists.import_list(ctx, [NUMBER], "another list", "call")
        entry = suppress.list_suppressions(ctx, NUMBER, reason="list")[0]
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        deliver_reports(ctx)
        assert [suppression.source for suppression in suppress.list_suppressions(ctx, NUMBER)] == [
            "another list"
        ]

    def test_is_lifted_in_the_crms_and_no_report_is_made_of_it(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        deliver_reports(ctx)
        (entry,) = suppress.list_suppressions(ctx, NUMBER)
        lifted = suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        assert (lifted.lifted_by, lifted.lifted_why) == ("an admin", "the wrong file")
        deliver_reports(ctx)
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)
        assert report_kinds(ctx) == []

    def test_stays_lifted_by_later_reports_and_by_the_same_list(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "a list")
        (entry,) = suppress.list_suppressions(ctx, NUMBER)
        suppress.lift(ctx, entry.id, "an admin", "the wrong file")
        store_report(ctx, "confirmed")
        deliver_reports(ctx)
        assert imported_lists.import_list(ctx, [NUMBER], "a list").known == 1
        deliver_reports(ctx)
        assert suppress.list_suppressions(ctx, NUMBER) == []
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms)
