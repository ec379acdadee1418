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
from worker.ops import doctor_checks
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


NO_HOST = "dialer.invalid"  # RFC 2606: no name of .invalid ever has an address
BY_HTTP = f'[events.endpoints.dialer]\nurl = "http://{NO_HOST}/hooks"\n'


class TestAnAddressThatNoEventWouldBeSentTo:
    @pytest.mark.parametrize(
        ("allowed", "url", "why"),
        [
            ("", f"http://{NO_HOST}/", "use https"),
            ("", "http://93.184.215.14/", "use https"),
            ("", "http://127.0.0.1/", "use https"),
            ("", "https://127.0.0.1/", "not on the public internet"),
            (LOOPBACK, "https://10.1.2.3/", "not on the public internet"),
            (LOOPBACK, "http://93.184.215.14/", "use https"),
            (LOOPBACK, f"http://{NO_HOST}/", f"{NO_HOST} has no address"),
        ],
    )
    def test_is_refused(
        self, make_context: Callable[..., Context], allowed: str, url: str, why: str
    ) -> None:
        ctx = make_context(allowed)
        with pytest.raises(EndpointError, match=why):
            directory.add(ctx, "dialer", url, (), False, "kim")
        directory.add(ctx, "dialer", f"https://{NO_HOST}/", (), False, "kim")
        with pytest.raises(EndpointError, match=why):
            directory.change(ctx, "dialer", url)
        assert directory.find(ctx, "dialer").url == f"https://{NO_HOST}/"

    def test_over_https_is_taken_where_its_name_has_no_address_yet_and_says_so(
        self, ctx: Context, receiver: Receiver
    ) -> None:
        endpoint, _shown = directory.add(ctx, "dialer", f"https://{NO_HOST}/", (), False, "kim")
        assert "has no address" in endpoint.error
        assert endpoint.health == "active"
        assert directory.change(ctx, "dialer", receiver.url).error == ""
        assert "has no address" in directory.change(ctx, "dialer", f"https://{NO_HOST}/").error

    def test_of_one_that_is_there_already_is_not_asked_for_when_its_events_change(
        self, make_context: Callable[..., Context], receiver: Receiver
    ) -> None:
        subscribe(make_context(LOOPBACK), receiver)
        changed = directory.change(make_context(), "dialer", receiver.url, ["number.lifted"])
        assert changed.types == ("number.lifted",)

    @pytest.mark.parametrize("lines", [BY_HTTP, f'{LOOPBACK}[events.endpoints.dialer]\n'
                                       'url = "http://10.1.2.3/"'])  # fmt: skip
    def test_in_the_settings_is_refused_where_it_is_seen_without_asking_for_it(
        self, make_context: Callable[..., Context], lines: str
    ) -> None:
        with pytest.raises(SettingsError, match=r"dialer\.url: plain http .* use https"):
            make_context(lines, EVENT_ENDPOINT_DIALER_SECRET=SECRET)

    @pytest.mark.parametrize(
        ("url", "why"),
        [(f"http://{NO_HOST}/", "has no address"), (f"https://{NO_HOST}/", "has no address"),
         ("https://10.1.2.3/", "not on the public internet")],
    )  # fmt: skip
    def test_in_the_settings_is_named_in_the_log_the_list_and_by_the_doctor(
        self, make_context: Callable[..., Context], caplog: pytest.LogCaptureFixture, url: str,
        why: str,
    ) -> None:  # fmt: skip
        """A start does not wait for a name server: what takes one to see is a warning."""
        lines = f'{LOOPBACK}[events.endpoints.dialer]\nurl = "{url}"\n'
        ctx = make_context(lines, EVENT_ENDPOINT_DIALER_SECRET=SECRET)
        directory.apply_settings(ctx)
        [endpoint] = directory.all_endpoints(ctx)
        assert why in endpoint.error
        assert why in caplog.text
        [check] = doctor_checks.check_endpoints(ctx)
        assert (check.verdict, "dialer" in check.text, why in check.text) == ("warning", True, True)


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
