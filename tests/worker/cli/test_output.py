"""Output in a terminal and in a pipe: tables, times, colours, the status line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text
from terminals import OnTerminal

from worker.cli.output import console
from worker.cli.output.times import local_day, local_minute

LONG = "a reason that goes on for longer than any terminal is wide " * 3


def _shown(width: int | None, *columns: str, entries: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table in a terminal of this width, or in a pipe (None)."""
    stream = io.StringIO()
    terminal = width is not None
    target = Console(
        file=stream, width=width or 100_000, force_terminal=terminal, color_system=None,
        soft_wrap=True,
    )  # fmt: skip
    console.show_table(console.rows(console.table(*columns), entries), target)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


class TestATable:
    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_in_a_terminal_cuts_the_least_important_column(self, width: int) -> None:
        lines = _shown(width, "run", "~reason", ">failed", entries=[("20261128-1", LONG, "12")])
        assert len(lines) == 2
        assert all(len(line) <= width for line in lines)
        assert "20261128-1" in lines[1]
        assert "…" in lines[1]
        assert lines[1].endswith("12")

    def test_in_a_pipe_has_the_full_text_on_one_line(self) -> None:
        lines = _shown(None, "run", "~reason", ">failed", entries=[("20261128-1", LONG, "12")])
        assert len(lines) == 2
        assert LONG.strip() in lines[1]

    def test_leaves_out_a_spare_column_before_it_cuts_others(self) -> None:
        entries = [("source name", "14.5% to 50.3%", "12345")]
        assert "50.3%" in _shown(80, "name", ">?interval", ">n", entries=entries)[1]
        narrow = _shown(22, "name", ">?interval", ">n", entries=entries)
        assert narrow[1].split() == ["source", "name", "12345"]

    def test_cuts_no_column_for_one_that_was_left_out(self) -> None:
        """rich took "calls, 24 h" for the last column, which has no gap behind it, and cut it."""
        entries = [("2026-11-28", "2026-11-28", "9", "99,994")]
        lines = _shown(40, "run", "?changes read to", ">calls, 24 h", ">left", entries=entries)
        assert lines[0].split("  ")[0] == "run"
        assert "calls, 24 h" in lines[0]
        assert "changes" not in lines[0]

    def test_leaves_out_a_column_of_nothing_before_it_cuts_others(self) -> None:
        """rich cut "opt-outs" for the column that says what is isolated, when nothing was."""
        entries = [("source name", "1,000", "12", "")]
        assert "opt-outs" in _shown(40, "~name", ">contacts", ">opt-outs", "", entries=entries)[0]

    def test_aligns_numbers_right(self) -> None:
        lines = _shown(80, "name", ">n", entries=[("a", "1"), ("b", "1,000")])
        assert lines[1].index("1") == lines[2].index("1,000") + 4

    def test_wraps_prose_that_says_what_to_do(self) -> None:
        lines = _shown(60, "what", "=finding", entries=[("redis", LONG)])
        assert " ".join(" ".join(lines[1:]).split()) == " ".join(f"redis {LONG}".split())

    def test_keeps_a_row_on_one_line(self) -> None:
        assert len(_shown(80, "text", entries=[("two\nlines",)])) == 2


class TestASentence:
    def _shown(self, text: str, terminal: bool = True) -> list[str]:
        stream = io.StringIO()
        target = console.WrappingConsole(
            file=stream, width=40, force_terminal=terminal, color_system=None, soft_wrap=True
        )
        target.print(Text(text))
        return stream.getvalue().splitlines()

    def test_on_a_terminal_is_wrapped_between_words(self) -> None:
        lines = self._shown(LONG.strip())
        assert all(len(line) <= 40 for line in lines)
        assert " ".join(" ".join(lines).split()) == LONG.strip()

    def test_keeps_a_link_whole_to_be_copied(self) -> None:
        link = "https://hygiene.example/confirm/" + "x" * 60
        assert link in self._shown(f"open {link} now")

    def test_goes_on_indented_like_its_first_line(self) -> None:
        lines = self._shown(f"  {LONG.strip()}\nnot this one")
        assert [line[:3] for line in lines[:-1]] == [f"  {line[2]}" for line in lines[:-1]]
        assert lines[-1] == "not this one"

    def test_in_a_pipe_stays_on_one_line(self) -> None:
        assert self._shown(LONG, terminal=False) == [LONG]


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_times_are_local_and_name_their_zone() -> None:
    assert local_minute("2026-11-27T22:40:00+00:00") == "2026-11-28 07:40 JST"
    assert local_minute(datetime(2026, 11, 27, 22, 40, tzinfo=UTC)) == "2026-11-28 07:40 JST"
    assert local_day("2026-11-27T22:40:00+00:00") == "2026-11-28"
    assert local_minute(None) == "never"


def _environment(home: Path, **variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path.cwd()), "HYGIENE_HOME": str(home), **variables}


@pytest.mark.slow
class TestColours:
    def _on_terminal(self, home: Path, **variables: str) -> str:
        shown = OnTerminal(("sync",), _environment(home, **variables))  # no CRM: an error in red
        assert shown.end() == 2
        assert "error: no CRM is connected" in Text.from_ansi(shown.text.replace("\r", "")).plain
        return shown.text

    def test_are_for_terminals(self, tmp_path: Path) -> None:
        assert "\x1b[" in self._on_terminal(tmp_path, TERM="xterm-256color")

    @pytest.mark.parametrize(
        "off", [{"NO_COLOR": "1", "TERM": "xterm-256color"}, {"TERM": "dumb"}], ids=str
    )
    def test_are_off_when_asked(self, tmp_path: Path, off: dict[str, str]) -> None:
        assert "\x1b[" not in self._on_terminal(tmp_path, **off)

    def test_are_off_in_a_pipe_and_nothing_moves_there(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "worker", "doctor"], capture_output=True, text=True,
            env=_environment(tmp_path, FORCE_COLOR="1", TERM="xterm-256color"), check=False,
        )  # fmt: skip
        assert "connectors" in done.stdout
        assert "\x1b" not in done.stdout + done.stderr
        assert "\r" not in done.stdout + done.stderr
        assert done.stderr == ""

    def test_a_terminal_shows_that_something_goes_on(self, tmp_path: Path) -> None:
        shown = OnTerminal(("doctor",), _environment(tmp_path, TERM="xterm-256color"))
        assert shown.end() == 1
        assert "checking settings" in shown.text


@pytest.mark.slow
def test_the_rows_of_a_terminal_fit_it(tmp_path: Path) -> None:
    shown = OnTerminal(("settings",), _environment(tmp_path, TERM="dumb", COLUMNS="80"))
    assert shown.end() == 0
    assert max(len(line) for line in shown.text.splitlines()) <= 80
