"""The sentence that a salesperson reads beside the flags, in nine languages.

Nothing here decides anything: a change of this package makes no contact be decided anew, and it
rewrites no record by itself (`worker.sync.read.change_detection`, `worker.decisions.decide`).
"""

from worker.decisions.wording.render import LANGUAGES, MAX_LENGTH, render, sentence_in_any_language

__all__ = ["LANGUAGES", "MAX_LENGTH", "render", "sentence_in_any_language"]
