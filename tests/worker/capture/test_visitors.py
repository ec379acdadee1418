"""Who is one visitor: by the last address that is no proxy of ours."""

from __future__ import annotations

import pytest

from config.capture import CaptureSettings
from worker.capture.visitors import visitor_of

PROXIES = CaptureSettings().proxies


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.7", "203.0.113.5"),  # whoever is connected may write anything
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.7, 192.168.0.2", "198.51.100.7"),
        ("::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown, junk", "127.0.0.1"),
        ("127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("127.0.0.1", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", "", ""),
    ],
)
def test_it_is_told_by_the_last_address_that_is_not_ours(
    peer: str, forwarded: str, visitor: str
) -> None:
    assert visitor_of(peer, forwarded, PROXIES) == visitor


def test_no_header_is_believed_where_no_proxy_is_named() -> None:
    assert visitor_of("127.0.0.1", "198.51.100.7", ()) == "127.0.0.1"
