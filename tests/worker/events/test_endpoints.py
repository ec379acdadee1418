"""Endpoints: their secrets, and those that the settings name."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from event_receivers import Receiver

from config.settings import SettingsError
from tests.worker.events.conftest import LOOPBACK, subscribe
from worker.alerts import rules
from worker.context import Context
from worker.events import delivery
from worker.events import endpoints as directory
from worker.events.endpoints import EndpointError
from worker.feedback.models import SuppressionReason
from worker.store.tables import endpoints
from worker.suppression import suppressions

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NEXT = "whsec_" + base64.b64encode(b"n" * 32).decode()


def suppress(ctx: Context, number: str = NUMBER) -> None:
    suppressions.add(ctx, number, SuppressionReason.OPT_OUT, "", "by letter", "kim")


def toml(receiver: Receiver, **more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'{LOOPBACK}[events.endpoints.dialer]\nurl = "{receiver.url}"\n{lines}'


def test_a_secret_is_not_stored_as_it_is(ctx: Context, receiver: Receiver) -> None:
    _endpoint, shown = directory.add(ctx, "ads", receiver.url, (), True, "kim")
    with ctx.store.read() as connection:
        row = str(connection.execute(sa.select(endpoints)).one())
    assert shown.secret not in row
    assert shown.secret.removeprefix("whsec_") not in row
    assert shown.number_key not in row


def test_one_from_the_settings_is_there_and_signs_with_its_secret(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    ctx = make_context(toml(receiver), EVENT_ENDPOINT_DIALER_SECRET=SECRET)
    directory.apply_settings(ctx)
    receiver.secrets.append(SECRET)
    suppress(ctx)
    delivery.deliver(ctx, seconds=5)
    assert receiver.types == ["number.suppressed"]
    with pytest.raises(EndpointError, match="settings"):
        directory.remove(ctx, "dialer")


def test_a_new_secret_in_the_settings_counts_beside_the_former_one_for_a_day(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    directory.apply_settings(make_context(toml(receiver), EVENT_ENDPOINT_DIALER_SECRET=SECRET))
    ctx = make_context(toml(receiver), EVENT_ENDPOINT_DIALER_SECRET=NEXT)
    directory.apply_settings(ctx)
    receiver.secrets.append(SECRET)
    receiver.follow(ctx)
    suppress(ctx)
    delivery.deliver(ctx, seconds=5)
    assert len(receiver.messages) == 1
    advance_clock(ctx, days=2)
    receiver.secrets[:] = [NEXT]
    suppress(ctx, "+14155552672")
    delivery.deliver(ctx, seconds=5)
    assert len(receiver.messages) == 2


def test_one_that_the_settings_name_no_more_is_removed_and_others_stay(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    ctx = make_context(toml(receiver), EVENT_ENDPOINT_DIALER_SECRET=SECRET)
    directory.apply_settings(ctx)
    subscribe(ctx, receiver, name="by-hand")
    directory.apply_settings(make_context(LOOPBACK))
    assert [endpoint.name for endpoint in directory.all_endpoints(ctx)] == ["by-hand"]


def test_applying_the_settings_again_changes_nothing(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    ctx = make_context(toml(receiver, hash_numbers="true"), EVENT_ENDPOINT_DIALER_SECRET=SECRET)
    directory.apply_settings(ctx)
    key = directory.number_key(ctx, "dialer")
    directory.apply_settings(ctx)
    assert directory.number_key(ctx, "dialer") == key


@pytest.mark.parametrize(
    ("lines", "env", "message"),
    [
        ('[events.endpoints.dialer]\nurl = "https://x.example/"', {}, "_SECRET: missing"),
        ('[events.endpoints.dialer]\nurl = "x"',
         {"EVENT_ENDPOINT_DIALER_SECRET": SECRET}, "not an address"),
        ("", {"EVENT_ENDPOINT_DIALLER_SECRET": SECRET}, "no endpoint of this name"),
        ('[events.endpoints.dialer]\nurl = "https://x.example/"',
         {"EVENT_ENDPOINT_DIALER_SECRET": "short"}, "whsec_"),
        ('[events]\nkeep = "30d"', {}, "366d"),
        ('[events]\nallow_addresses = ["10.0.0.0/33"]', {}, "allow_addresses"),
        ('[events.endpoints.dialer]\nurl = "https://x.example/"\nevents = ["number.sold"]',
         {"EVENT_ENDPOINT_DIALER_SECRET": SECRET}, "events"),
    ],
)  # fmt: skip
def test_mistakes_in_the_settings_are_named(
    make_context: Callable[..., Context], lines: str, env: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        make_context(lines, **env)


def test_an_endpoint_that_fails_is_an_alert_until_it_answers(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    suppress(ctx)
    delivery.deliver(ctx, seconds=5)
    assert alerts(ctx) == []
    advance_clock(ctx, hours=1)
    [text] = alerts(ctx)
    assert "status 500" in text
    assert "1 event waits" in text
    receiver.status = 204
    delivery.deliver(ctx, seconds=5)
    assert alerts(ctx) == []


def test_parked_events_and_an_endpoint_that_is_off_are_alerts(
    ctx: Context, receiver: Receiver
) -> None:
    subscribe(ctx, receiver)
    receiver.status = 500
    suppress(ctx)
    delivery.deliver(ctx, seconds=5)
    advance_clock(ctx, days=4)
    delivery.deliver(ctx, seconds=5)
    assert "three days" in alerts(ctx)[0]
    receiver.status = 410
    directory.resume(ctx, "dialer")
    delivery.deliver(ctx, seconds=5)
    assert "is off" in alerts(ctx)[0]


def alerts(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "endpoint"]
