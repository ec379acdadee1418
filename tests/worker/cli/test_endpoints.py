"""`hygiene endpoints` and `hygiene suppressions changes`, as an operator meets them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from crms import QUICK
from event_receivers import Receiver, receiving
from vendor_lists import vendor

from sandbox.run import Sandbox
from worker.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def hygiene(sandbox: Sandbox, tmp_path: Path) -> Run:
    path = tmp_path / "hygiene.toml"
    path.write_text(f'{QUICK}\n[events]\nallow_addresses = ["127.0.0.1"]\n', encoding="utf-8")
    env = {
        **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
    }  # fmt: skip

    def run(*args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def as_json(hygiene: Run, *args: str) -> Any:
    return json.loads(hygiene(*args, "--json").stdout)


def add(hygiene: Run, receiver: Receiver) -> None:
    added = as_json(hygiene, "endpoints", "add", "dialer", receiver.url)
    receiver.secrets.append(added["secret"])


def test_one_is_added_and_tried(hygiene: Run, receiver: Receiver) -> None:
    text = hygiene("endpoints", "add", "dialer", receiver.url).output
    receiver.secrets.append(text.split("whsec_")[1].split()[0])
    assert "shown once" in text
    assert "answered with status 204" in hygiene("endpoints", "test", "dialer").output
    receiver.status = 500
    failed = hygiene("endpoints", "test", "dialer", exit_code=1)
    assert "status 500" in failed.output


def test_one_without_a_name_is_named_after_its_host(hygiene: Run) -> None:
    for name in ("dialer-example-com", "dialer-example-com-2"):
        added = as_json(hygiene, "endpoints", "add", "https://Dialer.example.com/hooks")
        assert added["name"] == name
    added = as_json(hygiene, "endpoints", "add", "https://127.0.0.1:8443/hooks")
    assert added["name"] == "endpoint-127-0-0-1"


def test_an_address_by_http_that_has_none_is_refused_and_one_by_https_is_a_warning(
    hygiene: Run,
) -> None:
    for command in (("add", "dialer", "http://dialer.invalid/"), ("add", "http://dialer.invalid/")):
        refused = hygiene("endpoints", *command, exit_code=2).output
        assert "dialer.invalid has no address" in refused
        assert "use https" in refused
    added = hygiene("endpoints", "add", "dialer", "https://dialer.invalid/").output
    assert "no events reach dialer yet: its name has no address" in " ".join(added.split())
    assert "no address" in as_json(hygiene, "endpoints", "list")[0]["error"]
    changed = hygiene("endpoints", "change", "dialer", "--url", "https://other.invalid/").output
    assert "no events reach dialer yet" in " ".join(changed.split())
    hygiene("endpoints", "change", "dialer", "--url", "http://other.invalid/", exit_code=2)


def test_a_suppression_reaches_it_at_once(hygiene: Run, receiver: Receiver) -> None:
    add(hygiene, receiver)
    hygiene("suppressions", "add", "+14155550123")
    assert receiver.types == ["number.suppressed"]
    [sent] = as_json(hygiene, "endpoints", "deliveries", "dialer")
    assert sent["state"] == "delivered"
    assert "number.suppressed" in hygiene("endpoints", "deliveries", "dialer").output


def test_it_is_listed_paused_resumed_and_removed(hygiene: Run, receiver: Receiver) -> None:
    assert "no endpoints yet" in hygiene("endpoints", "list").output
    add(hygiene, receiver)
    assert "is paused" in hygiene("endpoints", "pause", "dialer").output
    hygiene("suppressions", "add", "+14155550123")
    [listed] = as_json(hygiene, "endpoints", "list")
    assert (listed["state"], listed["pending"]) == ("paused", 1)
    hygiene("endpoints", "resume", "dialer")
    hygiene("endpoints", "change", "dialer", "--event", "number.lifted")
    hygiene("endpoints", "rotate", "dialer", "--keep", "2h")
    assert as_json(hygiene, "endpoints", "replay", "dialer", "--since", "1h") == {"events": 0}
    hygiene("endpoints", "remove", "dialer")
    assert (
        "there is no endpoint dialer" in hygiene("endpoints", "test", "dialer", exit_code=2).output
    )


def test_changes_are_listed_from_a_cursor(hygiene: Run) -> None:
    hygiene("suppressions", "add", "+14155550123", "--later")
    first = as_json(hygiene, "suppressions", "changes")
    assert [change["number"] for change in first["changes"]] == ["+14155550123"]
    hygiene("suppressions", "add", "+14155550124", "--later")
    text = hygiene("suppressions", "changes", "--since", first["next"]).output
    assert "+14155550124" in text
    assert "+14155550123" not in text
    assert "to continue: hygiene suppressions changes --since" in " ".join(text.split())
    assert "--since" in hygiene("suppressions", "changes", "--since", "x", exit_code=2).output


@pytest.mark.parametrize("since", ["yesterday", "1w", ""])
def test_what_is_no_time_is_refused(hygiene: Run, receiver: Receiver, since: str) -> None:
    add(hygiene, receiver)
    hygiene("endpoints", "replay", "dialer", "--since", since, exit_code=2)


def test_a_system_is_added_by_its_kind(hygiene: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("klaviyo") as its_list:
        lacking = hygiene("endpoints", "add", "k", "--kind", "klaviyo", exit_code=2)
        assert "KLAVIYO_API_KEY: missing" in lacking.output
        for name, value in its_list.env.items():
            monkeypatch.setenv(name, value)
        hygiene("endpoints", "add", "k", "https://a.example", "--kind", "klaviyo", exit_code=2)
        added = as_json(hygiene, "endpoints", "add", "k", "--kind", "klaviyo")
        assert (added["kind"], added["url"]) == ("klaviyo", "")
        assert "status 200" in hygiene("endpoints", "test", "k").output
        assert "klaviyo" in hygiene("endpoints", "list").output
        its_list.wrong_key = True
        assert "KLAVIYO_API_KEY" in hygiene("endpoints", "test", "k", exit_code=1).output


def test_a_system_is_given_what_stands_already(
    hygiene: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vendor("klaviyo") as its_list:
        for name, value in its_list.env.items():
            monkeypatch.setenv(name, value)
        hygiene("suppressions", "add", "+14155550123")
        hygiene("endpoints", "add", "k", "--kind", "klaviyo")
        assert "hygiene endpoints backfill k" in hygiene("overview").output
        assert as_json(hygiene, "endpoints", "backfill", "k", "--dry-run") == {
            "dry_run": True, "suppressions": 1,
        }  # fmt: skip
        assert as_json(hygiene, "endpoints", "backfill", "k")["queued"] == 1
        assert "1 suppressions are carried" in hygiene("endpoints", "backfill", "k").output
        assert "hygiene endpoints backfill k" not in hygiene("overview").output


def test_a_webhook_needs_an_address(hygiene: Run) -> None:
    assert "URL" in hygiene("endpoints", "add", "k", exit_code=2).output
