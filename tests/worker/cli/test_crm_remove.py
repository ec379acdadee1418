"""`hygiene crm remove`: our fields are taken out of a CRM again, and nobody's no is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from constants import NUMBER
from crms import QUICK, Crm

from config.settings import load
from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.store.tables import suppressions
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

Run = Callable[..., Result]


@pytest.fixture
def env(bare_sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    bare_sandbox.hubspot.scopes.add("crm.lists.write")
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK, encoding="utf-8")
    return {
        **bare_sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
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


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest, bare_sandbox: Sandbox) -> Crm:
    return Crm.all(bare_sandbox)[request.param]


def ours_in(crm: Crm) -> set[str]:
    if crm.kind == "salesforce":
        fields = crm.service.org.schema[crm.object][1]
        return {name for name, info in fields.items() if info.metadata}
    return {name for name in crm.service.portal.properties if name.startswith("hygiene_")}


def standing(env: dict[str, str]) -> set[str]:
    ctx = Context.create(load(env))
    query = sa.select(suppressions.c.number).where(suppressions.c.lifted_at.is_(None))
    with ctx.store.read() as connection:
        found = {*connection.scalars(query)}
    ctx.close()
    return found


def steps(result: Result) -> dict[str, dict[str, Any]]:
    return {step["what"]: step for step in json.loads(result.stdout)["steps"]}


class TestRemoving:
    def test_nothing_is_removed_without_a_clear_yes(self, hygiene: Run, crm: Crm) -> None:
        hygiene("crm", "setup", crm.name)
        before = ours_in(crm)
        refused = hygiene("crm", "remove", crm.name, exit_code=2)
        assert "--dry-run, and then give --yes" in refused.stderr
        shown = hygiene("crm", "remove", crm.name, "--dry-run", "--yes")
        assert "would be removed" in shown.output
        assert "hygiene suppressions export" in shown.output
        assert ours_in(crm) == before

    def test_people_who_said_no_are_flagged_again_once_the_fields_are_back(
        self, hygiene: Run, crm: Crm, env: dict[str, str]
    ) -> None:
        """Promise 9: a flag that went with its field was cleared by nobody."""
        hygiene("crm", "setup", crm.name)
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        hygiene("sync", crm.name)
        hygiene("suppressions", "add", NUMBER, "--reason", "opt_out")
        assert crm.get(record_id, "do_not_contact") is True
        dry = json.loads(hygiene("crm", "remove", crm.name, "--dry-run", "--json").stdout)
        assert dry["flagged_contacts"]["do_not_contact"] >= 1
        assert dry["standing_suppressions"] >= 1
        stopped = standing(env)

        done = steps(hygiene("crm", "remove", crm.name, "--yes", "--json"))
        assert {step["done"] for step in done.values()} == {"removed"}
        assert ours_in(crm) == set()
        assert f"hygiene crm setup {crm.name}" in hygiene("sync", crm.name, exit_code=2).output
        assert "crm.remove" in hygiene("audit").output
        gone = hygiene("crm", "remove", crm.name, "--yes").output
        assert "nothing of ours" in gone

        if crm.kind == "hubspot":  # whether an archived property brings its values is not sure
            crm.service.portal.archived_properties.clear()
            for record in crm.service.portal.table.after_id(None):
                for name in [n for n in record["properties"] if n.startswith("hygiene_")]:
                    del record["properties"][name]
        hygiene("crm", "setup", crm.name)
        hygiene("sync", crm.name)
        assert crm.get(record_id, "do_not_contact") is True
        assert crm.all_checked()
        assert standing(env) >= stopped

    def test_so_are_they_where_somebody_deleted_the_fields_by_hand(
        self, hygiene: Run, bare_sandbox: Sandbox, env: dict[str, str]
    ) -> None:
        crm = Crm.all(bare_sandbox)["salesforce"]
        hygiene("crm", "setup", crm.name)
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        hygiene("sync", crm.name)
        hygiene("suppressions", "add", NUMBER, "--reason", "opt_out")
        stopped = standing(env)
        crm.service.org.drop_custom_field(crm.object, crm.field("do_not_contact"))
        hygiene("sync", crm.name, exit_code=1)
        hygiene("crm", "setup", crm.name)
        hygiene("sync", crm.name)
        assert crm.get(record_id, "do_not_contact") is True
        assert standing(env) >= stopped

    def test_a_run_under_way_comes_first(self, hygiene: Run, crm: Crm, env: dict[str, str]) -> None:
        hygiene("crm", "setup", crm.name)
        ctx = Context.create(load(env))
        run_id = lifecycle.open_run(ctx, crm.name, Scope("changed"))
        refused = hygiene("crm", "remove", crm.name, "--yes", exit_code=1)
        ctx.close()
        assert f"run {run_id} is under way" in refused.output
        assert ours_in(crm)

    def test_a_pause_comes_first(self, hygiene: Run, crm: Crm) -> None:
        hygiene("crm", "setup", crm.name)
        hygiene("pause", "--reason", "test")
        assert "hygiene resume" in hygiene("crm", "remove", crm.name, "--yes", exit_code=1).output
        hygiene("crm", "remove", crm.name, "--dry-run")
        assert ours_in(crm)

    def test_what_the_crm_refuses_is_told_and_the_rest_goes_on(
        self, hygiene: Run, crm: Crm
    ) -> None:
        hygiene("crm", "setup", crm.name)
        field = crm.field("reason")
        if crm.kind == "salesforce":
            crm.service.org.references[f"{crm.object}.{field}"] = "Flow Version - Call list"
        else:
            crm.service.portal.in_workflows[field] = ["Call list"]
        done = steps(hygiene("crm", "remove", crm.name, "--yes", "--json", exit_code=1))
        (failed,) = [step for step in done.values() if step["done"] == "failed"]
        assert "Call list" in failed["note"]
        assert "run this again" in failed["note"]
        if crm.kind == "hubspot":
            assert "workflow Call list" in failed["note"]
            assert "turned off" in failed["note"]
        left = {what for what, step in done.items() if step["done"] == "left"}
        expected = "permission set" if crm.kind == "salesforce" else "property group"
        assert [what.startswith(expected) for what in left] == [True]
        assert ours_in(crm) == {field}
        if crm.kind == "salesforce":
            crm.service.org.references.clear()
        else:
            crm.service.portal.in_workflows.clear()
        hygiene("crm", "remove", crm.name, "--yes")
        assert ours_in(crm) == set()

    def test_a_list_on_disk_has_nothing_to_remove(
        self, hygiene: Run, env: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "people.csv").write_text("id,phone\n1,+14155550123\n")
        toml = f'[connectors.csv]\npath = "{tmp_path / "people.csv"}"\n'
        Path(env["HYGIENE_CONFIG"]).write_text(QUICK + toml, encoding="utf-8")
        assert "nothing of ours" in hygiene("crm", "remove", "csv", "--yes").output
