"""Tell bad segments from small ones. Pure: counts in, intervals and judgements out.

A share of few numbers says little: of 5 numbers 2 may be bad by chance. So each share has an
interval, and a segment is bad only where even the interval's lower end is too much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TypeVar

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Share:
    """`bad` of `of` things are bad; the true share is between `low` and `high`, with the requested
    confidence."""

    bad: int
    of: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.bad / self.of if self.of else 0.0


@lru_cache(maxsize=64)
def _deviations(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def share(bad: int, of: int, confidence: float = 0.95) -> Share:
    """Return a share with its interval: Wilson's score interval with continuity correction (R. G.
    Newcombe, Statistics in Medicine 17, 1998, method 4), which keeps its promise for small counts
    too.

    >>> share(0, 0)
    Share(bad=0, of=0, low=0.0, high=1.0)
    >>> found = share(15, 148)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0598, 0.1644)
    """
    if not 0 <= bad <= of:
        raise ValueError("there cannot be more bad ones than there are in all")
    if of == 0:
        return Share(0, 0, 0.0, 1.0)
    p, z = bad / of, _deviations(confidence)
    square = z * z
    below = square - 1 / of + 4 * of * p * (1 - p) + (4 * p - 2)
    above = square - 1 / of + 4 * of * p * (1 - p) - (4 * p - 2)
    double = 2 * (of + square)
    low = (2 * of * p + square - (z * math.sqrt(max(0.0, below)) + 1)) / double if bad else 0.0
    high = (2 * of * p + square + (z * math.sqrt(max(0.0, above)) + 1)) / double
    return Share(bad, of, max(0.0, low), min(1.0, high) if bad < of else 1.0)


def exceeds_threshold(
    counts: Mapping[K, tuple[int, int]], threshold: float, least: int, confidence: float
) -> list[K]:
    """Return the segments, (bad, of) each, that are certainly worse than `threshold`, and than all
    others taken together.

    "Surely": in a count in which none really is, one is named with a probability of at most
    1 - `confidence`, however many there are (each is held to its part of that; Bonferroni).
    """
    judged = {key: pair for key, pair in counts.items() if pair[1] >= least}
    if not judged:
        return []
    # One end of the interval is looked at, so the other end's part of the doubt is free.
    each = 1 - 2 * (1 - confidence) / len(judged)
    all_bad, all_of = (sum(pair[end] for pair in counts.values()) for end in (0, 1))
    exceeding = []
    for key, (bad, of) in judged.items():
        others = all_of - of
        usual = (all_bad - bad) / others if others else 0.0
        if share(bad, of, each).low > max(threshold, usual):
            exceeding.append(key)
    return exceeding
