"""Every system keeps its vendor's list as the law of the list of suppressions has it.

A new system is listed in `vendor_lists.STAND_INS`, and passes all of this.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER
from reports import store_report
from vendor_lists import STAND_INS, VendorList, vendor

from config import plugins
from config.effective import describe
from config.settings import SettingsError
from worker.alerts import rules
from worker.context import Context
from worker.events import delivery, delivery_log
from worker.events import endpoints as directory
from worker.events.endpoints import EndpointError
from worker.events.systems import registry
from worker.events.systems.base import Outcome, System
from worker.events.systems.client import clean
from worker.feedback.models import SuppressionReason
from worker.store.tables import suppressions as suppressions_table
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending

MakeContext = Callable[..., Context]


@pytest.fixture(params=sorted(plugins.BUILT_IN_SYSTEMS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def its_list(kind: str) -> Iterator[VendorList]:
    with vendor(kind) as standing_in:
        yield standing_in


@pytest.fixture
def ctx(make_context: MakeContext, its_list: VendorList, kind: str) -> Context:
    made = make_context(**its_list.env)
    directory.add_system(made, kind, kind, "kim")
    its_list.now = lambda: made.now()
    return made


@pytest.fixture
def system(kind: str) -> type[System]:
    return registry.load(kind)


def suppress(ctx: Context, number: str = NUMBER, channels: str = "") -> suppressions.Suppression:
    return suppressions.add(ctx, number, SuppressionReason.OPT_OUT, channels, "by letter", "kim")


def text(ctx: Context, kind: str, number: str = NUMBER) -> None:
    """The person replies STOP or START."""
    advance_clock(ctx, seconds=2)
    store_report(ctx, kind, number, key=f"{kind}:{ctx.now()}", source="sms", channels="text")
    apply_pending(ctx)
    apply_pending(ctx)


def deliver(ctx: Context) -> int:
    return delivery.deliver(ctx, seconds=10)


def deliveries(ctx: Context, kind: str) -> list[delivery_log.LoggedDelivery]:
    return delivery_log.list_deliveries(ctx, kind)


def test_every_system_has_a_stand_in(kind: str) -> None:
    assert kind in STAND_INS


def test_a_suppressed_number_is_closed_there(
    ctx: Context, its_list: VendorList, system: type[System], kind: str
) -> None:
    suppress(ctx)
    assert deliver(ctx) == 1
    assert its_list.closed(NUMBER) == system.channels
    [sent] = deliveries(ctx, kind)
    assert (sent.state, sent.error, sent.note) == ("delivered", "", "")
    assert sent.status is not None


def test_a_wrong_number_too(ctx: Context, its_list: VendorList, system: type[System]) -> None:
    store_report(ctx, "wrong_number")
    apply_pending(ctx)
    deliver(ctx)
    assert its_list.closed(NUMBER) == system.channels


def test_twice_is_once(ctx: Context, its_list: VendorList, system: type[System], kind: str) -> None:
    suppress(ctx)
    deliver(ctx)
    delivery_log.replay(ctx, kind, ctx.now() - timedelta(days=1))
    assert deliver(ctx) == 1
    assert its_list.closed(NUMBER) == system.channels
    assert its_list.closed(OTHER) == set()


def test_many_go_in_as_few_calls_as_the_vendor_takes(
    ctx: Context, its_list: VendorList, system: type[System], kind: str
) -> None:
    numbers = [f"+1202555{place:04}" for place in range(100, 160)]
    for number in numbers:
        suppress(ctx, number)
    assert deliver(ctx) == 60
    assert all(its_list.closed(number) == system.channels for number in numbers)
    batch = registry.build(kind, ctx.settings).batch
    calls = 2 if kind == "justcall" else 1  # it keeps two lists for calls
    assert len(its_list.writes) <= calls * -(-60 // batch) + calls


def test_one_number_that_is_refused_costs_no_other(
    ctx: Context, its_list: VendorList, system: type[System], kind: str
) -> None:
    suppress(ctx)
    deliver(ctx)
    suppress(ctx, OTHER)
    delivery_log.replay(ctx, kind, ctx.now() - timedelta(days=1))
    # Of two together, and of the first alone: its body is one that only a vendor sends.
    words = json.dumps({"message": f"no: {NUMBER}", "errors": [{"detail": f"no: {NUMBER}"}]})
    together = registry.build(kind, ctx.settings).batch > 1
    its_list.fail(422, words.encode(), times=2 if together else 1)
    deliver(ctx)
    assert its_list.closed(OTHER) == system.channels
    [refused] = [entry for entry in deliveries(ctx, kind) if entry.number == NUMBER]
    assert (refused.state, refused.status) == ("parked", 422)
    assert "refused it" in refused.error
    assert NUMBER not in refused.error
    assert not delivery.has_due(ctx)
    assert "refused" in next(alert.text for alert in rules.current(ctx) if kind in alert.text)


def test_a_later_event_of_the_number_tries_what_was_refused_again(
    ctx: Context, its_list: VendorList, system: type[System]
) -> None:
    its_list.fail(400, b'{"message": "no"}')
    suppress(ctx)
    deliver(ctx)
    assert its_list.closed(NUMBER) == set()
    store_report(ctx, "complaint")
    apply_pending(ctx)
    deliver(ctx)
    deliver(ctx)
    assert its_list.closed(NUMBER) == system.channels


def test_an_event_about_other_channels_calls_nobody(
    make_context: MakeContext, its_list: VendorList, kind: str, system: type[System]
) -> None:
    ctx = make_context(**its_list.env)
    directory.add_system(ctx, kind, kind, "kim")
    for channel in {"call", "text"}:
        store_report(ctx, "opt_out", OTHER if channel == "call" else NUMBER, channels=channel)
    apply_pending(ctx)
    deliver(ctx)
    assert its_list.closed(OTHER) == {"call"} & system.channels
    assert its_list.closed(NUMBER) == {"text"} & system.channels
    ignored = [entry for entry in deliveries(ctx, kind) if entry.status is None]
    assert len(ignored) == 2 - len(system.channels)
    assert all("nothing to do" in entry.note for entry in ignored)
    assert all(entry.state == "delivered" for entry in ignored)


class TestALift:
    def test_opens_what_a_person_opened_in_their_own_words_and_the_vendor_can_open(
        self, ctx: Context, its_list: VendorList, kind: str
    ) -> None:
        text(ctx, "opt_out")
        deliver(ctx)
        assert its_list.closed(NUMBER)
        text(ctx, "opt_in")
        deliver(ctx)
        lifted = deliveries(ctx, kind)[0]
        assert (lifted.type, lifted.state) == ("number.lifted", "delivered")
        opened = registry.build(kind, ctx.settings)
        assert its_list.closed(NUMBER) == opened.channels - opened.reopens
        assert (opened.stays_closed in lifted.note) == (opened.channels > opened.reopens)

    def test_by_an_admin_leaves_it_closed_and_says_so(
        self, ctx: Context, its_list: VendorList, system: type[System], kind: str
    ) -> None:
        added = suppress(ctx)
        deliver(ctx)
        suppressions.lift(ctx, added.id, "kim", "a mistake")
        deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels
        lifted = deliveries(ctx, kind)[0]
        assert (lifted.state, lifted.status) == ("delivered", None)
        assert "closed" in lifted.note

    def test_leaves_what_somebody_else_closed(
        self, ctx: Context, its_list: VendorList, system: type[System], kind: str
    ) -> None:
        """We never told the vendor: the stop was lifted before it was sent."""
        its_list.put(NUMBER)
        text(ctx, "opt_out")
        text(ctx, "opt_in")
        deliver(ctx)
        deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels
        assert its_list.writes == []
        late, lifted = reversed(deliveries(ctx, kind))
        assert "no longer suppressed" in late.note
        assert "closed" in lifted.note

    def test_opens_nothing_that_another_suppression_closes(
        self, ctx: Context, its_list: VendorList, system: type[System]
    ) -> None:
        text(ctx, "opt_out")
        deliver(ctx)
        with ctx.store.write() as connection:  # a list that came in the same moment
            row = connection.execute(sa.select(suppressions_table)).one()
            values = row._asdict() | {"key": "list:a", "reason": "list", "announced": "call text"}
            del values["id"]
            connection.execute(sa.insert(suppressions_table).values(**values))
        text(ctx, "opt_in", OTHER)
        advance_clock(ctx, seconds=2)
        with ctx.store.write() as connection:
            c = suppressions_table.c
            connection.execute(
                sa.update(suppressions_table)
                .where(c.key != "list:a")
                .values(lifted_at=ctx.now(), lifted_by="sms")
            )
        delivery.announce(ctx)
        deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels


class TestWhileTheVendorIsAway:
    @pytest.mark.parametrize("status", [500, 503, 404, 410, 302])
    def test_everything_waits_and_comes_in_order(
        self, ctx: Context, its_list: VendorList, system: type[System], kind: str, status: int
    ) -> None:
        its_list.fail(status, b"<html>away</html>", times=50)
        text(ctx, "opt_out")
        deliver(ctx)
        text(ctx, "opt_in")
        text(ctx, "opt_out")
        deliver(ctx)
        assert its_list.closed(NUMBER) == set()
        assert directory.find(ctx, kind).state == "active"
        assert str(status) in directory.find(ctx, kind).error
        its_list.answers.clear()
        for _ in range(4):
            advance_clock(ctx, hours=3)
            deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels
        assert {entry.state for entry in deliveries(ctx, kind)} == {"delivered"}

    def test_so_it_is_without_an_answer(
        self, make_context: MakeContext, its_list: VendorList, system: type[System], kind: str
    ) -> None:
        ctx = make_context('[events]\ntimeout = "1s"\n', **its_list.env)
        directory.add_system(ctx, kind, kind, "kim")
        its_list.seconds = 1.5
        suppress(ctx)
        deliver(ctx)
        assert "no answer within" in directory.find(ctx, kind).error
        its_list.seconds = 0.0
        advance_clock(ctx, hours=1)
        deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels

    def test_nor_is_an_address_without_a_server_an_answer(
        self, ctx: Context, its_list: VendorList, kind: str
    ) -> None:
        with its_list.away():
            suppress(ctx)
            deliver(ctx)
        [waiting] = deliveries(ctx, kind)
        assert (waiting.state, waiting.status) == ("pending", None)
        assert "not reached" in waiting.error


def test_it_waits_as_long_as_it_is_asked_to(
    ctx: Context, its_list: VendorList, system: type[System]
) -> None:
    its_list.fail(429, b"{}", Retry_After="900")
    suppress(ctx)
    deliver(ctx)
    made = len(its_list.calls)
    advance_clock(ctx, seconds=600)
    assert deliver(ctx) == 0
    assert len(its_list.calls) == made
    advance_clock(ctx, seconds=301)
    assert deliver(ctx) == 1
    assert its_list.closed(NUMBER) == system.channels


def test_a_refused_key_is_named_and_tried_again(
    ctx: Context, its_list: VendorList, system: type[System], kind: str
) -> None:
    its_list.wrong_key = True
    suppress(ctx)
    deliver(ctx)
    [waiting] = deliveries(ctx, kind)
    assert waiting.state == "pending"
    assert its_list.key_variable in waiting.error
    assert its_list.env[its_list.key_variable] not in waiting.error
    its_list.wrong_key = False
    advance_clock(ctx, hours=1)
    deliver(ctx)
    assert its_list.closed(NUMBER) == system.channels


@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"<html>", b'{"items": 1}', b"\xff" * 9])
def test_an_answer_that_nobody_can_read_confirms_nothing(
    ctx: Context, its_list: VendorList, kind: str, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    its_list.fail(200, answer, times=9)
    suppress(ctx)
    with caplog.at_level(logging.DEBUG):
        deliver(ctx)
    [waiting] = deliveries(ctx, kind)
    if kind == "justcall" and answer == b'{"items": 1}':
        return  # its documents do not show an answer: an object that reports no error is one
    assert waiting.state == "pending"
    assert "cannot be read" in waiting.error
    assert NUMBER not in caplog.text


@pytest.mark.parametrize("data", [b'{"skipped_count": 1}', b'{"skipped": [{"phone": "1"}]}'])
def test_a_number_that_justcall_skips_without_saying_which_is_found(
    make_context: MakeContext, data: bytes
) -> None:
    with vendor("justcall") as its_list:
        ctx = make_context(**its_list.env)
        directory.add_system(ctx, "justcall", "justcall", "kim")
        its_list.now = lambda: ctx.now()
        for number in (NUMBER, OTHER):
            suppress(ctx, number)
        answer = b'{"status": "success", "data": %b}' % data
        its_list.fail(200, answer, times=2)  # both numbers, then the first alone
        deliver(ctx)
        states = {entry.number: entry.state for entry in deliveries(ctx, "justcall")}
        assert states == {NUMBER: "parked", OTHER: "delivered"}
        assert its_list.closed(OTHER) == {"call", "text"}


def test_a_test_changes_nothing_and_checks_the_key(
    ctx: Context, its_list: VendorList, kind: str
) -> None:
    good = delivery_log.enqueue_test(ctx, kind)
    deliver(ctx)
    assert delivery_log.load_delivery(ctx, good).state == "delivered"
    assert its_list.writes == []
    its_list.wrong_key = True
    bad = delivery_log.enqueue_test(ctx, kind)
    deliver(ctx)
    assert its_list.key_variable in delivery_log.load_delivery(ctx, bad).error


def test_other_events_are_not_sent(ctx: Context, its_list: VendorList) -> None:
    store_report(ctx, "confirmed")
    apply_pending(ctx)
    apply_pending(ctx)
    deliver(ctx)
    assert its_list.calls == []


class TestTheSettings:
    def test_set_one_up_and_take_it_away(
        self, make_context: MakeContext, its_list: VendorList, system: type[System], kind: str
    ) -> None:
        toml = f'[events.endpoints.out]\nkind = "{kind}"\n'
        ctx = make_context(toml, **its_list.env)
        for _ in range(2):
            directory.apply_settings(ctx)
        suppress(ctx)
        deliver(ctx)
        assert its_list.closed(NUMBER) == system.channels
        with pytest.raises(EndpointError, match="settings"):
            directory.remove(ctx, "out")
        directory.apply_settings(make_context(DATABASE_URL=ctx.settings.database_url))
        assert directory.all_endpoints(ctx) == []

    def test_name_each_variable_that_is_missing(
        self, make_context: MakeContext, its_list: VendorList, kind: str
    ) -> None:
        toml = f'[events.endpoints.out]\nkind = "{kind}"\n'
        ctx = make_context(toml)
        with pytest.raises(SettingsError, match=its_list.key_variable):
            registry.check_settings(ctx.settings)
        with pytest.raises(EndpointError, match=its_list.key_variable):
            directory.add_system(ctx, "other", kind, "kim")
        directory.apply_settings(ctx)
        suppress(ctx)
        deliver(ctx)
        [waiting] = deliveries(ctx, "out")
        assert its_list.key_variable in waiting.error

    def test_keep_secrets_to_themselves(
        self, make_context: MakeContext, its_list: VendorList, kind: str
    ) -> None:

        shown = {
            entry.name: entry.value for entry in describe(make_context(**its_list.env).settings)
        }
        assert its_list.env[its_list.key_variable] not in str(shown.values())
        assert its_list.key_variable in shown

    @pytest.mark.parametrize(
        ("lines", "problem"),
        [('kind = "nobody"', "there is no system 'nobody'"),
         ('kind = "klaviyo"\nurl = "https://a.example"', "url: it is for webhooks"),
         ('kind = "klaviyo"\nhash_numbers = true', "hash_numbers: it is for webhooks"),
         ('kind = "klaviyo"\nevents = ["number.lifted"]', "events: it is for webhooks")],
    )  # fmt: skip
    def test_are_checked(self, make_context: MakeContext, lines: str, problem: str) -> None:
        with pytest.raises(SettingsError, match=problem):
            make_context(f"[events.endpoints.out]\n{lines}\n")

    def test_have_no_secret_to_be_rotated(self, ctx: Context, kind: str) -> None:
        with pytest.raises(EndpointError, match="no webhook"):
            directory.rotate_secret(ctx, kind)
        with pytest.raises(EndpointError, match="no webhook"):
            directory.change(ctx, kind, url="https://a.example")


class Acme(System):
    """A system of another package."""

    name, label, channels = "acme", "Acme", frozenset({"call"})
    variables = ()
    taken: list[str] = []  # noqa: RUF012

    def close(self, entries: Any, channels: Any) -> Any:
        self.taken.extend(entry.number for entry in entries)
        return Outcome(200)

    def check_access(self) -> int:
        return 200

    def shut(self) -> None:
        pass


def test_one_of_another_package_comes_by_entry_point(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("acme", "acme:Acme", plugins.SYSTEMS)
    monkeypatch.setattr(EntryPoint, "load", lambda _self: Acme)
    monkeypatch.setattr(plugins, "installed", lambda _group: (point,))
    plugins.systems.cache_clear()
    try:
        ctx = make_context('[events.endpoints.out]\nkind = "acme"\n')
        directory.apply_settings(ctx)
        suppress(ctx)
        deliver(ctx)
        assert Acme.taken == [NUMBER]
    finally:
        plugins.systems.cache_clear()


def test_the_client_names_no_number() -> None:
    assert NUMBER not in clean(f"Invalid number {NUMBER}")
