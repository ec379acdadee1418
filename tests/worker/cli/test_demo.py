"""The demo, whole: what a newcomer runs first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(170)
def test_it_syncs_two_crms_tells_what_it_found_and_ends(tmp_path: Path) -> None:
    env = {
        **os.environ, "HYGIENE_HOME": str(tmp_path),
        # Of a real installation: the demo must not see them.
        "HUBSPOT_ACCESS_TOKEN": "real", "DATABASE_URL": "postgresql://real/real", "COLUMNS": "160",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "worker", "demo", "--contacts", "300", "--once"],
        env=env, capture_output=True, text=True, timeout=160, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"\b300 contacts read", done.stdout)) == 2
    for words in ("valid", "invalid", "source", "API calls"):
        assert words in done.stdout
    assert "http://" not in done.stdout  # nothing answers there any more
    # Nothing is left running.
    assert not list((tmp_path / "demo").glob("*.sock"))


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "demo").mkdir(parents=True)
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "worker", "demo", "--once"],
            env={**os.environ, "HYGIENE_HOME": str(tmp_path)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "already running" in done.stderr
