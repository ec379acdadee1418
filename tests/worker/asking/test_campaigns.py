"""Who is asked, who is left out, and what a plan says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from asking_support import Ask, request
from clocks import advance_clock
from constants import BRITISH, NEW_YORK, NUMBER, OTHER
from reports import store_report

from worker.asking import campaigns
from worker.asking.model import MICROS, AskingError, Selection
from worker.context import Context
from worker.store.tables import ask_campaigns, ask_messages, contacts, reviews

People = Callable[..., list[str]]
ARGENTINE = "+5491123456789"


def left_out(ctx: Context, **more: Any) -> dict[str, int]:
    planned = campaigns.plan(ctx, request(**more))
    assert planned.messages + planned.left_out.total() == planned.contacts
    return dict(planned.left_out)


class TestWhoIsLeftOut:
    @pytest.mark.parametrize(
        ("kind", "more", "reason"),
        [
            ("opt_out", {"channels": "text"}, "opt_out"),
            ("opt_out", {}, "opt_out"),
            ("complaint", {}, "complaint"),
            ("wrong_number", {}, "wrong_number"),
            ("confirmed", {}, "recently_confirmed"),
        ],
    )
    def test_by_what_was_reported(
        self, asking_ctx: Context, people: People, kind: str, more: dict[str, Any], reason: str
    ) -> None:
        people(NUMBER, OTHER)
        store_report(asking_ctx, kind, **more)
        assert left_out(asking_ctx) == {reason: 1}

    def test_who_refuses_calls_alone_may_be_texted_but_gets_no_email(
        self, asking_ctx: Context, people: People
    ) -> None:
        people(NUMBER)
        store_report(asking_ctx, "opt_out", channels="call")
        assert left_out(asking_ctx) == {}

    def test_a_number_of_which_another_holder_has_opted_out(
        self, asking_ctx: Context, people: People
    ) -> None:
        people(NUMBER)
        store_report(
            asking_ctx, "opt_out", contact="hubspot/contacts/999999", person="somebody else",
            scope="person",
        )  # fmt: skip
        assert left_out(asking_ctx) == {"opt_out": 1}

    def test_who_has_opted_out_by_another_of_their_numbers(
        self, asking_ctx: Context, people: People
    ) -> None:
        """Also by one that another record of theirs holds. A wrong number is no refusal."""
        people(NUMBER, OTHER, person="one and the same")
        store_report(asking_ctx, "wrong_number", OTHER)
        assert left_out(asking_ctx) == {"wrong_number": 1}
        store_report(asking_ctx, "opt_out", OTHER, channels="text", source="twilio sms")
        assert left_out(asking_ctx) == {"opt_out": 2}

    @pytest.mark.parametrize("status", ["invalid", "unreachable", "wrong_number", "do_not_contact"])
    def test_a_field_with_a_bad_status(
        self, asking_ctx: Context, people: People, status: str
    ) -> None:
        people(NUMBER, statuses={"phone": status})
        assert left_out(asking_ctx) == {"bad_status": 1}

    def test_a_reply_that_waits_for_review(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER)
        row = {
            "key": "r", "number": NUMBER, "source": "twilio sms", "text": "hm", "suggestion": "",
            "evidence": "", "at": asking_ctx.now(), "decision": "", "decided_by": "",
        }  # fmt: skip
        with asking_ctx.store.write() as connection:
            connection.execute(sa.insert(reviews).values(**row))
        assert left_out(asking_ctx) == {"pending_review": 1}

    def test_a_landline(self, asking_ctx: Context, people: People) -> None:
        people(BRITISH)
        assert left_out(asking_ctx) == {"takes_no_texts": 1}

    def test_a_number_that_several_people_share(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER, NUMBER, NUMBER)
        assert left_out(asking_ctx) == {"shared_number": 3}

    def test_a_second_record_of_the_same_person(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER, OTHER, person="one and the same")
        assert left_out(asking_ctx) == {"same_person": 1}

    def test_who_was_asked_by_another_campaign(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        from worker.asking.sending import send_due

        people(NUMBER)
        ask()
        assert send_due(asking_ctx) == 1
        assert left_out(asking_ctx, name="summer") == {"recently_asked": 1}
        later = asking_ctx.now() + timedelta(days=31)
        asking_ctx.now = lambda: later
        assert left_out(asking_ctx, name="summer") == {}

    def test_who_was_asked_by_another_form_of_the_number(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        from worker.asking.sending import send_due

        people(ARGENTINE)
        ask()
        advance_clock(asking_ctx, hours=2)  # to a time that is fit for either country
        assert send_due(asking_ctx) == 1
        as_another = {"number": ARGENTINE.replace("+549", "+54"), "recipient": "person:another"}
        with asking_ctx.store.write() as connection:
            connection.execute(sa.update(ask_messages).values(as_another))
        assert left_out(asking_ctx, name="summer") == {"recently_asked": 1}


class TestConsent:
    def test_is_needed_where_no_basis_is_named(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER, OTHER)
        store_report(asking_ctx, "opt_in", channels="text")
        assert left_out(asking_ctx, basis="") == {"no_consent": 1}

    @pytest.mark.parametrize(
        "key", ["lift:1:", "crm:hubspot/contacts/1:do_not_contact:", "action:"]
    )
    def test_is_not_what_ended_a_suppression(
        self, asking_ctx: Context, people: People, key: str
    ) -> None:
        people(NUMBER)
        store_report(asking_ctx, "opt_in", key=f"{key}x")
        assert left_out(asking_ctx, basis="") == {"no_consent": 1}

    def test_ends_with_an_opt_out(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER)
        store_report(asking_ctx, "opt_in", channels="text")
        store_report(asking_ctx, "opt_out", channels="text")
        assert left_out(asking_ctx, basis="") == {"opt_out": 1}


class TestTheSelection:
    def test_of_the_unverified_and_of_the_old(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER)
        with asking_ctx.store.write() as connection:
            connection.execute(sa.update(contacts).values(month="2026-10"))
        unverified, old = Selection(unverified=True), Selection(older_than=365 * 86_400)
        assert left_out(asking_ctx, selection=unverified) == {"not_uncertain": 1}
        assert left_out(asking_ctx, selection=old) == {"not_uncertain": 1}
        with asking_ctx.store.write() as connection:
            connection.execute(sa.update(contacts).values(month="2024-10"))
        assert left_out(asking_ctx, selection=old) == {}

    def test_of_a_segment(self, asking_ctx: Context, people: People) -> None:
        people(NUMBER, source="Trade fair")
        here, there = (
            Selection(key="source", value="Trade fair"),
            Selection(key="source", value="x"),
        )
        assert campaigns.plan(asking_ctx, request(selection=here)).messages == 1
        assert campaigns.plan(asking_ctx, request(selection=there)).contacts == 0
        with pytest.raises(AskingError, match="KEY=VALUE"):
            campaigns.plan(asking_ctx, request(selection=Selection(key="name", value="x")))


class TestAStart:
    def test_keeps_how_many_were_left_out_and_why(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        people(NUMBER, OTHER)
        store_report(asking_ctx, "opt_in", channels="text")
        assert ask(basis="").left_out == {"no_consent": 1}


class TestAPlan:
    def test_says_count_cost_and_languages_and_stores_nothing(
        self, asking_ctx: Context, people: People
    ) -> None:
        people(NUMBER, NEW_YORK)
        planned = campaigns.plan(asking_ctx, request(budget=MICROS // 100))
        assert planned.as_json("USD") == {
            "contacts": 2, "messages": 2, "cost": 0.02, "currency": "USD", "within_budget": 1,
            "left_out": {}, "languages": {"en": 2}, "notes": [],
        }  # fmt: skip
        with asking_ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(ask_campaigns)) == 0

    def test_says_all_that_is_not_set(self, make_context: Callable[..., Context]) -> None:
        ctx = make_context()
        with pytest.raises(AskingError) as raised:
            campaigns.plan(ctx, request(channel="email", basis="", name="No spaces"))
        text = str(raised.value)
        for named in ("name:", "PUBLIC_URL", "feedback.company", "SMTP_URL", "legal basis"):
            assert named in text


class TestACampaign:
    def test_is_paused_resumed_and_stopped_for_good(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        people(NUMBER)
        name = ask().name
        assert campaigns.pause(asking_ctx, name).state == "paused"
        assert campaigns.resume(asking_ctx, name).state == "running"
        assert campaigns.stop(asking_ctx, name).state == "stopped"
        with pytest.raises(AskingError, match="is stopped"):
            campaigns.resume(asking_ctx, name)

    def test_has_a_name_of_its_own(self, people: People, ask: Ask) -> None:
        people(NUMBER)
        ask()
        with pytest.raises(AskingError, match="already"):
            ask()

    def test_of_nobody_is_not_begun(self, ask: Ask) -> None:
        with pytest.raises(AskingError, match="nobody can be asked"):
            ask()
