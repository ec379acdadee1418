"""The Reassigned Numbers Database: yes, no and no data; tokens; calls and files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from constants import BRITISH, NEW_YORK, NUMBER
from lookups import connect_provider

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.verification.errors import CreditExhaustedError
from worker.verification.models import Question, Verification

GONE = date(2023, 6, 15)


@pytest.fixture
def rnd(sandbox: Sandbox, tmp_path: Path) -> Any:
    sandbox.network.set(NUMBER, disconnected_on=GONE)
    sandbox.network.set(NEW_YORK, disconnected_on=None)
    provider = connect_provider(sandbox, "rnd", tmp_path)
    yield provider
    provider.close()


@pytest.mark.parametrize(
    ("since", "reassigned"),
    [
        (date(2023, 6, 14), True), (GONE, True),  # "the same as or before" the disconnection
        (date(2023, 6, 16), False), (date(2021, 1, 26), None),
    ],
)  # fmt: skip
def test_yes_no_and_no_data(rnd: Any, since: date, reassigned: bool | None) -> None:
    (answer,) = rnd.ask([Question(NUMBER, since)], "reassigned")
    assert (answer.reassigned, answer.since, answer.verdict) == (reassigned, since, "unknown")


def test_one_number_may_be_asked_about_with_two_dates(rnd: Any, sandbox: Sandbox) -> None:
    days = (date(2023, 1, 1), date(2024, 1, 1))
    answers = rnd.ask([Question(NUMBER, day) for day in days], "reassigned")
    assert {a.since: a.reassigned for a in answers} == {days[0]: True, days[1]: False}
    assert sandbox.rnd.counters["POST /api/tn"] == 1


@pytest.mark.parametrize(
    ("days", "verdicts"),
    [
        ((GONE,), (True,)),
        ((date(2024, 1, 1),), (False,)),
        ((date(2023, 1, 1), date(2024, 1, 1)), (True, False)),
        ((date(2024, 1, 1), date(2023, 1, 1), date(2021, 1, 1)), (False, True, None)),
    ],
)
def test_an_answer_without_its_date_is_kept(
    rnd: Any, sandbox: Sandbox, days: tuple[date, ...], verdicts: tuple[bool | None, ...]
) -> None:
    """It was paid for, and the number tells what it is about."""
    sandbox.rnd.tells_dates = False
    questions = [Question(NUMBER, day) for day in days] + [Question(NEW_YORK, GONE)]
    answers = {(a.number, a.since): a.reassigned for a in rnd.ask(questions, "reassigned")}
    wanted = {(NUMBER, day): answer for day, answer in zip(days, verdicts, strict=True)}
    assert answers == {**wanted, (NEW_YORK, GONE): False}
    assert sandbox.rnd.charges == len(questions)


@pytest.mark.parametrize(
    "reply",
    [
        {"tn": "4155552671", "dateProvided": None}, {"tn": "4155552671", "dateProvided": ""},
        {"tn": 4155552671, "dateProvided": "2023-06-15"}, {"tn": NUMBER},
        {"tn": "14155552671", "dateProvided": "2023-06-15T00:00:00Z"},
        {"tn": "415-555-2671", "dateProvided": "06/15/2023"}, {"tn": "4155552671",
         "dateProvided": "20230615"},
    ],
)  # fmt: skip
def test_number_and_date_are_known_in_any_spelling(
    rnd: Any, sandbox: Sandbox, reply: dict[str, Any]
) -> None:
    body = {"replies": [{"disconnected": "yes", **reply}]}
    sandbox.rnd.faults.append(Fault("/api/tn", "status", status=200, body=body))
    (answer,) = rnd.ask([Question(NUMBER, GONE)], "reassigned")
    assert (answer.number, answer.since, answer.reassigned) == (NUMBER, GONE, True)


@pytest.mark.parametrize(
    "replies",
    [
        [{"tn": "4155552671", "dateProvided": "2022-01-01", "disconnected": "yes"}],
        [{"tn": "4155552671", "disconnected": "yes"}, {"tn": "4155552671", "disconnected": "no"}],
        [{"tn": "2125557890", "disconnected": "yes"}],
        [{"tn": "4155552671", "disconnected": "perhaps"}], [{"disconnected": "yes"}], ["yes"],
    ],
)  # fmt: skip
def test_what_answers_another_question_is_no_answer(
    rnd: Any, sandbox: Sandbox, replies: list[Any]
) -> None:
    body = {"replies": replies}
    sandbox.rnd.faults.append(Fault("/api/tn", "status", status=200, body=body))
    assert rnd.ask([Question(NUMBER, GONE)], "reassigned") == []


def test_what_it_can_know_is_asked_only(rnd: Any) -> None:
    day = date(2024, 1, 1)
    assert rnd.supports(Question(NUMBER, day), "reassigned")
    assert rnd.supports(Question("+18002364525", day), "reassigned"), "toll-free numbers are in it"
    assert not rnd.supports(Question(BRITISH, day), "reassigned")
    assert not rnd.supports(Question(NUMBER, None), "reassigned"), (
        "without a date there is no question"
    )
    assert not rnd.supports(Question(NUMBER, date(2020, 12, 31)), "reassigned"), (
        "before its records"
    )


def test_a_token_that_has_run_out_is_renewed(rnd: Any, sandbox: Sandbox) -> None:
    rnd.ask([Question(NUMBER, GONE)], "reassigned")
    sandbox.rnd.tokens.clear()
    rnd.ask([Question(NEW_YORK, GONE)], "reassigned")
    assert sandbox.rnd.counters["POST /b/public/api/idToken"] == 2
    assert sandbox.rnd.charges == 2


def test_a_token_is_used_for_more_than_one_call(rnd: Any, sandbox: Sandbox) -> None:
    for _ in range(3):
        rnd.ask([Question(NUMBER, GONE)], "reassigned")
    assert sandbox.rnd.counters["POST /b/public/api/idToken"] == 1


def test_a_subscription_that_is_used_up(rnd: Any, sandbox: Sandbox) -> None:
    sandbox.rnd.left = 1
    with pytest.raises(CreditExhaustedError, match="used up"):
        rnd.ask([Question(NUMBER, GONE), Question(NEW_YORK, GONE)], "reassigned")


def test_a_file(rnd: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    import time

    questions = [Question(NUMBER, date(2023, 1, 1)), Question(NEW_YORK, date(2023, 1, 1))]
    job = rnd.submit(questions, "reassigned")
    assert rnd.collect(job, questions, "reassigned") is None
    time.sleep(0.25)
    another = connect_provider(sandbox, "rnd", tmp_path)
    answers = another.collect(job, questions, "reassigned")
    assert {a.number: a.reassigned for a in answers} == {NUMBER: True, NEW_YORK: False}
    assert sandbox.rnd.charges == 2


class TestWhatAnAnswerCovers:
    """Not given away since January holds for any later date; given away since June for any
    earlier one."""

    def verification(self, since: date, reassigned: bool | None) -> Verification:
        from datetime import UTC, datetime

        now = datetime(2026, 1, 1, tzinfo=UTC)
        return Verification(
            NUMBER, "rnd", "query", "reassigned", "unknown", "unknown", now, now,
            since=since.isoformat(), reassigned=reassigned,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("reassigned", "earlier", "same", "later"),
        [(False, False, True, True), (True, True, True, False), (None, False, True, False)],
    )
    def test_dates(self, reassigned: bool | None, earlier: bool, same: bool, later: bool) -> None:
        answer = self.verification(GONE, reassigned)
        assert answer.covers(date(2023, 1, 1)) is earlier
        assert answer.covers(GONE) is same
        assert answer.covers(date(2024, 1, 1)) is later
        assert not answer.covers(None)
