"""Rules for numbers of organisations. Pure.

A company's switchboard is not a person. Many people are reached through it, and most of them are
not in the CRM. So what is said of a number on one record does not always hold for another record
that has the same number. In doubt, nobody is called:

1. A stop (opt-out, complaint, erasure) that came from the number itself closes the number wherever
   it stands, also on an organisation's record.
2. A stop on an organisation's record closes its numbers for everybody who has them, since whoever
   calls one reaches that organisation. It ends when it is taken back on that record.
3. "Wrong number" on a person's record does not make the organisation's number wrong: the person is
   not there, and the switchboard is. On an organisation's record it makes the number wrong for
   everybody, but for those who confirmed it themselves.
4. "Wrong number" that names no record (whoever answered there said so) holds for everybody, since
   nobody can tell for whom it does not.
5. A confirmation or an opt-in holds for the record on which it was made, never across owners: that
   a person is reached at a switchboard says nothing about the company, and the other way round.
6. People who share a number that an organisation's record has share a switchboard: what is said of
   it on one of them is not said of the others, however few they are.
7. A failed message says something about the line, so it counts for every owner.
8. An organisation is nobody: its email makes it no person, it gets no link to a recipient's page,
   is asked nothing, and nobody looks up whether its number was reassigned.
9. A number of an organisation on many contacts is no placeholder, unless as many organisations
   have it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from worker.feedback.models import Feedback, FeedbackKind

_SAYS_WRONG = (FeedbackKind.WRONG_NUMBER, FeedbackKind.CORRECTED)
# What is said of whoever is reached at a number, and not of its line.
_OF_THE_OWNER = (*_SAYS_WRONG, FeedbackKind.CONFIRMED, FeedbackKind.OPT_IN)


def is_organisation(contact: str, organisations: Collection[str]) -> bool:
    """Return whether a contact ("connector/object/id") is an organisation's record.

    >>> is_organisation("salesforce/Account/001A", ["salesforce/Account"])
    True
    >>> is_organisation("salesforce/Contact/003A", ["salesforce/Account"])
    False
    """
    return bool(organisations) and contact.rpartition("/")[0] in organisations


def is_switchboard(holders: Iterable[str], organisations: Collection[str]) -> bool:
    """Return whether an organisation's record is among those that hold a number (rule 6)."""
    return any(is_organisation(contact, organisations) for contact in holders)


def crosses(report: Feedback, contact: str, organisations: Collection[str]) -> bool | None:
    """Return whether a report about a number, made on another record, holds for this contact too
    (rules 3, 5 and 7); None where both are people, or the report is none of these."""
    if report.kind not in _OF_THE_OWNER:
        return None
    if is_organisation(report.contact, organisations):
        return report.kind in _SAYS_WRONG
    return False if is_organisation(contact, organisations) else None


def stops_of_others(
    reports: Iterable[Feedback], contact: str, organisations: Collection[str]
) -> dict[str, list[Feedback]]:
    """Return what was said on the records of organisations other than this contact, by record, of
    those on which there was a stop that names the record alone (rule 2). Stops of the number itself
    hold for everybody anyway."""
    if not organisations:
        return {}
    by_record: dict[str, list[Feedback]] = {}
    for report in reports:
        elsewhere = report.contact != contact and report.scope != "number"
        if elsewhere and is_organisation(report.contact, organisations):
            by_record.setdefault(report.contact, []).append(report)
    return {
        record: of
        for record, of in by_record.items()
        if any(report.kind == FeedbackKind.OPT_OUT for report in of)
    }


def is_placeholder(people: int, organisations: int, least: int) -> bool:
    """Return whether so many contacts have a number that it is to be looked at (rule 9).

    >>> is_placeholder(people=40, organisations=1, least=10)
    False
    >>> is_placeholder(people=40, organisations=0, least=10)
    True
    >>> is_placeholder(people=0, organisations=12, least=10)
    True
    """
    return organisations >= least or (people >= least and not organisations)
