"""Feedback: a report about a number, or about one contact's use of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct


class FeedbackKind(StrEnum):
    """What a report says. The values stand in the database, in the API and in files."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    WRONG_NUMBER = "wrong_number"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    UNDELIVERABLE = "undeliverable"
    COMPLAINT = "complaint"
    ERASURE = "erasure"


class SuppressionReason(StrEnum):
    """Why a number is suppressed: by a report of this kind, or because a list holds it."""

    OPT_OUT = "opt_out"
    WRONG_NUMBER = "wrong_number"
    COMPLAINT = "complaint"
    ERASURE = "erasure"
    LIST = "list"


class ReviewDecision(StrEnum):
    """What a person may read in a reply that is left to them."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    WRONG_NUMBER = "wrong_number"
    COMPLAINT = "complaint"
    CORRECTED = "corrected"  # the number is wrong; the new one is not taken from the text
    CONFIRMED = "confirmed"
    NOTHING = "nothing"


# Whom a report concerns: whoever holds the number; that person, in whichever CRM; that one record.
Scope = Literal["number", "person", "contact"]
# What a failed message says of the number: it is out of service; it may be, if that goes on; it
# takes no texts.
Severity = Literal["", "dead", "failing", "no_text"]
PAGE_KEY_PREFIX = "page:"  # begins the key of what was said on an admin page or a recipient's
RECIPIENT_PAGE = "recipient's page"  # the source of what a recipient said on theirs
# Columns of a file of reports.
REPORT_COLUMNS = ("kind", "number", "channels", "at", "evidence", "key", "new_number", "source",
           "connector", "id", "code")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feedback:
    """A report.

    `key`: idempotency key; the same report counts once (see `worker.store.fit_key`). `contact`:
    "connector/object/id" of the record that it was reported on, "" if none is known; `person`: who
    that is (`Keys.person`), "" if that is not known. `channels`: "call", "text" or both joined by a
    space, for opt_out and opt_in; "" is both. For an opt_in, it may also be the name of one of our
    flags ("do_not_contact"): a CRM user cleared that one and left another; then it opens no more
    than that flag closed. `evidence`: what was seen, for a person. `new_number`: of a `corrected`.
    `at`: when it was said, never later than `received_at`, when it reached us.
    """

    key: str
    kind: FeedbackKind
    number: str
    source: str
    at: datetime
    channels: str = ""
    contact: str = ""
    scope: Scope = "number"
    person: str = ""
    evidence: str = ""
    severity: Severity = ""
    new_number: str = ""
    received_at: datetime | None = None
    id: int = 0

    def __post_init__(self) -> None:
        if len(self.key) > MAX_KEY:  # hardly ever: so sources need not know of it
            # Not above: commands that print their help load this module, and not the store.
            from worker.store.fit_key import fit_key

            object.__setattr__(self, "key", fit_key(self.key))


MAX_KEY = 255  # characters of an idempotency key, as their columns have them


class ContactIdentity(Struct, frozen=True):
    """A contact as a report may concern it.

    `aliases`: what `person` was, or may have been, under former keys (`Keys.persons`).
    """

    key: str
    person: str = ""
    aliases: tuple[str, ...] = ()

    def is_person(self, person: str) -> bool:
        return bool(person) and (person == self.person or person in self.aliases)


def contact_key(connector: str, object_name: str, record_id: str) -> str:
    return f"{connector}/{object_name}/{record_id}"
