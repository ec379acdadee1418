"""What CRM users say by our flags: the table in docs/feedback.md, in each of its rows.

Flags in the order all, call, text (*do not contact*, *do not call*, *do not text*).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from constants import NUMBER, STOP_FLAGS
from crms import Crm
from fixture_types import Sync

from connectors.records import Contact
from worker.context import Context
from worker.decisions import ContactFacts, FieldFacts, NumberKnowledge, decide
from worker.decisions.diff import FLAGS
from worker.feedback import crm_flags
from worker.feedback.consent_state import apply_lifts, evaluate
from worker.feedback.models import ContactIdentity, Feedback
from worker.phones import parse_field
from worker.suppression import suppressions

Flags = tuple[bool, bool, bool]
WHO = ContactIdentity("hubspot/contacts/1")
STATES: list[Flags] = list(product((True, False), repeat=3))
START = datetime(2026, 11, 2, tzinfo=UTC)
DOCS = Path(__file__).parents[3] / "docs" / "feedback.md"


def mark(flags: Flags) -> str:
    return "".join("x" if flag else "-" for flag in flags)


class Record:
    """A record of a CRM, with what we know of it: a person edits it, then we write."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = dict.fromkeys(FLAGS, False)
        self.known: dict[str, bool] | None = None
        self.reports: list[Feedback] = []
        self.hours = 0

    def report(self, kind: str, channels: str = "") -> None:
        at = self._later()
        self.reports.append(Feedback(f"{at}", kind, NUMBER, "api", at, channels))  # type: ignore[arg-type]

    def edit(self, flags: Flags, wrong: bool = False) -> Flags:
        """A person sets the flags so; what they are once we have written."""
        self.held = {**dict(zip(STOP_FLAGS, flags, strict=True)), "wrong_number": wrong}
        return self.sync()

    def sync(self) -> Flags:
        at = self._later()
        contact = Contact("contacts", "1", {}, modified=at.isoformat(), current=self.held)
        self.reports += crm_flags.reports_from_flags(
            "hubspot", contact, WHO, crm_flags.FlagHistory(self.known), [NUMBER], at
        )
        decision = self.decide()
        self.held = {flag: getattr(decision, flag) for flag in FLAGS}
        self.known = dict(self.held)
        return self.flags

    def decide(self) -> Any:
        state = evaluate(self.reports, WHO)
        reading = parse_field(NUMBER, None)
        known = NumberKnowledge(
            reading.numbers[0], wrong=state.wrong, suppressed=state.suppressed,
            suppressed_reason=state.suppressed_reason,
        )  # fmt: skip
        return decide(ContactFacts((FieldFacts("phone", reading, (known,)),)))

    @property
    def flags(self) -> Flags:
        return self.held[STOP_FLAGS[0]], self.held[STOP_FLAGS[1]], self.held[STOP_FLAGS[2]]

    def allows(self, channel: str) -> bool:
        return not (self.held["do_not_contact"] or self.held[f"do_not_{channel}"])

    def _later(self) -> datetime:
        self.hours += 1
        return START + timedelta(hours=self.hours)


def reached(before: Flags, stopped: bool) -> Record:
    """A record whose flags are `before`: after a STOP a person has cleared the others; without one
    a person has ticked these."""
    record = Record()
    if stopped:
        record.report("opt_out")
    record.sync()
    record.edit(before)
    return record


def table() -> dict[tuple[str, str], str]:
    """The grid of the documentation: flags before (rows) and after (columns) -> then."""
    rows = [
        re.findall(r"`([x-]{3})`", line)
        for line in DOCS.read_text("utf-8").splitlines()
        if re.match(r"\| (\*\*)?`[x-]{3}`|\| before", line)
    ]
    after = rows[0]
    return {
        (row[0], name): then for row in rows[1:] for name, then in zip(after, row[1:], strict=True)
    }


