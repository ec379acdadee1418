"""Settings of `[feedback]`: what counts as unreachable, and what call outcomes mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field

from config.section import Duration, Section

# By what an outcome of a call is called in a CRM, in small letters.
_WRONG = ("wrong number", "wrong person", "not the right person", "number belongs to someone else")
_DEAD = (
    "disconnected", "disconnected number", "number disconnected", "number not in service",
    "not in service", "out of service", "invalid number", "bad number", "number does not exist",
)  # fmt: skip
_STOP = (
    "do not call", "do not contact", "dnc", "add to dnc", "remove from list", "opt out",
    "opted out", "requested no contact", "unsubscribe",
)  # fmt: skip


_HARMLESS = (
    "busy", "connected", "no answer", "left live message", "left voicemail", "voicemail",
    "call back", "callback", "meeting booked", "meeting scheduled",
)  # fmt: skip

# What an outcome of a call means; "" = nobody has said.
OutcomeMeaning = Literal["wrong_number", "disconnected", "do_not_call", "harmless", ""]


class Dispositions(Section):
    """Call outcomes, by their names in the CRM, and what they mean for the number."""

    every: Duration = timedelta(minutes=5)  # 0s = not at all
    wrong_number: tuple[str, ...] = _WRONG
    disconnected: tuple[str, ...] = _DEAD
    do_not_call: tuple[str, ...] = _STOP
    harmless: tuple[str, ...] = _HARMLESS  # these say nothing of the number, and are not listed
    read_names: bool = True  # of outcomes in no list: one that plainly says so means it

    def meaning_of(self, *names: str) -> OutcomeMeaning:
        """Return the meaning of the outcome with one of these names (its name, or its id in the
        CRM).

        >>> Dispositions(do_not_call=("Never-call",)).meaning_of("never call")
        'do_not_call'
        """
        known = _meanings(self.wrong_number, self.disconnected, self.do_not_call, self.harmless)
        for name in names:
            if meaning := known.get(_plain(name)):
                return meaning
        return ""

    def leaves_out(self, name: str) -> bool:
        """Whether the lists of this company leave out a name that the default lists have."""
        return _plain(name) in _meanings(_WRONG, _DEAD, _STOP, _HARMLESS)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


@lru_cache(maxsize=8)
def _meanings(
    wrong: Sequence[str], dead: Sequence[str], stop: Sequence[str], harmless: Sequence[str]
) -> dict[str, OutcomeMeaning]:
    """Map outcome names to meanings. A name in two lists has the worse meaning: `harmless` comes
    last."""
    lists: tuple[tuple[OutcomeMeaning, Sequence[str]], ...] = (
        ("harmless", harmless), ("do_not_call", stop), ("disconnected", dead),
        ("wrong_number", wrong),
    )  # fmt: skip
    return {_plain(name): meaning for meaning, names in lists for name in names}


class FeedbackSettings(Section):
    unreachable_after: int = Field(3, ge=1)  # failed messages, none that arrived in between ...
    unreachable_over: Duration = timedelta(days=3)  # ... the first and last at least so far apart
    shared_from: int = Field(3, ge=2)  # persons in one CRM: a switchboard, a family
    # Keys by which a person who is called asks not to be called again, and what they are told then.
    opt_out_keys: tuple[Annotated[str, Field(pattern=r"^[0-9*#]{1,8}$")], ...] = ("9",)
    opt_out_keys_answer: str = Field(
        "You will not be called again. Goodbye.", min_length=1, max_length=300
    )
    field_notes: bool = True  # "do not call" and "wrong number", written in a phone field, count
    hold_open_reviews: bool = False  # do not text while a reply that may be an opt-out waits
    corrections: Literal["propose", "replace"] = "propose"
    company: str = Field("", max_length=120)  # who asks, on the recipient's page
    link_lifetime: Duration = timedelta(days=180)
    answers_per_link: int = Field(10, ge=1)  # in a day
    deliver_every: Duration = timedelta(seconds=15)  # how often what is left is looked for
    dispositions: Dispositions = Dispositions()
