"""Tune the memory habits of Python and the C library for a process that handles many records."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from functools import cache

_M_ARENA_MAX = -8  # of malloc.h
# Python looks for cycles each 700 new objects and, by turns, through all that is alive. Records are
# made by the hundred thousand and none is part of a cycle: looking as often took a fifth of the
# time of a first sync.
GC_THRESHOLDS = (50_000, 20, 100)


@cache
def tune_gc_for_bulk() -> None:
    """Set this process up for work on many records; safe to repeat.

    Whatever is there now (modules, settings) is left out of the search for cycles for good, and
    threads share one heap: with heaps of their own (glibc's habit) each would keep what it once
    needed.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def trim_heap() -> None:
    """Return free memory that the C library holds to the system. It keeps what was once
    needed at the top of its heap, so that a process of many days looks as if it grew: some 10 MB
    after an hour, of which nothing is in use."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
