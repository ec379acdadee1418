"""Keep the home and all files in it private to the user of this installation.

Files that already exist, from a version or an umask that was less strict, are fixed, and the log
says so. Files of another user cannot be fixed from here: `hygiene doctor` names them.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

FOR_OTHERS = 0o077  # what group and others may do
UMASK = 0o077
_OURS = (
    "hygiene.db*", "redis.*", "*.rdb", "beat-schedule*", "celerybeat*", "secret-key*", "*.log",
    "demo.lock",
)  # fmt: skip
_looked_at: set[tuple[int, int]] = set()  # device and inode of databases
_looking = threading.Lock()
_SOMETHING_ELSE = (".git", "pyproject.toml", "Procfile", ".bashrc", ".profile")


def make_home(home: Path) -> None:
    """Make the folder, for this user only, if it is missing; fix the rights of what exists."""
    if not home.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    protect_home(home)


def protect_home(home: Path) -> None:
    """Take the rights of others from the home and the files in it; never raises."""
    if not home.is_dir():
        return
    if not _is_for_all(home):
        _protect(home, "HYGIENE_HOME")
    for path in _files_of(home):
        _protect(path, path.name)


def _is_for_all(home: Path) -> bool:
    """Return whether this is a folder in which everybody may create files, such as /tmp."""
    return bool(home.stat().st_mode & stat.S_ISVTX)


def make_database(path: Path) -> None:
    """Make an SQLite file that only this user can read, or fix the existing one. SQLite gives the
    files beside it (`-wal`, `-shm`) the rights of the file itself."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(OSError):  # it is there, or SQLite says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _looking:
        if not _is_looked_at_first(path) or not _is_database(path):
            return  # looked at before, or not ours to change: SQLite says what is wrong
    for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        _protect(each, each.name)


def _is_looked_at_first(path: Path) -> bool:
    """Return whether this process has not looked at that file yet, and so has no
    connection to it.

    Whoever opens the file of a database and closes it again takes the locks of all connections that
    the process has to it: the next process that leaves then takes itself for the last one, and
    deletes the log that these still read and write (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        about = path.stat()
    except OSError:
        return False
    file = about.st_dev, about.st_ino
    known = file in _looked_at
    _looked_at.add(file)
    return not known


def _is_database(path: Path) -> bool:
    """Return whether SQLite made the file
    (https://www.sqlite.org/fileformat.html#the_database_header), or it is still empty. Call it only
    if the process has no connection to it: `_is_looked_at_first`."""
    try:
        with path.open("rb") as file:
            return file.read(16) in (b"", b"SQLite format 3\x00")
    except OSError:
        return False


def _files_of(home: Path) -> Iterator[Path]:
    """Return all files in a folder that is only ours; in a folder with other contents (a project,
    somebody's own folder), only the files that we make."""
    shared = (
        _is_for_all(home)
        or home == Path.home()
        or any((home / name).exists() for name in _SOMETHING_ELSE)
    )
    try:
        if shared:
            for pattern in _OURS:
                yield from home.glob(pattern)
            return
        for folder, folders, files in os.walk(home):
            yield from (Path(folder, name) for name in (*folders, *files))
    except OSError:
        return


def _protect(path: Path, name: str) -> None:
    try:
        about = path.lstat()
        kind = stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)
        if not kind or about.st_uid != os.getuid() or not about.st_mode & FOR_OTHERS:
            return
        mode = stat.S_IMODE(about.st_mode)
        path.chmod(mode & ~FOR_OTHERS)
    except OSError:
        return
    log.warning("%s was open to other users of this machine (%04o): it is %04o now",
                name, mode, mode & ~FOR_OTHERS)  # fmt: skip


def problem(path: Path) -> str:
    """Say why a path is not private; "" if it is, or if it does not exist."""
    try:
        about = path.stat()
    except OSError:
        return ""
    if about.st_uid != os.getuid():
        return "belongs to another user"
    if about.st_mode & FOR_OTHERS:
        return "is open to other users"
    return ""
