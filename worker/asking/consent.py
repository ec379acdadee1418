"""Whether somebody has agreed to be texted, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from worker.feedback.consent_state import (
    ACTION_KEY_PREFIX,
    HOLD_KEY_PREFIX,
    LIFT_KEY_PREFIX,
    MERGED_KEY_PREFIX,
    NO_HOLDERS,
    READING_KEY_PREFIX,
    Holders,
    Rules,
    channels_of,
    concerns,
    sort_key,
)
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.registries.model import KEY_PREFIX as REGISTRY_KEY_PREFIX

_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
# Opt-ins that end a suppression, and of which nobody can say that the person agreed to anything:
# an admin lifted it, a CRM user cleared a flag, or it was said of another record or number.
_NO_CONSENT = (
    LIFT_KEY_PREFIX, ACTION_KEY_PREFIX, MERGED_KEY_PREFIX, READING_KEY_PREFIX, "crm:",
)  # fmt: skip
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
        elif report.kind == FeedbackKind.OPT_IN and not report.key.startswith(_NO_CONSENT):
            agreed = agreed or "text" in channels_of(report, rules)
    return agreed
