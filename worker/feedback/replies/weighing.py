"""Weighs what the sentences of a reply mean against each other."""

from __future__ import annotations

import re

from worker.feedback.replies.intents import NOTHING, Intent, Match, Reply

_NUMBER = re.compile(r"number|numero|nummer|номер|numer|verwahlt|\bnot ")


def weighed(matches: list[Match], playful: bool, complete: bool) -> Reply:
    """What the matches of a message come to."""
    clear: dict[str, Intent] = {}
    unclear: list[Match] = []
    for match in matches:
        if match.sure and not (playful and _may_be_a_joke(match.intent)):
            clear.setdefault(match.intent.kind, match.intent)
        else:
            unclear.append(match)
    if not complete:
        if "opt_in" in clear:
            unclear.append(Match(clear.pop("opt_in"), False))
        suggestion = unclear[0].intent if unclear else None
        return Reply(tuple(clear.values()), needs_review=True, suggestion=suggestion)
    if clear:
        beside = [
            m.intent
            for m in unclear
            if m.apart and m.intent.kind not in clear and m.intent.kind != "confirmed"
        ]
        if beside:
            return Reply(tuple(clear.values()), needs_review=True, suggestion=beside[0])
        return Reply(tuple(clear.values()))
    if unclear:
        return Reply(needs_review=True, suggestion=_suggested(unclear))
    return NOTHING


def _suggested(unclear: list[Match]) -> Intent:
    """What a person is to think of first: what may stop contact, before another number or a
    confirmation; and a circumstance before the words of a request."""
    stops = [match.intent for match in unclear if match.intent.kind == "opt_out"]
    for match in unclear:
        if match.apart and not (stops and match.intent.kind in ("corrected", "confirmed")):
            return match.intent
    if any(match.apart for match in unclear):
        return stops[0]
    return unclear[0].intent


def _may_be_a_joke(intent: Intent) -> bool:
    """Whether laughing makes words unclear; "wrong number, lol" says what it says."""
    return intent.kind != "wrong_number" or not _NUMBER.search(intent.evidence)
