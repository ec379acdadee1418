"""`hygiene` commands about the whole, segments, people and tokens, as an operator meets them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from crms import QUICK, Crm

from sandbox.run import Sandbox
from worker.cli.main import COMMANDS, main
from worker.cli.output import console

Run = Callable[..., Result]


@pytest.fixture
def hygiene(sandbox: Sandbox, tmp_path: Path) -> Run:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK, encoding="utf-8")
    env = {
        **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
    }  # fmt: skip

    def run(*args: str, exit_code: int = 0, **variables: str) -> Result:
        result = CliRunner().invoke(main, args, env={**env, **variables}, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def document(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(hygiene: Run, name: str) -> None:
    assert "Usage: hygiene" in hygiene(name, "--help").output


def test_a_command_that_is_none_is_wrong_usage(hygiene: Run) -> None:
    assert "No such command" in hygiene("nonsense", exit_code=2).output


class TestOverview:
    def test_before_the_first_sync_says_that_nothing_was_done(self, hygiene: Run) -> None:
        overview = document(hygiene("overview", "--json"))
        assert [connector["state"] for connector in overview["connectors"]] == ["new", "new"]
        assert "never" in hygiene("overview").output

    def test_tells_how_all_stands(self, hygiene: Run) -> None:
        hygiene("sync")
        text = hygiene("overview").output
        assert "healthy" in text
        assert "Nothing needs your attention." in text
        overview = document(hygiene("overview", "--json"))
        assert all(connector["contacts"] == 60 for connector in overview["connectors"])
        assert overview["connectors"][1]["quota"]["limit"] > 0
        assert overview["connectors"][0]["calls_today"] > 0

    @pytest.mark.parametrize(
        "listing",
        ["overview", "segments", "runs list", "suppressions list", "suppressions changes"],
    )
    def test_no_heading_or_time_is_cut_at_80_columns(
        self, hygiene: Run, monkeypatch: pytest.MonkeyPatch, listing: str
    ) -> None:
        hygiene("sync")
        hygiene("suppressions", "add", "+14155550123", "--later")
        stream = io.StringIO()
        terminal = console.WrappingConsole(
            file=stream, width=80, force_terminal=True, color_system=None, soft_wrap=True
        )
        monkeypatch.setattr(console, "out", terminal)
        hygiene(*listing.split())
        heading, row, *_ = stream.getvalue().splitlines()
        assert "…" not in heading + row
        assert len(row.rstrip()) <= 80

    def test_tells_a_records_story(self, hygiene: Run, sandbox: Sandbox) -> None:
        hygiene("sync")
        record_id = Crm.all(sandbox)["hubspot"].ids()[0]
        story = document(hygiene("contact", "hubspot", record_id, "--json"))
        assert story["timeline"][0]["after"]
        assert record_id in hygiene("contact", "hubspot", record_id).output
        assert "digits" in hygiene("contact", "hubspot", "x", exit_code=2).output
        unknown = hygiene("contact", "hubspot", "1", exit_code=2)
        assert "No sync has read contacts 1" in unknown.output

    def test_tells_the_settings_without_their_secrets(self, hygiene: Run) -> None:
        secret = {"ADMIN_TOKEN": "very-secret"}
        settings = {
            setting["name"]: (setting["value"], setting["origin"])
            for setting in document(hygiene("settings", "--json", **secret))
        }
        assert settings["sync.every"] == ("15m", "default")
        assert settings["http.backoff_initial"] == ("0.01", "file")
        assert settings["ADMIN_TOKEN"][1] == "environment"
        text = hygiene("settings", "--changed", **secret).output
        assert "very-secret" not in text
        assert "sync.every" not in text


class TestSegments:
    def test_are_listed_the_surely_worst_first(self, hygiene: Run) -> None:
        assert "sync first" in hygiene("segments").output
        hygiene("sync")
        segments = document(hygiene("segments", "--by", "source", "--json"))
        assert [segment["low"] for segment in segments] == sorted(
            (o["low"] for o in segments), reverse=True
        )
        assert {"rate", "low", "high", "numbers", "bad", "rates"} <= set(segments[0])
        assert " to " in hygiene("segments", "--by", "country").output

    def test_are_set_apart_and_released_by_hand(self, hygiene: Run) -> None:
        hygiene("sync")
        worst = document(hygiene("segments", "--json"))[0]
        name = f"source={worst['value']}"
        isolation = document(
            hygiene("segments", "isolate", worst["connector"], name, "--reason", "bought", "--json")
        )
        assert isolation["why"] == "bought"
        hygiene("segments", "isolate", worst["connector"], name, "--reason", "x", exit_code=1)
        assert "bought" in hygiene("segments", "isolated").output
        hygiene("segments", "release", str(isolation["id"]), "--reason", "cleaned")
        hygiene("segments", "release", "99", "--reason", "cleaned", exit_code=2)
        hygiene("segments", "isolate", "hubspot", "colour=blue", "--reason", "x", exit_code=2)
        hygiene("segments", "isolate", "hubspot", "source=none", "--reason", "x", exit_code=2)

    def test_take_the_outcomes_of_campaigns_from_a_file(self, hygiene: Run, tmp_path: Path) -> None:
        path = tmp_path / "outcomes.csv"
        path.write_text(
            "\ufeffCampaign;Day;Sent;Delivered\nSpring;2026-03-01;1,000;990\n", encoding="utf-8"
        )
        assert document(hygiene("segments", "outcomes", str(path), "--json")) == {"kept": 1}
        path.write_text("campaign,day,sent\nSpring,2026-03-01,many\n", encoding="utf-8")
        assert "whole number" in hygiene("segments", "outcomes", str(path), exit_code=2).output
        path.write_text("name,day\nSpring,2026-03-01\n", encoding="utf-8")
        assert (
            "no column campaign" in hygiene("segments", "outcomes", str(path), exit_code=2).output
        )

        without = hygiene("segments", "remove-outcomes", "Fall", "--reason", "x", exit_code=2)
        assert "no outcomes of a campaign 'Fall'" in without.output
        removed = hygiene("segments", "remove-outcomes", "Spring", "--reason", "a test", "--json")
        assert document(removed) == {"removed": 1}
        assert "a test" in hygiene("audit").output

    def test_name_numbers_that_many_share(self, hygiene: Run) -> None:
        assert "no number" in hygiene("segments", "shared").output


class TestAccess:
    def test_people_are_made_and_removed(self, hygiene: Run) -> None:
        word = {"HYGIENE_USER_PASSWORD": "a long and fictional one"}
        hygiene("users", "add", "kim", "--role", "admin", **word)
        assert document(hygiene("users", "list", "--json"))[0]["role"] == "admin"
        assert "kim" in hygiene("users", "list").output
        hygiene("users", "remove", "kim")
        hygiene("users", "remove", "kim", exit_code=1)
        hygiene("users", "add", "admin", exit_code=2, **word)
        log = hygiene("audit").output
        assert "user.put" in log
        assert "user.remove" in log
        assert "fictional" not in log

    def test_tokens_are_shown_once_and_revoked(self, hygiene: Run) -> None:
        token = document(hygiene("tokens", "make", "dialer", "--scope", "read", "--json"))
        assert token["token"].startswith("hyg_")
        assert token["token"] not in hygiene("tokens", "list").output
        hygiene("tokens", "revoke", str(token["id"]))
        hygiene("tokens", "revoke", str(token["id"]), exit_code=1)
        hygiene("tokens", "make", "x", exit_code=2)


class TestRuns:
    def test_are_paused_and_cancelled(self, hygiene: Run, sandbox: Sandbox) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        crm.fault(crm.write_call, "status", status=401, times=1)
        hygiene("sync", "hubspot", exit_code=1)
        run = document(hygiene("runs", "list", "--json"))[0]["run"]
        assert "failed" in hygiene("runs", "pause", run, exit_code=1).output
        assert document(hygiene("runs", "resume", run, "--json"))["state"] == "done"
        assert "is done" in hygiene("runs", "cancel", run, exit_code=1).output
