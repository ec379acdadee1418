"""What a person is shown of a message whose words we cannot read: a picture, a voice message.

A description in brackets stands for it in the review queue, after the words that came with it. It
is ours and no part of the reply: nothing is learned from it, and it is not read as a reply.
"""

from __future__ import annotations

import re

_WHY = "which cannot be read here: see the vendor's log"
_DESCRIPTION = re.compile(rf" ?\[[a-zA-Z ]{{1,80}}, {_WHY}\]$")


def with_description(words: str, unread: str) -> str:
    """Return the text of a review: the words, and what else the message holds.

    >>> with_description("", "a picture")
    "[a picture, which cannot be read here: see the vendor's log]"
    """
    if not unread:
        return words
    return f"{words} [{unread}, {_WHY}]".lstrip()


def words_of(text: str) -> str:
    """Return what the person wrote of a review's text.

    >>> words_of(with_description("Look at this", "a picture"))
    'Look at this'
    """
    return _DESCRIPTION.sub("", text)
