"""Removals that are held, and what our user sees, as an operator meets them on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from crms import QUICK, Crm

from config.settings import load
from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.sync.runs import lifecycle, removal_holds
from worker.sync.runs.scope import Scope

Run = Callable[..., Result]
GUARD = "[sync]\nmax_removals_floor = 4\n"


@pytest.fixture
def env(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK + GUARD, encoding="utf-8")
    return {
        **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "400",
    }  # fmt: skip


@pytest.fixture
def hygiene(env: dict[str, str]) -> Run:
    def run(*args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def document(result: Result) -> Any:
    return json.loads(result.stdout)


class TestHeldRemovals:
    def test_make_exit_code_1_and_one_clear_line(self, hygiene: Run, crm: Crm) -> None:
        hygiene("sync", crm.name)
        crm.hide(crm.ids()[:20])
        invoked = hygiene("sync", crm.name, "--full", exit_code=1)
        assert invoked.output.count("did not bring 20 of the") == 1
        assert f"hygiene sync {crm.name} --accept-removals" in invoked.output
        again = hygiene("sync", crm.name, "--full", "--json", exit_code=1)
        assert again.stderr.count("did not bring 20 of the") == 1
        (result,) = document(again)
        (removal,) = result["removals"]
        assert (removal["object"], removal["state"], removal["records"]) == (crm.object, "held", 20)
        shown = hygiene("runs", "show", result["run"], exit_code=1)
        assert shown.output.count("did not bring 20 of the") == 1
        later = hygiene("sync", crm.name)
        assert "20 removals of" in later.stderr
        assert "20 of the" in hygiene("doctor").output.replace("\n", " ")
        assert "did not bring 20" in hygiene("overview").output

    def test_are_carried_out_when_accepted(self, hygiene: Run, crm: Crm) -> None:
        hygiene("sync", crm.name)
        crm.hide(crm.ids()[:20])
        hygiene("sync", crm.name, "--full", exit_code=1)
        dry = hygiene("sync", crm.name, "--accept-removals", "--dry-run")
        assert f"{crm.object}: 20 would be removed from the index" in dry.output
        (result,) = document(hygiene("sync", crm.name, "--accept-removals", "--json"))
        assert result["scope"] == "everything"
        assert result["contacts"]["gone"] == 20
        (removal,) = result["removals"]
        assert (removal["state"], removal["records"], removal["accepted"]) == ("removed", 20, True)
        assert "held since" not in hygiene("sync", crm.name).stderr
        assert "removals.accept" in hygiene("audit").output

    def test_without_a_connector_accepts_only_what_is_held(
        self, hygiene: Run, sandbox: Sandbox
    ) -> None:
        hygiene("sync")
        crms = Crm.all(sandbox)
        crms["salesforce"].hide(crms["salesforce"].ids()[:20])
        hygiene("sync", "salesforce", "--full", exit_code=1)
        crms["hubspot"].hide(crms["hubspot"].ids()[:20])
        results = document(hygiene("sync", "--accept-removals", "--json", exit_code=1))
        states = {result["connector"]: result["removals"][0]["state"] for result in results}
        assert states == {"salesforce": "removed", "hubspot": "held"}

    def test_accepting_goes_on_with_no_other_run(
        self, hygiene: Run, crm: Crm, env: dict[str, str]
    ) -> None:
        """One that failed is left behind; one that is open has to end first."""
        hygiene("sync", crm.name)
        ids = crm.ids()
        crm.hide(ids[:20])
        hygiene("sync", crm.name, "--full", exit_code=1)
        ctx = Context.create(load(env))
        plain = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        refused = hygiene("sync", crm.name, "--accept-removals", exit_code=1)
        assert f"hygiene runs resume {plain}" in refused.output
        lifecycle.fail(ctx, plain, "the CRM was away")
        (result,) = document(hygiene("sync", crm.name, "--accept-removals", "--json"))
        assert result["run"] != plain
        assert result["contacts"]["gone"] == 20
        with ctx.store.read() as connection:
            assert removal_holds.load(connection) == []
        ctx.close()


class TestWhatOurUserSees:
    def test_is_said_by_check_and_doctor(self, hygiene: Run, sandbox: Sandbox) -> None:
        hygiene("db", "upgrade")
        checked = hygiene("crm", "check", "salesforce").output
        assert "Contact: our user sees 48 of about 48 records; it has View All" in checked
        assert "Lead: our user sees 12 of about 12 records; it has View All" in checked
        checked = document(hygiene("crm", "check", "salesforce", "--json"))
        assert [entry for entry in checked if entry["blocks"]] == []
        assert "contacts: our user sees 60" in hygiene("crm", "check", "hubspot").output
        crm = Crm.all(sandbox)["salesforce"]
        crm.hide(crm.ids()[:20])
        for output in (hygiene("crm", "check", "salesforce").output, hygiene("doctor").output):
            output = " ".join(output.split())
            assert (
                "Contact: our user sees 28 of about 48 records; it lacks View All: grant" in output
            )
        checked = document(hygiene("crm", "check", "salesforce", "--json"))
        (problem,) = [entry for entry in checked if "our user sees" in entry["problem"]]
        assert (problem["object"], problem["blocks"]) == ("Contact", False)
        assert (problem["visible"], problem["total"], problem["view_all"]) == (28, 48, False)
        verdicts = {
            check["text"].partition(":")[0]: check["verdict"]
            for check in document(hygiene("doctor", "--json"))
            if "our user sees" in check["text"]
        }
        assert verdicts == {"Contact": "warning", "Lead": "ok", "contacts": "ok"}

    def test_is_said_as_far_as_our_user_may_know(self, hygiene: Run, sandbox: Sandbox) -> None:
        """The count of all records and the permissions need View Setup and Configuration."""
        crm = Crm.all(sandbox)["salesforce"]
        refused = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights"}]
        crm.fault("recordCount", "status", status=403, body=refused, times=9)
        crm.fault("ObjectPermissions", "status", status=403, body=refused, times=9)
        output = hygiene("crm", "check", "salesforce").output
        assert "Contact: our user sees 48 records; whether it has View All cannot be read" in output

    def test_view_all_data_is_as_good(self, hygiene: Run, sandbox: Sandbox) -> None:
        org = sandbox.salesforce.org
        org.sharing.view_all = False
        set_id = org.create("PermissionSet", {"Name": "Reader", "PermissionsViewAllData": True})
        org.create(
            "PermissionSetAssignment",
            {"PermissionSetId": set_id, "AssigneeId": org.integration_user},
        )
        assert "it has View All" in hygiene("crm", "check", "salesforce").output
