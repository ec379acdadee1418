"""`hygiene capture-keys`, as an operator meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from worker.cli.main import main

Run = Callable[..., Result]
SHOP = ("--origin", "https://shop.example.com")


@pytest.fixture
def hygiene(tmp_path: Path, database_url: str) -> Run:
    env = {
        "HYGIENE_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url, "COLUMNS": "200",
        "PUBLIC_URL": "https://hygiene.example.com",
    }  # fmt: skip

    def run(*args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(
            main, ["capture-keys", *args], env=env, prog_name="hygiene"
        )  # fmt: skip
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def as_json(hygiene: Run, *args: str) -> Any:
    return json.loads(hygiene(*args, "--json").stdout)


def test_one_is_added_with_the_line_for_a_form(hygiene: Run) -> None:
    assert "no capture keys yet" in hygiene("list").output
    text = hygiene("add", "shop", *SHOP).stdout
    [key] = as_json(hygiene, "list")
    line = f'<script src="https://hygiene.example.com/capture.js" data-key="{key["key"]}"'
    assert line in text
    assert (key["day_budget"], key["per_minute"], key["state"]) == (0, 120, "active")
    assert "no lookups" in hygiene("list").output


def test_one_is_changed_paused_rotated_and_removed(hygiene: Run) -> None:
    added = as_json(hygiene, "add", "shop", *SHOP)
    changed = as_json(hygiene, "change", "shop", "--day-budget", "2", "--month-budget", "20")
    assert (changed["day_budget"], changed["origins"]) == (2, ["https://shop.example.com"])
    assert "0.00 of 2.00 USD" in hygiene("list").output
    assert as_json(hygiene, "pause", "shop")["state"] == "paused"
    assert as_json(hygiene, "resume", "shop")["state"] == "active"
    rotated = as_json(hygiene, "rotate", "shop", "--keep", "1h")
    assert rotated["key"] != added["key"]
    assert rotated["former_key_until"]
    assert as_json(hygiene, "rotate", "shop", "--keep", "0h")["former_key_until"] is None
    hygiene("remove", "shop")
    assert as_json(hygiene, "list") == []


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("add", "shop"), "name at least one"),
        (("add", "Big Name!", *SHOP), "use a-z"),
        (("add", "shop", *SHOP, "--day-budget", "much"), "--day-budget: write an amount"),
        (("add", "shop", *SHOP, "--day-budget", "1"), "one for the day and one for the month"),
        (("change", "shop"), "give an option"),
        (("pause", "shop"), "there is no capture key shop"),
        (("rotate", "shop", "--keep", "soon"), "--keep: write a whole number"),
    ],
)
def test_a_mistake_is_one_line(hygiene: Run, args: tuple[str, ...], problem: str) -> None:
    assert problem in hygiene(*args, exit_code=2).output
