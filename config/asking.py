"""Settings of `[asking]`: campaigns that ask customers to confirm or correct their number."""

from __future__ import annotations

import email.policy
from datetime import timedelta
from typing import Annotated, Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field

from config.section import Duration, Section


def _region(code: str) -> str:
    if code.upper() not in SUPPORTED_REGIONS:
        raise ValueError("write an ISO code of two letters, such as US or GB")
    return code.upper()


def _sender(text: str) -> str:
    """Check the address that emails come from: one, with or without a name."""
    if not text:
        return text
    if not text.isprintable():
        raise ValueError("write it on one line")
    header = email.policy.SMTP.header_factory("From", text)
    [sender] = header.addresses if len(header.addresses) == 1 else [None]
    if header.defects or sender is None or not (sender.username and "." in sender.domain):
        raise ValueError('write one address, such as numbers@acme.example or "Acme, Inc." <...>')
    if not sender.addr_spec.isascii():
        raise ValueError("write the address in ASCII, a domain of another script as xn--...")
    return text


Region = Annotated[str, AfterValidator(_region)]
Language = Literal["en", "es", "fr", "de", "pt", "it", "pl", "uk", "ru"]


class AskingSettings(Section):
    """How customers are asked. Each campaign has its own basis, pace and budget.

    `wait_for`: how long a link can be answered, and how long nobody is asked again, by whichever
    campaign. Prices are in the currency of `verification.budget`, for each segment of an SMS
    (https://www.twilio.com/en-us/sms/pricing); `sms_prices`: by country, where they differ.
    `email_from`: an address, with or without a name. `postal_address`: stands in each email, as US
    law asks of commercial mail (16 CFR 316.3, 15 USC 7704(a)(5)). `languages`: by country, where
    another one than its most spoken of ours is to be used.
    `clarify_opt_outs`: after an opt-out by text, one text that confirms it and asks whether calls
    may go on (47 CFR 64.1200(a)(12)).
    """

    every: Duration = timedelta(seconds=20)  # how often the workers look for what is due
    wait_for: Duration = timedelta(days=30)
    sms_price: float = Field(0.0083, ge=0)
    sms_prices: dict[Region, Annotated[float, Field(ge=0)]] = Field({})
    email_price: float = Field(0.0, ge=0)
    email_from: Annotated[str, AfterValidator(_sender)] = Field("", max_length=200)
    postal_address: str = Field("", max_length=300)
    languages: dict[Region, Language] = Field({})
    clarify_opt_outs: bool = False
