"""Whether somebody has agreed to be texted, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from worker.feedback.consent_state import (
    HOLD_KEY_PREFIX,
    NO_HOLDERS,
    Holders,
    Rules,
    channels_of,
    concerns,
    is_consent,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX

_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
_NO_REPORT = (HOLD_KEY_PREFIX, REGISTRY_KEY_PREFIX)


def has_agreed_to_texts(
    reports: Iterable[Feedback], who: ContactIdentity, rules: Rules, holders: Holders = NO_HOLDERS
) -> bool:
    """Return whether the last word of a person about texts is a recorded yes."""
    agreed = False
    for report in sorted(reports, key=sort_key):
        if report.key.startswith(_NO_REPORT) or not concerns(report, who, holders, rules):
            continue
        if report.kind in _STOPS and {"text", "any"} & channels_of(report, rules):
            agreed = False
        elif is_consent(report):
            agreed = agreed or "text" in channels_of(report, rules)
    return agreed
