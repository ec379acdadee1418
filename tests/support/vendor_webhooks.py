"""What a vendor's webhook says, stored without HTTP: for tests that need a reply or a status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from worker.context import Context
from worker.feedback.models import Feedback
from worker.feedback.sources import incoming, twilio


def receive_twilio_sms(ctx: Context, form: Mapping[str, str]) -> int:
    """Store an inbound message from Twilio; return how much of it is to be delivered."""
    return incoming.receive(ctx, [twilio.read_sms(form)])


def status_report(form: Mapping[str, str], now: datetime) -> Feedback | None:
    """Return the report that a status callback of Twilio makes."""
    status = twilio.read_status(form)
    if status.failure is None:
        return None
    return incoming.failure_report(status, incoming.happened_at(status, now), now)
