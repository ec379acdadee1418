"""The `hygiene` command as an operator meets it: results, JSON, exit codes, plain mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from constants import BRITISH, CLOSED_PORT
from crms import QUICK, Crm

from sandbox.run import Sandbox
from worker.cli.main import main
from worker.store import embedded_redis

Run = Callable[..., Result]


@pytest.fixture
def env(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK, encoding="utf-8")
    return {
        **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
    }  # fmt: skip


@pytest.fixture
def hygiene(env: dict[str, str]) -> Run:
    def run(*args: str, exit_code: int = 0, **variables: str) -> Result:
        result = CliRunner().invoke(main, args, env={**env, **variables}, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def document(result: Result) -> Any:
    return json.loads(result.stdout)


class TestSync:
    def test_by_environment_alone_gives_the_contract_of_the_design(self, hygiene: Run) -> None:
        first = document(hygiene("sync", "--json"))
        assert [result["connector"] for result in first] == ["salesforce", "hubspot"]
        for result in first:
            assert {"run", "connector", "state", "contacts", "fields", "lookups", "api_calls",
                    "seconds"} <= set(result)  # fmt: skip
            assert {"read", "changed", "written", "failed", "unchanged"} <= set(result["contacts"])
            assert set(result["lookups"]["offline"]) == {"asked", "reused", "failed", "cost"}
            assert set(result["api_calls"]) == {"read", "write", "other"}
            assert result["state"] == "done"
            assert result["contacts"]["read"] == 60
            assert result["contacts"]["written"] > 40
        second = document(hygiene("sync", "--json"))
        assert all(
            result["contacts"]["written"] == result["contacts"]["changed"] == 0 for result in second
        )
        third = document(hygiene("sync", "--json"))
        assert all(sum(result["api_calls"].values()) <= 3 for result in third)

    def test_a_dry_run_says_so_and_writes_nothing(self, hygiene: Run, sandbox: Sandbox) -> None:
        result = hygiene("sync", "hubspot", "--dry-run")
        assert "nothing was written" in result.output
        assert Crm.all(sandbox)["hubspot"].writes == 0

    def test_records_that_fail_make_exit_code_1_and_point_to_the_account(
        self, hygiene: Run, sandbox: Sandbox
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        target = next(rid for rid in crm.ids() if crm.get(rid, "phone/Phone"))
        crm.act(target, {"refuse": "not now"})
        result = hygiene("sync", "salesforce", exit_code=1)
        assert "hygiene runs show" in result.output
        run = document(hygiene("runs", "list", "--json"))[0]["run"]
        shown = hygiene("runs", "show", run, exit_code=1).output
        assert target in shown
        assert "validation" in shown
        (failure,) = document(hygiene("runs", "show", run, "--json", exit_code=1))["failures"]
        assert "not now" in failure["message"]

    def test_a_crm_that_is_away_leaves_a_run_that_the_next_sync_takes_up(
        self, hygiene: Run, sandbox: Sandbox
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        crm.fault(crm.write_call, "status", status=503, times=99)
        failed = hygiene("sync", "hubspot", exit_code=1)
        assert "503" in failed.output
        crm.service.faults.clear()
        result = hygiene("sync", "hubspot")
        assert "continuing run" in result.output
        assert crm.all_checked()


class TestRescan:
    def test_by_id_number_segment_and_age(self, hygiene: Run, sandbox: Sandbox) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        hygiene("sync", "hubspot")
        target = next(r for r in crm.ids() if crm.get(r, crm.status) == "valid")
        number = crm.get(target, f"e164/{crm.phone}")
        source = crm.records()[target]["hs_analytics_source"]

        def read(*args: str) -> int:
            return int(document(hygiene("rescan", "hubspot", *args, "--json"))["contacts"]["read"])

        assert read("--id", target) == 1
        assert read("--number", number) >= 1
        assert 1 <= read("--segment", f"source={source}") < 60
        assert read("--older-than", "90d") == 0
        assert read() == 60

    def test_of_a_misspelt_segment_says_what_may_be_meant(
        self, hygiene: Run, sandbox: Sandbox
    ) -> None:
        hygiene("sync", "hubspot")
        source = next(iter(Crm.all(sandbox)["hubspot"].records().values()))["hs_analytics_source"]
        shown = hygiene("rescan", "hubspot", "--segment", f"source={source}X", "--dry-run")
        assert f"Did you mean {source}" in shown.output
        assert "mean" not in hygiene("rescan", "hubspot", "--segment", f"source={source}").output

    def test_force_verifies_anew(self, hygiene: Run, sandbox: Sandbox) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        hygiene("sync", "hubspot")
        target = next(r for r in crm.ids() if crm.get(r, crm.status) == "valid")
        again = document(hygiene("rescan", "hubspot", "--id", target, "--json"))
        forced = document(hygiene("rescan", "hubspot", "--id", target, "--force", "--json"))
        assert again["lookups"]["offline"]["asked"] == 0
        assert forced["lookups"]["offline"]["asked"] >= 1

    @pytest.mark.parametrize(
        "args",
        [("--id", "1", "--number", BRITISH), ("--number", "12"), ("--older-than", "soon"),
         ("--segment", "colour=red")],
    )  # fmt: skip
    def test_wrong_usage_is_exit_code_2(self, hygiene: Run, args: tuple[str, ...]) -> None:
        hygiene("rescan", "hubspot", *args, exit_code=2)


class TestRuns:
    def test_undo_by_the_beginning_of_its_name(self, hygiene: Run, sandbox: Sandbox) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        before = crm.snapshot()
        (result,) = document(hygiene("sync", "salesforce", "--json"))
        undone = hygiene("runs", "undo", result["run"])
        assert "restored" in undone.output
        assert crm.snapshot() == before

    def test_a_run_that_is_not_there(self, hygiene: Run) -> None:
        for command in ("show", "undo", "resume"):
            assert "there is no run" in hygiene("runs", command, "20990101", exit_code=2).output

    def test_there_is_nothing_to_resume_in_a_run_that_is_done(self, hygiene: Run) -> None:
        (result,) = document(hygiene("sync", "hubspot", "--json"))
        assert "nothing to resume" in hygiene("runs", "resume", result["run"], exit_code=2).output

    def test_an_empty_list(self, hygiene: Run) -> None:
        assert document(hygiene("runs", "list", "--json")) == []
        assert "hygiene sync" in hygiene("runs", "list").output


class TestNumber:
    def test_it_tells_who_holds_it_and_why(self, hygiene: Run, sandbox: Sandbox) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        hygiene("sync")
        target = next(r for r in crm.ids() if crm.get(r, crm.status) == "valid")
        number = crm.get(target, "e164/Phone")
        details = document(hygiene("number", number, "--json"))
        assert details["number"] == number
        assert [v["provider"] for v in details["verifications"]] == ["offline"]
        assert any(c["id"] == target for c in details["contacts"])
        assert any(w["id"] == target for w in details["writes"])
        assert "held by" in hygiene("number", number).output

    def test_what_is_no_number(self, hygiene: Run) -> None:
        assert "+14155550123" in hygiene("number", "hello", exit_code=2).output


class TestSettingUp:
    def test_setup_then_check_then_sync(
        self, hygiene: Run, bare_sandbox: Sandbox, tmp_path: Path
    ) -> None:
        bare = {**bare_sandbox.env(), "HYGIENE_HOME": str(tmp_path / "bare")}
        for name in ("salesforce", "hubspot"):
            refused = hygiene("sync", name, exit_code=2, **bare).output
            assert f"hygiene crm setup {name}" in refused
            assert hygiene("crm", "check", name, exit_code=1, **bare).output
            assert "created" in hygiene("crm", "setup", name, **bare).output
            assert "all fields exist" in hygiene("crm", "check", name, **bare).output
            hygiene("sync", name, **bare)

    def test_scan_proposes_settings(self, hygiene: Run) -> None:
        output = hygiene("crm", "scan", "hubspot", exit_code=1).output  # no companies here
        assert "contacts.phone" in output
        assert "infer object type from: companies" in output
        found = json.loads(hygiene("crm", "scan", "salesforce", "--json").stdout)
        assert (found["problems"], found["toml"]) == ([], "")
        contact = next(of for of in found["objects"] if of["object"] == "Contact")
        assert next(f for f in contact["fields"] if f["name"] == "Phone")["watched"]
        assert found["api_calls"] > len(found["objects"])

    def test_check_names_phone_fields_that_nobody_watches(
        self, hygiene: Run, sandbox: Sandbox
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"hs_whatsapp_phone_number": "+49 171 2345678"}})
        output = hygiene("crm", "check", "hubspot").output
        assert "all fields exist" in output
        assert "hs_whatsapp_phone_number" in output
        listed = json.loads(hygiene("crm", "check", "hubspot", "--json").stdout)
        named = {entry["field"]: entry for entry in listed}
        assert named.keys() == {"hs_whatsapp_phone_number", "fax"}
        assert not any(entry["blocks"] for entry in listed)
        assert "2345678" not in output

    def test_the_probe_needs_no_more_than_the_key(self, hygiene: Run) -> None:
        listed = json.loads(hygiene("crm", "probe", "hubspot", "--json").stdout)
        assert {result["verdict"] for result in listed} == {"confirmed", "not reachable"}

    def test_doctor_is_content_or_says_what_to_do(
        self, hygiene: Run, bare_sandbox: Sandbox
    ) -> None:
        hygiene("db", "upgrade")
        assert "has all fields" in hygiene("doctor").output
        sick = hygiene("doctor", exit_code=1, **bare_sandbox.env())
        assert "hygiene crm setup" in sick.output

    def test_db_upgrade(self, hygiene: Run) -> None:
        hygiene("db", "upgrade")
        hygiene("db", "upgrade")


class TestMistakes:
    def test_a_typo_in_the_settings(self, hygiene: Run, env: dict[str, str]) -> None:
        Path(env["HYGIENE_CONFIG"]).write_text("[sync]\nevry = '5m'\n", encoding="utf-8")
        for command in (("sync",), ("runs", "list"), ("doctor",)):
            assert "did you mean 'every'?" in hygiene(*command, exit_code=2).output

    def test_no_connector_at_all(self, hygiene: Run, sandbox: Sandbox) -> None:
        without = dict.fromkeys(sandbox.env(), "")
        assert "no CRM is connected" in hygiene("sync", exit_code=2, **without).output
        assert "HUBSPOT_ACCESS_TOKEN" in hygiene("sync", "hubspot", exit_code=2, **without).output

    def test_a_wrong_url(self, hygiene: Run) -> None:
        away = {"HUBSPOT_API_URL": f"http://{CLOSED_PORT}"}
        assert CLOSED_PORT in hygiene("sync", "hubspot", exit_code=2, **away).output

    def test_wrong_credentials(self, hygiene: Run) -> None:
        result = hygiene("sync", "hubspot", exit_code=2, HUBSPOT_ACCESS_TOKEN="wrong")
        assert "HUBSPOT_ACCESS_TOKEN" in result.output

    def test_an_unknown_connector(self, hygiene: Run) -> None:
        hygiene("sync", "pipedrive", exit_code=2)

    def test_a_list_that_is_not_there(self, hygiene: Run, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        result = hygiene("clean", str(tmp_path / "none.csv"), "-o", str(target), exit_code=2)
        assert "cannot be read" in result.output
        assert not target.exists()


class TestClean:
    def test_it_needs_no_settings(self, tmp_path: Path) -> None:
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text("name,phone\nA,+442072194272\nB,none\n", encoding="utf-8")
        result = CliRunner().invoke(main, ["clean", str(source), "-o", str(target), "--json"])
        assert result.exit_code == 0
        assert json.loads(result.stdout)["fields"] == {"valid": 1, "invalid": 1}
        assert target.read_text().startswith("name,phone,phone status")


class TestHelp:
    @pytest.mark.parametrize(
        "command",
        ["", "demo", "up", "web", "sync", "rescan", "runs", "runs list", "runs show", "runs resume",
         "runs undo", "number", "clean", "crm", "crm setup", "crm check", "doctor", "db upgrade"],
    )  # fmt: skip
    def test_each_command_has_it(self, command: str) -> None:
        result = CliRunner().invoke(main, [*command.split(), "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output


class TestQueue:
    def test_the_workers_do_it_and_the_command_follows(
        self, hygiene: Run, env: dict[str, str], tmp_path: Path
    ) -> None:
        hygiene("db", "upgrade")
        log = (tmp_path / "worker.log").open("wb")
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app", "worker.app", "worker"],
            env={**os.environ, **env}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            # A process of its own: the Celery app is made once a process, from the environment.
            done = subprocess.run(
                [sys.executable, "-m", "worker", "sync", "--queue", "--json"],
                env={**os.environ, **env}, capture_output=True, timeout=120, check=True,
            )  # fmt: skip
        finally:
            worker.terminate()
            worker.wait(30)
            embedded_redis.stop(Path(env["HYGIENE_HOME"]))
        assert [result["state"] for result in json.loads(done.stdout)] == ["done", "done"]


class TestMoney:
    """Twilio Lookup connected as an operator would: by the environment alone."""

    @pytest.fixture
    def paying(self, env: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
        env.update(sandbox.env("twilio"))
        path = Path(env["HYGIENE_CONFIG"])
        extra = "[verification.providers.twilio]\nper_second = 5000\n"
        path.write_text(path.read_text("utf-8") + extra, encoding="utf-8")
        return env

    def test_spend_is_told_by_provider_and_day_against_the_budget(
        self, paying: dict[str, str], hygiene: Run, sandbox: Sandbox
    ) -> None:
        assert "no lookups so far" in hygiene("spend").output
        hygiene("sync", "hubspot")
        spend = document(hygiene("spend", "--json"))
        (row,) = spend["days"]
        assert (row["provider"], row["lookups"]) == ("twilio", spend["total"]["lookups"])
        assert spend["total"]["cost"] == pytest.approx(0.008 * sandbox.twilio.charges)
        assert {cap["name"]: cap["cap"] for cap in spend["caps"]} == {
            "today's budget": 50.0, "this month's budget": 500.0,
        }  # fmt: skip
        shown = hygiene("spend").output
        for words in ("twilio", f"{spend['total']['cost']:.2f}", "50.00 USD", "active"):
            assert words in shown

    def test_a_dry_run_forecasts_it(
        self, paying: dict[str, str], hygiene: Run, sandbox: Sandbox
    ) -> None:
        result = hygiene("sync", "hubspot", "--dry-run")
        assert "lookups would cost" in result.output
        assert sandbox.twilio.charges == 0

    def test_the_story_of_a_number_with_its_lookups(
        self, paying: dict[str, str], hygiene: Run, sandbox: Sandbox
    ) -> None:
        hygiene("sync", "hubspot")
        number = next(iter(sandbox.twilio.charged))[0]
        shown = hygiene("number", number).output
        for words in ("paid lookups", "answered", "0.008", "held by"):
            assert words in shown
        (lookup,) = document(hygiene("number", number, "--json"))["lookups"]
        assert lookup["package"] == "line_type_intelligence"

    def test_a_wrong_key_is_said_at_the_start_and_by_doctor(
        self, paying: dict[str, str], hygiene: Run, sandbox: Sandbox
    ) -> None:
        sandbox.twilio.logins.clear()
        result = hygiene("sync", "hubspot")
        assert result.output.count("does not accept our key") == 1
        assert "TWILIO_AUTH_TOKEN" in result.output
        assert "does not accept our key" in hygiene("doctor", exit_code=1).output

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN: missing"),
            ({"TWILIO_API_KEY": "SK1"}, "TWILIO_API_SECRET: missing"),
            ({"NUMVERIFY_URL": "https://apilayer.net"}, "NUMVERIFY_ACCESS_KEY: missing"),
            ({"CLEAROUTPHONE_URL": "https://x.example"}, "CLEAROUTPHONE_API_TOKEN: missing"),
            ({"RND_REFRESH_TOKEN": "x"}, "RND_COMPANY_ID: missing"),
            ({"TWILIO_LOOKUP_URL": "http://lookups.example.com"}, "TWILIO_LOOKUP_URL: use https"),
        ],
    )
    def test_half_a_login_is_a_clear_error_before_anything_is_read(
        self, paying: dict[str, str], hygiene: Run, sandbox: Sandbox,
        given: dict[str, str], named: str,
    ) -> None:  # fmt: skip
        paying.update(given)
        assert named in hygiene("sync", "hubspot", exit_code=2).output
        assert sandbox.hubspot.counters.total() == 0
