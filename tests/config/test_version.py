"""The version stands in pyproject.toml alone; whoever shows it takes it from there."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import Settings
from config.version import PACKAGE, product_version
from worker.cli import main
from worker.web.app import make_app

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_it_is_the_one_of_pyproject() -> None:
    assert PROJECT["name"] == PACKAGE
    assert product_version() == PROJECT["version"], "pip install -e . to renew it"


def test_the_command_line_shows_it() -> None:
    shown = CliRunner().invoke(main, ["--version"], prog_name="hygiene")
    assert shown.exit_code == 0
    assert shown.output == f"hygiene, version {PROJECT['version']}\n"


def test_the_description_of_the_api_shows_it(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version than ours, which happens to be the one that FastAPI shows by default."""
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"9.8.7 of {package}")
    assert make_app(make_settings()).openapi()["info"]["version"] == f"9.8.7 of {PACKAGE}"
