"""What a scrub answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER, THIRD
from crms import Crm
from reports import deliver_reports, store_report

from worker.context import Context
from worker.feedback.models import ContactIdentity
from worker.registries import imports
from worker.registries.imports import ImportRequest
from worker.scrub.model import Answer, Question, Reason
from worker.scrub.scrub import Scrub
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, contacts, former_readings, reviews
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.verification.answer_cache import put_answers
from worker.verification.models import Verification

TOML = """
[registries.us-dnc]
authority = "FTC"
countries = ["US"]
format = "ftc"

[registries.mild]
countries = ["GB"]
when_stale = "warn"
stale_after = "28d"
format = "tps"
"""
OLD_FORM, TODAY = "+22507123456", "+2250707123456"


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str, tmp_path: Path) -> Context:
    ctx = make_context(TOML, DATABASE_URL=either_database_url)
    listed(ctx, tmp_path, "415,5559999\n")
    return ctx


def listed(ctx: Context, folder: Path, text: str, **more: Any) -> None:
    """Import a registry, which is not stale then."""
    file = folder / "registry.txt"
    file.write_text(text)
    request = ImportRequest("us-dnc", [file], "whole", "an admin", accept_removals=True, **more)
    imports.import_files(ctx, request, ())


def ask(ctx: Context, *numbers: str, channel: str = "call", **more: Any) -> list[Answer]:
    hours = more.pop("hours", None)
    questions = [Question(number, channel, **more) for number in numbers]  # type: ignore[arg-type]
    return list(Scrub(ctx, "test", channel, hours).answer(questions))


def reason(ctx: Context, number: str = NUMBER, **more: Any) -> str | None:
    [answer] = ask(ctx, number, **more)
    assert answer.allow == (answer.reason is None)
    return answer.reason


def hold(ctx: Context, number: str, *people: tuple[str, str]) -> None:
    """Put contacts into the index that hold a number: (key, person)."""
    for key, person in people:
        connector, object_name, record_id = key.split("/")
        where = {"connector": connector, "object": object_name, "record_id": record_id}
        row = {
            **where, "fingerprint": "", "statuses": {}, "last_seen_flags": {}, "reason": None,
            "source": "", "campaign": "", "country": "US", "month": "", "person": person,
            "value": None, "waiting": False, "content_hash": "", "fresh_until": None,
            "answers": {}, "readings": "", "why": "", "checked_at": ctx.now(),
        }  # fmt: skip
        held = {**where, "field": "phone", "place": 0, "number": number, "extension": ""}
        with ctx.store.write() as connection:
            insert(connection, contacts, [row])
            insert(connection, contact_numbers, [held])


class TestANumberOfWhichNothingIsKnown:
    def test_is_allowed_in_any_spelling(self, ctx: Context) -> None:
        for text in ("+1 415-555-2671", "(415) 555 2671", "14155552671", "tel:+14155552671"):
            [answer] = ask(ctx, text, country="United States")
            assert (answer.allow, answer.e164, answer.number) == (True, NUMBER, text)

    @pytest.mark.parametrize(
        "text", ["", "no number", "4155552671", "+1 415 555 2671 / +1 415 555 2672", "\x00", "n/a"]
    )
    def test_is_denied_where_it_is_not_one_number(self, ctx: Context, text: str) -> None:
        assert reason(ctx, text) == "unreadable"

    def test_is_denied_where_no_such_number_can_exist(self, ctx: Context) -> None:
        assert reason(ctx, "+1 415 155 2671") == "invalid"

    @pytest.mark.parametrize(
        ("note", "call", "text"),
        [
            ("DO NOT CALL", "opt_out", None),
            ("no texts", None, "opt_out"),
            ("do not contact", "opt_out", "opt_out"),
            ("(wrong number)", "wrong_number", "wrong_number"),
            ("disconnected", "pending_review", "pending_review"),
            ("do not call before 9am", "pending_review", "pending_review"),
            ("call after 5pm", None, None),
        ],
    )
    def test_is_denied_where_the_words_beside_it_say_so(
        self, ctx: Context, note: str, call: str | None, text: str | None
    ) -> None:
        for channel, expected in (("call", call), ("text", text)):
            (answer,) = ask(ctx, f"{NUMBER} {note}", channel=channel)
            assert (answer.allow, answer.reason) == (expected is None, expected)

    def test_words_beside_it_are_not_heeded_where_that_is_turned_off(
        self, make_context: Callable[..., Context]
    ) -> None:
        (answer,) = ask(make_context("[feedback]\nfield_notes = false"), f"{NUMBER} DO NOT CALL")
        assert answer.allow

    def test_costs_nothing_and_makes_no_lookup(self, ctx: Context) -> None:
        assert all(answer.allow for answer in ask(ctx, NUMBER, OTHER))
        with ctx.store.read() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM lookups")) == 0
            assert connection.scalar(sa.text("SELECT count(*) FROM claims")) == 0


class TestAReport:
    @pytest.mark.parametrize("kind", ["opt_out", "complaint", "erasure", "wrong_number"])
    @pytest.mark.parametrize("applied", [True, False])
    def test_denies_from_when_it_is_stored(self, ctx: Context, kind: str, applied: bool) -> None:
        store_report(ctx, kind)
        if applied:
            apply_pending(ctx)
        [answer] = ask(ctx, NUMBER)
        assert answer.reason == kind
        assert answer.since is not None
        assert abs(answer.since - ctx.now()) < timedelta(minutes=1)
        assert reason(ctx, OTHER) is None

    def test_of_one_channel_leaves_the_other(self, ctx: Context) -> None:
        store_report(ctx, "opt_out", channels="text")
        assert reason(ctx, channel="text") == "opt_out"
        assert reason(ctx, channel="call") is None

    def test_by_text_stops_calls_as_policy_says(self, ctx: Context) -> None:
        store_report(ctx, "opt_out", channels="text", source="twilio sms")
        assert reason(ctx, channel="call") == "opt_out"

    def test_that_a_later_one_lifts_denies_no_more(self, ctx: Context) -> None:
        now = ctx.now()
        store_report(ctx, "opt_out", at=now - timedelta(days=2))
        store_report(ctx, "opt_in", at=now - timedelta(days=1))
        apply_pending(ctx)
        assert reason(ctx) is None
        store_report(ctx, "opt_out", key="again")
        assert reason(ctx) == "opt_out"

    def test_that_an_unapplied_one_lifts_denies_until_that_is_applied(self, ctx: Context) -> None:
        now = ctx.now()
        store_report(ctx, "opt_out", at=now - timedelta(days=2))
        apply_pending(ctx)
        store_report(ctx, "opt_in", at=now - timedelta(days=1))
        assert reason(ctx) == "opt_out"
        apply_pending(ctx)
        assert reason(ctx) is None

    def test_counts_for_all_forms_of_a_number(self, ctx: Context) -> None:
        store_report(ctx, "opt_out", OLD_FORM)
        assert reason(ctx, TODAY) == reason(ctx, OLD_FORM) == "opt_out"

    def test_counts_once_the_number_was_erased(self, ctx: Context) -> None:
        store_report(ctx, "complaint")
        apply_pending(ctx)
        erase_number(ctx, NUMBER, "an admin")
        assert reason(ctx) in ("erasure", "complaint")
        apply_pending(ctx)
        assert reason(ctx) in ("erasure", "complaint")

    def test_of_the_number_that_a_field_was_read_as_before_counts(self, ctx: Context) -> None:
        hold(ctx, OTHER, ("hubspot/contacts/1", "ada"))
        row = {
            "connector": "hubspot", "object": "contacts", "record_id": "1", "field": "phone",
            "number": NUMBER, "until": ctx.now(),
        }  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, former_readings, [row])
        store_report(ctx, "opt_out")
        assert reason(ctx, OTHER) == "opt_out"  # also before it is applied
        apply_pending(ctx)
        assert reason(ctx, OTHER) == "opt_out"
        assert reason(ctx, THIRD) is None

    def test_the_strongest_reason_is_given(self, ctx: Context) -> None:
        imported_lists.import_list(ctx, [NUMBER], "do not call")
        assert reason(ctx) == "list"
        store_report(ctx, "wrong_number")
        assert reason(ctx) == "wrong_number"
        store_report(ctx, "opt_out")
        assert reason(ctx) == "opt_out"
        store_report(ctx, "complaint")
        assert reason(ctx) == "complaint"

    def test_that_texts_do_not_arrive_closes_texts_alone(self, ctx: Context) -> None:
        store_report(ctx, "undeliverable", severity="no_text")
        assert reason(ctx, channel="text") == "takes_no_texts"
        assert reason(ctx, channel="call") is None


class TestAContact:
    ADA, BEN = ("hubspot/contacts/1", "ada"), ("hubspot/contacts/2", "ben")

    def said(self, ctx: Context, kind: str, who: tuple[str, str], **more: Any) -> None:
        store_report(ctx, kind, contact=who[0], person=who[1], **more)

    def test_who_opted_out_is_denied_with_and_without_a_name(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA, self.BEN)
        self.said(ctx, "opt_out", self.ADA, scope="person")
        assert reason(ctx, contact=self.ADA[0]) == "opt_out"
        assert reason(ctx) == "opt_out"
        assert reason(ctx, contact=self.BEN[0]) is None

    def test_who_opted_out_with_another_number_is_denied(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA)
        self.said(ctx, "opt_out", self.ADA, scope="person", number=OTHER)
        for asked in ({"contact": self.ADA[0]}, {}):
            assert reason(ctx, NUMBER, **asked) == "opt_out"

    def test_who_opted_out_without_any_number_is_denied(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA)
        self.said(ctx, "opt_out", self.ADA, scope="person", number="")
        assert reason(ctx) == reason(ctx, contact=self.ADA[0]) == "opt_out"
        assert reason(ctx, contact="hubspot//1") == "opt_out"

    def test_whose_confirmation_we_hold_is_allowed_by_name_alone(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA, self.BEN)
        now = ctx.now()
        self.said(ctx, "confirmed", self.ADA, scope="person", at=now - timedelta(days=2))
        self.said(ctx, "wrong_number", self.BEN, at=now - timedelta(days=1))
        apply_pending(ctx)
        assert reason(ctx, contact=self.ADA[0]) is None
        assert reason(ctx, contact=self.BEN[0]) == "wrong_number"
        assert reason(ctx) == "wrong_number"

    def test_whom_we_do_not_know_is_answered_as_anybody(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA)
        self.said(ctx, "opt_out", self.ADA, scope="person")
        for name in ("hubspot/contacts/999", "hubspot//999", "elsewhere//1", "elsewhere/a/b"):
            assert reason(ctx, contact=name) == "opt_out"

    def test_that_is_no_longer_in_the_index_is_remembered(self, ctx: Context) -> None:
        self.said(ctx, "opt_out", self.ADA, scope="person")
        assert reason(ctx) == reason(ctx, contact=self.ADA[0]) == "opt_out"

    def test_who_does_not_have_the_number_is_answered_as_anybody(self, ctx: Context) -> None:
        """Whoever is named, the call reaches who has the number."""
        hold(ctx, NUMBER, self.ADA)
        hold(ctx, OTHER, self.BEN)
        self.said(ctx, "opt_out", self.ADA, scope="person")
        assert reason(ctx, NUMBER, contact=self.BEN[0]) == "opt_out"
        assert reason(ctx, OTHER, contact=self.BEN[0]) is None
        self.said(ctx, "wrong_number", self.ADA, number=THIRD, key="w")
        assert reason(ctx, THIRD, contact=self.BEN[0]) == "wrong_number"

    def test_who_has_it_in_another_record_has_it(self, ctx: Context) -> None:
        hold(ctx, NUMBER, self.ADA, ("salesforce/Contact/1", "ben"))
        hold(ctx, OTHER, self.BEN)
        self.said(ctx, "opt_out", self.ADA, scope="person")
        assert reason(ctx, NUMBER, contact=self.BEN[0]) is None


RUSSIAN, IVORIAN, VATICAN = "+79161234567", "+2250707123456", "+390669812345"
MOBILE, WITHOUT_NINE = "+5491123456789", "+541123456789"


class TestATextThatMayMeanAnotherNumber:
    """A dialer dials the text, and not our reading of it."""

    @pytest.mark.parametrize(
        ("stopped", "text", "country"),
        [
            (RUSSIAN, "79161234567", "DE"), (RUSSIAN, "7 (916) 123-45-67", "Deutschland"),
            ("+33612345678", "33612345678", "DE"), (IVORIAN, "2250707123456", "DE"),
            (IVORIAN, "٢٢٥٠٧٠٧١٢٣٤٥٦", "DE"), ("+919876543210", "919876543210", "DE"),
            ("+525512345678", "5215512345678", "DE"), ("+5511961234567", "551161234567", "DE"),
            # with what a spreadsheet adds, a plus behind it, an extension, a label or a short plan
            (RUSSIAN, "79161234567.0", "DE"), ("+385921234968", "385921234968+", "DE"),
            (RUSSIAN, "79161234567 ext 5", "DE"), (RUSSIAN, "Mob: 79161234567", "DE"),
            ("+299321362", "299 32 13 62", "DE"), ("+24762891", "(247) 62891", "DE"),
        ],
    )  # fmt: skip
    def test_denies_where_a_named_country_makes_another_of_it(
        self, ctx: Context, stopped: str, text: str, country: str
    ) -> None:
        [before] = ask(ctx, text, country=country)
        assert (before.allow, before.e164 == stopped) == (True, False)
        store_report(ctx, "opt_out", stopped)
        [answer] = ask(ctx, text, country=country)
        assert (answer.allow, answer.reason, answer.e164) == (False, "opt_out", before.e164)
        assert reason(ctx, f"+{before.e164[1:]}") is None  # that number itself

    @pytest.mark.parametrize("said", ["opt_out", "wrong_number"])
    @pytest.mark.parametrize(("about", "asked"), [(MOBILE, WITHOUT_NINE), (WITHOUT_NINE, MOBILE)])
    def test_an_argentine_mobile_number_is_one_line_with_its_nine_and_without(
        self, ctx: Context, about: str, asked: str, said: str
    ) -> None:
        assert reason(ctx, asked) is None
        store_report(ctx, said, about)
        assert reason(ctx, asked) == reason(ctx, about) == said

    def test_what_is_not_said_against_the_other_denies_nothing(self, ctx: Context) -> None:
        store_report(ctx, "wrong_number", RUSSIAN)
        assert reason(ctx, "79161234567", country="DE") is None

    @pytest.mark.parametrize("text", ["+39/06/6981/2345", "+225/07/07/12/3456"])
    def test_is_one_with_a_mark_between_all_groups(self, ctx: Context, text: str) -> None:
        store_report(ctx, "opt_out", VATICAN)
        store_report(ctx, "opt_out", IVORIAN, key="i")
        assert reason(ctx, text, country="DE") == "opt_out"

    @pytest.mark.parametrize(
        "text",
        [
            "+39/06/6981/2345 12", "+1 415 555 2671, 5550123",
            "+1 415 555 2671 see 5550123", "+1 415 555 2671 +44", "+1 415 555 2671, ５５５０１２３",
        ],
    )  # fmt: skip
    def test_is_not_one_number_where_a_part_was_not_read(self, ctx: Context, text: str) -> None:
        store_report(ctx, "opt_out", VATICAN)
        store_report(ctx, "opt_out", IVORIAN, key="i")
        assert reason(ctx, text, country="DE") == "unreadable"

    @pytest.mark.parametrize("note", ["(since 2019)", "home, after 5pm", "ext. 1234"])
    def test_is_one_with_a_note_beside_it(self, ctx: Context, note: str) -> None:
        assert reason(ctx, f"{NUMBER} {note}") is None


class TestAListOrRegistry:
    def test_denies_by_its_channels_and_is_named(self, ctx: Context, tmp_path: Path) -> None:
        listed(ctx, tmp_path, "415,5552671\n")
        [answer] = ask(ctx, NUMBER)
        assert (answer.reason, answer.registry) == ("registry", "us-dnc")
        assert answer.since is not None
        assert reason(ctx, channel="text") is None

    def test_no_opt_in_lifts_a_registry(self, ctx: Context, tmp_path: Path) -> None:
        listed(ctx, tmp_path, "415,5552671\n")
        store_report(ctx, "opt_in")
        apply_pending(ctx)
        assert reason(ctx) == "registry"

    def test_an_opt_in_does_where_the_operator_says_so(
        self, make_context: Callable[..., Context], either_database_url: str, tmp_path: Path
    ) -> None:
        toml = TOML.replace('authority = "FTC"', 'authority = "FTC"\nconsent_overrides = true')
        ctx = make_context(toml, DATABASE_URL=either_database_url)
        now = ctx.now()
        listed(ctx, tmp_path, "415,5552671\n415,5552672\n")
        store_report(ctx, "opt_in", at=now - timedelta(days=9))  # before it was listed
        store_report(ctx, "opt_in", OTHER, at=now - timedelta(days=9))
        store_report(ctx, "opt_out", OTHER, at=now - timedelta(days=8), channels="call")
        store_report(ctx, "opt_in", OTHER, at=now - timedelta(days=7), channels="text")
        apply_pending(ctx)
        assert reason(ctx) is None
        assert reason(ctx, OTHER) == "opt_out"
        assert reason(ctx, THIRD) is None

    @pytest.mark.parametrize("key", ["lift:1:now", "lift:feedback:1:undo:now", "crm:hubspot:1"])
    def test_the_end_of_a_suppression_is_no_opt_in(
        self, make_context: Callable[..., Context], tmp_path: Path, key: str
    ) -> None:
        """An admin lifted it, an action was undone, or a CRM user cleared a flag."""
        ctx = make_context(TOML.replace('"FTC"', '"FTC"\nconsent_overrides = true', 1))
        listed(ctx, tmp_path, "415,5552671\n")
        store_report(ctx, "opt_out", at=ctx.now() - timedelta(days=2))
        store_report(ctx, "opt_in", key=key, at=ctx.now() - timedelta(days=1))
        apply_pending(ctx)
        assert reason(ctx) == "registry"

    def test_a_replaced_registry_lifts_its_own_alone(self, ctx: Context, tmp_path: Path) -> None:
        listed(ctx, tmp_path, "415,5552671\n415,5552672\n")
        imported_lists.import_list(ctx, [NUMBER], "do not call")
        listed(ctx, tmp_path, "415,5559999\n")
        assert reason(ctx) == "list"
        assert reason(ctx, OTHER) is None

    def test_that_is_stale_denies_what_it_may_hold_by_now(
        self, ctx: Context, tmp_path: Path
    ) -> None:
        listed(ctx, tmp_path, "415,5552671\n", as_of=ctx.now() - timedelta(days=32))
        assert reason(ctx) == "registry"  # what a stale list holds still counts
        [answer] = ask(ctx, OTHER)
        assert (answer.reason, answer.registry) == ("stale_registry", "us-dnc")
        assert reason(ctx, OTHER, channel="text") is None  # it says nothing of texts
        assert reason(ctx, "+442072194272") is None  # nor of other countries; GB's only warns

    def test_that_was_never_imported_is_stale(
        self, make_context: Callable[..., Context], either_database_url: str
    ) -> None:
        ctx = make_context(TOML, DATABASE_URL=either_database_url)
        assert reason(ctx) == "stale_registry"


class TestAReplyThatWaitsForReview:
    @pytest.mark.parametrize("channel", ["call", "text"])
    def test_denies_until_a_person_has_read_it(self, ctx: Context, channel: str) -> None:
        row = {
            "key": "a", "number": NUMBER, "source": "twilio sms", "text": "please no",
            "suggestion": "", "evidence": "", "at": ctx.now(), "decision": "",
            "decided_at": None, "decided_by": "",
        }  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, reviews, [row])
        assert reason(ctx, channel=channel) == "pending_review"
        with ctx.store.write() as connection:
            connection.execute(sa.update(reviews).values(decision="nothing"))
        assert reason(ctx, channel=channel) is None


class TestAVerification:
    def answered(self, ctx: Context, **fields: Any) -> None:
        now = ctx.now()
        values: dict[str, Any] = {
            "number": NUMBER, "provider": "twilio", "package": "", "check_level": "live",
            "verdict": "valid", "line_type": "mobile", "at": now,
            "expires_at": now + timedelta(days=9), **fields,
        }  # fmt: skip
        with ctx.store.write() as connection:
            put_answers(connection, [Verification(**values)])

    def test_that_says_invalid_denies_while_it_counts(self, ctx: Context) -> None:
        self.answered(ctx, verdict="invalid", expires_at=ctx.now() - timedelta(days=1))
        assert reason(ctx) is None
        self.answered(ctx, verdict="invalid")
        assert reason(ctx) == "invalid"

    def test_that_the_number_was_reassigned_denies_but_for_a_later_confirmation(
        self, ctx: Context
    ) -> None:
        hold(ctx, NUMBER, ("hubspot/contacts/1", "ada"))
        day = (ctx.now() - timedelta(days=9)).date().isoformat()
        self.answered(
            ctx, check_level="reassigned", verdict="unknown", reassigned=True, since=day,
            provider="rnd",
        )  # fmt: skip
        assert reason(ctx) == reason(ctx, contact="hubspot/contacts/1") == "reassigned"
        store_report(ctx, "confirmed", contact="hubspot/contacts/1", person="ada", scope="person")
        assert reason(ctx, contact="hubspot/contacts/1") is None
        assert reason(ctx) == "reassigned"


@dataclass(frozen=True)
class Hours:
    open_now: bool
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    zone: str | None = "America/Los_Angeles"
    rule: str = "US federal"


class TestAnAnswer:
    NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def test_may_be_used_for_a_day(self, ctx: Context) -> None:
        ctx.now = lambda: self.NOW
        [answer] = ask(ctx, "+442072194272", channel="text")
        assert answer.valid_until == self.NOW + timedelta(hours=24)

    def test_may_not_be_used_once_a_registry_is_stale(self, ctx: Context, tmp_path: Path) -> None:
        ctx.now = lambda: self.NOW
        listed(ctx, tmp_path, "415,5552671\n", as_of=self.NOW - timedelta(days=30, hours=20))
        [call, text] = [*ask(ctx, OTHER), *ask(ctx, OTHER, channel="text")]
        assert (call.allow, call.valid_until) == (True, self.NOW + timedelta(hours=4))
        assert text.valid_until == self.NOW + timedelta(hours=24)

    def test_heeds_calling_hours(self, ctx: Context) -> None:
        ctx.now = lambda: self.NOW
        asked: list[Sequence[object]] = []

        def hours(*place: object) -> Hours:
            asked.append(place)
            return Hours(False, opens_at=self.NOW + timedelta(hours=3))

        [answer] = ask(ctx, OTHER, hours=hours)
        assert (answer.allow, answer.reason) == (False, Reason.OUTSIDE_HOURS)
        assert answer.valid_until == self.NOW + timedelta(hours=3)
        assert asked == [(OTHER, "", "US", self.NOW)]
        assert answer.as_json()["window"]["open_now"] is False
        closes = self.NOW + timedelta(hours=1)
        [answer] = ask(ctx, OTHER, hours=lambda *_: Hours(True, closes_at=closes))
        assert (answer.allow, answer.valid_until) == (True, closes)

    def test_says_first_what_hours_do_not_change(self, ctx: Context) -> None:
        store_report(ctx, "opt_out")
        assert reason(ctx, hours=lambda *_: Hours(False)) == "opt_out"


class TestASync:
    def test_and_a_scrub_say_the_same(
        self, ctx: Context, crm: Crm, sync: Callable[..., Any]
    ) -> None:
        """Whoever is flagged in a CRM is denied; `deliver_reports` brings the flags there."""
        sync(ctx, crm.name, "everything")
        with ctx.store.read() as connection:
            held = list(connection.scalars(sa.select(contact_numbers.c.number).distinct()))
        drawn = sorted(held)[::7]
        for place, number in enumerate(drawn):
            store_report(ctx, ("opt_out", "complaint", "wrong_number")[place % 3], number)
        deliver_reports(ctx, crm.name)
        for answer in ask(ctx, *held):
            if answer.e164 in drawn:
                assert answer.reason in ("opt_out", "complaint", "wrong_number")
            else:
                assert answer.reason in (None, "invalid")


def test_a_suppression_by_hand_for_one_person_denies(ctx: Context) -> None:
    hold(ctx, NUMBER, ("hubspot/contacts/1", "ada"), ("hubspot/contacts/2", "ben"))
    who = ContactIdentity("hubspot/contacts/1", "ada")
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "an admin", who)  # type: ignore[arg-type]
    assert reason(ctx) == "opt_out"
    assert reason(ctx, contact="hubspot/contacts/2") is None


@pytest.mark.parametrize("erased", [OLD_FORM, TODAY])
@pytest.mark.parametrize("asked", [OLD_FORM, TODAY])
def test_an_erased_number_is_known_in_all_its_forms(ctx: Context, erased: str, asked: str) -> None:
    store_report(ctx, "opt_out", erased)
    apply_pending(ctx)
    erase_number(ctx, erased, "an admin")
    assert reason(ctx, asked) is not None
    assert reason(ctx, asked[1:], country="DE") is not None  # without its plus
