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
from collections.abc import Iterable, Iterator
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
    "3D000": "the server has no database of this name: create it, or correct the end of "
    "DATABASE_URL",
}  # fmt: skip
# Words of libpq about a server that it does not reach, or that turns it away before it has a code
# (https://www.postgresql.org/docs/current/libpq-ssl.html); the first that fits counts. The word
# behind tells whether it may pass by itself.
_NO_CONNECTION: tuple[tuple[str, str, bool], ...] = (
    ("password authentication failed|no password supplied|role .* does not exist",
     "the database does not accept our user or password: see DATABASE_URL", False),
    ("database .* does not exist",
     "the server has no database of this name: create it, or correct the end of DATABASE_URL",
     False),
    ("no pg_hba.conf entry.*(ssl off|no encryption)",
     "the database takes no connection without TLS from here: add ?sslmode=require to "
     "DATABASE_URL", False),
    ("no pg_hba.conf entry",
     "the database takes no connection from this machine with our user: add a line to its "
     "pg_hba.conf, or correct DATABASE_URL", False),
    ("does not support ssl",
     "the database speaks no TLS: turn it on there, or take sslmode out of DATABASE_URL (what is "
     "sent is then open to the network)", False),
    ("root certificate file",
     "DATABASE_URL wants the database's certificate checked, and names no authority: add "
     "&sslrootcert=FILE, or &sslrootcert=system", False),
    ("certificate verify failed|does not match host name",
     "the database's certificate is not of an authority that we trust, or not of this host: name "
     "its authority (sslrootcert=FILE in DATABASE_URL), and the host as its certificate has it",
     False),
    ("invalid sslmode",
     "sslmode in DATABASE_URL must be disable, allow, prefer, require, verify-ca or verify-full",
     False),
    ("resolve host|translate host name|name or service not known|nodename nor servname",
     "the database does not answer: the host of DATABASE_URL is not known here, so check its "
     "name; work continues when it is", True),
    ("connection refused",
     "the database does not answer: nothing listens at the host and port of DATABASE_URL; start "
     "it, or correct them; work continues when it is back", True),
)  # fmt: skip
_REDIS_SILENT = "Redis does not answer: see REDIS_URL; work continues when it is back"
_SET_CERT_REQS = (
    "to accept a self-signed one (Heroku's Key-Value Store has one), set REDIS_SSL_CERT_REQS=none; "
    "to trust an authority of your own, add ?ssl_ca_certs=FILE to REDIS_URL (docs/production.md, "
    "Redis with TLS)"
)
# Words of Python's ssl and of the system (https://docs.python.org/3/library/ssl.html), likewise.
_NO_REDIS: tuple[tuple[str, str, bool], ...] = (
    ("hostname mismatch|ip address mismatch|doesn't match",
     "the certificate of Redis is of another host than REDIS_URL names: name that one, or add "
     "?ssl_check_hostname=false", False),
    ("certificate verify failed", f"the certificate of Redis is not trusted: {_SET_CERT_REQS}",
     False),
    ("wrong version number|wrong_version_number|record layer failure",
     "Redis does not speak TLS at this port: write redis:// in REDIS_URL, or the port for TLS",
     False),
    ("name or service not known|nodename nor servname|name resolution|no address associated",
     "Redis does not answer: the host of REDIS_URL is not known here, so check its name; work "
     "continues when it is", True),
    ("connection refused|error 111 |error 61 ",
     "Redis does not answer: nothing listens at the host and port of REDIS_URL; start it, or "
     "correct them; work continues when it is back", True),
    ("connection closed by server|connection reset",
     "Redis closes the connection: if it speaks TLS at this port, write rediss:// in REDIS_URL; "
     "work continues when it answers", True),
)  # fmt: skip
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


def describe(error: BaseException) -> str:
    """Return the line of a known fault, else the class of the error, for a log that has to hold
    nothing of what it was about."""
    fault = trouble(error)
    return fault.line if fault is not None else type(error).__name__


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
    if not state and (fault := _by_pattern(str(error), _NO_CONNECTION)) is not None:
        return fault
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
        return _by_pattern(str(error), _NO_REDIS) or Trouble(_REDIS_SILENT, True)
    return None


def redis_line(error: redis.exceptions.RedisError) -> str:
    """Say in one line what is wrong with Redis and what to do."""
    fault = _of_redis(error)
    return fault.line if fault is not None else f"Redis refused a command ({type(error).__name__})"


def _by_pattern(text: str, lines: Iterable[tuple[str, str, bool]]) -> Trouble | None:
    low = text.lower()
    return next((Trouble(line, passes) for words, line, passes in lines if re.search(words, low)),
                None)  # fmt: skip


def _by_words(text: str, lines: dict[str, str]) -> Trouble | None:
    return next((Trouble(line) for words, line in lines.items() if words in text), None)
