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
from worker.decisions.model import BAD_STATUSES, Decision, Status, Value

STOPPING_OR_BAD: frozenset[Status] = frozenset({*BAD_STATUSES, "do_not_contact"})
# Values that are written for a reason of their own and say nothing of a number.
_NEUTRAL_KEYS = frozenset({"confirm_link"})


def is_clean(decision: Decision) -> bool:
    """Whether nothing is wrong with a record."""
    return (
        not any(field.status in STOPPING_OR_BAD for field in decision.fields)
        and not any(getattr(decision, flag) for flag in FLAGS)
        and decision.proposed_phone is None
    )


def is_left_untouched(
    decision: Decision, current: Mapping[str, Value], extra: Collection[str] = ()
) -> bool:
    """Whether a record of the first sync's stock is left alone.

    `current`: what the CRM holds of our fields. `extra`: canonical keys that are to be written
    beside what the decision says (a corrected number, that its source is isolated).
    """
    return is_clean(decision) and not any(current.values()) and {*extra} <= _NEUTRAL_KEYS
