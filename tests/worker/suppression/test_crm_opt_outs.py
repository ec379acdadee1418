"""Opt-outs that a CRM holds already are taken over, once, as a batch that can be undone as one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from constants import NUMBER
from crms import QUICK, Crm
from fixture_types import Sync
from reports import deliver_reports, store_report, stored_reports

from config.section import SettingsError
from connectors.errors import InvalidRequestError
from sandbox.hubspot.portal import prop
from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.suppression import crm_opt_outs, import_batches, suppressions
from worker.suppression.crm_opt_outs import OptOuts
from worker.suppression.undo_action import NothingToUndoError

CHECKBOX = {"salesforce": "DoNotCall", "hubspot": "never_call"}


def take_over(ctx: Context, crm: Crm, apply: bool = True) -> OptOuts:
    fields = {CHECKBOX[crm.name]: "call"}
    done = crm_opt_outs.take_over(ctx, crm.name, fields, "ann", apply)
    deliver_reports(ctx, crm.name)
    return done


@pytest.fixture(autouse=True)
def checkbox(sandbox: Sandbox) -> None:
    portal = Crm.all(sandbox)["hubspot"].service.portal  # type: ignore[attr-defined]
    portal.properties["never_call"] = prop("never_call", "Never call", kind="bool", own=False)


def tick(crm: Crm, *ids: str) -> None:
    for record_id in ids:
        value: Any = True if crm.name == "salesforce" else "true"
        crm.act(record_id, {"set": {CHECKBOX[crm.name]: value}})


@pytest.fixture
def ticked(ctx: Context, crm: Crm, sync: Sync) -> list[str]:
    """Two records that are in the index, and whose checkbox is ticked."""
    ids = crm.ids()[:2]
    crm.edit(ids[0], {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    tick(crm, *ids)
    return ids


class TestADryRun:
    def test_counts_and_stores_nothing(self, ctx: Context, crm: Crm, ticked: list[str]) -> None:
        done = take_over(ctx, crm, apply=False)
        found = next(row for row in done.fields if row.object == crm.object)
        assert (found.ticked, found.new, found.not_in_index) == (2, 2, 0)
        assert (done.stored, done.batch) == (0, "")
        assert done.api_calls > 0
        assert stored_reports(ctx) == []
        assert import_batches.list_imports(ctx) == []


class TestTakingOver:
    def test_stops_calls_to_each_ticked_record_and_says_why(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        done = take_over(ctx, crm)
        for record_id in ticked:
            assert crm.get(record_id, "do_not_call") is True
            assert crm.get(record_id, "do_not_text") is not True
        [entry] = suppressions.list_suppressions(ctx, NUMBER)
        assert entry.channels == "call"
        assert f"{CHECKBOX[crm.name]} was ticked in" in entry.evidence
        [batch] = import_batches.list_imports(ctx)
        assert (batch.id, batch.kind, batch.stored) == (done.batch, "crm_opt_outs", done.stored)

    def test_of_the_same_tick_again_is_nothing_new(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        take_over(ctx, crm)
        before = len(stored_reports(ctx))
        again = take_over(ctx, crm)
        assert (again.stored, again.batch, len(stored_reports(ctx))) == (0, "", before)

    def test_does_not_suppress_again_who_was_freed_since(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        take_over(ctx, crm)
        [entry] = suppressions.list_suppressions(ctx, NUMBER)
        suppressions.lift(ctx, entry.id, "ann", "they called us")
        take_over(ctx, crm)
        assert suppressions.list_suppressions(ctx, NUMBER) == []

    def test_holds_for_a_record_that_is_not_in_the_index_yet(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        tick(crm, record_id)
        done = take_over(ctx, crm)
        found = next(row for row in done.fields if row.object == crm.object)
        assert (found.new, found.not_in_index) == (1, 1)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_call") is True

    def test_goes_through_many_records(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        tick(crm, *crm.ids())
        done = take_over(ctx, crm)
        found = next(row for row in done.fields if row.object == crm.object)
        assert found.ticked == found.new == len(crm.ids())


class TestWhichCheckboxes:
    def test_one_of_ours_is_refused(self, ctx: Context, crm: Crm) -> None:
        with pytest.raises(SettingsError, match="a field of ours"):
            crm_opt_outs.fields_to_read(ctx, crm.name, {crm.field("do_not_call"): "call"})

    def test_salesforces_own_is_read_by_default_and_no_other(self, ctx: Context) -> None:
        assert crm_opt_outs.fields_to_read(ctx, "salesforce", {}) == {"DoNotCall": "call"}
        with pytest.raises(SettingsError, match="no checkbox is named"):
            crm_opt_outs.fields_to_read(ctx, "hubspot", {})

    @pytest.mark.parametrize("name", ["no_such_field", "Email", "email"])
    def test_what_is_no_checkbox_is_refused(self, ctx: Context, crm: Crm, name: str) -> None:
        with pytest.raises(InvalidRequestError, match="no checkbox"):
            crm_opt_outs.take_over(ctx, crm.name, {name: "any"}, "ann", True)
        assert import_batches.list_imports(ctx) == []


class TestAnUndo:
    def test_frees_whom_the_import_alone_had_stopped(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        done = take_over(ctx, crm)
        undone = import_batches.undo(ctx, done.batch, "ben", "the wrong field")
        deliver_reports(ctx, crm.name)
        assert (undone.lifted, undone.kept) == (2, 0)
        assert suppressions.list_suppressions(ctx) == []
        assert all(crm.get(record_id, "do_not_call") is not True for record_id in ticked)
        with pytest.raises(NothingToUndoError):
            import_batches.undo(ctx, done.batch, "ben", "once more")

    def test_opens_nothing_that_the_person_said_themselves(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        store_report(ctx, "opt_out", key="their own STOP")
        deliver_reports(ctx, crm.name)
        done = take_over(ctx, crm)
        undone = import_batches.undo(ctx, done.batch, "ben", "the wrong field")
        deliver_reports(ctx, crm.name)
        assert (undone.lifted, undone.kept) == (1, 1)
        assert crm.get(ticked[0], "do_not_contact") is True

    def test_does_not_hinder_the_same_opt_outs_from_counting_again(
        self, ctx: Context, crm: Crm, ticked: list[str]
    ) -> None:
        first = take_over(ctx, crm)
        import_batches.undo(ctx, first.batch, "ben", "too early")
        again = take_over(ctx, crm)
        assert again.stored == first.stored
        assert crm.get(ticked[0], "do_not_call") is True


class TestTheCommand:
    @pytest.fixture
    def hygiene(self, sandbox: Sandbox, tmp_path: Path) -> Callable[..., Result]:
        path = tmp_path / "hygiene.toml"
        path.write_text(QUICK, encoding="utf-8")
        env = {
            **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
            "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
        }  # fmt: skip

        def run(*args: str, exit_code: int = 0) -> Result:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == exit_code, result.output
            return result

        return run

    def test_counts_first_then_stores_lists_and_undoes(
        self, hygiene: Callable[..., Result], sandbox: Sandbox
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        hygiene("sync", "salesforce")
        tick(crm, crm.ids()[0])
        assert "add --apply" in hygiene("crm", "opt-outs", "salesforce").output
        assert crm.get(crm.ids()[0], "do_not_call") is not True
        done = json.loads(hygiene("crm", "opt-outs", "salesforce", "--apply", "--json").stdout)
        assert done["stored"] >= 1
        assert crm.get(crm.ids()[0], "do_not_call") is True
        assert done["batch"] in hygiene("suppressions", "imports").output
        words = ("suppressions", "undo-import", done["batch"], "--reason", "a test")
        assert "1 lifted" in hygiene(*words).output
        hygiene(*words, exit_code=1)
        hygiene("suppressions", "undo-import", "none", "--reason", "a test", exit_code=2)
        hygiene("crm", "opt-outs", "hubspot", "--field", "a=b", exit_code=2)
