"""What a reply may mean: the records that the reading of replies works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worker.feedback.replies.language import Language

Requested = Literal["opt_out", "opt_in", "wrong_number"]
Kind = Literal["opt_out", "opt_in", "wrong_number", "complaint", "corrected", "confirmed"]
MAX_EVIDENCE = 80  # characters of the words that say so


@dataclass(frozen=True, slots=True)
class Intent:
    """`evidence`: the words that say so. `channels`: which an opt-out speaks of."""

    kind: Kind
    evidence: str
    language: str
    channels: frozenset[str] = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Reply:
    """`intents`: what is clear, at most one of a kind. `needs_review`: a person should look, at
    the `suggestion` first; nothing is clear, or the message says more than is read. `likelihood`:
    in percent, that a reply which a person should look at is a request."""

    intents: tuple[Intent, ...] = ()
    needs_review: bool = False
    suggestion: Intent | None = None
    likelihood: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """What a sentence may mean. `sure`: it is clear. `apart`: it is no wording of a request but a
    circumstance, such as a death, that a person should know beside what was asked. `weak`: single
    words said so, or a phrase in a sentence that speaks of something else. `for_a_person`: a
    person should look whatever the router says, as where somebody asks how to stop, or declines."""

    intent: Intent
    sure: bool
    apart: bool = False
    weak: bool = False
    for_a_person: bool = False


NOTHING = Reply()


def intent_of(kind: Kind, words: str, language: Language, folded: str = "") -> Intent:
    """An intent with these words; `folded`: the text that may speak of calls."""
    channels = {"text", "call"} if language.call_pattern.search(folded) else {"text"}
    return Intent(kind, words[:MAX_EVIDENCE], language.code, frozenset(channels))
