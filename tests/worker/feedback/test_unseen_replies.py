"""Replies that somebody wrote and labelled who has seen neither the rules nor these tests.

`replies/unseen.jsonl`: 720 of them in nine languages, a good half hard on purpose. Never tune to
them: they say how well unseen replies are read. The goals: flags right in 99 % of cases,
97 % of ordinary refusals caught (flagged or shown to a person) and 93 % of all, and at most 15 % of
harmless replies shown. The limits here are what is reached today, so that it does not get worse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from worker.feedback.replies import read_reply

PATH = Path(__file__).parent / "replies" / "unseen.jsonl"
REFUSALS = {"opt_out", "wrong_number"}


class Read(NamedTuple):
    kind: str
    text: str
    said: set[str]  # by its label
    flags: set[str]
    is_reviewed: bool

    @property
    def is_caught(self) -> bool:
        return bool(self.flags & self.said) or self.is_reviewed


def rows() -> Iterator[dict[str, Any]]:
    with PATH.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.fixture(scope="module")
def replies() -> list[Read]:
    entries = []
    for row in rows():
        reply = read_reply(row["text"])
        flags = {intent.kind for intent in reply.intents}
        entries.append(
            Read(row["kind"], row["text"], {*row["labels"]}, {*flags}, reply.needs_review)
        )
    return entries


def share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def test_consent_is_never_revived_by_anything_but_an_opt_in(replies: list[Read]) -> None:
    assert [reply.text for reply in replies if "opt_in" in reply.flags - reply.said] == []


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_flags_are_right(replies: list[Read], kind: str) -> None:
    assert share([kind in reply.said for reply in replies if kind in reply.flags]) > 0.97


def test_ordinary_refusals_are_flagged_or_shown_to_a_person(replies: list[Read]) -> None:
    ordinary = [reply for reply in replies if reply.kind.endswith("ordinary")]
    assert share([reply.is_caught for reply in ordinary]) > 0.95


def test_and_most_of_the_hard_ones(replies: list[Read]) -> None:
    refusals = [reply for reply in replies if reply.said & REFUSALS]
    assert share([reply.is_caught for reply in refusals]) > 0.82


def test_few_harmless_ones_are_shown(replies: list[Read]) -> None:
    harmless = [reply for reply in replies if not reply.said]
    assert share([reply.is_reviewed and not reply.flags for reply in harmless]) < 0.23
