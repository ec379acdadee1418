"""How a message is sent: a module for each channel, derived from `base.Sender`."""

from __future__ import annotations

from config.settings import Settings
from worker.asking.model import AskChannel
from worker.asking.senders.base import Sender
from worker.asking.senders.smtp_email import SmtpEmail
from worker.asking.senders.twilio_sms import TwilioSms

SENDERS: dict[AskChannel, type[Sender]] = {"text": TwilioSms, "email": SmtpEmail}


def open_sender(channel: AskChannel, settings: Settings) -> Sender:
    return SENDERS[channel](settings)
