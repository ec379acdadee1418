"""What an answer about a new subscriber says of a contact."""

from __future__ import annotations

from datetime import date

import pytest
from constants import NOW, NUMBER

from worker.sync.pages.evaluator import reassignment_reason
from worker.verification.models import Verification


def answer(check_level: str = "reassigned", reassigned: bool | None = True,
           since: str = "2024-03-01",
           ) -> Verification:  # fmt: skip
    return Verification(
        NUMBER, "rnd", "", check_level, "valid", "mobile", NOW, NOW,  # type: ignore[arg-type]
        reassigned=reassigned, since=since,
    )  # fmt: skip


def test_a_number_taken_from_the_contact_is_somebody_elses() -> None:
    reason = reassignment_reason([answer()], date(2024, 3, 1))
    assert reason == f"was given to somebody else after 01 Mar 2024 (checked {NOW:%d %b %Y})"


@pytest.mark.parametrize(
    ("verification", "since"),
    [
        pytest.param(answer(), date(2025, 1, 1), id="confirmed later than was asked about"),
        pytest.param(answer(), None, id="no day on which it was surely the contact's"),
        pytest.param(answer("live", since=""), date(2024, 3, 1), id="an answer about no day"),
        pytest.param(answer("live", since=""), None, id="neither"),
        pytest.param(answer(reassigned=False), date(2024, 3, 1), id="still the contact's"),
        pytest.param(answer(reassigned=None), date(2024, 3, 1), id="not known"),
    ],
)  # fmt: skip
def test_nothing_is_said_without_evidence(verification: Verification, since: date | None) -> None:
    assert reassignment_reason([verification], since) == ""
