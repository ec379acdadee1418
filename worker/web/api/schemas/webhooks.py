"""Answers to webhooks: to HubSpot's workflows, and to our card in HubSpot."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic needs this one before Python 3.12
)

from typing_extensions import TypedDict


class StepOutputs(TypedDict):
    """`hs_execution_state`: BLOCK while the workflow waits for the re-check, at most for
    `hs_expiration_duration`; SUCCESS or FAIL_CONTINUE with what came of it."""

    hs_execution_state: str
    hs_expiration_duration: NotRequired[str]
    status: NotRequired[str]
    reason: NotRequired[str]


class StepAnswer(TypedDict):
    """The form is HubSpot's: "Execution" of a custom action."""

    outputFields: StepOutputs


# `from` is a keyword of Python.
CardChange = TypedDict("CardChange", {"key": str, "from": Any, "to": Any})


class CardEntry(TypedDict):
    """A write to the contact. `changes`: statuses, line types and flags."""

    at: str
    kind: str
    text: str
    changes: list[CardChange]


class Card(TypedDict):
    """What the card shows. `waiting`: a re-check is under way. `known`: the contact is in our
    index. `problem`: why the last write failed."""

    waiting: bool
    recheckedAt: str | None
    known: bool
    problem: str | None
    history: list[CardEntry]
