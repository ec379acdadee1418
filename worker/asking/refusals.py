"""Let somebody be asked by email again whom our own records keep from it.

Two things are ours: an address that the mail server refused for good (`LeftOut.EMAIL_REFUSED`), and
an opt-out by the unsubscribe link of our emails. Both are lifted here, for one person, with a
reason. What a CRM says is not: it is read from the CRM just before each email is sent, and counts
until somebody changes it there. Nor is any other word of the person, such as a STOP by text:
lifting the unsubscribing would lift it too, so such a suppression stands, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.access import audit
from worker.asking.model import AskingError, LeftOut, MessageState
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import RECIPIENT_PAGE, FeedbackKind, SuppressionReason, contact_key
from worker.store.array_param import any_of
from worker.store.tables import ask_messages, feedback, suppressions
from worker.suppression import suppressions as suppress

_OF_PERSON = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)
_UNSUBSCRIBED = "page:%:unsubscribe"  # keys of reports by the link (`worker.web.confirm.routes`)


@dataclass(frozen=True, slots=True)
class Lifted:
    """`refused`: messages whose refusal no longer counts; `unsubscribed`: suppressions that were
    lifted; `standing`: ids of suppressions of the person that were not."""

    refused: int
    unsubscribed: int
    standing: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "refused": self.refused,
            "unsubscribed": self.unsubscribed,
            "standing": list(self.standing),
        }


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about. `hashes`: that may stand for the email; `contact`: the key of a record, ""
    where the email alone is known."""

    hashes: tuple[str, ...]
    contact: str = ""

    @property
    def recipients(self) -> set[str]:
        """Return what messages may have as their recipient (`Candidate.recipient`)."""
        return {*(f"person:{one}" for one in self.hashes), *filter(None, (self.contact,))}


def of_email(ctx: Context, email: str) -> Person:
    return Person(ctx.keys.person_aliases(email))


def of_record(ctx: Context, connector: str, object_name: str, record_id: str) -> Person:
    who = intake.find_identity(ctx, connector, object_name, record_id)
    hashes = (who.person,) if who.person else ()
    return Person(hashes, contact_key(connector, object_name, record_id))


def lift(ctx: Context, person: Person, by: str, why: str) -> Lifted:
    """Lift what our own records have against emailing a person. Raises `AskingError` for a reason
    that says nothing, and if there is nothing of the kind."""
    reason = why.strip()
    if len(reason) < 3:
        raise AskingError("give a reason of at least three characters")
    with ctx.store.read() as connection:
        ours, standing = _suppressions(connection, person)
    with ctx.store.write() as connection:
        refused = _lift_refusals(connection, person)
    if not refused and not ours and not standing:
        raise AskingError(
            "neither the mail server nor our unsubscribe link keeps this person from an email; "
            "what a CRM says is changed in the CRM"
        )
    for suppression_id in ours:
        suppress.lift(ctx, suppression_id, by, reason)
    done = Lifted(refused, len(ours), standing)
    who = person.contact or f"person:{person.hashes[0]}"
    audit.note(ctx.store, ctx.now(), by, "ask.lift", who, reason)
    return done


def _lift_refusals(connection: Connection, person: Person) -> int:
    m = ask_messages.c
    values: dict[str, Any] = {"reason": LeftOut.EMAIL_REFUSAL_LIFTED}
    changed = connection.execute(
        sa.update(ask_messages)
        .where(
            any_of(m.recipient, sorted(person.recipients)),
            m.state == MessageState.REFUSED,
            m.reason == LeftOut.EMAIL_REFUSED,
        )
        .values(**values)
    )
    return changed.rowcount


def _suppressions(connection: Connection, person: Person) -> tuple[list[int], tuple[int, ...]]:
    """Return the active opt-outs of a person that rest on our unsubscribe link alone, and those
    that rest on something else as well."""
    s, f = suppressions.c, feedback.c
    theirs = sa.or_(
        sa.and_(s.person != "", any_of(s.person, sorted(person.hashes))),
        sa.and_(s.contact != "", s.contact == person.contact),
    )
    query = sa.select(s.id, s.number, s.reason).where(theirs, s.lifted_at.is_(None))
    ours: list[int] = []
    standing: list[int] = []
    for row in connection.execute(query).all():
        said = sa.select(f.key, f.source).where(f.number == row.number, f.kind.in_(_OF_PERSON))
        unsubscribed = sa.select(f.id).where(
            f.number == row.number, f.source == RECIPIENT_PAGE, f.key.like(_UNSUBSCRIBED)
        )
        others = connection.execute(said.where(f.key.not_like(_UNSUBSCRIBED)).limit(1)).first()
        is_ours = connection.execute(unsubscribed.limit(1)).first() is not None
        if row.reason == SuppressionReason.OPT_OUT and is_ours and others is None:
            ours.append(row.id)
        else:
            standing.append(row.id)
    return ours, tuple(standing)
