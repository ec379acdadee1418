"""Explain what is decided of one phone field from the numbering plan alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from worker.decisions.decide import decide_field
from worker.decisions.model import FieldFacts, NumberKnowledge, ProviderAnswer
from worker.phones import ContactLocation, Number, ParsedField, facts
from worker.phones.explanation import explain_field


class PhoneExplanation(Struct, frozen=True):
    """`status`, `reason`: as a sync without paid providers writes them; "" for an empty field."""

    reading: ParsedField
    steps: tuple[str, ...]
    status: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The numbers that are read, in their order in the field, with what is said of it."""
        return {
            "numbers": [
                {
                    "e164": number.e164,
                    "extension": number.extension,
                    "line_type": number.kind,
                    "valid": number.valid,
                    "confidence": number.confidence,
                }
                for number in self.reading.numbers
                if number.valid
            ],
            "status": self.status,
            "reason": self.reason,
            "note": self.reading.note,
        }


def explain_phone(text: str, where: ContactLocation) -> PhoneExplanation:
    """Read and decide one phone field as a sync does, where nothing else is known."""
    explained = explain_field(text, where)
    reading = explained.reading
    decided = decide_field(FieldFacts("Phone", reading, known_by_the_plan(reading.numbers)))
    return PhoneExplanation(reading, explained.steps, decided.status or "", decided.reason)


def known_by_the_plan(numbers: Iterable[Number]) -> tuple[NumberKnowledge, ...]:
    """Return what is known of numbers where nobody but the numbering plan was asked."""
    return tuple(NumberKnowledge(number, (_by_the_plan(number),)) for number in numbers)


def _by_the_plan(number: Number) -> ProviderAnswer:
    problem = facts(number.e164).problem
    return ProviderAnswer("offline", "valid" if number.valid else "invalid", number.kind, problem)
