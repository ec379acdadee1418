"""Reads replies in words: does somebody opt out, or say that we have the wrong number?

Deterministic and offline. One file a language; all languages are tried, since people answer in
their own. What is not clear is not guessed: it is `doubtful`, and goes to a person.
"""

from worker.feedback.replies.reader import Intent, Reply, read_reply

__all__ = ["Intent", "Reply", "read_reply"]
