"""Says how a reply is read, as a document for commands and checks from outside."""

from __future__ import annotations

from typing import TypedDict

from worker.feedback.replies.intents import Intent
from worker.feedback.replies.reader import read_reply


class Explanation(TypedDict):
    """`flags`: what is acted on, in the kinds of feedback. `review`: a person decides.

    `proposed`: what a reviewer is offered first. `evidence`: the words that led to it, "" for none.
    `language`: the language that they were read in, "" where no words were recognised.
    """

    flags: list[str]
    review: bool
    proposed: list[str]
    evidence: str
    language: str


def explain_reply(text: str) -> Explanation:
    """Say what a reply is taken for, and on which words."""
    reply = read_reply(text)
    suggested: tuple[Intent, ...] = (reply.suggestion,) if reply.suggestion is not None else ()
    shown = reply.intents + suggested
    return {
        "flags": [intent.kind for intent in reply.intents],
        "review": reply.needs_review,
        "proposed": [intent.kind for intent in suggested],
        "evidence": "; ".join(
            dict.fromkeys(intent.evidence for intent in shown if intent.evidence)
        ),
        "language": next((intent.language for intent in shown if intent.language), ""),
    }
