"""Help, mistakes and completion: what somebody sees who does not know the words yet."""

from __future__ import annotations

import os
import resource
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from worker.cli.base import Command, Group
from worker.cli.main import main
from worker.store.engine import upgrade


def _walk(command: click.Command, words: list[str]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(words), command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from _walk(below, [*words, name])


COMMANDS = dict(_walk(main, ["hygiene"]))
EXAMPLES = [
    (name, line)
    for name, command in COMMANDS.items()
    if isinstance(command, Command | Group)
    for line in command.examples
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_is_for_what_each_option_does_and_gives_an_example(name: str) -> None:
    shown = CliRunner().invoke(main, [*name.split()[1:], "--help"], prog_name="hygiene").output
    command = COMMANDS[name]
    assert (command.help or "").strip().partition("\n\n")[0].endswith((".", ")"))
    assert "\nExample" in shown
    unexplained = [
        option.opts
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert unexplained == []


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal_and_cuts_nothing(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`...` ends what click cut: a command's sentence in a list, or an argument's choices."""
    monkeypatch.setenv("COLUMNS", str(width))
    shown = CliRunner().invoke(main, [*name.split()[1:], "--help"], prog_name="hygiene").output
    help_text, _, examples = shown.partition("\nExample")
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    commands = help_text.partition("\nCommands:\n")[2].splitlines()
    assert [line for line in commands if line.endswith("...")] == []
    assert len(examples.splitlines()) > 1


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_breaks_no_word(name: str) -> None:
    """click breaks a long list of choices within a word; a name with an explanation is better."""
    shown = CliRunner().invoke(main, [*name.split()[1:], "--help"], prog_name="hygiene").output
    usage = shown.partition("\n\n")[0].split()
    command = COMMANDS[name]
    context = click.Context(command, info_name=name)
    assert set(usage[1:]) == {
        *name.split(),
        *" ".join(command.collect_usage_pieces(context)).split(),
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_choices_without_a_list_are_named_in_the_help(name: str) -> None:
    command = COMMANDS[name]
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice) and parameter.metavar:
            text = f"{command.help} {getattr(parameter, 'help', '')}"
            assert [word for word in parameter.type.choices if word not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_no_escape_code_in_a_pipe_or_under_no_color(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    arguments = [*name.split()[1:], "--help"]
    assert "\x1b" not in CliRunner().invoke(main, arguments, prog_name="hygiene").output
    monkeypatch.setenv("NO_COLOR", "1")  # `color`: as on a terminal
    assert "\x1b" not in CliRunner().invoke(main, arguments, color=True).output


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_each_example_is_a_call_of_its_command(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    for word in words:
        if word.endswith((".csv", ".txt", ".zip")):
            (tmp_path / word).touch()
    ctx = click.Context(main, info_name="hygiene")
    command: click.Command = main
    arguments = words[1:]
    if name != "hygiene":
        assert line.startswith(name)
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        _, below, arguments = command.resolve_command(ctx, arguments)
        assert below is not None
        command = below
    if "--password" in {word for option in command.params for word in option.opts}:
        monkeypatch.setenv("HYGIENE_USER_PASSWORD", "a long one for tests")
    context = command.make_context(command.name, list(arguments), parent=ctx)
    assert context.args == []


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("snyc", "sync"),
        ("runs shwo", "show"),
        ("sync --ful", "--full"),
        ("sync hubspt", "hubspot"),
        ("segments --by sorce", "source"),
        ("rescan hubspot --segment sorce=Web", "source"),
        ("segments isolate hubspot campain=x --reason test", "campaign"),
        ("suppressions list --reason optout", "opt_out"),
        ("tokens make x --scope raed", "read"),
    ],
)
def test_a_wrong_word_is_one_line_with_the_right_one(line: str, meant: str) -> None:
    result = CliRunner().invoke(main, shlex.split(line), prog_name="hygiene")
    assert result.exit_code == 2
    assert result.stdout == ""
    (message,) = result.stderr.splitlines()
    assert message.startswith("error: ")
    suggested = message.partition("Did you mean ")[2].partition("?")[0]
    assert meant in suggested.replace("'", "").split(" or ")
    assert "--help" in message


def _complete(line: str, home: Path) -> tuple[list[str], float]:
    """Return what bash is offered for the last word, and the seconds of CPU that it took."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "worker"], capture_output=True, text=True, check=True,
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "HYGIENE_HOME": str(home),
            "_HYGIENE_COMPLETE": "bash_complete", "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr == ""
    offered = [entry.partition(",")[2] for entry in done.stdout.split()]
    return offered, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class TestCompletion:
    def test_of_connectors_and_segment_keys(self, tmp_path: Path) -> None:
        assert _complete("hygiene sync h", tmp_path)[0] == ["hubspot"]
        keys, _ = _complete("hygiene segments isolate hubspot c", tmp_path)
        assert keys == ["campaign=", "country="]
        assert _complete("hygiene rescan hubspot --segment so", tmp_path)[0] == ["source="]

    def test_of_recent_runs_is_quick(self, tmp_path: Path) -> None:
        upgrade(f"sqlite:///{tmp_path / 'hygiene.db'}")
        with sqlite3.connect(tmp_path / "hygiene.db") as store:
            columns = [
                (name, kind)
                for _, name, kind, required, default, _ in store.execute("PRAGMA table_info(runs)")
                if required and default is None
            ]
            for run_id, kind in (("20261128-1", "sync"), ("20261128-2", "reports")):
                values = {
                    name: "{}" if kind_ == "JSON" else 0 if "INT" in kind_ else "2026-11-28"
                    for name, kind_ in columns
                } | {"id": run_id, "kind": kind, "connector": "hubspot", "state": "done"}
                store.execute(
                    f"INSERT INTO runs ({', '.join(values)}) "
                    f"VALUES ({', '.join('?' * len(values))})",
                    list(values.values()),
                )
        offered, seconds = _complete("hygiene runs show 2026", tmp_path)
        assert offered == ["20261128-1"]
        assert seconds < 0.5

    def test_without_a_database_offers_nothing_and_makes_no_home(self, tmp_path: Path) -> None:
        assert _complete("hygiene runs show ", tmp_path / "none")[0] == []
        assert not (tmp_path / "none").exists()
