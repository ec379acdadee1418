"""What a person says on a page about a number, or about a contact, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from worker.feedback.models import PAGE_KEY_PREFIX, ContactIdentity, Feedback

# What a button stands for.
ACTIONS: Mapping[str, Any] = {
    "wrong": "wrong_number", "right": "confirmed", "opt_out": "opt_out", "opt_in": "opt_in",
}  # fmt: skip


def numbers_meant(what: str, numbers: Sequence[str]) -> Sequence[str]:
    """Return the numbers that an action on a contact is about. An opt-out of a contact without a
    readable number is kept as well, without one: it holds for the contact and the person."""
    return numbers or ([""] if ACTIONS[what] == "opt_out" else [])


def report_of_page(
    now: datetime, by: str, kind: Any, number: str, who: ContactIdentity | None, why: str
) -> Feedback:
    """Return the report; `who`: the contact that it is about, None for the number as such."""
    return Feedback(
        key=f"{PAGE_KEY_PREFIX}{number}:{kind}:{who.key if who else ''}:{now.isoformat()}",
        kind=kind,
        number=number,
        source=by[:40],
        at=now,
        contact=who.key if who else "",
        scope="person" if who else "number",
        person=who.person if who else "",
        evidence=why,
        received_at=now,
    )
