"""An email field is one plain address, or none: whatever it holds, nobody else gets the message."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.asking.addresses import mailbox

PARTS = (
    "kim", "lee", "@", "example.com", "straße.example", ".", ",", ";", ":", " ", "<", ">", "(", ")",
    '"', "\\", "[", "]", "=?utf-8?q?", "=40", "=2C", "?=", "=?", "+", "\r\n", "\n", "\u2028",
    "\x00", "\u200b", "\u202e", "ж", "é", "mailto:", "%0d%0a", "192.0.2.1", "-", "_", "．", "＠",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
@example("=?utf-8?q?lee=40example.org=2C?=kim@example.com")
@example("kim@example.com\r\nBcc: lee@example.org")
def test_a_message_goes_to_the_address_that_was_read_and_to_no_other(text: str) -> None:
    address = mailbox(text)
    if not address:
        return
    mail = EmailMessage(email.policy.SMTPUTF8)
    mail["To"] = address
    assert [one.addr_spec for one in mail["To"].addresses] == [address]
    assert getaddresses([str(mail["To"])]) == [("", address)]
    assert mail["To"].defects == ()
    assert mail.as_bytes() == f"To: {address}\r\n\r\n".encode()
    assert mailbox(address) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("  Kim.Lee+crm@Example.COM\n", "Kim.Lee+crm@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("kim@bücher.example", "kim@xn--bcher-kva.example"),
        ("kim@xn--bcher-kva.example", "kim@xn--bcher-kva.example"),
        ("kim@example。com", "kim@example.com"),
        ("", ""), ("kim", ""), ("kim@", ""), ("@example.com", ""), ("kim@localhost", ""),
        ("kim.@example.com", ""), (".kim@example.com", ""), ("kim@example..com", ""),
        ("kim@192.0.2.1", ""), ("kim@[192.0.2.1]", ""), ("kim@-example.com", ""),
        ("kim@exa_mple.com", ""), ("kim@xn--zzzzzz.example", ""), ("kim@lee@example.com", ""),
        ("k" * 64 + "@example.com", "k" * 64 + "@example.com"),
        ("kim@" + ".".join(["a" * 60] * 5), ""),
    ],
)  # fmt: skip
def test_examples(text: str, address: str) -> None:
    assert mailbox(text) == address
