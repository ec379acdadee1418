"""Log without personal data: mask whatever looks like a phone number.

Code should not log numbers in the first place. This is the safety net, also for messages of
libraries, which may quote a request or a response.

Each line says what it is about, if that is known: the run, the page, and the request or message
(`trace`) that caused it, also across the queue (see `about`).
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import IO, Any

from config.connections import in_current_words
from config.redaction import redact_secrets
from config.settings import Log

# Seven or more digits with the punctuation that people put between them, as ") " or " - ". Record
# ids survive, since they touch letters or underscores, or are quoted as `id=...` without a plus.
_NUMBER = re.compile(r"(?<![\w.:/-])\+?\(?\d(?:[\s().-]{0,3}\d){6,}(?![\w-])")
_BEARER = re.compile(r"(?i)(bearer[ :]+|token=|secret=|password=)[^\s\"',;&]+")


def redact(text: str) -> str:
    """Mask phone numbers (last two digits stay), bearer tokens and our own secrets in a text.

    >>> redact("could not verify +1 (415) 555-0123")
    'could not verify <number ..23>'
    """
    text = _BEARER.sub(r"\1<secret>", redact_secrets(text))
    return _NUMBER.sub(lambda match: f"<number ..{match.group()[-2:]}>", text)


_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(**what: str) -> Iterator[None]:
    """What the lines inside are about: `run`, `page`, `task`, `trace`. Ids alone, never data."""
    token = _about.set({**_about.get(), **{name: str(value) for name, value in what.items()}})
    try:
        yield
    finally:
        _about.reset(token)


def what_about() -> Mapping[str, str]:
    """What lines said now are about."""
    return _about.get()


def _name_the_connection(record: logging.LogRecord) -> bool:
    """Let what a connector's code says of its kind name the connection that it works for."""
    message = record.getMessage()
    if (renamed := in_current_words(message)) != message:
        record.msg, record.args = renamed, ()
    return True


class _Lines(logging.Formatter):
    """Redacts the message of a line but not its time, which looks like a phone number too."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = redact(record.message)
        message = super().formatMessage(record)
        context = " ".join(f"{name}={value}" for name, value in _about.get().items())
        return f"{message} [{context}]" if context else message

    def formatException(self, ei: Any) -> str:
        return redact(super().formatException(ei))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(message),
            **_about.get(),
        }
        return json.dumps(entry, ensure_ascii=False)


class _Stderr(logging.StreamHandler[IO[str]]):
    """Writes to the current `sys.stderr`, so that lines appear above a progress bar."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> IO[str]:  # type: ignore[override]
        return sys.stderr


def set_up(log: Log) -> None:
    """Send all logs to stderr, one line each, redacted."""
    handler = _Stderr()
    handler.setFormatter(
        _JsonLines()
        if log.json_lines
        else _Lines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    handler.addFilter(_name_the_connection)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    # A HubSpot or urllib3 debug line carries whole bodies; they are never wanted below warning.
    for noisy in ("urllib3", "hubspot", "httpx", "kombu", "amqp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
