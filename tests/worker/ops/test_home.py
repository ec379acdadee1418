"""The home of the embedded parts: nobody begins anew without being told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import forking
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `hygiene` standing in a folder of that name, as a user with a home directory."""

    def hygiene(place: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / place
        folder.mkdir(exist_ok=True)
        return forking.run(("worker", *words), {**os.environ, **env}, cwd=str(folder))

    return hygiene


# Keeps a suppression: a command that works with the database of its home.
ADD = ("suppressions", "add", "+14155550123", "--later")


def test_a_new_home_is_said_and_one_that_is_there_is_not(run: Run, tmp_path: Path) -> None:
    first = run("a", *ADD)
    assert first.returncode == 0
    assert f"a new home: {tmp_path / 'a' / '.hygiene'}" in first.stderr
    assert "home" not in run("a", "suppressions", "list").stderr


def test_whoever_stands_elsewhere_is_told_of_the_last_one(run: Run, tmp_path: Path) -> None:
    run("a", *ADD)
    stderr = run("b", *ADD).stderr
    assert f"the last one was {tmp_path / 'a' / '.hygiene'}" in stderr
    assert f"HYGIENE_HOME={tmp_path / 'a' / '.hygiene'}" in stderr


def test_whoever_names_a_home_is_not_told_of_another(run: Run, tmp_path: Path) -> None:
    run("a", *ADD)
    stderr = run("b", *ADD, HYGIENE_HOME=str(tmp_path / "c")).stderr
    assert f"a new home: {tmp_path / 'c'}" in stderr
    assert str(tmp_path / "a") not in stderr


def test_one_that_is_gone_is_not_named(run: Run, tmp_path: Path) -> None:
    run("a", *ADD)
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    assert "the last one" not in run("b", *ADD).stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("number", "+14155550123"), 0),
        (("overview",), 0),
        (("runs", "show", "20200101-000000-aaaa"), 2),
        (("doctor",), 1),  # no CRM is connected
        (("settings",), 0),
        (("sync", "--help"), 0),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_only_looks_makes_none(
    run: Run, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    done = run("a", *words)
    assert done.returncode == code, done.stderr
    assert list((tmp_path / "a").iterdir()) == []


def test_doctor_says_which_it_is(run: Run, tmp_path: Path) -> None:
    run("a", *ADD)
    assert (
        f"{tmp_path / 'a' / '.hygiene'} (HYGIENE_HOME)" in run("a", "doctor", COLUMNS="400").stdout
    )
    assert "the last one was" in " ".join(run("b", "doctor", COLUMNS="400").stdout.split())


def test_a_machine_on_which_nothing_can_be_kept_does_as_well(run: Run) -> None:
    done = run("a", *ADD, XDG_STATE_HOME="/dev/null/none", HOME="/dev/null")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
