"""Decide whether a step of the chain is asked about a number (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from msgspec import Struct

from config.verification import Step
from worker.decisions import resolve
from worker.phones import facts
from worker.verification.models import Verification


class Subject(Struct, frozen=True):
    """A number, with what decides about its lookups, from the contacts that hold it.

    `dates`: for each of them when the number was last surely theirs (contact, consent), without
    duplicates. `value`: what the most valuable of them is worth. `audited`: one of them is in a
    segment under audit. `weak`: each of them is read with low confidence. `unpaid`: nothing is
    paid for it, since only a changed reading of their fields brought it
    (`verification.pay_for_changed_readings`).
    """

    number: str
    dates: tuple[date, ...] = ()
    value: float | None = None
    audited: bool = False
    unpaid: bool = False
    weak: bool = False


def wants(
    step: Step, subject: Subject, answers: Sequence[Verification], assumed: Collection[str] = ()
) -> bool:
    """Return whether a step is asked about a number, given what the steps before it said.

    `assumed`: check levels that a dry run takes for answered.
    """
    best = resolve.winning(answers)
    if best is not None and best.verdict == "invalid" and not step.also_invalid:
        return False
    if subject.weak and step.check_level != "format" and not step.also_low_confidence:
        return False
    if step.only_audited and not subject.audited:
        return False
    if step.min_value is not None and (subject.value is None or subject.value < step.min_value):
        return False
    if step.countries and facts(subject.number).region not in step.countries:
        return False
    if step.line_types and _line_type(subject, answers) not in step.line_types:
        return False
    if step.only_undecided:
        return step.check_level not in assumed and not _quoted(step, subject, answers)
    return True


def _line_type(subject: Subject, answers: Sequence[Verification]) -> str:
    return resolve.line_type(answers, facts(subject.number).kind)


def _quoted(step: Step, subject: Subject, answers: Sequence[Verification]) -> bool:
    if step.check_level != "reassigned":
        return resolve.is_sufficient(answers, step.check_level)
    known = [answer for answer in answers if answer.reassigned is not None]
    return all(any(answer.covers(day) for answer in known) for day in subject.dates)
