"""The sentence that a salesperson reads beside the flags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from worker.decisions.model import FieldDecision

MAX_LENGTH = 255  # what the CRM field holds


@lru_cache(maxsize=256)
def label(field: str) -> str:
    """A phone field's name as a person would say it.

    >>> label("MobilePhone"), label("phone"), label("Direct_Line__c")
    ('Mobile phone', 'Phone', 'Direct line')
    """
    text = field.removesuffix("__c").replace("_", " ")
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).strip()
    text = re.sub(r"(?i)^mobilephone$", "mobile phone", text)
    return text[:1].upper() + text[1:].lower()


def sentence(fields: Iterable[FieldDecision]) -> str | None:
    """What is wrong, field by field; a plain word when all is well; None when nothing is there."""
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
    """A phrase a field; what was said of one already is not said again."""
    said: set[str] = set()
    for field in fields:
        reason = field.reason or _default_phrase(field)
        name = label(field.name) if not said else label(field.name).lower()
        yield f"{name} likewise" if reason in said else f"{name} {reason}"
        said.add(reason)


def _truncated(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1].rstrip() + "…"


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
