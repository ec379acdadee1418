"""Real processes of the product, and how they end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests
from forking import Forked


def kill(process: subprocess.Popen[bytes] | Forked) -> None:
    """Kill a process and its children at once with -9, as if the machine lost its power."""
    try:
        process_tree = [psutil.Process(process.pid)]
        process_tree += process_tree[0].children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for member in process_tree:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait(10)


def until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def catches(process: subprocess.Popen[bytes] | Forked, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal by now; where Linux does not tell, it does."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return True
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def responds(url: str) -> bool:
    """Whether a server answers there with success."""
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False
