"""What a sender repeats counts once, and a later word is not lost among the repetitions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from constants import NUMBER, OTHER, OTHER_PHONES, THIRD
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources.files import Refusals, read_reports
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback
from worker.store import locks
from worker.store.locks import Lock
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_contact


def report(ctx: Context, kind: str, number: str = NUMBER, **fields: Any) -> int:
    """A report by the API, applied; how many were new."""
    reports = to_feedback(ctx, Report(kind=kind, number=number, **fields))  # type: ignore[arg-type]
    new = intake.store_reports(ctx, reports)
    apply_pending(ctx)
    return new


def is_suppressed(ctx: Context) -> bool:
    return bool(suppressions.list_suppressions(ctx, NUMBER))


@pytest.fixture
def later(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock to so many hours from now."""
    real, shift = ctx.now, [timedelta(0)]

    def now() -> datetime:
        return real() + shift[0]

    monkeypatch.setattr(ctx, "now", now)

    def set_to(hours: float) -> None:
        shift[0] = timedelta(hours=hours)

    return set_to


def test_what_is_sent_again_waits_for_no_lock(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that waited in vain sends again: its retries must not make the others wait."""
    assert report(ctx, "opt_out", key="one") == 1
    locks_taken: list[Lock] = []
    monkeypatch.setattr(locks, "acquire", lambda _connection, lock: locks_taken.append(lock))
    again = to_feedback(ctx, Report(kind="opt_out", number=NUMBER, key="one"))

    assert intake.store_reports(ctx, again) == 0
    assert not locks_taken


class TestWithoutAKey:
    @pytest.mark.parametrize(
        ("stop", "lift"), [("opt_out", "opt_in"), ("wrong_number", "confirmed")]
    )
    def test_a_yes_of_yesterday_does_not_lift_the_no_that_came_since(
        self, ctx: Context, later: Callable[[float], None], stop: str, lift: str
    ) -> None:
        report(ctx, lift)
        later(12)
        report(ctx, stop)
        later(25)
        assert report(ctx, lift) == 0
        assert is_suppressed(ctx)

    def test_a_file_of_yeses_that_is_taken_in_again_lifts_nothing(
        self, ctx: Context, later: Callable[[float], None], tmp_path: Path
    ) -> None:
        path = tmp_path / "yes.csv"
        path.write_text(f"number,kind\n{NUMBER},opt_in\n")

        def take_in() -> int:
            rows = list(read_reports(path, {}, {}, Refusals()))
            return sum(
                intake.store_reports(ctx, to_feedback(ctx, submitted)) for _, _, submitted in rows
            )

        assert take_in() == 1
        later(1)
        report(ctx, "opt_out")
        later(48)
        assert take_in() == 0
        apply_pending(ctx)
        assert is_suppressed(ctx)

    @pytest.mark.parametrize(
        ("stop", "lift"),
        [("opt_out", "opt_in"), ("complaint", "opt_in"), ("wrong_number", "confirmed")],
    )
    def test_a_no_after_a_yes_of_the_same_day_counts_once_more(
        self, ctx: Context, later: Callable[[float], None], stop: str, lift: str
    ) -> None:
        assert report(ctx, stop) == 1
        assert report(ctx, stop) == 0
        later(0.001)
        report(ctx, lift)
        assert not is_suppressed(ctx)
        later(0.002)
        assert report(ctx, stop) == 1
        assert report(ctx, stop) == 0
        assert is_suppressed(ctx)


class TestWithAKeyOnAContact:
    @pytest.fixture
    def contact(self, ctx: Context, crm: Crm, sync: Sync) -> ContactRef:
        record_id = crm.ids()[0]
        nothing = {f"phone/{name}": None for name in OTHER_PHONES[crm.name]}
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER, **nothing})
        sync(ctx, crm.name)
        return ContactRef(connector=crm.name, object=crm.object, id=record_id)  # type: ignore[arg-type]

    @pytest.mark.parametrize("key", ["K", ""])
    def test_counts_once_whatever_number_it_has_by_then(
        self, ctx: Context, crm: Crm, contact: ContactRef, sync: Sync, key: str
    ) -> None:
        assert report(ctx, "opt_in", "", contact=contact, key=key) == 1
        crm.edit(contact.id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        assert report(ctx, "opt_in", "", contact=contact, key=key) == 0

    def test_counts_for_each_number_of_the_first_request(
        self, ctx: Context, crm: Crm, contact: ContactRef, sync: Sync
    ) -> None:
        second = f"phone/{OTHER_PHONES[crm.name][0]}"
        crm.edit(contact.id, {second: OTHER})
        sync(ctx, crm.name)
        assert report(ctx, "opt_out", "", contact=contact, key="K") == 2
        assert suppressions.list_suppressions(ctx, NUMBER)
        assert suppressions.list_suppressions(ctx, OTHER)
        crm.edit(contact.id, {f"phone/{crm.phone}": THIRD})
        sync(ctx, crm.name)
        assert report(ctx, "opt_out", "", contact=contact, key="K") == 0

    def test_counts_once_also_after_an_erasure(
        self, ctx: Context, crm: Crm, contact: ContactRef, sync: Sync
    ) -> None:
        report(ctx, "opt_in", "", contact=contact, key="K")
        erase_contact(ctx, crm.name, crm.object, contact.id, "an admin")
        crm.edit(contact.id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name, "everything")
        assert report(ctx, "opt_in", "", contact=contact, key="K") == 0

    def test_is_another_report_on_another_contact(
        self, ctx: Context, crm: Crm, contact: ContactRef, sync: Sync
    ) -> None:
        another = contact.model_copy(update={"id": crm.ids()[1]})
        crm.edit(another.id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        report(ctx, "opt_out", "", contact=contact, key="K")
        assert report(ctx, "opt_out", "", contact=another, key="K") >= 1
