"""What every provider does. A new one passes by being listed in `support/lookups.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from constants import BRITISH, CLOSED_PORT, NEW_YORK, NUMBER
from lookups import IMPOSSIBLE, PROVIDER_CASES, ProviderCase, provider_case
from tls import Ca, TlsFront

from sandbox.run import Sandbox
from worker.phones import LineType
from worker.verification.errors import (
    AmbiguousResultError,
    CredentialsRejectedError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.models import CHECK_LEVELS, Live, Verdict

PAID = tuple(kind for kind in PROVIDER_CASES if kind != "offline")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=0)
    yield started
    started.stop()


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The same stand-ins for the whole module, made new in all that a test may change."""
    yield running
    for name in ("twilio", "numverify", "clearoutphone", "rnd"):
        service = getattr(running, name)
        service.__init__(running.network)  # type: ignore[misc]
    running.network._set.clear()


@pytest.fixture(params=PROVIDER_CASES)
def any_provider(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path
) -> Iterator[ProviderCase]:
    case = provider_case(sandbox, request.param, tmp_path)
    yield case
    case.provider.close()


@pytest.fixture(params=PAID)
def paid(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path
) -> Iterator[ProviderCase]:
    case = provider_case(sandbox, request.param, tmp_path)
    yield case
    case.provider.close()


class TestAnswers:
    def test_come_in_the_one_vocabulary(self, any_provider: ProviderCase) -> None:
        answers = any_provider.ask(NUMBER, NEW_YORK)
        assert set(answers) == {NUMBER, NEW_YORK}
        for answer in answers.values():
            assert answer.verdict in get_args(Verdict)
            assert answer.line_type in get_args(LineType)
            assert answer.live in get_args(Live)
            assert answer.raw_answer, "the provider's own words are kept"
            assert NUMBER[1:] not in answer.raw_answer, "but not the number once more"

    def test_are_to_what_was_asked_only(self, any_provider: ProviderCase) -> None:
        assert set(any_provider.ask(NUMBER)) == {NUMBER}
        assert any_provider.ask() == {}

    def test_tell_a_good_number_from_an_impossible_one(self, any_provider: ProviderCase) -> None:
        if (
            any_provider.check_level == "reassigned"
        ):  # it knows disconnections, not whether a number works
            assert any_provider.ask(NUMBER)[NUMBER].verdict == "unknown"
            return
        answers = any_provider.ask(NUMBER, IMPOSSIBLE)
        assert answers[NUMBER].verdict == "valid"
        assert answers[IMPOSSIBLE].verdict == "invalid"
        assert answers[IMPOSSIBLE].detail.startswith(("is ", "has "))

    def test_are_charged_as_the_provider_charges(self, any_provider: ProviderCase) -> None:
        american = (NUMBER, NEW_YORK)
        asked = american if any_provider.check_level == "reassigned" else (*american, BRITISH)
        answers = any_provider.ask(*asked)
        assert sum(answer.charged for answer in answers.values()) == any_provider.charges

    def test_are_offered_for_a_check_level_at_a_price(self, any_provider: ProviderCase) -> None:
        provider = any_provider.provider
        offered = {check_level: provider.product(check_level) for check_level in CHECK_LEVELS}
        offer = offered[any_provider.check_level]
        assert offer is not None
        assert offer.package
        assert offer.price >= 0
        assert any_provider.provider.local == (offer.price == 0)


class TestTheAccount:
    def test_is_looked_at_for_nothing(self, paid: ProviderCase) -> None:
        paid.provider.check()
        assert paid.charges == 0

    def test_a_wrong_key_is_told_by_the_check_and_by_a_lookup(self, paid: ProviderCase) -> None:
        paid.break_key()
        with pytest.raises(CredentialsRejectedError, match="key") as caught:
            paid.provider.check()
        assert not caught.value.charge_unknown
        with pytest.raises(CredentialsRejectedError, match="key"):
            paid.ask(NUMBER)
        assert paid.charges == 0

    def test_used_up_credit_is_told_as_such(self, paid: ProviderCase) -> None:
        paid.use_up()
        with pytest.raises(CreditExhaustedError, match=r"used up|suspended|credit"):
            paid.ask(NUMBER)
        assert paid.charges == 0


