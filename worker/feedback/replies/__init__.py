"""Reads replies in words: does somebody opt out, or say that we have the wrong number?

Deterministic and offline. Rules, one file a language, flag what is clear (`reader`); a small model
decides which of the rest a person should see (`router`).
"""

from worker.feedback.replies.intents import Intent, Reply
from worker.feedback.replies.reader import read_reply

__all__ = ["Intent", "Reply", "read_reply"]
