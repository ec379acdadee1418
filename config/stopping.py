"""Stop cleanly: a process that is told to stop finishes what is in progress and starts nothing new.

A signal only sets a request (`request`). The working threads look for it at safe points (`check`,
and `sleep` for every wait) and leave by raising `Stopped`. On the way out they give back their
leases and wait for calls that were sent, so that no paid answer is lost. `Stopped` is not an
`Exception`, so that no handler of failures catches it.

    command line    SIGINT, SIGTERM and SIGHUP inside `gracefully`
    Celery worker   its warm shutdown, which its children see by `share_with_children`
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CODE = 130  # exit code of a command that was interrupted, whatever signal did it
# Seconds that calls under way may take to end. A lookup's time-out is 15: its answer is paid for.
GRACE = 20.0
_LOOK_EVERY = 0.2  # seconds until a child of a worker sees that its parent was told to stop
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked = threading.Event()
_shared: mmap.mmap | None = None  # a byte that a worker and its children see


class Stopped(BaseException):
    """Raised when this process was told to stop. Work under way keeps its place and can
    be resumed."""


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by a signal, for whoever handles a `KeyboardInterrupt`.

    Not that class itself: CPython takes one that passes through an `exec` of a string, as
    dataclasses and namedtuples use while they are imported, for unhandled, and ends the process by
    SIGINT later although it was handled (`run_eval_code_obj` in its pythonrun.c).
    """


def request() -> None:
    """Ask all threads of this process to stop."""
    _asked.set()


def request_of_all() -> None:
    """Ask this process and those that it has forked (`share_with_children`) to stop."""
    if _shared is not None:
        _shared[0] = 1
    request()


def requested() -> bool:
    return _asked.is_set() or (_shared is not None and _shared[0] != 0)


def requested_here_alone() -> bool:
    """Return whether a worker's child was told to stop and its parent was not."""
    return _asked.is_set() and _shared is not None and _shared[0] == 0


def check() -> None:
    """Raise `Stopped` if a stop was requested. Call it only where nothing is half done."""
    if requested():
        raise Stopped


def sleep(seconds: float) -> None:
    """Wait; raise `Stopped` as soon as a stop is requested."""
    until = time.monotonic() + seconds
    check()
    while (remaining := until - time.monotonic()) > 0:
        _asked.wait(remaining if _shared is None else min(remaining, _LOOK_EVERY))
        check()


def share_with_children() -> None:
    """Let processes that are forked from now on stop together with this one."""
    global _shared
    _shared = mmap.mmap(-1, 1)


@contextmanager
def gracefully(goes_on: Callable[[], str]) -> Iterator[None]:
    """Let the first signal request a stop, and the second one end the process at once.

    The process also ends if a call has not returned after `GRACE` seconds; the leases of a dead
    process are free. `goes_on` returns a line on how to continue, which is printed at the end. Use
    it only in the main thread.
    """

    def asked(_number: int, _frame: FrameType | None) -> None:
        if requested():
            _end_now("")
        request()
        if sys.stderr.isatty():
            _say("stopping after the calls in progress; a second signal stops at once")
        watch = threading.Timer(GRACE, lambda: _end_now(goes_on()))
        watch.daemon = True
        watch.start()

    with _handled_by(asked):
        yield


@contextmanager
def by_interrupt() -> Iterator[None]:
    """Raise `Interrupted` in the main thread for each of these signals."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    with _handled_by(interrupt):
        yield


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    """Handle our signals so, and then as before. After a stop whatever signal comes ends the
    process: it is about to exit."""
    before = {number: _handle(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        if not requested():
            for number, earlier in before.items():
                _handle(number, earlier)


def before_anything_is_begun() -> None:
    """Let a signal end a command at once while it loads its libraries: there is nothing to keep."""

    def end(_number: int, _frame: FrameType | None) -> None:
        _end_now("stopped; nothing was started")

    for number in _SIGNALS:
        _handle(number, end)


Handler = Callable[[int, FrameType | None], object] | int | None


def _handle(number: signal.Signals, handler: Handler) -> Handler:
    """Handle a signal, and return what did before. A terminal that is gone stays ignored where
    somebody wanted that (nohup), and another thread than the main one cannot handle any."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
        return signal.SIG_IGN
    return signal.signal(number, handler) if handler is not None else None


def _end_now(line: str) -> None:
    if line:
        _say(line)
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h")  # a progress bar may have hidden the cursor
    os._exit(CODE)


def _say(line: str) -> None:
    os.write(2, f"{line}\n".encode())  # from a signal's handler: not through Python's buffers
