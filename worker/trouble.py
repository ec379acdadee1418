"""Troubles of the machine and the services beside us, in a line that says what to do.

A disk that is full, a database or a Redis that is away: nobody needs a traceback of those, and no
contact is to blame. What is not known here is a fault of ours, and is told as one.
"""

from __future__ import annotations

import errno
import sqlite3
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kombu.exceptions
import psycopg
import redis
import sqlalchemy as sa

_HERE = Path(__file__).parent.parent
_SPACE = "free some space, then go on"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Words of SQLite (https://www.sqlite.org/rescode.html), and what to do.
_SQLITE = {
    "disk is full": f"the database cannot grow, its disk is full: {_SPACE}",
    "readonly database": "the database cannot be written: its file or its disk is read-only",
    "unable to open": "the database's file cannot be opened: is its folder there, and ours?",
    "disk i/o error": "the database's disk does not work, or is full: look at it, then go on",
    "malformed": "the database's file is damaged: put a backup in its place (docs/operations.md)",
    "not a database": "DATABASE_URL names a file that is no database",
}  # fmt: skip
# Classes of PostgreSQL's conditions (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_POSTGRES = {
    "53100": f"the database's disk is full: {_SPACE}",
    "53200": "the database is out of memory: it goes on when there is some",
    "53300": "the database has no connection left: raise max_connections, or run fewer workers",
    "25006": "the database cannot be written: it is read-only",
    "57P": "the database was stopped, or starts just now: it goes on when it is there",
    "08": "the connection to the database broke: it goes on when it is there",
    "28": "the database does not accept our user or password: see DATABASE_URL",
}  # fmt: skip
_REDIS = {
    "MISCONF": f"Redis cannot keep its data on disk and takes nothing new: {_SPACE}",
    "OOM": "Redis is out of memory and takes nothing new: raise its maxmemory",
    "READONLY": "REDIS_URL names a replica, which cannot be written: name the primary",
    "LOADING": "Redis starts just now: it goes on when it is there",
    "NOAUTH": "Redis wants a password: see REDIS_URL",
    "WRONGPASS": "Redis does not accept our password: see REDIS_URL",
    "WRONGTYPE": "a key in Redis is not of our making: restart the worker, which moves it away",
}  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """`line`: what is wrong and what to do. `passes`: it may be over in a moment."""

    line: str
    passes: bool = False


def trouble(error: BaseException) -> Trouble | None:
    """What an exception says of the machine; None where it may be a fault of ours."""
    for one in _causes(error):
        if (found := _of(one)) is not None:
            return found
    return None


def place(error: BaseException) -> str:
    """Where a fault of ours lies, in a word: the class, and the last line of ours that it passed.

    >>> place(ValueError("no frame"))
    'ValueError'
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_HERE) and "site-packages" not in frame.filename
    ]
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).relative_to(_HERE)}:{last.lineno}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, at most a few."""
    one: BaseException | None = error
    for _ in range(8):
        if one is None:
            return
        yield one
        original = getattr(one, "orig", None)
        one = original if isinstance(original, BaseException) else one.__cause__ or one.__context__


def _of(error: BaseException) -> Trouble | None:
    if isinstance(error, sqlite3.Error):
        return _by_words(str(error).lower(), _SQLITE)
    if isinstance(error, psycopg.Error):
        return _of_postgres(error)
    if isinstance(error, redis.exceptions.RedisError):
        return _of_redis(error)
    if isinstance(error, kombu.exceptions.OperationalError):
        return Trouble("Redis does not answer: see REDIS_URL; it goes on when it is there", True)
    if isinstance(error, sa.exc.TimeoutError):
        return Trouble("the database is too busy: no connection to it became free", True)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return _of_system(error)
    return None


def _of_system(error: OSError) -> Trouble | None:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _FULL:
        return Trouble(f"the disk is full{where}: {_SPACE}")
    if error.errno == errno.EROFS:
        return Trouble(f"the disk is read-only{where}")
    if error.errno in (errno.EACCES, errno.EPERM) and error.filename:
        return Trouble(f"our user may not open {error.filename}")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Trouble("too many files are open: raise the limit (ulimit -n), then go on")
    return None


def _of_postgres(error: psycopg.Error) -> Trouble | None:
    state = error.sqlstate or ""
    for begin, line in _POSTGRES.items():
        if state.startswith(begin):
            return Trouble(line, begin in ("57P", "08", "53200", "53300"))
    if isinstance(error, psycopg.OperationalError) and not state:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "it does not answer"
        return Trouble(f"the database does not answer: {first}; it goes on when it is there", True)
    return None


def _of_redis(error: redis.exceptions.RedisError) -> Trouble | None:
    if isinstance(error, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)):
        return Trouble("Redis does not answer: see REDIS_URL; it goes on when it is there", True)
    code = str(error).partition(" ")[0]
    # redis-py takes the code off where it has a class of its own for it.
    name = {"ReadOnlyError": "READONLY", "OutOfMemoryError": "OOM", "BusyLoadingError": "LOADING"}
    line = _REDIS.get(name.get(type(error).__name__, code))
    return Trouble(line, code == "LOADING") if line else None


def _by_words(text: str, lines: dict[str, str]) -> Trouble | None:
    return next((Trouble(line) for words, line in lines.items() if words in text), None)
