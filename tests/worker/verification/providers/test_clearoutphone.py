"""ClearoutPhone: single lookups and files, credits, and the header with its colon."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from constants import BRITISH, NEW_YORK, NUMBER
from lookups import IMPOSSIBLE, connect_provider

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.phones import LineType
from worker.verification.errors import (
    AmbiguousResultError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.models import Question


@pytest.fixture
def clearout(sandbox: Sandbox, tmp_path: Path) -> Any:
    provider = connect_provider(sandbox, "clearoutphone", tmp_path)
    yield provider
    provider.close()


def fetched(clearout: Any, job: str, questions: list[Question]) -> Any:
    import time

    end = time.monotonic() + 5
    while (answers := clearout.collect(job, questions, "line_type")) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return {answer.number: answer for answer in answers}


QUESTIONS = [Question(NUMBER), Question(NEW_YORK), Question(IMPOSSIBLE)]


class TestOneNumber:
    @pytest.mark.parametrize(
        ("truth", "kind"),
        [
            ("mobile", "mobile"), ("landline", "landline"), ("voip", "voip"),
            ("toll_free", "toll_free"), ("premium", "premium"), ("pager", "pager"),
            ("shared_cost", "other"), ("personal", "other"), ("uan", "other"),
            ("voicemail", "other"), ("unheard of", "unknown"),
        ],
    )  # fmt: skip
    def test_kinds_of_line(
        self, sandbox: Sandbox, clearout: Any, truth: str, kind: LineType
    ) -> None:
        sandbox.network.set(NUMBER, kind=truth, carrier="Cobalt Telecom")
        (answer,) = clearout.ask([Question(NUMBER)], "line_type")
        assert (answer.verdict, answer.line_type, answer.carrier) == (
            "valid",
            kind,
            "Cobalt Telecom",
        )

    @pytest.mark.parametrize(
        ("line", "verdict"),
        [({"assigned": False}, "invalid"), ({"covered": False}, "unknown"), ({}, "valid")],
    )
    def test_each_status_takes_a_credit(
        self, sandbox: Sandbox, clearout: Any, line: dict[str, Any], verdict: str
    ) -> None:
        sandbox.network.set(NUMBER, **line)
        before = sandbox.clearoutphone.credits
        (answer,) = clearout.ask([Question(NUMBER)], "line_type")
        assert (answer.verdict, answer.charged) == (verdict, 1)
        assert sandbox.clearoutphone.credits == before - 1

    def test_an_error_in_words_is_passed_on(self, sandbox: Sandbox, clearout: Any) -> None:
        body = {"status": "failed", "error": {"code": 1029, "message": "number is required"}}
        sandbox.clearoutphone.faults.append(Fault("validate", "status", status=400, body=body))
        with pytest.raises(UnavailableError, match="number is required"):
            clearout.ask([Question(NUMBER)], "line_type")

    def test_a_time_out_of_its_own_is_tried_again(self, sandbox: Sandbox, clearout: Any) -> None:
        body = {"status": "failed", "error": {"code": 1006, "message": "Timeout occurred"}}
        sandbox.clearoutphone.faults.append(Fault("validate", "status", status=524, body=body))
        assert clearout.ask([Question(NUMBER)], "line_type")[0].verdict == "valid"


class TestCredits:
    def test_are_told(self, sandbox: Sandbox, clearout: Any) -> None:
        sandbox.clearoutphone.credits = 417
        assert clearout.check().credits == 417


class TestAFile:
    def test_is_handed_in_asked_after_and_fetched(self, sandbox: Sandbox, clearout: Any) -> None:
        job = clearout.submit(QUESTIONS, "line_type")
        assert clearout.collect(job, QUESTIONS, "line_type") is None, "it is not done at once"
        answers = fetched(clearout, job, QUESTIONS)
        assert {n: a.verdict for n, a in answers.items()} == {
            NUMBER: "valid", NEW_YORK: "valid", IMPOSSIBLE: "invalid",
        }  # fmt: skip
        single = {a.number: a for a in clearout.ask([Question(NUMBER)], "line_type")}
        assert answers[NUMBER].line_type == single[NUMBER].line_type
        assert answers[NUMBER].carrier == single[NUMBER].carrier

    @pytest.mark.parametrize(
        ("numbers", "country"),
        [
            ((NUMBER, NEW_YORK, IMPOSSIBLE), "us"), ((NUMBER, BRITISH, "+442079460018"), "gb"),
            (("+80012345678", BRITISH), "gb"), (("+80012345678",), ""),
        ],
    )  # fmt: skip
    def test_says_of_which_country_most_of_its_numbers_are(
        self, sandbox: Sandbox, clearout: Any, numbers: tuple[str, ...], country: str
    ) -> None:
        questions = [Question(number) for number in numbers]
        job = clearout.submit(questions, "line_type")
        assert sandbox.clearoutphone.jobs[job].country_code == country
        assert set(fetched(clearout, job, questions)) == set(numbers)

    def test_another_process_can_fetch_it(
        self, sandbox: Sandbox, clearout: Any, tmp_path: Path
    ) -> None:
        job = clearout.submit(QUESTIONS, "line_type")
        another = connect_provider(sandbox, "clearoutphone", tmp_path)
        assert set(fetched(another, job, QUESTIONS)) == {NUMBER, NEW_YORK, IMPOSSIBLE}
        assert sandbox.clearoutphone.charges == 3

    def test_credits_must_do_for_the_whole_of_it(self, sandbox: Sandbox, clearout: Any) -> None:
        sandbox.clearoutphone.credits = 2
        with pytest.raises(CreditExhaustedError):
            clearout.submit(QUESTIONS, "line_type")
        assert sandbox.clearoutphone.charges == 0

    def test_one_that_fails_there_is_lost(self, sandbox: Sandbox, clearout: Any) -> None:
        job = clearout.submit(QUESTIONS, "line_type")
        sandbox.clearoutphone.jobs[job].failed = True
        with pytest.raises(AmbiguousResultError, match="could not work on our file"):
            clearout.collect(job, QUESTIONS, "line_type")

    @pytest.mark.parametrize("call", ["progress_status", "download/result", "GET /files"])
    def test_a_fault_on_the_way_costs_nothing(
        self, sandbox: Sandbox, clearout: Any, call: str
    ) -> None:
        job = clearout.submit(QUESTIONS, "line_type")
        sandbox.clearoutphone.jobs[job].ready_at = 0.0
        sandbox.clearoutphone.faults.append(Fault(call, "truncate", times=3))
        with pytest.raises(ProviderError) as caught:
            clearout.collect(job, QUESTIONS, "line_type")
        assert not caught.value.charge_unknown, "the file is there all the same"
        assert len(fetched(clearout, job, QUESTIONS)) == 3
        assert sandbox.clearoutphone.charges == 3

    def test_its_address_is_not_given_our_token(self, sandbox: Sandbox, clearout: Any) -> None:
        job = clearout.submit(QUESTIONS, "line_type")
        assert fetched(clearout, job, QUESTIONS)  # the stand-in refuses one that is sent along

    @pytest.mark.parametrize(
        "text", ["", "something else\r\n1\r\n", "Phone,Nothing\r\n+14155552671,x\r\n"]
    )
    def test_a_result_of_another_form_is_no_answer(
        self, sandbox: Sandbox, clearout: Any, text: str
    ) -> None:
        from worker.verification.providers.clearoutphone import _read

        with contextlib.suppress(UnavailableError):
            assert _read(text.encode(), QUESTIONS) == []

    def test_a_column_under_another_name_is_found(self) -> None:
        from worker.verification.providers.clearoutphone import _read

        text = (
            "Name,Phone Number,ClearoutPhone Validation Status,ClearoutPhone Line Type\r\n"
            f"x,{NUMBER[1:]},Valid,Mobile\r\n"
        )
        (answer,) = _read(b"\xef\xbb\xbf" + text.encode(), QUESTIONS)
        assert (answer.number, answer.verdict, answer.line_type) == (NUMBER, "valid", "mobile")
