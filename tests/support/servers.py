"""The PostgreSQL server of a test session, started by whichever test needs one first.

`TEST_POSTGRES_URL` names one that runs already. Otherwise one is started with the programs of this
machine or of the wheel (`chaos.postgres`), one for all of pytest-xdist's workers; a process of its
own keeps it and ends it when the session does, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
_START_WITHIN = 60.0  # seconds
_FOLDER = "TEST_POSTGRES_FOLDER"  # where the session's workers find what is started


class NoServerError(Exception):
    """There is no server, and none could be started; the text says why."""


def open_session() -> None:
    """Make the place that the workers of this session share."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix=f"hygiene-tests-{os.getpid()}-")


def close_session() -> None:
    shutil.rmtree(os.environ.pop(_FOLDER, ""), ignore_errors=True)


def postgres_url() -> str:
    """Its maintenance database. Raises `NoServerError`."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        return given
    folder = Path(os.environ[_FOLDER])
    address = folder / "address"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            _start(address, owner=int(folder.name.split("-")[2]))
    answer = address.read_text(encoding="utf-8")
    if answer.startswith("error: "):
        raise NoServerError(answer.removeprefix("error: "))
    return answer


def _start(address: Path, owner: int) -> None:
    command = [sys.executable, "-m", "chaos.postgres", str(address), str(owner)]
    subprocess.Popen(
        command, cwd=_ROOT, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + _START_WITHIN
    while not address.exists():
        if time.monotonic() > end:
            raise NoServerError(f"it did not start within {_START_WITHIN:g} s")
        time.sleep(0.05)
