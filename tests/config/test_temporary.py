"""Temporary folders, and what a process leaves of them that is killed with -9."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from processes import kill, until

from config import temporary


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, here and in processes that are started."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / f"hygiene-{os.getuid()}"


def folders(below: Path) -> list[Path]:
    return [path for path in below.iterdir() if path.is_dir()] if below.exists() else []


def test_one_is_private_and_gone_at_the_end(below: Path) -> None:
    with temporary.folder() as path:
        (path / "list").write_text("+14155550123")
        assert [path.parent, below.stat().st_mode & 0o777] == [below, 0o700]
        assert path.stat().st_mode & 0o777 == 0o700
        assert temporary.sweep() == 0
        with temporary.folder() as other:
            assert path != other
            assert (path / "list").exists()
    assert folders(below) == []


def test_what_a_killed_command_left_goes_with_the_next_one(below: Path, tmp_path: Path) -> None:
    env = {**os.environ, "HYGIENE_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "scrub", "-"], env=env, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"number\n+14155550123\n")
    process.stdin.flush()
    until(lambda: bool(folders(below)), "standard input is copied")
    assert temporary.sweep() == 0  # it is at work
    kill(process)
    assert len(folders(below)) == 1
    with temporary.folder() as own:
        assert folders(below) == [own]


def test_a_folder_of_somebody_else_is_not_used(below: Path) -> None:
    below.mkdir(mode=0o755)
    below.chmod(0o755)
    with temporary.folder() as path:
        assert path.parent != below
    assert not path.exists()
    assert temporary.sweep() == 0