class TestFaults:
    """None of them says anything about a number; and nothing is sent twice that may be charged."""

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 421, 425, 522])
    def test_a_fault_that_passes_is_tried_again(self, paid: ProviderCase, status: int) -> None:
        paid.fault("status", status=status, times=2, body={"message": "later"})
        assert paid.ask(NUMBER)[NUMBER].number == NUMBER
        assert paid.charges == 1

    def test_a_fault_that_stays_is_told_and_nothing_was_charged(self, paid: ProviderCase) -> None:
        paid.fault("status", status=503, times=99)
        with pytest.raises(UnavailableError) as caught:
            paid.ask(NUMBER)
        assert not caught.value.charge_unknown
        assert paid.charges == 0

    def test_retry_after_is_waited_for(self, paid: ProviderCase) -> None:
        fault = paid.fault("status", status=429, times=1, headers={"Retry-After": "0.2"})
        paid.ask(NUMBER)
        assert fault.hits == 1

    def test_a_lost_answer_is_not_asked_for_a_second_time(self, paid: ProviderCase) -> None:
        """Carried out, and charged; only we never heard of it."""
        paid.fault("drop_after", times=99)
        with pytest.raises(ProviderError) as caught:
            paid.ask(NUMBER)
        assert caught.value.charge_unknown
        assert paid.charges == 1

    def test_half_an_answer_is_lost_too(self, paid: ProviderCase) -> None:
        paid.fault("truncate", times=99)
        with pytest.raises(AmbiguousResultError):
            paid.ask(NUMBER)
        assert paid.charges == 1

    def test_a_slow_answer_is_not_waited_for_for_ever(self, paid: ProviderCase) -> None:
        paid.fault("delay_after", seconds=1.5, times=1)
        with pytest.raises(AmbiguousResultError, match="in time"):
            paid.ask(NUMBER)

    def test_an_answer_that_drips_is_not_waited_for_for_ever(self, paid: ProviderCase) -> None:
        paid.fault("drip", seconds=0.1, times=1)
        with pytest.raises(AmbiguousResultError, match="in time"):
            paid.ask(NUMBER)

    @pytest.mark.parametrize("status", [499, 520])
    def test_a_status_that_does_not_say_what_was_done_is_not_sent_again(
        self, paid: ProviderCase, status: int
    ) -> None:
        fault = paid.fault("status", status=status, times=99)
        with pytest.raises(AmbiguousResultError):
            paid.ask(NUMBER)
        assert fault.hits == 1

    def test_the_web_page_of_a_firewall_is_no_refusal_of_our_key(self, paid: ProviderCase) -> None:
        page = b"<html><head><title>Access Denied</title></head></html>"
        paid.fault("status", status=403, body=page, headers={"Server": "AkamaiGHost"}, times=99)
        with pytest.raises(UnavailableError, match=r'"Access Denied" \(server: AkamaiGHost\)'):
            paid.ask(NUMBER)

    def test_a_handshake_that_is_cut_was_no_lookup(
        self, paid: ProviderCase, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        ca = Ca(tmp_path)
        front = TlsFront(ca, sandbox.ports[paid.name])
        client = paid.provider._client  # type: ignore[attr-defined]
        client.base_url = client.base_url.replace(sandbox.url(paid.name), front.url)
        with pytest.raises(UnavailableError, match="certificate that is not trusted"):
            paid.ask(NUMBER)
        client._session.verify = str(ca.path)
        front.times = front.met + 2
        assert paid.ask(NUMBER)[NUMBER].number == NUMBER
        assert (front.met, paid.charges) == (front.times, 1)
        front.close()

    @pytest.mark.parametrize(
        "body", ["<html>", [], {}, {"valid": "yes"}, {"status": "success"}, {"replies": 7}, None]
    )
    def test_nonsense_is_no_answer(self, paid: ProviderCase, body: object) -> None:
        paid.fault("status", status=200, body=body, times=99)
        with pytest.raises(ProviderError):
            paid.ask(NUMBER)

    def test_an_answer_about_another_number_is_none(
        self, paid: ProviderCase, sandbox: Sandbox
    ) -> None:
        other = {
            "valid": True, "number": NEW_YORK[1:], "phone_number": NEW_YORK, "line_type": "mobile",
            "status": "success", "data": {"status": "valid", "e164_format": NEW_YORK},
            "phone_numbers": [{"phone_number": NEW_YORK, "valid": True, "correlation_id": "x"}],
            "replies": [{"tn": NEW_YORK[2:], "dateProvided": "2024-03-01", "disconnected": "yes"}],
        }  # fmt: skip
        paid.fault("status", status=200, body=other, times=99)
        with contextlib.suppress(ProviderError):  # as good: it gave no answer to this question
            assert paid.ask(NUMBER) == {}

    def test_nobody_at_the_address(
        self, paid: ProviderCase, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        from lookups import connect_provider

        variable = {"twilio": "TWILIO_LOOKUP_URL"}.get(paid.name, f"{paid.name.upper()}_URL")
        away = connect_provider(sandbox, paid.name, tmp_path, **{variable: f"http://{CLOSED_PORT}"})
        with pytest.raises(UnavailableError, match="nothing answers"):
            away.ask([paid.question(NUMBER)], paid.check_level)
        away.close()

    def test_the_key_is_in_no_message(self, paid: ProviderCase) -> None:
        for trouble in ("drop_after", "truncate"):
            paid.fault(trouble, times=1)
            with pytest.raises(ProviderError) as caught:
                paid.ask(NUMBER)
            assert "sandbox" not in f"{caught.value!r} {caught.value}"
            assert NUMBER[1:] not in str(caught.value)
