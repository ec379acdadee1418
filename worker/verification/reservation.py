"""What the ledger is asked for, what it grants, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from config.verification import Caps
from worker.verification.errors import ProviderError
from worker.verification.models import Answer, Question, Verification

Refusal = Literal["", "cap", "breaker"]


@dataclass(frozen=True, slots=True)
class OwnBudget:
    """Caps of a day and a month for a part of all lookups, inside the caps of the settings.

    `run_ids`: which spending counts: of one run id, or, where it ends with a colon, of all that
    begin with it. `whose`: the part, as in "today's budget for the form shop".
    """

    run_ids: str
    whose: str
    caps: Caps


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """Who asks, for which run, and which answers still count.

    `owner`: the worker that asks; its claims hold as long as its process lives. `fresh_since`:
    answers given before do not count (a forced check); None = they count as long as they are valid.
    `for_due`: it asks because answers are due; a step that no longer wants one stops refreshing it.
    `own_budgets`: caps besides those of the settings; with any, `run_id` names no run, so the caps
    of a run are not for it. `retried`: what gets no answer is to be asked again later; not where
    nobody waits for it any more.
    """

    run_id: str
    owner: str
    fresh_since: datetime | None = None
    for_due: bool = False
    own_budgets: tuple[OwnBudget, ...] = ()
    retried: bool = True


@dataclass
class Reservation:
    """What the ledger grants.

    `taken`: ours to ask. `known`: answered in the meantime. `busy`: another worker is asking them.
    `files`: handed in by a worker that died; ours to collect. `left`: the rest, for the next time,
    or not to be asked at all if it is `refused`, for a `reason` that continues a sentence after the
    provider's name.
    """

    taken: list[Question] = field(default_factory=list)
    known: list[Verification] = field(default_factory=list)
    busy: list[Question] = field(default_factory=list)
    files: dict[str, list[Question]] = field(default_factory=dict)
    left: list[Question] = field(default_factory=list)
    refused: Refusal = ""
    reason: str = ""


@dataclass
class LookupOutcome:
    """What became of questions that were asked. Each is in exactly one of the first three.

    `charge_unknown`: no answer reached us, but the provider may have charged for one.
    """

    answers: list[Answer] = field(default_factory=list)
    charge_unknown: dict[Question, str] = field(default_factory=dict)
    failed: dict[Question, str] = field(default_factory=dict)
    errors: list[ProviderError] = field(default_factory=list)
    succeeded: bool = False  # a call brought an answer
