"""Decides what a contact's fields should say: contact + facts + policy -> statuses, flags, reason.

Pure: plain functions over frozen dataclasses; no store, network, clock or settings.
"""

from worker.decisions.decide import decide, decide_field
from worker.decisions.diff import changes
from worker.decisions.model import (
    ContactFacts,
    Decision,
    FieldFacts,
    NumberKnowledge,
    ProviderAnswer,
    WritePolicy,
)
from worker.decisions.quiet import is_left_untouched

__all__ = [
    "ContactFacts",
    "Decision",
    "FieldFacts",
    "NumberKnowledge",
    "ProviderAnswer",
    "WritePolicy",
    "changes",
    "decide",
    "decide_field",
    "is_left_untouched",
]
