"""The pure parts: when a step is asked, how long an answer counts, what the caps allow."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import phonenumbers
import pytest
from constants import BRITISH, NOW, NUMBER
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import carrier

from config.verification import Caps, CountsFor, Step
from worker.verification import budget, ttl
from worker.verification.budget import Limit, Used
from worker.verification.conditions import Subject, wants
from worker.verification.models import Answer, Verification
from worker.verification.providers.offline import OfflineProvider, carrier_of, time_zones


def verification(verdict: str = "valid", check_level: str = "format", line_type: str = "unknown",
         provider: str = "offline", **fields: Any) -> Verification:  # fmt: skip
    return Verification(
        NUMBER,
        provider,
        "p",
        check_level,
        verdict,
        line_type,
        NOW,
        NOW + timedelta(days=1),
        **fields,
    )  # type: ignore[arg-type]


PLAN = verification()


class TestWhenAStepIsAsked:
    def is_asked(self, subject: Subject | None = None, *known: Verification, **step: Any) -> bool:
        return wants(Step(provider="twilio", **step), subject or Subject(NUMBER), known or (PLAN,))

    def test_always_where_no_condition_is_set(self) -> None:
        assert self.is_asked()

    def test_not_where_a_step_before_found_it_invalid(self) -> None:
        assert not self.is_asked(None, verification("invalid"))
        assert self.is_asked(None, verification("invalid"), also_invalid=True)

    def test_not_about_a_number_that_was_read_with_low_confidence(self) -> None:
        weak = Subject(NUMBER, weak=True)
        assert not self.is_asked(weak)
        assert self.is_asked(weak, check_level="format")
        assert self.is_asked(weak, also_low_confidence=True)

    def test_only_still_undecided(self) -> None:
        """The plan does not decide what kind of line it is, nor whether it is in service."""
        assert self.is_asked(only_undecided=True)
        known = verification(check_level="line_type", provider="numverify")
        assert not self.is_asked(None, PLAN, known, only_undecided=True)
        assert self.is_asked(None, PLAN, known, only_undecided=True, check_level="live")
        unknown = verification("unknown", check_level="line_type", provider="numverify")
        assert self.is_asked(None, PLAN, unknown, only_undecided=True)

    def test_only_some_kinds_of_line(self) -> None:
        mobile = verification(check_level="line_type", line_type="mobile", provider="numverify")
        assert self.is_asked(None, PLAN, mobile, line_types=("mobile",))
        assert not self.is_asked(None, PLAN, mobile, line_types=("landline",))
        # In North America the plan cannot tell; in Britain it can.
        assert self.is_asked(line_types=("unknown",))
        assert self.is_asked(Subject(BRITISH), line_types=("landline",))

    def test_only_some_countries(self) -> None:
        assert self.is_asked(countries=("US", "CA"))
        assert not self.is_asked(Subject(BRITISH), countries=("US", "CA"))

    def test_only_segments_under_audit(self) -> None:
        assert not self.is_asked(only_audited=True)
        assert self.is_asked(Subject(NUMBER, audited=True), only_audited=True)

    def test_only_above_a_value(self) -> None:
        assert self.is_asked(Subject(NUMBER, value=10_000), min_value=10_000)
        assert not self.is_asked(Subject(NUMBER, value=9_999), min_value=10_000)
        assert not self.is_asked(Subject(NUMBER), min_value=10_000)

    def test_reassigned_is_decided_date_by_date(self) -> None:
        subject = Subject(NUMBER, dates=(date(2024, 1, 1), date(2025, 1, 1)))
        early = verification("unknown", "reassigned", reassigned=False, since="2024-01-01")
        late = verification("unknown", "reassigned", reassigned=False, since="2025-01-01")
        step: dict[str, Any] = {"check_level": "reassigned", "only_undecided": True}
        assert not self.is_asked(subject, PLAN, early, **step)
        assert self.is_asked(subject, PLAN, late, **step), "since 2024 is still open"

    def test_a_dry_run_takes_what_it_counted_for_answered(self) -> None:
        step = Step(provider="numverify", only_undecided=True)
        assert not wants(step, Subject(NUMBER), (PLAN,), {"line_type"})


CHECK_LEVELS = st.sampled_from(["format", "line_type", "live", "reassigned"])
ANSWERS = st.builds(
    Answer,
    number=st.from_regex(r"\+1[2-9]\d{9}", fullmatch=True),
    verdict=st.sampled_from(["valid", "invalid", "unreachable", "unknown"]),
    line_type=st.sampled_from(["mobile", "landline", "voip", "toll_free", "unknown"]),
)


class TestHowLongAnAnswerCounts:
    COUNTS = CountsFor()

    @pytest.mark.parametrize(
        ("verdict", "kind", "check_level", "days"),
        [
            ("valid", "mobile", "line_type", 90), ("valid", "landline", "line_type", 180),
            ("valid", "voip", "line_type", 60), ("valid", "toll_free", "line_type", 90),
            ("invalid", "unknown", "line_type", 90), ("unreachable", "mobile", "live", 30),
            ("valid", "mobile", "live", 30), ("unknown", "mobile", "live", 7),
            ("valid", "mobile", "format", 180), ("invalid", "unknown", "format", 90),
        ],
    )  # fmt: skip
    def test_by_verdict_and_kind_of_line(
        self, verdict: Any, kind: Any, check_level: Any, days: int
    ) -> None:
        answer = Answer(NUMBER, verdict, kind)
        assert ttl.length(answer, check_level, self.COUNTS) == timedelta(days=days)

    @given(ANSWERS, CHECK_LEVELS, st.floats(0, 0.5))
    def test_never_longer_than_its_time_and_at_most_the_spread_shorter(
        self, answer: Answer, check_level: Any, ttl_jitter: float
    ) -> None:
        whole = ttl.length(answer, check_level, self.COUNTS)
        lasts = ttl.expires_at(answer, check_level, NOW, self.COUNTS, ttl_jitter) - NOW
        assert whole * (1 - ttl_jitter) - timedelta(seconds=1) <= lasts <= whole

    def test_a_list_bought_on_one_day_does_not_fall_due_on_one_day(self) -> None:
        answers = [Answer(f"+1415555{n:04d}", "valid", "mobile") for n in range(2000, 3000)]
        ends = [ttl.expires_at(a, "line_type", NOW, self.COUNTS, 0.2) for a in answers]
        assert max(ends) - min(ends) > timedelta(days=17)
        by_day: dict[Any, int] = {}
        for end in ends:
            by_day[end.date()] = by_day.get(end.date(), 0) + 1
        assert max(by_day.values()) < 100, "about a fifteenth of them a day"

    @given(ANSWERS)
    def test_is_the_same_each_time(self, answer: Answer) -> None:
        first = ttl.expires_at(answer, "line_type", NOW, self.COUNTS, 0.2)
        assert first == ttl.expires_at(answer, "line_type", NOW, self.COUNTS, 0.2)


MONEY = st.integers(0, 10**9)
LIMITS = st.lists(
    st.builds(
        Limit,
        name=st.sampled_from(["day", "month", "run"]),
        money=st.none() | MONEY,
        lookups=st.none() | st.integers(0, 10_000),
        used=st.builds(Used, MONEY, st.integers(0, 10_000)),
    ),
    max_size=4,
)


class TestWhatTheCapsAllow:
    @given(LIMITS, st.integers(0, 10**6), st.integers(0, 5000))
    def test_never_more_than_any_cap_and_never_less_than_all_allow(
        self, limits: list[Limit], price: int, wanted: int
    ) -> None:
        number, stopped_by = budget.affordable(limits, price, wanted)
        assert 0 <= number <= wanted

        def fits(many: int) -> bool:
            return many == 0 or all(
                (x.money is None or price == 0 or x.used.money + many * price <= x.money)
                and (x.lookups is None or x.used.lookups + many <= x.lookups)
                for x in limits
            )

        assert fits(number)
        assert bool(stopped_by) == (number < wanted)
        if number < wanted:
            assert not fits(number + 1)

    def test_the_cap_that_stops_is_named(self) -> None:
        caps = Caps(day=Decimal(10), month=Decimal(1000))
        used = {"day": Used(budget.millionths(Decimal("9.99")), 0)}
        among = list(budget.limits(caps, used, "NumVerify"))  # type: ignore[arg-type]
        assert budget.affordable(among, 3000, 100) == (3, "today's budget for NumVerify")

    @given(st.decimals(0, 10**6, allow_nan=False, places=6))
    def test_money_adds_exactly(self, amount: Decimal) -> None:
        assert budget.money(budget.millionths(amount)) == amount

    def test_a_cap_of_nothing_allows_nothing(self) -> None:
        among = list(budget.limits(Caps(day=Decimal(0)), {}))
        assert budget.affordable(among, 8000, 5) == (0, "today's budget")


class TestTheOfflineProvider:
    def test_tells_the_carrier_that_a_range_was_given_to(self) -> None:
        (answer,) = OfflineProvider().ask([_question("+447911123456")], "format")
        assert answer.carrier
        assert answer.line_type == "mobile"

    def test_tells_the_time_zones(self) -> None:
        assert time_zones(NUMBER) == ("America/Los_Angeles",)
        assert time_zones(BRITISH) == ("Europe/London",)

    def test_names_the_carriers_that_libphonenumber_names(self) -> None:
        named = 0
        for region in phonenumbers.SUPPORTED_REGIONS:
            for kind in range(11):
                example = phonenumbers.example_number_for_type(region, kind)
                if example is not None:
                    e164 = phonenumbers.format_number(example, 0)
                    name = carrier.name_for_valid_number(example, "en")
                    assert carrier_of(e164) == name
                    named += bool(name)
        assert named > 100


def _question(number: str) -> Any:
    from worker.verification.models import Question

    return Question(number)
