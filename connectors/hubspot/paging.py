"""Where an answer of HubSpot goes on."""

from __future__ import annotations

from typing import Any


def next_cursor(answer: Any) -> str | None:
    """The cursor of the next page; None after the last one."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return str(after) if after else None
