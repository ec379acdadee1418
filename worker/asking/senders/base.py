"""What sends a message to one recipient, once.

A sender never tries twice: whether a message may be sent again is decided by `sending`, which has
to know whether the first attempt may have been carried out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from config.settings import Settings
from worker.asking.model import AskChannel
from worker.feedback.sources.delivery_codes import DeliveryFailure


class Taken(StrEnum):
    """What became of a message."""

    SENT = "sent"
    UNCERTAIN = "uncertain"  # it may have been sent
    REFUSED = "refused"  # surely not sent, and another try would be refused too
    NOT_SENT = "not_sent"  # surely not sent: it can be tried again


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is sent. `to`: a number, or an email address. `identity`: the same for each
    attempt, and of no other message anywhere. `valid_for`: how long it may wait in a queue.
    `subject`, `unsubscribe`, `html`, `language`: of an email."""

    identity: str
    to: str
    text: str
    valid_for: timedelta
    subject: str = ""
    unsubscribe: str = ""
    html: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`problem`: a phrase for the operator. `failure`: what it says of the recipient's number.
    `blocked`: no other message would be sent either, until an operator has done something.
    `wait`: how long the vendor wants to be left alone. `is_of_recipient`: a message that was not
    sent waits for something of its recipient's; others need not wait with it. `is_bad_address`:
    nothing would ever reach this address."""

    taken: Taken
    vendor_id: str = ""
    problem: str = ""
    failure: DeliveryFailure | None = None
    blocked: bool = False
    wait: timedelta | None = None
    is_of_recipient: bool = False
    is_bad_address: bool = False


class Sender(ABC):
    """The way to recipients by one channel. Close it when done."""

    channel: ClassVar[AskChannel]
    vendor: ClassVar[str]  # as `worker.feedback.sources` calls it

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    @abstractmethod
    def problem(cls, settings: Settings) -> str:
        """Return what an operator must set before anything can be sent; "" if nothing."""

    @abstractmethod
    def send(self, message: Message) -> Result:
        """Send a message, once. Raises nothing: an answer that is not understood is `UNCERTAIN`."""

    def close(self) -> None:  # noqa: B027
        """Close connections that are kept; by default there are none."""
