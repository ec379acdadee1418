"""Processes of the product that start in milliseconds.

They are forked from one that has its libraries loaded (`chaos.fork_server`). A test of how a
process starts uses `subprocess`.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from constants import ROOT


class Forked:
    """A process, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, args: Sequence[str], status: Path) -> None:
        self.pid, self.args = pid, list(args)
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        if self.returncode is None and self._status.exists():
            self.returncode = int(self._status.read_text())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout or 3600)
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 3600)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _ForkServer:
    """Forks what is asked for; one for each of pytest-xdist's workers."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="hygiene-forks-"))
        self._count = count()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.fork_server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        atexit.register(self._end)

    def new_file(self) -> Path:
        return self._folder / str(next(self._count))

    def start(
        self, args: Sequence[str], env: Mapping[str, str], log: Path, **fields: Any
    ) -> Forked:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        status = self.new_file()
        request = {"argv": list(args), "env": dict(env), "log": str(log), "status": str(status)}
        line = json.dumps({"cwd": str(ROOT)} | request | fields)
        with self._lock:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            return Forked(int(self._process.stdout.readline()), args, status)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


_server = cache(_ForkServer)


def start(args: Sequence[str], env: Mapping[str, str], log: Path, **fields: Any) -> Forked:
    """Start `python -m ARGS`. `fields`: more of what `chaos.fork_server` takes."""
    return _server().start(args, env, log, **fields)


def run(
    args: Sequence[str], env: Mapping[str, str], timeout: float = 60, **fields: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m ARGS` to its end."""
    out, log = _server().new_file(), _server().new_file()
    process = start(args, env, log, out=str(out), **fields)
    try:
        code = process.wait(timeout)
    finally:
        process.kill()
    texts = [path.read_text("utf-8") for path in (out, log)]
    return subprocess.CompletedProcess(process.args, code, *texts)
