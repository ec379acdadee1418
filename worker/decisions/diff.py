"""What must be written so that the CRM says what was decided: only fields that differ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from worker.decisions.model import BAD_STATUSES, Decision, FieldFacts, Value, WritePolicy

NO_EXTRA: Mapping[str, Value] = {}
FLAGS = ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")
_STATUS = "status/"  # before the name of a phone field
_CHANNEL_FLAGS = ("do_not_call", "do_not_text")


def flags(decision: Decision, writable: frozenset[str]) -> dict[str, bool]:
    """The flags that a decision sets. Where the CRM has no flag for a channel that is closed, it is
    told by *do not contact*: too much is left alone, and nobody is called who said no to it."""
    values = {flag: bool(getattr(decision, flag)) for flag in FLAGS}
    if any(values[flag] and flag not in writable for flag in _CHANNEL_FLAGS):
        values["do_not_contact"] = True
    return values


def went_bad(before: Mapping[str, Value], after: Mapping[str, Value]) -> dict[str, list[str]]:
    """Return which phone fields went bad by a write, by status.

    >>> went_bad({"status/Phone": "valid"}, {"status/Phone": "invalid", "reason": "..."})
    {'invalid': ['Phone']}
    >>> went_bad({"status/Phone": "unreachable"}, {"status/Phone": "invalid"})
    {}
    """
    bad: dict[str, list[str]] = {}
    for key, value in after.items():
        if (
            key.startswith(_STATUS)
            and value in BAD_STATUSES
            and before.get(key) not in BAD_STATUSES
        ):
            bad.setdefault(str(value), []).append(key.removeprefix(_STATUS))
    return bad


def target_values(decision: Decision, writable: frozenset[str]) -> dict[str, Value]:
    """Canonical key -> value, for all that a decision says."""
    values: dict[str, Value] = {}
    for field in decision.fields:
        status, e164, line_type = written_keys(field.name)
        values[status] = field.status
        values[e164] = field.e164
        values[line_type] = field.line_type
    values.update(flags(decision, writable))
    values["best_phone"] = decision.best_phone
    values["proposed_phone"] = decision.proposed_phone
    values["reason"] = decision.reason
    values["recheck"] = False
    return values


@lru_cache(maxsize=256)
def written_keys(field: str) -> tuple[str, str, str]:
    """Return the canonical keys of what is written of a phone field: status, E.164, line type."""
    return f"{_STATUS}{field}", f"e164/{field}", f"line_type/{field}"


def changes(
    decision: Decision,
    facts: tuple[FieldFacts, ...],
    raw: Mapping[str, str],
    current: Mapping[str, Value],
    writable: frozenset[str],
    policy: WritePolicy,
    extra: Mapping[str, Value] = NO_EXTRA,
) -> dict[str, Value]:
    """The differences between what is held and what was decided; {} when there is nothing to do.

    `extra`: other values that are to be written. The run and the time of the check go along with
    another change, or alone when they are older than the policy says (promise 2: no pointless
    write). A new wording of the reason only goes along.
    """
    differing: dict[str, Value] = {
        key: value
        for key, value in target_values(decision, writable).items()
        # CRMs hold nothing, an empty text or false where we mean the same.
        if key in writable
        and (current.get(key) or None) != (value or None)
        # Another wording alone is no difference (promise 2).
        and not (key == "reason" and decision.same_reason)
    }
    differing.update(extra)
    if policy.normalize:
        differing.update(_normalized(decision, facts, raw, writable))
    present = any(field.status is not None for field in decision.fields)
    if differing or (present and _is_stale(current.get("checked_at"), writable, policy)):
        if "checked_at" in writable:
            differing["checked_at"] = _in_utc(policy.now)
        if "run" in writable:
            differing["run"] = policy.run
        if decision.same_reason and "reason" in writable:
            differing["reason"] = decision.reason
    return differing


@lru_cache(maxsize=8)  # one time for all contacts of a page
def _in_utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_stale(current: Value, writable: frozenset[str], policy: WritePolicy) -> bool:
    if "checked_at" not in writable or not isinstance(current, str):
        return False  # never checked: then some other field differs too
    try:
        at = datetime.fromisoformat(current.replace("Z", "+00:00"))
    except ValueError:
        return True
    return policy.now - at > policy.checked_at_refresh


def _normalized(
    decision: Decision,
    facts: tuple[FieldFacts, ...],
    raw: Mapping[str, str],
    writable: frozenset[str],
) -> dict[str, Value]:
    """The phone field itself, where one valid number stands in it and nothing would be lost."""
    values: dict[str, Value] = {}
    for field, known in zip(decision.fields, facts, strict=True):
        numbers = known.reading.numbers
        plain = len(numbers) == 1 and not numbers[0].extension and not known.reading.note
        # What was repaired on its way here could not be put back as it was.
        plain = plain and "\ufffd" not in raw.get(field.name, "")
        key = f"phone/{field.name}"
        if (
            field.status == "valid"
            and plain
            and field.e164
            and key in writable
            and field.name in raw  # not a field that was not read
            and raw.get(field.name) != field.e164
        ):
            values[key] = field.e164
    return values
