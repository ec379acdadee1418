"""`hygiene sync` of several CRMs at once: one that does not answer holds up no other."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import forking
import pytest
from click.testing import CliRunner
from constants import NUMBER
from crms import Crm
from processes import kill, until

from config.settings import Settings
from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.store import outbox
from worker.sync.runs import lifecycle

EMEA = """
[connectors.salesforce-emea]
kind = "salesforce"
[connectors.hubspot-emea]
kind = "hubspot"
[sync]
page_contacts = 7
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=40, leads=8)
    yield started
    started.stop()


@pytest.fixture
def emea() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=40, leads=8, seed=8, portal_id=99)
    yield started
    started.stop()


@pytest.fixture
def crms(sandbox: Sandbox, emea: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox) | Crm.all(emea, "-emea")


@pytest.fixture
def env(
    make_settings: Callable[..., Settings], sandbox: Sandbox, emea: Sandbox, tmp_path: Path,
    database_url: str,
) -> dict[str, str]:  # fmt: skip
    accounts = {**sandbox.env(), **emea.env(suffix="EMEA")}
    make_settings(EMEA, **accounts)  # writes the file
    return {
        **accounts, "HYGIENE_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url,
        "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml"),
    }  # fmt: skip


def all_hold_number(crms: dict[str, Crm], env: dict[str, str]) -> dict[str, str]:
    """A contact of each CRM holds NUMBER, and all are in sync; the contacts' ids."""
    ids = {name: crm.ids()[0] for name, crm in crms.items()}
    for name, crm in crms.items():
        crm.edit(ids[name], {f"phone/{crm.phone}": NUMBER})
    assert CliRunner().invoke(main, ("sync",), env=env).exit_code == 0
    return ids


def states(document: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(result["connector"], result["state"]) for result in document]


def test_results_come_in_the_order_asked_whichever_is_done_first(
    env: dict[str, str], crms: dict[str, Crm]
) -> None:
    crms["salesforce-emea"].fault(r".*", "status", status=503, times=1000)
    crms["hubspot-emea"].fault(crms["hubspot-emea"].read_call, "status", status=503, times=1000)
    names = ("salesforce-emea", "hubspot-emea", "hubspot", "salesforce")
    result = CliRunner().invoke(main, ("sync", *names, "--json"), env=env)
    assert result.exit_code == 2, "salesforce-emea could not begin"
    assert states(json.loads(result.stdout)) == [
        ("hubspot-emea", "failed"), ("hubspot", "done"), ("salesforce", "done"),
    ]  # fmt: skip
    assert {line.split(":")[1].strip() for line in result.stderr.splitlines()} >= {
        "salesforce-emea", "hubspot-emea",
    }  # fmt: skip
    assert crms["salesforce"].all_checked()
    assert crms["hubspot"].all_checked()


def test_one_that_hangs_holds_up_no_other_and_ctrl_c_ends_them_all(
    env: dict[str, str], crms: dict[str, Crm], emea: Sandbox, tmp_path: Path,
    make_context: Callable[..., Context],
) -> None:  # fmt: skip
    hanging = ("salesforce-emea", "hubspot-emea")
    faults = [crms[name].fault(crms[name].read_call, "delay", seconds=300) for name in hanging]
    err = tmp_path / "stderr"
    command = forking.start(("worker", "sync", *hanging, "salesforce"), {**os.environ, **env}, err)
    try:
        ctx = make_context(EMEA, **env)

        def is_done() -> bool:
            return {r.connector: r.state for r in lifecycle.recent(ctx)}.get("salesforce") == "done"

        until(is_done, "the one that answers")
        assert [fault.hits for fault in faults] == [1, 1]
        assert crms["salesforce"].all_checked()
        command.send_signal(signal.SIGINT)
        emea.stop()  # their calls under way end
        assert command.wait(30) == 130
    finally:
        kill(command)
    kept = {run.connector: run for run in lifecycle.recent(ctx) if run.connector in hanging}
    assert {run.state for run in kept.values()} == {"stopped"}
    said = err.read_text("utf-8")
    assert f"runs {', '.join(kept[name].id for name in hanging)} keep their place" in said
    assert said.rstrip().endswith("hygiene sync salesforce-emea hubspot-emea")


def test_what_a_person_ticks_in_one_reaches_the_others_by_the_same_command(
    env: dict[str, str], crms: dict[str, Crm]
) -> None:
    """Without a worker: a schedule of commands alone is enough."""
    ids = all_hold_number(crms, env)
    crms["salesforce-emea"].edit(ids["salesforce-emea"], {"wrong_number": True})
    dry = CliRunner().invoke(main, ("sync", "--dry-run"), env=env)
    assert dry.exit_code == 0
    assert [name for name, crm in crms.items() if crm.get(ids[name], "wrong_number")] == [
        "salesforce-emea"
    ]
    assert CliRunner().invoke(main, ("sync",), env=env).exit_code == 0
    for name, crm in crms.items():
        assert crm.get(ids[name], "wrong_number") is True, name


def test_what_a_crm_that_was_away_was_not_told_is_told_by_a_later_command(
    env: dict[str, str], crms: dict[str, Crm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BACKOFF_INITIAL", timedelta(0))
    ids = all_hold_number(crms, env)
    crms["hubspot-emea"].fault(".*", "status", status=503, times=1000)
    CliRunner().invoke(main, ("suppressions", "add", NUMBER), env=env)
    assert crms["salesforce"].get(ids["salesforce"], "do_not_contact") is True
    assert not crms["hubspot-emea"].get(ids["hubspot-emea"], "do_not_contact")
    crms["hubspot-emea"].service.faults.clear()
    assert CliRunner().invoke(main, ("sync", "salesforce"), env=env).exit_code == 0
    assert crms["hubspot-emea"].get(ids["hubspot-emea"], "do_not_contact") is True
