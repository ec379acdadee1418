"""What the command line loads. Help, the version and wrong usage answer without what work needs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

# Libraries that take long to load, or that only work on contacts needs.
HEAVY = {
    "alembic", "authlib", "babel", "celery", "charset_normalizer", "cryptography", "fastapi",
    "hubspot", "kombu", "phonenumbers", "psycopg", "pydantic", "redis", "requests",
    "simple_salesforce", "sqlalchemy", "urllib3", "uvicorn",
}  # fmt: skip
# Of these a command that looks into the database has no use.
NOT_TO_LOOK = {
    "authlib", "celery", "fastapi", "hubspot", "kombu", "phonenumbers.carrierdata",
    "phonenumbers.geodata", "simple_salesforce", "uvicorn",
}  # fmt: skip

# Runs each command line of a JSON list in one process, then prints what that has loaded.
_RUN = """
import contextlib, io, json, sys
from worker.cli.main import main
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main(args=words, prog_name="hygiene")
        except SystemExit:
            pass
print(json.dumps(sorted(sys.modules)))
"""
_ALL_COMMANDS = """
import json, click
from worker.cli.main import main
def walk(command, words):
    yield words
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            yield from walk(command.get_command(ctx, name), [*words, name])
print(json.dumps(list(walk(main, []))))
"""


def _python(script: str, *arguments: str, home: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True,
        cwd=home, env={"HYGIENE_HOME": str(home), "PYTHONPATH": str(Path.cwd())} if home else None,
    )  # fmt: skip
    return done.stdout


def _loaded(lines: Sequence[Sequence[str]], home: Path | None = None) -> set[str]:
    return set(json.loads(_python(_RUN, json.dumps(lines), home=home)))


def test_the_help_of_every_command_loads_only_what_writes_help() -> None:
    commands = json.loads(_python(_ALL_COMMANDS))
    assert ["runs", "list"] in commands
    assert len(commands) > 50
    assert _loaded([[*words, "--help"] for words in commands]) & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["snyc"],
        ["sync", "--ful"],
        ["sync", "nosuchcrm"],
        ["runs", "shwo"],
        ["runs", "list", "--limit", "many"],
        ["number"],
        ["segments", "--by", "colour"],
        ["feedback", "decide", "1", "perhaps"],
        ["tokens", "make", "x", "--scope", "all"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_loaded(words: list[str]) -> None:
    assert _loaded([words]) & HEAVY == set()


def test_a_look_loads_no_queue_no_web_and_no_client_of_a_crm(tmp_path: Path) -> None:
    looks = [["runs", "list"], ["number", "+14155550123"], ["suppressions", "list"]]
    loaded = _loaded(looks, home=tmp_path)
    assert "sqlalchemy" in loaded  # it did look
    assert loaded & NOT_TO_LOOK == set()
