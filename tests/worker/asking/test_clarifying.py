"""After an opt-out by text, one text may confirm it and ask whether calls may go on: within five
minutes, once for a number, and everything stays closed until the person says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asking_support import DAYTIME, TOML
from constants import NUMBER, PUBLIC_URL
from reports import report_kinds, store_report, stored_reports

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.asking import clarifying
from worker.context import Context
from worker.feedback.sources import incoming
from worker.feedback.sources.twilio import read_sms
from worker.store import pause
from worker.store.tables import opt_out_questions
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending

ON = TOML.replace("[asking]\n", "[asking]\nclarify_opt_outs = true\n")


@pytest.fixture
def ctx(make_context: Callable[..., Context], sandbox: Sandbox) -> Context:
    ctx = make_context(ON, PUBLIC_URL=PUBLIC_URL, **sandbox.env("messages"))
    ctx.now = lambda: DAYTIME
    return ctx


def text(ctx: Context, body: str, sid: str = "1", **form: str) -> None:
    """The person writes to our number."""
    event = read_sms({"From": NUMBER, "MessageSid": f"SM{sid:0>32}", "Body": body, **form})
    incoming.receive(ctx, [event])
    apply_pending(ctx)


def later(ctx: Context, **by: float) -> None:
    at = ctx.now() + timedelta(**by)
    ctx.now = lambda: at


def closed(ctx: Context) -> list[str]:
    return [entry.channels for entry in suppressions.list_suppressions(ctx)]


def state(ctx: Context) -> str:
    with ctx.store.read() as connection:
        return str(connection.scalar(opt_out_questions.select().with_only_columns(
            opt_out_questions.c.state)))  # fmt: skip


def asked(ctx: Context, sandbox: Sandbox) -> int:
    clarifying.send_due(ctx)
    return len(sandbox.messages.sent)


class TestTheQuestion:
    def test_confirms_says_how_to_keep_calls_and_sells_nothing(
        self, ctx: Context, sandbox: Sandbox
    ) -> None:
        text(ctx, "please stop texting me")
        assert asked(ctx, sandbox) == 1
        [sent] = sandbox.messages.sent
        assert (sent.to, sent.body) == (
            NUMBER,
            "Acme: you are opted out. We will neither call nor text you. If you meant texts only, "
            "reply CALLS. No reply is needed.",
        )
        assert int(sent.validity_period) <= 300
        assert closed(ctx) == ["call text"]  # all, until they say otherwise

    def test_is_sent_once_for_a_number_ever(self, ctx: Context, sandbox: Sandbox) -> None:
        text(ctx, "stop")
        assert asked(ctx, sandbox) == asked(ctx, sandbox) == 1
        store_report(ctx, "opt_in", NUMBER, key="again", source="api")
        later(ctx, days=40)
        text(ctx, "stop", "2")
        assert asked(ctx, sandbox) == 1

    @pytest.mark.parametrize(
        ("body", "form"),
        [
            ("STOP", {"OptOutType": "STOP"}),  # Twilio has confirmed it: that is the one message
            ("stop", {"From": f"whatsapp:{NUMBER}"}),
            ("stop", {"From": "+442071838750"}),  # it is the law of the United States
            ("stop, wrong number", {}),
            ("I will report you to the FCC. Stop!", {}),
            ("hello", {}),
        ],
    )
    def test_is_not_sent(
        self, ctx: Context, sandbox: Sandbox, body: str, form: dict[str, str]
    ) -> None:
        text(ctx, body, **form)
        assert asked(ctx, sandbox) == 0

    def test_is_not_sent_after_five_minutes(self, ctx: Context, sandbox: Sandbox) -> None:
        text(ctx, "stop")
        later(ctx, minutes=4, seconds=40)  # a call may take half a minute
        assert (asked(ctx, sandbox), state(ctx)) == (0, "withheld")

    @pytest.mark.parametrize("before", ["opt_out", "complaint", "wrong_number"])
    def test_is_not_sent_to_whom_something_else_stands_against(
        self, ctx: Context, sandbox: Sandbox, before: str
    ) -> None:
        store_report(ctx, before, NUMBER, source="an agent", channels="")
        apply_pending(ctx)
        later(ctx, minutes=1)
        text(ctx, "stop")
        assert (asked(ctx, sandbox), state(ctx)) == (0, "withheld")

    def test_is_not_sent_while_everything_is_paused_nor_by_default(
        self, ctx: Context, sandbox: Sandbox, make_context: Callable[..., Context]
    ) -> None:
        off = make_context(TOML, PUBLIC_URL=PUBLIC_URL, **sandbox.env("messages"),
                           DATABASE_URL=ctx.settings.database_url)  # fmt: skip
        off.now = ctx.now
        text(off, "stop")
        assert asked(ctx, sandbox) == 0
        text(ctx, "stop", "2", From="+14155550177")
        pause.begin(ctx.store, ctx.now(), "an admin", "")
        assert asked(ctx, sandbox) == 0

    def test_is_not_sent_twice_by_a_worker_that_dies_over_it(
        self, ctx: Context, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(*_rest: Any) -> None:
            raise KeyboardInterrupt

        text(ctx, "stop")
        with monkeypatch.context() as patch:
            patch.setattr(clarifying, "_settle", die)
            with pytest.raises(KeyboardInterrupt):
                clarifying.send_due(ctx)
        later(ctx, minutes=11)
        assert (asked(ctx, sandbox), state(ctx)) == (1, "uncertain")

    def test_that_was_surely_not_sent_is_tried_again(self, ctx: Context, sandbox: Sandbox) -> None:
        text(ctx, "stop")
        sandbox.messages.faults.append(Fault("Messages.json", "status", status=429, body={}))
        assert (asked(ctx, sandbox), state(ctx)) == (0, "waiting")
        later(ctx, minutes=1)
        assert (asked(ctx, sandbox), state(ctx)) == (1, "sent")


class TestTheAnswer:
    def test_opens_calls_and_nothing_else_once(self, ctx: Context, sandbox: Sandbox) -> None:
        text(ctx, "stop")
        asked(ctx, sandbox)
        later(ctx, minutes=2)
        text(ctx, " Calls. ", "2")
        text(ctx, " Calls. ", "2")
        assert (closed(ctx), state(ctx)) == (["text"], "answered")
        assert report_kinds(ctx) == ["opt_out", "opt_in"]
        assert stored_reports(ctx)[1].channels == "call"
        later(ctx, minutes=1)
        text(ctx, "stop", "3")  # this time they mean it
        text(ctx, "calls", "4")
        assert closed(ctx)[-1] == "call text"

    @pytest.mark.parametrize("how", ["unasked", "late", "refused calls since", "unproven"])
    def test_counts_only_for_what_was_asked(self, ctx: Context, sandbox: Sandbox, how: str) -> None:
        text(ctx, "stop")
        if how != "unasked":
            asked(ctx, sandbox)
        later(ctx, minutes=1)
        if how == "refused calls since":
            store_report(ctx, "opt_out", NUMBER, key="a call", channels="call", source="dialer")
        if how == "late":
            later(ctx, days=2)
        event = read_sms({"From": NUMBER, "MessageSid": f"SM{2:0>32}", "Body": "CALLS"})
        proof = incoming.Proof.SENDER if how == "unproven" else incoming.Proof.BODY
        incoming.receive(ctx, [event], proof)
        apply_pending(ctx)
        assert "call text" in closed(ctx)
        assert "opt_in" not in report_kinds(ctx)
