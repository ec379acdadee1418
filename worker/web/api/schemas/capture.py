"""Answers of the API about numbers that are verified at capture, and about capture keys."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class TypoHint(TypedDict):
    """What looks like a slip of the finger. `suggestion`: the number that may be meant, made of the
    typed digits alone; null where nothing tells which one it is."""

    code: str
    text: str
    suggestion: str | None


class LateAnswer(TypedDict):
    """`valid`: null while it is not known. `checked`: how deep it was looked at; `format`: the
    numbering plan alone. `poll`: where to ask again, after `retry_after` seconds, within ten
    minutes; null: nothing more is to come."""

    status: Literal["valid", "invalid", "unknown"]
    valid: bool | None
    line_type: str | None
    country: str | None
    checked: str
    hint: TypoHint | None
    poll: str | None
    retry_after: int | None


class VerifiedNumber(LateAnswer):
    """`e164`: null if no single number that exists can be read."""

    e164: str | None
    extension: str | None


class CaptureKey(TypedDict):
    """A key that forms show; it is public. `per_minute`, `per_address`: numbers a minute, in all
    and for one visitor. `day_budget`, `month_budget`: money; 0: nothing is paid for.
    `former_key_until`: until when the key before it counts as well. `today`: answers of this day,
    in UTC, by what was answered."""

    id: int
    name: str
    key: str
    former_key_until: str | None
    state: Literal["active", "paused"]
    origins: list[str]
    per_minute: int
    per_address: int
    day_budget: float
    month_budget: float
    created_at: str
    created_by: str
    spent_today: float
    spent_this_month: float
    today: dict[str, int]
    used_at: str | None


class CaptureKeys(TypedDict):
    capture_keys: list[CaptureKey]


class RemovedCaptureKey(TypedDict):
    removed: str
