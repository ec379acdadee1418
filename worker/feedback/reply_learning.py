"""Trains the router of replies again with what people decided, here and for this installation.

The sentences of the project come first, so that a few decisions do not unlearn the rest. What was
learned lies under HYGIENE_HOME (`router.current`) and counts only after `apply`; the texts
themselves stay in the review queue, under its retention and erasure. Only n-gram weights are kept,
and they count no more once such a text is erased (`reply_model`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.feedback import reply_model
from worker.feedback.field_notes import SOURCE as NOTES
from worker.feedback.replies import read_reply, router
from worker.feedback.replies.train import learn, rounded, with_thresholds_of
from worker.feedback.replies.training_data import Example, examples
from worker.feedback.unread_messages import words_of
from worker.store.tables import reviews

_REPEATED = 3  # how often a decision counts beside a sentence of the project
_MAX_DECISIONS = 20_000  # the latest
_MEANT = {
    "opt_out": (True, False),
    "complaint": (True, False),
    "wrong_number": (False, True),
    "corrected": (False, True),
}
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Learned:
    """A model that does not count yet, and what it would change (`report`). `at`: when the texts
    were read that it learned from."""

    model: router.Model
    report: dict[str, Any]
    at: datetime


def decided(ctx: Context) -> list[Example]:
    """What people decided of replies, while their retention keeps the text. A note in a phone field
    is no reply."""
    query = (
        sa.select(reviews.c.text, reviews.c.decision)
        .where(reviews.c.decision != "", reviews.c.text != "", ~reviews.c.source.endswith(NOTES))
        .order_by(reviews.c.id.desc())
        .limit(_MAX_DECISIONS)
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    return [
        Example(words, _MEANT.get(row.decision, (False, False)), "", words)
        for row in reversed(rows)
        if (words := words_of(row.text)).strip()
    ]


def learn_again(ctx: Context, sentences: Iterable[Example] | None = None) -> Learned:
    """Train with the project's sentences (or others) and the decisions; says what would change."""
    at = ctx.now()
    decisions = decided(ctx)
    now = reply_model.current(ctx)
    lessons = [*(examples() if sentences is None else sentences), *decisions * _REPEATED]
    model = with_thresholds_of(rounded(learn(lessons)), now)
    return Learned(model, _report(decisions, now, model), at)


def _report(decisions: list[Example], now: router.Model, then: router.Model) -> dict[str, Any]:
    """How the decided replies would be read before and after."""
    added: list[str] = []
    fewer: list[str] = []
    right = {"now": 0, "then": 0}
    for example in decisions:
        before, after = read_reply(example.text, now), read_reply(example.text, then)
        wanted = any(example.meant)
        right["now"] += bool(before.intents or before.needs_review) == wanted
        right["then"] += bool(after.intents or after.needs_review) == wanted
        if after.needs_review and not before.needs_review:
            added.append(example.text)
        elif before.needs_review and not after.needs_review:
            fewer.append(example.text)
    lost = [
        example.text for example in decisions if any(example.meant) and example.text in set(fewer)
    ]
    return {
        "decisions": len(decisions),
        "routed_right_now": right["now"],
        "routed_right_then": right["then"],
        "newly_reviewed": len(added),
        "no_longer_reviewed": len(fewer),
        "requests_no_longer_reviewed": len(lost),
        "examples": {"newly_reviewed": added[:_SHOWN], "no_longer_reviewed": fewer[:_SHOWN]},
    }


def apply(learned: Learned, home: Path) -> None:
    """Make a model count for the processes with this home."""
    folder = router.local_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    model = learned.model
    document = {
        "about": "What this installation learned: hygiene replies learn. Delete it to go back.",
        "bias": list(model.bias),
        "unit": model.unit,
        "review": model.review,
        "review_elsewhere": model.review_elsewhere,
        "weak": model.weak,
        "harmless": model.harmless,
        "chosen": "thresholds as in the model before",
        "decisions": learned.report["decisions"],
        "learned_at": learned.at.isoformat(),
    }
    new = folder / f"{router.WEIGHTS}.new"
    new.write_bytes(model.weights.tobytes())
    new.replace(folder / router.WEIGHTS)
    new = folder / f"{router.SETTINGS}.new"
    new.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    new.replace(folder / router.SETTINGS)
