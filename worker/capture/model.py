"""The records of captures: keys, who asks, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from config.errors import HygieneError
from config.verification import CheckLevel
from worker.phones import LineType
from worker.phones.typed_number import HintCode

Status = Literal["valid", "invalid", "unknown"]
AnswerHint = HintCode | Literal["not_in_service"]

# What each hint says; the script has the same in the visitor's language (`capture.js`).
HINTS: dict[AnswerHint, str] = {
    "missing_country_code": "The country code is missing. Begin with + and the country code.",
    "missing_plus": "If this is a number of another country, begin with +.",
    "missing_area_code": "The area code is missing.",
    "missing_digit": "One digit seems to be missing.",
    "too_short": "Some digits are missing.",
    "extra_digit": "There seems to be one digit too many.",
    "too_long": "There are too many digits.",
    "no_such_country_code": "No country has this country code.",
    "no_such_area_code": "No place has this area code.",
    "no_such_number": "There is no such number in this country.",
    "several_numbers": "Enter one number only.",
    "not_a_number": "This is not a phone number.",
    "not_a_persons_number": "Nobody has this number: it is kept for other uses.",
    "check_number": "Check that this is the number you mean.",
    "not_in_service": "This number does not seem to be in service.",
}
API_TOKENS = 0  # stands for the id of a key where a token of the API asks


class CaptureKeyState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"


class CaptureKeyError(HygieneError):
    """A key cannot be added or changed like this; the message says what to do."""

    exit_code = 2
    http_status = 422


class NoSuchCaptureKeyError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no capture key {name}; list them: hygiene capture-keys list")


@dataclass(frozen=True, slots=True)
class CaptureKey:
    """A key that forms show. `key` is public: it stands in the source of a page.

    `origins`: of the pages that may show it. `per_minute`, `per_address`: numbers a minute, in all
    and for one visitor. `day_budget`, `month_budget`: money for lookups; 0 = none is paid for.
    `former_until`: until when the key before it counts as well.
    """

    id: int
    name: str
    key: str
    former_until: datetime | None
    state: CaptureKeyState
    origins: tuple[str, ...]
    per_minute: int
    per_address: int
    day_budget: Decimal
    month_budget: Decimal
    created_at: datetime
    created_by: str

    @property
    def pays(self) -> bool:
        return self.day_budget > 0

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "key": self.key,
            "former_key_until": self.former_until.isoformat() if self.former_until else None,
            "state": self.state.value, "origins": list(self.origins),
            "per_minute": self.per_minute, "per_address": self.per_address,
            "day_budget": float(self.day_budget), "month_budget": float(self.month_budget),
            "created_at": self.created_at.isoformat(), "created_by": self.created_by,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hint:
    """`suggestion`: the number that may be meant, in E.164; "" = none."""

    code: AnswerHint
    suggestion: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code, "text": HINTS[self.code], "suggestion": self.suggestion or None
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one number. `checked`: how deep it was looked at; "format": its form alone.

    `e164`: "" if it does not exist, or cannot be read.
    """

    status: Status
    e164: str = ""
    extension: str = ""
    line_type: LineType = "unknown"
    country: str = ""
    checked: CheckLevel = "format"
    hint: Hint | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "valid": {"valid": True, "invalid": False, "unknown": None}[self.status],
            "e164": self.e164 or None,
            "extension": self.extension or None,
            "line_type": None if self.line_type == "unknown" else self.line_type,
            "country": self.country or None,
            "checked": self.checked,
            "hint": self.hint.as_json() if self.hint else None,
        }


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a form with a key, or (`key` None) somebody's server with a token of the API."""

    key: CaptureKey | None = None

    @property
    def id(self) -> int:
        return self.key.id if self.key else API_TOKENS

    @property
    def is_public(self) -> bool:
        return self.key is not None
