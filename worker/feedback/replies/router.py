"""Decides between review and ignore for what no rule knows, by a small learned model.

Logistic regression over hashed character and word n-grams, one output for each meaning
(https://en.wikipedia.org/wiki/Feature_hashing). Weights are 8-bit integers and all arithmetic is
in integers, so that the same text has the same score on every machine. The router never flags: it
sends a reply to a person, orders the queue, and proposes a meaning.

`train` makes the two files: the weights, and beside them the thresholds and how they were chosen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from math import exp, isqrt
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import Any
from zlib import crc32

from worker.feedback.replies.text import Folds

KINDS = ("opt_out", "wrong_number")
BUCKETS = 1 << 18  # of each meaning
WEIGHTS = "router.bin"
SETTINGS = "router.json"
_UNIT = 1000  # a score of one logit
_MOST_WHOLE = 300  # characters of a message that is also scored as a whole
_SENTENCES = re.compile(r"[.!?;\n…]+")


@dataclass(frozen=True)
class Model:
    """`weights`: a signed byte for each bucket of each meaning, one meaning after the other.

    `bias` and `thresholds` are in thousandths of a logit, `unit` is what a weight of 1 is in them.
    `review`: from this score on a reply that no rule knows goes to a person; `review_elsewhere`:
    the same in other languages than English, whose harmless messages score lower. `weak`: the same
    of a reply in which a rule saw weak words. `harmless`: of one that a rule doubts.
    """

    weights: memoryview
    bias: tuple[int, ...]
    unit: int
    review: int
    review_elsewhere: int
    weak: int
    harmless: int

    @cached_property
    def by_kind(self) -> list[memoryview]:
        """The weights of each meaning."""
        return [self.weights[kind * BUCKETS : (kind + 1) * BUCKETS] for kind in range(len(KINDS))]


@dataclass(frozen=True, slots=True)
class Score:
    """`values`: of each of `KINDS`. `evidence`: the sentence that speaks for the best, as read."""

    values: tuple[int, ...]
    evidence: str

    @property
    def best(self) -> int:
        return max(self.values)

    @property
    def kind(self) -> str:
        return KINDS[self.values.index(self.best)]

    @property
    def likelihood(self) -> int:
        """The likelihood that the reply is of its kind, in percent."""
        return round(100 / (1 + exp(-max(-30_000, min(30_000, self.best)) / _UNIT)))


def features(folded: str) -> set[int]:
    """The buckets of a normalized text: words, pairs of words, three and four characters."""
    text = f" {folded} "
    data = text.encode()
    words = data.split()
    parts = [b"w" + word for word in words]
    parts += [b"b" + first + b" " + second for first, second in pairwise(words)]
    if len(data) == len(text):  # a letter is a byte
        parts += _runs(data, 3)
        parts += _runs(data, 4)
    else:
        letters = [*map(str.encode, text)]
        threes = [a + b + c for a, b, c in zip(letters, letters[1:], letters[2:], strict=False)]
        parts += threes
        parts += [three + d for three, d in zip(threes, letters[3:], strict=False)]
    return {code % BUCKETS for code in map(crc32, parts)}


def _runs(data: bytes, size: int) -> list[bytes]:
    """All that stands in a row in a text, `size` bytes each."""
    runs: list[bytes] = []
    for start in range(min(size, len(data))):
        runs += _cutter(size, (len(data) - start) // size).unpack_from(data, start)
    return runs


@lru_cache(maxsize=256)
def _cutter(size: int, count: int) -> Struct:
    """What cuts bytes into `count` parts of this size, three times as fast as slices."""
    return Struct(f"{size}s" * count)


def pieces(text: str, folds: Folds | None = None) -> Iterator[str]:
    """What is scored: each sentence of two words or more, and a short message as a whole.
    `folds`: the plain forms of its parts that are known."""
    folds = Folds() if folds is None else folds
    whole = folds[text]
    seen = {""}
    if len(whole) <= _MOST_WHOLE and whole:
        seen.add(whole)
        yield whole
    for sentence in _SENTENCES.split(text):
        folded = whole if sentence == text else folds[sentence.strip()]
        if folded not in seen and " " in folded:
            seen.add(folded)
            yield folded


def score(text: str, model: Model | None = None, folds: Folds | None = None) -> Score:
    """Score a reply; the best of its sentences counts. `folds`: as in `pieces`."""
    model = model or load()
    best = Score(model.bias, "")
    for piece in pieces(text, folds):
        values = _values(piece, model)
        if not best.evidence or max(values) > best.best:
            best = Score(values, piece)
    return best


def _values(folded: str, model: Model) -> tuple[int, ...]:
    buckets = features(folded)
    length = isqrt(len(buckets) << 16) or 1  # 256 times the square root
    # What stands for no feature is taken along, since of one bucket alone it gives no tuple.
    of_buckets = itemgetter(0, *buckets)
    return tuple(
        model.bias[kind] + (sum(of_buckets(weights)) - weights[0]) * model.unit * 256 // length
        for kind, weights in enumerate(model.by_kind)
    )


def read_model(folder: Path) -> Model:
    """Read a model from its two files."""
    settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text("utf-8"))
    weights = memoryview((folder / WEIGHTS).read_bytes()).cast("b")
    if len(weights) != BUCKETS * len(KINDS):
        raise ValueError(f"{folder / WEIGHTS}: has {len(weights)} weights")
    return Model(
        weights, tuple(settings["bias"]), settings["unit"], settings["review"],
        settings["review_elsewhere"], settings["weak"], settings["harmless"],
    )  # fmt: skip


@cache
def load() -> Model:
    """The model that the product ships."""
    return read_model(Path(__file__).parent)


def local_folder(home: Path) -> Path:
    """Where an installation keeps what it learned itself."""
    return home / "replies"


Span = tuple[datetime, datetime]  # from when the first erased text came to the last erasure


def has_local(home: Path) -> bool:
    """Whether an installation has learned something itself."""
    return (local_folder(home) / SETTINGS).exists()


def current(home: Path, erased: Span | None = None) -> Model:
    """The model that counts for an installation: what it learned itself, or what is shipped.

    `erased`: the time in which texts were here that have been erased since. A model that was
    learned within it does not count: it may hold traces of them.
    """
    path = local_folder(home) / SETTINGS
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return load()
    local = _local(path.parent, changed)
    return load() if local is None or is_within(local.learned_at, erased) else local.model


def local_learned_at(home: Path) -> datetime | None:
    """When what an installation learned itself was learned, None where there is nothing."""
    path = local_folder(home) / SETTINGS
    try:
        local = _local(path.parent, path.stat().st_mtime_ns)
    except OSError:
        return None
    return local.learned_at if local is not None else None


def is_within(learned_at: datetime, erased: Span | None) -> bool:
    return erased is not None and erased[0] <= learned_at < erased[1]


@dataclass(frozen=True, slots=True)
class _LocalModel:
    model: Model
    learned_at: datetime


@lru_cache(maxsize=1)
def _local(folder: Path, _changed: int) -> _LocalModel | None:
    try:
        settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text("utf-8"))
        learned_at = datetime.fromisoformat(settings["learned_at"])
        if learned_at.tzinfo is None:
            return None
        return _LocalModel(read_model(folder), learned_at)
    except (OSError, ValueError, KeyError):  # half written, or of another version
        return None
