"""Decides what a reply means: by its rules where they are sure, and by the router elsewhere.

A message is cut into sentences (`text`); each is looked at for keywords (`keywords`) and phrases
(`phrase_search`, in the words of the language files) by `sentence`, and what they mean is weighed
(`weighing`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, NamedTuple

from worker.feedback.replies import router
from worker.feedback.replies.detection import likely_language
from worker.feedback.replies.intents import MAX_EVIDENCE, NOTHING, Intent, Kind, Match, Reply
from worker.feedback.replies.keywords import EVERYDAY_KEYWORDS, exact_match
from worker.feedback.replies.registry import possible_languages
from worker.feedback.replies.sentence import read_sentence
from worker.feedback.replies.text import (
    MAX_PARTS,
    Folds,
    readable,
    sentences,
    without_emoticons,
    without_name,
    without_signature,
)
from worker.feedback.replies.weighing import weighed

# Why the rules are not sure: they know single words, or what they know is unclear. With "" the
# router has no say in a review: a part of the message was not read.
Doubt = Literal["", "weak", "unclear"]
_JOKES = re.compile(
    r"\b(?:lol|lmao|rofl|jk|just kidding|haha\w*|hehe\w*|jaja\w*|kkk+|mdr|ahah\w*|(?:а?ха){2}\w*)\b"
    r"|[😂🤣😆😜😝🤪😛]|[:;=]-?p+(?!\w)"
)
_UNKNOWN_TO_THE_ROUTER = ("complaint", "corrected", "confirmed")
_MIN_ROUTED = 6  # characters below which the router says nothing of a reply


def read_reply(text: str, model: router.Model | None = None) -> Reply:
    """Say what a reply means; an ordinary one means nothing to us.

    Takes time and memory in proportion to the length, and little of both: only the beginning of a
    very long message is read (`text.readable`). Whatever that says, a person is to look at the
    rest, and an opt-in is not clear before they have. `model`: of the router; as shipped without
    one.

    >>> [one.kind for one in read_reply("Please don't text me anymore").intents]
    ['opt_out']
    >>> read_reply("not interested").needs_review
    True
    """
    read, folds = _as_read(text), Folds()
    reply, doubt = _by_rules(read, folds)
    if reply.intents:
        return reply
    model = model or router.load()
    if reply.needs_review and not doubt:  # the queue has what is most likely a request first
        return replace(reply, likelihood=router.score(read.text, model, folds).likelihood)
    return _routed(reply, doubt, read.text, folds, model)


def _routed(reply: Reply, doubt: Doubt, text: str, folds: Folds, model: router.Model) -> Reply:
    """What the router makes of a reply in which no rule is sure.

    It sends to a person what it takes for a request, and leaves alone what is surely harmless
    although a rule saw weak words or doubted. It never flags.
    """
    score = router.score(text, model, folds)
    kind: Kind = "opt_out" if score.kind == "opt_out" else "wrong_number"
    if reply.needs_review:
        suggestion = reply.suggestion
        if suggestion is not None and suggestion.kind in _UNKNOWN_TO_THE_ROUTER:
            return replace(reply, likelihood=score.likelihood)
        if score.best < (model.weak if doubt == "weak" else model.harmless):
            return NOTHING
        if doubt == "weak" and suggestion is not None and score.best > 0:
            suggestion = replace(suggestion, kind=kind)
        return replace(reply, suggestion=suggestion, likelihood=score.likelihood)
    language = likely_language(folds[text])
    limit = model.review if language in ("", "en") else model.review_elsewhere
    if not score.evidence or score.best < limit or len(score.evidence) < _MIN_ROUTED:
        return NOTHING
    intent = Intent(kind, score.evidence[:MAX_EVIDENCE], language)
    return Reply(needs_review=True, suggestion=intent, likelihood=score.likelihood)


def read_by_rules(text: str) -> tuple[Reply, Doubt]:
    """What the rules make of a reply, and why they are not sure."""
    return _by_rules(_as_read(text), Folds())


class _Read(NamedTuple):
    """What is read of a message. `complete`: it is all of it. `playful`: it laughs."""

    text: str
    complete: bool
    playful: bool


def _as_read(text: str) -> _Read:
    text, complete = readable(text)
    playful = bool(_JOKES.search(text.casefold()))
    return _Read(without_emoticons(without_signature(text)), complete, playful)


def _by_rules(read: _Read, folds: Folds) -> tuple[Reply, Doubt]:
    text, complete, playful = read
    folded = folds[text]
    if not folded:
        return (NOTHING if complete else Reply(needs_review=True)), ""
    whole = exact_match(folded, complete) if complete else None
    if whole is None and complete and (above := without_name(text)) != text:
        whole = exact_match(folds[above])
        if whole and (whole.kind != "opt_out" or EVERYDAY_KEYWORDS.search(folds[above])):
            whole = None
    if whole is not None and not playful and "?" not in text:
        return Reply((whole,)), ""
    matches = [Match(whole, False)] if whole else []
    readers = possible_languages(folded)
    parts = 0
    seen: set[tuple[str, bool]] = set()
    for sentence, is_question in sentences(text):
        if parts > MAX_PARTS:
            break
        parts += 1 + sentence.count(",")
        if (sentence, is_question) in seen:
            continue
        seen.add((sentence, is_question))
        matches += read_sentence(sentence, folds, is_question, folded, readers)
    complete = complete and parts <= MAX_PARTS
    doubt: Doubt = ""
    if complete and matches and not any(match.for_a_person for match in matches):
        doubt = "weak" if all(match.weak for match in matches) else "unclear"
    return weighed(matches, playful, complete), doubt
