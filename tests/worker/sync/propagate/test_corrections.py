"""A number that somebody gave as the right one is proposed, or written where policy says so."""

from __future__ import annotations

from collections.abc import Callable

from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from reports import contact_with_number, deliver_reports, store_report

from worker.context import Context


class TestACorrection:
    def test_is_proposed_beside_the_field_once_it_is_verified(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str], sync: Sync
    ) -> None:
        for crm in crms:
            record_id = contact_ids[crm.name]
            key = f"{crm.name}/{crm.object}/{record_id}"
            store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER, key=key)
        deliver_reports(ctx)
        for crm in crms:
            record_id = contact_ids[crm.name]
            assert crm.get(record_id, f"phone/{crm.phone}") == NUMBER
            assert crm.get(record_id, "proposed_phone") == OTHER
            assert crm.get(record_id, crm.status) == "wrong_number"
            crm.edit(record_id, {f"phone/{crm.phone}": OTHER})  # a person takes it over
            sync(ctx, crm.name)
            assert crm.get(record_id, crm.status) == "valid"
            assert crm.get(record_id, "proposed_phone") is None

    def test_to_a_number_that_does_not_exist_is_not_proposed(
        self, ctx: Context, crms: list[Crm], contact_ids: dict[str, str]
    ) -> None:
        crm = crms[0]
        key = f"{crm.name}/{crm.object}/{contact_ids[crm.name]}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number="+1415555")
        deliver_reports(ctx)
        assert crm.get(contact_ids[crm.name], "proposed_phone") is None

    def test_that_a_person_clears_is_not_proposed_again(
        self, ctx: Context, crm: Crm, contact_ids: dict[str, str], sync: Sync
    ) -> None:
        record_id = contact_ids[crm.name]
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER)
        deliver_reports(ctx)
        crm.edit(record_id, {"proposed_phone": ""})
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "proposed_phone") is None

    def test_replaces_the_number_where_policy_says_so(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context('[feedback]\ncorrections = "replace"')
        record_id = contact_with_number(ctx, crm, sync)
        key = f"{crm.name}/{crm.object}/{record_id}"
        store_report(ctx, "corrected", contact=key, scope="person", new_number=OTHER)
        deliver_reports(ctx)
        assert crm.get(record_id, f"phone/{crm.phone}") == OTHER
        assert crm.get(record_id, crm.status) == "valid"
        assert sync(ctx, crm.name, "everything")["contacts"]["changed"] == 0
