"""No way into inside networks: the resolved address is checked, and called."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from event_receivers import Receiver
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.events.conftest import LOOPBACK, subscribe
from worker.context import Context
from worker.events import delivery, delivery_log, egress
from worker.events import endpoints as directory
from worker.events.egress import EgressRefusedError
from worker.events.endpoints import EndpointError
from worker.feedback.models import SuppressionReason
from worker.suppression import suppressions

PUBLIC, INSIDE = "93.184.215.14", "10.1.2.3"

INSIDE_ADDRESSES = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "::127.0.0.1",
    "192.0.0.192", "192.88.99.1", "3fff::1", "5f00::1", "fec0::1", "64:ff9b:1::7f00:1",
    "2001:4860::5efe:7f00:1", "2001:4860::200:5efe:10.0.0.1",
    "2002:5db8:d70e::1", "2001:0:4136:e378:8000:63bf:a247:28f1",  # a public one in 6to4, in Teredo
]  # fmt: skip


def lookup(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize("address", INSIDE_ADDRESSES)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(EgressRefusedError, match="not on the public internet"):
        egress.check("https://dialer.example/hooks", (), lookup(address))


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(EgressRefusedError):
        egress.check("https://dialer.example/", (), lookup(PUBLIC, INSIDE))


def test_an_allowed_network_is_called() -> None:
    target = egress.check("http://dialer/x?y=1", [ip_network("10.0.0.0/8")], lookup(INSIDE))
    assert (target.url, target.host_header) == (f"http://{INSIDE}:80/x?y=1", "dialer")


def test_another_inside_network_is_not() -> None:
    with pytest.raises(EgressRefusedError):
        egress.check("http://dialer/", [ip_network("10.0.0.0/8")], lookup("192.168.0.1"))


def test_plain_http_to_the_public_internet_is_refused() -> None:
    with pytest.raises(EgressRefusedError, match="use https"):
        egress.check("http://dialer.example/", (), lookup(PUBLIC))


def test_the_connection_goes_to_the_checked_address_under_the_name() -> None:
    target = egress.check("https://dialer.example:8443/a", (), lookup(PUBLIC))
    assert target.url == f"https://{PUBLIC}:8443/a"
    assert target.host == "dialer.example"
    assert target.host_header == "dialer.example:8443"


@given(st.ip_addresses())
def test_no_address_outside_the_public_internet_passes(address: object) -> None:
    from ipaddress import ip_address

    plain = ip_address(str(address))
    plain = getattr(plain, "ipv4_mapped", None) or plain  # older Pythons call all of these private
    if plain.is_private or plain.is_loopback or plain.is_link_local or plain.is_multicast:
        with pytest.raises(EgressRefusedError):
            egress.check("https://dialer.example/", (), lookup(str(address)))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "[::1]"])
def test_spellings_of_this_machine_lead_nowhere(
    make_context: Callable[..., Context], receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.server.server_port}/"
    ctx = make_context()  # nothing is allowed
    with pytest.raises(EndpointError):
        directory.add(ctx, "sly", url, (), False, "test")
    allowed = make_context('[events]\nallow_addresses = ["127.0.0.0/8", "::1"]\n')
    directory.add(allowed, "sly", url, (), False, "test")  # and it is allowed no more
    suppressions.add(ctx, "+14155552671", SuppressionReason.OPT_OUT, "", "by letter", "kim")
    delivery.deliver(ctx, seconds=5)
    assert receiver.attempts == []
    [waiting] = delivery_log.list_deliveries(ctx, "sly")
    assert waiting.error


def test_the_error_says_how_to_allow_it(
    make_context: Callable[..., Context], receiver: Receiver
) -> None:
    subscribe(make_context(LOOPBACK), receiver)
    ctx = make_context()
    suppressions.add(ctx, "+14155552671", SuppressionReason.OPT_OUT, "", "by letter", "kim")
    delivery.deliver(ctx, seconds=5)
    [waiting] = delivery_log.list_deliveries(ctx, "dialer")
    assert "events.allow_addresses" in waiting.error
