"""An admin lets somebody be asked by email again, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from asking_support import messages
from clocks import advance_clock
from constants import PUBLIC_URL
from email_desk import BOTH, KIM, LEE, LONDON, OPTED_OUT, Desk
from fastapi.testclient import TestClient
from reports import store_report

from config.settings import Settings
from sandbox.run import Sandbox
from worker.access import audit
from worker.asking import refusals
from worker.asking.model import AskingError
from worker.suppression.apply_reports import apply_pending
from worker.web.app import make_app

WHY = "wrote that the mailbox works again"


def refused(desk: Desk) -> str:
    """A contact whose address the mail server refused for good."""
    record = desk.contact("hubspot")
    desk.mail.unknown = {KIM}
    desk.start("first")
    desk.send()
    assert messages(desk.ctx)[0].reason == "email_refused"
    desk.mail.unknown = set()
    return record


def lift(desk: Desk, email: str = KIM, why: str = WHY) -> refusals.Lifted:
    return refusals.lift(desk.ctx, refusals.of_email(desk.ctx, email), "an admin", why)


class TestAnAddressThatTheMailServerRefused:
    def test_is_asked_again_once_it_is_lifted(self, desk: Desk) -> None:
        refused(desk)
        assert lift(desk) == refusals.Lifted(refused=1, unsubscribed=0, standing=())
        desk.start("second")
        desk.send()
        assert desk.emailed == [KIM]

    def test_may_be_named_by_its_record(self, desk: Desk) -> None:
        record = refused(desk)
        person = refusals.of_record(desk.ctx, "hubspot", "contacts", record)
        assert refusals.lift(desk.ctx, person, "an admin", WHY).refused == 1
        desk.start("second")
        desk.send()
        assert desk.emailed == [KIM]

    def test_is_not_asked_after_a_lift_for_somebody_else(self, desk: Desk) -> None:
        refused(desk)
        with pytest.raises(AskingError, match="changed in the CRM"):
            lift(desk, LEE)
        with pytest.raises(AskingError, match="nobody can be asked"):
            desk.start("second")

    def test_needs_a_reason_and_is_kept_in_the_audit_log(self, desk: Desk) -> None:
        refused(desk)
        with pytest.raises(AskingError, match="reason"):
            lift(desk, why=" x ")
        lift(desk)
        [entry] = audit.entries(desk.ctx.store)
        assert (entry["who"], entry["action"], entry["why"]) == ("an admin", "ask.lift", WHY)
        assert KIM not in str(entry)

    def test_that_opted_out_in_the_crm_is_not_asked_all_the_same(self, desk: Desk) -> None:
        record = refused(desk)
        desk.set("hubspot", record, OPTED_OUT["hubspot"])
        lift(desk)
        desk.start("second")
        desk.send()
        assert (desk.emailed, desk.reasons("second")) == ([], {"email_opt_out": 1})

    def test_is_no_longer_counted_by_a_worker_of_the_version_before(self, desk: Desk) -> None:
        """It looks for the reason "email_refused"."""
        refused(desk)
        lift(desk)
        assert messages(desk.ctx)[0].reason == "email_refusal_lifted"


class TestWhoUnsubscribedByOurLink:
    @pytest.fixture
    def unsubscribed(
        self, desk: Desk, make_settings: Callable[..., Settings], sandbox: Sandbox
    ) -> Desk:
        desk.contact("hubspot")
        desk.start("first")
        desk.send()
        [email] = desk.mail.got
        link = urlsplit(str(email["List-Unsubscribe"]).strip("<>"))
        app = make_app(make_settings(BOTH, PUBLIC_URL=PUBLIC_URL, SMTP_URL=desk.mail.url))
        app.state.ctx.now = lambda: desk.ctx.now()
        client = TestClient(app, base_url=PUBLIC_URL)
        answer = client.post(link.path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        apply_pending(desk.ctx)
        advance_clock(desk.ctx, minutes=1)
        desk.mail.sent.clear()
        return desk

    def test_is_asked_again_once_that_is_lifted(self, unsubscribed: Desk) -> None:
        desk = unsubscribed
        done = lift(desk, why="asked by phone to be asked again")
        assert (done.unsubscribed, done.standing) == (1, ())
        advance_clock(desk.ctx, days=42)
        desk.start("second")
        desk.send()
        assert desk.emailed == [KIM]

    def test_and_said_stop_besides_is_not(self, unsubscribed: Desk) -> None:
        desk = unsubscribed
        [message] = messages(desk.ctx)
        store_report(desk.ctx, "opt_out", message.number)
        apply_pending(desk.ctx)
        done = lift(desk)
        assert done.unsubscribed == 0
        assert done.standing
        advance_clock(desk.ctx, days=42)
        with pytest.raises(AskingError, match="nobody can be asked"):
            desk.start("second")

    def test_somebody_else_is_not_touched(self, unsubscribed: Desk) -> None:
        desk = unsubscribed
        desk.contact("hubspot", LEE, LONDON, nth=2)
        with pytest.raises(AskingError, match="changed in the CRM"):
            lift(desk, LEE)
