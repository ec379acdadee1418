"""Work out what is answered about a number (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worker.capture.model import Answer, Hint, Status
from worker.decisions import resolve
from worker.phones.typed_number import read_typed_number
from worker.verification.models import Verification


def by_the_plan(text: str, region: str | None) -> Answer:
    """Answer by the numbering plan alone: it costs nothing, and asks nobody."""
    typed = read_typed_number(text, region)
    hint = Hint(typed.hint.code, typed.hint.suggestion) if typed.hint else None
    if typed.number is None:
        return Answer("unknown" if typed.exists is None else "invalid", hint=hint)
    number = typed.number
    country = "" if number.region == "001" else number.region
    status: Status = "unknown" if typed.exists is None else "valid"
    return Answer(status, number.e164, number.extension, number.kind, country, hint=hint)


def by_lookups(planned: Answer, verifications: Sequence[Verification]) -> Answer:
    """Answer by what providers said. `planned`: the answer by the plan, for a valid number.

    A provider that gave no answer says nothing of a number (promise 6): the plan's stands then.
    """
    best = resolve.winning([v for v in verifications if v.check_level != "format"])
    if best is None:
        return planned
    known = resolve.winning([v for v in verifications if v.line_type != "unknown"])
    line_type = known.line_type if known is not None else planned.line_type
    answer = replace(planned, line_type=line_type, checked=best.check_level)
    if best.verdict == "valid":
        return replace(answer, status="valid")
    if best.verdict == "invalid":
        return replace(answer, status="invalid", hint=Hint("not_in_service"))
    return replace(answer, status="unknown")
