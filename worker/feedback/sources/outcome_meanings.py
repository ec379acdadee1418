"""What the outcome of a call means: by the settings first, then by the words of its name.

Every company names its outcomes itself: "Do Not Call (DNC)", "WN - remove", "Ne plus appeler".
Words that say so and little else count, as they do beside a number (`worker.feedback.field_notes`).
What says more than that is listed for an operator, with what it may mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from config.feedback import Dispositions, OutcomeMeaning
from worker.feedback.field_notes import STOPS, read_words
from worker.feedback.models import FeedbackKind, Severity
from worker.feedback.note_words import NoteMeaning

# As outcomes of calls, these are said of a lead as well.
_OF_A_LEAD = frozenset({"dead", "inactive"})
# Of a name such as "DC - Disconnected" or "Not interested (DNC)"; a hyphen stands in words, too.
_PARTS = re.compile(r"\s[-–—]\s|[–—:/|,;()\[\]]+")
# Beside a part that says so, these say that it is so no more, or not at all: "DNC: cleared".
_UNDONE = re.compile(
    r"^(?:no|none|n|false|off|ok|nein|non|nie|não|нет|ні|\d+)\b|\b(?:clear|remov|lift|expir|check|requir"
    r"|applic|former|ex|old|update|fixed|correct|reactivat|resolv)",
    re.IGNORECASE,
)
_ADDED = re.compile(
    r"^(?:add(?:ed)?|put|placed?|moved?) (?:to|on)(?: (?:the|our))? ", re.IGNORECASE
)
_MEANINGS: Mapping[NoteMeaning, OutcomeMeaning] = {
    **dict.fromkeys(STOPS, "do_not_call"),
    "wrong_number": "wrong_number",
    "disconnected": "disconnected",
}


class OutcomeReport(NamedTuple):
    """What a call with an outcome reports. `channels`: those that an opt-out closes."""

    kind: FeedbackKind
    severity: Severity
    channels: str


def meanings_of(
    settings: Dispositions, name: str, outcome_id: str = ""
) -> tuple[OutcomeMeaning, ...]:
    """Return what an outcome means: one that the settings name means that; () if nobody knows.

    >>> meanings_of(Dispositions(), "Wrong # / DNC")
    ('wrong_number', 'do_not_call')
    """
    if named := settings.meaning_of(name, outcome_id):
        return (named,)
    if not settings.read_names or settings.leaves_out(name):
        return ()
    words, clear = _read(name)
    if not clear or name.strip().casefold() in _OF_A_LEAD:
        return ()
    return tuple(dict.fromkeys(_MEANINGS[meaning] for meaning in words))


def counts_as(settings: Dispositions, name: str, outcome_id: str = "") -> str:
    """Return what is kept of the meanings that calls are reported with, "" for none: their name,
    or what tells several from others."""
    meanings = [m for m in meanings_of(settings, name, outcome_id) if m != "harmless"]
    return meanings[0] if len(meanings) == 1 else "+".join(meaning[:5] for meaning in meanings)


def suggested_meaning(settings: Dispositions, name: str) -> OutcomeMeaning:
    """Return what an outcome may mean that counts as nothing yet; "" if its words tell nothing."""
    if meanings_of(settings, name):
        return ""
    words, _ = _read(name)
    return _MEANINGS[words[0]] if words else ""


def reports_of(
    settings: Dispositions, name: str, outcome_id: str = ""
) -> tuple[OutcomeReport, ...]:
    """Return what a call with an outcome reports; () if it says nothing about the number."""
    reports = {
        "wrong_number": OutcomeReport(FeedbackKind.WRONG_NUMBER, "", ""),
        "disconnected": OutcomeReport(FeedbackKind.UNDELIVERABLE, "dead", ""),
        "do_not_call": OutcomeReport(FeedbackKind.OPT_OUT, "", _closed_by(name)),
    }
    return tuple(
        reports[meaning]
        for meaning in meanings_of(settings, name, outcome_id)
        if meaning in reports
    )


def _read(name: str) -> tuple[tuple[NoteMeaning, ...], bool]:
    """Return what a name says, and whether it is clear: as a whole, or one part of it, and the
    other parts leave that as it is."""
    words, clear = read_words(_ADDED.sub("", name))
    parts = [part for part in map(str.strip, _PARTS.split(name)) if part]
    if clear or len(parts) < 2 or any(map(_UNDONE.search, parts)):
        return words, clear
    read = [read_words(_ADDED.sub("", part)) for part in parts]
    sure = dict.fromkeys(meaning for said, is_clear in read if is_clear for meaning in said)
    doubted = {_MEANINGS[meaning] for said, is_clear in read if not is_clear for meaning in said}
    if not sure or doubted - {_MEANINGS[meaning] for meaning in sure}:
        return words, False
    return tuple(sure), True


def _closed_by(name: str) -> str:
    """Return the channels that an opt-out closes: calls, unless its name says more."""
    words, _ = _read(name)
    said = {channel for meaning in words for channel in STOPS.get(meaning, "").split()}
    return " ".join(sorted(said)) or "call"
