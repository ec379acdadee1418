"""Read what an operator types into a request for a campaign: on the command line, or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from config.section import parse_duration
from worker.asking.model import MICROS, AskingError, Request, Selection
from worker.asking.senders import SENDERS

_MOST_MONEY = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class Typed:
    """The words as they were typed. `segment`: KEY=VALUE; `older_than`: an age such as 365d; each
    may be empty."""

    name: str
    channel: str = "text"
    connector: str = ""
    segment: str = ""
    unverified: bool = False
    older_than: str = ""
    basis: str = ""
    budget: str = ""
    per_minute: str = "30"

    @classmethod
    def from_form(cls, form: Mapping[str, str]) -> Typed:
        texts = {
            name: form.get(name, "").strip()
            for name in ("name", "connector", "segment", "older_than", "basis", "budget")
        }
        return cls(
            **texts, channel=form.get("channel", "text"), unverified=bool(form.get("unverified")),
            per_minute=form.get("per_minute", "30").strip(),
        )  # fmt: skip


def read(typed: Typed) -> Request:
    """Return the request. Raises `AskingError`, naming what cannot be read."""
    channel = next((name for name in SENDERS if name == typed.channel), None)
    if channel is None:
        raise AskingError(f"by: one of {', '.join(SENDERS)}")
    key, equals, value = typed.segment.partition("=")
    if typed.segment and not (equals and key and value):
        raise AskingError("segment: write KEY=VALUE, such as source=Trade fair")
    selection = Selection(
        typed.connector, key.strip(), value.strip(), typed.unverified, _seconds(typed.older_than)
    )
    if not (typed.per_minute.isascii() and typed.per_minute.isdecimal()):
        raise AskingError("pace: a whole number of messages a minute")
    return Request(
        typed.name, channel, selection, _micros(typed.budget), typed.basis,
        int(typed.per_minute[:9]),
    )  # fmt: skip


def _seconds(older_than: str) -> int:
    if not older_than:
        return 0
    try:
        age = parse_duration(older_than)
    except ValueError as error:
        raise AskingError(f"older than: {error}") from None
    return int(age.total_seconds()) if isinstance(age, timedelta) else 0


def _micros(budget: str) -> int:
    try:
        amount = Decimal(budget)
    except InvalidOperation:
        raise AskingError("budget: write an amount of money, such as 50") from None
    if not (amount.is_finite() and 0 <= amount <= _MOST_MONEY):
        raise AskingError(f"budget: write an amount of money up to {_MOST_MONEY:,}")
    return int(amount * MICROS)
