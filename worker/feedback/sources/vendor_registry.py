"""The vendors of messages and calls whose webhooks we take. A new one is a line here."""

from __future__ import annotations

from worker.feedback.sources.aircall import Aircall
from worker.feedback.sources.justcall import JustCall
from worker.feedback.sources.plivo import Plivo
from worker.feedback.sources.sinch import Sinch
from worker.feedback.sources.telnyx import Telnyx
from worker.feedback.sources.twilio import Twilio
from worker.feedback.sources.vendor import Vendor
from worker.feedback.sources.vonage import Vonage

VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (Twilio(), Vonage(), Telnyx(), Sinch(), Plivo(), JustCall(), Aircall())
}
