"""Which records a quiet first sync leaves alone, so that a CRM's workflows enrol few.

A record is *clean* while nothing is wrong with it: each of its phone fields is empty, valid, or
could not be checked; no flag is set, and nothing is proposed. Whether it was there before us, and
has the numbers that it had then, is for the caller to know. Such a record is not touched at all: no
status, no E.164, no line type, no time, no run, no rewritten number, no link.

What holds anything of ours already is written as ever: nothing that is no longer true may stand
there. So is a record on which somebody has ticked a flag or "recheck".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from worker.decisions.diff import FLAGS
from worker.decisions.model import Decision, Status, Value

BAD: frozenset[Status] = frozenset({"do_not_contact", "wrong_number", "invalid", "unreachable"})
# Values that are written for a reason of their own and say nothing of a number.
_OF_EVERY_RECORD = frozenset({"confirm_link"})


def is_clean(decision: Decision) -> bool:
    """Whether nothing is wrong with a record."""
    return (
        not any(field.status in BAD for field in decision.fields)
        and not any(getattr(decision, flag) for flag in FLAGS)
        and decision.proposed_phone is None
    )


def spares(decision: Decision, held: Mapping[str, Value], more: Collection[str] = ()) -> bool:
    """Whether a record of the first sync's stock is left alone.

    `held`: what the CRM holds of our fields. `more`: canonical keys that are to be written beside
    what the decision says (a corrected number, that its source is isolated).
    """
    return is_clean(decision) and not any(held.values()) and {*more} <= _OF_EVERY_RECORD
