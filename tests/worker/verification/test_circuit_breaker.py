"""The circuit breaker, and how we stand with each provider: said once, where it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from constants import CLOSED_PORT, NOW, NUMBER
from fake_providers import CountingProvider, numbers, step
from lookups import tuned

from config.settings import Settings, SettingsError, load
from config.verification import Budget, ProviderTuning, Verification
from connectors.http.pacing import LocalPace
from sandbox.run import Sandbox
from worker.store import Store
from worker.store.engine import open_store
from worker.verification import circuit_breaker, provider_status
from worker.verification.answer_cache import DatabaseAnswerCache
from worker.verification.chain import Chain
from worker.verification.conditions import Subject
from worker.verification.errors import (
    AmbiguousResultError,
    CredentialsRejectedError,
    CreditExhaustedError,
    ProviderError,
    UnavailableError,
)
from worker.verification.ledger import Ledger
from worker.verification.models import Question
from worker.verification.registry import ChainPlan, plan_chain
from worker.verification.reservation import LookupRequest

SETTINGS = Verification()


@pytest.fixture
def store(either_database_url: str) -> Iterator[Store]:
    opened = open_store(either_database_url)
    yield opened
    opened.close()


def fail(store: Store, error: ProviderError, times: int = 1, now: datetime = NOW) -> None:
    for _ in range(times):
        with store.write() as connection:
            circuit_breaker.record_failures(connection, "twilio", [error], now, SETTINGS)


def state(store: Store) -> circuit_breaker.State:
    with store.read() as connection:
        return circuit_breaker.load(connection, "twilio")


def permit(store: Store, now: datetime) -> circuit_breaker.Permit:
    with store.write() as connection:
        return circuit_breaker.permit(connection, "twilio", now)


class TestTheBreaker:
    def test_opens_after_so_many_failures_in_a_row(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 4)
        assert permit(store, NOW).allowed
        fail(store, UnavailableError("has a fault"))
        refused = permit(store, NOW + timedelta(seconds=29))
        assert (refused.allowed, refused.reason) == (False, "has a fault")

    def test_an_answer_in_between_begins_the_count_anew(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 4)
        with store.write() as connection:
            circuit_breaker.record_success(connection, "twilio")
        fail(store, UnavailableError("has a fault"), 4)
        assert permit(store, NOW).allowed

    def test_after_its_rest_one_call_tries_and_the_others_wait(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 5)
        later = NOW + timedelta(seconds=31)
        first, second = permit(store, later), permit(store, later)
        assert (first.allowed, first.trial) == (True, True)
        assert not second.allowed

    def test_a_trial_that_succeeds_closes_it(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 5)
        permit(store, NOW + timedelta(seconds=31))
        with store.write() as connection:
            circuit_breaker.record_success(connection, "twilio")
        assert permit(store, NOW + timedelta(seconds=31)) == circuit_breaker.Permit(True)

    def test_a_trial_that_fails_lets_it_rest_twice_as_long(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 5)
        at = NOW + timedelta(seconds=30)
        for rest in (60, 120, 240, 480, 600, 600):
            assert permit(store, at).trial
            fail(store, UnavailableError("has a fault"), now=at)
            assert state(store).cooldown == rest
            at += timedelta(seconds=rest)

    def test_calls_under_way_when_it_opened_do_not_let_it_rest_longer(self, store: Store) -> None:
        fail(store, UnavailableError("has a fault"), 7, now=NOW)
        fail(store, UnavailableError("has a fault"), now=NOW + timedelta(seconds=9))
        assert state(store).cooldown == 30
        assert permit(store, NOW + timedelta(seconds=30)).trial

    @pytest.mark.parametrize(
        ("error", "rest"),
        [(CredentialsRejectedError("does not accept our key"), circuit_breaker.REJECTED_COOLDOWN),
         (CreditExhaustedError("is used up"), circuit_breaker.EXHAUSTED_COOLDOWN)],
    )  # fmt: skip
    def test_a_refused_key_or_used_up_credit_opens_it_at_once(
        self, store: Store, error: ProviderError, rest: timedelta
    ) -> None:
        fail(store, error)
        assert not permit(store, NOW + rest - timedelta(seconds=1)).allowed
        assert permit(store, NOW + rest).trial

    def test_it_is_logged_once(self, store: Store, caplog: pytest.LogCaptureFixture) -> None:
        fail(store, CredentialsRejectedError("does not accept our key"), 5)
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_a_clock_that_was_set_back_does_not_leave_it_alone_for_years(
        self, store: Store
    ) -> None:
        fail(
            store,
            CredentialsRejectedError("does not accept our key"),
            now=NOW + timedelta(days=400),
        )
        assert permit(store, NOW).trial

    def test_a_new_key_is_tried_at_once(self, store: Store) -> None:
        fail(store, CredentialsRejectedError("does not accept our key"))
        with store.write() as connection:
            assert circuit_breaker.reset_on_new_key(
                connection, "twilio", circuit_breaker.short_hash("another")
            )
            assert not circuit_breaker.reset_on_new_key(
                connection, "twilio", circuit_breaker.short_hash("another")
            )
        assert permit(store, NOW).allowed

    def test_nothing_of_a_key_can_be_read_from_its_print(self) -> None:
        assert "secret" not in circuit_breaker.short_hash("secret")
        assert len(circuit_breaker.short_hash("secret")) == 16


class TestAPageMeetsABrokenProvider:
    def test_it_is_left_alone_after_a_few_calls(self, store: Store) -> None:
        """100 numbers do not mean 100 time-outs."""
        provider = CountingProvider(
            fail=lambda _call: AmbiguousResultError("did not answer in time")
        )
        settings = Verification(
            budget=Budget(day=None, month=None), providers={"counting": ProviderTuning(at_once=2)}
        )
        now: list[datetime] = [NOW]
        ledger = Ledger(store, settings, lambda _owner: True, lambda: now[0])
        chain = Chain(
            [step(provider)], DatabaseAnswerCache(store), ledger, settings, lambda: now[0]
        )
        subjects = [Subject(number) for number in numbers(100)]
        verified = chain.verify(subjects, LookupRequest("run", "me"))
        assert 5 <= provider.calls <= 8, "and those under way at the time"
        assert set(verified.unanswered.values()) == {"the counting provider did not answer in time"}
        provider.fail = lambda _call: None
        now[0] += timedelta(seconds=31)
        verified = chain.verify(subjects, LookupRequest("run", "me"))
        assert not verified.unanswered, "one call tried, and all were asked"
        chain.close()


def chain_from(settings: Settings) -> ChainPlan:
    return plan_chain(settings, LocalPace())


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> Callable[..., Settings]:
    def make(*providers: str, toml: str = "", **env: str) -> Settings:
        path = tmp_path / "hygiene.toml"
        path.write_text(toml or tuned("twilio"), encoding="utf-8")
        return load({**sandbox.env(*providers), "HYGIENE_HOME": str(tmp_path),
                     "HYGIENE_CONFIG": str(path), **env})  # fmt: skip

    return make


class TestStanding:
    def notes(self, settings: Settings, store: Store, now: datetime = NOW) -> list[str]:
        return provider_status.warnings(chain_from(settings), settings, store, now)

    def test_all_well_is_nothing_to_say(self, settings: Any, store: Store) -> None:
        assert self.notes(settings("twilio", "numverify", "clearoutphone", "rnd"), store) == []

    def test_a_wrong_key_is_said_with_what_to_look_at(
        self, settings: Any, store: Store, sandbox: Sandbox
    ) -> None:
        chosen = settings("twilio", "numverify", NUMVERIFY_ACCESS_KEY="wrong")
        (note,) = self.notes(chosen, store)
        assert "NumVerify does not accept our key" in note
        assert "NUMVERIFY_ACCESS_KEY" in note
        assert self.notes(settings("twilio", "numverify"), store) == [], "mended, and seen at once"

    def test_used_up_and_little_credit_are_told(
        self, settings: Any, store: Store, sandbox: Sandbox
    ) -> None:
        sandbox.clearoutphone.credits = 0
        (note,) = self.notes(settings("clearoutphone"), store)
        assert "no credit of ours left" in note
        sandbox.clearoutphone.credits = 40
        (note,) = self.notes(settings("clearoutphone"), store, NOW + timedelta(hours=2))
        assert "credit for 40 lookups" in note
        sandbox.clearoutphone.credits = 4000
        assert self.notes(settings("clearoutphone"), store, NOW + timedelta(hours=4)) == []

    def test_an_account_is_not_looked_at_at_every_run(
        self, settings: Any, store: Store, sandbox: Sandbox
    ) -> None:
        chosen = settings("twilio")
        for minutes in (0, 3, 6, 9):
            self.notes(chosen, store, NOW + timedelta(minutes=minutes))
        assert sandbox.twilio.counters.total() == 1
        self.notes(chosen, store, NOW + timedelta(minutes=12))
        assert sandbox.twilio.counters.total() == 2

    def test_a_provider_that_is_away_says_nothing_of_its_key(
        self, settings: Any, store: Store
    ) -> None:
        chosen = settings("twilio", TWILIO_LOOKUP_URL=f"http://{CLOSED_PORT}")
        (note,) = self.notes(chosen, store)
        assert "nothing answers at its address" in note
        assert "key" not in note

    def test_a_step_without_a_key_is_left_out_and_said(self, settings: Any, store: Store) -> None:
        toml = (
            '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
            '[[verification.steps]]\nprovider = "numverify"\n'
            '[[verification.steps]]\nprovider = "twilio"\n'
        )
        chosen = settings("twilio", toml=toml)
        assert [step.name for step in chain_from(chosen).steps] == ["offline", "twilio"]
        (note,) = self.notes(chosen, store)
        assert "NUMVERIFY_ACCESS_KEY" in note


class TestTheChainFromTheSettings:
    def test_without_steps_each_provider_with_a_key_has_its_turn(self, settings: Any) -> None:
        chain = chain_from(settings("twilio", "numverify", "clearoutphone", "rnd"))
        assert [(step.name, step.check_level) for step in chain.steps] == [
            ("offline", "format"), ("twilio", "line_type"), ("numverify", "line_type"),
            ("clearoutphone", "line_type"), ("rnd", "reassigned"),
        ]  # fmt: skip
        assert [step.name for step in chain_from(settings()).steps] == ["offline"]

    def test_one_that_is_turned_off_has_none(self, settings: Any) -> None:
        toml = "[verification.providers.twilio]\nenabled = false\n"
        assert [step.name for step in chain_from(settings("twilio", toml=toml)).steps] == [
            "offline"
        ]

    @pytest.mark.parametrize(
        ("toml", "complaint"),
        [
            ('[[verification.steps]]\nprovider = "twillio"\n', r"steps\[0\].provider: there is no"),
            ('[[verification.steps]]\nprovider = "twilio"\ncheck_level = "live"\n'
             '[[verification.steps]]\nprovider = "numverify"\ncheck_level = "live"\n',
             r"steps\[1\].check_level: numverify does not check live, only line_type"),
            ('[verification.budget]\ncurrency = "EUR"\n', r"cost: set the price of twilio in EUR"),
            ("[verification.providers.nosuch]\nper_second = 1\n", r"providers.nosuch: there is no"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_meant_is_one_clear_line(
        self, settings: Any, toml: str, complaint: str
    ) -> None:
        with pytest.raises(SettingsError, match=complaint):
            chain_from(settings("twilio", "numverify", toml=toml))

    def test_a_step_may_cost_what_was_agreed(self, settings: Any) -> None:
        toml = (
            '[verification.budget]\ncurrency = "EUR"\n'
            '[[verification.steps]]\nprovider = "twilio"\ncost = 0.0051\n'
        )
        (only,) = chain_from(settings("twilio", toml=toml)).steps
        assert str(only.price) == "0.0051"


class TestAProviderOfAnotherPackage:
    def test_comes_by_entry_point_and_is_asked_like_any_other(
        self, settings: Any, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from importlib import metadata

        from worker.verification import registry

        provider = CountingProvider("acme")
        seen: list[str] = []

        def make(workshop: Any) -> CountingProvider:
            seen.append(workshop.tuning("acme").options["region"])
            return provider

        point = metadata.EntryPoint("acme", "acme_lookups:make", registry.ENTRY_POINT_GROUP)
        monkeypatch.setattr(metadata.EntryPoint, "load", lambda _self: make)
        monkeypatch.setattr(registry, "entry_point_providers", lambda: (point,))
        toml = (
            '[verification.providers.acme]\noptions = { region = "eu" }\n'
            '[[verification.steps]]\nprovider = "acme"\ncost = 0.002\n'
        )
        chosen = settings(toml=toml)
        built = chain_from(chosen)
        assert seen == ["eu"]
        ledger = Ledger(store, chosen.verification, lambda _owner: True, lambda: NOW)
        memory = DatabaseAnswerCache(store)
        chain = Chain(built.steps, memory, ledger, chosen.verification, lambda: NOW)
        verified = chain.verify([Subject(NUMBER)], LookupRequest("run", "me"))
        assert [answer.provider for answer in verified.answers[NUMBER]] == ["acme"]
        assert str(verified.lookups.cost["acme"]) == "0.002"
        assert provider.supports(Question(NUMBER), "line_type")
        chain.close()
