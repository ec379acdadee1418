"""Twilio Lookup v2: every documented answer, the batch query, and its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from constants import BRITISH, NEW_YORK, NUMBER
from lookups import IMPOSSIBLE, connect_provider, tuned
from openapi_schema_validator import OAS30Validator

from config.verification import CheckLevel
from sandbox.providers.twilio import API_KEY, API_SECRET
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.phones import LineType
from worker.verification.errors import (
    AmbiguousResultError,
    CredentialsRejectedError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.models import Question, Verdict
from worker.verification.providers import clearoutphone
from worker.verification.providers.twilio import TwilioProvider

CANADIAN = "+14165550199".replace("0199", "2671")
UKRAINIAN = "+380501234567"


@pytest.fixture(params=[1, 20], ids=["singly", "batch"])
def twilio(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Any:
    provider = connect_provider(
        sandbox, "twilio", tmp_path, tuned("twilio", f"batch = {request.param}")
    )
    yield provider
    provider.close()


def ask(twilio: Any, number: str, check_level: CheckLevel, since: date | None = None) -> Any:
    """Asked together with another number, so that the batch query is used where there is one."""
    questions = [Question(number, since), Question(NEW_YORK, since)]
    if twilio.batch == 1:
        questions = questions[:1]
    answers = {answer.number: answer for answer in twilio.ask(questions, check_level)}
    return answers.get(number)


class TestKindsOfLine:
    @pytest.mark.parametrize(
        ("truth", "kind"),
        [
            ("mobile", "mobile"), ("landline", "landline"), ("voip", "voip"),
            ("fixed_voip", "voip"), ("toll_free", "toll_free"), ("premium", "premium"),
            ("pager", "pager"), ("shared_cost", "other"), ("personal", "other"), ("uan", "other"),
            ("voicemail", "other"), ("something new", "unknown"),
        ],
    )  # fmt: skip
    def test_come_to_our_words(
        self, sandbox: Sandbox, twilio: TwilioProvider, truth: str, kind: LineType
    ) -> None:
        sandbox.network.set(NUMBER, kind=truth, carrier="Bluebird Mobile")
        answer = ask(twilio, NUMBER, "line_type")
        assert (answer.verdict, answer.line_type, answer.country) == ("valid", kind, "US")
        with_carrier = truth in ("mobile", "landline", "voip", "fixed_voip")
        assert answer.carrier == ("Bluebird Mobile" if with_carrier else "")


class TestNumbersThatAreNotValid:
    @pytest.mark.parametrize(
        ("problem", "phrase"),
        [
            ("TOO_SHORT", "is too short"), ("TOO_LONG", "is too long"),
            ("INVALID_LENGTH", "number of digits"), ("INVALID_COUNTRY_CODE", "country code"),
            ("INVALID_BUT_POSSIBLE", "no range"), ("NOT_A_NUMBER", "not a phone number"),
        ],
    )  # fmt: skip
    def test_come_as_200_with_the_reason_and_cost_nothing(
        self, sandbox: Sandbox, twilio: TwilioProvider, problem: str, phrase: str
    ) -> None:
        sandbox.network.set(NUMBER, in_plan=False, problem=problem)
        answer = ask(twilio, NUMBER, "line_type")
        assert (answer.verdict, answer.charged) == ("invalid", 0)
        assert phrase in answer.detail
        assert (NUMBER, "line_type_intelligence") not in sandbox.twilio.charged


class TestWhetherTheLineIsInService:
    @pytest.mark.parametrize(
        ("live", "verdict"),
        [
            ("active", "valid"), ("reachable", "valid"), ("unreachable", "valid"),
            ("inactive", "unreachable"), ("unknown", "unknown"),
        ],
    )  # fmt: skip
    def test_each_status(
        self, sandbox: Sandbox, twilio: TwilioProvider, live: str, verdict: Verdict
    ) -> None:
        """A handset that is switched off just now is a good number; a line without a subscriber
        cannot be reached."""
        sandbox.network.set(NUMBER, kind="mobile", live=live)
        answer = ask(twilio, NUMBER, "live")
        assert answer.verdict == verdict
        assert answer.live == ("" if live == "unknown" else live)
        assert answer.detail == ("is not in service" if live == "inactive" else "")

    def test_of_a_landline_nobody_knows(self, sandbox: Sandbox, twilio: TwilioProvider) -> None:
        sandbox.network.set(NUMBER, kind="landline")
        answer = ask(twilio, NUMBER, "live")
        assert (answer.verdict, answer.charged) == ("unknown", 0)
        assert "not a mobile" in answer.detail


class TestReassignedNumbers:
    GONE = date(2023, 6, 15)

    @pytest.mark.parametrize(
        ("since", "reassigned"),
        [(date(2023, 6, 15), True), (date(2023, 6, 16), False), (date(2020, 5, 1), None)],
    )
    def test_yes_no_and_no_data(
        self, sandbox: Sandbox, twilio: TwilioProvider, since: date, reassigned: bool | None
    ) -> None:
        sandbox.network.set(NUMBER, disconnected_on=self.GONE)
        answer = ask(twilio, NUMBER, "reassigned", since)
        assert (answer.reassigned, answer.since) == (reassigned, since)

    def test_only_us_numbers_with_a_date_are_asked_about(self, twilio: TwilioProvider) -> None:
        assert twilio.supports(Question(NUMBER, date(2024, 1, 1)), "reassigned")
        assert not twilio.supports(Question(NUMBER), "reassigned")
        assert not twilio.supports(Question(BRITISH, date(2024, 1, 1)), "reassigned")


class TestPackagesThatGiveNoAnswer:
    def test_outside_of_the_coverage(self, sandbox: Sandbox, twilio: TwilioProvider) -> None:
        sandbox.network.set(NUMBER, covered=False)
        answer = ask(twilio, NUMBER, "line_type")
        assert (answer.verdict, answer.charged, answer.line_type) == ("unknown", 0, "unknown")

    def test_canadian_carriers_want_an_approval(
        self, sandbox: Sandbox, twilio: TwilioProvider
    ) -> None:
        assert ask(twilio, CANADIAN, "line_type").verdict == "unknown"
        sandbox.twilio.npac = True
        assert ask(twilio, CANADIAN, "line_type").verdict == "valid"

    def test_a_package_that_is_not_enabled_is_said_by_name(
        self, sandbox: Sandbox, twilio: TwilioProvider
    ) -> None:
        sandbox.twilio.enabled.clear()
        with pytest.raises(CredentialsRejectedError, match=r"line_status .*60606"):
            ask(twilio, NUMBER, "live")

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (60600, "no carrier"), (60601, "CLNPC"), (60607, "country"), (60610, "coverage"),
            (60612, "not a mobile"), (60614, "TWILIO_LOOKUP_URL.*lookups.dublin.ie1.twilio.com"),
            (60619, "region"), (60698, "could not be looked up"),
        ],
    )  # fmt: skip
    def test_each_code_of_a_number_has_its_own_words(
        self, sandbox: Sandbox, twilio: TwilioProvider, code: int, words: str
    ) -> None:
        sandbox.twilio.failing = {NUMBER: code}
        answer = ask(twilio, NUMBER, "line_type")
        assert (answer.verdict, answer.charged) == ("unknown", 0)
        assert re.search(words, answer.detail)
        assert str(code) in answer.detail
        assert ask(twilio, NEW_YORK, "line_type").verdict == "valid"

    @pytest.mark.parametrize("code", [60608, 60613])
    def test_what_passes_by_itself_is_no_answer(
        self, sandbox: Sandbox, twilio: TwilioProvider, code: int
    ) -> None:
        sandbox.twilio.failing = {NUMBER: code}
        assert ask(twilio, NUMBER, "line_type") is None

    @pytest.mark.parametrize(
        ("code", "error", "words"),
        [
            (60606, CredentialsRejectedError, "registration"),
            (60609, CredentialsRejectedError, "sales"),
            (60611, CreditExhaustedError, "quota"), (60616, UnavailableError, "slow down"),
            (60622, CredentialsRejectedError, "test credentials"),
            (60624, UnavailableError, "slow down"),
            (60699, CredentialsRejectedError, "support"),
        ],
    )  # fmt: skip
    def test_each_code_of_the_account_has_its_own_words(
        self, sandbox: Sandbox, twilio: TwilioProvider, code: int, error: type[ProviderError],
        words: str,
    ) -> None:  # fmt: skip
        sandbox.twilio.failing = {NUMBER: code}
        with pytest.raises(error, match=words) as caught:
            ask(twilio, NUMBER, "line_type")
        assert str(code) in caught.value.reason

    @pytest.mark.parametrize(("status", "code"), [(400, 60607), (404, 60600), (403, 60614)])
    def test_a_code_with_a_status_of_its_own_says_the_same(
        self, sandbox: Sandbox, tmp_path: Path, status: int, code: int
    ) -> None:
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 1"))
        body = {"code": code, "message": "no", "status": status}
        fault = Fault("GET /v2/PhoneNumbers", "status", status=status, body=body)
        sandbox.twilio.faults.append(fault)
        (answer,) = twilio.ask([Question(NUMBER)], "line_type")
        assert (answer.verdict, answer.charged) == ("unknown", 0)
        assert str(code) in answer.detail

    def test_a_code_of_the_batch_query_itself_says_the_same(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        entries = [
            {"correlation_id": "0", "phone_number": NUMBER, "twilio_error_code": 60610},
            {"correlation_id": "1", "phone_number": NEW_YORK, "twilio_error_code": 60608},
        ]
        body = {"phone_numbers": entries}
        sandbox.twilio.faults.append(Fault("batch", "status", status=200, body=body))
        (answer,) = twilio.ask([Question(NUMBER), Question(NEW_YORK)], "line_type")
        assert (answer.number, answer.verdict) == (NUMBER, "unknown")
        assert "60610" in answer.detail

    def test_another_region_keeps_nobody_from_being_asked_here(
        self, sandbox: Sandbox, twilio: TwilioProvider
    ) -> None:
        sandbox.twilio.elsewhere = {"GB"}
        assert ask(twilio, BRITISH, "line_type").verdict == "unknown"
        assert ask(twilio, NUMBER, "line_type").verdict == "valid"

    def test_the_plain_check_costs_nothing(self, sandbox: Sandbox, twilio: TwilioProvider) -> None:
        assert ask(twilio, NUMBER, "format").verdict == "valid"
        assert ask(twilio, IMPOSSIBLE, "format").verdict == "invalid"
        assert sandbox.twilio.charges == 0


class TestContradictions:
    def test_a_lookup_that_names_another_number_says_nothing_of_ours(
        self, twilio: TwilioProvider, sandbox: Sandbox
    ) -> None:
        sandbox.twilio.faults.append(
            Fault("GET /v2/PhoneNumbers/", "contradict", how="foreign", times=9)
        )
        with pytest.raises(AmbiguousResultError):
            twilio._one(Question(NUMBER), "line_type")

    def test_two_lines_of_a_file_that_disagree_say_nothing(self) -> None:
        head = "Phone,ClearoutPhone Validation Status\r\n"
        body = f"{head}{NUMBER},valid\r\n{NUMBER},invalid\r\n{NEW_YORK},valid\r\n".encode()
        answers = clearoutphone._read(body, [Question(NUMBER), Question(NEW_YORK)])
        assert [(answer.number, answer.verdict) for answer in answers] == [(NEW_YORK, "valid")]


class TestTheBatchQuery:
    def test_saves_calls(self, sandbox: Sandbox, tmp_path: Path) -> None:
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        numbers = [f"+1415555{n:04d}" for n in range(2000, 2020)]
        assert len(twilio.ask([Question(n) for n in numbers], "line_type")) == 20
        assert dict(sandbox.twilio.counters) == {"POST /v2/batch/query": 1}

    def test_an_account_without_it_is_asked_one_by_one(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.twilio.has_batch = False
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        for _ in range(2):
            answers = twilio.ask([Question(NUMBER), Question(NEW_YORK)], "line_type")
            assert {answer.number for answer in answers} == {NUMBER, NEW_YORK}
        assert sandbox.twilio.counters["POST /v2/batch/query"] == 1, "it is not tried again"
        assert twilio.batch == 1

    @pytest.mark.parametrize(
        "status", [301, 308, 400, 403, 404, 405, 406, 410, 413, 415, 422, 451, 501]
    )
    def test_any_refusal_of_its_path_leads_to_single_lookups(
        self, sandbox: Sandbox, tmp_path: Path, status: int
    ) -> None:
        sandbox.twilio.has_batch = False
        sandbox.twilio.batch_refusal = status
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        for _ in range(2):
            answers = twilio.ask([Question(NUMBER), Question(NEW_YORK)], "line_type")
            assert {a.number: a.verdict for a in answers} == {NUMBER: "valid", NEW_YORK: "valid"}
        assert sandbox.twilio.counters["POST /v2/batch/query"] == 1
        assert sandbox.twilio.charges == 4, "each lookup is paid once"

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (401, {"code": 20003, "message": "Authenticate"}, CredentialsRejectedError),
            (401, None, CredentialsRejectedError),
            (403, {"code": 20003, "message": "Authenticate"}, CredentialsRejectedError),
            (400, {"code": 20003, "message": "Authenticate"}, CredentialsRejectedError),
            (403, {"code": 20005, "message": "Account not active"}, CreditExhaustedError),
            (429, {"code": 20429, "message": "Too Many Requests"}, UnavailableError),
            (403, {"code": 60606, "message": "not enabled"}, CredentialsRejectedError),
            (403, {"code": 60611, "message": "quota"}, CreditExhaustedError),
            (400, {"code": 60616, "message": "rate limit"}, UnavailableError),
            (503, {"message": "fault"}, UnavailableError),
        ],
    )
    def test_a_refused_key_or_a_limit_stays_what_it_is(
        self, sandbox: Sandbox, tmp_path: Path, status: int, body: Any, error: type[ProviderError]
    ) -> None:
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        fault = Fault("batch", "status", status=status, body=body or b"no", times=9)
        sandbox.twilio.faults.append(fault)
        with pytest.raises(error):
            twilio.ask([Question(NUMBER), Question(NEW_YORK)], "line_type")
        assert twilio.batch == 20, "the batch query is asked again"
        assert sandbox.twilio.counters["GET /v2/PhoneNumbers/{number}"] == 0
        assert sandbox.twilio.charges == 0

    def test_what_was_answered_before_a_single_lookup_fails_is_kept(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.twilio.has_batch = False
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        sandbox.twilio.faults.append(Fault("GET /v2/PhoneNumbers", "drop_after", nth=2))
        numbers = (NUMBER, NEW_YORK, BRITISH)
        with pytest.raises(AmbiguousResultError) as caught:
            twilio.ask([Question(number) for number in numbers], "line_type")
        assert [answer.number for answer in caught.value.answers] == [NUMBER]
        assert caught.value.question == Question(NEW_YORK)
        assert sandbox.twilio.charges == 2

    def test_one_number_that_fails_does_not_fail_the_others(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        body = {
            "phone_numbers": [
                {"correlation_id": "0", "phone_number": NUMBER, "twilio_error_code": 60008},
                {"correlation_id": "1", "phone_number": NEW_YORK, "valid": True,
                 "line_type_intelligence": {"type": "mobile", "error_code": None}},
            ]
        }  # fmt: skip
        twilio = connect_provider(sandbox, "twilio", tmp_path, tuned("twilio", "batch = 20"))
        sandbox.twilio.faults.append(Fault("batch", "status", status=200, body=body))
        answers = twilio.ask([Question(NUMBER), Question(NEW_YORK)], "line_type")
        assert [answer.number for answer in answers] == [NEW_YORK]


class TestTheLogin:
    def test_an_api_key_does_as_well_as_the_auth_token(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        keys = {"TWILIO_API_KEY": API_KEY, "TWILIO_API_SECRET": API_SECRET,
                "TWILIO_AUTH_TOKEN": ""}  # fmt: skip
        twilio = connect_provider(sandbox, "twilio", tmp_path, **keys)
        twilio.check()
        assert [a.verdict for a in twilio.ask([Question(NUMBER)], "line_type")] == ["valid"]

    def test_a_number_that_twilio_does_not_understand_is_left_out(
        self, sandbox: Sandbox, twilio: TwilioProvider
    ) -> None:
        fault = Fault("GET /v2/PhoneNumbers", "status", status=404, body={"code": 20404})
        sandbox.twilio.faults.append(fault)
        assert twilio.ask([Question(NUMBER)], "line_type") == []

    def test_a_question_that_it_refuses_is_told(
        self, sandbox: Sandbox, twilio: TwilioProvider
    ) -> None:
        body = {"code": 60617, "message": "Invalid field", "status": 400}
        sandbox.twilio.faults.append(Fault("/v2/", "status", status=400, body=body))
        with pytest.raises(UnavailableError, match=r"HTTP 400: \"Invalid field \(60617\)"):
            twilio.ask([Question(NUMBER)], "line_type")


class TestTheOpenApiDocument:
    """Our requests and the stand-in's answers, held against Twilio's own document."""

    @pytest.fixture
    def document(self, shared: Callable[[str], Path]) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(shared("specs/twilio/lookups-v2.json").read_text())
        return loaded

    @pytest.fixture
    def seen(self, sandbox: Sandbox, twilio: TwilioProvider) -> list[dict[str, Any]]:
        """Everything that was said in lookups of all check levels, of lines of all kinds."""
        sandbox.twilio.seen = []
        sandbox.network.set(BRITISH, covered=False)
        for check_level in ("format", "line_type", "live", "reassigned"):
            for number in (NUMBER, BRITISH, IMPOSSIBLE, UKRAINIAN):
                ask(
                    twilio,
                    number,
                    check_level,
                    date(2024, 1, 1) if check_level == "reassigned" else None,
                )
        sandbox.twilio.elsewhere = {"UA"}
        sandbox.twilio.failing = {NUMBER: 60610}
        for check_level in ("line_type", "live", "reassigned"):
            for number in (NUMBER, UKRAINIAN):
                ask(
                    twilio,
                    number,
                    check_level,
                    date(2024, 1, 1) if check_level == "reassigned" else None,
                )
        return sandbox.twilio.seen

    def test_our_address_is_the_documents(self, document: dict[str, Any]) -> None:
        from config.credentials import TwilioCredentials

        assert document["servers"] == [{"url": TwilioCredentials().url}]

    def test_our_requests_are_valid(
        self, document: dict[str, Any], seen: list[dict[str, Any]]
    ) -> None:
        fetch = document["paths"]["/v2/PhoneNumbers/{PhoneNumber}"]["get"]
        batch = document["paths"]["/v2/batch/query"]["post"]
        schema = batch["requestBody"]["content"]["application/json"]["schema"]
        known = {p["name"]: p["schema"] for p in fetch["parameters"] if p["in"] == "query"}
        fields = next(p for p in fetch["parameters"] if p["name"] == "Fields")["description"]
        assert seen
        for call in seen:
            if call["method"] == "POST":
                assert call["path"] == "/v2/batch/query"
                _validate(document, schema, call["request"])
                for entry in call["request"]["phone_numbers"]:
                    allowed = document["components"]["schemas"]["LookupBatchRequest"]
                    assert set(entry) <= set(allowed["properties"])
                continue
            assert call["path"].startswith("/v2/PhoneNumbers/+")
            assert set(call["query"]) <= set(known)
            for value in filter(None, call["query"].get("Fields", "").split(",")):
                assert value in fields
            for name, value in call["query"].items():
                _validate(document, known[name], value)

    def test_the_stand_in_answers_as_the_document_says(
        self, document: dict[str, Any], seen: list[dict[str, Any]]
    ) -> None:
        names = {"GET": "LookupResponse", "POST": "LookupBatchResponse"}
        for call in seen:
            schema = document["components"]["schemas"][names[call["method"]]]
            entries = [call["response"]]
            if call["method"] == "POST":
                entries = call["response"]["phone_numbers"]
            for entry in entries:
                assert set(entry) <= set(schema["properties"]), "nothing of our own invention"
                _validate(document, schema, _without_nulls(entry))

    def test_its_examples_are_read(self, document: dict[str, Any]) -> None:
        from worker.verification.providers.twilio import _answer

        fetch = document["paths"]["/v2/PhoneNumbers/{PhoneNumber}"]["get"]
        examples = fetch["responses"]["200"]["content"]["application/json"]["examples"]
        levels: dict[str, tuple[CheckLevel, Verdict]] = {
            "fetch": ("format", "valid"), "fetchInvalid": ("line_type", "invalid"),
            "fetchLineTypeIntelligence": ("line_type", "valid"),
            "fetchLineStatusActive": ("live", "valid"),
            "fetchLineStatusInactive": ("live", "unreachable"),
            "fetchReassignedNumberWithNumberReassigned": ("reassigned", "valid"),
            "fetchReassignedNumberWithNumberNoReassigned": ("reassigned", "valid"),
            "fetchReassignedNumberWithNoDataAvailable": ("reassigned", "valid"),
        }  # fmt: skip
        for name, (check_level, verdict) in levels.items():
            example = examples[name]["value"]
            answer = _answer(
                example, Question(example["phone_number"], date(2020, 1, 1)), check_level
            )
            assert answer is not None, name
            assert answer.verdict == verdict, name
        voip = examples["fetchLineTypeIntelligence"]["value"]
        answer = _answer(voip, Question(voip["phone_number"]), "line_type")
        assert answer is not None
        assert (answer.line_type, answer.carrier) == ("voip", "Twilio - SMS/MMS-SVR")


def _validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    problems = [error.message for error in OAS30Validator(whole).iter_errors(value)]
    assert not problems, problems


def _without_nulls(value: Any) -> Any:
    """The document's own examples hold null where its schemas do not say `nullable`."""
    if isinstance(value, dict):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    return value
