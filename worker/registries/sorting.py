"""Sort more numbers than memory should hold, and compare two sorted lists.

Numbers are collected in runs, each sorted and kept in a nameless temporary file, eight bytes a
number. What is left when a process is killed is gone with it.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from heapq import merge
from itertools import chain, pairwise
from typing import IO

RUN = 500_000  # numbers of a run: some 20 MB while it is sorted
_SLICE = 32_768  # numbers of a run that are read at a time
_TYPE = "q"  # 64 bits, signed


class NumberFile:
    """Numbers in a temporary file, in the order in which they were added."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def add(self, numbers: Iterable[int]) -> None:
        values = array(_TYPE, numbers)
        self._file.seek(0, 2)
        values.tofile(self._file)
        self.count += len(values)

    def __iter__(self) -> Iterator[int]:
        for values in self.slices(_SLICE):
            yield from values

    def slices(self, size: int) -> Iterator[array[int]]:
        """Yield the numbers, `size` at a time. Several readers may take turns."""
        width = array(_TYPE).itemsize
        for place in range(0, self.count, size):
            self._file.seek(place * width)
            values: array[int] = array(_TYPE)
            values.frombytes(self._file.read(min(size, self.count - place) * width))
            yield values


@contextmanager
def number_files() -> Iterator[Files]:
    """Open temporary files of numbers that end with the block."""
    with ExitStack() as stack:
        yield Files(stack)


class Files:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def new(self) -> NumberFile:
        return NumberFile(self._stack.enter_context(tempfile.TemporaryFile()))

    def sort(self, numbers: Iterable[int]) -> Iterator[int]:
        """Return the numbers in ascending order, each once."""
        runs: list[tuple[int, int, NumberFile]] = []
        run: list[int] = []
        for number in numbers:
            run.append(number)
            if len(run) >= RUN:
                runs.append(self._keep(run))
                run = []
        if run:
            runs.append(self._keep(run))
        runs.sort(key=lambda entry: entry[:2])
        apart = all(a[1] < b[0] for a, b in pairwise(runs))
        # Registries hand out sorted files: then one run follows the other.
        files = [file for _, _, file in runs]
        return _distinct(chain.from_iterable(files) if apart else merge(*files))

    def _keep(self, run: list[int]) -> tuple[int, int, NumberFile]:
        run.sort()
        file = self.new()
        file.add(run)
        return run[0], run[-1], file


def _distinct(ascending: Iterable[int]) -> Iterator[int]:
    last = None
    for number in ascending:
        if number != last:
            yield number
            last = number


def differences(old: Iterable[int], new: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """Yield what is in one of two ascending lists alone, and whether it is in the new one.

    >>> list(differences([1, 2, 4], [2, 3]))
    [(1, False), (3, True), (4, False)]
    """
    ours, theirs = iter(old), iter(new)
    a, b = next(ours, None), next(theirs, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a < b):
            assert a is not None
            yield a, False
            a = next(ours, None)
        elif a is None or b < a:
            yield b, True
            b = next(theirs, None)
        else:
            a, b = next(ours, None), next(theirs, None)
