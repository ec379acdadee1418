"""A number's page never contradicts itself: its head says what its story leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reports import store_report

from worker.context import Context
from worker.feedback.consent_state import MERGED_KEY_PREFIX
from worker.feedback.models import SuppressionReason
from worker.queries.timeline import number_timeline
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.verification.answer_cache import put_answers
from worker.verification.models import Verification

NUMBERS = (f"+1201258{last:04}" for last in count(100))  # all are valid in the plan
DAY = timedelta(days=1)
CHANNELS = st.sampled_from(["", "call", "text"])


@dataclass
class Model:
    """What a person would expect after what was said so far, of calls and texts to the number."""

    by_report: set[str] = field(default_factory=set)
    by_list: set[str] = field(default_factory=set)
    wrong: bool = False
    verdict: str = "valid"

    @property
    def closed(self) -> set[str]:
        return self.by_report | self.by_list

    @property
    def status(self) -> str:
        if self.closed == {"call", "text"}:
            return "do_not_contact"
        return "wrong_number" if self.wrong else self.verdict


def both(channels: str) -> set[str]:
    return set(channels.split()) or {"call", "text"}


Step = tuple[str, str]
STEPS = st.one_of(
    st.tuples(st.just("opt_out"), CHANNELS),
    st.tuples(st.just("opt_in"), CHANNELS),
    st.tuples(st.just("complaint"), st.just("")),
    st.tuples(st.just("wrong_number"), st.just("")),
    st.tuples(st.just("confirmed"), st.just("")),
    st.tuples(st.just("person"), st.sampled_from(["opt_out", "wrong_number", "opt_in"])),
    st.tuples(st.just("verified"), st.sampled_from(["valid", "invalid", "unreachable"])),
    st.tuples(st.just("suppress"), CHANNELS),
    st.tuples(st.just("lift"), st.just("")),
    st.tuples(st.just("list"), st.just("")),
    st.tuples(st.just("erase"), st.just("")),
    st.tuples(st.just("apply"), st.just("")),
)


def carry_out(ctx: Context, number: str, model: Model, step: Step, key: str) -> None:
    """Do one step for real, and in the model."""
    kind, what = step
    if kind in ("opt_out", "opt_in", "complaint", "wrong_number", "confirmed"):
        store_report(ctx, kind, number, key, channels=what)
        match kind:
            case "opt_out" | "complaint":
                model.by_report |= both(what)
            case "opt_in":
                model.by_report -= both(what)
                # A list counts until somebody asks to be contacted, whatever else was said.
                apply_pending(ctx)
                model.by_list -= both(what)
            case _:
                model.wrong = kind == "wrong_number"
    elif kind == "person":
        fields = {"contact": f"hubspot/contacts/{key}", "scope": "person", "person": f"p{key}"}
        store_report(ctx, what, number, key, **fields)
    elif kind == "verified":
        verdict: Any = what
        now = ctx.now()
        answer = Verification(
            number, "twilio", "line_status", "live", verdict, "mobile", now, now + DAY * 90
        )
        with ctx.store.write() as connection:
            put_answers(connection, [answer])
        model.verdict = what
    elif kind == "suppress":
        suppressions.add(ctx, number, SuppressionReason.OPT_OUT, what, "by letter", "ada")
        model.by_report |= both(what)
    elif kind == "lift":
        apply_pending(ctx)
        for suppression in suppressions.list_suppressions(ctx, number, limit=1000):
            if not suppression.contact:
                suppressions.lift(ctx, suppression.id, "ada", "asked to be called")
        model.by_report, model.by_list, model.wrong = set(), set(), False
    elif kind == "list":
        if imported_lists.import_list(ctx, [number], f"list {key}").added:
            model.by_list = {"call", "text"}
    elif kind == "erase":
        erase_number(ctx, number, "ada")
        model.by_report = {"call", "text"}
        model.verdict = "valid"  # what was looked up is gone, too
    else:
        apply_pending(ctx)


def check(details: dict[str, Any], model: Model) -> None:
    head, story = details["head"], details["timeline"]
    assert head["status"] == model.status
    assert set(head["channels"]) == model.closed
    times = [event["at"] for event in story]
    assert times == sorted(times, reverse=True)
    if head["since"] is not None:
        assert head["since"] <= times[0]
        assert head["since"] in times, "an event of the story tells what the head says"


def standing(details: dict[str, Any]) -> set[str]:
    """The channels that the list of suppressions closes for everybody."""
    return {
        channel
        for suppression in details["suppressions"]
        if suppression["active"]
        and not suppression["contact"]
        and suppression["reason"] != "wrong_number"
        for channel in suppression["channels"]
    }


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEPS, min_size=1, max_size=10))
@pytest.mark.slow
def test_the_head_says_what_the_story_leads_to(ctx: Context, steps: list[Step]) -> None:
    number, model, start = next(NUMBERS), Model(), datetime.now(UTC)
    for place, step in enumerate(steps):
        now = start + timedelta(minutes=place)
        ctx.now = lambda now=now: now  # type: ignore[method-assign, misc]
        carry_out(ctx, number, model, step, f"{number}-{place}")
        check(number_timeline(ctx, number), model)  # also before the queue has applied it
    apply_pending(ctx)
    details = number_timeline(ctx, number)
    check(details, model)
    assert standing(details) == model.closed


class TestAReport:
    def test_counts_in_the_head_before_the_queue_has_applied_it(self, ctx: Context) -> None:
        number = next(NUMBERS)
        assert number_timeline(ctx, number)["head"]["status"] == "valid"
        store_report(ctx, "opt_out", number, evidence="replied STOP")
        details = number_timeline(ctx, number)
        assert details["suppressions"] == []
        assert details["head"]["status"] == "do_not_contact"
        assert "replied “STOP”" in details["head"]["reason"]

    def test_of_one_person_alone_is_an_exception(self, ctx: Context) -> None:
        number = next(NUMBERS)
        store_report(ctx, "opt_out", number, contact="hubspot/contacts/1", scope="contact")
        head = number_timeline(ctx, number)["head"]
        assert (head["status"], head["exceptions"]) == ("valid", 1)

    def test_that_stops_contact_is_the_newest_of_one_moment(self, ctx: Context) -> None:
        number, at = next(NUMBERS), ctx.now()
        store_report(ctx, "opt_out", number, "a", at=at)
        store_report(ctx, "opt_in", number, "b", at=at)
        details = number_timeline(ctx, number)
        assert details["head"]["status"] == "do_not_contact"
        assert [event["kind"] for event in details["timeline"]] == ["opt_out", "opt_in"]

    def test_of_a_merged_record_stands_in_the_story_where_it_counts(self, ctx: Context) -> None:
        number = next(NUMBERS)
        long_ago = datetime(2024, 1, 1, tzinfo=UTC)
        store_report(ctx, "opt_in", number, "a", at=long_ago + timedelta(days=300))
        store_report(
            ctx, "opt_out", number, f"{MERGED_KEY_PREFIX}x", at=long_ago, received_at=ctx.now()
        )
        details = number_timeline(ctx, number)
        assert details["head"]["status"] == "do_not_contact"
        newest = details["timeline"][0]
        assert (newest["kind"], newest["at"]) == ("opt_out", details["head"]["since"])
        assert "said 2024-01-01" in newest["text"]


def test_a_suppression_in_force_is_found_behind_many_that_were_lifted(ctx: Context) -> None:
    number = next(NUMBERS)
    start = ctx.now() - timedelta(days=90)
    for place in range(105):
        at = start + timedelta(hours=place)
        store_report(ctx, "opt_out", number, f"out {place}", at=at)
        store_report(ctx, "opt_in", number, f"in {place}", at=at + timedelta(minutes=1))
    store_report(ctx, "opt_out", number, "the last")
    apply_pending(ctx)
    details = number_timeline(ctx, number)
    assert details["head"]["status"] == "do_not_contact"
    assert [suppression["active"] for suppression in details["suppressions"]].count(True) == 1
