"""What each field must hold after the undo of a run, by the writes that reached the CRM."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chaos.crm_writes import CrmWrite
from chaos.ground_truth import Key

Field = tuple[Key, str]


def expected(
    writes: Sequence[CrmWrite],
    run_id: str,
    run_field: str,
    now: Mapping[Key, Mapping[str, Any]],
    undos_from: int,
) -> dict[Field, Any]:
    """Return the value that each field of the run must hold: the one before the run, where the
    field still holds what the run wrote last and no later run has written it; else what it holds.

    `writes`: all of them, to one CRM, in their order. `undos_from`: those from this place on are
    undos'. A field that an undo wrote last holds what stood there before, so it counts as not
    written later.
    """
    first: dict[Field, Any] = {}
    last: dict[Field, Any] = {}
    unclear: set[Field] = set()
    later: dict[Field, bool] = {}  # whether a run wrote it last, since ours did
    for place, write in enumerate(writes):
        if not write.ours:
            continue
        ours = write.values.get(run_field) == run_id
        for name, value in write.values.items():
            field = write.key, name
            if not ours:
                later[field] = place < undos_from
                continue
            later[field] = False
            # Somebody, or another run, wrote the very value just before this one: what was
            # there when it read is taken for what was there before, and nobody can tell.
            if normalized(write.before.get(name)) == normalized(value) and name != run_field:
                if normalized(last.get(field)) != normalized(value):
                    unclear.add(field)
                continue
            first.setdefault(field, write.before.get(name))
            last[field] = value
    wanted = {}
    for (key, name), value in last.items():
        if (key, name) in unclear:
            continue
        holds = now[key].get(name)
        same = normalized(holds) == normalized(value)
        undone = same and not later[key, name]
        wanted[key, name] = first[key, name] if undone else holds
    return wanted


def normalized(value: Any) -> Any:
    """A moment of a CRM in its several spellings, flags, and nothing."""
    if hasattr(value, "isoformat"):
        return value.isoformat(timespec="seconds")[:19]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return value[:19]
    return None if value in ("", "false", False) else value
