"""`hygiene ask`: plan, start, look, pause and stop, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking_support import BASIS, TOML, index
from click.testing import CliRunner
from constants import NUMBER, PUBLIC_URL
from crms import Crm

from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context

Run = Callable[..., Any]


@pytest.fixture
def run(
    make_context: Callable[..., Context], sandbox: Sandbox, tmp_path: Path, database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    env = {"PUBLIC_URL": PUBLIC_URL, **sandbox.env("messages")}
    ctx = make_context(TOML, **env)
    index(ctx, "1", NUMBER, {"phone": "unverified"})
    monkeypatch.setenv("HYGIENE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HYGIENE_CONFIG", str(tmp_path / "hygiene.toml"))
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, exit_code: int = 0) -> Any:
        done = CliRunner().invoke(main, ["ask", *words, "--json"])
        assert done.exit_code == exit_code, done.output
        return json.loads(done.stdout) if exit_code == 0 else done.output

    return call


def test_a_campaign_from_plan_to_stop(run: Run) -> None:
    whom = ("spring", "--unverified", "--budget", "5", "--basis", BASIS)
    assert run("plan", *whom)["messages"] == 1
    assert run("list") == [], "a plan stores nothing"
    started = run("start", *whom)
    assert (started["state"], started["waiting"], started["basis"]) == ("running", 1, BASIS)
    assert run("pause", "spring")["state"] == "paused"
    assert run("resume", "spring")["state"] == "running"
    assert run("stop", "spring")["state"] == "stopped"
    assert run("show", "spring")["asks"] == "all contacts, unverified"
    assert [campaign["name"] for campaign in run("list")] == ["spring"]


def test_a_mistake_is_one_line_and_exit_code_2(run: Run) -> None:
    for words in (
        ("show", "winter"),
        ("plan", "spring", "--budget", "much"),
        ("plan", "spring", "--budget", "5", "--segment", "source"),
        ("plan", "spring", "--budget", "5", "--older-than", "a year"),
        ("resume", "winter"),
    ):
        assert run(*words, exit_code=2)


def test_a_plan_by_email_says_what_keeps_people_from_being_asked(
    run: Run, make_context: Callable[..., Context], sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    email = 'email_from = "a@acme.example"\npostal_address = "1 Main Street"\n'
    toml = TOML.replace("[connectors", f"{email}[connectors")
    crm_and_mail = {**sandbox.env(), "SMTP_URL": "smtp://127.0.0.1:1"}
    for name, value in crm_and_mail.items():
        monkeypatch.setenv(name, value)
    Crm.all(sandbox)["hubspot"].hide_field("hs_email_optout")
    make_context(toml, PUBLIC_URL=PUBLIC_URL).connector("hubspot", fresh=True)
    whom = ("spring", "--by", "email", "--budget", "5", "--basis", BASIS)
    [note] = run("plan", *whom)["notes"]
    assert "contacts.hs_email_optout" in note
    shown = CliRunner().invoke(main, ["ask", "plan", *whom])
    assert note in shown.output


def test_a_lift_needs_a_reason_and_somebody_who_is_kept_from_an_email(run: Run) -> None:
    assert "--reason" in run("lift", "kim@example.com", exit_code=2)
    out = run("lift", "kim@example.com", "--reason", "wrote to us", exit_code=2)
    assert "what a CRM says is changed in the CRM" in out
    assert "write CONNECTOR:ID" in run("lift", "kim", "--reason", "wrote to us", exit_code=2)
