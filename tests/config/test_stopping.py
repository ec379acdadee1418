"""What a signal does to a process that runs inside `stopping.by_interrupt`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from config import stopping

try:
    with stopping.by_interrupt():
        {statement}
except KeyboardInterrupt:
    sys.exit(stopping.CODE)
"""
KILL = "os.kill(os.getpid(), {number}); [None for _ in range(1000)]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("statement", [KILL, f"exec({KILL!r})"], ids=["plain", "in an exec"])
def test_an_interrupt_that_was_handled_ends_the_process_with_its_own_code(
    statement: str, number: signal.Signals, tmp_path: Path
) -> None:
    """Dataclasses are made by `exec`: a signal while one was imported ended a command with -2."""
    code = SCRIPT.format(statement=statement.format(number=int(number)))
    (tmp_path / "interrupted.py").write_text(code, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "interrupted"]
    # A suite that was started under nohup hands on that SIGHUP is ignored.
    ended = subprocess.run(
        command, env=env, timeout=30, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)
    )
    assert ended.returncode == 130
