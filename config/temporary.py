"""Temporary folders that a process killed with -9 does not leave behind for ever.

They hold lists of numbers. Each lies in one folder of ours in the system's temporary folder, and
its owner holds a lock on it, which ends with the process. Whoever makes another one deletes those
that nobody holds any more, and so does the nightly clean-up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def folder() -> Iterator[Path]:
    """Yield an empty folder for this user alone. It is deleted at the end."""
    made = Folder()
    try:
        yield made.path
    finally:
        made.close()


class Folder:
    """A temporary folder until it is closed, for whoever has no block to open it for."""

    def __init__(self) -> None:
        self._lock: int | None = None
        root = _root()
        if root is None:  # somebody else has a folder of that name
            self.path = Path(tempfile.mkdtemp(prefix="hygiene-"))
            return
        with _locked(root):
            _sweep(root)
            self.path = Path(tempfile.mkdtemp(dir=root))
            self._lock = _try_to_hold(self.path)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def sweep() -> int:
    """Delete folders whose process was killed; return how many there were."""
    root = _root()
    if root is None:
        return 0
    with _locked(root):
        return _sweep(root)


def _root() -> Path | None:
    """Return the folder of ours, which is made if need be; None if it is not ours alone."""
    path = Path(tempfile.gettempdir()) / f"hygiene-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    about = path.lstat()
    is_ours = about.st_uid == os.getuid() and stat.S_ISDIR(about.st_mode)
    return path if is_ours and not about.st_mode & 0o077 else None


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time make folders or sweep: else one is swept before it is held."""
    handle = os.open(root / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(root: Path) -> int:
    swept = 0
    for path in root.iterdir():
        if path.is_dir() and (held := _try_to_hold(path)) is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(held)
            swept += 1
    return swept


def _try_to_hold(path: Path) -> int | None:
    """Return a handle that holds the lock of a folder; None where another process holds it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
