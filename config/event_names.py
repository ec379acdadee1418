"""The events that an endpoint can subscribe to. Light, so that the command line can name them."""

from __future__ import annotations

from typing import Final, Literal, get_args

EventName = Literal[
    "number.suppressed", "number.wrong", "number.lifted", "number.confirmed",
    "number.status_changed", "contact.flagged",
]  # fmt: skip
EVENT_NAMES: Final[tuple[str, ...]] = get_args(EventName)
WEBHOOK: Final = "webhook"
