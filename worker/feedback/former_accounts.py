"""Weigh what was said on records of an account that a connection went to before. Pure.

After a trial, say, a name takes the production account (`worker.ops.account_change`). What is left
of the trial's records is under the former name of its account, `hubspot@1/contacts/5`, so that
nobody takes it for another person's record with the same id. Reports about numbers and persons
hold in the new account as everywhere. A stop that names a former record alone would hold for
nobody any more, although whoever said it may be in the new account too, with the same number. In
doubt, nobody is called: it holds for whoever has the number in the account that followed, until an
opt-in ends it there. What else was said of one record alone holds for that record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from config.connections import is_former, present_name
from worker.feedback.models import Feedback, FeedbackKind

_STOPS = (FeedbackKind.OPT_OUT, FeedbackKind.COMPLAINT, FeedbackKind.ERASURE)


def stops(reports: Sequence[Feedback], contact: str) -> Iterator[list[Feedback]]:
    """Yield what was said on each former record of this contact's connection on which a stop names
    that record alone, as if it had been said on this contact ("connector/object/id").

    `reports`: about one number that the contact has.
    """
    by_record: dict[str, list[Feedback]] = {}
    for report in reports:
        if report.kind in (*_STOPS, FeedbackKind.OPT_IN) and _is_of_former(report.contact, contact):
            by_record.setdefault(report.contact, []).append(report)
    for said in by_record.values():
        if any(report.kind in _STOPS and report.scope != "number" for report in said):
            yield [replace(report, contact=contact, scope="contact") for report in said]


def _is_of_former(record: str, contact: str) -> bool:
    connector = record.partition("/")[0]
    return is_former(connector) and present_name(connector) == contact.partition("/")[0]
