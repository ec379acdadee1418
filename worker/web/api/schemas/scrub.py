"""Answers of the API about scrubs."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class CallingWindow(TypedDict):
    """The calling hours that hold for a number, and the rule that they follow from."""

    zone: str | None
    open_now: bool
    opens_at: str | None
    closes_at: str | None
    rule: str


class ScrubAnswer(TypedDict):
    """Whether a number may be contacted. `reason`: the strongest that holds, null if it may.

    `valid_until`: how long the answer may be used. `registry`: the one that decides, if one does.
    """

    number: str
    e164: str | None
    channel: str
    allow: bool
    reason: (
        Literal[
            "unreadable", "erasure", "complaint", "opt_out", "wrong_number", "list", "registry",
            "pending_review", "reassigned", "stale_registry", "takes_no_texts", "invalid",
            "outside_hours",
        ]
        | None
    )  # fmt: skip
    since: str | None
    valid_until: str
    registry: str | None
    window: CallingWindow | None


class RegistryState(TypedDict):
    """A list with an authority. `as_of`: when its file was right, null before the first one.

    `configured`: the settings name it; one that they do not name still counts. `import`: which of
    its imports was in force.
    """

    name: str
    authority: str
    channels: list[str]
    countries: list[str]
    numbers: int
    as_of: str | None
    stale_at: str | None
    stale: bool
    configured: bool


class Scrubbed(TypedDict):
    """Answers in the order of the numbers. `certificate`: its id, by which it can be checked."""

    certificate: str
    registries: list[RegistryState]
    results: list[ScrubAnswer]


class Certificate(TypedDict):
    """What a scrub was asked and answered, without its numbers. `list_hash`: keyed SHA-256 of its
    numbers in their order. `authentic`: the certificate is as it was issued."""

    id: str
    at: str
    ended_at: str
    who: str
    channel: str
    numbers: int
    list_hash: str
    counts: dict[str, Any]
    rules: dict[str, Any]
    registries: list[dict[str, Any]]
    authentic: bool


class Checked(TypedDict):
    """`same_list`: the numbers are those of the certificate, in their order."""

    same_list: bool
    certificate: Certificate
