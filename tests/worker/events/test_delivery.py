"""Events reach the endpoints: signed, in order for a number, at least once, whatever fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from clocks import advance_clock
from constants import NUMBER, OTHER
from event_receivers import Receiver, receiving
from reports import store_report

from tests.worker.events.conftest import LOOPBACK, subscribe
from worker.context import Context
from worker.events import delivery, delivery_log, payload
from worker.events import endpoints as directory
from worker.events.endpoints import EndpointError
from worker.feedback.models import SuppressionReason
from worker.ops import retention
from worker.suppression import erasure, evidence, suppressions
from worker.suppression.apply_reports import apply_pending


def suppress(ctx: Context, number: str = NUMBER) -> suppressions.Suppression:
    return suppressions.add(ctx, number, SuppressionReason.OPT_OUT, "", "by letter", "kim")


def lift(ctx: Context, suppression: suppressions.Suppression) -> None:
    suppressions.lift(ctx, suppression.id, "kim", "a mistake")


def deliver(ctx: Context) -> int:
    return delivery.deliver(ctx, seconds=10)


def test_an_event_arrives_signed_and_says_how_the_number_stands(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    added = suppress(ctx)
    assert deliver(ctx) == 1
    [message] = receiver.messages
    assert message["type"] == "number.suppressed"
    data = message["data"]
    assert (data["number"], data["channels"], data["reason"], data["sequence"]) == (
        NUMBER, ["call", "text"], "opt_out", 1,
    )  # fmt: skip
    assert data["evidence"].startswith("feedback:")
    assert data["state"]["suppressed"]
    assert [entry["id"] for entry in data["state"]["suppressions"]] == [added.id]
    assert not delivery.has_due(ctx)


def test_a_late_event_tells_the_present_state(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 503
    added = suppress(ctx)
    deliver(ctx)
    lift(ctx, added)
    receiver.status = 204
    advance_clock(ctx, minutes=10)
    deliver(ctx)
    assert receiver.types == ["number.suppressed", "number.lifted"]
    assert [message["data"]["state"]["suppressed"] for message in receiver.messages] == [
        False, False,
    ]  # fmt: skip


def test_an_endpoint_gets_only_what_it_subscribes_to(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver, "number.lifted")
    lift(ctx, suppress(ctx))
    deliver(ctx)
    assert receiver.types == ["number.lifted"]


def test_a_confirmation_is_an_event(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver, "number.confirmed")
    store_report(ctx, "confirmed")
    apply_pending(ctx)
    apply_pending(ctx)
    deliver(ctx)
    assert [(m["type"], m["data"]["number"]) for m in receiver.messages] == [
        ("number.confirmed", NUMBER)
    ]


def test_a_lift_never_overtakes_a_suppression_that_failed(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    added = suppress(ctx)
    deliver(ctx)
    lift(ctx, added)
    for _ in range(3):
        advance_clock(ctx, minutes=1)
        deliver(ctx)
    receiver.status = 204
    advance_clock(ctx, hours=3)
    deliver(ctx)
    assert receiver.types == ["number.suppressed", "number.lifted"]


def test_what_waits_for_an_earlier_event_is_not_due(ctx: Context, receiver: Receiver) -> None:
    """Else the workers would look for it without end."""
    with receiving() as other:
        subscribe(ctx, receiver)
        subscribe(ctx, other, name="other")
        receiver.status = 500
        added = suppress(ctx)
        deliver(ctx)
        lift(ctx, added)
        advance_clock(ctx, minutes=1)
        deliver(ctx)  # the suppression fails again, and is due in five minutes
        advance_clock(ctx, minutes=1)
        assert not delivery.has_due(ctx)
        assert other.types == ["number.suppressed", "number.lifted"]


def test_nor_one_that_was_parked(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    added = suppress(ctx)
    deliver(ctx)
    advance_clock(ctx, days=4)
    deliver(ctx)
    [parked] = delivery_log.list_deliveries(ctx, "dialer", "parked")
    receiver.status = 204
    lift(ctx, added)
    advance_clock(ctx, hours=1)
    deliver(ctx)
    assert receiver.types == ["number.suppressed", "number.lifted"]
    assert delivery_log.load_delivery(ctx, parked.id).state == "delivered"


def test_one_event_that_is_refused_holds_up_its_own_number_alone(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    receiver.refuses = lambda m: m["data"]["number"] == NUMBER and m["data"]["sequence"] == 1
    first = suppress(ctx)
    lift(ctx, first)
    suppress(ctx, OTHER)
    for _ in range(3):
        deliver(ctx)
        advance_clock(ctx, hours=1)
    assert [message["data"]["number"] for message in receiver.messages] == [OTHER]
    receiver.refuses = lambda _message: False
    advance_clock(ctx, hours=10)
    deliver(ctx)
    assert [m["type"] for m in receiver.messages if m["data"]["number"] == NUMBER] == [
        "number.suppressed", "number.lifted",
    ]  # fmt: skip


def test_an_endpoint_that_is_away_is_tried_with_one_event_and_then_gets_all(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    receiver.status = 503
    for last in range(9):
        suppress(ctx, f"+1415555267{last}")
    deliver(ctx)
    tried = len(receiver.attempts)
    assert tried <= ctx.settings.events.connections
    advance_clock(ctx, seconds=10)
    deliver(ctx)
    assert len(receiver.attempts) == tried + 1
    receiver.status = 204
    advance_clock(ctx, minutes=2)
    deliver(ctx)
    assert len(receiver.messages) == 9


def test_it_waits_as_long_as_the_endpoint_asks(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}
    suppress(ctx)
    deliver(ctx)
    advance_clock(ctx, minutes=9)
    deliver(ctx)
    assert len(receiver.attempts) == 1
    receiver.status = 204
    advance_clock(ctx, minutes=2)
    deliver(ctx)
    assert len(receiver.messages) == 1


def test_after_three_days_it_is_parked_and_can_be_retried(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    suppress(ctx)
    deliver(ctx)
    advance_clock(ctx, days=2)
    deliver(ctx)
    assert directory.counts(ctx, directory.find(ctx, "dialer").id) == {"pending": 1, "parked": 0}
    advance_clock(ctx, days=2)
    deliver(ctx)
    assert directory.counts(ctx, directory.find(ctx, "dialer").id) == {"pending": 0, "parked": 1}
    receiver.status = 204
    [parked] = delivery_log.list_deliveries(ctx, "dialer", "parked")
    delivery_log.retry(ctx, parked.id)
    deliver(ctx)
    assert receiver.types == ["number.suppressed"]


def test_an_endpoint_that_is_gone_is_off(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 410
    suppress(ctx)
    deliver(ctx)
    assert directory.find(ctx, "dialer").state == "off"
    suppress(ctx, OTHER)
    receiver.status = 204
    deliver(ctx)
    assert receiver.messages == []
    directory.resume(ctx, "dialer")
    deliver(ctx)
    assert [message["data"]["number"] for message in receiver.messages] == [NUMBER]


def test_a_redirect_is_not_followed(ctx: Context, receiver: Receiver) -> None:
    with receiving() as other:
        subscribe(ctx, receiver)
        receiver.status, receiver.headers = 307, {"Location": other.url}
        suppress(ctx)
        deliver(ctx)
        assert other.attempts == []
    [waiting] = delivery_log.list_deliveries(ctx, "dialer")
    assert "redirects" in waiting.error


def test_a_dead_endpoint_delays_no_other(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    ctx = make_context(LOOPBACK.replace("[events]\n", '[events]\ntimeout = "3s"\n'))
    with receiving() as dead:
        dead.seconds = 2.5
        subscribe(ctx, dead, name="dead")
        subscribe(ctx, receiver, name="good")
        for last in range(5):
            suppress(ctx, f"+1415555267{last}")
        begun = threading.Event()
        thread = threading.Thread(target=lambda: (begun.set(), delivery.deliver(ctx, 1.0)))
        thread.start()
        begun.wait()
        for _ in range(200):
            if len(receiver.messages) == 5:
                break
            threading.Event().wait(0.01)
        assert len(receiver.messages) == 5
        assert dead.messages == []
        thread.join()


def test_two_workers_do_not_send_the_same_event(
    make_context: Callable[..., Context], either_database_url: str, receiver: Receiver
) -> None:
    one = make_context(LOOPBACK, DATABASE_URL=either_database_url)
    two = make_context(LOOPBACK, DATABASE_URL=either_database_url)
    subscribe(one, receiver)
    receiver.seconds = 0.02
    for last in range(20):
        suppress(one, f"+141555526{last:02}")
    threads = [threading.Thread(target=delivery.deliver, args=(ctx, 10)) for ctx in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.ids) == len(set(receiver.ids)) == 20


def test_what_a_dead_worker_had_is_sent_by_another(ctx: Context, receiver: Receiver) -> None:
    """Its lease names a process that is not there any more."""
    subscribe(ctx, receiver)
    suppress(ctx)
    import socket

    import sqlalchemy as sa

    from worker.store.tables import endpoints

    with ctx.store.write() as connection:
        connection.execute(
            sa.update(endpoints).values(
                owner=f"{socket.gethostname()}:999999999:x",
                lease_expires_at=ctx.now() + timedelta(hours=1),
            )
        )
    deliver(ctx)
    assert len(receiver.messages) == 1


def test_while_it_is_paused_its_events_wait(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    directory.pause(ctx, "dialer")
    added = suppress(ctx)
    deliver(ctx)
    advance_clock(ctx, days=5)
    lift(ctx, added)
    deliver(ctx)
    assert receiver.attempts == []
    directory.resume(ctx, "dialer")
    deliver(ctx)
    assert receiver.types == ["number.suppressed", "number.lifted"]


def test_a_replay_sends_everything_since_again_in_order(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    suppress(ctx, OTHER)
    advance_clock(ctx, hours=2)
    added = suppress(ctx)
    lift(ctx, added)
    deliver(ctx)
    receiver.messages.clear()
    assert delivery_log.replay(ctx, "dialer", ctx.now() - timedelta(hours=1)) == 2
    deliver(ctx)
    assert receiver.types == ["number.suppressed", "number.lifted"]
    assert not any(message["data"]["state"]["suppressed"] for message in receiver.messages)


def test_a_replay_brings_what_happened_before_the_endpoint_was_there(
    ctx: Context, receiver: Receiver
) -> None:
    suppress(ctx)
    subscribe(ctx, receiver)
    assert deliver(ctx) == 0
    assert delivery_log.replay(ctx, "dialer", ctx.now() - timedelta(hours=1)) == 1
    deliver(ctx)
    assert receiver.types == ["number.suppressed"]


def test_hashed_numbers_are_known_by_the_key_alone(ctx: Context, receiver: Receiver) -> None:
    _endpoint, shown = directory.add(ctx, "ads", receiver.url, (), True, "test")
    receiver.secrets.append(shown.secret)
    suppress(ctx)
    deliver(ctx)
    receiver.secrets.append(directory.rotate_secret(ctx, "ads"))
    suppress(ctx, OTHER)
    deliver(ctx)
    assert NUMBER not in str(receiver.messages)
    assert [message["data"]["number_hash"] for message in receiver.messages] == [
        payload.hash_number(shown.number_key, number) for number in (NUMBER, OTHER)
    ]


def test_both_secrets_sign_while_one_is_rotated(ctx: Context) -> None:
    with receiving() as old, receiving() as new:
        subscribe(ctx, old)
        new.follow(ctx)
        new.secrets.append(directory.rotate_secret(ctx, "dialer", timedelta(hours=1)))
        suppress(ctx)
        deliver(ctx)
        assert len(old.messages) == 1  # it knows the former secret alone
        directory.change(ctx, "dialer", new.url)
        suppress(ctx, OTHER)
        deliver(ctx)
        assert len(new.messages) == 1
        directory.change(ctx, "dialer", old.url)
        advance_clock(ctx, hours=2)
        suppress(ctx, "+14155552679")
        deliver(ctx)
        assert len(old.messages) == 1  # the former secret is over


def test_a_secret_that_is_rotated_twice_still_signs_with_the_one_that_is_known_there(
    ctx: Context,
) -> None:
    """The new one was lost before anybody entered it, so that another was made at once."""
    with receiving() as knows_first:
        subscribe(ctx, knows_first)
        for _ in range(2):
            directory.rotate_secret(ctx, "dialer")
        suppress(ctx)
        deliver(ctx)
        assert len(knows_first.messages) == 1
        advance_clock(ctx, hours=25)
        suppress(ctx, OTHER)
        deliver(ctx)
        assert len(knows_first.messages) == 1


def test_however_often_a_secret_is_rotated_few_sign(ctx: Context) -> None:
    with receiving() as dialer:
        subscribe(ctx, dialer)
        for _ in range(9):
            directory.rotate_secret(ctx, "dialer")
        with ctx.store.read() as connection:
            signs = directory.signing(connection, ctx.keys, 1, ctx.now())
        assert signs is not None
        assert len(signs.secrets) == 4


def test_a_test_event_reaches_its_endpoint_alone(ctx: Context, receiver: Receiver) -> None:
    with receiving() as other:
        subscribe(ctx, receiver)
        subscribe(ctx, other, name="other")
        delivery_id = delivery_log.enqueue_test(ctx, "dialer")
        deliver(ctx)
        assert receiver.types == ["endpoint.test"]
        assert other.attempts == []
        assert delivery_log.load_delivery(ctx, delivery_id).status == 204


def test_a_test_after_one_that_failed_is_sent_at_once(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    delivery_log.enqueue_test(ctx, "dialer")
    deliver(ctx)
    receiver.status = 204  # mended
    second = delivery_log.enqueue_test(ctx, "dialer")
    deliver(ctx)
    assert delivery_log.load_delivery(ctx, second).status == 204


def test_the_log_is_read_on_newest_first_in_each_state(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    suppress(ctx)
    deliver(ctx)
    directory.pause(ctx, "dialer")
    for place in range(4):
        suppress(ctx, f"+1415555368{place}")
    for state, count in ((None, 5), ("pending", 4), ("delivered", 1), ("parked", 0)):
        whole = delivery_log.list_deliveries(ctx, "dialer", state)
        assert len(whole) == count
        assert [entry.event for entry in whole] == [
            entry.event for entry in sorted(whole, key=lambda entry: -entry.id)
        ]
        read, before = [], 0
        while part := delivery_log.list_deliveries(ctx, "dialer", state, before, 2):
            read += part
            before = part[-1].id
        assert read == whole


def test_a_test_of_a_paused_endpoint_says_what_to_do(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    directory.pause(ctx, "dialer")
    with pytest.raises(EndpointError, match="resume"):
        delivery_log.enqueue_test(ctx, "dialer")


def test_an_erased_number_reaches_its_endpoints_and_is_then_forgotten(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    suppress(ctx)
    erasure.erase_number(ctx, NUMBER, "kim")
    deliver(ctx)
    assert [m["data"]["number"] for m in receiver.messages] == [NUMBER, NUMBER]
    assert receiver.messages[-1]["data"]["reason"] == "erasure"
    assert all(entry.number is None for entry in delivery_log.list_deliveries(ctx, "dialer"))
    with ctx.store.read() as connection:
        text = "\n".join(str(row) for row in dump(connection))
    assert NUMBER not in text


def dump(connection: object) -> Iterator[object]:
    from worker.store.tables import event_deliveries, events, number_sequences

    for table in (events, event_deliveries, number_sequences):
        yield from connection.execute(table.select())  # type: ignore[attr-defined]


def test_evidence_says_what_each_endpoint_was_sent(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    suppress(ctx)
    deliver(ctx)
    [sent] = evidence.number_evidence(ctx, NUMBER)["events"]
    assert (sent["endpoint"], sent["type"], sent["state"], sent["status"]) == (
        "dialer", "number.suppressed", "delivered", 204,
    )  # fmt: skip


def test_old_events_are_deleted_with_their_deliveries(ctx: Context, receiver: Receiver) -> None:
    subscribe(ctx, receiver)
    suppress(ctx)
    deliver(ctx)
    advance_clock(ctx, days=401)
    retention.purge_expired(ctx)
    assert delivery_log.list_deliveries(ctx, "dialer") == []


def test_a_worker_goes_on_while_a_dead_endpoint_is_waited_for(
    ctx: Context, receiver: Receiver
) -> None:
    with receiving() as dead:
        dead.seconds = 2.0
        subscribe(ctx, dead, name="dead")
        subscribe(ctx, receiver, name="good")
        suppress(ctx)
        begun = time.monotonic()
        delivery.begin(ctx)
        assert time.monotonic() - begun < dead.seconds
        suppress(ctx, OTHER)  # while both are being served
        delivery.begin(ctx)
        wait_for(lambda: len(receiver.messages) == 2)
        wait_for(lambda: len(dead.messages) == 2)
        assert receiver.types == dead.types == ["number.suppressed"] * 2


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
