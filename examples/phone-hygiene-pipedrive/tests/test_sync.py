"""A sync, a STOP that reaches Pipedrive, and an undo, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stand_in import TOKEN, Pipedrive

from worker.cli.main import main

Hygiene = Callable[..., Any]
STATUS, DNC = "Hygiene: work phone status", "Hygiene: do not contact"


@pytest.fixture
def hygiene(
    bare_crm: Pipedrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run `hygiene ARGS --json` in this process; returns its document."""
    config = tmp_path / "hygiene.toml"
    config.write_text(
        f'[connectors.pipedrive]\nurl = "{bare_crm.url}"\ndefault_country = "GB"\n', "utf-8"
    )
    monkeypatch.setenv("HYGIENE_CONFIG", str(config))
    monkeypatch.setenv("HYGIENE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", TOKEN)

    def run(*args: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(main, [*args, "--json"])
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    return run


def test_from_setup_to_undo(hygiene: Hygiene, bare_crm: Pipedrive, tmp_path: Path) -> None:
    crm = bare_crm
    crm.edit(1, phones=[{"value": "020 7219 4272", "primary": True, "label": "work"}])
    crm.edit(2, phones=[{"value": "12", "primary": True, "label": "work"}])

    hygiene("crm", "setup", "pipedrive")
    assert hygiene("crm", "check", "pipedrive") == []
    (first,) = hygiene("sync", "pipedrive")
    assert (first["state"], first["contacts"]["failed"]) == ("done", 0)
    assert crm.value(2, STATUS) == "Invalid"
    assert crm.value(1, "Hygiene: work phone E.164") == "+442072194272"

    # Our own writes come back as changes, and cause no write (promise 2).
    crm.patches.clear()
    hygiene("sync", "pipedrive")
    hygiene("sync", "pipedrive")
    assert crm.patches == []

    # A STOP reaches the person who has the number.
    reports = tmp_path / "stops.csv"
    reports.write_text("number,kind\n+442072194272,opt_out\n", "utf-8")
    hygiene("feedback", "import", str(reports))
    hygiene("sync", "pipedrive")
    assert (crm.value(1, DNC), crm.value(1, STATUS)) == ("Yes", "Do not contact")
    assert crm.value(2, DNC) is None

    # A flag that somebody sets in Pipedrive is a report as well (promise 9).
    yes = crm.fields[crm.key("Hygiene: wrong number")]["options"][0]["id"]
    crm.edit(3, **{crm.key("Hygiene: wrong number"): yes})
    hygiene("sync", "pipedrive")
    assert crm.value(3, STATUS) == "Wrong number"

    # A merge loses no opt-out (promise 19): who is left has both numbers.
    crm.merge(1, 4)
    hygiene("sync", "pipedrive")
    assert crm.value(4, DNC) == "Yes"

    typed = [person["phones"] for person in crm.persons.values()]

    # An undo takes back what we wrote, but for what a report demands; what people typed stays.
    hygiene("runs", "undo", first["run"])
    assert crm.value(2, STATUS) is None
    assert (crm.value(4, DNC), crm.value(3, STATUS)) == ("Yes", "Wrong number")
    assert [person["phones"] for person in crm.persons.values()] == typed
