"""The probe settles with real accounts what the documents leave open; here with the stand-ins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from constants import BRITISH, NUMBER
from lookups import QUICK

from sandbox.providers.meter import LookupService
from sandbox.run import PROVIDERS, Sandbox
from sandbox.service import Fault
from worker.cli.main import main
from worker.verification.probe import FACTS

TABLE = Path(__file__).parents[3] / "docs" / "lookup-facts.md"
Probe = Callable[..., Result]


@pytest.fixture
def hygiene(sandbox: Sandbox, tmp_path: Path) -> Probe:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK, encoding="utf-8")

    def run(*args: str, exit_code: int = 0, **env: str) -> Result:
        known = {**sandbox.env(*PROVIDERS), "HYGIENE_HOME": str(tmp_path / "home"),
                 "HYGIENE_CONFIG": str(path), "DATABASE_URL": "", "REDIS_URL": ""}  # fmt: skip
        result = CliRunner().invoke(main, ("doctor", *args), env={**known, **env})
        assert result.exit_code == exit_code, result.output
        return result

    return run


def services(sandbox: Sandbox) -> list[LookupService]:
    return [getattr(sandbox, name) for name in PROVIDERS]


def verdicts(result: Result) -> dict[str, str]:
    return {entry["fact"]: entry["verdict"] for entry in json.loads(result.stdout)}


FREE = {fact.name for fact in FACTS if not fact.price}
PAID = {fact.name for fact in FACTS if fact.price}


class TestWithoutANumber:
    def test_confirms_what_the_stand_ins_do_for_nothing(
        self, hygiene: Probe, sandbox: Sandbox
    ) -> None:
        before = sandbox.clearoutphone.credits
        by_fact = verdicts(hygiene("--probe", "--json"))
        assert set(by_fact) == FREE | PAID
        open_ones = {name for name, verdict in by_fact.items() if verdict != "confirmed"}
        assert open_ones == PAID | {"numverify-left"}
        assert {verdict for name, verdict in by_fact.items() if name in open_ones} == {
            "not reachable"
        }
        assert sum(service.charges for service in services(sandbox)) == 0
        assert sandbox.clearoutphone.credits == before

    def test_says_what_a_check_would_cost(self, hygiene: Probe) -> None:
        (live,) = [entry for entry in json.loads(hygiene("--probe", "--json").stdout)
                   if entry["fact"] == "twilio-live"]  # fmt: skip
        assert live["seen"] == "costs about 0.007 USD: asked with --paid NUMBER"

    def test_asks_only_who_is_connected(self, hygiene: Probe) -> None:
        without = {"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": "", "TWILIO_LOOKUP_URL": ""}
        by_fact = verdicts(hygiene("--probe", "--json", **without))
        assert not [name for name in by_fact if name.startswith("twilio")]


class TestWithANumber:
    @pytest.mark.parametrize("typed", [NUMBER, "+1 (415) 555-2671"])
    def test_asks_about_that_number_alone(
        self, hygiene: Probe, sandbox: Sandbox, typed: str
    ) -> None:
        by_fact = verdicts(hygiene("--probe", "--paid", typed, "--json"))
        assert {name for name in PAID if by_fact[name] != "confirmed"} == set()
        asked = {number for service in services(sandbox) for number, _package in service.charged}
        assert asked == {NUMBER}
        assert sum(service.charges for service in services(sandbox)) <= len(PAID) + 1

    def test_of_another_country_is_asked_about_as_far_as_that_goes(self, hygiene: Probe) -> None:
        by_fact = verdicts(hygiene("--probe", "--paid", BRITISH, "--json"))
        assert by_fact["twilio-reassigned"] == "confirmed"
        assert by_fact["rnd-date"] == "not reachable"

    def test_that_is_none_is_refused(self, hygiene: Probe) -> None:
        assert "one number" in hygiene("--probe", "--paid", "12", exit_code=2).output
        assert "--probe" in hygiene("--paid", NUMBER, exit_code=2).output


class TestWhatIsOtherwise:
    def test_is_refuted(self, hygiene: Probe, sandbox: Sandbox) -> None:
        sandbox.twilio.has_batch = False
        sandbox.numverify.has_https = False
        sandbox.rnd.tells_dates = False
        done = hygiene("--probe", "--paid", NUMBER, "--json", exit_code=1)
        by_fact = verdicts(done)
        for name in ("twilio-batch", "numverify-https", "numverify-no-number", "rnd-date"):
            assert by_fact[name] == "refuted", name
        seen = {entry["fact"]: entry["seen"] for entry in json.loads(done.stdout)}
        assert seen["twilio-batch"] == "HTTP 404 20404: numbers are asked one by one"

    def test_in_form_is_refuted_too(self, hygiene: Probe, sandbox: Sandbox) -> None:
        for service in services(sandbox):
            service.faults.append(Fault("", "status", status=200, body={"x": 1}, times=99))
        by_fact = verdicts(hygiene("--probe", "--json", exit_code=1))
        assert "confirmed" not in {by_fact[name] for name in ("twilio-plain", "twilio-batch",
                                                            "clearoutphone-credits")}  # fmt: skip

    def test_a_package_that_is_not_enabled_settles_nothing(
        self, hygiene: Probe, sandbox: Sandbox
    ) -> None:
        sandbox.twilio.enabled = {"line_type_intelligence"}
        by_fact = verdicts(hygiene("--probe", "--paid", NUMBER, "--json"))
        assert by_fact["twilio-line-type"] == "confirmed"
        assert by_fact["twilio-live"] == by_fact["twilio-reassigned"] == "not reachable"

    def test_a_service_that_does_not_answer_settles_nothing(
        self, hygiene: Probe, sandbox: Sandbox
    ) -> None:
        for service in services(sandbox):
            service.faults.append(Fault("", "status", status=503, times=999))
        assert set(verdicts(hygiene("--probe", "--json")).values()) == {"not reachable"}


def test_what_is_printed_holds_no_number_and_no_key(hygiene: Probe, sandbox: Sandbox) -> None:
    output = hygiene("--probe", "--paid", NUMBER, "--json").output
    assert NUMBER[1:] not in output
    assert NUMBER[2:] not in output
    for secret in (sandbox.env(*PROVIDERS)[name] for name in (
            "TWILIO_AUTH_TOKEN", "NUMVERIFY_ACCESS_KEY", "CLEAROUTPHONE_API_TOKEN",
            "RND_REFRESH_TOKEN")):  # fmt: skip
        assert secret not in output


def test_as_a_table_it_is_for_people(hygiene: Probe) -> None:
    shown = hygiene("--probe", COLUMNS="200").output
    assert "twilio-batch" in shown
    assert "confirmed" in shown


class TestTheTableOfFacts:
    """docs/lookup-facts.md names the check and the test of each fact, and they exist."""

    def test_names_every_probe(self) -> None:
        text = TABLE.read_text(encoding="utf-8")
        named = set(re.findall(r"`((?:twilio|numverify|clearoutphone|rnd)-[a-z-]+)`", text))
        assert named == {fact.name for fact in FACTS}

    def test_names_tests_that_there_are(self) -> None:
        text = TABLE.read_text(encoding="utf-8")
        tests = Path(__file__).parents[2]
        known = "\n".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
        rows: list[Any] = [line for line in text.splitlines() if line.startswith("| ")][2:]
        assert len(rows) > 30
        for row in rows:
            named = re.findall(r"`(test_\w+)`", row)
            assert named, row
            for name in named:
                assert f"def {name}(" in known, name
