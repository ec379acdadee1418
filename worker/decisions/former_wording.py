"""The English sentence that releases up to 1.0 wrote, to recognise it in a CRM.

A record that holds it says the same as one with today's wording, so it is not written for that
alone. Nothing else may use it, and it does not change any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from worker.decisions.model import FieldDecision
from worker.decisions.reasons import label

_MAX_LENGTH = 255


def former_sentence(fields: Iterable[FieldDecision]) -> str | None:
    """Return what those releases said of these fields; None when nothing is there."""
    present = [field for field in fields if field.status is not None]
    if not present:
        return None
    troubled = [field for field in present if field.status != "valid"]
    remarks = [f"{label(field.name)} {field.reason}" for field in present if field.reason]
    if not troubled and remarks:
        return _truncated("; ".join(remarks) + ".")
    if not troubled:
        names = _joined([label(field.name) for field in present])
        return f"{names} {'is a valid number' if len(present) == 1 else 'are valid numbers'}."
    return _truncated("; ".join(_phrases(troubled)) + ".")


def _phrases(fields: list[FieldDecision]) -> Iterator[str]:
    seen: set[str] = set()
    for field in fields:
        reason = field.reason or _default_phrase(field)
        name = label(field.name) if not seen else label(field.name).lower()
        yield f"{name} likewise" if reason in seen else f"{name} {reason}"
        seen.add(reason)


def _truncated(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1].rstrip() + "…"


def _default_phrase(field: FieldDecision) -> str:
    return {
        "invalid": "is not a valid number",
        "unreachable": "cannot be reached",
        "wrong_number": "reaches somebody else",
        "do_not_contact": "must not be called or texted",
        "unverified": "could not be checked yet",
    }[field.status or "unverified"]


def _joined(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    lowered = [names[0], *(name.lower() for name in names[1:])]
    return f"{', '.join(lowered[:-1])} and {lowered[-1]}"
