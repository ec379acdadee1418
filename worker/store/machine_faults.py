"""Describe faults of the machine and of the database and Redis in one line that says what to do.

When a disk is full, or the database or Redis is unreachable, nobody needs a traceback, and no
contact is at fault. Any error that is not known here is a bug of ours, and is reported as one.
"""

from __future__ import annotations

import errno
import re
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
import sqlalchemy as sa

_HERE = Path(__file__).parents[2]
_SPACE = "free some space, then continue"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Words of SQLite (https://www.sqlite.org/rescode.html), and what to do.
_SQLITE = {
    "disk is full": f"the database cannot grow because its disk is full: {_SPACE}",
    "readonly database": "the database cannot be written: its file or its disk is read-only",
    "unable to open": "its file cannot be opened: its folder must exist, be ours, and be writable",
    "disk i/o error": "the database's disk has failed or is full: check it, then continue",
    "malformed": "the database file is damaged: restore a backup (docs/operations.md)",
    "not a database": "DATABASE_URL names a file that is not a database",
}  # fmt: skip
# Classes of PostgreSQL's conditions (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_POSTGRES = {
    "53100": f"the database's disk is full: {_SPACE}",
    "53200": "the database is out of memory: work continues when it has some again",
    "53300": "the database has no free connection: raise max_connections, or run fewer workers",
    "25006": "the database cannot be written: it is read-only",
    "57P": "the database was stopped or is starting: work continues when it is back",
    "08": "the connection to the database broke: work continues when it is back",
    "28": "the database does not accept our user or password: see DATABASE_URL",
}  # fmt: skip
_REDIS_SILENT = "Redis does not answer: see REDIS_URL; work continues when it is back"
# Codes of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/, "Simple errors").
_REDIS = {
    "MISCONF": f"Redis cannot save its data to disk and accepts no writes: {_SPACE}",
    "OOM": "Redis is out of memory and accepts no writes: raise its maxmemory",
    "READONLY": "REDIS_URL names a replica, which accepts no writes: name the primary",
    "MASTERDOWN": "REDIS_URL names a replica that has lost its primary: name the primary",
    "NOREPLICAS": "Redis takes no writes while it has too few replicas: min-replicas-to-write",
    "LOADING": "Redis is starting: work continues when it is ready",
    "NOAUTH": "Redis requires a password: see REDIS_URL",
    "WRONGPASS": "Redis does not accept our password: see REDIS_URL",
    "NOPERM": "Redis does not let our user do this: see its ACL, and REDIS_URL",
    "WRONGTYPE": "a key in Redis is not ours: restart the worker, which moves the key away",
}  # fmt: skip
# redis-py takes the code off where it has a class of its own for it.
_REDIS_CLASSES = {
    "ReadOnlyError": "READONLY", "OutOfMemoryError": "OOM", "BusyLoadingError": "LOADING",
    "MasterDownError": "MASTERDOWN", "NoPermissionError": "NOPERM",
}  # fmt: skip
# Of a script or a pipeline the code stands in the middle of the text.
_WRONG_PASSWORD = re.compile("invalid|WRONGPASS|without any password")
_REDIS_CODE = re.compile(rf"(?:^|[\s:-])({'|'.join(_REDIS)})\b")


@dataclass(frozen=True)
class Trouble:
    """A known fault. `line`: what is wrong and what to do. `passes`: it may soon be over."""

    line: str
    passes: bool = False


def trouble(error: BaseException) -> Trouble | None:
    """Return the fault that an exception shows; None if it may be a bug of ours."""
    silent: Trouble | None = None
    for cause in _causes(error):
        if _is_of_kombu(cause):  # its cause says more, if it has one
            silent = Trouble(_REDIS_SILENT, True)
        elif (fault := _of(cause)) is not None:
            return fault
    return silent


def _is_of_kombu(error: BaseException) -> bool:
    """Return whether the queue's library could not reach Redis. Commands that only use the database
    do not load it, and then no error is its."""
    kombu = sys.modules.get("kombu.exceptions")
    return kombu is not None and isinstance(error, kombu.OperationalError)


def place(error: BaseException) -> str:
    """Say where a bug of ours is: the class of the error, and the last line of our code in it.

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
    """Yield the error and its causes, at most a few."""
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            return
        yield cause
        original = getattr(cause, "orig", None)
        cause = (
            original
            if isinstance(original, BaseException)
            else cause.__cause__ or cause.__context__
        )


def _of(error: BaseException) -> Trouble | None:
    if isinstance(error, sqlite3.Error):
        return _by_words(str(error).lower(), _SQLITE)
    if isinstance(error, psycopg.Error):
        return _of_postgres(error)
    if isinstance(error, redis.exceptions.RedisError):
        return _of_redis(error)
    if isinstance(error, sa.exc.TimeoutError):
        return Trouble("the database is too busy: no connection became free", True)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return _of_system(error)
    return None


def _of_system(error: OSError) -> Trouble | None:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _FULL:
        return Trouble(f"the disk is full{where}: {_SPACE}")
    if error.errno == errno.EROFS:
        return Trouble(f"the disk is read-only{where}: make it writable, or set HYGIENE_HOME")
    if error.errno in (errno.EACCES, errno.EPERM) and error.filename:
        return Trouble(f"our user has no permission for {error.filename}: give it, then continue")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Trouble("too many files are open: raise the limit (ulimit -n), then continue")
    return None


def _of_postgres(error: psycopg.Error) -> Trouble | None:
    state = error.sqlstate or ""
    for begin, line in _POSTGRES.items():
        if state.startswith(begin):
            return Trouble(line, begin in ("57P", "08", "53200", "53300"))
    if isinstance(error, psycopg.OperationalError) and not state:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "it does not answer"
        line = f"the database does not answer: {first}; work continues when it is back"
        return Trouble(line, True)
    return None


def _of_redis(error: redis.exceptions.RedisError) -> Trouble | None:
    code = _REDIS_CLASSES.get(type(error).__name__, "")
    if isinstance(error, redis.exceptions.AuthenticationError):
        code = "WRONGPASS" if _WRONG_PASSWORD.search(str(error)) else "NOAUTH"
    elif not code and (match := _REDIS_CODE.search(str(error))):
        code = match[1]
    if code:
        return Trouble(_REDIS[code], code in ("LOADING", "MASTERDOWN", "NOREPLICAS"))
    if isinstance(error, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)):
        if "max number of clients" in str(error):
            return Trouble("Redis has no free connection: raise its maxclients", True)
        return Trouble(_REDIS_SILENT, True)
    return None


def redis_line(error: redis.exceptions.RedisError) -> str:
    """Say in one line what is wrong with Redis and what to do."""
    fault = _of_redis(error)
    return fault.line if fault is not None else f"Redis refused a command ({type(error).__name__})"


def _by_words(text: str, lines: dict[str, str]) -> Trouble | None:
    return next((Trouble(line) for words, line in lines.items() if words in text), None)
