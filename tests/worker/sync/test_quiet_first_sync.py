"""A quiet first sync writes only what is bad or flagged, so that workflows enrol few; records with
nothing wrong stay as they were until their numbers change or the setting is turned off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import Feedback
from worker.sync.runs.scope import Scope

QUIET = "[policy]\nquiet_first_sync = true\n"
GOOD, OTHER, BAD = "+44 20 7219 3000", "+44 20 7219 4272", "12"


@pytest.fixture
def quiet_ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(QUIET)


@pytest.fixture
def people(crm: Crm) -> dict[str, str]:
    """A contact of each sort, all others emptied of their phones."""
    phones = [p for p in ("Phone", "MobilePhone", "HomePhone", "OtherPhone", "phone", "mobilephone")
              if p in next(iter(crm.records().values()))]  # fmt: skip
    named = dict(zip(("good", "bad", "mixed", "flagged", "late"), crm.ids(), strict=False))
    for record_id in crm.ids():
        crm.act(record_id, {"set": dict.fromkeys(phones, "")})
    crm.edit(named["good"], {f"phone/{crm.phone}": GOOD})
    crm.edit(named["bad"], {f"phone/{crm.phone}": BAD})
    second = "MobilePhone" if crm.name == "salesforce" else "mobilephone"
    crm.edit(named["mixed"], {f"phone/{crm.phone}": BAD, f"phone/{second}": OTHER})
    crm.edit(named["flagged"], {f"phone/{crm.phone}": GOOD, "do_not_text": True})
    return named


def ours(crm: Crm, record_id: str) -> dict[str, Any]:
    """What a record holds of our fields."""
    names = ("hygiene_", "_Status__c", "_E164__c", "_Line_Type__c", "Phone_", "Best_Phone",
             "Wrong_Number", "Recheck", "Proposed")  # fmt: skip
    return {
        name: value for name, value in crm.records()[record_id].items()
        if value not in (None, "", False, "false")
        and any(name.startswith(n) or name.endswith(n) for n in names) and name != "Phone_"
    }  # fmt: skip


def count_written(result: dict[str, Any]) -> int:
    return int(result["contacts"]["written"])


class TestTheFirstSync:
    def test_leaves_clean_records_wholly_alone(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        before = crm.records()[people["good"]]
        sync(quiet_ctx, crm.name)
        assert ours(crm, people["good"]) == {}
        assert crm.records()[people["good"]] == before

    def test_writes_what_is_bad_or_flagged_as_ever(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        assert crm.get(people["bad"], crm.status) == "invalid"
        assert crm.get(people["mixed"], crm.status) == "invalid"
        assert crm.get(people["mixed"], "best_phone") == OTHER.replace(" ", "")
        assert crm.get(people["flagged"], "do_not_text")
        assert crm.get(people["flagged"], "reason")

    def test_a_person_opted_out_before_is_written(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        number = GOOD.replace(" ", "")
        intake.store_reports(quiet_ctx, [Feedback("1", "opt_out", number, "test", quiet_ctx.now())])
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], "do_not_contact")
        assert crm.get(people["good"], crm.status) == "do_not_contact"

    def test_is_loud_without_the_setting(
        self, ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "valid"

    def test_a_dry_run_says_what_either_would_write(
        self, make_context: Callable[..., Context], crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        forecasts = []
        for toml in (QUIET, ""):
            ctx = make_context(toml)
            result = sync(ctx, crm.name, dry_run=True)
            forecasts.append(result["would_write"])
            assert result["contacts"]["changed"] == forecasts[-1]["quiet" if toml else "loud"]
        assert forecasts[0] == forecasts[1]
        assert forecasts[0]["loud"] > forecasts[0]["quiet"] > 0
        loud, quiet_ctx = forecasts[0]["loud"], forecasts[0]["quiet"]
        assert count_written(sync(make_context(QUIET), crm.name)) == quiet_ctx
        # Also when all is settled: what turning it off would write.
        again = sync(make_context(QUIET), crm.name, "everything", dry_run=True)["would_write"]
        assert again == {"loud": loud - quiet_ctx, "quiet": 0}
        assert count_written(sync(make_context(""), crm.name, "everything")) == loud - quiet_ctx


class TestLaterSyncs:
    def test_keep_clean_records_quiet(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        for kind in ("changed", "everything"):
            assert count_written(sync(quiet_ctx, crm.name, kind)) == 0
        now = quiet_ctx.now()
        quiet_ctx.now = lambda: now + timedelta(days=400)  # every answer has ended
        flagged = {rid for rid in crm.ids() if ours(crm, rid)}
        assert count_written(sync(quiet_ctx, crm.name, "everything", force=True)), (
            "those get a new time"
        )
        assert flagged == {rid for rid in crm.ids() if ours(crm, rid)}
        assert ours(crm, people["good"]) == {}

    def test_an_edit_of_something_else_changes_nothing(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        name = "LastName" if crm.name == "salesforce" else "lastname"
        source = "LeadSource" if crm.name == "salesforce" else "company"
        crm.act(people["good"], {"set": {name: "Sample", source: "Other"}})
        crm.edit(people["good"], {f"phone/{crm.phone}": GOOD.replace(" ", "-")})
        sync(quiet_ctx, crm.name)
        assert ours(crm, people["good"]) == {}

    def test_a_number_that_changes_is_written(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        crm.edit(people["good"], {f"phone/{crm.phone}": OTHER})
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "valid"
        assert crm.get(people["good"], f"e164/{crm.phone}") == OTHER.replace(" ", "")

    def test_and_stays_written_where_the_crm_refuses_it_at_first(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        crm.edit(people["good"], {f"phone/{crm.phone}": OTHER})
        if crm.name == "salesforce":
            crm.act(people["good"], {"refuse": "not now"})
        else:
            portal = crm.service.portal
            options = portal.properties[crm.field(crm.status)]["options"]
            portal.properties[crm.field(crm.status)]["options"] = [
                option for option in options if option["value"] != "valid"
            ]
        sync(quiet_ctx, crm.name)
        assert not crm.get(people["good"], crm.status)
        if crm.name == "salesforce":
            crm.service.org.refusals.clear()
        else:
            portal.properties[crm.field(crm.status)]["options"] = options
            quiet_ctx.forget_schema(crm.name)
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "valid"

    def test_what_turns_bad_is_written_and_what_mends_is_written_too(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        crm.edit(people["good"], {"wrong_number": True})
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "wrong_number"
        crm.edit(people["good"], {"wrong_number": False})
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "valid", "no status stands that is not true"

    def test_a_ticked_recheck_is_answered(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(quiet_ctx, crm.name)
        crm.edit(people["good"], {"recheck": True})
        sync(quiet_ctx, crm.name)
        assert crm.get(people["good"], crm.status) == "valid"
        assert not crm.get(people["good"], "recheck")

    def test_a_contact_that_is_new_is_written(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        hidden = crm.hide([people["late"]])
        sync(quiet_ctx, crm.name)
        crm.show(hidden)
        crm.edit(people["late"], {f"phone/{crm.phone}": OTHER})
        sync(quiet_ctx, crm.name)
        assert crm.get(people["late"], crm.status) == "valid"

    def test_turned_off_all_are_written_by_the_next_full_sync(
        self, make_context: Callable[..., Context], crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(make_context(QUIET), crm.name)
        assert ours(crm, people["good"]) == {}
        sync(make_context(""), crm.name, "everything")
        assert crm.get(people["good"], crm.status) == "valid"
        assert crm.all_checked()

    def test_a_rescan_of_all_before_the_first_sync_is_quiet_too(
        self, quiet_ctx: Context, crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        result = sync(quiet_ctx, crm.name, scope=Scope("ids", (people["good"], people["bad"])))
        assert count_written(result) == 1
        sync(quiet_ctx, crm.name)
        assert ours(crm, people["good"]) == {}

    def test_no_number_is_rewritten_on_a_quiet_record(
        self, make_context: Callable[..., Context], crm: Crm, people: dict[str, str], sync: Sync
    ) -> None:
        sync(make_context(QUIET + "normalize = true\n"), crm.name)
        assert crm.get(people["good"], f"phone/{crm.phone}") == GOOD


def test_a_list_on_disk_is_never_quiet(
    make_context: Callable[..., Context], tmp_path: Any, sync: Sync
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"id,Phone,Country\n1,{GOOD},GB\n", encoding="utf-8")
    ctx = make_context(f'{QUIET}[connectors.csv]\npath = "{path}"\n')
    sync(ctx, "csv")
    ctx.finish_connector("csv")
    assert ",valid," in "".join(path.read_text() for path in tmp_path.glob("*.csv"))
