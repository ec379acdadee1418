"""The short way for numbers of which nothing is known: it is taken for no other number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from constants import NUMBER

from worker.feedback.consent_state import Holders, Rules
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.feedback.report_log import ReportSet
from worker.phones import parse_field
from worker.scrub.decide import Circumstances, decide
from worker.scrub.evidence import ActiveSuppression, Evidence
from worker.scrub.model import Question

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STOP = Feedback("stop", FeedbackKind.OPT_OUT, NUMBER, "sms", NOW)
NAMELESS = Feedback(
    "crm:1", FeedbackKind.OPT_OUT, "", "crm", NOW, contact="crm/Contact/1", scope="contact"
)
WHO = ContactIdentity("crm/Contact/1")

KNOWN = {
    "a suppression": Evidence((), suppressions={NUMBER: [ActiveSuppression("call", "list", NOW)]}),
    "a report": Evidence((), ReportSet({NUMBER: [STOP]})),
    "a holder who opted out as a whole": Evidence(
        (), ReportSet({"": [NAMELESS]}, numbers_by_contact={WHO.key: [""]}),
        holders={NUMBER: Holders((WHO,))},
    ),
    "a holder whose reply waits": Evidence(
        (), holders={NUMBER: Holders((WHO,))}, held_contacts={WHO.key: STOP}
    ),
}  # fmt: skip


def is_allowed(evidence: Evidence, contact: str = "") -> bool:
    [number] = parse_field(NUMBER, "US").numbers
    question = Question(NUMBER, "call", "US", contact)
    return decide(question, number, evidence, Circumstances(NOW, timedelta(1), Rules())).allow


@pytest.mark.parametrize("evidence", KNOWN.values(), ids=KNOWN.keys())
def test_whatever_stands_against_a_number_is_looked_at(evidence: Evidence) -> None:
    assert not evidence.knows_nothing_of(NUMBER)
    assert not is_allowed(evidence)


def test_who_is_named_is_looked_at_whatever_is_known_of_the_number() -> None:
    evidence = Evidence((), held_contacts={WHO.key: STOP}, known_contacts={WHO.key: WHO})
    assert evidence.knows_nothing_of(NUMBER)
    assert is_allowed(evidence)
    assert not is_allowed(evidence, WHO.key)
