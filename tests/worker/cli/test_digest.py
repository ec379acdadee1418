"""`hygiene digest`, as an operator meets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from channel_services import Slack
from click.testing import CliRunner, Result
from crms import QUICK

from sandbox.run import Sandbox
from worker.alerts import weeks
from worker.cli.main import main

Run = Callable[..., Result]
TOML = '[alerts.channels.slack-ops]\nkind = "slack"\n[alerts.digest]\nchannels = ["slack-ops"]\n'


@pytest.fixture
def slack() -> Iterator[Slack]:
    stand_in = Slack()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def hygiene(sandbox: Sandbox, tmp_path: Path, slack: Slack) -> Run:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK + TOML, encoding="utf-8")
    env = {
        **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
        "ALERT_CHANNEL_SLACK_OPS_URL": slack.url,
    }  # fmt: skip

    def run(*args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def this_week() -> str:
    return str(weeks.week_of(datetime.now(UTC).date()))


class TestDigest:
    def test_before_the_first_sync_is_one_sentence(self, hygiene: Run) -> None:
        text = hygiene("digest").stdout
        assert text.startswith(f"Week {weeks.last_whole(datetime.now(UTC), UTC)}, ")
        assert "Nothing happened this week, and nothing waits for a person." in text

    def test_prints_the_week_and_sends_nothing(self, hygiene: Run, slack: Slack) -> None:
        hygiene("sync")
        text = hygiene("digest", "--week", this_week()).stdout
        assert "So far: " in text
        assert "What changed\n------------\n" in text
        assert slack.calls == 0

    def test_gives_the_figures_as_json(self, hygiene: Run) -> None:
        read = {result["connector"]: result["contacts"]["read"]
                for result in json.loads(hygiene("sync", "--json").stdout)}  # fmt: skip
        digest = json.loads(hygiene("digest", "--json", "--week", this_week()).stdout)
        assert digest["week"] == this_week()
        assert {entry["connector"]: entry["read"] for entry in digest["checked"]} == read
        assert digest["reviews"] == {"count": 0, "oldest": None, "honour_by": None}

    def test_sends_it_once(self, hygiene: Run, slack: Slack) -> None:
        assert "sent to slack-ops" in hygiene("digest", "--send").stderr
        again = hygiene("digest", "--send").stderr
        assert "slack-ops has had" in again
        assert "it was not sent again" in again
        assert len(slack.got) == 1

    def test_says_what_failed(self, hygiene: Run, slack: Slack) -> None:
        slack.status = 404
        assert "slack-ops: Slack answered 404" in hygiene("digest", "--send", exit_code=1).stderr
        assert (
            "left alone for now"
            in hygiene("digest", "--send", "--week", "2026-W01", exit_code=1).stderr
        )

    @pytest.mark.parametrize(
        ("week", "line"),
        [
            ("last", "--week: write a week as its year and number, like 2026-W47 (it says 'last')"),
            ("2025-W53", "--week: 2025 has no week 53"),
            ("9000-W01", "--week: 9000-W01 has not begun"),
        ],
    )
    def test_refuses_a_week_that_is_none(self, hygiene: Run, week: str, line: str) -> None:
        assert line in hygiene("digest", "--week", week, exit_code=2).output

    def test_has_to_be_sent_somewhere(self, hygiene: Run, tmp_path: Path, slack: Slack) -> None:
        (tmp_path / "hygiene.toml").write_text(
            QUICK + TOML.replace('channels = ["slack-ops"]', ""), encoding="utf-8"
        )
        output = hygiene("digest", "--send", exit_code=2).output
        assert "--send: the digest goes nowhere; set alerts.digest.channels" in output
