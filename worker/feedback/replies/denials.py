"""Finds the name in "this is not Maria": somebody else has the number."""

from __future__ import annotations

import re

from worker.feedback.replies.language import Language
from worker.feedback.replies.names import GIVEN_NAMES, NAMES_THAT_ARE_WORDS, NOT_NAMES
from worker.feedback.replies.text import normalize

# "Not Ready" and "Not Important" are no names.
_BARE_DENIAL = re.compile(r"(?:(?:sorry|nope|no),? (?:but )?)?not ", re.IGNORECASE)


def names_another_person(sentence: str, small: str, language: Language) -> str | None:
    """The words of "this is not Maria", where what follows is a name. `small`: the sentence in
    small letters."""
    if not language.may_deny(small):
        return None
    for match in language.denial_pattern.finditer(sentence):
        title, name = match.group(1) or "", match.group(2)
        plain = normalize(name)
        if title.lower().startswith("pan") and language.code not in ("pl", "uk", "ru"):
            title = ""  # bread, in Spanish
        if plain in GIVEN_NAMES or title:
            return match.group()
        if _BARE_DENIAL.match(match.group()):
            continue
        if plain in NOT_NAMES or len(plain) < 3:
            continue
        # German writes every noun with a capital.
        if name[:1].isupper() and not name.isupper() and language.code != "de":
            return match.group()
    for match in language.no_such_person_pattern.finditer(sentence):
        name = match.group(2)
        written_as_one = name[:1].isupper() and not name.isupper()
        if normalize(name) in GIVEN_NAMES and (
            written_as_one or normalize(name) not in NAMES_THAT_ARE_WORDS
        ):
            return match.group()
    return None
