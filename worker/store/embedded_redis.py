"""Run a Redis of our own if none is configured: a real Redis or Valkey server under
HYGIENE_HOME.

Which program is started: `worker.store.redis_server`. It listens on a socket that only this user
can open, keeps nothing on disk (the database is the truth), and is shared by all processes with the
same HYGIENE_HOME.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from config.errors import HygieneError
from worker.store.private_files import UMASK, make_home
from worker.store.redis_server import find_server, how_to_install
from worker.store.redis_versions import Version, version_of

_LONGEST_SOCKET = 100  # bytes; a socket's path may have 107 on Linux, 103 on macOS
_STARTS_WITHIN = 10.0  # seconds
_OPTIONS = (  # which every version from 6.0 on has
    "--port", "0", "--unixsocketperm", "600", "--save", "", "--appendonly", "no",
    "--daemonize", "no",
)  # fmt: skip


class RedisError(HygieneError):
    """The embedded Redis did not start. The text says why."""

    exit_code = 2


def socket_path(home: Path) -> Path:
    path = home / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    below = Path(f"hygiene-{os.getuid()}-{digest}") / "redis.sock"
    path = Path(tempfile.gettempdir()) / below
    return path if len(os.fsencode(path)) <= _LONGEST_SOCKET else Path("/tmp") / below


def url(home: Path) -> str:
    """Return the address as Celery writes it; redis-py calls the same `unix://`."""
    return f"redis+socket://{socket_path(home)}"


def client(redis_url: str) -> redis.Redis:
    """Return a client for a Redis of the settings, which say whether its certificate is checked."""
    created: redis.Redis = redis.Redis.from_url(
        redis_url.replace("redis+socket://", "unix://", 1), socket_timeout=5
    )
    return created


def answers(home: Path) -> bool:
    if not _is_own_folder(socket_path(home).parent):
        return False
    try:
        return bool(client(url(home)).ping())
    except redis.RedisError:
        return False


def running_version(redis_url: str) -> Version | None:
    """Return which server answers there; None if it does not say, or forbids INFO."""
    try:
        return version_of(client(redis_url).info("server"))
    except redis.RedisError:
        return None


def check_writes(redis_url: str) -> None:
    """Write a key that ends by itself; raises `redis.RedisError` for a Redis that does not answer,
    or that answers and takes no writes (its disk or memory is full, a replica)."""
    client(redis_url).set("hygiene:writes", 1, ex=10)


def ensure(home: Path) -> str:
    """Start the embedded Redis unless it runs already; returns its URL. Raises `RedisError`."""
    make_home(home)
    _make_own_folder(socket_path(home).parent)
    with _lock(home):
        if not answers(home):
            _start(home)
    return url(home)


def _make_own_folder(folder: Path) -> None:
    """Make the socket's folder, for our user alone. Raises `RedisError` for one that somebody else
    made, whose Redis would be theirs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_own_folder(folder):
        raise RedisError(f"{folder} belongs to another user; remove it, or set REDIS_URL")
    folder.chmod(0o700)


def _is_own_folder(folder: Path) -> bool:
    """Return whether it is a folder of our user, and no link to one."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def stop(home: Path) -> None:
    """Stop it, if it runs."""
    if answers(home):
        try:
            client(url(home)).shutdown(nosave=True)
        except redis.RedisError:
            return


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with os.fdopen(os.open(home / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(home: Path) -> None:
    """Start a server and wait until it answers. Raises `RedisError`."""
    server = find_server()
    if server is None:
        raise RedisError(how_to_install())
    path = socket_path(home)
    path.unlink(missing_ok=True)
    log = home / "redis.log"
    process = subprocess.Popen(
        [
            server.program, *_OPTIONS, "--unixsocket", str(path), "--dir", str(path.parent),
            "--logfile", str(log),
        ],
        # From 7.0 on it refuses to start where LANG or LC_ALL names a locale that is not installed.
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,
        umask=UMASK,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        if answers(home):
            return
        time.sleep(0.05)
    raise RedisError(f"the embedded Redis ({server}) did not start; see {log}, or set REDIS_URL")
