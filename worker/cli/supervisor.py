"""`hygiene up`: run the Procfile's processes on this machine, with embedded parts by default.

A process that ends by itself is started again, at first soon and then later and later; one that
says that its settings are wrong (exit code 2) each time ends all of them, since a start more would
say the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from queue import Empty, Queue
from types import FrameType
from typing import IO

from honcho.printer import Message, Printer

from config import stopping
from config.settings import Settings
from config.throttle import at_most_every
from worker.cli.output import console
from worker.store import embedded_redis
from worker.store.private_files import UMASK
from worker.sync.stream.state import followed

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds until a process is started again
_STAYS = 30.0  # seconds that a process has to live for its next pause to be a short one
_MISSET = 2  # exit code of wrong settings
_MOST_MISSET = 3  # such ends in a row
_STOPS_WITHIN = stopping.GRACE + 5.0  # seconds; then it is killed
_LOOK_EVERY = 0.1  # seconds
_TENDS_EVERY = 5.0  # seconds
_MOST_WRITERS = 8  # processes, of some 100 MB each
_COLOURS = ("36", "33", "32")  # cyan, yellow, green


def commands(settings: Settings) -> dict[str, list[str]]:
    """Return process name -> command, run by this same Python."""
    celery = [sys.executable, "-m", "celery", "--app", "worker.app"]
    level = ["--loglevel", settings.log.level]
    stream = [sys.executable, "-m", "worker", "stream"]
    return {
        "web": [sys.executable, "-m", "worker", "web"],
        "worker": [*celery, "worker", *level],
        # For reports alone, and for carrying them to the CRMs: none waits for a page of a sync.
        "reports": [*celery, "worker", *level, "--queues", "reports", "--pool", "solo",
                    "--hostname", "reports@%h"],
        "writes": [*celery, "worker", *level, "--queues", "writes", "--concurrency",
                   str(_writers(settings)), "--hostname", "writes@%h"],
        "beat": [*celery, "beat", *level],
        **({"stream": stream} if any(followed(settings)) else {}),
    }  # fmt: skip


def _writers(settings: Settings) -> int:
    """How many CRMs are written to at the same time: one that is away holds up no other."""
    return min(max(len(settings.active_connectors), 2), _MOST_WRITERS)


@dataclass
class _Process:
    name: str
    command: Sequence[str]
    colour: str
    child: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0  # when it is to be started (again)
    pause: float = field(default_factory=lambda: _FIRST_PAUSE)
    misset: int = 0  # ends in a row that settings were to blame for


@dataclass
class Supervisor:
    """Runs processes until it is told to stop, or until one cannot be run at all."""

    commands: Mapping[str, Sequence[str]]
    env: Mapping[str, str]
    tend: Callable[[], None] = lambda: None  # looks after what they need, now and then
    printer: Printer = field(default_factory=lambda: Printer(width=7))

    def __post_init__(self) -> None:
        self._lines: Queue[Message] = Queue()
        self._stopped_by = 0
        self._again = False  # it was told to stop a second time
        self._all = [
            _Process(name, command, colour)
            for (name, command), colour in zip(self.commands.items(), cycle(_COLOURS), strict=False)
        ]

    def run(self) -> int:
        """Run until stopped. Return the exit code: 130 if a signal ended it, else that of what
        cannot be run."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told)
        code = stopping.CODE
        tend = at_most_every(_TENDS_EVERY, self.tend)
        try:
            while not self._stopped_by:
                for process in self._all:
                    if process.child is None:
                        self._start_if_due(process)
                    elif (ended := process.child.poll()) is not None:
                        self._ended(process, ended)
                        if process.misset >= _MOST_MISSET:
                            self._say(process, "its settings are wrong (see above); all stop")
                            code = _MISSET
                            self._stopped_by = signal.SIGTERM
                tend()
                self._print(_LOOK_EVERY)
        finally:
            self._stop_all()
        return code

    def _told(self, number: int, _frame: FrameType | None) -> None:
        self._again = bool(self._stopped_by)
        self._stopped_by = number

    def _start_if_due(self, process: _Process) -> None:
        now = time.monotonic()
        if now < process.due:
            return
        # A session of its own: Ctrl-C in the terminal is for this process, which tells the others.
        process.child = subprocess.Popen(
            process.command, env=dict(self.env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        process.started = now
        assert process.child.stdout is not None
        reading = (process, process.child.stdout)
        threading.Thread(target=self._read, args=reading, daemon=True).start()

    def _ended(self, process: _Process, code: int) -> None:
        process.child = None
        now = time.monotonic()
        if now - process.started >= _STAYS:
            process.pause, process.misset = _FIRST_PAUSE, 0
        process.misset = process.misset + 1 if code == _MISSET else 0
        process.due = now + process.pause
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        self._say(process, f"ended ({how}); started again in {process.pause:g} s")
        process.pause = min(_LONGEST_PAUSE, process.pause * 2)

    def _stop_all(self) -> None:
        """Send SIGTERM to each process (a worker tells its children), and SIGKILL to
        what remains."""
        living = [process.child for process in self._all if process.child is not None]
        for child in living:
            child.terminate()
        until = time.monotonic() + _STOPS_WITHIN
        while time.monotonic() < until and not self._again:
            if all(child.poll() is not None for child in living):
                break
            self._print(_LOOK_EVERY)
        for child in living:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # it is the leader of its group
            child.wait()
        self._print(0.0)

    def _read(self, process: _Process, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                self._put(process, line)

    def _say(self, process: _Process, text: str) -> None:
        self._put(process, text)

    def _put(self, process: _Process, data: str | bytes) -> None:
        self._lines.put(Message("line", data, datetime.now(), process.name, process.colour))

    def _print(self, seconds: float) -> None:
        """Print what was said, for so long."""
        until = time.monotonic() + seconds
        while True:
            try:
                message = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return
            try:
                self.printer.write(message)
            except OSError:  # nobody reads it any more, or its disk is full: they run all the same
                continue


def run_all(settings: Settings) -> int:
    """Run all until we are told to stop, or one cannot be run; returns an exit code."""
    os.umask(UMASK)  # for all processes that are started here
    mine = not settings.redis_url and not embedded_redis.answers(settings.home)
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if not settings.redis_url:
        embedded_redis.ensure(settings.home)

    def tend() -> None:
        if not settings.redis_url:
            try:
                embedded_redis.ensure(settings.home)
            except (embedded_redis.RedisError, OSError) as error:
                console.error(str(error))

    try:
        return Supervisor(commands(settings), env, tend).run()
    finally:
        if mine:
            embedded_redis.stop(settings.home)
