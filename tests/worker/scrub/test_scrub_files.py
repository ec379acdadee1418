"""`hygiene scrub` and `hygiene registries`: lists on disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from constants import NUMBER
from reports import store_report

from config.settings import Settings
from worker.cli.main import main
from worker.context import Context

pytestmark = pytest.mark.usefixtures("noon")
TOML = """
[registries.us-dnc]
authority = "FTC"
countries = ["US"]
format = "ftc"
"""


@pytest.fixture
def run(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    database_url: str,
) -> Callable[..., Result]:  # fmt: skip
    make_settings(TOML)
    monkeypatch.setenv("HYGIENE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HYGIENE_CONFIG", str(tmp_path / "hygiene.toml"))
    monkeypatch.setenv("DATABASE_URL", database_url)

    def command(*words: object, exit_code: int = 0, **more: Any) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words], **more)
        assert result.exit_code == exit_code, (result.stdout, result.stderr, result.exception)
        return result

    return command


@pytest.fixture
def registry(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "dnc.txt"
    file.write_text("415,5552672\n")
    done = run("registries", "import", "us-dnc", file, "--replace", "--json")
    assert json.loads(done.stdout)["added"] == 1


@pytest.fixture
def campaign(tmp_path: Path, ctx: Context) -> Path:
    store_report(ctx, "opt_out", NUMBER)
    file = tmp_path / "campaign.csv"
    file.write_text(
        "name;phone;city\nAda;(415) 555-2671;X\nBen;415 555 2672;\nCy;415-555-2673\n;none;\n"
    )
    return file


@pytest.mark.usefixtures("registry")
class TestScrub:
    def test_writes_the_answers_beside_the_rows(
        self, run: Callable[..., Result], campaign: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.csv"
        done = run("scrub", campaign, "--country", "US", "-o", out, "--json")
        summary = json.loads(done.stdout)
        assert (summary["allowed"], summary["denied"]) == (1, 3)
        assert summary["reasons"] == {"opt_out": 1, "registry": 1, "unreadable": 1}
        rows = list(csv.DictReader(out.open()))
        assert [(r["name"], r["allow"], r["reason"]) for r in rows] == [
            ("Ada", "no", "opt_out"), ("Ben", "no", "registry"), ("Cy", "yes", ""),
            ("", "no", "unreadable"),
        ]  # fmt: skip
        assert rows[1]["registry"] == "us-dnc"
        assert not out.with_name("out.csv.part").exists()

    def test_reads_standard_input_and_writes_standard_output(
        self, run: Callable[..., Result], campaign: Path
    ) -> None:
        done = run("scrub", "-", "--channel", "text", input="+14155552671\n+14155552672\n")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [(row["number"], row["allow"]) for row in rows] == [
            ("+14155552671", "no"), ("+14155552672", "yes"),
        ]  # fmt: skip

    def test_gives_one_json_document(self, run: Callable[..., Result], campaign: Path) -> None:
        answer = json.loads(run("scrub", campaign, "--country", "US", "--json").stdout)
        assert [r["reason"] for r in answer["results"]] == [
            "opt_out", "registry", None, "unreadable"
        ]  # fmt: skip
        assert answer["certificate"].startswith("scrub_")
        assert answer["numbers"] == 4

    def test_checks_a_list_against_a_certificate(
        self, run: Callable[..., Result], campaign: Path
    ) -> None:
        words = ("scrub", campaign, "--country", "US")
        certificate = json.loads(run(*words, "--json").stdout)["certificate"]
        assert "this is the list" in run(*words, "--check", certificate).stdout
        campaign.write_text(campaign.read_text().replace("2673", "2674"))
        checked = run(*words, "--check", certificate, "--json", exit_code=1)
        assert json.loads(checked.stdout)["same_list"] is False
        run(*words, "--check", "scrub_none", exit_code=2)

    def test_knows_the_country_however_it_is_written(
        self, run: Callable[..., Result], campaign: Path
    ) -> None:
        certificate = json.loads(run("scrub", campaign, "--country", "US", "--json").stdout)
        for name in ("us", "United States"):
            words = ("scrub", campaign, "--country", name, "--check", certificate["certificate"])
            assert "this is the list" in run(*words).stdout
        refused = run("scrub", campaign, "--country", "XX", exit_code=2)
        assert "--country: 'XX' is not a known country" in refused.stderr

    def test_asks_which_of_several_columns_is_meant(
        self, run: Callable[..., Result], tmp_path: Path
    ) -> None:
        file = tmp_path / "two.csv"
        file.write_text("phone,mobile phone\n+14155552671,+14155552673\n")
        assert "--column" in run("scrub", file, exit_code=2).stderr
        done = run("scrub", file, "--column", "mobile phone")
        assert ",yes," in done.stdout


class TestRegistries:
    @pytest.mark.usefixtures("registry")
    def test_are_listed_and_shown(self, run: Callable[..., Result]) -> None:
        [listed] = json.loads(run("registries", "list", "--json").stdout)
        assert (listed["name"], listed["numbers"], listed["stale"]) == ("us-dnc", 1, False)
        shown = json.loads(run("registries", "show", "us-dnc", "--json").stdout)
        assert [row["state"] for row in shown["imports"]] == ["done"]
        assert "fresh until" in run("registries", "list").stdout

    def test_that_are_stale_end_the_listing_with_1(self, run: Callable[..., Result]) -> None:
        assert "stale" in run("registries", "list", exit_code=1).stdout

    @pytest.mark.usefixtures("registry")
    def test_want_to_know_what_the_files_are(
        self, run: Callable[..., Result], tmp_path: Path
    ) -> None:
        file = tmp_path / "dnc.txt"
        words = ("registries", "import", "us-dnc", file)
        assert "--replace" in run(*words, exit_code=2).stderr
        file.write_text("".join(f"415,55531{place:02d}\n" for place in range(60)))
        run(*words, "--replace", "--accept-removals")
        file.write_text("415,5552672\n")
        assert "--accept-removals" in run(*words, "--replace", exit_code=2).stderr
        run(*words, "--replace", "--accept-removals")
        run("registries", "remove", "us-dnc")
        assert json.loads(run("registries", "list", "--json", exit_code=1).stdout)[0]["stale"]
        run("registries", "import", "other", file, "--replace", exit_code=2)