def test_the_documentation_has_every_change() -> None:
    assert set(table()) == {(mark(first), mark(other)) for first, other in product(STATES, STATES)}


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)), ids=mark)
class TestAPersonWhoChangesFlags:
    def test_says_these_flags_and_no_more(self, before: Flags, after: Flags) -> None:
        record = reached(before, stopped=True)
        assert record.flags == before
        then = table()[mark(before), mark(after)]
        assert mark(record.edit(after)) == then
        assert mark(record.sync()) == then, "and so it stays"

    def test_opens_no_channel_that_a_flag_still_closes(self, before: Flags, after: Flags) -> None:
        for stopped in (True, False):
            record = reached(before, stopped)
            record.edit(after)
            state = evaluate(record.reports, WHO).suppressed
            for channel, own in (("call", after[1]), ("text", after[2])):
                if own or after[0]:
                    assert channel in state or "any" in state
                    assert not record.allows(channel)

    def test_is_not_overruled_on_the_same_evidence(self, before: Flags, after: Flags) -> None:
        record = reached(before, stopped=True)
        ticked = any(new and not old for old, new in zip(record.flags, after, strict=True))
        then = record.edit(after)
        if not ticked:
            assert then == after

    def test_is_overruled_by_a_new_stop(self, before: Flags, after: Flags) -> None:
        record = reached(before, stopped=True)
        record.edit(after)
        record.report("opt_out")
        assert record.sync() == (True, True, True)

    def test_leaves_the_wrong_number_alone(self, before: Flags, after: Flags) -> None:
        record = reached(before, stopped=True)
        record.edit(record.flags, wrong=True)
        record.edit(after, wrong=True)
        assert record.held["wrong_number"] is True
        record.edit(record.flags, wrong=False)
        assert record.held["wrong_number"] is False


def test_a_wrong_number_says_nothing_of_the_channels() -> None:
    for flags in STATES:
        record = reached(flags, stopped=False)
        before = record.flags
        assert record.edit(before, wrong=True) == before
        assert record.edit(before, wrong=False) == before


@pytest.mark.parametrize("channel", ["call", "text"])
def test_an_opt_in_to_a_channel_ends_do_not_contact(channel: str) -> None:
    """It is the person's word, and not a flag: the other channel alone stays closed."""
    record = Record()
    record.report("opt_out")
    record.sync()
    record.report("opt_in", channel)
    assert record.sync() == (False, channel != "call", channel != "text")


@pytest.mark.parametrize("channel", ["call", "text", ""])
@pytest.mark.parametrize("before", STATES, ids=mark)
def test_an_opt_in_leaves_the_flags_of_what_the_list_still_holds(
    before: Flags, channel: str
) -> None:
    """Of that person: a number's stop stays on the list for others when one person clears flags."""
    record = reached(before, stopped=True)
    record.report("opt_in", channel)
    record.reports = [
        replace(report, scope="person", contact=WHO.key, id=place)
        for place, report in enumerate(record.reports)
    ]
    stops = [report for report in record.reports if report.kind == "opt_out"]
    remaining = frozenset[str]().union(
        *(apply_lifts(report, record.reports)[0] for report in stops)
    )
    assert record.sync() == ("any" in remaining, "call" in remaining, "text" in remaining)
    if channel:
        assert record.allows(channel)


def test_no_to_calls_and_no_to_texts_is_no_to_all() -> None:
    record = Record()
    record.report("opt_out", "call")
    record.report("opt_out", "text")
    assert record.sync() == (True, True, True)


class TestInTheCrm:
    def test_who_clears_do_not_contact_alone_opens_nothing(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "an admin")
        sync(ctx, crm.name)
        assert [crm.get(record_id, flag) for flag in STOP_FLAGS] == [True, True, True]
        crm.edit(record_id, {"do_not_contact": False})
        for _ in range(2):
            sync(ctx, crm.name, "everything")
            assert [bool(crm.get(record_id, flag)) for flag in STOP_FLAGS] == [False, True, True]
            assert crm.get(record_id, crm.status) == "do_not_contact"
        (entry,) = suppressions.list_suppressions(ctx, NUMBER)
        assert entry.channels == "call text"
        crm.edit(record_id, {"do_not_call": False})
        sync(ctx, crm.name, "everything")
        assert [bool(crm.get(record_id, flag)) for flag in STOP_FLAGS] == [False, False, True]

    def test_where_it_has_one_flag_alone_clearing_it_opens_all(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(f'[connectors.{crm.name}.fields]\ndo_not_call = ""\ndo_not_text = ""\n')
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        crm.edit(record_id, {"do_not_contact": True})
        sync(ctx, crm.name)
        assert crm.get(record_id, crm.status) == "do_not_contact"
        crm.edit(record_id, {"do_not_contact": False})
        sync(ctx, crm.name)
        assert crm.get(record_id, crm.status) == "valid"
