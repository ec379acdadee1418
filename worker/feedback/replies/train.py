"""Trains the router: `python -m worker.feedback.replies.train [--personal FILE] [--out FOLDER]`.

Deterministic: the same sentences give the same files. Needs nothing but Python. `--personal` is a
CSV file with a column `text` of personal messages, against which the thresholds are chosen; without
it they stay as they are in the file of the model before.
"""

from __future__ import annotations

import argparse
import csv
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, sqrt
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from worker.feedback.replies.reader import read_by_rules, read_reply
from worker.feedback.replies.router import (
    BUCKETS,
    KINDS,
    SETTINGS,
    WEIGHTS,
    Model,
    Score,
    features,
    read_model,
    score,
)
from worker.feedback.replies.text import normalize
from worker.feedback.replies.training_data import FOLDER, Example, examples

_PASSES = 6
_RATE = 1.2
_SETTLED = 0.04  # an error at which a sentence teaches nothing more
_DECAY = 0.985  # of all weights after each pass, so that rare n-grams count little
_PERSONAL_SHARE = 0.047  # of personal messages that rules and router may send to a person
_HARMLESS_SHARE = 0.16  # of harmless sentences in other languages that the router may send to one
_WEAK_SHARE = 0.98  # of requests in which rules see weak words that must go to a person
_WANTED_SHARE = 0.995  # of requests that must not count as surely harmless
_HELD_OUT = 5  # one line of five is held out to measure


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned, before it is rounded to bytes."""

    values: array[float]
    bias: list[float]


def learn(lessons: Sequence[Example], passes: int = _PASSES) -> Weights:
    """Fit the weights by stochastic gradient descent on the logistic loss."""
    rows = [
        (tuple(sorted(features(normalize(example.text)))), example.meant) for example in lessons
    ]
    rows = [row for row in rows if row[0]]
    values = array("d", bytes(8 * BUCKETS * len(KINDS)))
    bias = [-1.0] * len(KINDS)
    rng = Random(7)
    for _ in range(passes):
        rng.shuffle(rows)
        for buckets, meant in rows:
            size = 1 / sqrt(len(buckets))
            for kind in range(len(KINDS)):
                start = kind * BUCKETS
                logit = bias[kind] + size * sum([values[start + bucket] for bucket in buckets])
                error = meant[kind] - 1 / (1 + exp(-max(-30.0, min(30.0, logit))))
                if abs(error) < _SETTLED:
                    continue
                step = _RATE * error * size
                for bucket in buckets:
                    values[start + bucket] += step
                bias[kind] += 0.02 * error
        for place, value in enumerate(values):
            if value:
                values[place] = value * _DECAY
    return Weights(values, bias)


def rounded(weights: Weights) -> Model:
    """The weights as bytes."""
    most = max(abs(value) for value in weights.values) or 1.0
    data = array("b", (round(127 * value / most) for value in weights.values))
    return Model(
        memoryview(data.tobytes()).cast("b"),
        tuple(round(1000 * value) for value in weights.bias),
        max(1, round(1000 * most / 127)), 0, 0, 0, 0,
    )  # fmt: skip


def is_held_out(example: Example) -> bool:
    return crc32(example.line.encode()) % _HELD_OUT == 0


def measure(model: Model, held_out: Sequence[Example]) -> dict[str, Any]:
    """What a model does with sentences that it was not trained with."""
    wanted = [
        (score(example.text, model), example.language) for example in held_out if any(example.meant)
    ]
    harmless = [
        (score(example.text, model), example.language)
        for example in held_out
        if not any(example.meant)
    ]
    kinds = [
        (score(example.text, model).kind, example.meant)
        for example in held_out
        if sum(example.meant) == 1
    ]
    return {
        "sentences": len(held_out),
        "caught": _share([is_sent(scored, model, code) for scored, code in wanted]),
        "harmless_reviewed": _share([is_sent(scored, model, code) for scored, code in harmless]),
        "with_the_rules": _with_rules(model, held_out),
        "meaning_right": _share([meant[KINDS.index(kind)] for kind, meant in kinds]),
    }


def _with_rules(model: Model, held_out: Sequence[Example]) -> dict[str, float]:
    """What comes of the sentences when the rules read them first."""
    replies = [(read_reply(example.text, model), any(example.meant)) for example in held_out]
    harmless = [reply for reply, is_request in replies if not is_request]
    requests = [reply for reply, is_request in replies if is_request]
    return {
        "flagged": _share([bool(reply.intents) for reply in requests]),
        "caught": _share([bool(reply.intents) or reply.needs_review for reply in requests]),
        "harmless_flagged": _share([bool(reply.intents) for reply in harmless]),
        "harmless_reviewed": _share([reply.needs_review for reply in harmless]),
    }


def is_sent(scored: Score, model: Model, language: str) -> bool:
    """Whether the router alone sends a reply of this score to a person."""
    return scored.best >= (model.review if language == "en" else model.review_elsewhere)


def _share(results: Sequence[bool]) -> float:
    return round(sum(results) / len(results), 4) if results else 0.0


def quantile(values: Sequence[int], share: float) -> int:
    """The value that a share of all values is at or above."""
    ordered = sorted(values, reverse=True)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] + 1


def personal_messages(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def train(folder: Path, personal: Path | None, out: Path, every: int = 1) -> dict[str, Any]:
    """Train, choose thresholds, measure on held-out lines, and write the two files.

    The measure is of a model that has not seen the held-out lines; what is written has seen all.
    `every`: take one line of so many, to try the script quickly.
    """
    lessons = [
        example for example in examples(folder) if crc32(example.line.encode()) // 7 % every == 0
    ]
    trial = rounded(learn([example for example in lessons if not is_held_out(example)]))
    held_out = [example for example in lessons if is_held_out(example)]
    final = rounded(learn(lessons))
    trial, how = _with_thresholds(trial, final, held_out, personal)
    document = {
        "about": "The router of replies; see router.py. Scores are thousandths of a logit.",
        "bias": list(final.bias),
        "unit": final.unit,
        "review": trial.review,
        "review_elsewhere": trial.review_elsewhere,
        "weak": trial.weak,
        "harmless": trial.harmless,
        "chosen": how,
        "trained_with": len(lessons),
        "held_out": measure(trial, held_out),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / WEIGHTS).write_bytes(final.weights.tobytes())
    (out / SETTINGS).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return document


def _with_thresholds(
    trial: Model, final: Model, held_out: Sequence[Example], personal: Path | None
) -> tuple[Model, str]:
    """The trial model with thresholds, and how they were chosen."""
    if personal is None:
        before = read_model(Path(__file__).parent)
        return with_thresholds_of(trial, before), "as in the model before"
    wanted = [
        (example, score(example.text, trial).best) for example in held_out if any(example.meant)
    ]
    elsewhere = [
        score(example.text, trial).best
        for example in held_out
        if not any(example.meant) and example.language != "en"
    ]
    weak = quantile(
        [best for example, best in wanted if _has_weak_words(example.text)], _WEAK_SHARE
    )
    texts = personal_messages(personal)
    review = _limit_of_personal(texts, final, weak)
    how = (
        f"review: rules and router send {_PERSONAL_SHARE:.1%} of {len(texts):,} personal messages "
        f"to a person; review_elsewhere: {_HARMLESS_SHARE:.0%} of the held-out harmless sentences "
        "in other languages than English score as high or higher; weak: "
        f"{_WEAK_SHARE:.0%} of the held-out requests with weak words score higher; harmless: "
        f"{_WANTED_SHARE:.1%} of all held-out requests do. Held-out sentences are scored by a "
        "model that was not trained with them."
    )
    chosen = replace(
        trial, review=review, review_elsewhere=min(review, quantile(elsewhere, _HARMLESS_SHARE)),
        weak=min(review, weak), harmless=quantile([best for _, best in wanted], _WANTED_SHARE),
    )  # fmt: skip
    return chosen, how


def _has_weak_words(text: str) -> bool:
    return read_by_rules(text)[1] == "weak"


def _limit_of_personal(texts: Sequence[str], model: Model, weak: int) -> int:
    """The score from which on the router may send messages to a person that no rule knows, beside
    those that it sends where a rule knows something."""
    sent, scores = 0, []
    for text in texts:
        reply, doubt = read_by_rules(text)
        best = score(text, model).best
        if reply.needs_review:
            sent += doubt != "weak" or best >= weak
        elif not reply.intents:
            scores.append(best)
    return quantile(scores, max(0.0, _PERSONAL_SHARE * len(texts) - sent) / len(scores))


def with_thresholds_of(model: Model, other: Model) -> Model:
    return replace(
        model, review=other.review, review_elsewhere=other.review_elsewhere, weak=other.weak,
        harmless=other.harmless,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.feedback.replies.train")
    parser.add_argument("--data", type=Path, default=FOLDER, help="Folder of sentences.")
    parser.add_argument("--personal", type=Path, help="CSV file of personal messages.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--every", type=int, default=1, help="Take one line of so many.")
    args = parser.parse_args()
    print(json.dumps(train(args.data, args.personal, args.out, args.every), indent=2))


if __name__ == "__main__":
    main()
